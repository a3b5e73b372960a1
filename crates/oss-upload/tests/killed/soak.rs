//! Many uploads, each killed a few times at random and then finished.

use std::collections::BTreeSet;
use std::time::Duration;

use fastrand::Rng;
use oss_emulator::{Fault, JournalEntry, Operation};

use crate::child::Edge;
use crate::common::{World, bucket};
use crate::scene::{PART, Scene, text};

/// What a soak adds up to.
#[derive(Debug, Default)]
pub(crate) struct Summary {
    pub(crate) seeds: u64,
    pub(crate) runs: u64,
    pub(crate) kills_at_an_edge: u64,
    pub(crate) kills_at_random: u64,
    pub(crate) faults: u64,
    pub(crate) bytes_compared: u64,
    pub(crate) parts_needed: u64,
    pub(crate) parts_resent: u64,
    pub(crate) unknown_callbacks: u64,
    pub(crate) orphans_reported: u64,
    pub(crate) ends_unheard: u64,
    pub(crate) swept: u64,
    pub(crate) unaccounted: u64,
}

impl Summary {
    pub(crate) fn table(&self) -> String {
        let rows = [
            ("seeds", self.seeds),
            ("runs of the child", self.runs),
            ("killed before or after a journal call", self.kills_at_an_edge),
            ("killed at a random moment", self.kills_at_random),
            ("answers lost on top", self.faults),
            ("bytes compared, all equal", self.bytes_compared),
            ("parts needed", self.parts_needed),
            ("parts received a second time", self.parts_resent),
            ("callbacks whose outcome stayed unknown", self.unknown_callbacks),
            ("uploads left over and reported", self.orphans_reported),
            ("killed between the end and its report", self.ends_unheard),
            ("uploads those left, swept", self.swept),
            ("uploads unaccounted for", self.unaccounted),
        ];
        rows.map(|(name, value)| format!("{name:<42}{value:>14}\n")).concat()
    }
}

/// Soaks so many seeds, each of which can be run alone.
pub(crate) async fn soak(seeds: std::ops::Range<u64>) -> Summary {
    let mut summary = Summary::default();
    let mut world = World::new().await;
    for seed in seeds {
        // A fresh world now and then, since it remembers every object and request.
        if summary.seeds % 50 == 49 {
            world = World::new().await;
        }
        one(&world, seed, &mut summary).await;
    }
    summary
}

async fn one(world: &World, seed: u64, summary: &mut Summary) {
    let mut rng = Rng::with_seed(seed);
    let whole_parts = rng.usize(2..=8);
    let rest = if rng.bool() { rng.usize(1..PART) } else { 0 };
    let scene = Scene::new(world, format!("soak/{seed}"), whole_parts * PART + rest);
    let faults = inject(&scene, &mut rng);
    let (mut kills, mut printed, mut written, mut unheard) = (0, String::new(), BTreeSet::new(), false);
    for _ in 0..rng.u32(1..=4) {
        summary.runs += 1;
        let ended = if rng.bool() {
            // Intent, Started, the parts, Completing, clear; and a few beyond, which never come.
            let call = rng.u32(1..=scene.parts() as u32 + 5);
            let edge = if rng.bool() { Edge::Before(call) } else { Edge::After(call) };
            let output = scene.run(edge).await;
            summary.kills_at_an_edge += u64::from(output.status.code().is_none());
            output
        } else {
            let (child, output) = killed_at_random(&scene, &mut rng).await;
            summary.kills_at_random += u64::from(child);
            output
        };
        kills += usize::from(ended.status.code().is_none());
        let journal = scene.journal();
        written.extend(orphans_in(&journal));
        printed = text(&ended);
        unheard = !ended.status.success() && journal.is_empty() && scene.is_stored();
        if ended.status.success() || unheard {
            break;
        }
    }
    if !scene.journal().is_empty() || !scene.is_stored() {
        summary.runs += 1;
        printed = scene.finish().await;
    }
    let reported = printed.lines().filter_map(|line| line.strip_prefix("orphan ")).map(str::to_owned);
    written.extend(reported);
    if unheard {
        // It died after its upload was over, and its report with it. What it may have left is the sweep's.
        let sweep = world.uploader().sweep_uploads(bucket(), Duration::ZERO).prefix(&scene.key);
        summary.swept += sweep.await.unwrap().aborted.len() as u64;
        summary.ends_unheard += 1;
    }
    check(&scene, seed, kills + faults, &written, summary).await;
    summary.seeds += 1;
    summary.faults += faults as u64;
    summary.unknown_callbacks += u64::from(printed.contains("unknown"));
    scene.world.emulator.clear_faults();
}

/// Loses an answer now and then.
fn inject(scene: &Scene<'_>, rng: &mut Rng) -> usize {
    let operations =
        [Operation::InitiateMultipartUpload, Operation::UploadPart, Operation::CompleteMultipartUpload];
    let mut faults = 0;
    for operation in operations {
        if rng.u8(0..5) == 0 {
            scene.inject(Fault::on(operation).key(&scene.key).times(1).drop_answer());
            faults += 1;
        }
    }
    faults
}

/// Kills a child when so many bytes have arrived at OSS, or a little later, or lets it end if it is quicker.
async fn killed_at_random(scene: &Scene<'_>, rng: &mut Rng) -> (bool, std::process::Output) {
    let mut child = scene.start(Edge::Never);
    let bytes_before = arrived(&scene.world.emulator.journal(), &scene.key);
    let bytes = rng.u64(0..=scene.bytes() as u64);
    let pause = Duration::from_micros(rng.u64(0..3000));
    let moment = async {
        let enough = |journal: &[JournalEntry]| arrived(journal, &scene.key) >= bytes_before + bytes;
        scene.world.emulator.wait_for(enough).await;
        tokio::time::sleep(pause).await; // The random moment of the kill.
    };
    let ended = {
        let waited = std::pin::pin!(child.wait());
        let moment = std::pin::pin!(moment);
        matches!(futures_util::future::select(waited, moment).await, futures_util::future::Either::Left(_))
    };
    if !ended {
        child.start_kill().unwrap();
    }
    let output = child.wait_with_output().await.unwrap();
    (output.status.code().is_none(), output)
}

/// Bytes of parts that have arrived for the key.
fn arrived(journal: &[JournalEntry], key: &str) -> u64 {
    let ours =
        journal.iter().filter(|entry| entry.part_number.is_some() && entry.key.as_deref() == Some(key));
    ours.map(|entry| entry.body_bytes).sum()
}

fn orphans_in(journal: &str) -> Vec<String> {
    let records = journal.lines().filter_map(|line| line.get(17..));
    let records = records.filter_map(|json| serde_json::from_str::<serde_json::Value>(json).ok());
    let orphans = records.filter(|record| record["record"] == "orphan");
    orphans.filter_map(|record| record["upload_id"].as_str().map(str::to_owned)).collect()
}

async fn check(
    scene: &Scene<'_>,
    seed: u64,
    disturbances: usize,
    accounted: &BTreeSet<String>,
    summary: &mut Summary,
) {
    assert!(scene.is_stored(), "seed {seed}: the object is not the source");
    let sent = scene.parts_sent();
    assert_eq!(sent.len(), scene.parts(), "seed {seed}");
    let resent: usize = sent.values().map(|times| times - 1).sum();
    // Two parts are under way at once, and only those can be lost with a process or an answer.
    assert!(resent <= 2 * disturbances, "seed {seed}: {sent:?} with {disturbances} disturbances");
    assert!(scene.calls().await <= 1, "seed {seed}: the application server was called twice");
    let open = scene.open_uploads();
    let lost: Vec<&String> = open.iter().filter(|id| !accounted.contains(*id)).collect();
    assert!(lost.is_empty(), "seed {seed}: nobody knows of {lost:?}");
    summary.bytes_compared += scene.bytes() as u64;
    summary.parts_needed += scene.parts() as u64;
    summary.parts_resent += resent as u64;
    summary.orphans_reported += open.len() as u64;
    summary.unaccounted += lost.len() as u64;
}

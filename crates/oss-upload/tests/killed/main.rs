//! Child processes are killed with SIGKILL in the middle of a `resumable_upload`; others go on with it.
//!
//! The child is this same program, started with `--child`; that is why the file has a `main` of its own. With
//! `--soak N` it kills and resumes N uploads at random and prints what that added up to (`cargo xtask soak`).

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test stops where its set-up fails")]
#![allow(clippy::print_stdout, reason = "the child tells its parent what it did")]

#[path = "../common/mod.rs"]
mod common;

mod child;
mod scene;
mod soak;

use std::process::ExitCode;

use child::Edge;
use common::World;
use libtest_mimic::{Arguments, Failed, Trial};
use oss_emulator::{Fault, Operation};
use scene::{PART, Scene, text};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    match arguments.get(1).map(String::as_str) {
        Some("--child") => return runtime().block_on(child::run(&arguments[2..])),
        Some("--soak") => {
            let numbers: Vec<u64> = arguments[2..].iter().filter_map(|number| number.parse().ok()).collect();
            let (seeds, first) =
                (numbers.first().copied().unwrap_or(100), numbers.get(1).copied().unwrap_or(0));
            let summary = runtime().block_on(soak::soak(first..first + seeds));
            print!("{}", summary.table());
            return ExitCode::SUCCESS;
        }
        _ => {}
    }
    let trials = vec![
        Trial::test("killed_while_parts_are_sent", || run(killed_while_parts_are_sent())),
        Trial::test("killed_while_complete_is_answered", || run(killed_while_complete_is_answered())),
        Trial::test("killed_at_every_edge_of_the_journal", || run(killed_at_every_edge_of_the_journal())),
        Trial::test("killed_and_resumed_at_random", || run(killed_and_resumed_at_random())),
        Trial::test("second_process_names_the_first", || run(second_process_names_the_first())),
        Trial::test("disk_full_at_any_record", || run(disk_full_at_any_record())),
    ];
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

async fn killed_while_parts_are_sent() {
    let world = World::new().await;
    let scene = Scene::new(&world, "files/world", PARTS * PART);
    // The child sends two parts at a time; with these two standing still it is in the middle until it is killed. They
    // stand still for good: what it had handed to the kernel would else arrive after its death, or not.
    for part in [6, 9] {
        scene.inject(Fault::on(Operation::UploadPart).part(part).times(1).stall_after(1000));
    }
    let mut first = scene.start(Edge::Never);
    world.emulator.wait_for(|journal| journal.iter().any(|entry| entry.part_number == Some(9))).await;
    // SIGKILL, by the process's id.
    first.kill().await.unwrap();
    let before: Vec<u32> = scene.parts_stored().into_keys().collect();
    assert_eq!(before, [1, 2, 3, 4, 5, 7, 8]);

    assert_eq!(scene.finish().await, "sent 3 resumed 7 answered");
    assert!(scene.is_stored());
    assert!(scene.parts_stored().values().all(|&times| times == 1), "{:?}", scene.parts_stored());
    assert_eq!(scene.parts_stored().len(), PARTS);
    assert!(scene.open_uploads().is_empty());
    assert_eq!(scene.calls().await, 1);
}

async fn killed_while_complete_is_answered() {
    let world = World::new().await;
    let scene = Scene::new(&world, "files/world", PARTS * PART);
    let fault = scene.inject(Fault::on(Operation::CompleteMultipartUpload).always().stall_answer());
    let mut first = scene.start(Edge::Never);
    world.emulator.wait_for(|journal| journal.iter().any(|entry| entry.callback.is_some())).await;
    first.kill().await.unwrap();
    fault.release();

    assert_eq!(scene.finish().await, "sent 0 resumed 0 unknown");
    assert_eq!(scene.requests(Operation::CompleteMultipartUpload).len(), 1);
    assert_eq!(scene.calls().await, 1, "the application server was called once");
}

/// Intent, Started, four parts, Completing, clear: the process dies before each and after each.
async fn killed_at_every_edge_of_the_journal() {
    let world = World::new().await;
    for edge in (1..=8).flat_map(|call| [Edge::Before(call), Edge::After(call)]) {
        let scene = Scene::new(&world, format!("edges/{}", edge.text()), 4 * PART);
        let killed = scene.run(edge).await;
        assert_eq!(
            killed.status.code(),
            None,
            "{edge:?}: the process was killed, not ended: {}",
            text(&killed)
        );
        if edge == Edge::After(8) {
            assert!(scene.is_stored() && scene.journal().is_empty(), "all was done before it died");
            continue;
        }
        let printed = scene.finish().await;
        assert!(scene.is_stored(), "{edge:?}");
        assert!(scene.parts_sent().values().all(|&times| times == 1), "{edge:?}: {:?}", scene.parts_sent());
        assert!(scene.calls().await <= 1, "{edge:?}");
        let reported = printed.lines().filter_map(|line| line.strip_prefix("orphan "));
        assert_eq!(reported.collect::<Vec<_>>(), scene.open_uploads(), "{edge:?}");
        // An upload whose id was never written down is the only one that can be left.
        assert_eq!(scene.open_uploads().len(), usize::from(edge == Edge::Before(2)), "{edge:?}");
    }
}

async fn killed_and_resumed_at_random() {
    let summary = soak::soak(0..16).await;
    assert_eq!(summary.unaccounted, 0);
    assert!(summary.kills_at_an_edge + summary.kills_at_random >= 8, "{summary:?}");
}

async fn second_process_names_the_first() {
    let world = World::new().await;
    let scene = Scene::new(&world, "files/world", PARTS * PART);
    let fault = scene.inject(Fault::on(Operation::UploadPart).part(3).always().stall());
    let mut first = scene.start(Edge::Never);
    world.emulator.wait_for(|journal| journal.iter().any(|entry| entry.part_number == Some(3))).await;
    let second = scene.run(Edge::Never).await;
    assert!(!second.status.success());
    let holder = format!("process {}", first.id().unwrap());
    assert!(text(&second).contains(&holder), "{}", text(&second));
    first.kill().await.unwrap();
    fault.release();
    scene.finish().await;
    assert!(scene.is_stored());
}

async fn disk_full_at_any_record() {
    let world = World::new().await;
    // No byte fits: nothing is sent.
    let scene = Scene::new(&world, "full/0", PARTS * PART);
    let refused = scene.run_on_a_full_disk(0).await;
    assert!(text(&refused).starts_with("failed: the checkpoint"), "{}", text(&refused));
    assert!(scene.requests(Operation::InitiateMultipartUpload).is_empty());
    // The first records fit and those of the parts do not, or not all: the upload goes on without them.
    for blocks in [2, 3] {
        let scene = Scene::new(&world, format!("full/{blocks}"), PARTS * PART);
        let done = scene.run_on_a_full_disk(blocks).await;
        assert_eq!(text(&done), format!("sent {PARTS} resumed 0 answered"));
        assert!(scene.is_stored() && scene.open_uploads().is_empty());
    }
}

fn run(test: impl Future<Output = ()>) -> Result<(), Failed> {
    runtime().block_on(test);
    Ok(())
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

const PARTS: usize = 10;

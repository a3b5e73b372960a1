//! A child process is killed with SIGKILL in the middle of a `resumable_upload`; a second one goes on with it.
//!
//! The child is this same program, started with `--child`; that is why the file has a `main` of its own.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test stops where its set-up fails")]
#![allow(clippy::print_stdout, reason = "the child tells its parent what it did")]

mod common;

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::Path;
use std::process::{ExitCode, Stdio};
use std::sync::Arc;

use common::{BUCKET, World, bucket, pattern};
use libtest_mimic::{Arguments, Failed, Trial};
use oss_emulator::{Fault, FaultHandle, Operation};
use oss_signing::Credentials;
use oss_upload::{CallbackOutcome, FileCheckpoints};
use tokio::process::{Child, Command};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    if arguments.get(1).is_some_and(|first| first == "--child") {
        return runtime().block_on(child(&arguments[2..]));
    }
    let trials = vec![
        Trial::test("killed_while_parts_are_sent", || run(killed_while_parts_are_sent())),
        Trial::test("killed_while_complete_is_answered", || run(killed_while_complete_is_answered())),
    ];
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

/// Uploads as the arguments say and prints the run's report.
async fn child(arguments: &[String]) -> ExitCode {
    let [endpoint, file, checkpoints, callback_url] = arguments else { return ExitCode::from(2) };
    let credentials =
        Credentials::new(oss_emulator::DEFAULT_ACCESS_KEY_ID, oss_emulator::DEFAULT_ACCESS_KEY_SECRET);
    let uploader = common::builder(endpoint, credentials)
        .checkpoints(Arc::new(FileCheckpoints::new(checkpoints)))
        .build()
        .unwrap();
    let uploaded = uploader
        .resumable_upload(bucket(), "files/world", Path::new(file))
        .part_size(PART as u64)
        .concurrency(NonZeroUsize::new(2).unwrap())
        .callback(common::callback(callback_url))
        .await
        .unwrap();
    let callback = match uploaded.callback {
        CallbackOutcome::Answered(_) => "answered",
        CallbackOutcome::Unknown => "unknown",
        _ => "other",
    };
    println!("sent {} resumed {} {callback}", uploaded.report.parts_sent, uploaded.report.parts_resumed);
    ExitCode::SUCCESS
}

async fn killed_while_parts_are_sent() {
    let scene = Scene::new().await;
    // The child sends two parts at a time; with these two standing still it is in the middle until it is killed.
    let faults = [6, 9]
        .map(|part| scene.inject(Fault::on(Operation::UploadPart).part(part).always().stall_after(1000)));
    let mut first = scene.start();
    scene.world.emulator.wait_for(|journal| journal.iter().any(|entry| entry.part_number == Some(9))).await;
    // SIGKILL, by the process's id.
    first.kill().await.unwrap();
    faults.iter().for_each(FaultHandle::release);
    let before: Vec<u32> = scene.parts_sent().into_keys().collect();
    assert_eq!(before, [1, 2, 3, 4, 5, 7, 8]);

    assert_eq!(scene.finish().await, "sent 3 resumed 7 answered");
    assert!(scene.is_stored());
    assert!(scene.parts_sent().values().all(|&times| times == 1), "{:?}", scene.parts_sent());
    assert_eq!(scene.parts_sent().len(), PARTS);
    assert!(scene.world.emulator.uploads(BUCKET).is_empty());
    assert_eq!(scene.world.received().await.len(), 1);
}

async fn killed_while_complete_is_answered() {
    let scene = Scene::new().await;
    let fault = scene.inject(Fault::on(Operation::CompleteMultipartUpload).always().stall_answer());
    let mut first = scene.start();
    scene.world.emulator.wait_for(|journal| journal.iter().any(|entry| entry.callback.is_some())).await;
    first.kill().await.unwrap();
    fault.release();

    assert_eq!(scene.finish().await, "sent 0 resumed 0 unknown");
    assert_eq!(scene.world.requests(Operation::CompleteMultipartUpload).len(), 1);
    assert_eq!(scene.world.received().await.len(), 1, "the application server was called once");
}

struct Scene {
    world: World,
    directory: tempfile::TempDir,
    data: Vec<u8>,
}

impl Scene {
    async fn new() -> Self {
        let (world, directory) = (World::new().await, tempfile::tempdir().unwrap());
        let data = pattern(PARTS * PART);
        std::fs::write(directory.path().join("source"), &data).unwrap();
        Self { world, directory, data }
    }

    fn inject(&self, fault: Fault) -> FaultHandle {
        self.world.emulator.inject(fault)
    }

    fn start(&self) -> Child {
        Command::new(std::env::current_exe().unwrap())
            .arg("--child")
            .arg(self.world.emulator.endpoint())
            .arg(self.directory.path().join("source"))
            .arg(self.directory.path().join("checkpoints"))
            .arg(format!("{}/ok", self.world.app.uri()))
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap()
    }

    /// Runs a child to its end and gives what it printed.
    async fn finish(&self) -> String {
        let output = self.start().wait_with_output().await.unwrap();
        assert!(output.status.success());
        assert_eq!(std::fs::read_dir(self.directory.path().join("checkpoints")).unwrap().count(), 0);
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    fn is_stored(&self) -> bool {
        self.world.object("files/world").is_some_and(|object| object.body == self.data)
    }

    /// How often each part arrived whole.
    fn parts_sent(&self) -> BTreeMap<u32, usize> {
        let mut sent = BTreeMap::new();
        for entry in self.world.requests(Operation::UploadPart) {
            if entry.status == Some(200) {
                *sent.entry(entry.part_number.unwrap()).or_default() += 1;
            }
        }
        sent
    }
}

fn run(test: impl Future<Output = ()>) -> Result<(), Failed> {
    runtime().block_on(test);
    Ok(())
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

const PART: usize = 100 * 1024;
const PARTS: usize = 10;

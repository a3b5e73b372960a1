//! The process that is killed: it uploads as its arguments say and prints what it did.

use std::num::NonZeroUsize;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use oss_signing::Credentials;
use oss_upload::{
    CallbackOutcome, Checkpoint, CheckpointError, CheckpointId, CheckpointStore, Durability, FileCheckpoints,
    Record, Recorded,
};

use crate::common::{bucket, builder, callback};
use crate::scene::PART;

/// Runs the child; its arguments are those of [`crate::scene::Scene::command`].
pub(crate) async fn run(arguments: &[String]) -> ExitCode {
    let [endpoint, key, file, checkpoints, callback_url, edge] = arguments else { return ExitCode::from(2) };
    let credentials =
        Credentials::new(oss_emulator::DEFAULT_ACCESS_KEY_ID, oss_emulator::DEFAULT_ACCESS_KEY_SECRET);
    let store =
        Dying { inner: FileCheckpoints::new(checkpoints), edge: Edge::parse(edge), calls: Arc::default() };
    let uploader = builder(endpoint, credentials).checkpoints(Arc::new(store)).build().unwrap();
    let upload = uploader
        .resumable_upload(bucket(), key, Path::new(file))
        .part_size(PART as u64)
        .concurrency(NonZeroUsize::new(2).unwrap())
        .callback(callback(callback_url));
    match upload.await {
        Ok(uploaded) => {
            let callback = match uploaded.callback {
                CallbackOutcome::Answered(_) => "answered",
                CallbackOutcome::Unknown => "unknown",
                _ => "other",
            };
            let report = uploaded.report;
            println!("sent {} resumed {} {callback}", report.parts_sent, report.parts_resumed);
            report.orphans.iter().for_each(|id| println!("orphan {id}"));
            ExitCode::SUCCESS
        }
        Err(error) => {
            println!("failed: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The k-th call of the journal at which the process dies, before or after it is carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Edge {
    Never,
    Before(u32),
    After(u32),
}

impl Edge {
    pub(crate) fn text(self) -> String {
        match self {
            Self::Never => "never".into(),
            Self::Before(call) => format!("before:{call}"),
            Self::After(call) => format!("after:{call}"),
        }
    }

    fn parse(text: &str) -> Self {
        match text.split_once(':') {
            Some(("before", call)) => Self::Before(call.parse().unwrap()),
            Some(("after", call)) => Self::After(call.parse().unwrap()),
            _ => Self::Never,
        }
    }
}

/// A store that kills the process at an edge.
#[derive(Debug)]
struct Dying {
    inner: FileCheckpoints,
    edge: Edge,
    calls: Arc<AtomicU32>,
}

#[derive(Debug)]
struct DyingCheckpoint {
    inner: Box<dyn Checkpoint>,
    edge: Edge,
    calls: Arc<AtomicU32>,
}

#[async_trait]
impl CheckpointStore for Dying {
    async fn open(&self, id: &CheckpointId) -> Result<Box<dyn Checkpoint>, CheckpointError> {
        let inner = self.inner.open(id).await?;
        Ok(Box::new(DyingCheckpoint { inner, edge: self.edge, calls: Arc::clone(&self.calls) }))
    }
}

impl DyingCheckpoint {
    fn enter(&self) -> u32 {
        let call = self.calls.fetch_add(1, Ordering::SeqCst) + 1;
        if self.edge == Edge::Before(call) {
            die();
        }
        call
    }

    fn leave(&self, call: u32) {
        if self.edge == Edge::After(call) {
            die();
        }
    }
}

/// SIGKILL, with which no destructor runs.
fn die() -> ! {
    // The shell's own kill, since not every machine has a program of that name.
    let killed = Command::new("sh").args(["-c", "kill -s KILL $PPID"]).status();
    unreachable!("the process outlived its death: {killed:?}")
}

#[async_trait]
impl Checkpoint for DyingCheckpoint {
    fn recorded(&mut self) -> Recorded {
        self.inner.recorded()
    }

    async fn append(&mut self, record: &Record, durability: Durability) -> Result<(), CheckpointError> {
        let call = self.enter();
        let result = self.inner.append(record, durability).await;
        self.leave(call);
        result
    }

    async fn clear(&mut self) -> Result<(), CheckpointError> {
        let call = self.enter();
        let result = self.inner.clear().await;
        self.leave(call);
        result
    }

    async fn upkeep(&mut self) -> Result<Duration, CheckpointError> {
        self.inner.upkeep().await
    }
}

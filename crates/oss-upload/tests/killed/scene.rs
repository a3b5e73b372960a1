//! The parent's side: an emulator, a source, and children that upload it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{Output, Stdio};

use oss_emulator::{Fault, FaultHandle, Operation};
use tokio::process::{Child, Command};

use crate::child::Edge;
use crate::common::{BUCKET, World, pattern};

pub(crate) const PART: usize = 100 * 1024;

/// One source and one object; many scenes can share a world.
pub(crate) struct Scene<'a> {
    pub(crate) world: &'a World,
    pub(crate) key: String,
    directory: tempfile::TempDir,
    data: Vec<u8>,
}

impl<'a> Scene<'a> {
    pub(crate) fn new(world: &'a World, key: impl Into<String>, len: usize) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let data = pattern(len);
        std::fs::write(directory.path().join("source"), &data).unwrap();
        Self { world, key: key.into(), directory, data }
    }

    pub(crate) fn inject(&self, fault: Fault) -> FaultHandle {
        self.world.emulator.inject(fault)
    }

    /// The child's command line; `launcher` is what starts it, if it is not started at once.
    fn command(&self, launcher: &[&str], edge: Edge) -> Command {
        let program = std::env::current_exe().unwrap().display().to_string();
        let mut words = launcher.iter().map(ToString::to_string).chain([program]);
        let mut command = Command::new(words.next().unwrap());
        command
            .args(words)
            .args(["--child", self.world.emulator.endpoint(), &self.key])
            .arg(self.directory.path().join("source"))
            .arg(self.checkpoints())
            .arg(format!("{}/ok", self.world.app.uri()))
            .arg(edge.text())
            .stdout(Stdio::piped())
            .kill_on_drop(true);
        command
    }

    pub(crate) fn start(&self, edge: Edge) -> Child {
        self.command(&[], edge).spawn().unwrap()
    }

    /// Runs a child to its end.
    pub(crate) async fn run(&self, edge: Edge) -> Output {
        self.start(edge).wait_with_output().await.unwrap()
    }

    /// Runs a child that can write no file longer than so many blocks of 512 bytes.
    pub(crate) async fn run_on_a_full_disk(&self, blocks: u32) -> Output {
        let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\"");
        self.command(&["sh", "-c", &script], Edge::Never).output().await.unwrap()
    }

    /// Runs a child to its success and gives what it printed.
    pub(crate) async fn finish(&self) -> String {
        let output = self.run(Edge::Never).await;
        let text = text(&output);
        assert!(output.status.success(), "{}: {text}", self.key);
        assert_eq!(std::fs::read_dir(self.checkpoints()).unwrap().count(), 0, "{}", self.key);
        text
    }

    pub(crate) fn checkpoints(&self) -> PathBuf {
        self.directory.path().join("checkpoints")
    }

    /// The journal's text; empty if there is none.
    pub(crate) fn journal(&self) -> String {
        let entries = std::fs::read_dir(self.checkpoints()).into_iter().flatten().flatten();
        let mut paths = entries.map(|entry| entry.path());
        let journal = paths.find(|path| path.extension().is_some_and(|extension| extension == "journal"));
        journal.and_then(|path| std::fs::read_to_string(path).ok()).unwrap_or_default()
    }

    pub(crate) fn is_stored(&self) -> bool {
        self.world.object(&self.key).is_some_and(|object| object.body == self.data)
    }

    pub(crate) fn bytes(&self) -> usize {
        self.data.len()
    }

    pub(crate) fn parts(&self) -> usize {
        self.data.len().div_ceil(PART)
    }

    pub(crate) fn open_uploads(&self) -> Vec<String> {
        let uploads = self.world.emulator.uploads(BUCKET).into_iter();
        uploads.filter(|upload| upload.key == self.key).map(|upload| upload.upload_id).collect()
    }

    pub(crate) fn requests(&self, operation: Operation) -> Vec<oss_emulator::JournalEntry> {
        let requests = self.world.requests(operation).into_iter();
        requests.filter(|entry| entry.key.as_deref() == Some(&self.key)).collect()
    }

    /// How often each part was answered as stored.
    pub(crate) fn parts_stored(&self) -> BTreeMap<u32, usize> {
        let mut stored = BTreeMap::new();
        for entry in self.requests(Operation::UploadPart) {
            if entry.status == Some(200) {
                *stored.entry(entry.part_number.unwrap()).or_default() += 1;
            }
        }
        stored
    }

    /// How often each part arrived whole.
    pub(crate) fn parts_sent(&self) -> BTreeMap<u32, usize> {
        let mut sent = BTreeMap::new();
        for entry in self.requests(Operation::UploadPart) {
            let number = entry.part_number.unwrap();
            let start = (number as usize - 1) * PART;
            if entry.body_bytes as usize == PART.min(self.data.len() - start) {
                *sent.entry(number).or_default() += 1;
            }
        }
        sent
    }

    /// How often the application server was called for this object.
    pub(crate) async fn calls(&self) -> usize {
        let object = format!("object={}&", percent_encoded(&self.key));
        let received = self.world.received().await;
        received.iter().filter(|call| String::from_utf8_lossy(&call.body).contains(&object)).count()
    }
}

fn percent_encoded(key: &str) -> String {
    key.replace('/', "%2F")
}

pub(crate) fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

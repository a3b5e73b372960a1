//! The program: ends cleanly when it is told to, and stays whole when the disk is full.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failure is the test's failure")]
#![cfg(all(feature = "cli", unix))]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};

use oss_emulator::Emulator;

const BUCKET: &str = "examplebucket";

/// The program with a bucket that anyone may write to.
struct Program {
    child: Child,
    address: String,
}

impl Program {
    fn start(mut command: Command) -> Self {
        command.args(["--listen", "127.0.0.1:0", "--bucket", "examplebucket=public-read-write"]);
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let mut first = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut first).unwrap();
        let address = first.trim().strip_prefix("listening on http://").unwrap().to_owned();
        Self { child, address }
    }

    fn connect(&self) -> TcpStream {
        TcpStream::connect(&self.address).unwrap()
    }

    fn ask(&self, method: &str, path: &str, body: &[u8]) -> (u16, String) {
        self.ask_with(method, path, "", body)
    }

    fn ask_with(&self, method: &str, path: &str, headers: &str, body: &[u8]) -> (u16, String) {
        let mut stream = self.connect();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nContent-Length: {}\r\n{headers}\r\n",
            self.address,
            body.len()
        );
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(body).unwrap();
        answer(stream)
    }

    fn put_with(&self, key: &str, headers: &str, body: &[u8]) -> u16 {
        self.ask_with("PUT", &format!("/{BUCKET}/{key}"), headers, body).0
    }

    /// Asks until the journal says so.
    fn wait_for(&self, text: &str) {
        while !self.ask("GET", "/-/journal", b"").1.contains(text) {}
    }

    fn signal(&self, name: &str) {
        // The shell's own, since not every machine has a program of that name.
        let kill = format!("kill -s {name} {}", self.child.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
    }

    /// Waits until nobody listens any more.
    fn wait_until_deaf(&self) {
        while TcpStream::connect(&self.address).is_ok() {}
    }

    fn end(mut self) -> ExitStatus {
        self.child.wait().unwrap()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It has ended already where the test went well.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn answer(mut stream: TcpStream) -> (u16, String) {
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {text:?}"));
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

fn program() -> Command {
    Command::new(env!("CARGO_BIN_EXE_oss-emulator"))
}

#[test]
fn a_signal_lets_requests_end_and_takes_no_more() {
    for signal in ["TERM", "INT"] {
        let program = Program::start(program());
        let idle = program.connect();
        let mut running = program.connect();
        let head = format!("PUT /{BUCKET}/k HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 10\r\n\r\nhello");
        running.write_all(head.as_bytes()).unwrap();
        program.wait_for("\"body_bytes\":5");
        program.signal(signal);
        program.wait_until_deaf();
        running.write_all(b"world").unwrap();
        assert_eq!(answer(running).0, 200, "{signal}");
        assert!(program.end().success(), "{signal}");
        drop(idle);
    }
}

#[test]
fn a_signal_frees_what_a_fault_holds() {
    let program = Program::start(program());
    let fault = br#"{"operation":"PutObject","always":true,"action":"stall"}"#;
    assert_eq!(program.ask("POST", "/-/faults", fault).0, 200);
    let mut held = program.connect();
    let head = format!("PUT /{BUCKET}/k HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 5\r\n\r\nhello");
    held.write_all(head.as_bytes()).unwrap();
    program.wait_for("stall");
    program.signal("TERM");
    assert_eq!(answer(held).0, 200);
    assert!(program.end().success());
}

/// The program on a folder, with files of at most 32 KiB, as if the disk were full behind that.
fn limited(folder: &Path) -> Program {
    let mut shell = Command::new("sh");
    let script = "trap '' XFSZ; ulimit -f 64; exec \"$0\" \"$@\"";
    shell.args(["-c", script, env!("CARGO_BIN_EXE_oss-emulator"), "--data-dir"]).arg(folder);
    Program::start(shell)
}

#[tokio::test]
async fn a_full_disk_is_an_error_and_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut stored = Vec::new();
    {
        let program = limited(folder.path());
        assert_eq!(program.put_with("large", "", &[1; 100_000]), 500);
        assert_eq!(std::fs::read_dir(folder.path().join("bodies")).unwrap().count(), 0);
        // The log fills up as well. What did not fit is taken back, so that shorter records still find room.
        let metadata = format!("x-oss-meta-m: {}\r\n", "v".repeat(8000));
        for (kind, headers) in [("a", metadata.as_str()), ("b", "")] {
            let mut fitted = 0;
            while program.put_with(&format!("{kind}{fitted:04}"), headers, b"small") == 200 {
                stored.push(format!("{kind}{fitted:04}"));
                fitted += 1;
            }
            assert!(fitted > 2, "{fitted} of {kind}");
        }
        assert_eq!(program.put_with("a", &metadata, b"small"), 500);
        assert_eq!(program.ask("GET", &format!("/{BUCKET}/{}", stored[0]), b""), (200, "small".to_owned()));
        assert_eq!(program.ask("GET", &format!("/{BUCKET}/a"), b"").0, 404);
        program.signal("TERM");
        assert!(program.end().success());
    }
    let emulator = Emulator::builder().data_dir(folder.path()).start().await.unwrap();
    assert_eq!(emulator.keys(BUCKET), stored);
    assert!(stored.iter().all(|key| emulator.object(BUCKET, key).unwrap().body == "small"));
}

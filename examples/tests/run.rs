//! Runs the examples without an account, as their first lines say, and believes their exit status.
//!
//! `resumable_with_progress` gets its OSS from here: the emulated one of its own has a fixed port, which two runs at once
//! cannot share.
//!
//! `cargo test` builds them before it runs this; `cargo test --test run` alone does not.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test stops where its set-up fails")]

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use oss_emulator::{Emulator, Fault, JournalEntry, Operation};

/// What an example says if all goes well.
fn output_of(example: &str, arguments: &[&str], input: &[u8]) -> String {
    output_with(example, arguments, input, &[])
}

fn output_with(example: &str, arguments: &[&str], input: &[u8], environment: &[(&str, &str)]) -> String {
    let mut command = command(example, arguments, environment);
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut running = command.spawn().unwrap();
    // An example that reads nothing may have closed its end.
    let _ = running.stdin.take().unwrap().write_all(input);
    let output = running.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    said
}

fn command(example: &str, arguments: &[&str], environment: &[(&str, &str)]) -> Command {
    let test = std::env::current_exe().unwrap();
    let folder = test.ancestors().nth(2).unwrap().join("examples");
    let program = folder.join(format!("{example}{}", std::env::consts::EXE_SUFFIX));
    assert!(program.exists(), "{} is not there: cargo build --examples", program.display());
    let mut command = Command::new(program);
    for variable in ["OSS_ENDPOINT", "OSS_BUCKET", "OSS_CALLBACK_URL", "OSS_CALLBACK_LISTEN"] {
        command.env_remove(variable);
    }
    command.envs(environment.iter().copied()).args(arguments).current_dir(root());
    command
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

#[track_caller]
fn assert_says(said: &str, lines: &[&str]) {
    for line in lines {
        assert!(said.contains(line), "{line:?} is missing in:\n{said}");
    }
}

#[test]
fn upload_with_callback() {
    let said = output_of("upload_with_callback", &["LICENSE-MIT"], b"");
    assert_says(
        &said,
        &[
            "callback    verified",
            "answer      {",
            "error       Error status : 500",
            "confirmed   OSS has the object",
        ],
    );
}

#[test]
fn callback_server() {
    assert_says(&output_of("callback_server", &[], b""), &["the work was done once"]);
}

#[test]
fn verify_only() {
    assert_says(&output_of("verify_only", &[], b""), &["genuine"]);
}

#[test]
fn presigned_put() {
    let said = output_of("presigned_put", &["LICENSE-MIT"], b"");
    assert_says(
        &said,
        &["callback    verified", "confirmed   OSS has it", "refused     as text/html: 403", "curl -i -T"],
    );
}

#[test]
fn sign_only() {
    assert_says(&output_of("sign_only", &[], b""), &["GET by a presigned URL     200 OK", "403 Forbidden"]);
}

#[test]
fn stream_stdin() {
    let said = output_of("stream_stdin", &["files/stdin"], &[7; 3 * 1024 * 1024 + 1]);
    assert_says(&said, &["stored    3145729 bytes", "sent      4 parts", "confirmed OSS has it"]);
    assert_says(
        &output_of("stream_stdin", &[], b""),
        &["stored    0 bytes", "sent      0 parts with 1 requests"],
    );
}

#[test]
fn own_checkpoint_store() {
    let said = output_of("own_checkpoint_store", &[], b"");
    assert_says(&said, &["held by machine 1", "machine 2 goes on", "taken over"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn resumable_with_progress_takes_a_temporary_key() {
    let emulator =
        Emulator::builder().bucket("a-bucket").sts_credentials("STS.id", "secret", "token").start();
    let emulator = emulator.await.unwrap();
    let endpoint = emulator.endpoint().to_owned();
    let said = tokio::task::spawn_blocking(move || {
        let folder = tempfile::tempdir().unwrap();
        let environment = [
            ("OSS_ENDPOINT", endpoint.as_str()),
            ("OSS_REGION", "cn-hangzhou"),
            ("OSS_BUCKET", "a-bucket"),
            ("OSS_ACCESS_KEY_ID", "STS.id"),
            ("OSS_ACCESS_KEY_SECRET", "secret"),
            ("OSS_SESSION_TOKEN", "token"),
        ];
        let arguments = ["LICENSE-MIT", "--checkpoints", folder.path().to_str().unwrap()];
        output_with("resumable_with_progress", &arguments, b"", &environment)
    })
    .await
    .unwrap();
    assert_says(&said, &["parts    0 sent"]);
    assert!(emulator.object("a-bucket", "files/LICENSE-MIT").is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn resumable_with_progress_goes_on_where_it_was_killed() {
    // One part hangs for as long as the first run lives.
    let hangs = Fault::on(Operation::UploadPart).part(4).always().stall();
    let emulator = Emulator::builder().bucket("a-bucket").fault(hangs).start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let content = vec![b'x'; 5 << 20];
    let file = folder.path().join("file.bin");
    std::fs::write(&file, &content).unwrap();
    let checkpoints = folder.path().join("checkpoints");
    let arguments = [file.to_str().unwrap(), "--checkpoints", checkpoints.to_str().unwrap()];
    let environment = [
        ("OSS_ENDPOINT", emulator.endpoint()),
        ("OSS_REGION", "cn-hangzhou"),
        ("OSS_BUCKET", "a-bucket"),
        ("OSS_ACCESS_KEY_ID", oss_emulator::DEFAULT_ACCESS_KEY_ID),
        ("OSS_ACCESS_KEY_SECRET", oss_emulator::DEFAULT_ACCESS_KEY_SECRET),
    ];
    let mut command = command("resumable_with_progress", &arguments, &environment);
    let mut first = command.stdout(Stdio::null()).spawn().unwrap();
    let is_sent = |entry: &&JournalEntry| entry.part_number.is_some() && entry.status == Some(200);
    emulator.wait_for(|journal| journal.iter().filter(is_sent).count() == 4).await;
    first.kill().unwrap();
    first.wait().unwrap();
    emulator.clear_faults();

    let again = || output_with("resumable_with_progress", &arguments, b"", &environment);
    let said = tokio::task::block_in_place(again);
    assert_says(&said, &["parts    1 sent, 0 sent again, 4 resumed"]);
    assert_eq!(emulator.object("a-bucket", "files/file.bin").unwrap().body, content);
}

#[test]
fn custom_transport() {
    output_of("custom_transport", &["1048576"], b"");
}

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

use oss_emulator::Emulator;

/// What an example says if all goes well.
fn output_of(example: &str, arguments: &[&str], input: &[u8]) -> String {
    output_with(example, arguments, input, &[])
}

fn output_with(example: &str, arguments: &[&str], input: &[u8], environment: &[(&str, &str)]) -> String {
    let test = std::env::current_exe().unwrap();
    let folder = test.ancestors().nth(2).unwrap().join("examples");
    let program = folder.join(format!("{example}{}", std::env::consts::EXE_SUFFIX));
    assert!(program.exists(), "{} is not there: cargo build --examples", program.display());
    let mut command = Command::new(program);
    for variable in ["OSS_ENDPOINT", "OSS_BUCKET", "OSS_CALLBACK_URL", "OSS_CALLBACK_LISTEN"] {
        command.env_remove(variable);
    }
    command.envs(environment.iter().copied()).args(arguments).current_dir(root());
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut running = command.spawn().unwrap();
    // An example that reads nothing may have closed its end.
    let _ = running.stdin.take().unwrap().write_all(input);
    let output = running.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    said
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

#[test]
fn custom_transport() {
    output_of("custom_transport", &["1048576"], b"");
}

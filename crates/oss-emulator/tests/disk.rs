//! The disk store: a restart finds everything, a kill at any moment leaves nothing half-written.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failure is the test's failure")]
#![cfg(feature = "cli")]

mod common;

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use common::upload::Upload;
use common::{BUCKET, call};
use oss_emulator::{Acl, Emulator, Fault, Operation, StartError};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};

async fn open(folder: &Path) -> Emulator {
    Emulator::builder().bucket(BUCKET).data_dir(folder).start().await.unwrap()
}

fn bodies(folder: &Path) -> usize {
    std::fs::read_dir(folder.join("bodies")).unwrap().count()
}

#[tokio::test]
async fn a_restart_finds_objects_uploads_and_the_key() {
    let folder = tempfile::tempdir().unwrap();
    let first = open(folder.path()).await;
    let key_pem = first.callback_public_key_pem().to_owned();
    let body = vec![7_u8; 3_000_000];
    for key in ["a", "b", "%E7%9B%AE/%01%0A"] {
        let put =
            call("PUT", key).header("x-oss-meta-m", "v").header("x-oss-tagging", "t=1").body(body.clone());
        assert_eq!(put.send(&first).await.status, 200);
    }
    call("PUT", "b").body("short").send(&first).await;
    call("DELETE", "a").send(&first).await;
    let upload = Upload::initiate(&first, "m").await;
    for number in [1, 2] {
        assert_eq!(upload.part(number, vec![number; 102_400]).send(&first).await.status, 200);
    }
    first.shutdown().await;

    let second = open(folder.path()).await;
    assert_eq!(second.callback_public_key_pem(), key_pem);
    assert_eq!(second.keys(BUCKET), ["b", "目/\u{1}\n"]);
    assert_eq!(second.object(BUCKET, "b").unwrap().body, "short");
    let stored = second.object(BUCKET, "目/\u{1}\n").unwrap();
    assert_eq!((stored.body, &*stored.metadata["m"]), (body.into(), "v"));
    assert_eq!(stored.tags, [("t".to_owned(), "1".to_owned())]);
    assert_eq!(second.uploads(BUCKET)[0].parts.len(), 2);
    assert_eq!(upload.complete_all().send(&second).await.status, 200);
    let ranged = call("GET", "m").header("range", "bytes=102399-102400").send(&second).await;
    assert_eq!((ranged.status.as_u16(), &ranged.body[..]), (206, &[1_u8, 2][..]));
    assert_eq!(bodies(folder.path()), 4, "b, the odd key, and two parts");
    call("DELETE", "m").send(&second).await;
    assert_eq!(bodies(folder.path()), 2, "a deleted object leaves no file");
}

#[tokio::test]
async fn one_emulator_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let first = open(folder.path()).await;
    let second = Emulator::builder().data_dir(folder.path()).start().await;
    assert!(matches!(second, Err(StartError::DataDir { .. })));
    drop(first);
}

/// The callback waits for ever, and with it whatever it holds.
#[tokio::test]
async fn a_callback_that_nobody_waits_for_ends_with_its_emulator() {
    let folder = tempfile::tempdir().unwrap();
    let builder = Emulator::builder().bucket_with_acl(BUCKET, Acl::PublicReadWrite).data_dir(folder.path());
    let first = builder.callback_timeout(Duration::MAX).start().await.unwrap();
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let asked = common::callback(&format!("http://{}", silent.local_addr().unwrap()), "a=b");
    let host = first.endpoint().strip_prefix("http://").unwrap();
    let mut uploader = TcpStream::connect(host).await.unwrap();
    let request = format!(
        "PUT /{BUCKET}/k HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1\r\nx-oss-callback: {asked}\r\n\r\nx"
    );
    uploader.write_all(request.as_bytes()).await.unwrap();
    let (_called, _) = silent.accept().await.unwrap();
    drop(uploader);
    first.wait_for(|journal| journal[0].finished).await;
    drop(first);
    assert_eq!(open(folder.path()).await.keys(BUCKET), ["k"]);
}

#[tokio::test]
async fn a_callback_key_that_was_never_written_is_made_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("callback_key.pem");
    let half_written = folder.path().join("callback_key.pem.new");
    std::fs::write(&path, "").unwrap();
    std::fs::write(&half_written, "-----BEGIN RSA").unwrap();
    let first = open(folder.path()).await;
    let public = first.callback_public_key_pem().to_owned();
    first.shutdown().await;
    assert!(!half_written.exists());
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
    let second = open(folder.path()).await;
    assert_eq!(second.callback_public_key_pem(), public);
    second.shutdown().await;
    std::fs::write(&path, "nonsense").unwrap();
    let third = Emulator::builder().data_dir(folder.path()).start().await;
    assert!(matches!(third, Err(StartError::CallbackKey(_))), "a key that someone gave is not thrown away");
}

/// Everything that is appended to the log goes to a device that is always full.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_log_that_cannot_be_written_is_the_source_of_the_error() {
    use std::error::Error;
    let folder = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink("/dev/full", folder.path().join("log.jsonl.new")).unwrap();
    let error = Emulator::builder().bucket(BUCKET).data_dir(folder.path()).start().await.unwrap_err();
    assert!(matches!(error, StartError::Store { .. }), "{error:?}");
    assert!(error.source().unwrap().is::<std::io::Error>());
}

#[tokio::test]
async fn a_torn_last_line_is_forgotten_and_a_broken_log_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let first = open(folder.path()).await;
    call("PUT", "k").body("x").send(&first).await;
    first.shutdown().await;
    let log = folder.path().join("log.jsonl");
    let whole = std::fs::read_to_string(&log).unwrap();
    std::fs::write(&log, format!("{whole}{{\"record\":\"object-put\",\"buck")).unwrap();
    let second = open(folder.path()).await;
    assert_eq!(second.keys(BUCKET), ["k"]);
    second.shutdown().await;
    std::fs::write(&log, format!("{{\"record\":\"nonsense\"}}\n{whole}")).unwrap();
    let third = Emulator::builder().data_dir(folder.path()).start().await;
    assert!(matches!(third, Err(StartError::DataDir { .. })));
    assert_eq!(bodies(folder.path()), 1, "a log that cannot be read removes no body");
}

#[tokio::test]
async fn an_upload_that_breaks_off_leaves_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let emulator = open(folder.path()).await;
    emulator.inject(Fault::on(Operation::PutObject).reset_request_after(2_000_000));
    assert!(call("PUT", "k").body(vec![1; 3_000_000]).try_send(&emulator).await.is_err());
    emulator.wait_for(|journal| journal.iter().all(|entry| entry.finished)).await;
    assert_eq!(bodies(folder.path()), 0);
}

/// The program, on a folder.
struct Program {
    child: Child,
    endpoint: String,
}

impl Program {
    fn start(folder: &Path) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_oss-emulator"))
            .args(["--listen", "127.0.0.1:0", "--bucket", BUCKET, "--data-dir"])
            .arg(folder)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut first = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut first).unwrap();
        let endpoint = first.trim().strip_prefix("listening on ").unwrap().to_owned();
        Self { child, endpoint }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Bodies that tell their own length and content: every byte is the version, the length depends on it.
fn body_of(version: u64) -> Vec<u8> {
    vec![(version % 251) as u8; 1_500_000 + (version as usize % 7) * 100_000]
}

/// How far an uploader has come.
enum Progress {
    /// The next piece of a body is on its way.
    Sent,
    /// A version of a key was answered with 200.
    Answered(usize, u64),
}

/// Bytes of a body that are sent at once.
const PIECE: usize = 64 << 10;

/// Uploads until the emulator dies.
fn upload_until_killed(endpoint: &str, from: u64, progress: &mpsc::Sender<Progress>) {
    for version in from.. {
        let key = (version % 3) as usize;
        match upload(endpoint.strip_prefix("http://").unwrap(), key, version, progress) {
            Ok(answer) => assert_eq!(&answer, b"HTTP/1.1 200"),
            Err(_) => return,
        }
        // Nobody listens any more once the emulator is killed.
        let _ = progress.send(Progress::Answered(key, version));
    }
}

fn upload(
    address: &str,
    key: usize,
    version: u64,
    progress: &mpsc::Sender<Progress>,
) -> std::io::Result<[u8; 12]> {
    use std::io::{Read, Write};
    let body = body_of(version);
    let name = format!("k{key}");
    let path = format!("/{BUCKET}/{name}");
    let mut request = http::Request::put(&path)
        .header("host", address)
        .header("content-length", body.len())
        .body(())
        .unwrap()
        .into_parts()
        .0;
    #[expect(clippy::disallowed_methods, reason = "a client signs with the time of day")]
    let now = std::time::SystemTime::now();
    oss_signing::Signer::sign(
        &oss_signing::V4Signer::new("cn-hangzhou".parse().unwrap()),
        &mut request,
        oss_signing::Resource::object(BUCKET, &name),
        &oss_signing::Credentials::new("test-id", "test-secret"),
        now,
    )
    .unwrap();
    let mut head = format!("PUT {path} HTTP/1.1\r\nConnection: close\r\n");
    for (name, value) in &request.headers {
        head.push_str(&format!("{name}: {}\r\n", value.to_str().unwrap()));
    }
    head.push_str("\r\n");
    let mut stream = std::net::TcpStream::connect(address)?;
    stream.write_all(head.as_bytes())?;
    for piece in body.chunks(PIECE) {
        stream.write_all(piece)?;
        let _ = progress.send(Progress::Sent);
    }
    let mut answer = [0; 12];
    stream.read_exact(&mut answer)?;
    Ok(answer)
}

/// The numbers that choose the moments of the kills; `OSS_KILL_SEED` repeats a run that failed.
fn moments() -> fastrand::Rng {
    #[expect(clippy::disallowed_methods, reason = "a person repeats a run")]
    let seed = match std::env::var("OSS_KILL_SEED") {
        Ok(seed) => seed.parse().unwrap(),
        Err(_) => fastrand::u64(..),
    };
    #[expect(clippy::print_stdout, reason = "shown when the test fails")]
    {
        println!("OSS_KILL_SEED={seed}");
    }
    fastrand::Rng::with_seed(seed)
}

/// Reads on until so many uploads were answered, and then so many pieces sent or one more upload answered.
fn watch(progress: &mpsc::Receiver<Progress>, answers: usize, pieces: usize, newest: &mut [Option<u64>; 3]) {
    let (mut answered, mut sent) = (0, 0);
    while answered < answers || (answered == answers && sent < pieces) {
        match progress.recv().expect("the emulator runs until it is killed") {
            Progress::Sent if answered < answers => {}
            Progress::Sent => sent += 1,
            Progress::Answered(key, version) => {
                answered += 1;
                newest[key] = Some(version);
            }
        }
    }
}

#[tokio::test]
async fn a_kill_at_any_moment_shows_no_half_written_object() {
    let folder = tempfile::tempdir().unwrap();
    let mut moments = moments();
    let mut newest = [None::<u64>; 3];
    let mut version = 0;
    for round in 0..12 {
        let mut program = Program::start(folder.path());
        let endpoint = program.endpoint.clone();
        let (sender, progress) = mpsc::channel();
        let uploads = std::thread::spawn(move || upload_until_killed(&endpoint, version, &sender));
        watch(&progress, moments.usize(1..3), moments.usize(0..34), &mut newest);
        program.child.kill().unwrap();
        program.child.wait().unwrap();
        uploads.join().unwrap();
        for last in progress {
            if let Progress::Answered(key, version) = last {
                newest[key] = Some(version);
            }
        }
        version = newest.iter().flatten().copied().max().unwrap();

        let emulator = Emulator::builder().data_dir(folder.path()).start().await.unwrap();
        for (key, answered) in newest.iter_mut().enumerate() {
            let stored = emulator.object(BUCKET, &format!("k{key}"));
            let Some(stored) = stored else {
                assert_eq!(*answered, None, "round {round}: an answered object is gone");
                continue;
            };
            // The killed upload may have been stored without its answer, so any later version is right as well.
            let fits = |version: &u64| (*version % 3) as usize == key && stored.body == body_of(*version);
            let found = (answered.unwrap_or(0)..=version + 3).find(fits);
            assert!(found.is_some(), "round {round}: a half-written or older object, {} bytes", stored.size);
            *answered = found;
        }
        version += 4;
        emulator.shutdown().await;
    }
}

//! The emulator as a program.

use std::error::Error;
use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use oss_emulator::{Acl, DEFAULT_ACCESS_KEY_ID, DEFAULT_ACCESS_KEY_SECRET, Emulator, EmulatorBuilder, Fault};

/// An Alibaba Cloud OSS for tests and demos on this machine.
///
/// It checks signatures, stores objects and sends upload callbacks. Point any OSS client at the address it prints,
/// with the region and the access key given here; a page in the browser shows what it holds and which callbacks it
/// sent. Stop it with Ctrl-C.
#[derive(Parser)]
#[command(name = "oss-emulator", version)]
struct Arguments {
    /// Address and port to listen on; port 0 takes any free one.
    #[arg(long, default_value = "127.0.0.1:9000", value_name = "ADDRESS:PORT")]
    listen: SocketAddr,

    /// A bucket that exists from the start; may be repeated. NAME=public-read or NAME=public-read-write lets
    /// anyone in.
    #[arg(long, value_name = "NAME[=ACL]")]
    bucket: Vec<Bucket>,

    /// The region that clients sign for.
    #[arg(long, default_value = "cn-hangzhou", value_name = "REGION")]
    region: String,

    /// The access key id that is let in.
    #[arg(long, default_value = DEFAULT_ACCESS_KEY_ID, value_name = "ID")]
    access_key_id: String,

    /// Its secret.
    #[arg(long, default_value = DEFAULT_ACCESS_KEY_SECRET, value_name = "SECRET")]
    access_key_secret: String,

    /// Makes the access key a temporary one (STS): every request must carry this token.
    #[arg(long, value_name = "TOKEN")]
    security_token: Option<String>,

    /// Keeps objects in this folder, so that they survive a restart; without it they are kept in memory.
    #[arg(long, value_name = "FOLDER", conflicts_with = "sink")]
    data_dir: Option<PathBuf>,

    /// Keeps sizes and checksums only, for benchmarks of uploads.
    #[arg(long)]
    sink: bool,

    /// A host name of the service besides IP addresses and localhost; may be repeated.
    #[arg(long, value_name = "NAME")]
    service_host: Vec<String>,

    /// A custom domain of a bucket; may be repeated.
    #[arg(long, value_name = "NAME=BUCKET", value_parser = pair)]
    cname: Vec<(String, String)>,

    /// The URL under which application servers reach the emulator; default: the address it listens on.
    #[arg(long, value_name = "URL")]
    public_url: Option<String>,

    /// Seconds that a callback may take.
    #[arg(long, default_value = "5", value_name = "SECONDS")]
    callback_timeout: f64,

    /// Refuses callbacks to loopback and private addresses, as OSS does.
    #[arg(long)]
    public_callbacks_only: bool,

    /// The RSA private key (PEM) that signs callbacks; default: the data folder's, or a fresh one.
    #[arg(long, value_name = "FILE")]
    callback_key: Option<PathBuf>,

    /// Certificates (PEM) that https callbacks trust besides those of the platform.
    #[cfg(feature = "https")]
    #[arg(long, value_name = "FILE")]
    callback_roots: Option<PathBuf>,

    /// A fault script: a JSON list of faults.
    #[arg(long, value_name = "FILE")]
    faults: Option<PathBuf>,

    /// Puts the emulator's clock ahead by that many seconds, or behind if negative.
    #[arg(long, default_value = "0", value_name = "SECONDS", allow_negative_numbers = true)]
    clock_offset: i64,
}

/// A bucket and its ACL.
#[derive(Clone)]
struct Bucket {
    name: String,
    acl: Acl,
}

impl std::str::FromStr for Bucket {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, acl) = text.split_once('=').unwrap_or((text, "private"));
        let acl = acl.parse().map_err(|error| format!("{error}"))?;
        Ok(Self { name: name.to_owned(), acl })
    }
}

fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, bucket)) => Ok((name.to_owned(), bucket.to_owned())),
        None => Err("write NAME=BUCKET".to_owned()),
    }
}

fn main() -> ExitCode {
    match run(Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nothing is left to be told if not even this can be written.
            let _ = writeln!(std::io::stderr(), "oss-emulator: {}", with_causes(&*error));
            ExitCode::FAILURE
        }
    }
}

fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

#[tokio::main]
async fn run(arguments: Arguments) -> Result<(), Box<dyn Error>> {
    // Waited for from the beginning, so that no signal is missed between the first line and the wait.
    let stop = stop_signal()?;
    let emulator = builder(arguments)?.start().await?;
    announce(emulator.endpoint());
    stop.await?;
    emulator.shutdown().await;
    Ok(())
}

/// Says where it listens, in the first line, for programs that start it and read that.
fn announce(endpoint: &str) {
    let mut output = std::io::stdout();
    let lines = format!("listening on {endpoint}\npage at {endpoint}/-/\n");
    // Whoever started it may have closed the output by now, which is no reason to stop.
    let _ = output.write_all(lines.as_bytes()).and_then(|()| output.flush());
}

fn builder(arguments: Arguments) -> Result<EmulatorBuilder, Box<dyn Error>> {
    let timeout = Duration::try_from_secs_f64(arguments.callback_timeout)?;
    let mut builder = Emulator::builder()
        .listen(arguments.listen)
        .region(arguments.region)
        .callback_timeout(timeout)
        .public_callbacks_only(arguments.public_callbacks_only)
        .clock_offset_millis(arguments.clock_offset.saturating_mul(1000));
    let (id, secret) = (arguments.access_key_id, arguments.access_key_secret);
    builder = match arguments.security_token {
        Some(token) => builder.sts_credentials(id, secret, token),
        None => builder.credentials(id, secret),
    };
    for bucket in arguments.bucket {
        builder = builder.bucket_with_acl(bucket.name, bucket.acl);
    }
    for name in arguments.service_host {
        builder = builder.service_host(name);
    }
    for (name, bucket) in arguments.cname {
        builder = builder.cname(name, bucket);
    }
    if let Some(url) = arguments.public_url {
        builder = builder.public_url(url);
    }
    if let Some(folder) = arguments.data_dir {
        builder = builder.data_dir(folder);
    }
    if arguments.sink {
        builder = builder.sink();
    }
    if let Some(path) = arguments.callback_key {
        builder = builder.callback_key_pem(read(&path)?);
    }
    #[cfg(feature = "https")]
    if let Some(path) = arguments.callback_roots {
        builder = builder.callback_roots_pem(read(&path)?);
    }
    if let Some(path) = arguments.faults {
        let faults: Vec<Fault> =
            serde_json::from_str(&read(&path)?).map_err(|error| format!("{}: {error}", path.display()))?;
        for fault in faults {
            builder = builder.fault(fault);
        }
    }
    Ok(builder)
}

fn read(path: &Path) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
}

/// Ctrl-C anywhere, and SIGTERM where there is one.
fn stop_signal() -> std::io::Result<impl Future<Output = std::io::Result<()>>> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        Ok(async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            Ok(())
        })
    }
    #[cfg(not(unix))]
    Ok(tokio::signal::ctrl_c())
}

//! The emulator as a program.

use std::io::Write;
use std::net::SocketAddr;
use std::process::ExitCode;

use clap::Parser;
use oss_emulator::{DEFAULT_ACCESS_KEY_ID, DEFAULT_ACCESS_KEY_SECRET, Emulator, StartError};

/// An Alibaba Cloud OSS for tests and demos on this machine.
///
/// It checks signatures, stores objects and sends upload callbacks. Point any OSS client at the address it prints,
/// with the region and the access key given here. Stop it with Ctrl-C.
#[derive(Parser)]
#[command(name = "oss-emulator", version)]
struct Arguments {
    /// Address and port to listen on; port 0 takes any free one.
    #[arg(long, default_value = "127.0.0.1:9000", value_name = "ADDRESS:PORT")]
    listen: SocketAddr,

    /// A bucket that exists from the start; may be repeated.
    #[arg(long, value_name = "NAME")]
    bucket: Vec<String>,

    /// The region that clients sign for.
    #[arg(long, default_value = "cn-hangzhou", value_name = "REGION")]
    region: String,

    /// The access key id that is let in.
    #[arg(long, default_value = DEFAULT_ACCESS_KEY_ID, value_name = "ID")]
    access_key_id: String,

    /// Its secret.
    #[arg(long, default_value = DEFAULT_ACCESS_KEY_SECRET, value_name = "SECRET")]
    access_key_secret: String,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let mut text = error.to_string();
            let mut source = error.source();
            while let Some(cause) = source {
                text.push_str(": ");
                text.push_str(&cause.to_string());
                source = cause.source();
            }
            // Nothing is left to be told if not even this can be written.
            let _ = writeln!(std::io::stderr(), "oss-emulator: {text}");
            ExitCode::FAILURE
        }
    }
}

#[tokio::main]
async fn run(arguments: Arguments) -> Result<(), Box<dyn std::error::Error>> {
    let emulator = start(arguments).await?;
    let mut output = std::io::stdout();
    writeln!(output, "listening on {}", emulator.endpoint())?;
    output.flush()?;
    stop_signal().await?;
    emulator.shutdown().await;
    Ok(())
}

async fn start(arguments: Arguments) -> Result<Emulator, StartError> {
    let mut builder = Emulator::builder()
        .listen(arguments.listen)
        .region(arguments.region)
        .credentials(arguments.access_key_id, arguments.access_key_secret);
    for bucket in arguments.bucket {
        builder = builder.bucket(bucket);
    }
    builder.start().await
}

/// Ctrl-C anywhere, and SIGTERM where there is one.
async fn stop_signal() -> std::io::Result<()> {
    #[cfg(unix)]
    {
        let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
        tokio::select! {
            interrupted = tokio::signal::ctrl_c() => interrupted,
            _ = terminate.recv() => Ok(()),
        }
    }
    #[cfg(not(unix))]
    tokio::signal::ctrl_c().await
}

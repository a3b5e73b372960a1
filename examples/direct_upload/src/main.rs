//! The program: serves the page, or puts a load on it. See the library's documentation.

#![allow(clippy::print_stdout, reason = "a program shows what it does")]

use std::process::ExitCode;

use direct_upload::{Failure, Load, Place, Scene, Settings, log};

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            log(&*error);
            ExitCode::FAILURE
        }
    }
}

const HELP: &str = "\
usage: direct_upload                   serves the page, and prints its URL
       direct_upload load [UPLOADS]    uploads 200 files, or so many, at once, and says what became of them

The environment says on what: see examples/direct_upload/README.md. Without any, on an emulated OSS and SQLite.
";

async fn run(arguments: &[String]) -> Result<(), Failure> {
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => serve(Settings::from_env()?).await,
        ["load"] => load(Settings::from_env()?, 200).await,
        ["load", uploads] => {
            let uploads = uploads.parse().map_err(|_| format!("{uploads} is no number of uploads"))?;
            load(Settings::from_env()?, uploads).await
        }
        ["--help" | "-h" | "help"] => {
            print!("{HELP}");
            Ok(())
        }
        _ => Err(format!("there is no such command\n{HELP}").into()),
    }
}

async fn serve(settings: Settings) -> Result<(), Failure> {
    let place = settings.place.clone();
    let scene = Scene::open(settings).await?;
    println!("open {}", scene.url());
    match (&place, scene.emulator()) {
        (Place::Real(real), _) => println!("files go to the bucket {} at {}", real.bucket, real.endpoint),
        (_, Some(emulator)) => {
            println!("files go to an emulated OSS; look into it at {}/-/", emulator.endpoint())
        }
        _ => {}
    }
    tokio::signal::ctrl_c().await?;
    Ok(())
}

async fn load(settings: Settings, uploads: usize) -> Result<(), Failure> {
    if !matches!(settings.place, Place::Emulated) {
        return Err("the load goes to an emulated OSS only; unset OSS_ENDPOINT".into());
    }
    let scene = Scene::open(settings).await?;
    println!("{uploads} uploads of 64 KiB at once, to {}", scene.url());
    let report = Load { uploads, bytes: 64 * 1024 }.run(&scene).await?;
    print!("{report}");
    if report.answered == uploads && report.recorded == uploads as u64 {
        Ok(())
    } else {
        Err("something was lost".into())
    }
}

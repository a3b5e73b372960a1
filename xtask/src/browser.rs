//! `cargo xtask browser`: drives the page of `examples/direct_upload` in a headless Chromium and prints what it found.
//!
//! `playwright-core` and `axe-core` are installed into `target/browser` from the npm registry, each at a fixed version;
//! Chromium is the machine's own, or Debian's package where CI may install it. The driver is `xtask/browser/drive.js`. It
//! prints one line of JSON per check, and leaves screenshots in `target/browser/`.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::steps::{self, Done};
use crate::{Outcome, workspace};

const PACKAGES: &[&str] = &["playwright-core@1.64.1", "axe-core@4.14.1"];

/// Distributions call it differently.
const CHROMIUM: &[&str] = &["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/// The whole drive takes a minute; one that hangs is a failure, not the end of the chore.
const LONGEST_RUN: Duration = Duration::from_secs(400);

/// Skipped where there is no browser, or the driver cannot be installed.
pub(crate) fn run() -> Outcome<Done> {
    if let Some(what) = missing() {
        return Ok(Done::skipped(what));
    }
    let chromium = chromium().ok_or("the browser is gone")?;
    if let Err(error) = install() {
        return Ok(Done::skipped(format!("the driver cannot be installed: {error}")));
    }
    let built = workspace::cargo(&["build", "--locked", "--package", "direct_upload"]).status()?;
    if !built.success() {
        return Err(format!("the application cannot be built: {built}").into());
    }
    let (mut application, page, storage) = start()?;
    let outcome = drive(&page, &storage, &chromium);
    application.kill()?;
    application.wait()?;
    let (checks, failed) = outcome?;
    println!("screenshots are in {}", folder().display());
    if failed == 0 && checks > 0 {
        Ok(Done::Counted(format!("{checks} checks")))
    } else {
        Err(format!("{failed} of {checks} checks failed").into())
    }
}

/// Says what this machine lacks to drive a browser; `None` if nothing. In CI on a machine that lets it, Chromium is installed
/// first.
fn missing() -> Option<&'static str> {
    if !workspace::runs("node") || !workspace::runs("npm") {
        return Some("node and npm are not installed");
    }
    if chromium().is_none() && environment("CI").is_some() {
        install_chromium();
    }
    chromium().is_none().then_some("there is no Chromium (Debian's package is `chromium`)")
}

/// The program's name, if the machine has one.
fn chromium() -> Option<PathBuf> {
    let path = environment("PATH")?;
    let folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    CHROMIUM
        .iter()
        .flat_map(|name| folders.iter().map(move |folder| folder.join(name)))
        .find(|file| file.is_file())
}

#[allow(
    clippy::disallowed_methods,
    reason = "where programs are, and whether this is CI, the environment tells"
)]
fn environment(name: &str) -> Option<std::ffi::OsString> {
    std::env::var_os(name)
}

/// Tries Debian's package. That it did not work shows in Chromium still not being there.
fn install_chromium() {
    println!("installing Chromium with apt-get");
    for arguments in [&["update"][..], &["install", "--yes", "--no-install-recommends", "chromium"]] {
        let mut apt = Command::new("apt-get");
        apt.args(["-qq"]).args(arguments).env("DEBIAN_FRONTEND", "noninteractive");
        let done = apt.stdin(Stdio::null()).stdout(Stdio::null()).status();
        if !done.is_ok_and(|status| status.success()) {
            return;
        }
    }
}

fn folder() -> PathBuf {
    workspace::root().join("target/browser")
}

fn install() -> Outcome {
    std::fs::create_dir_all(folder())?;
    let quiet = ["install", "--silent", "--no-audit", "--no-fund", "--no-save", "--prefix"];
    let status =
        Command::new("npm").args(quiet).arg(folder()).args(PACKAGES).stdin(Stdio::null()).status()?;
    if status.success() { Ok(()) } else { Err(format!("npm ended with {status}").into()) }
}

/// Starts the application and reads from its first lines where the page and the emulated storage are.
fn start() -> Outcome<(Child, String, String)> {
    let mut child = Command::new(workspace::root().join("target/debug/direct_upload"))
        .env("MAX_BYTES", "25000000")
        .env_remove("OSS_ENDPOINT")
        .env_remove("DATABASE_URL")
        .env_remove("LISTEN")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let found = child.stdout.take().ok_or_else(|| "the application has no output".into()).and_then(places);
    match found {
        Ok((page, storage)) => Ok((child, page, storage)),
        Err(error) => {
            child.kill()?;
            child.wait()?;
            Err(error)
        }
    }
}

fn places(output: ChildStdout) -> Outcome<(String, String)> {
    let mut lines = BufReader::new(output).lines();
    let mut next =
        || lines.next().ok_or("the application ended before it said where it is")?.map_err(Into::into);
    let (first, second): (Outcome<String>, Outcome<String>) = (next(), next());
    read_places(&first?, &second?)
}

fn read_places(first: &str, second: &str) -> Outcome<(String, String)> {
    let page = first.strip_prefix("open ").ok_or("the application did not say where its page is")?;
    let storage = second.split_once(" at ").and_then(|(_, url)| url.strip_suffix("/-/"));
    Ok((page.to_owned(), storage.ok_or("the application did not say where its storage is")?.to_owned()))
}

/// Runs the driver and prints its checks; how many there were, and how many failed.
fn drive(page: &str, storage: &str, chromium: &PathBuf) -> Outcome<(usize, usize)> {
    let mut child = Command::new("node")
        .arg(workspace::root().join("xtask/browser/drive.js"))
        .args([page, storage])
        .arg(chromium)
        .arg(folder())
        .env("NODE_PATH", folder().join("node_modules"))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()?;
    let (status, text) = steps::collect(&mut child, LONGEST_RUN)?;
    let (mut checks, mut failed) = (0, 0);
    for line in text.lines() {
        let (check, note) = parse(line)?;
        checks += 1;
        match note {
            None => println!("ok      {check}"),
            Some(note) => {
                failed += 1;
                println!("FAILED  {check}\n{note}");
            }
        }
    }
    if status.success() {
        Ok((checks, failed))
    } else {
        Err(format!("the driver ended with {status}").into())
    }
}

/// The name of a check, and what went wrong if it failed.
fn parse(line: &str) -> Outcome<(String, Option<String>)> {
    let value: Value = serde_json::from_str(line)?;
    let text = |name: &str| value[name].as_str().unwrap_or_default().to_owned();
    Ok((text("check"), (value["result"] != "ok").then(|| text("note"))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_the_driver_is_read() {
        let line = |result: &str| format!(r#"{{"check":"a","result":"{result}","note":"n"}}"#);
        assert_eq!(parse(&line("ok")).unwrap(), ("a".to_owned(), None));
        assert_eq!(parse(&line("failed")).unwrap(), ("a".to_owned(), Some("n".to_owned())));
        assert!(parse("Error: no browser").is_err());
    }

    #[test]
    fn the_applications_lines_are_read() {
        let second = "files go to an emulated OSS; look into it at http://127.0.0.1:2/-/";
        let places = read_places("open http://127.0.0.1:1", second).unwrap();
        assert_eq!(places, ("http://127.0.0.1:1".to_owned(), "http://127.0.0.1:2".to_owned()));
        assert!(read_places("failed: no port", second).is_err());
    }

    #[test]
    fn the_driver_is_there() {
        assert!(workspace::root().join("xtask/browser/drive.js").is_file());
    }
}

//! `cargo xtask interop`: drives the emulator with the official clients and prints a table of what they said.
//!
//! The clients are installed into `target/interop` from PyPI and the npm registry, each at a fixed version; the
//! drivers are the files in `xtask/interop`. Each prints one line of JSON per operation.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::steps::{self, Done};
use crate::{Outcome, workspace};

const PYTHON_CLIENTS: &[&str] = &["oss2==2.19.1", "alibabacloud-oss-v2==1.4.1"];
const NODE_CLIENT: &str = "ali-oss@6.23.0";

/// A driver takes a few seconds; one that hangs is a failure, not the end of the chore.
const LONGEST_RUN: Duration = Duration::from_secs(120);

/// A client, driven in one way.
struct Run {
    driver: &'static str,
    arguments: &'static [&'static str],
}

const RUNS: &[Run] = &[
    Run { driver: "drive_oss2.py", arguments: &["v1"] },
    Run { driver: "drive_oss2.py", arguments: &["v4"] },
    Run { driver: "drive_oss_v2.py", arguments: &["v1", "path"] },
    Run { driver: "drive_oss_v2.py", arguments: &["v1", "host"] },
    Run { driver: "drive_oss_v2.py", arguments: &["v4", "path"] },
    Run { driver: "drive_oss_v2.py", arguments: &["v4", "host"] },
    Run { driver: "drive_ali_oss.js", arguments: &["v1"] },
    Run { driver: "drive_ali_oss.js", arguments: &["v4"] },
];

/// What a driver said about one operation.
struct Line {
    client: String,
    operation: String,
    ok: bool,
    note: String,
}

/// Skipped where the clients cannot be run or installed.
pub(crate) fn run() -> Outcome<Done> {
    if let Some(what) = missing() {
        return Ok(Done::skipped(what));
    }
    if let Err(error) = install() {
        return Ok(Done::skipped(format!("the clients cannot be installed: {error}")));
    }
    succeed(&mut workspace::cargo(&["build", "--locked", "--package", "oss-emulator"]))?;
    let (mut emulator, endpoint) = start_emulator()?;
    let lines: Outcome<Vec<Line>> = RUNS.iter().try_fold(Vec::new(), |mut lines, run| {
        lines.extend(drive(run, &endpoint)?);
        Ok(lines)
    });
    emulator.kill()?;
    emulator.wait()?;
    let lines = lines?;
    print_table(&lines);
    let failed = lines.iter().filter(|line| !line.ok).count();
    match failed {
        0 => Ok(Done::Counted(format!("{} checks", lines.len()))),
        _ => Err(format!("{failed} of {} checks failed", lines.len()).into()),
    }
}

/// Says what this machine lacks to run the clients; `None` if nothing.
fn missing() -> Option<&'static str> {
    match (workspace::runs("python3"), workspace::runs("node") && workspace::runs("npm")) {
        (true, true) => None,
        (false, _) => Some("python3 is not installed"),
        (true, false) => Some("node and npm are not installed"),
    }
}

fn folder() -> PathBuf {
    workspace::root().join("target/interop")
}

fn install() -> Outcome {
    let python = folder().join("venv/bin/python");
    std::fs::create_dir_all(folder())?;
    if !python.exists() {
        succeed(Command::new("python3").args(["-m", "venv"]).arg(folder().join("venv")))?;
    }
    succeed(Command::new(&python).args(["-m", "pip", "install", "--quiet"]).args(PYTHON_CLIENTS))?;
    let quiet = ["install", "--silent", "--no-audit", "--no-fund", "--no-save", "--prefix"];
    succeed(Command::new("npm").args(quiet).arg(folder()).arg(NODE_CLIENT))
}

fn succeed(command: &mut Command) -> Outcome {
    let status = command.stdin(Stdio::null()).status()?;
    if status.success() { Ok(()) } else { Err(format!("{command:?} ended with {status}").into()) }
}

/// Starts the program and reads its address from its first line.
fn start_emulator() -> Outcome<(Child, String)> {
    let mut child = Command::new(workspace::root().join("target/debug/oss-emulator"))
        .args(["--listen", "127.0.0.1:0"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()?;
    match endpoint(&mut child) {
        Ok(endpoint) => Ok((child, endpoint)),
        Err(error) => {
            child.kill()?;
            child.wait()?;
            Err(error)
        }
    }
}

fn endpoint(emulator: &mut Child) -> Outcome<String> {
    let output = emulator.stdout.take().ok_or("the emulator has no output")?;
    let mut first = String::new();
    BufReader::new(output).read_line(&mut first)?;
    let endpoint = first.trim().strip_prefix("listening on ");
    Ok(endpoint.ok_or("the emulator did not say where it listens")?.to_owned())
}

fn drive(run: &Run, endpoint: &str) -> Outcome<Vec<Line>> {
    println!("--- {} {}", run.driver, run.arguments.join(" "));
    let driver = workspace::root().join("xtask/interop").join(run.driver);
    let mut command = if run.driver.ends_with(".py") {
        Command::new(folder().join("venv/bin/python"))
    } else {
        Command::new("node")
    };
    let mut child = command
        .arg(driver)
        .arg(endpoint)
        .args(run.arguments)
        .env("NODE_PATH", folder().join("node_modules"))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()?;
    let (status, text) = steps::collect(&mut child, LONGEST_RUN)?;
    let lines = text.lines().map(parse).collect::<Outcome<Vec<Line>>>()?;
    if !status.success() || lines.is_empty() {
        return Err(format!("{} ended with {status} after {} checks", run.driver, lines.len()).into());
    }
    Ok(lines)
}

fn parse(line: &str) -> Outcome<Line> {
    let value: Value = serde_json::from_str(line)?;
    let text = |name: &str| value[name].as_str().unwrap_or_default().to_owned();
    Ok(Line {
        client: text("client"),
        operation: text("operation"),
        ok: text("result") == "ok",
        note: text("note"),
    })
}

fn print_table(lines: &[Line]) {
    let mut operations: Vec<&str> = Vec::new();
    let mut clients: Vec<&str> = Vec::new();
    let mut cells = BTreeMap::new();
    for line in lines {
        for (names, name) in [(&mut operations, &line.operation), (&mut clients, &line.client)] {
            if !names.contains(&name.as_str()) {
                names.push(name);
            }
        }
        cells.insert((line.operation.as_str(), line.client.as_str()), line.ok);
    }
    let width = operations.iter().map(|name| name.len()).max().unwrap_or(0);
    println!("\n{:width$}  {}", "", clients.join(" | "));
    for operation in operations {
        let row: Vec<String> = clients
            .iter()
            .map(|client| {
                let mark = match cells.get(&(operation, *client)) {
                    Some(true) => "ok",
                    Some(false) => "FAILED",
                    None => "-",
                };
                format!("{mark:^length$}", length = client.len())
            })
            .collect();
        println!("{operation:width$}  {}", row.join(" | "));
    }
    for line in lines.iter().filter(|line| !line.ok) {
        println!("\n{}, {}:\n{}", line.client, line.operation, line.note);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_a_driver_is_read() {
        let line = parse(r#"{"client":"a","operation":"b","result":"failed","note":"c"}"#).unwrap();
        assert_eq!((&*line.client, &*line.operation, line.ok, &*line.note), ("a", "b", false, "c"));
        assert!(parse("Traceback (most recent call last):").is_err());
    }

    #[test]
    fn every_driver_is_there() {
        for run in RUNS {
            assert!(workspace::root().join("xtask/interop").join(run.driver).is_file(), "{}", run.driver);
        }
    }
}

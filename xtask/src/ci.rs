//! `cargo xtask ci`: every check of the project, one after the other.
//!
//! A failed step does not stop the ones behind it: whoever reads the result sees all that is wrong at once.

mod count;
mod features;

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use count::Counts;

use crate::{Outcome, arrows, browser, interop, tidy, workspace};

/// A check with the name by which `cargo xtask ci NAME` runs it alone.
struct Step {
    name: &'static str,
    work: fn() -> Outcome<Done>,
}

const STEPS: &[Step] = &[
    Step { name: "arrows", work: || arrows::run().map(|()| Done::Passed) },
    Step { name: "tidy", work: || tidy::run().map(|()| Done::Passed) },
    Step { name: "fmt", work: || finish(cargo("fmt --all --check").spawn()?) },
    Step { name: "clippy", work: clippy },
    Step { name: "docs", work: docs },
    Step { name: "alone", work: each_crate_alone },
    Step { name: "native-tls", work: native_tls },
    Step { name: "tests", work: tests },
    Step { name: "feature-tests", work: feature_tests },
    Step { name: "interop", work: official_clients },
    Step { name: "browser", work: page_in_a_browser },
];

/// How a step ends that finds nothing wrong.
enum Done {
    Passed,
    Tests(Counts),
    /// It cannot run on this machine; the text says what is missing.
    Skipped(&'static str),
}

struct Report {
    name: &'static str,
    elapsed: Duration,
    result: Outcome<Done>,
}

pub(crate) fn run(names: &[String]) -> Outcome {
    if let Some(unknown) = names.iter().find(|name| STEPS.iter().all(|step| step.name != *name)) {
        let known: Vec<&str> = STEPS.iter().map(|step| step.name).collect();
        return Err(format!("no step `{unknown}`; there are: {}", known.join(", ")).into());
    }
    let chosen = STEPS.iter().filter(|step| names.is_empty() || names.iter().any(|name| name == step.name));
    let mut reports = Vec::new();
    for step in chosen {
        println!("\n=== {}", step.name);
        let start = Instant::now();
        let result = (step.work)();
        let report = Report { name: step.name, elapsed: start.elapsed(), result };
        println!("{}", line(&report));
        reports.push(report);
    }
    println!("\n=== summary");
    for report in &reports {
        println!("{}", line(report));
    }
    let failed = reports.iter().filter(|report| report.result.is_err()).count();
    if failed == 0 { Ok(()) } else { Err(format!("{failed} of {} steps failed", reports.len()).into()) }
}

fn clippy() -> Outcome<Done> {
    let mut clippy = cargo("clippy --workspace --all-targets --locked");
    clippy.args(features::all(&workspace::members()?)).args(["--", "-D", "warnings"]);
    finish(clippy.spawn()?)
}

fn docs() -> Outcome<Done> {
    let mut docs = cargo("doc --workspace --no-deps --locked");
    docs.args(features::all(&workspace::members()?)).env("RUSTDOCFLAGS", "-D warnings");
    finish(docs.spawn()?)
}

/// Checks each crate by itself and without features. In a build of the whole workspace a crate gets the features
/// that its neighbours ask of a shared dependency, so one that forgot to ask would go unnoticed.
fn each_crate_alone() -> Outcome<Done> {
    let mut failed = Vec::new();
    for member in workspace::members()? {
        let mut clippy = cargo("clippy --no-default-features --locked --package");
        if finish(clippy.args([&member.name, "--", "-D", "warnings"]).spawn()?).is_err() {
            failed.push(member.name);
        }
    }
    if failed.is_empty() {
        Ok(Done::Passed)
    } else {
        Err(format!("not clean by themselves: {}", failed.join(", ")).into())
    }
}

/// The one feature that needs more than the toolchain, where the machine has it.
fn native_tls() -> Outcome<Done> {
    let has_openssl =
        || Command::new("pkg-config").args(["--exists", "openssl"]).status().is_ok_and(|s| s.success());
    if cfg!(target_os = "linux") && !has_openssl() {
        return Ok(Done::Skipped("the headers of OpenSSL are not installed (pkg-config --exists openssl)"));
    }
    let arguments = features::native_tls(&workspace::members()?);
    if arguments.is_empty() {
        return Ok(Done::Skipped("no crate has the feature"));
    }
    let mut clippy = cargo("clippy --locked --all-targets");
    clippy.args(arguments).args(["--", "-D", "warnings"]);
    finish(clippy.spawn()?)
}

/// The command of the README. All tests are run, even if some fail.
fn tests() -> Outcome<Done> {
    test(&mut cargo("test --workspace --no-fail-fast"))
}

/// The crates that have features which are off by default, with these on.
fn feature_tests() -> Outcome<Done> {
    let arguments = features::of_crates_with_optional_ones(&workspace::members()?);
    if arguments.is_empty() {
        return Ok(Done::Skipped("no crate has a feature that is off by default"));
    }
    test(cargo("test --no-fail-fast").args(arguments))
}

/// The official clients against the emulator.
fn official_clients() -> Outcome<Done> {
    match interop::missing() {
        Some(what) => Ok(Done::Skipped(what)),
        None => interop::run().map(|()| Done::Passed),
    }
}

/// The page of the direct upload, in a browser.
fn page_in_a_browser() -> Outcome<Done> {
    match browser::missing() {
        Some(what) => Ok(Done::Skipped(what)),
        None => browser::run().map(|()| Done::Passed),
    }
}

fn cargo(arguments: &str) -> Command {
    workspace::cargo(&arguments.split(' ').collect::<Vec<_>>())
}

fn finish(mut child: Child) -> Outcome<Done> {
    let status = child.wait()?;
    if status.success() { Ok(Done::Passed) } else { Err(status.to_string().into()) }
}

/// Runs the tests, passes on every line as it comes, and adds up the counts of the result lines.
fn test(command: &mut Command) -> Outcome<Done> {
    let mut child = command.stdout(Stdio::piped()).spawn()?;
    let mut counts = Counts::default();
    if let Some(stdout) = child.stdout.take() {
        let mut lines = BufReader::new(stdout);
        let mut line = Vec::new();
        while lines.read_until(b'\n', &mut line)? > 0 {
            std::io::stdout().write_all(&line)?;
            counts.add(&String::from_utf8_lossy(&line));
            line.clear();
        }
    }
    finish(child).map_err(|error| format!("{error}; {counts}"))?;
    Ok(Done::Tests(counts))
}

fn line(report: &Report) -> String {
    let Report { name, elapsed, result } = report;
    let outcome = match result {
        Ok(Done::Passed) => "ok".to_owned(),
        Ok(Done::Tests(counts)) => format!("ok: {counts}"),
        Ok(Done::Skipped(why)) => format!("skipped: {why}"),
        Err(error) => format!("FAILED: {error}"),
    };
    format!("{name:<14}{:>7.1} s  {outcome}", elapsed.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_step_is_refused_before_anything_runs() {
        let error = run(&["fmt".to_owned(), "lint".to_owned()]).unwrap_err().to_string();
        assert!(error.contains("`lint`") && error.contains("clippy"), "{error}");
    }

    #[test]
    fn a_failed_command_is_an_error() {
        let command =
            |argument| finish(cargo(argument).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
        assert!(command("--version").is_ok());
        assert!(command("no-such-command").is_err());
    }

    #[test]
    fn a_line_names_step_time_and_outcome() {
        let report = |result| line(&Report { name: "fmt", elapsed: Duration::from_millis(1_250), result });
        assert_eq!(report(Ok(Done::Passed)), "fmt               1.2 s  ok");
        assert!(report(Ok(Done::Skipped("no network"))).ends_with("skipped: no network"));
        assert!(report(Err("exit status: 1".into())).ends_with("FAILED: exit status: 1"));
    }
}

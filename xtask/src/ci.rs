//! `cargo xtask ci`: every check of the project, one after the other.
//!
//! A failed step does not stop the ones behind it: whoever reads the result sees all that is wrong at once.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::{Outcome, arrows, tidy, workspace};

/// A check with the name by which `cargo xtask ci NAME` runs it alone.
struct Step {
    name: &'static str,
    work: Work,
}

enum Work {
    /// A cargo command.
    Cargo(&'static [&'static str]),
    /// The same with warnings of rustdoc turned into errors.
    Docs(&'static [&'static str]),
    /// `cargo test` with these arguments; what it prints is counted.
    Tests(fn() -> Outcome<Vec<String>>),
    Chore(fn() -> Outcome),
}

#[rustfmt::skip]
const STEPS: &[Step] = &[
    Step { name: "arrows",       work: Work::Chore(arrows::run) },
    Step { name: "tidy",         work: Work::Chore(tidy::run) },
    Step { name: "fmt",          work: Work::Cargo(&["fmt", "--all", "--check"]) },
    Step { name: "clippy",       work: Work::Cargo(&["clippy", "--workspace", "--all-targets", "--all-features", "--locked", "--", "-D", "warnings"]) },
    Step { name: "docs",         work: Work::Docs(&["doc", "--workspace", "--no-deps", "--all-features", "--locked"]) },
    Step { name: "alone",        work: Work::Chore(each_crate_alone) },
    Step { name: "tests",        work: Work::Tests(all_tests) },
    Step { name: "all-features", work: Work::Tests(tests_with_all_features) },
];

/// What the test runner counted, over all the programs it ran.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Counts {
    passed: u64,
    failed: u64,
    ignored: u64,
}

struct Report {
    name: &'static str,
    elapsed: Duration,
    result: Outcome<Option<Counts>>,
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
        let result = perform(&step.work);
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

fn perform(work: &Work) -> Outcome<Option<Counts>> {
    match work {
        Work::Cargo(arguments) => finish(workspace::cargo(arguments).spawn()?).map(|()| None),
        Work::Docs(arguments) => {
            let mut docs = workspace::cargo(arguments);
            finish(docs.env("RUSTDOCFLAGS", "-D warnings").spawn()?).map(|()| None)
        }
        Work::Tests(arguments) => {
            let arguments = arguments()?;
            let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
            test(&mut workspace::cargo(&arguments)).map(Some)
        }
        Work::Chore(chore) => chore().map(|()| None),
    }
}

/// The command of the README. All tests are run, even if some fail.
fn all_tests() -> Outcome<Vec<String>> {
    Ok(["test", "--workspace", "--no-fail-fast"].map(str::to_owned).to_vec())
}

/// The crates that have features, with all of them on.
fn tests_with_all_features() -> Outcome<Vec<String>> {
    let mut arguments = ["test", "--all-features", "--no-fail-fast"].map(str::to_owned).to_vec();
    for member in workspace::members()?.into_iter().filter(|member| member.has_features) {
        arguments.extend(["--package".to_owned(), member.name]);
    }
    Ok(arguments)
}

/// Checks each crate by itself and without features. In a build of the whole workspace a crate gets the features
/// that its neighbours ask of a shared dependency, so one that forgot to ask would go unnoticed.
fn each_crate_alone() -> Outcome {
    let mut failed = Vec::new();
    for member in workspace::members()? {
        let arguments = ["check", "--package", &member.name, "--no-default-features", "--locked"];
        if finish(workspace::cargo(&arguments).spawn()?).is_err() {
            failed.push(member.name);
        }
    }
    if failed.is_empty() {
        Ok(())
    } else {
        Err(format!("cannot be built alone: {}", failed.join(", ")).into())
    }
}

fn finish(mut child: Child) -> Outcome {
    let status = child.wait()?;
    if status.success() { Ok(()) } else { Err(status.to_string().into()) }
}

/// Runs the tests, passes on every line as it comes, and adds up the counts of the result lines.
fn test(command: &mut Command) -> Outcome<Counts> {
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
    finish(child).map_err(|error| format!("{error}; {}", counts.describe()))?;
    Ok(counts)
}

fn line(report: &Report) -> String {
    let Report { name, elapsed, result } = report;
    let outcome = match result {
        Ok(None) => "ok".to_owned(),
        Ok(Some(counts)) => format!("ok: {}", counts.describe()),
        Err(error) => format!("FAILED: {error}"),
    };
    format!("{name:<14}{:>7.1} s  {outcome}", elapsed.as_secs_f64())
}

impl Counts {
    /// Reads a line such as `test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; …`; any other says nothing.
    fn add(&mut self, line: &str) {
        let Some((_, counts)) = line.strip_prefix("test result: ").and_then(|rest| rest.split_once(". "))
        else {
            return;
        };
        for count in counts.split("; ") {
            match count.trim().split_once(' ') {
                Some((number, "passed")) => self.passed += number.parse::<u64>().unwrap_or(0),
                Some((number, "failed")) => self.failed += number.parse::<u64>().unwrap_or(0),
                Some((number, "ignored")) => self.ignored += number.parse::<u64>().unwrap_or(0),
                _ => {}
            }
        }
    }

    fn describe(self) -> String {
        format!("{} tests passed, {} failed, {} ignored", self.passed, self.failed, self.ignored)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_counts_of_all_test_programs_are_added_up() {
        let mut counts = Counts::default();
        for line in [
            "running 4 tests",
            "test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.01s",
            "test result: FAILED. 40 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1.50s",
            "test a::test result: ok. 7 passed;",
        ] {
            counts.add(line);
        }
        assert_eq!(counts, Counts { passed: 43, failed: 2, ignored: 1 });
    }

    #[test]
    fn an_unknown_step_is_refused_before_anything_runs() {
        let error = run(&["fmt".to_owned(), "lint".to_owned()]).unwrap_err().to_string();
        assert!(error.contains("`lint`") && error.contains("clippy"), "{error}");
    }

    #[test]
    fn a_failed_command_is_an_error() {
        let command = |argument| {
            let mut cargo = workspace::cargo(&[argument]);
            finish(cargo.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
        };
        assert!(command("--version").is_ok());
        assert!(command("no-such-command").is_err());
    }

    #[test]
    fn a_line_names_step_time_and_outcome() {
        let report = |result| line(&Report { name: "fmt", elapsed: Duration::from_millis(1_250), result });
        assert_eq!(report(Ok(None)), "fmt               1.2 s  ok");
        assert!(report(Err("exit status: 1".into())).ends_with("FAILED: exit status: 1"));
    }
}

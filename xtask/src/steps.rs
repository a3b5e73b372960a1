//! Named steps that run one after the other: what `ci` and `gates` are made of.
//!
//! A failed step does not stop the ones behind it: whoever reads the result sees all that is wrong at once.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use crate::Outcome;

/// A check with the name by which it can be run alone.
pub(crate) struct Step {
    pub(crate) name: &'static str,
    pub(crate) work: fn() -> Outcome<Done>,
}

/// How a step ends that finds nothing wrong.
pub(crate) enum Done {
    Passed,
    /// It passed; the text says how much it looked at, or what it could not look at.
    Counted(String),
    /// It cannot run on this machine; the text says what is missing.
    Skipped(String),
}

impl Done {
    pub(crate) fn skipped(why: impl Into<String>) -> Self {
        Self::Skipped(why.into())
    }
}

struct Report {
    name: &'static str,
    elapsed: Duration,
    result: Outcome<Done>,
}

/// Runs the steps that are named, or all if none is, and prints a summary.
///
/// # Errors
///
/// If a name is unknown (then nothing is run), or a step fails.
pub(crate) fn run(steps: &[Step], names: &[String]) -> Outcome {
    if let Some(unknown) = names.iter().find(|name| steps.iter().all(|step| step.name != *name)) {
        let known: Vec<&str> = steps.iter().map(|step| step.name).collect();
        return Err(format!("no step `{unknown}`; there are: {}", known.join(", ")).into());
    }
    let chosen = steps.iter().filter(|step| names.is_empty() || names.iter().any(|name| name == step.name));
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

/// The outcome of a step that a person asked for: that it was skipped is an error then.
///
/// # Errors
///
/// If the step failed or was skipped.
pub(crate) fn insist(result: Outcome<Done>) -> Outcome {
    match result? {
        Done::Passed | Done::Counted(_) => Ok(()),
        Done::Skipped(why) => Err(why.into()),
    }
}

/// Waits for a command whose output has been shown already.
///
/// # Errors
///
/// If it does not succeed.
pub(crate) fn finish(mut child: Child) -> Outcome<Done> {
    let status = child.wait()?;
    if status.success() { Ok(Done::Passed) } else { Err(status.to_string().into()) }
}

/// Runs a command, passes on each line of its standard output as it comes, and shows it to the closure.
///
/// # Errors
///
/// If it cannot be started or does not succeed.
pub(crate) fn watch(command: &mut Command, mut see: impl FnMut(&str)) -> Outcome<Done> {
    let mut child = command.stdout(Stdio::piped()).spawn()?;
    if let Some(stdout) = child.stdout.take() {
        let mut lines = BufReader::new(stdout);
        let mut line = Vec::new();
        while lines.read_until(b'\n', &mut line)? > 0 {
            std::io::stdout().write_all(&line)?;
            see(&String::from_utf8_lossy(&line));
            line.clear();
        }
    }
    finish(child)
}

/// Waits for a command and gives what it wrote to its piped standard output. One that takes longer than the limit is killed,
/// and its status says so.
///
/// # Errors
///
/// If it cannot be waited for, or what it wrote is not text.
pub(crate) fn collect(child: &mut Child, limit: Duration) -> Outcome<(ExitStatus, String)> {
    let mut output = child.stdout.take().ok_or("the program's output is not piped")?;
    let reader = std::thread::spawn(move || {
        let mut text = String::new();
        output.read_to_string(&mut text).map(|_| text)
    });
    let started = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if started.elapsed() > limit {
            child.kill()?;
        }
        // A process is asked whether it has ended; there is nothing to wait for.
        std::thread::sleep(Duration::from_millis(50));
    };
    let text = reader.join().map_err(|_| "reading the program's output failed")??;
    Ok((status, text))
}

fn line(report: &Report) -> String {
    let Report { name, elapsed, result } = report;
    let outcome = match result {
        Ok(Done::Passed) => "ok".to_owned(),
        Ok(Done::Counted(what)) => format!("ok: {what}"),
        Ok(Done::Skipped(why)) => format!("skipped: {why}"),
        Err(error) => format!("FAILED: {error}"),
    };
    format!("{name:<14}{:>7.1} s  {outcome}", elapsed.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace;

    #[test]
    fn an_unknown_step_is_refused_before_anything_runs() {
        let steps = [Step { name: "fmt", work: || panic!("it ran") }];
        let error = run(&steps, &["fmt".to_owned(), "lint".to_owned()]).unwrap_err().to_string();
        assert!(error.contains("`lint`") && error.contains("fmt"), "{error}");
    }

    #[test]
    fn a_failed_step_stops_no_other_and_fails_the_run() {
        let steps = [
            Step { name: "bad", work: || Err("no".into()) },
            Step { name: "good", work: || Ok(Done::Passed) },
        ];
        assert_eq!(run(&steps, &[]).unwrap_err().to_string(), "1 of 2 steps failed");
        run(&steps, &["good".to_owned()]).unwrap();
    }

    #[test]
    fn who_asks_for_a_step_is_told_that_it_was_skipped() {
        assert!(insist(Ok(Done::Passed)).is_ok());
        assert_eq!(insist(Ok(Done::skipped("no network"))).unwrap_err().to_string(), "no network");
    }

    #[test]
    fn a_failed_command_is_an_error() {
        let command = |argument| {
            finish(workspace::cargo(&[argument]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
        };
        assert!(command("--version").is_ok());
        assert!(command("no-such-command").is_err());
    }

    #[test]
    fn the_lines_of_a_command_are_seen() {
        let mut seen = Vec::new();
        watch(&mut workspace::cargo(&["--version"]), |line| seen.push(line.to_owned())).unwrap();
        assert!(seen[0].starts_with("cargo ") && seen[0].ends_with('\n'), "{seen:?}");
    }

    #[test]
    fn what_a_command_writes_is_collected() {
        let mut child = workspace::cargo(&["--version"]).stdout(Stdio::piped()).spawn().unwrap();
        let (status, text) = collect(&mut child, Duration::from_secs(60)).unwrap();
        assert!(status.success() && text.starts_with("cargo "), "{text}");
    }

    #[test]
    fn a_command_that_takes_too_long_is_killed() {
        // It waits for input that does not come.
        let mut cat = Command::new("cat");
        let mut child = cat.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (status, _) = collect(&mut child, Duration::ZERO).unwrap();
        assert!(!status.success());
    }

    #[test]
    fn a_line_names_step_time_and_outcome() {
        let report = |result| line(&Report { name: "fmt", elapsed: Duration::from_millis(1_250), result });
        assert_eq!(report(Ok(Done::Passed)), "fmt               1.2 s  ok");
        assert!(report(Ok(Done::Counted("3 sets".to_owned()))).ends_with("ok: 3 sets"));
        assert!(report(Ok(Done::skipped("no network"))).ends_with("skipped: no network"));
        assert!(report(Err("exit status: 1".into())).ends_with("FAILED: exit status: 1"));
    }
}

//! `cargo xtask ci`: every check of the project, one after the other.

mod count;
pub(crate) mod features;

use std::process::Command;

use count::Counts;

use crate::steps::{self, Done, Step, finish};
use crate::{Outcome, arrows, browser, interop, tidy, workspace};

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
    Step { name: "interop", work: interop::run },
    Step { name: "browser", work: browser::run },
];

pub(crate) fn run(names: &[String]) -> Outcome {
    steps::run(STEPS, names)
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
    if let Some(what) = workspace::missing_openssl() {
        return Ok(Done::skipped(what));
    }
    let arguments = features::native_tls(&workspace::members()?);
    if arguments.is_empty() {
        return Ok(Done::skipped("no crate has the feature"));
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
        return Ok(Done::skipped("no crate has a feature that is off by default"));
    }
    test(cargo("test --no-fail-fast").args(arguments))
}

fn cargo(arguments: &str) -> Command {
    workspace::cargo(&arguments.split(' ').collect::<Vec<_>>())
}

/// Runs the tests and adds up the counts of the result lines.
fn test(command: &mut Command) -> Outcome<Done> {
    let mut counts = Counts::default();
    steps::watch(command, |line| counts.add(line)).map_err(|error| format!("{error}; {counts}"))?;
    Ok(Done::Counted(counts.to_string()))
}

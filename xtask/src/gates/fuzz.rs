//! Runs each fuzz target for a moment, beginning with its seeds.
//!
//! The address sanitizer is left out: no code of ours is `unsafe`, and without it the ordinary compiler will do.

use std::process::{Command, Stdio};

use super::tools;
use crate::steps::{Done, finish};
use crate::{Outcome, workspace};

const RUNS: u32 = 20_000;

/// A target that needs longer for its runs than this has shown enough.
const SECONDS: u32 = 20;

pub(super) fn run() -> Outcome<Done> {
    if !workspace::runs("c++") {
        return Ok(Done::skipped(
            "there is no C++ compiler (`c++`), which the fuzzer's library is built with",
        ));
    }
    let program = match tools::program("cargo-fuzz", "0.13.2") {
        Ok(program) => program,
        Err(why) => return Ok(Done::Skipped(why)),
    };
    let targets = targets()?;
    let folder = workspace::root().join("target/gates/fuzz");
    let mut failed = Vec::new();
    for target in &targets {
        println!("--- {target}");
        // What the fuzzer finds is kept here and is where the next run goes on.
        let corpus = folder.join("corpus").join(target);
        std::fs::create_dir_all(&corpus)?;
        let mut fuzz = Command::new(&program);
        fuzz.args(["run", "--sanitizer", "none", "--fuzz-dir", "fuzz", "--target-dir"])
            .arg(folder.join("build"));
        fuzz.arg(target).arg(corpus).arg(format!("fuzz/seeds/{target}"));
        fuzz.args(["--", &format!("-runs={RUNS}"), &format!("-max_total_time={SECONDS}"), "-verbosity=0"]);
        fuzz.args(["-print_final_stats=1", "-timeout=10"]);
        let fuzz = fuzz.current_dir(workspace::root()).stdin(Stdio::null());
        if finish(fuzz.spawn()?).is_err() {
            failed.push(target.as_str());
        }
    }
    if failed.is_empty() {
        Ok(Done::Counted(format!("{} targets, {RUNS} runs or {SECONDS} s each", targets.len())))
    } else {
        Err(format!("fuzz/artifacts holds the input that stopped {}", failed.join(", ")).into())
    }
}

/// The names of the targets, by their files.
fn targets() -> Outcome<Vec<String>> {
    let name = |file: &String| Some(file.strip_prefix("fuzz/targets/")?.strip_suffix(".rs")?.to_owned());
    Ok(workspace::files()?.iter().filter_map(name).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_target_has_seeds_and_a_name_in_the_manifest() {
        let files = workspace::files().unwrap();
        let manifest = std::fs::read_to_string(workspace::root().join("fuzz/Cargo.toml")).unwrap();
        let targets = targets().unwrap();
        assert!(!targets.is_empty());
        for target in targets {
            assert!(manifest.contains(&format!("path = \"targets/{target}.rs\"")), "{target}");
            assert!(files.iter().any(|file| file.starts_with(&format!("fuzz/seeds/{target}/"))), "{target}");
        }
    }
}

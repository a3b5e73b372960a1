//! `cargo xtask bench`: runs the benches of every crate, one after the other, and writes `docs/benchmarks.md`.
//!
//! Only a real and complete run writes that page; a smoke run (`--quick`) and a run of some benches are written to
//! `target/benchmarks.md`, so that nobody takes them for the project's numbers.

pub(crate) mod machine;
mod page;
mod table;

use std::path::PathBuf;
use std::process::Command;

use page::Said;
use table::{BENCHES, Bench, Place};

use crate::{Outcome, steps, workspace};

pub(crate) fn run(arguments: &[String]) -> Outcome {
    let (quick, names): (Vec<&String>, Vec<&String>) = arguments.iter().partition(|text| *text == "--quick");
    let is_quick = !quick.is_empty();
    let chosen = choose(&names)?;
    let machine = machine::rows()?;
    let dependencies = machine::dependencies()?;
    build(&chosen, is_quick)?;
    let results: Vec<(&Bench, Said)> =
        chosen.iter().map(|bench| (*bench, measure(bench, is_quick))).collect();
    let is_partial = chosen.len() < BENCHES.len();
    let note = match (is_quick, is_partial) {
        (true, _) => Some("A smoke run: it shows that the benches work, and its numbers mean nothing."),
        (false, true) => Some("Some of the benches only."),
        (false, false) => None,
    };
    let text = page::write(&machine, &dependencies, note, &results);
    let folder: PathBuf = workspace::root().join(if note.is_some() { "target" } else { "docs" });
    std::fs::create_dir_all(&folder)?;
    std::fs::write(folder.join("benchmarks.md"), text)?;
    println!("\nwritten: {}", folder.join("benchmarks.md").display());
    match results.iter().filter(|(_, said)| matches!(said, Said::Failed(_))).count() {
        0 => Ok(()),
        failed => Err(format!("{failed} of {} benches failed", results.len()).into()),
    }
}

fn choose(names: &[&String]) -> Outcome<Vec<&'static Bench>> {
    if let Some(unknown) = names.iter().find(|name| BENCHES.iter().all(|bench| bench.name != **name)) {
        let known: Vec<&str> = BENCHES.iter().map(|bench| bench.name).collect();
        return Err(format!("no bench `{unknown}`; there are: {}", known.join(", ")).into());
    }
    let is_chosen = |bench: &&Bench| names.is_empty() || names.iter().any(|name| *name == bench.name);
    Ok(BENCHES.iter().filter(is_chosen).collect())
}

/// Builds everything first: a compiler that runs between two benches would leave a warm processor to the second.
fn build(chosen: &[&Bench], is_quick: bool) -> Outcome {
    for bench in chosen.iter().filter(|bench| missing(bench).is_none()) {
        println!("building {}", bench.name);
        let mut cargo = match bench.place {
            Place::Crate { .. } => command(bench, is_quick),
            Place::Alone { folder, .. } => alone("build", folder),
        };
        if let Place::Crate { .. } = bench.place {
            cargo.arg("--no-run");
        }
        steps::finish(cargo.spawn()?).map_err(|error| format!("{}: {error}", bench.name))?;
    }
    Ok(())
}

fn missing(bench: &Bench) -> Option<&'static str> {
    match bench.place {
        Place::Crate { .. } => None,
        Place::Alone { missing, .. } => missing(),
    }
}

fn measure(bench: &Bench, is_quick: bool) -> Said {
    println!("\n=== {}", bench.name);
    if let Some(what) = missing(bench) {
        println!("skipped: {what}");
        return Said::Skipped(what);
    }
    let mut output = String::new();
    match steps::watch(&mut command(bench, is_quick), |line| output.push_str(line)) {
        Err(error) => Said::Failed(error.to_string()),
        Ok(_) if output.trim().is_empty() => Said::Failed("it printed nothing".to_owned()),
        Ok(_) => Said::Output(output),
    }
}

/// A bench that is run as a test does each of its jobs once or a few times: each looks for cargo's `--bench`.
fn command(bench: &Bench, is_quick: bool) -> Command {
    match bench.place {
        Place::Crate { package, target, features } => {
            let words: &[&str] = if is_quick { &["test", "--release"] } else { &["bench"] };
            let mut cargo = workspace::cargo(words);
            cargo.args(["--locked", "--quiet", "--package", package, "--bench", target]);
            if !features.is_empty() {
                cargo.args(["--features", &features.join(",")]);
            }
            cargo
        }
        Place::Alone { folder, .. } => {
            let mut cargo = alone("run", folder);
            cargo.args(["--", if is_quick { "--test" } else { "--bench" }]);
            cargo
        }
    }
}

/// The command for a package outside the workspace; what it builds is kept apart from the workspace's.
fn alone(word: &str, folder: &str) -> Command {
    let mut cargo =
        workspace::cargo(&[word, "--release", "--locked", "--quiet", "--target-dir", "target/alone"]);
    cargo.args(["--manifest-path", &format!("{folder}/Cargo.toml")]);
    cargo
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn benches_are_chosen_by_name() {
        assert_eq!(choose(&[]).unwrap().len(), BENCHES.len());
        let chosen = choose(&[&"put".to_owned()]).unwrap();
        assert_eq!(chosen.iter().map(|bench| bench.name).collect::<Vec<_>>(), ["put"]);
        let error = choose(&[&"get".to_owned()]).err().unwrap().to_string();
        assert!(error.contains("`get`") && error.contains("emulator"), "{error}");
    }
}

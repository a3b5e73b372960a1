//! The project's own chores: `cargo xtask help` lists them.
//!
//! One file per chore, chosen by the plain `match` in [`chore`]. A chore is a function from the command's
//! arguments to [`Outcome`]: it prints what it found and ends in an error if the repository is not as it should be.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command line tool reports by printing")]

mod arrows;
mod bench;
mod browser;
mod ci;
mod gates;
mod interop;
mod sizes;
mod soak;
mod steps;
mod tidy;
mod workspace;

use std::process::ExitCode;

/// What a chore ends in; the error is one sentence for a person, printed after the chore's own report.
type Outcome<T = ()> = Result<T, Box<dyn std::error::Error>>;

const HELP: &str = "\
The project's own chores.

Usage: cargo xtask <CHORE> [ARGUMENTS]

  help           print this text
  ci [STEP]...   run every check of the project, or only the steps named
  arrows         check who depends on whom against the table in xtask/src/arrows.rs
  bench [NAME]... [--quick]
                 run the benches of every crate and write docs/benchmarks.md
  browser        drive the page of examples/direct_upload in a headless Chromium
  gates [GATE]...
                 check what a release needs: oldest Rust, oldest dependencies, features, packages, …
  interop        drive the emulator with the official Python and Node.js clients and print a table
  sizes [--quick]
                 count what each crate brings, time its clean build, and write docs/building.md
  soak           kill and resume uploads at random: --seeds N (300), --from SEED (0)
  tidy           check the repository itself: layout, links, file lengths, leftovers, white space
";

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let name = arguments.next().unwrap_or_else(|| "help".to_owned());
    match chore(&name, &arguments.collect::<Vec<_>>()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{name}: {error}");
            ExitCode::FAILURE
        }
    }
}

fn chore(name: &str, arguments: &[String]) -> Outcome {
    match name {
        "help" | "--help" | "-h" => {
            print!("{HELP}");
            Ok(())
        }
        "ci" => ci::run(arguments),
        "arrows" => arrows::run(),
        "bench" => bench::run(arguments),
        "browser" => steps::insist(browser::run()),
        "gates" => gates::run(arguments),
        "interop" => steps::insist(interop::run()),
        "sizes" => sizes::run(arguments),
        "soak" => soak::run(arguments),
        "tidy" => tidy::run(),
        _ => Err("no such chore; `cargo xtask help` lists them".into()),
    }
}

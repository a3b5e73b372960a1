//! `cargo xtask gates`: what a release needs beside `ci`, each gate by a name of its own.
//!
//! A gate that needs a tool builds it from crates.io into `target/tools`; one that needs a toolchain asks rustup for it.
//! Where that cannot be had the gate is skipped, and says so. What a gate builds is kept in `target/gates`.

mod deny;
mod fuzz;
mod minimal;
mod package;
mod powerset;
mod semver;
mod signatures;
mod tools;

use std::process::{Command, Stdio};

use crate::ci::features;
use crate::steps::{self, Done, Step, finish};
use crate::{Outcome, workspace};

const GATES: &[Step] = &[
    Step { name: "msrv", work: oldest_rust },
    Step { name: "minimal", work: minimal::run },
    Step { name: "powerset", work: powerset::run },
    Step { name: "signatures", work: signatures::run },
    Step { name: "deny", work: deny::run },
    Step { name: "package", work: package::run },
    Step { name: "semver", work: semver::run },
    Step { name: "fuzz", work: fuzz::run },
];

pub(crate) fn run(names: &[String]) -> Outcome {
    steps::run(GATES, names)
}

/// Checks the published crates with the Rust their manifests promise.
fn oldest_rust() -> Outcome<Done> {
    let published = workspace::published()?;
    let version = &published.first().ok_or("no crate is published")?.rust_version;
    if version.is_empty() || published.iter().any(|member| member.rust_version != *version) {
        return Err("the published crates do not promise the same rust-version".into());
    }
    let toolchain = if version.split('.').count() == 2 { format!("{version}.0") } else { version.clone() };
    if let Err(why) = tools::toolchain(&toolchain) {
        return Ok(Done::Skipped(why));
    }
    let mut check = Command::new("rustup");
    check.args(["run", &toolchain, "cargo", "check", "--locked", "--target-dir", "target/gates/msrv"]);
    check.args(features::packages(&published)).args(features::all(&published));
    finish(check.current_dir(workspace::root()).stdin(Stdio::null()).spawn()?)?;
    Ok(Done::Counted(format!("{} crates with Rust {toolchain}", published.len())))
}

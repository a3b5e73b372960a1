//! Tools and toolchains that the project's own toolchain does not bring.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::{steps, workspace};

/// The program of a tool on crates.io, built into `target/tools` unless this version is there already.
///
/// # Errors
///
/// If it cannot be built; the text says so for a person.
pub(super) fn program(name: &str, version: &str) -> Result<PathBuf, String> {
    let root = workspace::root().join("target/tools");
    let mut install = workspace::cargo(&["install", "--locked", "--quiet"]);
    install.arg("--root").arg(&root).arg("--target-dir").arg(root.join("build"));
    let built = install.arg(format!("{name}@{version}")).spawn().map_err(Into::into).and_then(steps::finish);
    match built {
        Ok(_) => Ok(root.join("bin").join(name)),
        Err(error) => Err(format!("{name} {version} cannot be installed into target/tools ({error})")),
    }
}

/// Sees that rustup has a toolchain, such as `1.89.0`.
///
/// # Errors
///
/// If there is no rustup, or it cannot get the toolchain; the text says so for a person.
pub(super) fn toolchain(name: &str) -> Result<(), String> {
    let rustup = |arguments: &[&str]| {
        let mut command = Command::new("rustup");
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status()
    };
    match rustup(&["run", name, "rustc", "--version"]) {
        Err(_) => return Err("there is no rustup to get another toolchain with".to_owned()),
        Ok(status) if status.success() => return Ok(()),
        Ok(_) => println!("installing the toolchain {name}"),
    }
    match rustup(&["toolchain", "install", name, "--profile", "minimal", "--no-self-update"]) {
        Ok(status) if status.success() => Ok(()),
        _ => Err(format!("rustup cannot install the toolchain {name}")),
    }
}

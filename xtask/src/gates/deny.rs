//! `cargo deny` with `deny.toml`.

use std::path::Path;
use std::process::{Command, Stdio};

use super::tools;
use crate::steps::{Done, finish};
use crate::{Outcome, workspace};

pub(super) fn run() -> Outcome<Done> {
    let program = match tools::program("cargo-deny", "0.20.2") {
        Ok(program) => program,
        Err(why) => return Ok(Done::Skipped(why)),
    };
    finish(deny(&program, &["check", "bans", "licenses", "sources"]).spawn()?)?;
    let fetched = deny(&program, &["fetch", "db"]).stdout(Stdio::null()).stderr(Stdio::null()).status()?;
    if !fetched.success() {
        let what = "bans, licences and sources; not the advisories, whose database cannot be fetched";
        return Ok(Done::Counted(what.to_owned()));
    }
    finish(deny(&program, &["check", "advisories"]).spawn()?)?;
    Ok(Done::Counted("bans, licences, sources and advisories".to_owned()))
}

fn deny(program: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    // Duplicate versions are many and are only a warning: `cargo tree --duplicates` lists them.
    command.args(["--log-level", "error"]).args(arguments);
    command.current_dir(workspace::root()).stdin(Stdio::null());
    command
}

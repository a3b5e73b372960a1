//! The public API against that of the last release.

use std::process::{Command, Stdio};

use super::tools;
use crate::ci::features;
use crate::steps::{Done, finish};
use crate::{Outcome, workspace};

pub(super) fn run() -> Outcome<Done> {
    let tags = workspace::output(&mut workspace::git(&["tag", "--list", "v*", "--sort=-version:refname"]))?;
    let Some(release) = tags.lines().next() else {
        return Ok(Done::skipped("there is no release yet (a tag `v*`) to compare with"));
    };
    let program = match tools::program("cargo-semver-checks", "0.51.0") {
        Ok(program) => program,
        Err(why) => return Ok(Done::Skipped(why)),
    };
    let mut check = Command::new(program);
    check.args(["semver-checks", "--baseline-rev", release]).current_dir(workspace::root());
    check.args(features::packages(&workspace::published()?));
    finish(check.stdin(Stdio::null()).spawn()?)?;
    Ok(Done::Counted(format!("compared with {release}")))
}

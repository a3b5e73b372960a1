//! The oldest versions of the direct dependencies that the manifests admit.
//!
//! Only cargo's resolver needs an unstable option for this, so it alone is run with `RUSTC_BOOTSTRAP`; the compiler is the
//! ordinary one. It is done in a copy, since it changes the lock file.

use std::path::Path;

use crate::ci::features;
use crate::steps::{Done, finish};
use crate::{Outcome, workspace};

pub(super) fn run() -> Outcome<Done> {
    let copy = workspace::root().join("target/gates/minimal");
    copy_files(&copy.join("tree"))?;
    let cargo = |arguments: &[&str]| {
        let mut cargo = workspace::cargo(arguments);
        cargo.current_dir(copy.join("tree"));
        cargo
    };
    let mut resolve = cargo(&["update", "--quiet", "-Z", "direct-minimal-versions"]);
    finish(resolve.env("RUSTC_BOOTSTRAP", "1").spawn()?)
        .map_err(|_| "a dependency needs a later version of another than a manifest here asks for")?;
    let published = workspace::published()?;
    let mut check = cargo(&["check", "--locked", "--target-dir"]);
    check.arg(copy.join("target")).args(features::packages(&published)).args(features::all(&published));
    finish(check.spawn()?)?;
    Ok(Done::Counted(format!("{} crates with the oldest direct dependencies", published.len())))
}

/// Makes the folder hold the files of the repository and nothing else. Files that are the same are left alone, so that
/// cargo need not build them again.
fn copy_files(to: &Path) -> Outcome {
    let files = workspace::files()?;
    for file in &files {
        let (from, to) = (workspace::root().join(file), to.join(file));
        let content = std::fs::read(&from)?;
        if std::fs::read(&to).is_ok_and(|old| old == content) {
            continue;
        }
        std::fs::create_dir_all(to.parent().unwrap_or(&to))?;
        std::fs::write(to, content)?;
    }
    remove_strangers(to, to, &files)
}

/// A source file that is gone from the repository must not be built from the copy.
fn remove_strangers(folder: &Path, root: &Path, files: &[String]) -> Outcome {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            remove_strangers(&path, root, files)?;
        } else if path.strip_prefix(root).is_ok_and(|name| files.iter().all(|file| Path::new(file) != name)) {
            std::fs::remove_file(&path)?;
        }
    }
    Ok(())
}

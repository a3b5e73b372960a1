//! What is published: each crate is packed, and what was packed builds by itself.

use std::path::Path;
use std::process::Command;

use crate::ci::features;
use crate::steps::{Done, finish};
use crate::workspace::Member;
use crate::{Outcome, workspace};

/// What a package must hold, beside its code.
const NEEDED: &[&str] = &["Cargo.toml", "LICENSE-APACHE", "LICENSE-MIT", "README.md", "src/lib.rs"];

/// A package that is larger than this holds something nobody meant to publish; crates.io's own limit is 10 MiB.
const MOST_BYTES: u64 = 1 << 20;

pub(super) fn run() -> Outcome<Done> {
    let published = workspace::published()?;
    let target = workspace::root().join("target/gates/package");
    let mut package = workspace::cargo(&["package", "--locked", "--allow-dirty", "--target-dir"]);
    package.arg(&target).args(features::packages(&published));
    // In one call, because cargo then takes the crates that are not on crates.io yet from each other's packages.
    finish(package.spawn()?)?;
    let mut faults = Vec::new();
    for member in &published {
        let file = target.join("package").join(format!("{}-{}.crate", member.name, member.version));
        let bytes = std::fs::metadata(&file)?.len();
        let names = contents(member, &file)?;
        println!(
            "{} {}: {} files, {} KiB packed",
            member.name,
            member.version,
            names.len(),
            bytes.div_ceil(1024)
        );
        faults.extend(judge(&member.name, &names, bytes));
    }
    for fault in &faults {
        println!("error: {fault}");
    }
    if faults.is_empty() {
        Ok(Done::Counted(format!("{} packages, each builds from what was packed", published.len())))
    } else {
        Err(faults.join("; ").into())
    }
}

/// The names in the package, without the folder all of them are in.
fn contents(member: &Member, file: &Path) -> Outcome<Vec<String>> {
    let list = workspace::output(Command::new("tar").arg("-tzf").arg(file))?;
    let folder = format!("{}-{}/", member.name, member.version);
    Ok(list.lines().map(|name| name.trim_start_matches(&folder).to_owned()).collect())
}

fn judge(name: &str, names: &[String], bytes: u64) -> Vec<String> {
    let missing = NEEDED.iter().filter(|needed| names.iter().all(|name| name != *needed));
    let mut faults: Vec<String> =
        missing.map(|needed| format!("{name} is packed without {needed}")).collect();
    if bytes > MOST_BYTES {
        faults.push(format!("{name} is {bytes} bytes packed: see what is in it with `cargo package --list`"));
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_has_its_licences_and_no_ballast() {
        let mut names: Vec<String> = NEEDED.iter().map(|name| (*name).to_owned()).collect();
        assert_eq!(judge("oss", &names, MOST_BYTES), [""; 0]);
        assert_eq!(judge("oss", &names, MOST_BYTES + 1).len(), 1);
        names.retain(|name| name != "LICENSE-MIT");
        assert_eq!(judge("oss", &names, 1), ["oss is packed without LICENSE-MIT"]);
    }
}

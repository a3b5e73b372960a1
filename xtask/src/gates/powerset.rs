//! Every set of features of every published crate builds without a warning.

use std::collections::BTreeSet;

use crate::steps::{Done, finish};
use crate::workspace::Member;
use crate::{Outcome, workspace};

pub(super) fn run() -> Outcome<Done> {
    let openssl = workspace::missing_openssl();
    let (mut built, mut failed) = (0, Vec::new());
    for member in workspace::published()? {
        for set in sets(&member, openssl.is_none()) {
            println!("{} with {}", member.name, if set.is_empty() { "no feature" } else { &set });
            let mut clippy = workspace::cargo(&["clippy", "--quiet", "--locked", "--no-default-features"]);
            clippy.args([
                "--target-dir",
                "target/gates/powerset",
                "--package",
                &member.name,
                "--features",
                &set,
            ]);
            built += 1;
            if finish(clippy.args(["--", "-D", "warnings"]).spawn()?).is_err() {
                failed.push(format!("{} with `{set}`", member.name));
            }
        }
    }
    if !failed.is_empty() {
        return Err(format!("{} of {built} sets: {}", failed.len(), failed.join("; ")).into());
    }
    let without = openssl.map_or_else(String::new, |what| format!(", without native-tls: {what}"));
    Ok(Done::Counted(format!("{built} sets of features{without}")))
}

/// The sets as cargo takes them, `a,b`.
fn sets(member: &Member, has_openssl: bool) -> BTreeSet<String> {
    let is_left = |feature: &&String| *feature != "default" && (has_openssl || *feature != "native-tls");
    let features: Vec<&str> = member.features.iter().filter(is_left).map(String::as_str).collect();
    (0..1_usize << features.len())
        .map(|bits| {
            let chosen = features.iter().enumerate().filter(|(index, _)| bits >> index & 1 == 1);
            chosen.map(|(_, feature)| *feature).collect::<Vec<_>>().join(",")
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_set_is_there_once() {
        let features = ["default", "a", "native-tls"].map(str::to_owned).to_vec();
        let member = Member { features, ..Member::default() };
        let all = |has_openssl| sets(&member, has_openssl).into_iter().collect::<Vec<_>>();
        assert_eq!(all(true), ["", "a", "a,native-tls", "native-tls"]);
        assert_eq!(all(false), ["", "a"]);
    }
}

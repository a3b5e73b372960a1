//! What is linked into a crate, directly or through others, against the table of bans.

use super::{Ban, Features};
use crate::{Outcome, workspace};

/// The crate's tree of normal dependencies on this platform, one line each: depth, name, version.
///
/// `cargo tree` resolves the features for this one crate. The workspace-wide answer of `cargo metadata` would mix in
/// what its neighbours switch on.
///
/// # Errors
///
/// If `cargo tree` fails; its message is passed on.
pub(super) fn tree(name: &str, features: Features) -> Outcome<String> {
    let mut cargo = workspace::cargo(&["tree", "--edges", "normal,no-proc-macro", "--prefix", "depth"]);
    match features {
        Features::None => cargo.arg("--no-default-features"),
        Features::Default => &mut cargo,
        Features::All => cargo.arg("--all-features"),
    };
    workspace::output(cargo.args(["--package", name]))
}

/// A sentence for each banned crate in the tree, with the first way that leads to it.
pub(super) fn violations(tree: &str, ban: &Ban) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut seen: Vec<&str> = Vec::new();
    let mut way: Vec<&str> = Vec::new();
    for line in tree.lines() {
        let digits = line.len() - line.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (depth, rest) = line.split_at(digits);
        let (Ok(depth), Some(name)) = (depth.parse::<usize>(), rest.split_whitespace().next()) else {
            continue;
        };
        way.truncate(depth);
        way.push(name);
        if depth > 0 && ban.crates.contains(&name) && !seen.contains(&name) {
            seen.push(name);
            let features = match ban.features {
                Features::None => "without features",
                Features::Default => "by default",
                Features::All => "with all features",
            };
            found.push(format!("{} {features} links {name} ({}): {}", way[0], way.join(" -> "), ban.because));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const BAN: Ban = Ban {
        on: &["oss-upload"],
        features: Features::All,
        crates: &["hyper", "oss-upload"],
        because: "reasons",
    };

    #[test]
    fn a_banned_crate_is_found_once_with_the_way_to_it() {
        let tree = "0oss-upload v0.1.0 (/x)\n1bytes v1.12.0\n1oss-transport v0.1.0 (/y)\n2reqwest v0.13.5\n3hyper v1.12.0\n\
                    1tokio v1.54.0\n1hyper v1.12.0 (*)\n";
        assert_eq!(
            violations(tree, &BAN),
            [
                "oss-upload with all features links hyper (oss-upload -> oss-transport -> reqwest -> hyper): reasons"
            ]
        );
    }

    #[test]
    fn names_that_only_begin_like_a_banned_one_pass() {
        assert_eq!(violations("0oss-upload v0.1.0\n1hyper-util v0.1.21\n1h2 v0.4.0\n", &BAN), [""; 0]);
    }

    #[test]
    fn the_tree_of_a_crate_begins_with_it() {
        assert!(tree("oss-upload", Features::None).unwrap().starts_with("0oss-upload v"));
    }
}

//! What the manifests declare, against the table of arrows.

use super::Arrows;
use crate::workspace::{Dependency, Kind, Member};

/// A sentence for each dependency between workspace crates that the table does not allow, and for each crate that
/// stands in only one of the two.
pub(super) fn violations(members: &[Member], table: &[Arrows]) -> Vec<String> {
    let mut found = Vec::new();
    for member in members {
        match table.iter().find(|row| row.from == member.name) {
            Some(row) => {
                found.extend(internal(member, members).filter_map(|dependency| judge(row, dependency)))
            }
            None => found.push(format!(
                "{} has no row in the table of arrows (xtask/src/arrows.rs): add one",
                member.name
            )),
        }
    }
    for row in table.iter().filter(|row| members.iter().all(|member| member.name != row.from)) {
        found.push(format!(
            "the table of arrows has a row for {}, which is not in the workspace: remove it",
            row.from
        ));
    }
    found
}

/// A sentence for each allowed arrow that no manifest uses. Not an error: the table says what may be.
pub(super) fn unused(members: &[Member], table: &[Arrows]) -> Vec<String> {
    let mut found = Vec::new();
    for member in members {
        let Some(row) = table.iter().find(|row| row.from == member.name) else { continue };
        for to in row.to.iter().chain(row.dev) {
            if !internal(member, members).any(|dependency| dependency.name == *to) {
                found.push(format!("the allowed arrow {} -> {to} is not used", row.from));
            }
        }
    }
    found
}

fn internal<'a>(member: &'a Member, members: &'a [Member]) -> impl Iterator<Item = &'a Dependency> {
    member.dependencies.iter().filter(|dependency| members.iter().any(|other| other.name == dependency.name))
}

fn judge(row: &Arrows, dependency: &Dependency) -> Option<String> {
    let name = dependency.name.as_str();
    let (allowed, kind) = match dependency.kind {
        Kind::Normal => (row.to.contains(&name), "depends on"),
        Kind::Build => (row.to.contains(&name), "build-depends on"),
        Kind::Dev => (row.to.contains(&name) || row.dev.contains(&name), "dev-depends on"),
    };
    if allowed {
        return None;
    }
    let list = |names: &[&str]| if names.is_empty() { "nothing".to_owned() } else { names.join(", ") };
    Some(format!(
        "{} {kind} {name}, which the design does not allow (allowed: {}; for tests also: {})",
        row.from,
        list(row.to),
        list(row.dev)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &[Arrows] = &[
        Arrows { from: "bottom", to: &[], dev: &[] },
        Arrows { from: "top", to: &["bottom"], dev: &["fake"] },
        Arrows { from: "fake", to: &["bottom"], dev: &[] },
    ];

    fn member(name: &str, dependencies: &[(&str, Kind)]) -> Member {
        let dependencies = dependencies
            .iter()
            .map(|(name, kind)| Dependency { name: (*name).to_owned(), kind: *kind })
            .collect();
        Member { name: name.to_owned(), dependencies, ..Member::default() }
    }

    fn workspace(bottom: &[(&str, Kind)], top: &[(&str, Kind)]) -> Vec<Member> {
        vec![member("bottom", bottom), member("top", top), member("fake", &[("bottom", Kind::Normal)])]
    }

    #[test]
    fn allowed_arrows_and_foreign_crates_pass() {
        let top =
            [("bottom", Kind::Normal), ("bottom", Kind::Dev), ("fake", Kind::Dev), ("serde", Kind::Normal)];
        assert_eq!(violations(&workspace(&[("fastrand", Kind::Dev)], &top), TABLE), [""; 0]);
    }

    #[test]
    fn an_arrow_upwards_is_a_violation_of_every_kind() {
        for kind in [Kind::Normal, Kind::Build, Kind::Dev] {
            let found = violations(&workspace(&[("top", kind)], &[]), TABLE);
            assert_eq!(found.len(), 1, "{kind:?}: {found:?}");
            assert!(found[0].contains("bottom") && found[0].contains("top"), "{found:?}");
        }
    }

    #[test]
    fn a_dev_arrow_is_not_a_normal_one() {
        for kind in [Kind::Normal, Kind::Build] {
            let found = violations(&workspace(&[], &[("fake", kind)]), TABLE);
            assert_eq!(found.len(), 1, "{kind:?}: {found:?}");
            assert!(found[0].contains("depends on fake"), "{found:?}");
        }
    }

    #[test]
    fn table_and_workspace_name_the_same_crates() {
        let mut members = workspace(&[], &[]);
        members.push(member("stranger", &[]));
        assert!(violations(&members, TABLE)[0].starts_with("stranger has no row"));
        assert!(violations(&members[..2], TABLE)[0].contains("a row for fake"));
    }

    #[test]
    fn an_allowed_arrow_nobody_uses_is_noted() {
        let members = workspace(&[], &[("bottom", Kind::Normal)]);
        assert_eq!(unused(&members, TABLE), ["the allowed arrow top -> fake is not used"]);
    }
}

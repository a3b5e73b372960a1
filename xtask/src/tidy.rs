//! `cargo xtask tidy`: the repository itself, judged by its files alone.
//!
//! A rule is a function from the files to findings; [`RULES`] lists them all. A finding that is meant to be there is
//! allowed by a comment on its line or on the line above, with the rule's name and a reason:
//! `tidy:allow(RULE): REASON`.

mod code;
mod dependencies;
mod files;
mod layout;
mod links;
mod manifests;
mod rust;
mod test_code;
mod text;

use files::File;

use crate::{Outcome, workspace};

/// One check of the repository.
struct Rule {
    name: &'static str,
    check: fn(&[File]) -> Vec<Finding>,
}

#[rustfmt::skip]
const RULES: &[Rule] = &[
    Rule { name: "top-level",        check: layout::top_level },
    Rule { name: "readme",           check: layout::crate_readmes },
    Rule { name: "licence",          check: layout::licences },
    Rule { name: "scripts",          check: layout::scripts },
    Rule { name: "dev-dependency",   check: manifests::internal_dev_dependencies },
    Rule { name: "unused",           check: dependencies::unused },
    Rule { name: "lints",            check: manifests::workspace_lints },
    Rule { name: "link",             check: links::broken_links },
    Rule { name: "white-space",      check: text::trailing_white_space },
    Rule { name: "final-newline",    check: text::final_newline },
    Rule { name: "machine-path",     check: text::machine_paths },
    Rule { name: "leftover",         check: text::leftovers },
    Rule { name: "file-length",      check: code::file_lengths },
    Rule { name: "lib-rs",           check: code::lib_rs },
    Rule { name: "glob-import",      check: code::glob_imports },
    Rule { name: "macro",            check: code::macros },
    Rule { name: "lint-exception",   check: code::lint_exceptions },
    Rule { name: "unfinished",       check: code::unfinished },
    Rule { name: "sleep",            check: test_code::sleeps },
    Rule { name: "ignore",           check: test_code::ignored_without_reason },
    Rule { name: "emulator-in-unit", check: test_code::emulator_in_unit_tests },
];

/// Something a rule has to say about a file.
#[derive(Debug, PartialEq, Eq)]
struct Finding {
    path: String,
    /// Counted from 1; 0 is the file as a whole.
    line: usize,
    message: String,
    /// Printed, but not an error.
    is_warning: bool,
}

impl Finding {
    fn new(file: &File, line: usize, message: impl Into<String>) -> Self {
        Self { path: file.path.clone(), line, message: message.into(), is_warning: false }
    }

    fn warning(self) -> Self {
        Self { is_warning: true, ..self }
    }
}

pub(crate) fn run() -> Outcome {
    let files = files::read(workspace::root(), &workspace::files()?)?;
    let (mut errors, mut warnings) = (0, 0);
    for rule in RULES {
        for finding in findings(rule, &files) {
            let severity = if finding.is_warning { "warning" } else { "error" };
            println!("{severity}: {}:{}: [{}] {}", finding.path, finding.line, rule.name, finding.message);
            *(if finding.is_warning { &mut warnings } else { &mut errors }) += 1;
        }
    }
    println!("tidy: {} files, {} rules, {errors} errors, {warnings} warnings", files.len(), RULES.len());
    if errors == 0 { Ok(()) } else { Err("the repository is not tidy".into()) }
}

/// What the rule finds and no comment allows.
fn findings(rule: &Rule, files: &[File]) -> Vec<Finding> {
    let is_allowed = |finding: &Finding| {
        files.iter().any(|file| file.path == finding.path && file.is_allowed(rule.name, finding.line))
    };
    (rule.check)(files).into_iter().filter(|finding| !is_allowed(finding)).collect()
}

/// The lines in which a rule finds something in a file of this path and text.
#[cfg(test)]
fn lines(rule: fn(&[File]) -> Vec<Finding>, path: &str, text: &str) -> Vec<usize> {
    rule(&[File::new(path, text)]).into_iter().map(|finding| finding.line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leftovers(text: &str) -> usize {
        let rule = RULES.iter().find(|rule| rule.name == "leftover").unwrap();
        findings(rule, &[File::new("docs/a.md", text)]).len()
    }

    #[test]
    fn a_comment_with_a_reason_allows_a_finding() {
        let word = ["TO", "DO"].concat();
        assert_eq!(leftovers(&format!("{word}\n")), 1);
        assert_eq!(leftovers(&format!("{word} <!-- tidy:allow(leftover): quoted -->\n")), 0);
        assert_eq!(leftovers(&format!("<!-- tidy:allow(leftover): quoted -->\n{word}\n")), 0);
    }

    #[test]
    fn a_comment_without_a_reason_or_for_another_rule_or_line_allows_nothing() {
        let word = ["TO", "DO"].concat();
        assert_eq!(leftovers(&format!("{word} tidy:allow(leftover)\n")), 1);
        assert_eq!(leftovers(&format!("{word} tidy:allow(leftover): \n")), 1);
        assert_eq!(leftovers(&format!("{word} tidy:allow(sleep): quoted\n")), 1);
        assert_eq!(leftovers(&format!("tidy:allow(leftover): quoted\n\n{word}\n")), 1);
    }

    #[test]
    fn rule_names_are_unique() {
        for (index, rule) in RULES.iter().enumerate() {
            assert!(RULES[..index].iter().all(|earlier| earlier.name != rule.name), "{}", rule.name);
        }
    }
}

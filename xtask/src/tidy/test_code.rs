//! Rules about tests.

use super::{File, Finding};

/// A test that sleeps is slow when it passes and wrong when the machine is busy.
pub(super) fn sleeps(files: &[File]) -> Vec<Finding> {
    each_test_line(files, |code, line| {
        let is_call = code.find("sleep(").is_some_and(|at| !ends_in_name(&code[..at]));
        let has_reason = line.split_once("sleep(").is_some_and(|(_, after)| after.contains("// "));
        (is_call && !has_reason)
            .then_some("sleeps: wait for an event, or give the reason in a comment on this line")
    })
}

pub(super) fn ignored_without_reason(files: &[File]) -> Vec<Finding> {
    each_test_line(files, |code, _| {
        code.contains("#[ignore]").then_some("ignores a test without a reason: write #[ignore = \"why\"]")
    })
}

/// Cargo compiles a crate a second time for its unit tests. The emulator below them would be linked to the first
/// copy, whose types are not the ones under test; so whoever needs the emulator does so from `tests/`.
pub(super) fn emulator_in_unit_tests(files: &[File]) -> Vec<Finding> {
    const MESSAGE: &str = "uses the emulator: move the test to the crate's `tests/` folder";
    let is_judged = |file: &&File| file.is_library_source() && file.crate_name() != Some("oss-emulator");
    let mut found = Vec::new();
    for file in files.iter().filter(is_judged) {
        let Some(rust) = &file.rust else { continue };
        found.extend(rust.words("oss_emulator").map(|at| Finding::new(file, rust.line_of(at), MESSAGE)));
    }
    found
}

/// Asks the rule about each line of test code, once without comments and strings and once as it is written.
/// `#[test]` functions of a test file and those behind `#[cfg(test)]` are both test code.
fn each_test_line(files: &[File], rule: impl Fn(&str, &str) -> Option<&'static str>) -> Vec<Finding> {
    let mut found = Vec::new();
    for file in files {
        let Some(rust) = &file.rust else { continue };
        for (line, text) in rust.lines().zip(file.text.split_inclusive('\n')).filter(|(line, _)| line.is_test)
        {
            found.extend(rule(line.code, text).map(|message| Finding::new(file, line.number, message)));
        }
    }
    found
}

fn ends_in_name(text: &str) -> bool {
    text.ends_with(|c: char| c.is_alphanumeric() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::lines;

    #[test]
    fn a_sleep_in_a_test_needs_a_reason() {
        let text = "fn a() {\n    sleep(x);\n    tokio::time::sleep(x).await; // The clock is paused.\n    no_sleep();\n\
            // sleep(x)\n}\n";
        assert_eq!(lines(sleeps, "crates/oss/tests/a.rs", text), [2]);
        assert_eq!(lines(sleeps, "crates/oss/src/a.rs", text), [0; 0]);
        let unit = "#[cfg(test)]\nmod tests {\n    fn a() { std::thread::sleep(x) }\n}\n";
        assert_eq!(lines(sleeps, "crates/oss/src/a.rs", unit), [3]);
    }

    #[test]
    fn an_ignored_test_needs_a_reason() {
        let text = "#[ignore = \"needs an account\"]\nfn a() {}\n#[ignore]\nfn b() {}\n// #[ignore]\n";
        assert_eq!(lines(ignored_without_reason, "crates/oss/tests/a.rs", text), [3]);
    }

    #[test]
    fn the_emulator_is_used_from_the_tests_folder_only() {
        let text = "#[cfg(test)]\nmod tests {\n    use oss_emulator::Emulator;\n}\n// oss_emulator\n";
        assert_eq!(lines(emulator_in_unit_tests, "crates/oss-upload/src/put.rs", text), [3]);
        assert_eq!(lines(emulator_in_unit_tests, "crates/oss-upload/tests/put.rs", text), [0; 0]);
        assert_eq!(lines(emulator_in_unit_tests, "crates/oss-emulator/src/main.rs", text), [0; 0]);
    }
}

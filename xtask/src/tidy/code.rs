//! Rules about Rust code.

use super::rust::Rust;
use super::{File, Finding};

/// A file of more lines than this, tests not counted, is long; beyond the second number it must be split.
const LONG: usize = 400;
const TOO_LONG: usize = 600;

/// Macros that stand for code still to be written, or for a debugging session.
const UNFINISHED: &[&str] = &["todo!", "unimplemented!", "dbg!"];

pub(super) fn file_lengths(files: &[File]) -> Vec<Finding> {
    let mut found = Vec::new();
    for (file, rust) in rust_files(files) {
        let is_judged =
            file.is_library_source() || ["examples/", "xtask/"].iter().any(|at| file.path.starts_with(at));
        let length = rust.lines().filter(|line| !line.is_test).count();
        if !is_judged || length <= LONG {
            continue;
        }
        let finding = Finding::new(
            file,
            0,
            format!("has {length} lines beside its tests (long: {LONG}, limit: {TOO_LONG})"),
        );
        found.push(if length > TOO_LONG { finding } else { finding.warning() });
    }
    found
}

/// `lib.rs` is a table of contents: documentation, modules, re-exports.
pub(super) fn lib_rs(files: &[File]) -> Vec<Finding> {
    let mut found = Vec::new();
    for (file, rust) in rust_files(files).filter(|(file, _)| file.path.ends_with("src/lib.rs")) {
        for (place, item) in items(&rust.code) {
            if !rust.is_test(place) && !is_content(item) {
                let message =
                    "lib.rs holds only documentation, `mod name;` and `pub use`: move this to a module";
                found.push(Finding::new(file, rust.line_of(place), message));
            }
        }
    }
    found
}

pub(super) fn glob_imports(files: &[File]) -> Vec<Finding> {
    each_place(files, |_, rust, report| {
        for place in rust.words("use").filter(|&place| !rust.is_test(place)) {
            // A statement stands at the start of its line; the `use<'a>` of a return type does not.
            let before = rust.code[..place].rsplit('\n').next().unwrap_or_default().trim_ascii();
            let statement = rust.code[place..].split(';').next().unwrap_or_default();
            if statement.contains('*') && (before.is_empty() || before.starts_with("pub")) {
                report(place, "imports everything of a module: name what is used");
            }
        }
    })
}

pub(super) fn macros(files: &[File]) -> Vec<Finding> {
    each_place(files, |file, rust, report| {
        for place in rust.words("macro_rules").filter(|_| file.is_library_source()) {
            report(place, "defines a macro: a library is written in functions, types and traits");
        }
    })
}

/// Whoever switches a lint off says why.
pub(super) fn lint_exceptions(files: &[File]) -> Vec<Finding> {
    each_place(files, |_, rust, report| {
        for attribute in ["#[allow(", "#![allow(", "#[expect(", "#![expect("] {
            for (place, _) in rust.code.match_indices(attribute) {
                let arguments = rust.code[place..].split(']').next().unwrap_or_default();
                if !arguments.contains("reason =") {
                    report(place, "switches a lint off without a reason: add `reason = \"why\"`");
                }
            }
        }
    })
}

pub(super) fn unfinished(files: &[File]) -> Vec<Finding> {
    each_place(files, |_, rust, report| {
        for name in UNFINISHED {
            let is_start =
                |place: &usize| !rust.code[..*place].ends_with(|c: char| c.is_alphanumeric() || c == '_');
            for place in rust.code.match_indices(name).map(|(place, _)| place).filter(is_start) {
                report(place, &format!("calls `{name}`"));
            }
        }
    })
}

fn rust_files(files: &[File]) -> impl Iterator<Item = (&File, &Rust)> {
    files.iter().filter_map(|file| Some((file, file.rust.as_ref()?)))
}

fn each_place(files: &[File], rule: impl Fn(&File, &Rust, &mut dyn FnMut(usize, &str))) -> Vec<Finding> {
    let mut found = Vec::new();
    for (file, rust) in rust_files(files) {
        rule(file, rust, &mut |place, message| found.push(Finding::new(file, rust.line_of(place), message)));
    }
    found
}

/// The items of a file with their places, attributes left out.
fn items(code: &str) -> Vec<(usize, &str)> {
    let mut items = Vec::new();
    let (mut start, mut depth) = (0, 0_usize);
    for (at, character) in code.char_indices() {
        match character {
            '{' | '[' | '(' => depth += 1,
            '}' | ']' | ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        let end = at + character.len_utf8();
        let text = code[start..end].trim_ascii_start();
        let is_attribute = text.starts_with('#') && character == ']';
        let is_end = character == ';' || character == '}' && !without_visibility(text).starts_with("use ");
        if depth == 0 && (is_end || is_attribute) {
            if !is_attribute {
                items.push((end - text.len(), text));
            }
            start = end;
        }
    }
    items
}

/// Whether the item is a `mod name;`, a re-export, or a module that is nothing but its documentation.
fn is_content(item: &str) -> bool {
    let rest = without_visibility(item);
    let is_page = item.split_once('{').is_some_and(|(_, body)| body.trim_ascii() == "}");
    let is_module = rest.starts_with("mod ") && (item.ends_with(';') || is_page);
    is_module || rest.starts_with("use ") && rest.len() < item.len()
}

fn without_visibility(item: &str) -> &str {
    match item.strip_prefix("pub") {
        Some(rest) => match rest.strip_prefix('(').and_then(|scope| scope.split_once(')')) {
            Some((_, rest)) => rest.trim_ascii_start(),
            None => rest.trim_ascii_start(),
        },
        None => item,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::lines;

    #[test]
    fn length_is_counted_without_tests() {
        let file = |code: usize, test: usize| {
            let text = format!(
                "{}#[cfg(test)]\nmod tests {{\n{}}}\n",
                "fn a() {}\n".repeat(code),
                "\n".repeat(test)
            );
            file_lengths(&[File::new("crates/oss/src/a.rs", text)])
        };
        assert_eq!(file(LONG, TOO_LONG), []);
        assert!(file(LONG + 1, 0)[0].is_warning);
        assert!(file(TOO_LONG, 0)[0].is_warning);
        assert!(!file(TOO_LONG + 1, 0)[0].is_warning);
        assert_eq!(lines(file_lengths, "crates/oss/tests/a.rs", &"\n".repeat(TOO_LONG + 1)), [0; 0]);
    }

    #[test]
    fn lib_rs_is_a_table_of_contents() {
        let good = "#![doc = include_str!(\"../README.md\")]\n//! Words.\n#![allow(a, reason = \"b\")]\n\n\
            mod a;\npub(crate) mod b;\n#[cfg(feature = \"x\")]\npub mod c;\n\n/// Words; more {words}.\n\
            #[doc(inline)]\npub use crate::a::{A, B};\npub use b::C as D;\npub mod page {}\n\
            #[cfg(test)]\nmod tests {\n    use a::{B, C};\n    fn f() {}\n}\nmod d;\n";
        assert_eq!(lines(lib_rs, "crates/oss/src/lib.rs", good), [0; 0]);
        let bad = "mod a;\nuse a::A;\npub fn f() {}\npub struct S { a: u8 }\nmod inline { mod e; }\nconst X: [u8; 2] = [1, 2];\n";
        assert_eq!(lines(lib_rs, "crates/oss/src/lib.rs", bad), [2, 3, 4, 5, 6]);
        assert_eq!(lines(lib_rs, "crates/oss/src/lib.rs", &format!("{good}{bad}")).len(), 5);
        assert_eq!(lines(lib_rs, "crates/oss/src/other.rs", bad), [0; 0]);
    }

    #[test]
    fn glob_imports_are_for_tests() {
        let text = "use a::{b, c};\npub use d::*;\nfn f() -> impl A + use<'_> { 2 * 3 }\n// use e::*;\n    use f::{\n    g::*,\n};\n\
            #[cfg(test)]\nmod tests {\n    use super::*;\n}\n";
        assert_eq!(lines(glob_imports, "crates/oss/src/a.rs", text), [2, 5]);
        assert_eq!(lines(glob_imports, "crates/oss/tests/a.rs", "use a::*;\n"), [0; 0]);
    }

    #[test]
    fn macros_are_not_defined_in_libraries() {
        let text = "/// No macro_rules!\nmacro_rules! a { () => {} }\n";
        assert_eq!(lines(macros, "crates/oss/src/a.rs", text), [2]);
        assert_eq!(lines(macros, "crates/oss/benches/a.rs", text), [0; 0]);
    }

    #[test]
    fn an_exception_from_a_lint_needs_a_reason() {
        let text = "#![allow(a)]\n#[expect(\n    b,\n    reason = \"c\"\n)]\n// #[allow(d)]\n#[allow(e, reason = \"f\")]\n#[expect(g)]\n";
        assert_eq!(lines(lint_exceptions, "crates/oss/src/a.rs", text), [1, 8]);
    }

    #[test]
    fn unfinished_code_is_found_in_code_only() {
        let text =
            "let a = \"dbg!\";\nlet b = dbg!(a);\n/// todo!\nfn c() { unimplemented!() }\nmy_todo!();\n";
        assert_eq!(lines(unfinished, "crates/oss/tests/a.rs", text), [4, 2]);
    }
}

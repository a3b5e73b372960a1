//! The files the rules look at, and what can be told from a file's path.

use std::path::Path;

use super::rust::{self, Rust};
use crate::Outcome;

/// A file of the repository.
#[derive(Debug)]
pub(super) struct File {
    /// Relative to the root, with `/` on every platform.
    pub(super) path: String,
    pub(super) text: String,
    /// The code of a Rust file; nothing for any other file.
    pub(super) rust: Option<Rust>,
}

/// Reads the files. Those that are not UTF-8 text or hold a NUL are kept with no text: links may lead to them, and
/// no other rule speaks of them.
///
/// # Errors
///
/// If a file cannot be read; the message names it.
pub(super) fn read(root: &Path, paths: &[String]) -> Outcome<Vec<File>> {
    let mut files = Vec::new();
    for path in paths {
        let bytes = std::fs::read(root.join(path)).map_err(|error| format!("cannot read {path}: {error}"))?;
        let text = String::from_utf8(bytes).ok().filter(|text| !text.contains('\0'));
        files.push(File::new(path, text.unwrap_or_default()));
    }
    mark_test_modules(&mut files);
    Ok(files)
}

/// A module declared as `#[cfg(test)] mod name;` is test code although its own file does not say so.
fn mark_test_modules(files: &mut [File]) {
    let declared: Vec<String> = files.iter().flat_map(File::test_modules).collect();
    for file in files {
        if let Some(rust) = &mut file.rust
            && declared.contains(&file.path)
        {
            rust.is_test_file = true;
        }
    }
}

impl File {
    pub(super) fn new(path: &str, text: impl Into<String>) -> Self {
        let text = text.into();
        let rust = path.ends_with(".rs").then(|| {
            let mut rust = rust::parse(&text);
            rust.is_test_file |=
                path.starts_with("tests/") || path.contains("/tests/") || path.ends_with("/tests.rs");
            rust
        });
        Self { path: path.to_owned(), text, rust }
    }

    /// The name of the folder under `crates/` that the file is in.
    pub(super) fn crate_name(&self) -> Option<&str> {
        self.path.strip_prefix("crates/")?.split_once('/').map(|(name, _)| name)
    }

    /// Whether the file is part of what a library crate offers: `crates/*/src`.
    pub(super) fn is_library_source(&self) -> bool {
        self.crate_name().is_some() && self.path.split('/').nth(2) == Some("src")
    }

    /// Whether a comment on this line or the one above allows what the rule found.
    pub(super) fn is_allowed(&self, rule: &str, line: usize) -> bool {
        let marker = format!("tidy:allow({rule}):");
        let has_reason = |text: &str| {
            text.split_once(&marker).is_some_and(|(_, reason)| reason.contains(|c: char| c.is_alphanumeric()))
        };
        line > 0 && self.text.lines().skip(line.saturating_sub(2)).take(line.min(2)).any(has_reason)
    }

    /// The files that this one declares as out-of-line test modules, in both places Rust looks for them.
    fn test_modules(&self) -> Vec<String> {
        let Some(rust) = &self.rust else { return Vec::new() };
        let (folder, name) = self.path.rsplit_once('/').unwrap_or((".", &self.path));
        let folder = match name {
            "lib.rs" | "main.rs" | "mod.rs" => folder.to_owned(),
            _ => format!("{folder}/{}", name.trim_end_matches(".rs")),
        };
        let places = |module: &String| [format!("{folder}/{module}.rs"), format!("{folder}/{module}/mod.rs")];
        rust.test_modules.iter().flat_map(places).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_tells_crate_and_kind() {
        let file = |path: &str| File::new(path, "");
        assert_eq!(file("crates/oss/src/lib.rs").crate_name(), Some("oss"));
        assert_eq!(file("xtask/src/main.rs").crate_name(), None);
        assert!(file("crates/oss/src/a/b.rs").is_library_source());
        assert!(!file("crates/oss/tests/a.rs").is_library_source());
        assert!(!file("examples/src/lib.rs").is_library_source());
    }

    #[test]
    fn files_under_tests_and_declared_test_modules_are_test_files() {
        let mut files = vec![
            File::new("crates/oss/src/lib.rs", "#[cfg(test)]\nmod fixtures;\nmod client;\n"),
            File::new("crates/oss/src/client.rs", "#[cfg(test)]\nmod probes;\n"),
            File::new("crates/oss/src/fixtures.rs", ""),
            File::new("crates/oss/src/client/probes/mod.rs", ""),
            File::new("crates/oss/src/probes.rs", ""),
            File::new("crates/oss/tests/a.rs", ""),
        ];
        mark_test_modules(&mut files);
        let test_files: Vec<bool> =
            files.iter().map(|file| file.rust.as_ref().unwrap().is_test_file).collect();
        assert_eq!(test_files, [false, false, true, true, false, true]);
    }
}

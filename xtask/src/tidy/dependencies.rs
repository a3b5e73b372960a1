//! Dependencies that a manifest names and no code uses.

use toml::{Table, Value};

use super::manifests::each_manifest;
use super::{File, Finding};

/// The crates whose library is not called like the package.
const LIBRARY_NAMES: &[(&str, &str)] = &[("md-5", "md5")];

/// A normal dependency is used by code that is not only compiled for tests; a dev dependency by anything that is.
pub(super) fn unused(files: &[File]) -> Vec<Finding> {
    each_manifest(files, |file, manifest| {
        let folder = file.path.trim_end_matches("Cargo.toml");
        let sources: Vec<&File> = files.iter().filter(|source| is_part(source, folder, files)).collect();
        let mut found = Vec::new();
        for (table, is_dev) in
            [("dependencies", false), ("build-dependencies", false), ("dev-dependencies", true)]
        {
            for name in names(manifest, table) {
                let library = LIBRARY_NAMES.iter().find(|(package, _)| *package == name);
                let library =
                    library.map_or_else(|| name.replace('-', "_"), |(_, library)| (*library).to_owned());
                if !sources.iter().any(|source| uses(source, folder, &library, is_dev)) {
                    let message = format!("`{name}` in `{table}` is used by no code that the table is for");
                    found.push(Finding::new(file, line_of(file, table, &name), message));
                }
            }
        }
        found
    })
}

/// Whether the file belongs to the package in this folder, and not to another one inside it.
fn is_part(file: &File, folder: &str, files: &[File]) -> bool {
    let Some(path) = file.path.strip_prefix(folder) else { return false };
    (file.rust.is_some() || path == "README.md")
        && !path.match_indices('/').any(|(end, _)| {
            files.iter().any(|other| other.path == format!("{folder}{}/Cargo.toml", &path[..end]))
        })
}

fn names(manifest: &Table, table: &str) -> Vec<String> {
    let platforms = manifest.get("target").and_then(Value::as_table).into_iter().flat_map(Table::values);
    let tables = platforms.map(|platform| platform.get(table)).chain([manifest.get(table)]);
    tables.flatten().filter_map(Value::as_table).flat_map(Table::keys).cloned().collect()
}

/// The examples in a README and in doc comments are tests.
fn uses(file: &File, folder: &str, library: &str, is_dev: bool) -> bool {
    let Some(rust) = &file.rust else { return is_dev && file.text.contains(library) };
    let is_normal = ["tests/", "benches/", "examples/"]
        .iter()
        .all(|dev| file.path.strip_prefix(folder).is_some_and(|path| !path.starts_with(dev)));
    let in_code = |place| is_dev || (is_normal && !rust.is_test(place));
    rust.words(library).any(in_code) || (is_dev && is_in_doc_example(&file.text, library))
}

fn is_in_doc_example(text: &str, library: &str) -> bool {
    let lines = text.lines().map(str::trim_start);
    lines
        .filter(|line| line.starts_with("///") || line.starts_with("//!"))
        .any(|line| line.contains(&format!("{library}::")))
}

/// The line below the table's head that begins with the name, or 0 if it is written in some other way.
fn line_of(file: &File, table: &str, name: &str) -> usize {
    let is_head = |line: &str| line == format!("[{table}]") || line.ends_with(&format!(".{table}]"));
    let below = file.text.lines().enumerate().skip_while(|(_, line)| !is_head(line.trim_end()));
    let is_name = |line: &str| line.strip_prefix(name).is_some_and(|rest| rest.starts_with([' ', '=', '.']));
    below.into_iter().find(|(_, line)| is_name(line)).map_or(0, |(index, _)| index + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(manifest: &str, others: &[(&str, &str)]) -> Vec<usize> {
        let mut files = vec![File::new("crates/oss/Cargo.toml", manifest)];
        files.extend(others.iter().map(|(path, text)| File::new(path, *text)));
        unused(&files).into_iter().map(|finding| finding.line).collect()
    }

    #[test]
    fn a_dependency_is_used_by_code_and_not_by_words() {
        let manifest = "[dependencies]\nhttp-body.workspace = true\nmd-5 = \"0.11\"\n";
        let code = "use http_body::Frame;\nfn a() { md5::Md5::new(); }\n";
        assert_eq!(found(manifest, &[("crates/oss/src/lib.rs", code)]), [0; 0]);
        let words = "// http_body\nfn a() { b(\"md5\", http_body_util); }\n";
        assert_eq!(found(manifest, &[("crates/oss/src/lib.rs", words)]), [2, 3]);
        assert_eq!(found(manifest, &[("crates/other/src/lib.rs", code)]), [2, 3]);
    }

    #[test]
    fn a_dependency_that_only_tests_use_is_in_the_wrong_table() {
        let test = "#[cfg(test)]\nmod tests {\n    use bytes::Bytes;\n}\n";
        for (path, code) in
            [("crates/oss/src/lib.rs", test), ("crates/oss/tests/a.rs", "use bytes::Bytes;\n")]
        {
            assert_eq!(found("[dependencies]\nbytes = \"1\"\n", &[(path, code)]), [2]);
            assert_eq!(found("[dev-dependencies]\nbytes = \"1\"\n", &[(path, code)]), [0; 0]);
        }
    }

    #[test]
    fn examples_in_the_documentation_use_dev_dependencies() {
        for (path, text) in [
            ("crates/oss/README.md", "```\n#[tokio::main]\n```\n"),
            ("crates/oss/src/lib.rs", "/// # tokio::spawn(x);\nfn a() {}\n"),
        ] {
            assert_eq!(found("[dev-dependencies]\ntokio = \"1\"\n", &[(path, text)]), [0; 0]);
            assert_eq!(found("[dependencies]\ntokio = \"1\"\n", &[(path, text)]), [2]);
        }
    }

    #[test]
    fn a_package_inside_another_is_its_own() {
        let inner =
            [("crates/oss/inner/Cargo.toml", ""), ("crates/oss/inner/src/main.rs", "use bytes::Bytes;\n")];
        assert_eq!(found("[dependencies]\nbytes = \"1\"\n", &inner), [2]);
    }
}

//! Rules about `Cargo.toml` files.

use toml::{Table, Value};

use super::{File, Finding};

/// Dev dependencies inside the workspace have a path and no version: cargo drops them on publishing, and a version
/// would make two crates that test each other impossible to publish.
pub(super) fn internal_dev_dependencies(files: &[File]) -> Vec<Finding> {
    let crates: Vec<&str> = files.iter().filter_map(File::crate_name).collect();
    each_manifest(files, |file, manifest| {
        let mut found = Vec::new();
        for (key, value) in dev_tables(manifest).into_iter().flatten() {
            let name = value.get("package").and_then(Value::as_str).unwrap_or(key);
            if !crates.contains(&name) {
                continue;
            }
            let is_path_only = value.get("path").is_some() && value.get("version").is_none();
            if !is_path_only {
                let message = format!(
                    "the dev dependency `{key}` must have a path, and neither a version nor `workspace = true`"
                );
                found.push(Finding::new(file, line_of(file, key), message));
            }
        }
        found
    })
}

/// Every crate takes its lints from the workspace, or none of them would hold for it.
pub(super) fn workspace_lints(files: &[File]) -> Vec<Finding> {
    each_manifest(files, |file, manifest| {
        let inherits =
            manifest.get("lints").and_then(|lints| lints.get("workspace")) == Some(&Value::Boolean(true));
        if manifest.contains_key("package") && !inherits {
            return vec![Finding::new(
                file,
                0,
                "does not take the workspace's lints: add `[lints]` with `workspace = true`",
            )];
        }
        Vec::new()
    })
}

pub(super) fn each_manifest(files: &[File], rule: impl Fn(&File, &Table) -> Vec<Finding>) -> Vec<Finding> {
    let is_manifest = |file: &&File| file.path == "Cargo.toml" || file.path.ends_with("/Cargo.toml");
    let judge = |file: &File| match file.text.parse::<Table>() {
        Ok(manifest) => rule(file, &manifest),
        Err(error) => vec![Finding::new(file, 0, format!("is not TOML: {error}"))],
    };
    files.iter().filter(is_manifest).flat_map(judge).collect()
}

/// The table of dev dependencies for every platform and those for some.
fn dev_tables(manifest: &Table) -> Vec<&Table> {
    let platforms = manifest.get("target").and_then(Value::as_table).into_iter().flat_map(Table::values);
    let tables =
        platforms.map(|platform| platform.get("dev-dependencies")).chain([manifest.get("dev-dependencies")]);
    tables.flatten().filter_map(Value::as_table).collect()
}

/// The line in the dev section that begins with the key, or 0 if it is written in some other way.
fn line_of(file: &File, key: &str) -> usize {
    let lines = file.text.lines().enumerate().skip_while(|(_, line)| !line.contains("dev-dependencies"));
    lines.into_iter().find(|(_, line)| line.starts_with(key)).map_or(0, |(index, _)| index + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dev(manifest: &str) -> Vec<usize> {
        let files =
            [File::new("crates/oss/Cargo.toml", manifest), File::new("crates/oss-emulator/README.md", "")];
        internal_dev_dependencies(&files).into_iter().map(|finding| finding.line).collect()
    }

    #[test]
    fn a_path_alone_passes() {
        assert_eq!(
            dev("[dev-dependencies]\noss-emulator = { path = \"../oss-emulator\", features = [] }\n"),
            [0; 0]
        );
        assert_eq!(dev("[dev-dependencies]\nwiremock.workspace = true\ndivan = \"0.1\"\n"), [0; 0]);
        assert_eq!(dev("[dependencies]\noss-emulator = { workspace = true }\n"), [0; 0]);
    }

    #[test]
    fn a_version_or_inheritance_is_found() {
        for value in ["\"0.1\"", "{ workspace = true }", "{ path = \"../oss-emulator\", version = \"0.1\" }"]
        {
            assert_eq!(
                dev(&format!("[dev-dependencies]\n# A comment.\noss-emulator = {value}\n")),
                [3],
                "{value}"
            );
        }
        assert_eq!(dev("[dev-dependencies]\nfake = { package = \"oss-emulator\", version = \"1\" }\n"), [2]);
        assert_eq!(dev("[target.'cfg(unix)'.dev-dependencies]\noss-emulator.workspace = true\n"), [2]);
    }

    #[test]
    fn a_manifest_that_cannot_be_read_is_found() {
        assert_eq!(dev("[dev-dependencies\n"), [0]);
    }

    #[test]
    fn lints_come_from_the_workspace() {
        let found = |text: &str| workspace_lints(&[File::new("xtask/Cargo.toml", text)]).len();
        assert_eq!(found("[package]\n[lints]\nworkspace = true\n"), 0);
        assert_eq!(found("[workspace]\n"), 0);
        assert_eq!(found("[package]\n"), 1);
        assert_eq!(found("[package]\n[lints]\nworkspace = false\n"), 1);
    }
}

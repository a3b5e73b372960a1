//! The workspace as cargo and git see it: its root, its crates, its files.

use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::Outcome;

/// A crate of this workspace and the dependencies its manifest declares.
#[derive(Debug, Default)]
pub(crate) struct Member {
    pub(crate) name: String,
    pub(crate) features: Vec<String>,
    /// The features that `default` names.
    pub(crate) default_features: Vec<String>,
    pub(crate) dependencies: Vec<Dependency>,
    pub(crate) version: String,
    /// The oldest Rust it promises to build with; empty if it promises none.
    pub(crate) rust_version: String,
    /// Whether its manifest lets it go to a registry.
    pub(crate) is_published: bool,
}

/// A declared dependency, inside or outside the workspace, optional or not, on any platform.
#[derive(Debug)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    pub(crate) kind: Kind,
}

/// The three tables a manifest can name a dependency in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Normal,
    Build,
    Dev,
}

/// The top folder of the repository.
pub(crate) fn root() -> &'static Path {
    let xtask = Path::new(env!("CARGO_MANIFEST_DIR"));
    xtask.parent().unwrap_or(xtask)
}

/// A `cargo` command at the root that behaves as if a person had typed it.
///
/// `cargo run` describes xtask's own package to its child in environment variables. Build scripts that watch them
/// (ring's does) would be run again, and everything above them rebuilt, each time one switches between `cargo`
/// and `cargo xtask`; so they are not passed on. Standard input is closed: no chore may wait for a person.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new("cargo");
    command.args(arguments).current_dir(root()).stdin(Stdio::null());
    for (name, _) in std::env::vars_os() {
        let own = name.to_str().is_some_and(|name| {
            name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_") || name == "CARGO_BIN_NAME"
        });
        if own {
            command.env_remove(name);
        }
    }
    command
}

/// A `git` command at the root.
///
/// CI machines often check out as another user than the one that builds, which git refuses to read; what the chores ask is
/// harmless there.
pub(crate) fn git(arguments: &[&str]) -> Command {
    let mut command = Command::new("git");
    command.arg("-c").arg(format!("safe.directory={}", root().display()));
    command.args(arguments).current_dir(root()).stdin(Stdio::null());
    command
}

/// Runs a command to its end and returns what it wrote to standard output.
///
/// # Errors
///
/// If the command cannot be started or does not succeed; the message holds its standard error.
pub(crate) fn output(command: &mut Command) -> Outcome<String> {
    let what = format!("{command:?}");
    let output = command.output().map_err(|error| format!("cannot start {what}: {error}"))?;
    if !output.status.success() {
        return Err(format!("{what}: {}\n{}", output.status, String::from_utf8_lossy(&output.stderr)).into());
    }
    Ok(String::from_utf8(output.stdout)?)
}

/// Whether this machine has the program.
pub(crate) fn runs(program: &str) -> bool {
    let version = Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    version.is_ok_and(|status| status.success())
}

/// Says that this machine cannot build what links OpenSSL; `None` if it can.
pub(crate) fn missing_openssl() -> Option<&'static str> {
    let has_headers =
        || Command::new("pkg-config").args(["--exists", "openssl"]).status().is_ok_and(|s| s.success());
    let is_missing = cfg!(target_os = "linux") && !has_headers();
    is_missing.then_some("the headers of OpenSSL are not installed (pkg-config --exists openssl)")
}

/// The crates of the workspace, in the order of `cargo metadata`.
///
/// # Errors
///
/// If a manifest cannot be read or `cargo metadata` answers in a form this function does not know.
pub(crate) fn members() -> Outcome<Vec<Member>> {
    let json = output(&mut cargo(&["metadata", "--format-version", "1", "--no-deps"]))?;
    let metadata: Value = serde_json::from_str(&json)?;
    list(&metadata, "packages")?.iter().map(member).collect()
}

/// The crates that go to a registry.
///
/// # Errors
///
/// As [`members`].
pub(crate) fn published() -> Outcome<Vec<Member>> {
    Ok(members()?.into_iter().filter(|member| member.is_published).collect())
}

/// The files of the repository as paths relative to its root: all that git tracks, and those it would track after
/// `git add .`, so that a new file is judged before it is committed.
///
/// # Errors
///
/// If this is not a git work tree or git is not installed.
pub(crate) fn files() -> Outcome<Vec<String>> {
    let listed = output(&mut git(&["ls-files", "-z", "--cached", "--others", "--exclude-standard"]))?;
    let mut files: Vec<String> =
        listed.split_terminator('\0').filter(|file| root().join(file).is_file()).map(str::to_owned).collect();
    files.sort();
    files.dedup();
    Ok(files)
}

fn member(package: &Value) -> Outcome<Member> {
    let features = package["features"].as_object().ok_or("cargo metadata has no features")?;
    let default = features.get("default").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    Ok(Member {
        name: text(package, "name")?,
        features: features.keys().cloned().collect(),
        default_features: default.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        dependencies: list(package, "dependencies")?.iter().map(dependency).collect::<Outcome<_>>()?,
        version: text(package, "version")?,
        rust_version: package["rust_version"].as_str().unwrap_or_default().to_owned(),
        is_published: package["publish"].is_null(),
    })
}

fn dependency(value: &Value) -> Outcome<Dependency> {
    let kind = match value["kind"].as_str() {
        None => Kind::Normal,
        Some("build") => Kind::Build,
        Some("dev") => Kind::Dev,
        Some(other) => {
            return Err(format!("cargo metadata names an unknown dependency kind `{other}`").into());
        }
    };
    Ok(Dependency { name: text(value, "name")?, kind })
}

fn text(value: &Value, field: &str) -> Outcome<String> {
    Ok(value[field].as_str().ok_or_else(|| format!("cargo metadata has no text field `{field}`"))?.to_owned())
}

fn list<'a>(value: &'a Value, field: &str) -> Outcome<&'a Vec<Value>> {
    Ok(value[field].as_array().ok_or_else(|| format!("cargo metadata has no list field `{field}`"))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_is_read_with_the_kind_of_each_dependency() {
        let package: Value = serde_json::from_str(
            r#"{"name": "oss", "version": "0.1.0", "rust_version": "1.89", "publish": null,
                "features": {"default": ["a"], "a": [], "b": []}, "dependencies": [
                {"name": "bytes", "kind": null}, {"name": "cc", "kind": "build"}, {"name": "divan", "kind": "dev"}]}"#,
        )
        .unwrap();
        let member = member(&package).unwrap();
        assert_eq!(member.features, ["a", "b", "default"]);
        assert_eq!(member.default_features, ["a"]);
        assert_eq!((member.rust_version.as_str(), member.is_published), ("1.89", true));
        let kinds: Vec<_> = member.dependencies.iter().map(|d| (d.name.as_str(), d.kind)).collect();
        assert_eq!(kinds, [("bytes", Kind::Normal), ("cc", Kind::Build), ("divan", Kind::Dev)]);
    }

    #[test]
    fn an_unknown_form_of_metadata_is_an_error() {
        assert!(member(&serde_json::json!({"name": "oss", "features": {}})).is_err());
        assert!(dependency(&serde_json::json!({"name": "oss", "kind": "weak"})).is_err());
    }

    #[test]
    fn this_file_is_among_the_files() {
        assert!(files().unwrap().iter().any(|file| file == "xtask/src/workspace.rs"));
    }
}

//! Rules about which files there are and where they stand.

use super::{File, Finding};

/// What may stand in the top folder: the rooms of the house, its front page, and configuration.
const TOP_LEVEL: &[&str] = &[
    ".cargo",
    ".ci",
    ".gitattributes",
    ".github",
    ".gitignore",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "README.ja.md",
    "README.md",
    "SECURITY.md",
    "clippy.toml",
    "crates",
    "deny.toml",
    "docs",
    "examples",
    "fuzz",
    "rust-toolchain.toml",
    "rustfmt.toml",
    "xtask",
];

pub(super) fn top_level(files: &[File]) -> Vec<Finding> {
    let is_known = |file: &&File| TOP_LEVEL.iter().any(|known| file.path.split('/').next() == Some(known));
    let stray = files.iter().filter(|file| !is_known(file));
    stray
        .map(|file| {
            Finding::new(file, 0, "is in no room of the house (the list is in xtask/src/tidy/layout.rs)")
        })
        .collect()
}

/// Each crate has a README that rustdoc shows as the crate's documentation.
pub(super) fn crate_readmes(files: &[File]) -> Vec<Finding> {
    let mut found = Vec::new();
    for manifest in files.iter().filter(|file| file.crate_name().is_some_and(|name| is_manifest(file, name)))
    {
        let folder = manifest.path.trim_end_matches("Cargo.toml");
        let file = |name: &str| files.iter().find(|file| file.path.strip_prefix(folder) == Some(name));
        match file("README.md") {
            None => found.push(Finding::new(manifest, 0, "the crate has no README.md beside this file")),
            Some(readme) if !readme.text.starts_with("# ") => {
                found.push(Finding::new(readme, 1, "begins without a title (`# name`)"));
            }
            Some(_) => {}
        }
        if let Some(library) = file("src/lib.rs")
            && !library.text.contains("#![doc = include_str!(\"../README.md\")]")
        {
            let message =
                "the README is not the crate's documentation: add #![doc = include_str!(\"../README.md\")]";
            found.push(Finding::new(library, 1, message));
        }
    }
    found
}

/// Each crate is published with the texts of both licences; the copies are those of the top folder.
pub(super) fn licences(files: &[File]) -> Vec<Finding> {
    let file = |path: &str| files.iter().find(|file| file.path == path);
    let mut found = Vec::new();
    for manifest in files.iter().filter(|file| file.crate_name().is_some_and(|name| is_manifest(file, name)))
    {
        for name in ["LICENSE-APACHE", "LICENSE-MIT"] {
            let copy = file(&manifest.path.replace("Cargo.toml", name));
            if copy.is_none_or(|copy| file(name).is_none_or(|original| original.text != copy.text)) {
                let message =
                    format!("has no {name} beside it that is the same as the one in the top folder");
                found.push(Finding::new(manifest, 0, message));
            }
        }
    }
    found
}

/// Chores are written in Rust; the one shell script is the entry of the CI.
pub(super) fn scripts(files: &[File]) -> Vec<Finding> {
    let is_script = |file: &&File| {
        file.path != ".ci/run"
            && (file.path.ends_with(".sh") || file.text.starts_with("#!/"))
            && !is_rust(file)
    };
    let message = "is a script; chores belong in xtask (the only script is .ci/run)";
    files.iter().filter(is_script).map(|file| Finding::new(file, 1, message)).collect()
}

fn is_manifest(file: &File, crate_name: &str) -> bool {
    file.path.strip_prefix("crates/").and_then(|path| path.strip_prefix(crate_name)) == Some("/Cargo.toml")
}

fn is_rust(file: &File) -> bool {
    file.rust.is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOC: &str = "#![doc = include_str!(\"../README.md\")]\n";

    fn crate_files(readme: &str, library: &str) -> [File; 3] {
        [
            File::new("crates/oss/Cargo.toml", "[package]\n"),
            File::new("crates/oss/README.md", readme),
            File::new("crates/oss/src/lib.rs", library),
        ]
    }

    #[test]
    fn only_known_rooms_pass() {
        let found = top_level(&[File::new("crates/oss/src/lib.rs", ""), File::new("notes.md", "")]);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].path, "notes.md");
    }

    #[test]
    fn a_crate_with_its_readme_as_documentation_passes() {
        assert_eq!(crate_readmes(&crate_files("# oss\n", DOC)), []);
    }

    #[test]
    fn a_crate_without_readme_title_or_include_is_found() {
        assert_eq!(crate_readmes(&crate_files("# oss\n", DOC)[..1]).len(), 1);
        assert_eq!(crate_readmes(&crate_files("oss\n", DOC))[0].path, "crates/oss/README.md");
        assert_eq!(crate_readmes(&crate_files("# oss\n", "//! Words.\n"))[0].path, "crates/oss/src/lib.rs");
    }

    #[test]
    fn a_crate_needs_copies_of_both_licences() {
        let texts = |apache: &str, mit: &str| {
            licences(&[
                File::new("LICENSE-APACHE", "a"),
                File::new("LICENSE-MIT", "m"),
                File::new("crates/oss/Cargo.toml", "[package]\n"),
                File::new("crates/oss/LICENSE-APACHE", apache),
                File::new("crates/oss/LICENSE-MIT", mit),
            ])
            .len()
        };
        assert_eq!((texts("a", "m"), texts("a", "other"), texts("", "")), (0, 1, 2));
        assert_eq!(licences(&[File::new("crates/oss/Cargo.toml", "[package]\n")]).len(), 2);
    }

    #[test]
    fn the_ci_entry_is_the_only_script() {
        let shebang = "#!/usr/bin/env bash\n";
        assert_eq!(scripts(&[File::new(".ci/run", shebang), File::new("examples/a.rs", "#![allow()]")]), []);
        assert_eq!(scripts(&[File::new("docs/make.sh", ""), File::new("docs/make", shebang)]).len(), 2);
    }
}

//! What the numbers were measured on: machine, compiler, dependencies.

use std::process::Command;

use toml::{Table, Value};

use crate::{Outcome, workspace};

/// The dependencies that spend the time the benches measure.
const KEY_DEPENDENCIES: &[&str] = &[
    "axum",
    "bytes",
    "crc-fast",
    "crypto-bigint",
    "divan",
    "hmac",
    "http",
    "hyper",
    "md-5",
    "quick-xml",
    "reqsign-aliyun-oss",
    "reqwest",
    "rustls",
    "serde_json",
    "sha1",
    "sha2",
    "tokio",
];

/// Rows of name and value. What this platform does not tell is "unknown"; it is never left out.
pub(crate) fn rows() -> Outcome<Vec<(&'static str, String)>> {
    let file = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let rustc = workspace::output(Command::new("rustc").arg("-V").current_dir(workspace::root()));
    Ok(vec![
        ("Processor", processor(&file("/proc/cpuinfo"))),
        ("Cores", std::thread::available_parallelism().map_or_else(|_| unknown(), |cores| cores.to_string())),
        ("Memory", memory(&file("/proc/meminfo"))),
        ("Kernel", said(Command::new("uname").args(["-s", "-r", "-m"]))),
        ("Load before the run", load(&file("/proc/loadavg"))),
        ("Compiler", rustc?.trim().to_owned()),
        ("Date (UTC)", said(Command::new("date").args(["-u", "+%Y-%m-%d %H:%M"]))),
        ("Commit", commit()),
    ])
}

/// The rows as a Markdown table.
pub(crate) fn table(rows: &[(&str, String)]) -> String {
    let rows: String = rows.iter().map(|(name, value)| format!("| {name} | {value} |\n")).collect();
    format!("| | |\n| --- | --- |\n{rows}")
}

/// The versions of [`KEY_DEPENDENCIES`] in `Cargo.lock`, as one line.
///
/// # Errors
///
/// If `Cargo.lock` cannot be read, or one of them is not in it.
pub(crate) fn dependencies() -> Outcome<String> {
    versions(&std::fs::read_to_string(workspace::root().join("Cargo.lock"))?, KEY_DEPENDENCIES)
}

fn versions(lock: &str, names: &[&str]) -> Outcome<String> {
    let lock: Table = lock.parse()?;
    let packages = lock.get("package").and_then(Value::as_array).ok_or("Cargo.lock names no packages")?;
    let mut found = Vec::new();
    for name in names {
        let text = |package: &Value, field| package.get(field).and_then(Value::as_str).map(str::to_owned);
        let of_name = packages.iter().filter(|package| text(package, "name").as_deref() == Some(name));
        let versions: Vec<String> = of_name.filter_map(|package| text(package, "version")).collect();
        if versions.is_empty() {
            return Err(
                format!("Cargo.lock has no {name}: mend the list in xtask/src/bench/machine.rs").into()
            );
        }
        found.push(format!("{name} {}", versions.join(" and ")));
    }
    Ok(found.join(", "))
}

fn processor(cpuinfo: &str) -> String {
    field(cpuinfo, "model name").unwrap_or_else(unknown)
}

fn memory(meminfo: &str) -> String {
    let kibibytes = field(meminfo, "MemTotal").and_then(|total| total.split(' ').next()?.parse::<f64>().ok());
    kibibytes.map_or_else(unknown, |kibibytes| format!("{:.1} GiB", kibibytes / f64::from(1 << 20)))
}

fn load(loadavg: &str) -> String {
    loadavg.split(' ').next().filter(|load| !load.is_empty()).map_or_else(unknown, str::to_owned)
}

fn field(text: &str, name: &str) -> Option<String> {
    let mut fields = text.lines().filter_map(|line| line.split_once(':'));
    fields.find(|(field, _)| field.trim() == name).map(|(_, value)| value.trim().to_owned())
}

/// The commit that was measured, and whether files had been changed since.
fn commit() -> String {
    let git = |arguments: &[&str]| said(&mut workspace::git(arguments));
    let changed = git(&["status", "--porcelain", "--untracked-files=no"]) != "unknown";
    format!("{}{}", git(&["rev-parse", "--short", "HEAD"]), if changed { ", with changes" } else { "" })
}

fn said(command: &mut Command) -> String {
    let text = workspace::output(command).unwrap_or_default();
    if text.trim().is_empty() { unknown() } else { text.trim().to_owned() }
}

fn unknown() -> String {
    "unknown".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_files_are_read() {
        assert_eq!(
            processor("processor\t: 0\nmodel name\t: Some CPU @ 2 GHz\nmodel name\t: x\n"),
            "Some CPU @ 2 GHz"
        );
        assert_eq!(memory("MemFree: 1 kB\nMemTotal:       25165824 kB\n"), "24.0 GiB");
        assert_eq!(load("0.25 0.10 0.01 1/100 7\n"), "0.25");
    }

    #[test]
    fn what_a_platform_does_not_tell_is_unknown() {
        assert_eq!((processor(""), memory("MemTotal: much"), load("")), (unknown(), unknown(), unknown()));
    }

    #[test]
    fn versions_are_those_of_the_lock_file() {
        let lock = "[[package]]\nname = \"a\"\nversion = \"1.0.0\"\n[[package]]\nname = \"b\"\nversion = \"0.1.0\"\n\
                    [[package]]\nname = \"b\"\nversion = \"0.2.0\"\n";
        assert_eq!(versions(lock, &["a", "b"]).unwrap(), "a 1.0.0, b 0.1.0 and 0.2.0");
        assert!(versions(lock, &["c"]).unwrap_err().to_string().contains("no c"));
    }

    #[test]
    fn the_lock_file_has_the_key_dependencies() {
        dependencies().unwrap();
    }
}

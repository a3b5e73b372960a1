//! `cargo xtask sizes`: what each crate brings with it and how long it takes to build, in `docs/building.md`.
//!
//! With `--quick` nothing is built, and the page goes to `target/building.md`.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::time::Instant;

use crate::bench::machine;
use crate::steps::finish;
use crate::workspace::Member;
use crate::{Outcome, workspace};

/// What is written about one crate.
struct Row {
    name: String,
    /// Crates to compile beside itself: without features, with the default ones, with all.
    crates: [usize; 3],
    /// A clean release build with the default features, in seconds.
    seconds: Option<f64>,
}

pub(crate) fn run(arguments: &[String]) -> Outcome {
    let is_quick = match arguments {
        [] => false,
        [quick] if quick == "--quick" => true,
        _ => return Err("the only argument is --quick".into()),
    };
    let machine = machine::rows()?;
    let mut rows = Vec::new();
    for member in workspace::published()? {
        let crates = [&["--no-default-features"][..], &[], &["--all-features"]];
        let [none, default, all] = crates.map(|features| compiled_with(&member, features));
        let seconds = if is_quick { None } else { Some(build(&member)?) };
        rows.push(Row { name: member.name, crates: [none?, default?, all?], seconds });
    }
    let folder = workspace::root().join(if is_quick { "target" } else { "docs" });
    std::fs::create_dir_all(&folder)?;
    std::fs::write(folder.join("building.md"), page(&machine, &rows))?;
    println!("written: {}", folder.join("building.md").display());
    Ok(())
}

/// How many crates are compiled for this one, build scripts and macros included.
fn compiled_with(member: &Member, features: &[&str]) -> Outcome<usize> {
    let tree = ["tree", "--locked", "--edges", "normal,build", "--prefix", "none", "--package", &member.name];
    let text = workspace::output(workspace::cargo(&tree).args(features))?;
    Ok(count(&text))
}

/// The crates in a tree beside its root; a crate is a name and a version.
fn count(tree: &str) -> usize {
    let crates: BTreeSet<Vec<&str>> =
        tree.lines().skip(1).map(|line| line.split(' ').take(2).collect()).collect();
    crates.len()
}

fn build(member: &Member) -> Outcome<f64> {
    let target = workspace::root().join("target/sizes");
    if target.exists() {
        std::fs::remove_dir_all(&target)?;
    }
    let arguments = ["build", "--release", "--locked", "--quiet", "--package", &member.name, "--target-dir"];
    let start = Instant::now();
    finish(workspace::cargo(&arguments).arg(&target).spawn()?)?;
    let seconds = start.elapsed().as_secs_f64();
    println!("{}: {seconds:.1} s", member.name);
    std::fs::remove_dir_all(&target)?;
    Ok(seconds)
}

fn page(machine: &[(&str, String)], rows: &[Row]) -> String {
    let mut page = String::from(
        "# Size and build time\n\n\
        Written by `cargo xtask sizes`; nothing here is typed by hand. Each crate is built alone, from nothing, in \
        release mode with its default features, when the sources have been fetched.\n\n\
        | crate | crates compiled with it: no features | default | all features | clean build, s |\n\
        | --- | ---: | ---: | ---: | ---: |\n",
    );
    for Row { name, crates: [none, default, all], seconds } in rows {
        let seconds = seconds.map_or_else(|| "not measured".to_owned(), |seconds| format!("{seconds:.1}"));
        let _ = writeln!(page, "| {name} | {none} | {default} | {all} | {seconds} |");
    }
    page.push_str(
        "\nThe counts include build scripts and macros: `cargo tree -p NAME --edges normal,build --prefix none`.\n\n\
        ## Measured on\n\n",
    );
    page.push_str(&machine::table(machine));
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crates_are_counted_once_and_without_the_root() {
        let tree = "oss v0.1.0 (/x)\nbytes v1.12.0\nhttp v1.5.0\nbytes v1.12.0 (*)\nbytes v2.0.0\nserde v1.0.0 (proc-macro)\n";
        assert_eq!(count(tree), 4);
    }

    #[test]
    fn a_page_has_a_row_for_each_crate() {
        let row = |seconds| Row { name: "oss".to_owned(), crates: [1, 2, 3], seconds };
        let page = page(&[("Cores", "2".to_owned())], &[row(Some(1.25)), row(None)]);
        for part in ["| oss | 1 | 2 | 3 | 1.2 |\n| oss | 1 | 2 | 3 | not measured |", "| Cores | 2 |"] {
            assert!(page.contains(part), "{part}\nin\n{page}");
        }
    }
}

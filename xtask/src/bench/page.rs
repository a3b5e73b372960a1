//! The page that is written from what the benches said.

use std::fmt::Write;

use super::machine;
use super::table::{Bench, Place};

/// What one bench said, or why it said nothing.
pub(super) enum Said {
    Output(String),
    Skipped(&'static str),
    Failed(String),
}

/// The Markdown page. `note` says how the run was less than the real one, if it was.
pub(super) fn write(
    rows: &[(&str, String)],
    dependencies: &str,
    note: Option<&str>,
    results: &[(&Bench, Said)],
) -> String {
    let mut page = String::from(
        "# Benchmarks\n\n\
        Written by `cargo xtask bench`; nothing here is typed by hand. Each bench measures what its crate promises \
        beside a limit in the same run, so that a ratio holds on other machines where an absolute number does not.\n",
    );
    if let Some(note) = note {
        let _ = write!(page, "\n**{note}**\n");
    }
    page.push_str("\n## Measured on\n\n");
    page.push_str(&machine::table(rows));
    let _ = writeln!(page, "| Dependencies | {dependencies} |");
    page.push_str(
        "\n## How to repeat it\n\nOn a machine that does nothing else (the page says what the load was):\n\n\
        ```text\ncargo xtask bench              # all, and this page\n\
        cargo xtask bench NAME…        # some, into target/benchmarks.md\n\
        cargo xtask bench --quick      # shows that they work, into target/benchmarks.md\n```\n\n\
        All traffic stays on loopback; no account is needed. Where the limit is another client or another library, \
        it takes turns with ours in the same run.\n",
    );
    for (bench, said) in results {
        let Bench { name, measures, limit, .. } = bench;
        let _ = write!(page, "\n## {name}\n\n{measures} Limit: {limit}\n\n`{}`\n\n", command(bench));
        match said {
            Said::Output(output) => page.push_str(&block(output)),
            Said::Skipped(why) => {
                let _ = writeln!(page, "Not run on this machine: {why}.");
            }
            Said::Failed(error) => {
                let _ = writeln!(page, "It failed: {error}");
            }
        }
    }
    page
}

/// How a person runs this bench by hand.
fn command(bench: &Bench) -> String {
    match bench.place {
        Place::Crate { package, target, features: [] } => {
            format!("cargo bench -p {package} --bench {target}")
        }
        Place::Crate { package, target, features } => {
            format!("cargo bench -p {package} --bench {target} --features {}", features.join(","))
        }
        Place::Alone { folder, .. } => {
            format!("cargo run --release --manifest-path {folder}/Cargo.toml -- --bench")
        }
    }
}

/// Markdown tables stay what they are; anything else is shown as it was printed.
fn block(output: &str) -> String {
    let lines: Vec<&str> = output.lines().map(str::trim_end).collect();
    let mut text = String::new();
    for piece in lines.chunk_by(|a, b| is_row(a) == is_row(b)) {
        let is_table = is_row(piece[0]);
        let piece = piece.join("\n");
        let piece = piece.trim_matches('\n');
        if piece.is_empty() {
            continue;
        }
        let separator = if text.is_empty() { "" } else { "\n" };
        let _ = match is_table {
            true => writeln!(text, "{separator}{piece}"),
            false => writeln!(text, "{separator}```text\n{piece}\n```"),
        };
    }
    text
}

fn is_row(line: &str) -> bool {
    line.starts_with('|')
}

#[cfg(test)]
mod tests {
    use super::*;

    const BENCH: Bench = Bench {
        name: "signing",
        place: Place::Crate { package: "oss-signing", target: "sign", features: &["a", "b"] },
        measures: "Time.",
        limit: "A hash.",
    };

    #[test]
    fn a_page_holds_machine_command_and_output() {
        let page = write(
            &[("Cores", "2".to_owned())],
            "tokio 1",
            None,
            &[(&BENCH, Said::Output("fast\n".to_owned()))],
        );
        for part in [
            "| Cores | 2 |",
            "| Dependencies | tokio 1 |",
            "## signing\n\nTime. Limit: A hash.\n\n`cargo bench -p oss-signing --bench sign --features a,b`\n\n",
            "```text\nfast\n```\n",
        ] {
            assert!(page.contains(part), "{part}\nin\n{page}");
        }
        assert!(!page.contains("**"), "{page}");
    }

    #[test]
    fn a_page_says_what_is_not_the_real_thing() {
        let results =
            [(&BENCH, Said::Failed("exit status: 1".to_owned())), (&BENCH, Said::Skipped("no curl"))];
        let page = write(&[], "", Some("A smoke run."), &results);
        for part in ["**A smoke run.**", "It failed: exit status: 1", "Not run on this machine: no curl."] {
            assert!(page.contains(part), "{part}\nin\n{page}");
        }
    }

    #[test]
    fn tables_stay_tables_and_the_rest_is_text() {
        assert_eq!(block("| a |\n| - |\n\n| b |\n"), "| a |\n| - |\n\n| b |\n");
        assert_eq!(block("\nTimer\n\n│ x  \n\n"), "```text\nTimer\n\n│ x\n```\n");
        assert_eq!(block("note\n| a |\n"), "```text\nnote\n```\n\n| a |\n");
    }
}

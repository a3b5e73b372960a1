//! The rule about links between files of the repository.

use std::collections::HashMap;

use super::{File, Finding};

/// A relative link in a Markdown file leads to a file or folder that is there, and to a heading of it if it names one.
pub(super) fn broken_links(files: &[File]) -> Vec<Finding> {
    let mut found = Vec::new();
    for file in files.iter().filter(|file| file.path.ends_with(".md")) {
        for (index, line) in file.text.lines().enumerate() {
            for target in targets(line) {
                if let Err(reason) = follow(file, target, files) {
                    found.push(Finding::new(file, index + 1, format!("links to `{target}`, {reason}")));
                }
            }
        }
    }
    found
}

/// The targets of `[text](target)` and `[label]: target`.
fn targets(line: &str) -> impl Iterator<Item = &str> {
    let inline = line.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(target, _)| target);
    let label =
        line.strip_prefix('[').and_then(|rest| rest.split_once("]: ")).map(|(_, target)| target.trim());
    inline.chain(label).filter_map(|target| target.split(' ').next())
}

fn follow(file: &File, target: &str, files: &[File]) -> Result<(), &'static str> {
    let (path, heading) = target.split_once('#').unwrap_or((target, ""));
    if !path.is_empty() && !is_relative(path) {
        return Ok(());
    }
    let path = if path.is_empty() { Some(file.path.clone()) } else { resolve(file, path) };
    let missing = "which is not in the repository";
    let path = path.ok_or(missing)?;
    if !path.is_empty() && !files.iter().any(|other| is_or_holds(&path, &other.path)) {
        return Err(missing);
    }
    match files.iter().find(|other| other.path == path && other.path.ends_with(".md")) {
        Some(page) if !heading.is_empty() && !anchors(&page.text).any(|anchor| anchor == heading) => {
            Err("a page that has no such heading")
        }
        _ => Ok(()),
    }
}

/// Neither an address nor a path of Rust's own (`crate::Body`), which rustdoc checks.
fn is_relative(target: &str) -> bool {
    target.contains(['/', '.']) && !target.contains(':')
}

/// The path from the repository's root; empty for the root itself.
fn resolve(file: &File, target: &str) -> Option<String> {
    let mut path: Vec<&str> = file.path.split('/').collect();
    path.pop();
    for part in target.split('/').filter(|part| !["", "."].contains(part)) {
        match part {
            ".." => {
                path.pop()?;
            }
            part => path.push(part),
        }
    }
    Some(path.join("/"))
}

fn is_or_holds(path: &str, file: &str) -> bool {
    file.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// What the headings of a page are called in addresses. Of two alike the second is called `…-1`, as GitHub and rustdoc
/// do.
fn anchors(page: &str) -> impl Iterator<Item = String> {
    let mut seen = HashMap::<String, usize>::new();
    headings(page).map(move |heading| {
        let anchor = anchor(heading);
        let earlier = seen.entry(anchor.clone()).or_default();
        *earlier += 1;
        match *earlier {
            1 => anchor,
            n => format!("{anchor}-{}", n - 1),
        }
    })
}

/// A line of code may begin with `#` too, so those between fences are passed over.
fn headings(page: &str) -> impl Iterator<Item = &str> {
    let mut in_code = false;
    page.lines().filter_map(move |line| {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
        }
        let text = line.trim_start_matches('#');
        let is_heading = !in_code && text.len() < line.len() && text.starts_with(' ');
        is_heading.then_some(text.trim())
    })
}

fn anchor(heading: &str) -> String {
    let letters = heading.chars().flat_map(char::to_lowercase);
    letters
        .filter(|letter| letter.is_alphanumeric() || [' ', '-', '_'].contains(letter))
        .map(|letter| if letter == ' ' { '-' } else { letter })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<usize> {
        let files = [
            File::new("crates/oss/README.md", text),
            File::new(
                "docs/errors.md",
                "# Codes\n\n```sh\n# no heading\n```\n\n## What to do, and when\n\n## 回答\n\n## Codes\n",
            ),
            File::new("LICENSE-MIT", ""),
        ];
        broken_links(&files).into_iter().map(|finding| finding.line).collect()
    }

    #[test]
    fn links_to_what_is_there_pass() {
        for link in [
            "../../docs/errors.md#codes",
            "../../docs/errors.md#codes-1",
            "../../docs/errors.md#what-to-do-and-when",
            "../../docs/errors.md#回答",
            "../../docs",
            "../../docs/",
            "../..",
            "./README.md",
            "../../LICENSE-MIT",
        ] {
            assert_eq!(
                lines(&format!("See [it]({link} \"title\") and [this]({link}).\n[it]: {link}\n")),
                [0; 0],
                "{link}"
            );
        }
    }

    #[test]
    fn addresses_and_rust_paths_are_not_judged() {
        assert_eq!(
            lines(
                "[a](https://example.com/x.md) [b](crate::a::B) [c](Body) [d](Body#streams)\n[e]: https://x.y/z\n"
            ),
            [0; 0]
        );
    }

    #[test]
    fn links_to_nothing_are_found() {
        assert_eq!(
            lines(
                "ok\n[a](docs/errors.md)\n[b]: ../errors.md\n[c](../../../docs/errors.md)\n[d](../../doc/)\n"
            ),
            [2, 3, 4, 5]
        );
    }

    #[test]
    fn links_to_no_heading_are_found() {
        let there = "# Top\n[a](#top)\n[b](../../docs#codes)\n[c](../../LICENSE-MIT#codes)\n";
        assert_eq!(lines(there), [0; 0]);
        for heading in ["no-heading", "Codes", "codes-2", "what-to-do,-and-when"] {
            assert_eq!(lines(&format!("[a](../../docs/errors.md#{heading})\n")), [1], "{heading}");
        }
        assert_eq!(lines("# Top\n[a](#bottom)\n"), [2]);
    }
}

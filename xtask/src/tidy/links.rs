//! The rule about links between files of the repository.

use super::{File, Finding};

/// A relative link in a Markdown file leads to a file or folder that is there.
pub(super) fn broken_links(files: &[File]) -> Vec<Finding> {
    let mut found = Vec::new();
    for file in files.iter().filter(|file| file.path.ends_with(".md")) {
        for (index, line) in file.text.lines().enumerate() {
            for target in
                targets(line).filter(|target| is_relative(target) && !leads_somewhere(file, target, files))
            {
                found.push(Finding::new(
                    file,
                    index + 1,
                    format!("links to `{target}`, which is not in the repository"),
                ));
            }
        }
    }
    found
}

/// The targets of `[text](target)` and `[label]: target`, without the part behind `#`.
fn targets(line: &str) -> impl Iterator<Item = &str> {
    let inline = line.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(target, _)| target);
    let label =
        line.strip_prefix('[').and_then(|rest| rest.split_once("]: ")).map(|(_, target)| target.trim());
    inline.chain(label).filter_map(|target| target.split(['#', ' ']).next())
}

/// Neither an address nor a path of Rust's own (`crate::Body`), which rustdoc checks.
fn is_relative(target: &str) -> bool {
    target.contains(['/', '.']) && !target.contains(':')
}

fn leads_somewhere(file: &File, target: &str, files: &[File]) -> bool {
    let mut path: Vec<&str> = file.path.split('/').collect();
    path.pop();
    for part in target.split('/').filter(|part| !["", "."].contains(part)) {
        match part {
            ".." if path.pop().is_none() => return false,
            ".." => {}
            part => path.push(part),
        }
    }
    let path = path.join("/");
    path.is_empty()
        || files.iter().any(|other| {
            other.path.strip_prefix(&path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<usize> {
        let files = [
            File::new("crates/oss/README.md", text),
            File::new("docs/errors.md", ""),
            File::new("LICENSE-MIT", ""),
        ];
        broken_links(&files).into_iter().map(|finding| finding.line).collect()
    }

    #[test]
    fn links_to_what_is_there_pass() {
        for link in [
            "../../docs/errors.md#codes",
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
            lines("[a](https://example.com/x.md) [b](crate::a::B) [c](Body) [d](#top)\n[e]: https://x.y/z\n"),
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
}

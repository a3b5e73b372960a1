//! Rules about any text file, line by line.

use super::{File, Finding};

/// Prefixes of paths that exist on one machine only; the last character of a user's folder is left open.
const MACHINE_PATHS: &[&str] = &[
    "/root/",  // tidy:allow(machine-path): the pattern itself
    "/home/",  // The pattern itself: a home folder is only found with a user's name behind it.
    "/work/",  // tidy:allow(machine-path): the pattern itself
    "/Users/", // The pattern itself, as above.
];

/// Marks of unfinished work, which belongs in the issue tracker.
const LEFTOVERS: &[&str] = &[
    "TODO",  // tidy:allow(leftover): the mark itself
    "FIXME", // tidy:allow(leftover): the mark itself
    "XXX",   // tidy:allow(leftover): the mark itself
];

pub(super) fn trailing_white_space(files: &[File]) -> Vec<Finding> {
    each_line(files.iter().filter(|file| !is_data(file)), |line| {
        (line != line.trim_end()).then(|| "ends in white space".to_owned())
    })
}

pub(super) fn final_newline(files: &[File]) -> Vec<Finding> {
    let mut found = Vec::new();
    for file in files.iter().filter(|file| !is_data(file) && !file.text.is_empty()) {
        let last = file.text.lines().count();
        if !file.text.ends_with('\n') {
            found.push(Finding::new(file, last, "ends without a line break"));
        } else if file.text.ends_with("\n\n") {
            found.push(Finding::new(file, last, "ends in an empty line"));
        }
    }
    found
}

pub(super) fn machine_paths(files: &[File]) -> Vec<Finding> {
    each_line(files.iter(), |line| {
        let path = MACHINE_PATHS.iter().find(|path| is_machine_path(line, path))?;
        Some(format!("holds a path of somebody's machine (`{path}`)"))
    })
}

pub(super) fn leftovers(files: &[File]) -> Vec<Finding> {
    each_line(files.iter(), |line| {
        let mark = LEFTOVERS.iter().find(|mark| has_word(line, mark))?;
        Some(format!("holds a `{mark}`: do it, or open an issue"))
    })
}

/// What tests read, such as vectors and signatures, is compared byte by byte and stays as it came; so do the inputs that
/// fuzz targets begin with.
fn is_data(file: &File) -> bool {
    let is_code = [".rs", ".md", ".toml"].iter().any(|end| file.path.ends_with(end));
    file.path.starts_with("fuzz/seeds/") || (file.path.contains("/tests/") && !is_code)
}

fn each_line<'a>(
    files: impl Iterator<Item = &'a File>,
    rule: impl Fn(&str) -> Option<String>,
) -> Vec<Finding> {
    let mut found = Vec::new();
    for file in files {
        // Not `lines()`, which would hide the carriage return of a foreign line ending.
        for (index, line) in file.text.split('\n').enumerate() {
            found.extend(rule(line).map(|message| Finding::new(file, index + 1, message)));
        }
    }
    found
}

/// A path begins where no other path goes on: `/x/` in `https://host/x/` or `crates/x/` is none. Behind the folder
/// that holds everybody's own there must be a name.
fn is_machine_path(line: &str, path: &str) -> bool {
    line.match_indices(path).any(|(at, _)| {
        let is_start = !line[..at].ends_with(|c: char| c.is_alphanumeric() || "_-.~}>*".contains(c));
        let has_name = line[at + path.len()..].starts_with(|c: char| c.is_alphanumeric());
        is_start && (has_name || !["/home/", "/Users/"].contains(&path))
    })
}

fn has_word(line: &str, word: &str) -> bool {
    let is_name = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(word)
        .any(|(at, _)| !line[..at].ends_with(is_name) && !line[at + word.len()..].starts_with(is_name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::lines;

    #[test]
    fn white_space_at_the_end_of_a_line_is_found() {
        assert_eq!(lines(trailing_white_space, "a.md", "good\nbad \nbad\t\nbad\r\n  good\n"), [2, 3, 4]);
        assert_eq!(lines(trailing_white_space, "crates/oss/tests/vectors/a.txt", "data \n"), [0; 0]);
        assert_eq!(lines(trailing_white_space, "fuzz/seeds/form/a", "data\r\n"), [0; 0]);
    }

    #[test]
    fn a_file_ends_in_exactly_one_line_break() {
        assert_eq!(lines(final_newline, "a.md", "one\ntwo\n"), [0; 0]);
        assert_eq!(lines(final_newline, "a.md", ""), [0; 0]);
        assert_eq!(lines(final_newline, "crates/oss/tests/keys/signature.txt", "bytes"), [0; 0]);
        assert_eq!(lines(final_newline, "crates/oss/tests/vectors.rs", "fn a() {}"), [1]);
        assert_eq!(lines(final_newline, "a.md", "one\ntwo"), [2]);
        assert_eq!(lines(final_newline, "a.md", "one\n\n"), [2]);
    }

    #[test]
    fn paths_of_a_machine_are_found() {
        for path in ["root/.cargo", "home/ann/x", "work/oss", "Users/ann"] {
            for line in [format!("/{path}\n"), format!("see file:///{path}\n"), format!("A=\"/{path}\"\n")] {
                assert_eq!(lines(machine_paths, "docs/a.md", &line), [1], "{line}");
            }
        }
    }

    #[test]
    fn other_paths_pass() {
        for line in
            ["https://example.com/work/1", "crates/root/x", "~/work/x", "/home/{user}", "/rooted", "$HOME/x"]
        {
            assert_eq!(lines(machine_paths, "docs/a.md", line), [0; 0], "{line}");
        }
    }

    #[test]
    fn marks_of_unfinished_work_are_found_as_words() {
        for mark in LEFTOVERS {
            assert_eq!(lines(leftovers, "a.rs", &format!("fn a() {{}}\n// {mark}: later\n")), [2]);
            assert_eq!(lines(leftovers, "a.rs", &format!("let {mark}_LIST = \"{mark}{mark}\";\n")), [0; 0]);
        }
    }
}

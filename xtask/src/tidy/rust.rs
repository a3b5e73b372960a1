//! Just enough of Rust's surface to tell code from comments and strings, and test code from the rest.

use std::ops::Range;

/// A Rust file as the rules see it.
#[derive(Debug)]
pub(super) struct Rust {
    /// The text with comments and the contents of strings and characters blanked out, line for line.
    pub(super) code: String,
    /// Whether the file as a whole is test code.
    pub(super) is_test_file: bool,
    /// The names in `#[cfg(test)] mod name;`.
    pub(super) test_modules: Vec<String>,
    /// Byte ranges of `code` that only tests compile.
    test_ranges: Vec<Range<usize>>,
}

/// A line of code with its number, counted from 1.
#[derive(Debug, Clone, Copy)]
pub(super) struct Line<'a> {
    pub(super) number: usize,
    pub(super) code: &'a str,
    pub(super) is_test: bool,
}

/// Reads a file's text. Text that is not Rust gives a result without meaning, never a panic.
pub(super) fn parse(text: &str) -> Rust {
    let code = mask(text);
    let test_ranges = test_ranges(&code);
    let test_modules = test_ranges.iter().filter_map(|range| module_name(&code[range.clone()])).collect();
    Rust { code, is_test_file: false, test_modules, test_ranges }
}

impl Rust {
    pub(super) fn lines(&self) -> impl Iterator<Item = Line<'_>> {
        let mut start = 0;
        self.code.split_inclusive('\n').enumerate().map(move |(index, code)| {
            let line = Line { number: index + 1, code, is_test: self.is_test(start) };
            start += code.len();
            line
        })
    }

    /// Whether the byte at this place of the code is compiled for tests only.
    pub(super) fn is_test(&self, place: usize) -> bool {
        self.is_test_file || self.test_ranges.iter().any(|range| range.contains(&place))
    }

    /// The number of the line that holds this byte of the code.
    pub(super) fn line_of(&self, place: usize) -> usize {
        self.code.as_bytes().iter().take(place).filter(|byte| **byte == b'\n').count() + 1
    }

    /// The places where the word stands in the code, not as a part of a longer name.
    pub(super) fn words<'a>(&'a self, word: &'a str) -> impl Iterator<Item = usize> + 'a {
        let is_name = |c: char| c.is_alphanumeric() || c == '_';
        self.code.match_indices(word).map(|(place, _)| place).filter(move |&place| {
            !self.code[..place].ends_with(is_name) && !self.code[place + word.len()..].starts_with(is_name)
        })
    }
}

/// Blanks out comments and the contents of literals; line breaks stay where they are.
fn mask(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let hidden =
            comment(rest).or_else(|| raw_string(rest)).or_else(|| string(rest)).or_else(|| character(rest));
        let length = hidden.unwrap_or_else(|| name(rest).unwrap_or(first.len_utf8()));
        let (head, tail) = rest.split_at(length);
        if hidden.is_some() {
            code.extend(head.chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
        } else {
            code.push_str(head);
        }
        rest = tail;
    }
    code
}

/// The length of the comment that the text begins with; block comments nest.
fn comment(text: &str) -> Option<usize> {
    if text.starts_with("//") {
        return Some(text.find('\n').unwrap_or(text.len()));
    }
    if !text.starts_with("/*") {
        return None;
    }
    let (mut depth, mut at) = (0, 0);
    while at < text.len() {
        let step = match text.as_bytes()[at..] {
            [b'/', b'*', ..] => (depth + 1, 2),
            [b'*', b'/', ..] => (depth - 1, 2),
            _ => (depth, 1),
        };
        depth = step.0;
        at += step.1;
        if depth == 0 {
            return Some(at);
        }
    }
    Some(text.len())
}

fn raw_string(text: &str) -> Option<usize> {
    let after =
        ["r", "br", "cr"].iter().find_map(|prefix| text.strip_prefix(prefix).filter(|t| !t.is_empty()))?;
    let hashes = after.len() - after.trim_start_matches('#').len();
    let open = text.len() - after.len() + hashes + 1;
    if !after[hashes..].starts_with('"') {
        return None;
    }
    let close = format!("\"{}", "#".repeat(hashes));
    Some(text[open..].find(&close).map_or(text.len(), |at| open + at + close.len()))
}

fn string(text: &str) -> Option<usize> {
    let mut characters = text.strip_prefix('"')?.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '\\' => drop(characters.next()),
            '"' => return Some(at + 2),
            _ => {}
        }
    }
    Some(text.len())
}

/// The length of a character literal; a lifetime is none.
fn character(text: &str) -> Option<usize> {
    let inner = text.strip_prefix('\'')?;
    let mut characters = inner.char_indices();
    let (_, first) = characters.next()?;
    if first == '\\' {
        let (at, escaped) = characters.next()?;
        let open = at + escaped.len_utf8();
        return inner[open..].find('\'').map(|at| 1 + open + at + 1);
    }
    characters.next().filter(|(_, second)| *second == '\'').map(|(at, _)| 1 + at + 1)
}

/// The length of the name that the text begins with, so that the `r` that ends a name opens no raw string.
fn name(text: &str) -> Option<usize> {
    let length = text.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(text.len());
    (length > 0).then_some(length)
}

/// The items behind `#[cfg(test)]` and its `all(test, …)` form, attribute included.
fn test_ranges(code: &str) -> Vec<Range<usize>> {
    let mut ranges: Vec<Range<usize>> = Vec::new();
    for attribute in ["#[cfg(test)]", "#[cfg(all(test"] {
        for (start, _) in code.match_indices(attribute) {
            ranges.push(start..item_end(code, start));
        }
    }
    ranges
}

/// The end of the item that begins at `start`: its semicolon or closing brace, outside all brackets of its own.
fn item_end(code: &str, start: usize) -> usize {
    let mut depth = 0_usize;
    for (at, character) in code[start..].char_indices() {
        match character {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' => depth = depth.saturating_sub(1),
            '}' => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return start + at + 1;
                }
            }
            ';' if depth == 0 => return start + at + 1,
            _ => {}
        }
    }
    code.len()
}

fn module_name(item: &str) -> Option<String> {
    let name = item.trim_end().strip_suffix(';')?.rsplit_once("mod ")?.1.trim();
    name.chars().all(|c| c.is_alphanumeric() || c == '_').then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_literals_are_blanked() {
        for (text, code) in [
            ("a // b\nc", "a     \nc"),
            ("a /* b /* c */ d */ e", "a                   e"),
            (r#"f("a\"b", 'c', '\'', '\u{41}')"#, "f(      ,    ,     ,         )"),
            (r##"r#"a " b"# + br"c\" + x"##, "           +        + x"),
            ("fn f<'a>(x: &'a str, 'b: loop {})", "fn f<'a>(x: &'a str, 'b: loop {})"),
            ("for\"x\"", "for   "),
            ("'é' \"é\n\" é", "      \n  é"),
            ("r#type = 1", "r#type = 1"),
            ("\"unclosed", "         "),
            ("/* unclosed", "           "),
        ] {
            assert_eq!(mask(text), code, "{text}");
        }
    }

    #[test]
    fn items_behind_cfg_test_are_test_code() {
        let rust = parse("fn a() {}\n#[cfg(test)]\nmod tests {\n    fn b() {}\n}\nfn c() {}\n");
        let test_lines: Vec<bool> = rust.lines().map(|line| line.is_test).collect();
        assert_eq!(test_lines, [false, true, true, true, true, false]);
    }

    #[test]
    fn an_out_of_line_test_module_does_not_make_the_rest_test_code() {
        let rust = parse("#[cfg(test)]\nmod fixtures;\n#[cfg(all(test, unix))]\nmod unix;\nfn a() { x() }\n");
        assert_eq!(rust.test_modules, ["fixtures", "unix"]);
        assert_eq!(rust.lines().filter(|line| line.is_test).count(), 4);
    }

    #[test]
    fn words_are_whole_words_with_their_lines() {
        let rust = parse("sleeper();\nlet x = sleep(1); // sleep\nno_sleep();\n");
        assert_eq!(rust.words("sleep").map(|place| rust.line_of(place)).collect::<Vec<_>>(), [2]);
    }
}

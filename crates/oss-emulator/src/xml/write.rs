//! Writes the documents OSS answers with.

use std::fmt::Write;

use quick_xml::escape::escape;

/// A document under construction; elements are closed by the closure that fills them.
#[derive(Debug)]
pub(crate) struct Document {
    text: String,
    depth: usize,
}

impl Document {
    /// Writes a whole document with one root element.
    pub(crate) fn build(root: &str, fill: impl FnOnce(&mut Self)) -> String {
        let mut document =
            Self { text: String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"), depth: 0 };
        document.element(root, fill);
        document.text
    }

    /// Writes an element that holds other elements.
    pub(crate) fn element(&mut self, name: &str, fill: impl FnOnce(&mut Self)) {
        self.indent();
        self.push(&["<", name, ">\n"]);
        self.depth += 1;
        fill(self);
        self.depth -= 1;
        self.indent();
        self.push(&["</", name, ">\n"]);
    }

    /// Writes an element that holds text.
    pub(crate) fn text(&mut self, name: &str, value: impl AsRef<str>) {
        self.indent();
        self.push(&["<", name, ">"]);
        self.push_escaped(value.as_ref());
        self.push(&["</", name, ">\n"]);
    }

    /// Writes an element that holds a number or another plain value.
    pub(crate) fn value(&mut self, name: &str, value: impl std::fmt::Display) {
        self.text(name, value.to_string());
    }

    /// Control characters other than tab and line ends have no place in XML 1.0. A client that has such keys
    /// asks for `encoding-type=url`; one that does not gets a numeric reference, which some parsers take.
    fn push_escaped(&mut self, value: &str) {
        for character in escape(value).chars() {
            match character {
                '\t' | '\n' => self.text.push(character),
                control if u32::from(control) < 0x20 => {
                    // Writing to a String cannot fail.
                    let _ = write!(self.text, "&#x{:X};", u32::from(control));
                }
                other => self.text.push(other),
            }
        }
    }

    fn indent(&mut self) {
        for _ in 0..self.depth {
            self.text.push_str("  ");
        }
    }

    fn push(&mut self, pieces: &[&str]) {
        for piece in pieces {
            self.text.push_str(piece);
        }
    }
}

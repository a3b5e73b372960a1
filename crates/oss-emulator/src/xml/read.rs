//! Reads the documents that clients send: part lists, deletions, configurations.

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use crate::error::{MALFORMED_XML, OssError};

/// Deeper nesting than any document of the OSS API has.
const MAX_DEPTH: usize = 16;
/// More elements than any document of the OSS API has: 10,000 parts are 30,000.
const MAX_ELEMENTS: usize = 100_000;

/// One element with its text and its children.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Element {
    pub(crate) name: String,
    pub(crate) text: String,
    pub(crate) children: Vec<Self>,
}

impl Element {
    /// Parses a document whose root has that name.
    pub(crate) fn parse(document: &[u8], root: &str) -> Result<Self, OssError> {
        let text = std::str::from_utf8(document).map_err(|_| malformed("it is not UTF-8"))?;
        let element = read(text)?;
        if element.name != root {
            return Err(malformed(format!("its root is {}, not {root}", element.name)));
        }
        Ok(element)
    }

    /// Whether the bytes are one well-formed element, of any name.
    pub(crate) fn is_well_formed(document: &[u8]) -> bool {
        std::str::from_utf8(document).is_ok_and(|text| read(text).is_ok())
    }

    /// The first child of that name.
    pub(crate) fn child(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|child| child.name == name)
    }

    /// All children of that name.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Self> {
        self.children.iter().filter(move |child| child.name == name)
    }

    /// The text of the first child of that name.
    pub(crate) fn text_of(&self, name: &str) -> Option<&str> {
        self.child(name).map(|child| child.text.as_str())
    }

    /// The text of a child that has to be there.
    pub(crate) fn required(&self, name: &str) -> Result<&str, OssError> {
        self.text_of(name).ok_or_else(|| malformed(format!("{} lacks {name}", self.name)))
    }
}

/// The error for a document that cannot be used, with the reason.
pub(crate) fn malformed(why: impl std::fmt::Display) -> OssError {
    OssError::from(MALFORMED_XML).saying(format!("{} ({why}).", MALFORMED_XML.message))
}

fn read(text: &str) -> Result<Element, OssError> {
    let mut reader = Reader::from_str(text);
    let mut open: Vec<Element> = Vec::new();
    let mut root = None;
    let mut elements = 0_usize;
    loop {
        if elements > MAX_ELEMENTS {
            return Err(malformed("it has too many elements"));
        }
        match reader.read_event().map_err(malformed)? {
            Event::Start(start) => {
                if open.len() >= MAX_DEPTH || (open.is_empty() && root.is_some()) {
                    return Err(malformed("it is nested too deeply or has two roots"));
                }
                elements += 1;
                open.push(named(&start));
            }
            Event::Empty(start) => {
                elements += 1;
                close(&mut open, &mut root, named(&start))?;
            }
            Event::End(_) => {
                let element = open.pop().ok_or_else(|| malformed("an element is closed twice"))?;
                close(&mut open, &mut root, element)?;
            }
            Event::Text(part) => append(&mut open, &part.xml10_content()),
            Event::CData(part) => append(&mut open, &part.xml10_content()),
            Event::GeneralRef(reference) => {
                let name: &str = &reference;
                let character = match reference.resolve_char_ref().map_err(malformed)? {
                    Some(character) => character.to_string(),
                    None => quick_xml::escape::resolve_predefined_entity(name)
                        .ok_or_else(|| malformed(format!("&{name}; is not defined")))?
                        .to_owned(),
                };
                append(&mut open, &character);
            }
            Event::DocType(_) => return Err(malformed("a document type is not accepted")),
            Event::Eof => break,
            Event::Decl(_) | Event::Comment(_) | Event::PI(_) => {}
        }
    }
    if !open.is_empty() {
        return Err(malformed("an element is not closed"));
    }
    root.ok_or_else(|| malformed("it is empty"))
}

fn named(start: &BytesStart<'_>) -> Element {
    Element { name: start.local_name().as_ref().to_owned(), ..Element::default() }
}

fn append(open: &mut [Element], text: &str) {
    if let Some(element) = open.last_mut() {
        element.text.push_str(text);
    }
}

fn close(open: &mut [Element], root: &mut Option<Element>, mut element: Element) -> Result<(), OssError> {
    if !element.children.is_empty() {
        element.text.clear();
    }
    match open.last_mut() {
        Some(parent) => parent.children.push(element),
        None if root.is_none() => *root = Some(element),
        None => return Err(malformed("it has two roots")),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::xml::Document;

    #[test]
    fn references_are_part_of_the_text() {
        let read =
            Element::parse(b"<?xml version=\"1.0\"?><A><ETag>&quot;1&amp;2&#x41;</ETag></A>", "A").unwrap();
        assert_eq!(read.text_of("ETag"), Some("\"1&2A"));
    }

    #[test]
    fn broken_documents_are_refused() {
        for broken in ["", "<A>", "<A></B>", "<A/><A/>", "<B/>", "<!DOCTYPE a><A/>", "<A>&nope;</A>", "text"]
        {
            assert_eq!(Element::parse(broken.as_bytes(), "A").unwrap_err().code, "MalformedXML", "{broken}");
        }
    }

    #[test]
    fn the_number_of_elements_is_bounded() {
        for many in ["<B/>", "<B></B>"] {
            let document = |count| format!("<A>{}</A>", many.repeat(count));
            assert!(Element::parse(document(30_000).as_bytes(), "A").is_ok());
            assert!(Element::parse(document(200_000).as_bytes(), "A").is_err());
        }
    }

    #[test]
    fn nesting_is_bounded() {
        let deep = format!("{}{}", "<A>".repeat(100_000), "</A>".repeat(100_000));
        assert!(Element::parse(deep.as_bytes(), "A").is_err());
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(text in "[^\u{0}-\u{8}\u{b}\u{c}\r\u{e}-\u{1f}\u{fffe}\u{ffff}]*") {
            let document = Document::build("Root", |root| root.text("Key", &text));
            let read = Element::parse(document.as_bytes(), "Root").unwrap();
            prop_assert_eq!(read.text_of("Key").unwrap(), text);
        }

        #[test]
        fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Element::parse(&bytes, "Root");
        }

        #[test]
        fn no_markup_makes_the_reader_panic(text in "[<>/&;#x A!\\[\\]?\"'-]{0,60}") {
            let _ = Element::parse(text.as_bytes(), "A");
        }
    }
}

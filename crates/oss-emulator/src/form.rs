//! Reads a browser's form (`multipart/form-data`) as it arrives: fields whole, the file in pieces.

use bytes::{Bytes, BytesMut};
use http::StatusCode;
use memchr::memmem;

use crate::body::{Refusal, RequestBody};
use crate::error::OssError;
use crate::journal::Ticket;

/// The longest head of one part.
const LONGEST_HEAD: usize = 8 * 1024;
/// The longest value of a field (OSS page "PostObject").
const LONGEST_VALUE: usize = 2 << 20;
/// More fields than any form has.
const MOST_FIELDS: usize = 1000;

/// A form that is being read.
pub(crate) struct Form<'a> {
    body: &'a mut RequestBody,
    ticket: &'a Ticket,
    /// `\r\n--boundary`
    delimiter: Vec<u8>,
    buffer: BytesMut,
    ended: bool,
    /// Whether the content of the current part has been read to its end.
    in_part: bool,
}

/// What stands before a part's content.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct PartHead {
    pub(crate) name: String,
    pub(crate) filename: Option<String>,
    pub(crate) content_type: Option<String>,
}

/// The fields in front of the file, and the head of the file.
#[derive(Debug)]
pub(crate) struct Fields {
    pub(crate) fields: Vec<(String, String)>,
    pub(crate) file: PartHead,
}

fn malformed(why: &str) -> OssError {
    OssError::new(
        StatusCode::BAD_REQUEST,
        "MalformedPOSTRequest",
        format!("The body of your POST request is not well-formed multipart/form-data: {why}."),
    )
}

impl<'a> Form<'a> {
    /// Begins to read; `content_type` is the header of the request.
    pub(crate) fn new(
        content_type: Option<&str>,
        body: &'a mut RequestBody,
        ticket: &'a Ticket,
    ) -> Result<Self, OssError> {
        let content_type = content_type.unwrap_or_default();
        let is_form = content_type.split(';').next().unwrap_or_default().trim();
        if !is_form.eq_ignore_ascii_case("multipart/form-data") {
            return Err(malformed("the Content-Type is not multipart/form-data"));
        }
        let boundary =
            parameter(content_type, "boundary").filter(|boundary| (1..=256).contains(&boundary.len()));
        let boundary = boundary.ok_or_else(|| malformed("the Content-Type has no boundary"))?;
        Ok(Self {
            body,
            ticket,
            delimiter: format!("\r\n--{boundary}").into_bytes(),
            // As if a line had ended before, so that the first boundary is like the others.
            buffer: BytesMut::from(&b"\r\n"[..]),
            ended: false,
            in_part: true,
        })
    }

    /// Reads all fields up to the file.
    pub(crate) async fn fields(&mut self) -> Result<Fields, Refusal> {
        let mut fields: Vec<(String, String)> = Vec::new();
        while let Some(head) = self.next_part().await? {
            if head.name == "file" {
                return Ok(Fields { fields, file: head });
            }
            let value = self.value().await?;
            if fields.len() >= MOST_FIELDS {
                return Err(malformed("it has too many fields").into());
            }
            fields.push((head.name, value));
        }
        Err(OssError::new(
            StatusCode::BAD_REQUEST,
            "IncorrectNumberOfFilesInPOSTRequest",
            "POST requires exactly one file upload per request.",
        )
        .into())
    }

    /// Reads no faster than that from now on.
    pub(crate) fn set_pace(&mut self, bits_per_second: u64) {
        self.body.set_pace(bits_per_second);
    }

    /// Goes to the next part; `None` at the end of the form.
    async fn next_part(&mut self) -> Result<Option<PartHead>, Refusal> {
        while self.in_part {
            self.piece().await?;
        }
        while self.buffer.len() < 2 {
            self.more("it ends at a boundary").await?;
        }
        if self.buffer.starts_with(b"--") {
            return Ok(None);
        }
        let head = loop {
            if let Some(end) = memmem::find(&self.buffer, b"\r\n\r\n") {
                break self.buffer.split_to(end + 4);
            }
            if self.buffer.len() > LONGEST_HEAD {
                return Err(malformed("the head of a part is longer than 8 KB").into());
            }
            self.more("it ends in the head of a part").await?;
        };
        self.in_part = true;
        part_head(&head).map(Some).map_err(Refusal::Error)
    }

    async fn value(&mut self) -> Result<String, Refusal> {
        let mut value = BytesMut::new();
        while let Some(piece) = self.piece().await? {
            value.extend_from_slice(&piece);
            if value.len() > LONGEST_VALUE {
                return Err(malformed("a field is longer than 2 MB").into());
            }
        }
        String::from_utf8(value.to_vec()).map_err(|_| malformed("a field is not UTF-8").into())
    }

    /// The next piece of the current part; `None` at its end.
    pub(crate) async fn piece(&mut self) -> Result<Option<Bytes>, Refusal> {
        if !self.in_part {
            return Ok(None);
        }
        loop {
            if let Some(at) = memmem::find(&self.buffer, &self.delimiter) {
                if at > 0 {
                    return Ok(Some(self.buffer.split_to(at).freeze()));
                }
                let _ = self.buffer.split_to(self.delimiter.len());
                self.in_part = false;
                return Ok(None);
            }
            // What could be the beginning of a boundary stays until more is known.
            let certain = self.buffer.len().saturating_sub(self.delimiter.len() - 1);
            if certain > 0 {
                return Ok(Some(self.buffer.split_to(certain).freeze()));
            }
            self.more("it ends inside a part").await?;
        }
    }

    /// Reads what follows the file, which means nothing, so that the connection is free for the next request.
    pub(crate) async fn finish(&mut self) -> Result<(), Refusal> {
        while self.body.next(self.ticket).await?.is_some() {}
        Ok(())
    }

    async fn more(&mut self, missing: &str) -> Result<(), Refusal> {
        if !self.ended
            && let Some(piece) = self.body.next(self.ticket).await?
        {
            self.buffer.extend_from_slice(&piece);
            return Ok(());
        }
        self.ended = true;
        Err(malformed(missing).into())
    }
}

fn part_head(head: &[u8]) -> Result<PartHead, OssError> {
    let text = std::str::from_utf8(head).map_err(|_| malformed("the head of a part is not UTF-8"))?;
    let mut part = PartHead::default();
    let mut named = false;
    for line in text.split("\r\n") {
        let Some((name, value)) = line.split_once(':') else { continue };
        match name.trim().to_ascii_lowercase().as_str() {
            "content-disposition" => {
                if let Some(field) = parameter(value, "name") {
                    part.name = field;
                    named = true;
                }
                part.filename = parameter(value, "filename");
            }
            "content-type" => part.content_type = Some(value.trim().to_owned()),
            _ => {}
        }
    }
    if named { Ok(part) } else { Err(malformed("a part has no name")) }
}

/// A parameter of a header value: `name=value` or `name="value"`, in which `\"` and `%22` stand for a quote.
fn parameter(value: &str, wanted: &str) -> Option<String> {
    let mut rest = value;
    while let Some((_, tail)) = rest.split_once(';') {
        rest = tail.trim_start();
        let Some((name, tail)) = rest.split_once('=') else { continue };
        let matches = name.trim().eq_ignore_ascii_case(wanted);
        let Some(quoted) = tail.strip_prefix('"') else {
            if matches {
                return Some(tail.split(';').next().unwrap_or_default().trim().to_owned());
            }
            continue;
        };
        let (text, after) = unquoted(quoted);
        if matches {
            return Some(text);
        }
        rest = after;
    }
    None
}

fn unquoted(quoted: &str) -> (String, &str) {
    let mut text = String::new();
    let mut characters = quoted.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return (text.replace("%22", "\""), &quoted[at + 1..]),
            '\\' if quoted[at + 1..].starts_with(['"', '\\']) => {
                text.extend(characters.next().map(|(_, escaped)| escaped));
            }
            other => text.push(other),
        }
    }
    (text, "")
}

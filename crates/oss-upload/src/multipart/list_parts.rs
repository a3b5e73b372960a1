use std::fmt::Display;
use std::str::FromStr;

use http::Method;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use super::{Multipart, read_xml};
use crate::error::Error;
use crate::operation::Operation;

/// A part OSS says it has.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ListedPart {
    #[serde(rename = "PartNumber")]
    pub(crate) number: u16,
    pub(crate) size: u64,
    #[serde(rename = "ETag")]
    pub(crate) etag: String,
    #[serde(default, rename = "HashCrc64ecma", deserialize_with = "number_if_any")]
    pub(crate) crc64: Option<u64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ListPartsResult {
    #[serde(default)]
    is_truncated: bool,
    #[serde(default, deserialize_with = "number_if_any")]
    next_part_number_marker: Option<u32>,
    #[serde(default, rename = "Part")]
    parts: Vec<ListedPart>,
}

/// An element that is there without text says nothing, and must not make the whole listing unreadable.
fn number_if_any<'de, T, D>(element: D) -> Result<Option<T>, D::Error>
where
    T: FromStr<Err: Display>,
    D: Deserializer<'de>,
{
    let text = Option::<String>::deserialize(element)?.unwrap_or_default();
    match text.trim() {
        "" => Ok(None),
        number => number.parse().map(Some).map_err(D::Error::custom),
    }
}

impl Multipart<'_> {
    /// Lists all parts of the upload, page by page.
    pub(crate) async fn list_parts(&self, upload_id: &str) -> Result<Vec<ListedPart>, Error> {
        let operation = Operation::ListParts;
        let mut parts: Vec<ListedPart> = Vec::new();
        let mut marker = 0u32;
        loop {
            let after = marker.to_string();
            let query =
                [("max-parts", "1000"), ("part-number-marker", after.as_str()), ("uploadId", upload_id)];
            let call = Multipart::call(self, operation, Method::GET, &query);
            let answer = call.execute(self.ledger).await?;
            let page: ListPartsResult = read_xml(operation, &answer)?;
            parts.extend(page.parts);
            if !page.is_truncated {
                return Ok(parts);
            }
            // A marker that stands still would turn the listing into a loop without end.
            marker = match page.next_part_number_marker {
                Some(next) if next > marker => next,
                _ => {
                    let reason = format!("it is truncated at part {marker} and does not say where to go on");
                    return Err(Error::MalformedAnswer { operation, reason });
                }
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_element_without_text_is_not_there() {
        let xml = "<ListPartsResult><NextPartNumberMarker></NextPartNumberMarker><IsTruncated>false</IsTruncated>\
                   <Part><PartNumber>1</PartNumber><ETag>A</ETag><Size>5</Size><HashCrc64ecma/></Part></ListPartsResult>";
        let page: ListPartsResult = quick_xml::de::from_str(xml).unwrap();
        assert_eq!((page.next_part_number_marker, page.parts[0].crc64), (None, None));
    }
}

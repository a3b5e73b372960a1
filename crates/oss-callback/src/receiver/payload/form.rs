use std::borrow::Cow;
use std::collections::HashSet;

use super::PayloadError;
use crate::percent::{decode, is_escaped_properly};

/// Decodes a form, strictly: escapes must be whole, the text UTF-8, names distinct. Both `+` and `%20` are a
/// space, because it is not documented which one OSS writes.
pub(crate) fn form_fields(body: &[u8]) -> Result<Vec<(String, String)>, PayloadError> {
    let mut fields = Vec::new();
    let mut names = HashSet::new();
    let mut offset = 0;
    for pair in body.split(|b| *b == b'&') {
        let malformed = || PayloadError::Form { offset };
        if !pair.is_empty() {
            let (name, value) = match pair.iter().position(|b| *b == b'=') {
                Some(at) => (pair.get(..at).unwrap_or_default(), pair.get(at + 1..).unwrap_or_default()),
                None => (pair, [].as_slice()),
            };
            let name = text(name).ok_or_else(malformed)?;
            let value = text(value).ok_or_else(malformed)?;
            if !names.insert(name.clone()) {
                return Err(PayloadError::DuplicateField { name });
            }
            fields.push((name, value));
        }
        offset += pair.len() + 1;
    }
    Ok(fields)
}

fn text(encoded: &[u8]) -> Option<String> {
    if !is_escaped_properly(encoded) {
        return None;
    }
    let spaced: Cow<'_, [u8]> = if encoded.contains(&b'+') {
        encoded.iter().map(|b| if *b == b'+' { b' ' } else { *b }).collect::<Vec<_>>().into()
    } else {
        encoded.into()
    };
    String::from_utf8(decode(&spaced).into_owned()).ok()
}

use http::request::Parts;

use crate::header::{CanonicalHeaders, Role, Unclear};
use crate::percent;
use crate::query::{self, Repeated};
use crate::resource::Resource;

use super::sub_resource::is_sub_resource;

/// What a V1 signature covers, as it is on the wire.
pub(crate) struct StringToSign<'a> {
    pub(crate) method: &'a str,
    pub(crate) content_md5: &'a [u8],
    pub(crate) content_type: &'a [u8],
    /// The date, or the expiry of a presigned URL in Unix seconds.
    pub(crate) date: &'a [u8],
    pub(crate) headers: CanonicalHeaders<'a>,
    pub(crate) resource: Resource<'a>,
    pub(crate) query: &'a [u8],
}

impl<'a> StringToSign<'a> {
    /// Takes from the request what V1 signs of it; `is_signed` says which `x-oss-` headers count.
    pub(crate) fn new(
        request: &'a Parts,
        resource: Resource<'a>,
        query: &'a [u8],
        date: &'a [u8],
        is_signed: impl Fn(Role) -> bool,
    ) -> Result<Self, Unclear> {
        let (mut content_md5, mut content_type) = (None, None);
        let mut headers = CanonicalHeaders::with_capacity(request.headers.len() + 2);
        for (name, value) in &request.headers {
            let slot = match Role::of(name) {
                Role::ContentType => &mut content_type,
                Role::ContentMd5 => &mut content_md5,
                role => {
                    if role.is_oss() && is_signed(role) {
                        headers.push(name.as_str(), value.as_bytes());
                    }
                    continue;
                }
            };
            if slot.replace(value.as_bytes().trim_ascii()).is_some() {
                return Err(Unclear(name.clone()));
            }
        }
        Ok(Self {
            method: request.method.as_str(),
            content_md5: content_md5.unwrap_or_default(),
            content_type: content_type.unwrap_or_default(),
            date,
            headers,
            resource,
            query,
        })
    }

    pub(crate) fn into_bytes(mut self) -> Result<Vec<u8>, Repeated> {
        self.headers.sort();
        let mut out = Vec::with_capacity(
            self.method.len()
                + self.content_md5.len()
                + self.content_type.len()
                + self.date.len()
                + self.headers.len()
                + self.resource.encoded_len()
                + self.query.len()
                + 5,
        );
        for line in [self.method.as_bytes(), self.content_md5, self.content_type, self.date] {
            out.extend_from_slice(line);
            out.push(b'\n');
        }
        self.headers.write(&mut out);
        self.resource.write_raw(&mut out);
        self.write_sub_resources(&mut out)?;
        Ok(out)
    }

    /// Appends the decoded sub-resources, sorted by name alone: sorted as `name=value` text, `callback-var` would come
    /// before `callback`.
    fn write_sub_resources(&self, out: &mut Vec<u8>) -> Result<(), Repeated> {
        if self.query.is_empty() {
            return Ok(());
        }
        let mut pairs: Vec<_> = query::pairs(self.query)
            .map(|(name, value)| (percent::decode(name), value))
            .filter(|(name, _)| is_sub_resource(name))
            .map(|(name, value)| (name, percent::decode(value)))
            .collect();
        pairs.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        if let Some(twice) = pairs.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            return Err(Repeated(String::from_utf8_lossy(&twice[0].0).into_owned()));
        }
        for (position, (name, value)) in pairs.iter().enumerate() {
            out.push(if position == 0 { b'?' } else { b'&' });
            out.extend_from_slice(name);
            if !value.is_empty() {
                out.push(b'=');
                out.extend_from_slice(value);
            }
        }
        Ok(())
    }
}

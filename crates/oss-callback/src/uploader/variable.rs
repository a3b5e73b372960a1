use std::fmt;

/// A system variable of a callback body: OSS puts the fact in place of `${name}` when it renders the body.
///
/// Names and meanings are those of the "Callback" page of the OSS documentation; [`Variable::ImageInfo`] is
/// not listed there, but OSS has been seen to substitute it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Variable {
    /// `${bucket}`: the bucket's name.
    Bucket,
    /// `${object}`: the full object key.
    Object,
    /// `${etag}`: the ETag, without the quotes that the header of the same name has.
    Etag,
    /// `${size}`: the object's size in bytes; for a multipart upload the whole object.
    Size,
    /// `${mimeType}`: the object's content type.
    MimeType,
    /// `${imageInfo.height}`: pixels; absent unless the object is an image OSS can read.
    ImageHeight,
    /// `${imageInfo.width}`: pixels; absent unless the object is an image OSS can read.
    ImageWidth,
    /// `${imageInfo.format}`: for instance `jpg`; absent unless the object is an image OSS can read.
    ImageFormat,
    /// `${imageInfo}`: not documented; `null` was seen for an object that is no image.
    ImageInfo,
    /// `${crc64}`: the CRC-64 that the header `x-oss-hash-crc64ecma` carries.
    Crc64,
    /// `${contentMd5}`: base64 of the content's MD5; documented for PutObject and PostObject only.
    ContentMd5,
    /// `${vpcId}`: the VPC the upload came from, if any.
    VpcId,
    /// `${clientIp}`: the uploader's address.
    ClientIp,
    /// `${reqId}`: the upload's request id; it begins with the time of the request, see
    /// [`Freshness`](crate::Freshness).
    ReqId,
    /// `${operation}`: `PutObject`, `PostObject` or `CompleteMultipartUpload`.
    Operation,
}

/// What OSS writes for a variable in a body of type `application/json`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum JsonToken {
    /// A quoted string.
    Text,
    /// A quoted string or `null`.
    OptionalText,
    /// Bare digits.
    Number,
    /// Bare digits or `null`.
    OptionalNumber,
    /// Not documented and not seen: a string, a number or `null`.
    Unsettled,
}

impl Variable {
    /// Every variable, in the order of the documentation.
    pub const ALL: &'static [Self] = &[
        Self::Bucket,
        Self::Object,
        Self::Etag,
        Self::Size,
        Self::MimeType,
        Self::ImageHeight,
        Self::ImageWidth,
        Self::ImageFormat,
        Self::ImageInfo,
        Self::Crc64,
        Self::ContentMd5,
        Self::VpcId,
        Self::ClientIp,
        Self::ReqId,
        Self::Operation,
    ];

    /// The name between the braces, for instance `imageInfo.height`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bucket => "bucket",
            Self::Object => "object",
            Self::Etag => "etag",
            Self::Size => "size",
            Self::MimeType => "mimeType",
            Self::ImageHeight => "imageInfo.height",
            Self::ImageWidth => "imageInfo.width",
            Self::ImageFormat => "imageInfo.format",
            Self::ImageInfo => "imageInfo",
            Self::Crc64 => "crc64",
            Self::ContentMd5 => "contentMd5",
            Self::VpcId => "vpcId",
            Self::ClientIp => "clientIp",
            Self::ReqId => "reqId",
            Self::Operation => "operation",
        }
    }

    /// The variable of that exact name; names are case-sensitive.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|variable| variable.name() == name)
    }

    pub(crate) const fn json_token(self) -> JsonToken {
        match self {
            Self::Size => JsonToken::Number,
            Self::ImageHeight | Self::ImageWidth => JsonToken::OptionalNumber,
            Self::ImageFormat | Self::ContentMd5 => JsonToken::OptionalText,
            Self::ImageInfo | Self::Crc64 | Self::VpcId => JsonToken::Unsettled,
            Self::Bucket
            | Self::Object
            | Self::Etag
            | Self::MimeType
            | Self::ClientIp
            | Self::ReqId
            | Self::Operation => JsonToken::Text,
        }
    }
}

impl fmt::Display for Variable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "${{{}}}", self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_leads_back_to_its_variable() {
        for &variable in Variable::ALL {
            assert_eq!(Variable::from_name(variable.name()), Some(variable));
        }
        assert_eq!(Variable::from_name("Bucket"), None);
        assert_eq!(Variable::Size.to_string(), "${size}");
    }
}

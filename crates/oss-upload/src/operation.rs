use std::fmt;

/// A request to OSS, by the name its documentation uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Operation {
    /// Stores an object with one request.
    PutObject,
    /// Stores an object from a form.
    PostObject,
    /// Asks for an object's facts.
    HeadObject,
    /// Deletes an object.
    DeleteObject,
    /// Begins a multipart upload.
    InitiateMultipartUpload,
    /// Sends the part of this number.
    UploadPart(u16),
    /// Lists the parts OSS has.
    ListParts,
    /// Puts the parts together.
    CompleteMultipartUpload,
    /// Gives a multipart upload up.
    AbortMultipartUpload,
    /// Lists multipart uploads in progress.
    ListMultipartUploads,
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UploadPart(number) => write!(f, "UploadPart {number}"),
            other => write!(f, "{other:?}"),
        }
    }
}

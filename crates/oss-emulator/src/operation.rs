//! Which operation of the OSS API a request asks for.

use http::{HeaderMap, Method};
use serde::{Deserialize, Serialize};

use crate::error::{METHOD_NOT_ALLOWED, NOT_IMPLEMENTED, OssError};
use crate::query::Query;

/// An operation of the OSS API, by its name in the documentation.
///
/// In JSON (fault scripts, the journal) it is written by that name, for instance `"UploadPart"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Operation {
    /// `GET /` on the service.
    ListBuckets,
    /// `PUT /` on a bucket.
    PutBucket,
    /// `HEAD /` on a bucket.
    HeadBucket,
    /// `DELETE /` on a bucket.
    DeleteBucket,
    /// `GET /?bucketInfo`.
    GetBucketInfo,
    /// `GET /?location`.
    GetBucketLocation,
    /// `GET /?acl`.
    GetBucketAcl,
    /// `PUT /?acl`.
    PutBucketAcl,
    /// `GET /`.
    ListObjects,
    /// `GET /?list-type=2`.
    ListObjectsV2,
    /// `GET /?uploads`.
    ListMultipartUploads,
    /// `POST /?delete`.
    DeleteMultipleObjects,
    /// `POST /` with a browser form.
    PostObject,
    /// `PUT /?cors`.
    PutBucketCors,
    /// `GET /?cors`.
    GetBucketCors,
    /// `DELETE /?cors`.
    DeleteBucketCors,
    /// `OPTIONS` on anything: a browser's preflight.
    OptionObject,
    /// `PUT /key`.
    PutObject,
    /// `GET /key`.
    GetObject,
    /// `HEAD /key`.
    HeadObject,
    /// `HEAD /key?objectMeta`.
    GetObjectMeta,
    /// `DELETE /key`.
    DeleteObject,
    /// `PUT /key` with `x-oss-copy-source`.
    CopyObject,
    /// `POST /key?append`.
    AppendObject,
    /// `PUT /key?acl`.
    PutObjectAcl,
    /// `GET /key?acl`.
    GetObjectAcl,
    /// `PUT /key?tagging`.
    PutObjectTagging,
    /// `GET /key?tagging`.
    GetObjectTagging,
    /// `DELETE /key?tagging`.
    DeleteObjectTagging,
    /// `POST /key?uploads`.
    InitiateMultipartUpload,
    /// `PUT /key?partNumber=&uploadId=`.
    UploadPart,
    /// The same with `x-oss-copy-source`.
    UploadPartCopy,
    /// `GET /key?uploadId=`.
    ListParts,
    /// `POST /key?uploadId=`.
    CompleteMultipartUpload,
    /// `DELETE /key?uploadId=`.
    AbortMultipartUpload,
}

/// Sub-resources of OSS that the emulator does not offer: a request for one must not be taken for a plain one.
const NOT_OFFERED: &[&str] = &[
    "asyncFetch",
    "bucketArchiveDirectRead",
    "cname",
    "comp",
    "encryption",
    "httpsConfig",
    "inventory",
    "legalHold",
    "lifecycle",
    "live",
    "logging",
    "metaQuery",
    "policy",
    "publicAccessBlock",
    "qosInfo",
    "redundancyTransition",
    "referer",
    "replication",
    "replicationLocation",
    "replicationProgress",
    "requestPayment",
    "resourceGroup",
    "responseHeader",
    "restore",
    "rtc",
    "seal",
    "stat",
    "style",
    "symlink",
    "transferAcceleration",
    "versioning",
    "versions",
    "vod",
    "website",
    "worm",
    "wormExtend",
    "wormId",
    "x-oss-async-process",
    "x-oss-delete",
    "x-oss-process",
    "x-oss-rename",
];

impl Operation {
    /// The name in the OSS documentation.
    pub fn name(self) -> String {
        format!("{self:?}")
    }

    /// Whether the operation reads the body of its request; the others leave it alone.
    pub(crate) fn reads_body(self) -> bool {
        matches!(
            self,
            Self::PutObject
                | Self::PostObject
                | Self::AppendObject
                | Self::UploadPart
                | Self::CompleteMultipartUpload
                | Self::DeleteMultipleObjects
                | Self::PutObjectTagging
                | Self::PutBucket
                | Self::PutBucketCors
        )
    }

    /// Finds the operation of a request.
    pub(crate) fn identify(
        method: &Method,
        has_bucket: bool,
        has_key: bool,
        query: &Query,
        headers: &HeaderMap,
    ) -> Result<Self, OssError> {
        if method == Method::OPTIONS {
            return Ok(Self::OptionObject);
        }
        if let Some(name) = NOT_OFFERED.iter().find(|name| query.has(name)) {
            return Err(OssError::from(NOT_IMPLEMENTED)
                .saying(format!("The emulator does not offer the sub-resource {name}.")));
        }
        let found = match (has_bucket, has_key) {
            (false, _) => (method == Method::GET).then_some(Self::ListBuckets),
            (true, false) => Self::of_bucket(method, query),
            (true, true) => Self::of_object(method, query, headers),
        };
        found.ok_or_else(|| OssError::from(METHOD_NOT_ALLOWED).with("Method", method.as_str()))
    }

    fn of_bucket(method: &Method, query: &Query) -> Option<Self> {
        Some(match method.as_str() {
            "GET" if query.has("uploads") => Self::ListMultipartUploads,
            "GET" if query.has("bucketInfo") => Self::GetBucketInfo,
            "GET" if query.has("location") => Self::GetBucketLocation,
            "GET" if query.has("acl") => Self::GetBucketAcl,
            "GET" if query.has("cors") => Self::GetBucketCors,
            "GET" if query.value("list-type") == Some("2") => Self::ListObjectsV2,
            "GET" => Self::ListObjects,
            "PUT" if query.has("acl") => Self::PutBucketAcl,
            "PUT" if query.has("cors") => Self::PutBucketCors,
            "PUT" => Self::PutBucket,
            "DELETE" if query.has("cors") => Self::DeleteBucketCors,
            "DELETE" => Self::DeleteBucket,
            "HEAD" => Self::HeadBucket,
            "POST" if query.has("delete") => Self::DeleteMultipleObjects,
            "POST" => Self::PostObject,
            _ => return None,
        })
    }

    fn of_object(method: &Method, query: &Query, headers: &HeaderMap) -> Option<Self> {
        let copies = headers.contains_key("x-oss-copy-source");
        Some(match method.as_str() {
            "GET" if query.has("uploadId") => Self::ListParts,
            "GET" if query.has("acl") => Self::GetObjectAcl,
            "GET" if query.has("tagging") => Self::GetObjectTagging,
            "GET" if query.has("objectMeta") => Self::GetObjectMeta,
            "GET" => Self::GetObject,
            "HEAD" if query.has("objectMeta") => Self::GetObjectMeta,
            "HEAD" => Self::HeadObject,
            "PUT" if query.has("partNumber") && copies => Self::UploadPartCopy,
            "PUT" if query.has("partNumber") => Self::UploadPart,
            "PUT" if query.has("acl") => Self::PutObjectAcl,
            "PUT" if query.has("tagging") => Self::PutObjectTagging,
            "PUT" if copies => Self::CopyObject,
            "PUT" => Self::PutObject,
            "POST" if query.has("uploads") => Self::InitiateMultipartUpload,
            "POST" if query.has("uploadId") => Self::CompleteMultipartUpload,
            "POST" if query.has("append") => Self::AppendObject,
            "DELETE" if query.has("uploadId") => Self::AbortMultipartUpload,
            "DELETE" if query.has("tagging") => Self::DeleteObjectTagging,
            "DELETE" => Self::DeleteObject,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identify(method: &str, key: bool, query: &str) -> Result<Operation, OssError> {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        Operation::identify(&method, true, key, &Query::parse(query).unwrap(), &HeaderMap::new())
    }

    #[test]
    fn multipart_operations_are_told_apart() {
        assert_eq!(identify("POST", true, "uploads=").unwrap(), Operation::InitiateMultipartUpload);
        assert_eq!(identify("PUT", true, "partNumber=1&uploadId=x").unwrap(), Operation::UploadPart);
        assert_eq!(identify("GET", true, "uploadId=x").unwrap(), Operation::ListParts);
        assert_eq!(identify("POST", true, "uploadId=x").unwrap(), Operation::CompleteMultipartUpload);
        assert_eq!(identify("DELETE", true, "uploadId=x").unwrap(), Operation::AbortMultipartUpload);
        assert_eq!(identify("GET", false, "uploads").unwrap(), Operation::ListMultipartUploads);
    }

    #[test]
    fn a_foreign_sub_resource_is_not_a_plain_request() {
        assert_eq!(identify("PUT", true, "symlink").unwrap_err().code, "NotImplemented");
        assert_eq!(identify("PUT", false, "lifecycle").unwrap_err().code, "NotImplemented");
        assert_eq!(identify("PATCH", true, "").unwrap_err().code, "MethodNotAllowed");
    }
}

//! What OSS answers when it refuses, as one typed value per documented code.

use std::borrow::Cow;
use std::ops::Deref;

use http::{HeaderName, HeaderValue, StatusCode};

/// A documented refusal: status, code, text and detailed error code.
///
/// The detailed codes (EC) are those of the error pages of the OSS documentation and of the answers that official SDKs
/// have in their tests; a refusal whose detailed code was found in neither has none.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kind {
    pub(crate) status: StatusCode,
    pub(crate) code: &'static str,
    pub(crate) message: &'static str,
    pub(crate) ec: Option<&'static str>,
}

impl Kind {
    const fn new(status: StatusCode, code: &'static str, message: &'static str, ec: &'static str) -> Self {
        let ec = if ec.is_empty() { None } else { Some(ec) };
        Self { status, code, message, ec }
    }
}

/// One refusal with the details that the error document of this request carries.
///
/// One word, since it is the error half of nearly every result here.
#[derive(Clone, Debug)]
pub(crate) struct OssError(Box<Details>);

/// What an error says.
#[derive(Clone, Debug)]
pub(crate) struct Details {
    pub(crate) status: StatusCode,
    pub(crate) code: Cow<'static, str>,
    pub(crate) message: Cow<'static, str>,
    pub(crate) ec: Option<Cow<'static, str>>,
    pub(crate) details: Vec<(Cow<'static, str>, String)>,
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
}

impl Deref for OssError {
    type Target = Details;

    fn deref(&self) -> &Details {
        &self.0
    }
}

impl From<Kind> for OssError {
    fn from(kind: Kind) -> Self {
        let mut error = Self::new(kind.status, kind.code, kind.message);
        error.0.ec = kind.ec.map(Cow::Borrowed);
        error
    }
}

impl OssError {
    /// Makes an error whose code is not in the table, as faults and verification need.
    pub(crate) fn new(
        status: StatusCode,
        code: impl Into<Cow<'static, str>>,
        message: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self(Box::new(Details {
            status,
            code: code.into(),
            message: message.into(),
            ec: None,
            details: Vec::new(),
            headers: Vec::new(),
        }))
    }

    /// Adds an element to the error document.
    #[must_use]
    pub(crate) fn with(mut self, name: impl Into<Cow<'static, str>>, value: impl Into<String>) -> Self {
        self.0.details.push((name.into(), value.into()));
        self
    }

    /// Replaces the text.
    #[must_use]
    pub(crate) fn saying(mut self, message: impl Into<Cow<'static, str>>) -> Self {
        self.0.message = message.into();
        self
    }

    /// Sets the detailed error code.
    #[must_use]
    pub(crate) fn ec(mut self, ec: impl Into<Cow<'static, str>>) -> Self {
        self.0.ec = Some(ec.into());
        self
    }

    /// Adds a header to the answer.
    #[must_use]
    pub(crate) fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.headers.push((name, value));
        self
    }

    /// An `InvalidArgument` that names the argument and repeats its value, as OSS does.
    pub(crate) fn invalid_argument(
        name: impl Into<String>,
        value: impl Into<String>,
        message: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self::from(INVALID_ARGUMENT).saying(message).with("ArgumentName", name).with("ArgumentValue", value)
    }

    /// The emulator itself failed, for instance its disk is full.
    pub(crate) fn internal(cause: impl std::fmt::Display) -> Self {
        Self::from(INTERNAL_ERROR).saying(format!("The emulator failed: {cause}"))
    }
}

pub(crate) const ACCESS_DENIED: Kind = Kind::new(
    StatusCode::FORBIDDEN,
    "AccessDenied",
    "You have no right to access this object.",
    "0003-00000001",
);
pub(crate) const BUCKET_NOT_EMPTY: Kind = Kind::new(
    StatusCode::CONFLICT,
    "BucketNotEmpty",
    "The bucket has objects. Please delete them first.",
    "0015-00000301",
);
pub(crate) const ENTITY_TOO_LARGE: Kind = Kind::new(
    StatusCode::BAD_REQUEST,
    "EntityTooLarge",
    "Your proposed upload exceeds the maximum allowed size.",
    "",
);
pub(crate) const ENTITY_TOO_SMALL: Kind = Kind::new(
    StatusCode::BAD_REQUEST,
    "EntityTooSmall",
    "Your proposed upload smaller than the minimum allowed size.",
    "0042-00000213",
);
pub(crate) const FILE_ALREADY_EXISTS: Kind = Kind::new(
    StatusCode::CONFLICT,
    "FileAlreadyExists",
    "The object you specified already exists and can not be overwritten.",
    "0026-00000002",
);
pub(crate) const INTERNAL_ERROR: Kind =
    Kind::new(StatusCode::INTERNAL_SERVER_ERROR, "InternalError", "We encountered an internal error.", "");
pub(crate) const INVALID_ARGUMENT: Kind =
    Kind::new(StatusCode::BAD_REQUEST, "InvalidArgument", "Invalid Argument.", "");
pub(crate) const INVALID_BUCKET_NAME: Kind =
    Kind::new(StatusCode::BAD_REQUEST, "InvalidBucketName", "The specified bucket is not valid.", "");
pub(crate) const INVALID_DIGEST: Kind =
    Kind::new(StatusCode::BAD_REQUEST, "InvalidDigest", "The Content-MD5 you specified was invalid.", "");
pub(crate) const INVALID_OBJECT_NAME: Kind =
    Kind::new(StatusCode::BAD_REQUEST, "InvalidObjectName", "The specified object is not valid.", "");
pub(crate) const INVALID_PART: Kind = Kind::new(
    StatusCode::BAD_REQUEST,
    "InvalidPart",
    "One or more of the specified parts could not be found or the specified entity tag might not have \
     matched the part's entity tag.",
    "",
);
pub(crate) const INVALID_PART_ORDER: Kind = Kind::new(
    StatusCode::BAD_REQUEST,
    "InvalidPartOrder",
    "The list of parts was not in ascending order. Parts list must specified in order by part number.",
    "0042-00000209",
);
pub(crate) const INVALID_RANGE: Kind = Kind::new(
    StatusCode::RANGE_NOT_SATISFIABLE,
    "InvalidRange",
    "The requested range cannot be satisfied",
    "",
);
pub(crate) const MALFORMED_XML: Kind = Kind::new(
    StatusCode::BAD_REQUEST,
    "MalformedXML",
    "The XML you provided was not well-formed or did not validate against our published schema",
    "",
);
pub(crate) const METHOD_NOT_ALLOWED: Kind = Kind::new(
    StatusCode::METHOD_NOT_ALLOWED,
    "MethodNotAllowed",
    "The specified method is not allowed against this resource.",
    "",
);
pub(crate) const MISSING_CONTENT_LENGTH: Kind = Kind::new(
    StatusCode::LENGTH_REQUIRED,
    "MissingContentLength",
    "You must provide the Content-Length HTTP header.",
    "",
);
pub(crate) const NOT_IMPLEMENTED: Kind = Kind::new(
    StatusCode::NOT_IMPLEMENTED,
    "NotImplemented",
    "The emulator does not offer this operation.",
    "",
);
pub(crate) const NO_SUCH_BUCKET: Kind =
    Kind::new(StatusCode::NOT_FOUND, "NoSuchBucket", "The specified bucket does not exist.", "0015-00000101");
pub(crate) const NO_SUCH_KEY: Kind =
    Kind::new(StatusCode::NOT_FOUND, "NoSuchKey", "The specified key does not exist.", "0026-00000001");
pub(crate) const NO_SUCH_UPLOAD: Kind = Kind::new(
    StatusCode::NOT_FOUND,
    "NoSuchUpload",
    "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted \
     or completed.",
    "",
);
pub(crate) const OBJECT_NOT_APPENDABLE: Kind =
    Kind::new(StatusCode::CONFLICT, "ObjectNotAppendable", "The object is not appendable", "");
pub(crate) const PART_ALREADY_EXIST: Kind = Kind::new(
    StatusCode::CONFLICT,
    "PartAlreadyExist",
    "For sequential multipart upload, you can't overwrite uploaded parts.",
    "0042-00000108",
);
pub(crate) const PART_NOT_SEQUENTIAL: Kind = Kind::new(
    StatusCode::CONFLICT,
    "PartNotSequential",
    "For sequential multipart upload, you must upload or complete parts with sequential part number.",
    "",
);
pub(crate) const POSITION_NOT_EQUAL_TO_LENGTH: Kind = Kind::new(
    StatusCode::CONFLICT,
    "PositionNotEqualToLength",
    "Position is not equal to file length",
    "0026-00000016",
);
pub(crate) const PRECONDITION_FAILED: Kind = Kind::new(
    StatusCode::PRECONDITION_FAILED,
    "PreconditionFailed",
    "At least one of the pre-conditions you specified did not hold.",
    "",
);

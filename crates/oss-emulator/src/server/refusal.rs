//! Errors as answers.

use http::Method;
use http::header::HeaderName;
use http::request::Parts;

use crate::answer::Answer;
use crate::core::Core;
use crate::encoding::base64;
use crate::error::OssError;
use crate::xml::Document;

/// An error as an answer; to a HEAD request the document goes into a header.
pub(super) fn refusal_answer(
    core: &Core,
    parts: &Parts,
    bucket: &str,
    request_id: &str,
    error: &OssError,
) -> Answer {
    let document = error_document(error, core, bucket, request_id);
    let mut answer = if parts.method == Method::HEAD {
        Answer::new(error.status).with(HeaderName::from_static("x-oss-err"), base64(document.as_bytes()))
    } else {
        let mut answer = Answer::ok().with_body("application/xml", document);
        answer.status = error.status;
        answer
    };
    if let Some(ec) = &error.ec {
        answer.set(HeaderName::from_static("x-oss-ec"), ec.as_bytes());
    }
    for (name, value) in &error.headers {
        answer.headers.insert(name.clone(), value.clone());
    }
    answer
}

/// The document of an error.
pub(crate) fn error_document(error: &OssError, core: &Core, bucket: &str, request_id: &str) -> String {
    let region = &core.config.region;
    let dot = if bucket.is_empty() { "" } else { "." };
    Document::build("Error", |document| {
        document.text("Code", &error.code);
        document.text("Message", &error.message);
        document.text("RequestId", request_id);
        document.text("HostId", format!("{bucket}{dot}oss-{region}.aliyuncs.com"));
        for (name, value) in &error.details {
            document.text(name, value);
        }
        if let Some(ec) = &error.ec {
            document.text("EC", ec);
            document.text("RecommendDoc", format!("https://api.aliyun.com/troubleshoot?q={ec}"));
        }
    })
}

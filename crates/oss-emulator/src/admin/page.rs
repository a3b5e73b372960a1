//! The page for people.

use http::header::CONTENT_SECURITY_POLICY;

use crate::answer::Answer;

const PAGE: &str = include_str!("page.html");

/// The page needs nothing from elsewhere, and so may load nothing from elsewhere.
pub(crate) fn answer() -> Answer {
    Answer::ok().with_body("text/html; charset=utf-8", PAGE).with(
        CONTENT_SECURITY_POLICY,
        "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    )
}

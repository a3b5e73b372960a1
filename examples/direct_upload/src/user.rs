//! Whose request it is. This stands in for the login of a real application.

use std::convert::Infallible;
use std::fmt::Write as _;

use axum::extract::FromRequestParts;
use http::header::{COOKIE, HeaderMap};
use http::request::Parts;
use http::{HeaderValue, StatusCode};
use sha2::{Digest as _, Sha256};

use crate::refusal::Refusal;

/// The user of a session.
///
/// The cookie holds 128 random bits, which are the session's secret; the user's id, which stands in object keys, is a hash
/// of them as long as they are: it gives nothing away, and nobody finds another session of the same user.
#[derive(Clone, Debug)]
pub(crate) struct User {
    pub(crate) id: String,
}

/// A visitor of the page: a user, or somebody new.
#[derive(Debug)]
pub(crate) struct Visitor {
    pub(crate) session: Option<String>,
}

const COOKIE_NAME: &str = "direct_upload_session";

impl User {
    fn of(session: &str) -> Self {
        Self { id: hex(&Sha256::digest(session)[..16]) }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for User {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
        session(&parts.headers).as_deref().map(Self::of).ok_or_else(|| {
            Refusal::new(StatusCode::UNAUTHORIZED, "no_session", "Your session has ended. Reload the page.")
        })
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Visitor {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self { session: session(&parts.headers) })
    }
}

/// A new session's cookie. Scripts cannot read it, and another site's requests go without it.
///
/// Except a link that is followed: with `SameSite=Strict` the browser would come to the page without its session, be given a
/// new one, and its user would be somebody else from then on. Nothing here changes anything on a GET.
pub(crate) fn new_cookie(secure: bool) -> Option<HeaderValue> {
    let secure = if secure { "; Secure" } else { "" };
    let cookie = format!(
        "{COOKIE_NAME}={}; Path=/; Max-Age=31536000; HttpOnly; SameSite=Lax{secure}",
        random_hex::<16>()?
    );
    HeaderValue::try_from(cookie).ok()
}

/// `N` random bytes in hex; `None` if the system gives none.
pub(crate) fn random_hex<const N: usize>() -> Option<String> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).ok()?;
    Some(hex(&bytes))
}

fn session(headers: &HeaderMap) -> Option<String> {
    let cookies = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs =
        cookies.flat_map(|cookies| cookies.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let (_, session) = pairs.find(|(name, _)| *name == COOKIE_NAME)?;
    let is_ours = session.len() == 32 && session.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_ours.then(|| session.to_owned())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

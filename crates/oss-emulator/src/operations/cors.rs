//! Cross-origin requests: the configuration of a bucket, preflights, and the headers of the answers.

use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, VARY,
};
use http::{HeaderMap, StatusCode};

use super::bucket::LONGEST_CONFIGURATION;
use super::receive;
use crate::answer::Answer;
use crate::body::Refusal;
use crate::core::{Core, Exchange};
use crate::error::OssError;
use crate::store::{CorsRule, Record};
use crate::xml::{Document, Element, malformed};

/// What a page may read where the bucket has no configuration.
const EXPOSED: &str = "ETag, Content-MD5, x-oss-request-id, x-oss-hash-crc64ecma, x-oss-version-id, \
                       x-oss-next-append-position";

pub(crate) async fn put(exchange: &mut Exchange<'_>) -> Result<Answer, Refusal> {
    let body = receive::document(exchange, LONGEST_CONFIGURATION).await?;
    let root = Element::parse(&body, "CORSConfiguration")?;
    let rules = root.all("CORSRule").map(rule).collect::<Result<Vec<_>, _>>()?;
    if rules.is_empty() {
        return Err(malformed("it has no CORSRule").into());
    }
    set(exchange, Some(rules))?;
    Ok(Answer::ok())
}

fn rule(element: &Element) -> Result<CorsRule, OssError> {
    let texts = |name: &str| element.all(name).map(|child| child.text.trim().to_owned()).collect::<Vec<_>>();
    let max_age = element.text_of("MaxAgeSeconds").map(|text| text.trim().parse::<u64>());
    let rule = CorsRule {
        origins: texts("AllowedOrigin"),
        methods: texts("AllowedMethod"),
        headers: texts("AllowedHeader"),
        exposed: texts("ExposeHeader"),
        max_age: max_age.transpose().map_err(|_| malformed("MaxAgeSeconds is not a number"))?,
    };
    if rule.origins.is_empty() || rule.methods.is_empty() {
        return Err(malformed("a CORSRule needs an AllowedOrigin and an AllowedMethod"));
    }
    Ok(rule)
}

pub(crate) fn get(exchange: &Exchange<'_>) -> Result<Answer, Refusal> {
    let rules = exchange.core.store.lock().bucket(exchange.bucket)?.cors.clone().ok_or_else(|| {
        OssError::new(
            StatusCode::NOT_FOUND,
            "NoSuchCORSConfiguration",
            "The CORS Configuration does not exist.",
        )
    })?;
    Ok(Answer::xml(Document::build("CORSConfiguration", |configuration| {
        for rule in &rules {
            configuration.element("CORSRule", |element| {
                for (name, texts) in [
                    ("AllowedOrigin", &rule.origins),
                    ("AllowedMethod", &rule.methods),
                    ("AllowedHeader", &rule.headers),
                    ("ExposeHeader", &rule.exposed),
                ] {
                    for text in texts {
                        element.text(name, text);
                    }
                }
                if let Some(seconds) = rule.max_age {
                    element.value("MaxAgeSeconds", seconds);
                }
            });
        }
    })))
}

pub(crate) fn delete(exchange: &Exchange<'_>) -> Result<Answer, Refusal> {
    set(exchange, None)?;
    Ok(Answer::new(StatusCode::NO_CONTENT))
}

fn set(exchange: &Exchange<'_>, rules: Option<Vec<CorsRule>>) -> Result<(), OssError> {
    let mut store = exchange.core.store.lock();
    store.bucket(exchange.bucket)?;
    store.apply(Record::BucketCors { bucket: exchange.bucket.to_owned(), rules })
}

/// Answers a preflight.
pub(crate) fn preflight(exchange: &Exchange<'_>) -> Result<Answer, Refusal> {
    let origin = exchange.header("origin")?.unwrap_or_default();
    let method = exchange.header("access-control-request-method")?.unwrap_or_default();
    let headers = exchange.header("access-control-request-headers")?.unwrap_or_default();
    if origin.is_empty() || method.is_empty() {
        return Err(OssError::invalid_argument(
            "Origin",
            origin,
            "A preflight names an origin and a method.",
        )
        .into());
    }
    let wanted = Wanted { origin, method, headers };
    let Some(allowed) = allowed(exchange.core, exchange.bucket, &wanted) else {
        return Err(OssError::new(
            StatusCode::FORBIDDEN,
            "AccessForbidden",
            "CORSResponse: This CORS request is not allowed. This is usually because the evalution of Origin, \
             request method / Access-Control-Request-Method or Access-Control-Requet-Headers are not whitelisted \
             by the resource's CORS spec.",
        )
        .into());
    };
    let mut answer = Answer::ok();
    answer.headers = allowed;
    Ok(answer)
}

/// Adds to an answer what lets a page of another origin read it.
pub(crate) fn dress(core: &Core, bucket: &str, method: &str, request: &HeaderMap, answer: &mut HeaderMap) {
    let Some(origin) = request.get("origin").and_then(|origin| origin.to_str().ok()) else { return };
    if answer.contains_key(ACCESS_CONTROL_ALLOW_ORIGIN) {
        return;
    }
    if let Some(allowed) = allowed(core, bucket, &Wanted { origin, method, headers: "" }) {
        answer.extend(allowed);
    }
}

struct Wanted<'a> {
    origin: &'a str,
    method: &'a str,
    headers: &'a str,
}

/// The headers that let a request pass; `None` if no rule does.
fn allowed(core: &Core, bucket: &str, wanted: &Wanted<'_>) -> Option<HeaderMap> {
    let rules = core.store.lock().buckets().get(bucket).and_then(|bucket| bucket.cors.clone());
    let mut answer = Answer::ok();
    let Some(rules) = rules else {
        answer.set(ACCESS_CONTROL_ALLOW_ORIGIN, "*");
        answer.set(ACCESS_CONTROL_ALLOW_METHODS, "GET, PUT, POST, DELETE, HEAD");
        answer
            .set(ACCESS_CONTROL_ALLOW_HEADERS, if wanted.headers.is_empty() { "*" } else { wanted.headers });
        answer.set(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
        return Some(answer.headers);
    };
    let rule = rules.iter().find(|rule| rule.allows(wanted))?;
    let any = rule.origins.iter().any(|origin| origin == "*");
    answer.set(ACCESS_CONTROL_ALLOW_ORIGIN, if any { "*" } else { wanted.origin });
    answer.set(ACCESS_CONTROL_ALLOW_METHODS, rule.methods.join(", "));
    if !wanted.headers.is_empty() {
        answer.set(ACCESS_CONTROL_ALLOW_HEADERS, wanted.headers);
    }
    if !rule.exposed.is_empty() {
        answer.set(ACCESS_CONTROL_EXPOSE_HEADERS, rule.exposed.join(", "));
    }
    if let Some(seconds) = rule.max_age {
        answer.set(ACCESS_CONTROL_MAX_AGE, seconds.to_string());
    }
    if !any {
        answer.set(VARY, "Origin");
    }
    Some(answer.headers)
}

impl CorsRule {
    fn allows(&self, wanted: &Wanted<'_>) -> bool {
        let headers = wanted.headers.split(',').map(str::trim).filter(|name| !name.is_empty());
        self.origins.iter().any(|pattern| fits(pattern, wanted.origin))
            && self.methods.iter().any(|method| method.eq_ignore_ascii_case(wanted.method))
            && headers.clone().all(|name| {
                self.headers
                    .iter()
                    .any(|pattern| fits(&pattern.to_ascii_lowercase(), &name.to_ascii_lowercase()))
            })
    }
}

/// A pattern with at most one `*`.
fn fits(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((start, end)) => {
            text.len() >= start.len() + end.len() && text.starts_with(start) && text.ends_with(end)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_star_fits_anything() {
        assert!(fits("*", "http://a.example"));
        assert!(fits("http://*.example", "http://a.example"));
        assert!(!fits("http://*.example", "http://a.other"));
        assert!(!fits("a*a", "a"));
    }
}

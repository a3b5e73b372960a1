//! Verifies one callback, without an HTTP server or a framework: the request comes from a file, as it went over the
//! wire.
//!
//! ```text
//! cargo run --example verify_only                             the signed example of the OSS documentation
//! cargo run --example verify_only -- REQUEST                  a request in a file (`-`: from standard input)
//! cargo run --example verify_only -- REQUEST KEY_URL KEY.pem  the same, believing one more key
//! ```
//!
//! prints what was to be signed, whether a trusted key signed it, and if not, why. The exit status is 0 only for a
//! genuine callback. To try it without OSS, sign with a key of your own:
//!
//! ```text
//! openssl genrsa -out key.pem 512 && openssl rsa -in key.pem -pubout -out pub.pem
//! body='bucket=examplebucket&object=a%2Fb.jpg'
//! signature=$(printf '/oss/callback\n%s' "$body" | openssl dgst -md5 -sign key.pem | base64 -w0)
//! {
//!   printf 'POST /oss/callback HTTP/1.1\r\nContent-Type: application/x-www-form-urlencoded\r\n'
//!   printf 'Content-Length: %s\r\nAuthorization: %s\r\n' "${#body}" "$signature"
//!   printf 'x-oss-pub-key-url: %s\r\n\r\n%s' "$(printf http://localhost/key.pem | base64 -w0)" "$body"
//! } > request
//! cargo run --example verify_only -- request http://localhost/key.pem pub.pem
//! ```

#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use std::collections::BTreeMap;
use std::io::Read as _;
use std::process::ExitCode;

use examples::{Failure, finish};
use http::header::CONTENT_LENGTH;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use oss::callback::{Verified, Verifier, string_to_sign};

fn main() -> ExitCode {
    finish(run())
}

fn run() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let mut verifier = Verifier::official();
    if let [_, key_url, pem] = arguments.as_slice() {
        verifier = verifier.trust(key_url, &std::fs::read_to_string(pem)?)?;
    }
    let request = match arguments.first().map(String::as_str) {
        None => EXAMPLE.replace('\n', "\r\n").into_bytes(),
        Some("-") => {
            let mut bytes = Vec::new();
            std::io::stdin().read_to_end(&mut bytes)?;
            bytes
        }
        Some(file) => std::fs::read(file)?,
    };
    let Request { method, target, headers, body } = Request::read(&request)?;

    println!("to sign   {:?}", String::from_utf8_lossy(&string_to_sign(&target, body)));
    // The head is judged before the body is looked at. A server would also say `expect_target`.
    let pending = verifier.begin_with(&method, &target, &headers)?;
    let callback = pending.finish(body.to_vec().into())?;
    println!("genuine   the key signed this body for {}, for whichever host", callback.target());
    show(&callback);
    Ok(())
}

fn show(callback: &Verified) {
    // Form or JSON, by the content type; an application has a type of its own here.
    match callback.payload::<BTreeMap<String, serde_json::Value>>() {
        Ok(fields) => fields.iter().for_each(|(name, value)| println!("  {name} = {value}")),
        Err(error) => println!("  the body is not read: {error}"),
    }
    if let Some(bucket) = callback.unsigned().bucket() {
        println!("unsigned  x-oss-bucket says {bucket:?}, which proves nothing");
    }
}

struct Request<'a> {
    method: Method,
    target: String,
    headers: HeaderMap,
    body: &'a [u8],
}

impl<'a> Request<'a> {
    /// Takes an HTTP/1 request apart. Target and body stay as they are: both are signed byte for byte.
    fn read(bytes: &'a [u8]) -> Result<Self, Failure> {
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n");
        let end = end.ok_or("the request has no empty line (CR LF CR LF) behind its headers")?;
        let head = std::str::from_utf8(&bytes[..end])?;
        let mut lines = head.split("\r\n");
        let mut words = lines.next().unwrap_or_default().split(' ');
        let (Some(method), Some(target), Some(_), None) =
            (words.next(), words.next(), words.next(), words.next())
        else {
            return Err("the first line is not `METHOD TARGET VERSION`".into());
        };
        let mut headers = HeaderMap::new();
        for line in lines {
            let (name, value) = line.split_once(':').ok_or("a header line has no colon")?;
            // A header given twice is kept twice, so that the verifier can refuse it.
            headers.append(HeaderName::try_from(name)?, HeaderValue::try_from(value.trim())?);
        }
        // What follows the body in a file, such as the line end of an editor, is no part of it.
        let declared = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
        let rest = &bytes[end + 4..];
        let body = declared.and_then(|length| rest.get(..length)).unwrap_or(rest);
        Ok(Self { method: method.parse()?, target: target.to_owned(), headers, body })
    }
}

/// The one example the OSS documentation ("Callback" page, older editions) gives with an unmasked signature.
const EXAMPLE: &str = "\
POST /index.php?id=1&index=2 HTTP/1.0
Host: 121.43.113.8
Connection: close
Content-Length: 18
Content-Type: application/x-www-form-urlencoded
Authorization: kKQeGTRccDKyHB3H9vF+xYMSrmhMZjzzl2/kdD1ktNVgbWEfYTQG0G2SU/RaHBovRCE8OkQDjC3uG33esH2txA==
x-oss-pub-key-url: aHR0cDovL2dvc3NwdWJsaWMuYWxpY2RuLmNvbS9jYWxsYmFja19wdWJfa2V5X3YxLnBlbQ==
User-Agent: ehttp-client/0.0.1

bucket=yonghu-test";

//! What an attacker can try, and what stops it. The guide's table (docs/guides/direct-upload.md) is this file in words.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failure is the test's failure")]

mod common;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use common::{
    BUCKET, browser, emulator, field, files, look, refusal, refused, requests, scene, scene_with,
    small_parts, upload, user, with, without,
};
use direct_upload::{Allowed, Answer, Browser, Refused, Scene};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use oss::callback::{Callback, KeyPattern, TokenKey};
use oss::signing::Credentials;
use oss::{Client, Error};
use oss_emulator::Operation;
use serde_json::json;

const SECRET: &[u8] = b"a secret that the attacker does not have";
const HOUR: std::time::Duration = std::time::Duration::from_secs(3600);

async fn known_secret() -> Scene {
    scene_with(|settings| settings.token_secret = Some(SECRET.to_vec())).await
}

/// A customer of OSS: here the same account, since the emulator has one. What matters is that OSS signs for anybody.
fn customer(scene: &Scene) -> oss::Bucket {
    let emulator = emulator(scene);
    let credentials =
        Credentials::new(oss_emulator::DEFAULT_ACCESS_KEY_ID, oss_emulator::DEFAULT_ACCESS_KEY_SECRET);
    let client = Client::builder(emulator.endpoint())
        .region(emulator.region())
        .credentials(credentials)
        .build()
        .unwrap();
    client.bucket(BUCKET).unwrap()
}

/// Has OSS call the application with a body of the customer's choice.
async fn call_with(scene: &Scene, body: &str) -> Result<(), Error> {
    let callback = Callback::builder(format!("{}/oss/callback", scene.url()));
    call(scene, callback.allow_private_addresses(true).body(body).build().unwrap()).await
}

async fn call(scene: &Scene, callback: Callback) -> Result<(), Error> {
    let bytes = b"hello".as_slice();
    customer(scene).put_object("theirs/x.txt", bytes.to_vec()).callback(callback).await.map(drop)
}

/// A body as the application asks for it.
fn body(object: &str, size: usize, user: &str, token: &str) -> String {
    body_in(BUCKET, object, size, user, token)
}

fn body_in(bucket: &str, object: &str, size: usize, user: &str, token: &str) -> String {
    let object = object.replace('/', "%2F");
    format!(
        "bucket={bucket}&object={object}&etag=X&size={size}&type=text%2Fplain&crc64=1&width=&height=&format=\
         &request=R&user={user}&token={token}"
    )
}

fn token(object: &str, user: &str, expires: std::time::SystemTime) -> String {
    TokenKey::new(SECRET).unwrap().mint(BUCKET, &KeyPattern::exact(object), user, expires).unwrap()
}

#[allow(clippy::disallowed_methods, reason = "a test may know the time")]
fn now() -> std::time::SystemTime {
    std::time::SystemTime::now()
}

/// What the form would have as its object key.
fn object(form: &Allowed) -> String {
    field(form, "key").to_owned()
}

/// The body of the callback OSS sent last.
fn last_callback(scene: &Scene) -> String {
    requests(scene, Operation::PostObject).pop().unwrap().callback.unwrap().body
}

/// A callback with this body as somebody on the way would overhear it. Path and body are all that OSS signs, so it signs
/// the same for a listener on another host.
async fn overheard(scene: &Scene, body: String) -> (HeaderMap, Vec<u8>) {
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    let listen = axum::routing::post(async move |headers: HeaderMap, body: axum::body::Bytes| {
        tell.send((headers, body.to_vec())).unwrap();
        axum::Json(json!({}))
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/oss/callback", listener.local_addr().unwrap());
    let router = axum::Router::new().route("/oss/callback", listen);
    let server = tokio::spawn(async move { axum::serve(listener, router).await });
    let callback = Callback::builder(url).allow_private_addresses(true).body(body).build().unwrap();
    customer(scene).put_object("theirs/tap", b"x".to_vec()).callback(callback).await.unwrap();
    server.abort();
    told.recv().await.unwrap()
}

async fn replay(scene: &Scene, browser: &Browser, headers: HeaderMap, body: Vec<u8>) -> Answer {
    let url = format!("{}/oss/callback", scene.url());
    browser.request(Method::POST, &url, headers, body.into()).await.unwrap()
}

#[tokio::test]
async fn a_forged_callback_is_not_believed() {
    let scene = known_secret().await;
    let browser = browser(&scene).await;
    let form = browser.allow("a.txt", "text/plain", 5).await.unwrap();
    let user = user(&browser).await;
    // The attacker even has the token, but OSS does not sign for them.
    let body = body(&object(&form), 5, &user, &token(&object(&form), &user, now() + HOUR));
    let mut headers = HeaderMap::new();
    let url = STANDARD.encode(emulator(&scene).callback_key_url());
    for (name, value) in [
        ("authorization", STANDARD.encode([1_u8; 64])),
        ("x-oss-pub-key-url", url),
        ("content-type", "application/x-www-form-urlencoded".to_owned()),
    ] {
        headers.insert(HeaderName::from_static(name), HeaderValue::try_from(value).unwrap());
    }
    let answer = replay(&scene, &browser, headers.clone(), body.clone().into_bytes()).await;
    assert_eq!(answer.status, 403, "{}", answer.text);
    assert!(matches!(refused(&scene), Refused::NotFromOss(_)));

    // Nor may they bring a key of their own.
    let own = STANDARD.encode("http://gosspublic.alicdn.com.attacker.example/callback_pub_key_v1.pem");
    headers.insert(HeaderName::from_static("x-oss-pub-key-url"), HeaderValue::try_from(own).unwrap());
    assert_eq!(replay(&scene, &browser, headers, body.into_bytes()).await.status, 403);
    assert!(matches!(refused(&scene), Refused::NotFromOss(_)));
    assert!(files(&scene, &browser).await.is_empty());
}

#[tokio::test]
async fn a_replayed_callback_changes_nothing() {
    let scene = scene().await;
    let browser = browser(&scene).await;
    let form = upload(&browser, "a.txt", "hello").await;
    let before = files(&scene, &browser).await;
    let (headers, body) = overheard(&scene, last_callback(&scene)).await;
    for _ in 0..3 {
        let answer = replay(&scene, &browser, headers.clone(), body.clone()).await;
        assert_eq!(
            (answer.status.as_u16(), answer.json().unwrap()["recorded"].as_str()),
            (200, Some(&*form.id))
        );
    }
    assert_eq!(files(&scene, &browser).await, before, "one row, as it was");

    // A changed body does not fit the signature.
    let changed = String::from_utf8(body.clone()).unwrap().replace("size=5", "size=6").into_bytes();
    assert_eq!(replay(&scene, &browser, headers.clone(), changed).await.status, 403);
    assert!(matches!(refused(&scene), Refused::NotFromOss(_)));
    // Nor does another path of the same application.
    let elsewhere = format!("{}/oss/callback?user=admin", scene.url());
    let answer = browser.request(Method::POST, &elsewhere, headers, body.into()).await.unwrap();
    assert_eq!(answer.status, 403);
}

#[tokio::test]
async fn the_same_callback_many_times_at_once_is_one_row() {
    let scene = known_secret().await;
    let browser = browser(&scene).await;
    let form = browser.allow("a.txt", "text/plain", 5).await.unwrap();
    let (user, object) = (user(&browser).await, object(&form));
    let token = token(&object, &user, now() + HOUR);
    let (headers, body) = overheard(&scene, body(&object, 5, &user, &token)).await;
    let calls = (0..20).map(|_| replay(&scene, &browser, headers.clone(), body.clone()));
    let answers = futures_util::future::join_all(calls).await;
    assert!(answers.iter().all(|answer| answer.status == 200 && answer.text == answers[0].text));
    assert_eq!(scene.app().database().count().await.unwrap(), 1);
}

#[tokio::test]
async fn a_callback_of_another_customer_is_not_believed() {
    let scene = known_secret().await;
    let browser = browser(&scene).await;
    let form = browser.allow("a.txt", "text/plain", 5).await.unwrap();
    let (user, object) = (user(&browser).await, object(&form));
    let other_secret = TokenKey::new([7; 32]).unwrap();
    let forged = other_secret.mint(BUCKET, &KeyPattern::exact(&object), &user, now() + HOUR).unwrap();
    let good = token(&object, &user, now() + HOUR);
    let other_key = token("user/other/x.txt", &user, now() + HOUR);
    let expired = token(&object, &user, now() - HOUR);
    let unknown = "user/nobody/unknown.txt";
    for (what, body, why) in [
        ("no token", body(&object, 5, &user, ""), "Token(Malformed)"),
        ("a token of their own", body(&object, 5, &user, &forged), "Token(Forged)"),
        ("a token for another key", body(&object, 5, &user, &other_key), "Token(OtherObject)"),
        ("an expired token", body(&object, 5, &user, &expired), "Token(Expired)"),
        ("their own bucket", body_in("theirs", &object, 5, &user, &good), "Token(Forged)"),
        ("another user's token", body(&object, 5, "somebody", &good), "OtherUser"),
        (
            "another user's object, token and all",
            body(&object, 5, "somebody", &token(&object, "somebody", now() + HOUR)),
            "UnknownUpload",
        ),
        (
            "a token that was never allowed",
            body(unknown, 5, &user, &token(unknown, &user, now() + HOUR)),
            "UnknownUpload",
        ),
        ("another size", body(&object, 6, &user, &good), r#"Differs { what: "size" }"#),
        (
            "another type",
            body(&object, 5, &user, &good).replace("plain", "html"),
            r#"Differs { what: "content type" }"#,
        ),
    ] {
        let error = call_with(&scene, &body).await.unwrap_err();
        let Error::CallbackFailed(failed) = error else { panic!("{what}: {error}") };
        assert!(failed.failure.message.contains("403"), "{what}: {}", failed.failure);
        assert_eq!(format!("{:?}", refused(&scene)), why, "{what}");
    }
    // Another target than the one that is registered, signed for it.
    let target = Callback::builder(format!("{}/oss/callback", scene.url())).query("as", "admin");
    let target = target.allow_private_addresses(true).body(body(&object, 5, &user, &good)).build().unwrap();
    assert!(call(&scene, target).await.is_err());
    assert!(matches!(refused(&scene), Refused::NotFromOss(_)));
    // A field twice: which of the two would count?
    let twice = format!("{}&size=1", body(&object, 5, &user, &good));
    assert!(call_with(&scene, &twice).await.is_err());
    assert!(matches!(refused(&scene), Refused::NotFromOss(_)));
    assert!(files(&scene, &browser).await.is_empty());
}

#[tokio::test]
async fn a_stolen_token_is_found_out_where_the_application_looks() {
    let scene = scene_with(|settings| {
        settings.token_secret = Some(SECRET.to_vec());
        settings.look_first = true;
    })
    .await;
    let browser = browser(&scene).await;
    let form = browser.allow("a.txt", "text/plain", 5).await.unwrap();
    let (user, object) = (user(&browser).await, object(&form));
    // Signed by OSS, token and all, for an object that is not there.
    assert!(call_with(&scene, &body(&object, 5, &user, &token(&object, &user, now() + HOUR))).await.is_err());
    assert!(matches!(refused(&scene), Refused::NotConfirmed));
    // And with another ETag than the object has.
    browser.send_form(&form, "text/plain", b"hello").await.unwrap();
    let [file] = &files(&scene, &browser).await[..] else { panic!("one file") };
    assert!(file.confirmed);
    assert!(call_with(&scene, &body(&object, 5, &user, &token(&object, &user, now() + HOUR))).await.is_err());
    assert!(matches!(refused(&scene), Refused::NotConfirmed));
}

#[tokio::test]
async fn what_is_stored_in_place_of_the_file_is_not_recorded_by_looking() {
    let scene = scene().await;
    let browser = browser(&scene).await;
    let put = async |form: &Allowed, bytes: &'static [u8], content_type: &str| {
        let options = oss::ObjectOptions::new().content_type(content_type);
        customer(&scene).put_object(object(form), bytes.to_vec()).options(options).await.unwrap();
    };
    for (bytes, content_type) in [(b"larger".as_slice(), "text/plain"), (b"hello", "text/html")] {
        let form = browser.allow("a.txt", "text/plain", 5).await.unwrap();
        put(&form, bytes, content_type).await;
        let (status, answer) = look(&browser, &form.id).await;
        assert_eq!((status, &answer["error"]), (409, &json!("other_file")));
    }
    assert!(files(&scene, &browser).await.is_empty());
}

#[tokio::test]
async fn a_second_object_under_one_ticket_is_not_recorded() {
    let scene = known_secret().await;
    let browser = browser(&scene).await;
    let form = upload(&browser, "a.txt", "hello").await;
    let (user, object) = (user(&browser).await, object(&form));
    let again = browser.send_form(&form, "text/plain", b"other").await.unwrap();
    assert_eq!(refusal(&again).split(':').next(), Some("409 FileAlreadyExists"));
    // Even if OSS had let it through, as it does in a bucket with versioning:
    assert!(call_with(&scene, &body(&object, 5, &user, &token(&object, &user, now() + HOUR))).await.is_err());
    assert!(matches!(refused(&scene), Refused::SecondObject));
}

#[tokio::test]
async fn a_form_with_any_field_changed_or_left_out_is_refused() {
    let scene = scene().await;
    let browser = browser(&scene).await;
    let form = browser.allow("a.txt", "text/plain", 5).await.unwrap();
    let other = Browser::open(&scene.url()).await.unwrap();
    let theirs = other.allow("b.txt", "text/plain", 5).await.unwrap();
    let policy = String::from_utf8(STANDARD.decode(field(&form, "policy")).unwrap()).unwrap();
    let larger = STANDARD
        .encode(policy.replace("[\"content-length-range\",5,5]", "[\"content-length-range\",0,999999]"));
    assert_ne!(larger, field(&form, "policy"));
    let elsewhere = Callback::builder("http://attacker.example/").body("a=b").build().unwrap();
    for (what, changed, says) in [
        ("another user's key", with(&form, "key", &object(&theirs)), "AccessDenied"),
        (
            "the other's folder",
            with(&form, "key", "user/00000000000000000000000000000000/a.txt"),
            "AccessDenied",
        ),
        ("another type", with(&form, "x-oss-content-type", "text/html"), "AccessDenied"),
        ("another callback", with(&form, "callback", elsewhere.encode().callback()), "AccessDenied"),
        ("another user", with(&form, "x:user", "somebody"), "AccessDenied"),
        ("another token", with(&form, "x:token", field(&theirs, "x:token")), "AccessDenied"),
        ("to be read by anybody", with(&form, "x-oss-object-acl", "public-read"), "AccessDenied"),
        ("may overwrite", with(&form, "x-oss-forbid-overwrite", "false"), "AccessDenied"),
        ("a policy with more in it", with(&form, "policy", &larger), "SignatureDoesNotMatch"),
        ("another signature", with(&form, "x-oss-signature", &"0".repeat(64)), "SignatureDoesNotMatch"),
        ("no callback", without(&form, "callback"), "AccessDenied"),
        ("no token", without(&form, "x:token"), "AccessDenied"),
        ("no ACL", without(&form, "x-oss-object-acl"), "AccessDenied"),
        ("no type", without(&form, "x-oss-content-type"), "AccessDenied"),
    ] {
        let answer = browser.send_form(&changed, "text/plain", b"hello").await.unwrap();
        assert!(refusal(&answer).starts_with(&format!("403 {says}")), "{what}: {}", refusal(&answer));
    }
    for (what, file, says) in [
        ("a larger file", b"larger".as_slice(), "400 EntityTooLarge"),
        ("a smaller file", b"less", "400 EntityTooSmall"),
    ] {
        let answer = browser.send_form(&form, "text/plain", file).await.unwrap();
        assert!(refusal(&answer).starts_with(says), "{what}: {}", refusal(&answer));
    }
    assert!(emulator(&scene).keys(BUCKET).is_empty(), "nothing was stored");
    // What the browser says of the file does not matter.
    let html = browser.send_form(&form, "text/html", b"hello").await.unwrap();
    assert_eq!(html.status, 200, "{}", html.text);
    assert_eq!(emulator(&scene).object(BUCKET, &object(&form)).unwrap().content_type, "text/plain");
}

#[tokio::test]
async fn who_comes_by_a_link_keeps_the_session() {
    let scene = scene().await;
    let browser = browser(&scene).await;
    let strange = browser.request(Method::GET, &scene.url(), HeaderMap::new(), "".into()).await.unwrap();
    let cookie = strange.headers["set-cookie"].to_str().unwrap();
    // Strict would keep it from a link on another site as well, and the page would give out a new one in its place.
    for attribute in ["HttpOnly", "SameSite=Lax", "Path=/"] {
        assert!(cookie.split("; ").any(|own| own == attribute), "{attribute}: {cookie}");
    }
    assert!(!browser.api(Method::GET, "/", None).await.unwrap().headers.contains_key("set-cookie"));
    // Lax lets a link bring the cookie along, so a GET must not do anything.
    for path in ["/api/uploads", "/api/uploads/x", "/api/uploads/x/complete", "/api/uploads/x/look"] {
        assert_eq!(browser.api(Method::GET, path, None).await.unwrap().status, 405, "{path}");
    }
    assert_eq!(user(&browser).await.len(), 32, "as many bits as the session has");
}

#[tokio::test]
async fn an_expired_form_is_refused() {
    let scene = scene().await;
    let browser = browser(&scene).await;
    let form = browser.allow("a.txt", "text/plain", 5).await.unwrap();
    emulator(&scene).set_clock_offset_millis(11 * 60 * 1000);
    let late = browser.send_form(&form, "text/plain", b"hello").await.unwrap();
    let refusal = refusal(&late);
    assert!(refusal.starts_with("403 AccessDenied") && refusal.contains("expired"), "{refusal}");
}

#[tokio::test]
async fn another_users_upload_is_out_of_reach() {
    let scene = scene_with(small_parts).await;
    let (mine, other) = (browser(&scene).await, browser(&scene).await);
    let large = mine.allow("film.mp4", "video/mp4", 250_000).await.unwrap();
    let small = upload(&mine, "a.txt", "hello").await;
    assert_ne!(user(&mine).await, user(&other).await);
    for (method, path, body) in [
        (Method::POST, format!("/api/uploads/{}/parts", large.id), Some(json!({ "numbers": [1] }))),
        (Method::POST, format!("/api/uploads/{}/complete", large.id), None),
        (Method::DELETE, format!("/api/uploads/{}", large.id), None),
        (Method::GET, format!("/api/files/{}/content", small.id), None),
    ] {
        assert_eq!(other.api(method.clone(), &path, body).await.unwrap().status, 404, "{method} {path}");
    }
    assert_eq!(look(&other, &small.id).await.0, 404);
    let parts = format!("/api/uploads/{}/parts", large.id);
    let none = mine.api(Method::POST, &parts, Some(json!({ "numbers": [4] })));
    assert_eq!(none.await.unwrap().status, 422, "a part beyond the end");
}

#[tokio::test]
async fn the_page_lets_in_no_script_and_no_frame() {
    let scene = scene().await;
    let browser = browser(&scene).await;
    let page = browser.api(Method::GET, "/", None).await.unwrap();
    let policy = page.headers["content-security-policy"].to_str().unwrap();
    assert!(policy.contains("default-src 'none'") && policy.contains("script-src 'self';"), "{policy}");
    assert!(
        policy.contains(emulator(&scene).endpoint()) && policy.contains("frame-ancestors 'none'"),
        "{policy}"
    );
    assert!(!page.text.contains("<script>") && !page.text.contains(" style="));
    // The bucket takes requests from the page's origin and no other.
    let form = browser.allow("a.txt", "text/plain", 5).await.unwrap();
    for (origin, status) in [(scene.url(), 200), ("https://attacker.example".to_owned(), 403)] {
        let headers = HeaderMap::from_iter([
            (HeaderName::from_static("origin"), HeaderValue::try_from(origin).unwrap()),
            (HeaderName::from_static("access-control-request-method"), HeaderValue::from_static("POST")),
        ]);
        let answer = browser.request(Method::OPTIONS, &form.url, headers, "".into()).await.unwrap();
        assert_eq!(answer.status, status);
    }
}

//! What the application does when everybody means well, and when the network does not.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failure is the test's failure")]

mod common;

use std::time::Duration;

use common::{BUCKET, browser, emulator, files, look, refusal, scene, scene_with, small_parts, upload, user};
use direct_upload::{EventStream, LearntBy, Load, Scene};
use http::{HeaderMap, Method};
use oss_emulator::{Fault, Operation};
use serde_json::json;
use tokio::time::timeout;

/// A PNG of one pixel.
const PIXEL: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x06\0\0\0\x1f\x15\xc4\x89\0\0\0\rIDATx\x9cc\xf8\xcf\xc0\xf0\x1f\0\x05\0\x01\xff\x89\x99=\x1d\0\0\0\0IEND\xaeB`\x82";

#[tokio::test]
async fn an_upload_is_stored_called_back_and_recorded() {
    let scene = scene().await;
    let browser = browser(&scene).await;
    let allowed = browser.allow("holiday.png", "image/png", PIXEL.len()).await.unwrap();
    let answer = browser.send_form(&allowed, "image/png", PIXEL).await.unwrap();
    assert_eq!((answer.status.as_u16(), &answer.json().unwrap()["name"]), (200, &json!("holiday.png")));

    let [file] = &files(&scene, &browser).await[..] else { panic!("one file") };
    let stored = emulator(&scene).object(BUCKET, &file.object).unwrap();
    assert_eq!(file.object, format!("user/{}/{}.png", user(&browser).await, allowed.id));
    assert_eq!((&file.id, &*file.name, file.size), (&allowed.id, "holiday.png", PIXEL.len() as u64));
    assert_eq!((&file.etag, &*stored.content_type), (&stored.etag, "image/png"));
    assert_eq!(file.crc64, stored.crc64.map(|crc| crc.to_string()));
    assert_eq!((file.width, file.height, file.format.as_deref()), (Some(1), Some(1), Some("png")));
    assert_eq!((file.learnt_by, file.confirmed), (LearntBy::Callback, false));

    let listed = browser.api(Method::GET, "/api/files", None).await.unwrap().json().unwrap();
    assert_eq!(listed["files"][0]["id"], allowed.id.as_str());
    let link = browser.api(Method::GET, &format!("/api/files/{}/content", allowed.id), None).await.unwrap();
    assert_eq!(link.status, 307);
    let link = link.headers["location"].to_str().unwrap();
    let image = browser.request(Method::GET, link, HeaderMap::new(), "".into()).await;
    // The picture is no text; that it came is enough.
    assert!(image.is_err_and(|error| error.to_string().contains("utf-8")));
}

#[tokio::test]
async fn what_is_not_taken_is_refused_before_anything_is_signed() {
    let scene = scene().await;
    let browser = browser(&scene).await;
    for (name, content_type, size, code) in [
        ("a.svg", "image/svg+xml", 5, "type_not_allowed"),
        ("a.html", "text/html", 5, "type_not_allowed"),
        ("a", "", 5, "type_not_allowed"),
        ("a.txt", "text/plain; charset=utf-8", 5, "type_not_allowed"),
        ("a.txt", "text/plain", 0, "empty"),
        ("a.txt", "text/plain", 1_000_000_001, "too_large"),
    ] {
        let wish = json!({ "name": name, "type": content_type, "size": size });
        let answer = browser.api(Method::POST, "/api/uploads", Some(wish)).await.unwrap();
        assert_eq!((answer.status.as_u16(), &answer.json().unwrap()["error"]), (422, &json!(code)));
    }
    let files = format!("{}/api/files", scene.url());
    let stranger = browser.request(Method::GET, &files, HeaderMap::new(), "".into()).await.unwrap();
    assert_eq!(stranger.status, 401);
}

#[tokio::test]
async fn a_failed_callback_leaves_a_stored_file_that_can_be_recorded() {
    let scene = scene().await;
    let browser = browser(&scene).await;
    emulator(&scene)
        .inject(Fault::on(Operation::PostObject).fail_callback("Error status : 502.", "0007-00000203"));
    let allowed = browser.allow("a.txt", "text/plain", 5).await.unwrap();
    let answer = browser.send_form(&allowed, "text/plain", b"hello").await.unwrap();
    assert_eq!(refusal(&answer), "203 CallbackFailed: Error status : 502.");
    assert!(files(&scene, &browser).await.is_empty());

    let (status, looked) = look(&browser, &allowed.id).await;
    assert_eq!((status, &looked["file"]["learnt_by"]), (200, &json!("look")));
    let (status, again) = look(&browser, &allowed.id).await;
    assert_eq!((status, &again), (200, &looked));
    let [file] = &files(&scene, &browser).await[..] else { panic!("one file") };
    assert!(file.confirmed);
}

#[tokio::test]
async fn a_lost_answer_is_settled_by_looking() {
    let scene = scene().await;
    let browser = browser(&scene).await;
    let allowed = browser.allow("a.txt", "text/plain", 5).await.unwrap();
    assert_eq!(look(&browser, &allowed.id).await.0, 404, "nothing has been sent");
    emulator(&scene).inject(Fault::on(Operation::PostObject).drop_answer());
    assert!(browser.send_form(&allowed, "text/plain", b"hello").await.is_err());
    let (status, looked) = look(&browser, &allowed.id).await;
    assert_eq!((status, &looked["file"]["learnt_by"]), (200, &json!("callback")));
    let again = browser.send_form(&allowed, "text/plain", b"hello").await.unwrap();
    assert!(refusal(&again).starts_with("409 FileAlreadyExists"), "{}", again.text);
    assert_eq!(files(&scene, &browser).await.len(), 1);
}

#[tokio::test]
async fn a_large_file_goes_in_parts_and_is_completed_with_the_callback() {
    let scene = scene_with(small_parts).await;
    let browser = browser(&scene).await;
    let content = vec![b'x'; 250_000];
    let allowed = browser.allow("film.mp4", "video/mp4", content.len()).await.unwrap();
    assert_eq!((allowed.parts, allowed.fields.len()), (3, 0));
    let parts = format!("/api/uploads/{}/parts", allowed.id);
    let complete = format!("/api/uploads/{}/complete", allowed.id);
    let signed = browser.api(Method::POST, &parts, Some(json!({ "numbers": [1, 2, 3] }))).await.unwrap();
    let signed = signed.json().unwrap();
    for (position, part) in signed["urls"].as_array().unwrap().iter().enumerate() {
        let at = |name: &str| usize::try_from(part[name].as_u64().unwrap()).unwrap();
        let bytes = content[at("start")..at("start") + at("length")].to_vec();
        let url = part["url"].as_str().unwrap();
        // One byte more than was announced is not taken.
        assert_eq!(browser.put(url, [&bytes[..], b"x"].concat()).await.unwrap().status, 403);
        if position == 2 {
            let early = browser.api(Method::POST, &complete, None).await.unwrap();
            assert_eq!(
                (early.status.as_u16(), &early.json().unwrap()["error"]),
                (409, &json!("parts_missing"))
            );
        }
        assert_eq!(browser.put(url, bytes).await.unwrap().status, 200);
    }
    let done = browser.api(Method::POST, &complete, None).await.unwrap();
    assert_eq!(
        (done.status.as_u16(), &done.json().unwrap()["outcome"]),
        (200, &json!("recorded")),
        "{}",
        done.text
    );
    let [file] = &files(&scene, &browser).await[..] else { panic!("one file") };
    assert_eq!((file.size, &*file.content_type), (250_000, "video/mp4"));
    assert_eq!(&emulator(&scene).object(BUCKET, &file.object).unwrap().body[..], &content[..]);

    // The page did not hear and asks again.
    let again = browser.api(Method::POST, &complete, None).await.unwrap();
    assert_eq!(again.json().unwrap()["outcome"], "recorded");
    assert_eq!(files(&scene, &browser).await.len(), 1);
}

#[tokio::test]
async fn the_callback_of_a_large_file_can_fail_or_its_answer_be_lost() {
    let scene = scene_with(small_parts).await;
    let browser = browser(&scene).await;
    for (fault, outcome, learnt_by) in [
        (Fault::on(Operation::CompleteMultipartUpload).fail_callback("x", "0007-00000203"), "stored", None),
        (Fault::on(Operation::CompleteMultipartUpload).drop_answer(), "recorded", Some(LearntBy::Callback)),
    ] {
        let allowed = browser.allow("film.mp4", "video/mp4", 200_001).await.unwrap();
        let parts = format!("/api/uploads/{}/parts", allowed.id);
        let signed = browser.api(Method::POST, &parts, Some(json!({ "numbers": [1, 2] }))).await.unwrap();
        for part in signed.json().unwrap()["urls"].as_array().unwrap() {
            let bytes = vec![b'x'; usize::try_from(part["length"].as_u64().unwrap()).unwrap()];
            assert_eq!(browser.put(part["url"].as_str().unwrap(), bytes).await.unwrap().status, 200);
        }
        emulator(&scene).inject(fault);
        let done =
            browser.api(Method::POST, &format!("/api/uploads/{}/complete", allowed.id), None).await.unwrap();
        assert_eq!(done.json().unwrap()["outcome"], outcome, "{}", done.text);
        let file = files(&scene, &browser).await.into_iter().find(|file| file.id == allowed.id);
        assert_eq!(file.map(|file| file.learnt_by), learnt_by);
        assert_eq!(look(&browser, &allowed.id).await.0, 200);
    }
    assert_eq!(files(&scene, &browser).await.len(), 2);
}

#[tokio::test]
async fn a_cancelled_upload_leaves_nothing() {
    let scene = scene_with(small_parts).await;
    let browser = browser(&scene).await;
    let large = browser.allow("film.mp4", "video/mp4", 250_000).await.unwrap();
    assert_eq!(emulator(&scene).uploads(BUCKET).len(), 1);
    let small = browser.allow("a.txt", "text/plain", 5).await.unwrap();
    for allowed in [&large, &small] {
        let path = format!("/api/uploads/{}", allowed.id);
        assert_eq!(browser.api(Method::DELETE, &path, None).await.unwrap().status, 204);
        assert_eq!(browser.api(Method::DELETE, &path, None).await.unwrap().status, 404);
    }
    assert!(emulator(&scene).uploads(BUCKET).is_empty());
    // The form is still good, but nobody waits for it.
    let late = browser.send_form(&small, "text/plain", b"hello").await.unwrap();
    assert_eq!(late.status, 203);
    assert!(files(&scene, &browser).await.is_empty());

    let recorded = upload(&browser, "b.txt", "hello").await;
    let path = format!("/api/uploads/{}", recorded.id);
    assert_eq!(browser.api(Method::DELETE, &path, None).await.unwrap().status, 409);
}

#[tokio::test]
async fn a_large_upload_whose_end_fails_can_be_cancelled_again() {
    let scene = scene_with(small_parts).await;
    let browser = browser(&scene).await;
    let large = browser.allow("film.mp4", "video/mp4", 250_000).await.unwrap();
    let path = format!("/api/uploads/{}", large.id);
    emulator(&scene).inject(Fault::on(Operation::AbortMultipartUpload).answer(403, "AccessDenied"));
    assert_eq!(browser.api(Method::DELETE, &path, None).await.unwrap().status, 502);
    assert_eq!(emulator(&scene).uploads(BUCKET).len(), 1);
    assert_eq!(browser.api(Method::DELETE, &path, None).await.unwrap().status, 204);
    assert!(emulator(&scene).uploads(BUCKET).is_empty(), "its id was still known");
}

#[tokio::test]
async fn a_large_upload_that_cannot_be_kept_in_mind_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}?mode=rwc", folder.path().join("database").display());
    let scene = scene_with(|settings| {
        small_parts(settings);
        settings.database_url = Some(url.clone());
    })
    .await;
    let browser = browser(&scene).await;
    let broken = sqlx_core::any::AnyPoolOptions::new().connect(&url).await.unwrap();
    sqlx_core::executor::Executor::execute(&broken, "ALTER TABLE tickets RENAME TO elsewhere").await.unwrap();
    let wish = json!({ "name": "film.mp4", "type": "video/mp4", "size": 250_000 });
    let answer = browser.api(Method::POST, "/api/uploads", Some(wish)).await.unwrap();
    assert_eq!((answer.status.as_u16(), &answer.json().unwrap()["error"]), (503, &json!("database")));
    assert!(emulator(&scene).uploads(BUCKET).is_empty());
}

/// The next event; one that does not come at all is a failure and not a test without end.
async fn told(events: &mut EventStream) -> String {
    timeout(Duration::from_secs(30), events.next()).await.expect("an event").unwrap()
}

#[tokio::test]
async fn a_page_is_told_of_its_own_files_as_they_are_recorded() {
    let scene = scene().await;
    let (mine, other) = (browser(&scene).await, browser(&scene).await);
    let mut events = mine.events().await.unwrap();
    assert!(told(&mut events).await.starts_with("event: ready"));
    upload(&other, "theirs.txt", "hello").await;
    let allowed = upload(&mine, "mine.txt", "hello").await;
    let event = told(&mut events).await;
    assert!(event.starts_with("event: recorded"), "{event}");
    assert!(event.contains(&allowed.id) && event.contains("mine.txt"), "{event}");

    emulator(&scene).inject(Fault::on(Operation::PostObject).fail_callback("x", "0007-00000203"));
    let allowed = mine.allow("looked up.txt", "text/plain", 5).await.unwrap();
    mine.send_form(&allowed, "text/plain", b"hello").await.unwrap();
    look(&mine, &allowed.id).await;
    let event = told(&mut events).await;
    assert!(event.starts_with("event: recorded") && event.contains(&allowed.id), "{event}");
}

#[tokio::test]
async fn two_hundred_uploads_at_once_lose_nothing() {
    let scene = scene().await;
    let report = Load { uploads: 200, bytes: 1000 }.run(&scene).await.unwrap();
    assert_eq!((report.answered, report.recorded, report.refused), (200, 200, 0), "{report}");
    assert_eq!(report.callbacks.len(), 200, "each called back once");
}

#[tokio::test]
async fn the_database_survives_the_application() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}?mode=rwc", folder.path().join("database").display());
    let database = |settings: &mut direct_upload::Settings| settings.database_url = Some(url.clone());
    let first = scene_with(database).await;
    let browser = browser(&first).await;
    upload(&browser, "a.txt", "hello").await;
    let user = user(&browser).await;
    drop(first);
    let second: Scene = scene_with(database).await;
    assert_eq!(second.app().database().files(&user).await.unwrap().len(), 1);
}

/// `TEST_POSTGRES_URL=postgres://… cargo test -p direct_upload -- --ignored`
#[tokio::test]
#[ignore = "needs a PostgreSQL, whose URL is in TEST_POSTGRES_URL"]
async fn postgres_records_the_same() {
    #[allow(clippy::disallowed_methods, reason = "the database to test against is the environment's to tell")]
    let url = std::env::var("TEST_POSTGRES_URL").unwrap();
    let scene = scene_with(|settings| settings.database_url = Some(url)).await;
    let before = scene.app().database().count().await.unwrap();
    let browser = browser(&scene).await;
    let report = Load { uploads: 50, bytes: 1000 }.run(&scene).await.unwrap();
    assert_eq!((report.answered, report.recorded), (50, 50), "{report}");
    let allowed = upload(&browser, "好.txt", "hello").await;
    let [file] = &files(&scene, &browser).await[..] else { panic!("one file") };
    assert_eq!((&*file.name, &file.id, file.width), ("好.txt", &allowed.id, None));
    assert_eq!(scene.app().database().count().await.unwrap(), before + 51);
    // In PostgreSQL's text there is no NUL.
    assert_eq!(look(&browser, "%00").await.0, 404);
    let nul = browser.allow("a\0b.txt", "text/plain", 5).await.unwrap();
    assert_eq!(browser.send_form(&nul, "text/plain", b"hello").await.unwrap().status, 200);
}

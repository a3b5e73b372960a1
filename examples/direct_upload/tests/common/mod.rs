//! The application on an emulated OSS, and a browser that does what it is told.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test stops where its set-up fails")]
#![allow(dead_code, unreachable_pub, reason = "each test file uses its own share of this")]

use direct_upload::{Allowed, Answer, Browser, File, Refused, Rules, Scene, Settings};
use http::Method;
use oss_emulator::{Emulator, JournalEntry, Operation};
use serde_json::Value;

pub const BUCKET: &str = "examplebucket";

pub async fn scene() -> Scene {
    scene_with(|_| ()).await
}

pub async fn scene_with(change: impl FnOnce(&mut Settings)) -> Scene {
    let mut settings = Settings::default();
    change(&mut settings);
    Scene::open(settings).await.unwrap()
}

/// Files of more than 200,000 bytes go in parts of 102,400, the least OSS takes.
pub fn small_parts(settings: &mut Settings) {
    settings.rules = Rules { parts_from: 200_000, part_bytes: 102_400, ..Rules::default() };
}

pub fn emulator(scene: &Scene) -> &Emulator {
    scene.emulator().unwrap()
}

pub async fn browser(scene: &Scene) -> Browser {
    Browser::open(&scene.url()).await.unwrap()
}

/// Uploads a text file as the page does, and expects it to be recorded.
pub async fn upload(browser: &Browser, name: &str, content: &str) -> Allowed {
    let allowed = browser.allow(name, "text/plain", content.len()).await.unwrap();
    let answer = browser.send_form(&allowed, "text/plain", content.as_bytes()).await.unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.json().unwrap()["recorded"], allowed.id.as_str());
    allowed
}

/// The user's id, as the page is told.
pub async fn user(browser: &Browser) -> String {
    let rules = browser.api(Method::GET, "/api/rules", None).await.unwrap().json().unwrap();
    rules["user"].as_str().unwrap().to_owned()
}

pub async fn files(scene: &Scene, browser: &Browser) -> Vec<File> {
    scene.app().database().files(&user(browser).await).await.unwrap()
}

/// A field's value in a form.
pub fn field<'a>(form: &'a Allowed, name: &str) -> &'a str {
    &form.fields.iter().find(|(known, _)| known == name).unwrap().1
}

/// The form with one field's value replaced.
pub fn with(form: &Allowed, name: &str, value: &str) -> Allowed {
    let mut changed = form.clone();
    changed.fields.iter_mut().find(|(known, _)| known == name).unwrap().1 = value.to_owned();
    changed
}

/// The form without a field.
pub fn without(form: &Allowed, name: &str) -> Allowed {
    let mut changed = form.clone();
    changed.fields.retain(|(known, _)| known != name);
    changed
}

/// The code and message of a refusal of OSS.
pub fn refusal(answer: &Answer) -> String {
    let element = |name: &str| {
        let text = answer.text.split_once(&format!("<{name}>")).map(|(_, rest)| rest).unwrap_or_default();
        text.split('<').next().unwrap_or_default().to_owned()
    };
    format!("{} {}: {}", answer.status.as_u16(), element("Code"), element("Message"))
}

/// The one callback that was refused since the last look, in words.
pub fn refused(scene: &Scene) -> Refused {
    let mut refused = scene.app().take_refused();
    assert_eq!(refused.len(), 1, "{refused:?}");
    refused.remove(0)
}

pub fn requests(scene: &Scene, operation: Operation) -> Vec<JournalEntry> {
    emulator(scene).journal().into_iter().filter(|entry| entry.operation == Some(operation)).collect()
}

pub async fn look(browser: &Browser, id: &str) -> (u16, Value) {
    let answer = browser.api(Method::POST, &format!("/api/uploads/{id}/look"), None).await.unwrap();
    (answer.status.as_u16(), answer.json().unwrap())
}

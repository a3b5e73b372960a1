//! Credentials from the places Alibaba Cloud's tools use, over our transport.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test stops where its set-up fails")]

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use oss::CredentialChain;
use oss::transport::{Transport, TransportError, TransportErrorKind, transport_fn};
use oss::upload::ProvideCredentials;
use reqsign_core::StaticEnv;
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

fn env(variables: &[(&str, &str)]) -> StaticEnv {
    let envs: HashMap<String, String> =
        variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    StaticEnv { home_dir: None, envs }
}

/// A transport for searches that must not need one.
fn no_network() -> Arc<dyn Transport> {
    Arc::new(transport_fn(|_| async {
        Err(TransportError::new(TransportErrorKind::Connect, "there is no network here"))
    }))
}

#[tokio::test]
async fn the_environment_of_alibaba_clouds_tools_is_read() {
    let env = env(&[
        ("ALIBABA_CLOUD_ACCESS_KEY_ID", "id"),
        ("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "hush"),
        ("ALIBABA_CLOUD_SECURITY_TOKEN", "token"),
    ]);
    let chain = CredentialChain::new(no_network()).with_env(env);
    let found = chain.cached().credentials().await.unwrap();
    assert_eq!((found.access_key_id(), found.access_key_secret()), ("id", "hush"));
    assert_eq!(found.security_token(), Some("token"));
}

#[tokio::test]
async fn the_role_of_an_ecs_instance_is_asked_for_over_our_transport_and_kept() {
    let metadata = MockServer::start().await;
    let token = ResponseTemplate::new(200).set_body_string("metadata-token");
    Mock::given(method("PUT")).and(path("/latest/api/token")).respond_with(token).mount(&metadata).await;
    let role = ResponseTemplate::new(200).set_body_raw(
        r#"{"Code":"Success","AccessKeyId":"STS.id","AccessKeySecret":"hush","SecurityToken":"sts-token","Expiration":"2999-01-01T00:00:00Z"}"#,
        "application/json",
    );
    Mock::given(method("GET"))
        .and(path("/latest/meta-data/ram/security-credentials/uploader"))
        .respond_with(role)
        .expect(1)
        .mount(&metadata)
        .await;
    let env = env(&[
        ("ALIBABA_CLOUD_ECS_METADATA", "uploader"),
        ("ALIBABA_CLOUD_ECS_METADATA_SERVICE_ENDPOINT", &metadata.uri()),
    ]);
    let transport = Arc::new(oss::transport::ReqwestTransport::new().unwrap());
    let chain = CredentialChain::new(transport).with_env(env).cached();
    for _ in 0..3 {
        let found = chain.credentials().await.unwrap();
        assert_eq!((found.access_key_id(), found.security_token()), ("STS.id", Some("sts-token")));
        assert!(found.expires_at().is_some());
    }
}

#[tokio::test]
async fn nothing_found_and_no_answer_are_errors_that_say_so() {
    let nowhere = env(&[("ALIBABA_CLOUD_ECS_METADATA_DISABLED", "true")]);
    let error = CredentialChain::new(no_network()).with_env(nowhere).credentials().await.unwrap_err();
    assert!(error.to_string().contains("ALIBABA_CLOUD_ACCESS_KEY_ID"), "{error}");

    let silent = transport_fn(|_| std::future::pending());
    let chain =
        CredentialChain::new(Arc::new(silent)).with_env(env(&[])).with_limit(Duration::from_millis(20));
    let error = chain.credentials().await.unwrap_err();
    assert!(error.to_string().contains("took longer than 0.02 s"), "{error}");
}

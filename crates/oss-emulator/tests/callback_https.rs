//! Callbacks to https URLs: with and without the server name, and with certificates of one's own.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failure is the test's failure")]
#![cfg(feature = "https")]

mod common;

use std::sync::{Arc, Mutex};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use common::{BUCKET, Reply, call};
use oss_emulator::Emulator;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// Shows the certificate for `localhost` to those who ask for that name, and another name's to all others.
#[derive(Debug)]
struct Names {
    asked: Arc<Mutex<Vec<Option<String>>>>,
    localhost: Arc<CertifiedKey>,
    other: Arc<CertifiedKey>,
}

impl ResolvesServerCert for Names {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let name = hello.server_name().map(str::to_owned);
        let shown = if name.as_deref() == Some("localhost") { &self.localhost } else { &self.other };
        self.asked.lock().unwrap().push(name);
        Some(Arc::clone(shown))
    }
}

/// An application server that answers `{}`, and the authority that vouches for it.
struct Application {
    port: u16,
    roots: String,
    asked: Arc<Mutex<Vec<Option<String>>>>,
}

fn certificate(name: &str, issuer: &CertifiedIssuer<'_, KeyPair>) -> Arc<CertifiedKey> {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    let certificate = params.signed_by(&key, issuer).unwrap();
    let private = PrivatePkcs8KeyDer::from(key.serialize_der());
    let key = rustls::crypto::ring::sign::any_supported_type(&private.into()).unwrap();
    Arc::new(CertifiedKey::new(vec![certificate.der().clone()], key))
}

/// Starts it; without a server name it shows the certificate of `without_name`.
async fn application(without_name: &str) -> Application {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let asked = Arc::new(Mutex::new(Vec::new()));
    let names = Names {
        asked: Arc::clone(&asked),
        localhost: certificate("localhost", &issuer),
        other: certificate(without_name, &issuer),
    };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(names));
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                // A client that does not trust the certificate goes away here.
                let Ok(mut stream) = acceptor.accept(stream).await else { return };
                let mut request = Vec::new();
                while !request.ends_with(b"a=b") {
                    if stream.read_buf(&mut request).await.unwrap_or(0) == 0 {
                        return;
                    }
                }
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}").await;
                let _ = stream.shutdown().await;
            });
        }
    });
    Application { port, roots: issuer.pem(), asked }
}

async fn emulator(roots: Option<&str>) -> Emulator {
    let mut builder = Emulator::builder().bucket(BUCKET);
    if let Some(roots) = roots {
        builder = builder.callback_roots_pem(roots);
    }
    builder.start().await.unwrap()
}

async fn put(emulator: &Emulator, application: &Application, sni: Option<bool>) -> Reply {
    let url = format!("https://localhost:{}/callback", application.port);
    let mut fields = serde_json::json!({ "callbackUrl": url, "callbackBody": "a=b" });
    if let Some(sni) = sni {
        fields["callbackSNI"] = sni.into();
    }
    let parameter = STANDARD.encode(fields.to_string());
    call("PUT", "k").header("x-oss-callback", parameter).body("hello").send(emulator).await
}

#[tokio::test]
async fn the_server_name_is_sent_when_it_is_asked_for() {
    let application = application("other.test").await;
    let emulator = emulator(Some(&application.roots)).await;
    let reply = put(&emulator, &application, Some(true)).await;
    assert_eq!((reply.status.as_u16(), reply.text()), (200, "{}"), "{reply:?}");
    // Without the name the server shows another certificate, which OSS reports as a failed connection.
    for sni in [None, Some(false)] {
        let reply = put(&emulator, &application, sni).await;
        assert_eq!(reply.status, 203, "{reply:?}");
        assert!(reply.element("Message").starts_with("Error status : -1.OSS can not connect"));
        assert_eq!(reply.element("EC"), "0007-00000203");
    }
    assert_eq!(*application.asked.lock().unwrap(), [Some("localhost".to_owned()), None, None]);
}

#[tokio::test]
async fn no_server_name_is_needed_where_there_is_one_certificate() {
    let application = application("localhost").await;
    let emulator = emulator(Some(&application.roots)).await;
    assert_eq!(put(&emulator, &application, None).await.status, 200);
    assert_eq!(emulator.journal()[0].callback.as_ref().unwrap().status, Some(200));
}

#[tokio::test]
async fn an_unknown_authority_is_not_trusted() {
    let application = application("localhost").await;
    let emulator = emulator(None).await;
    let reply = put(&emulator, &application, Some(true)).await;
    assert_eq!((reply.status.as_u16(), reply.element("Code")), (203, "CallbackFailed"));
    assert!(emulator.object(BUCKET, "k").is_some());
}

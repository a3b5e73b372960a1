//! The application together with what it stands on: a storage, a database, a port.

use std::net::SocketAddr;
use std::sync::Arc;

use async_trait::async_trait;
use http::header::CONTENT_LENGTH;
use oss::callback::{TokenKey, Verifier};
use oss::signing::{Credentials, Endpoint, Region, Signer, V4Signer};
use oss::upload::{CredentialsError, MemoryCheckpoints, ProvideCredentials};
use oss::{Client, EnvironmentCredentials};
use oss_emulator::Emulator;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::app::{App, Config};
use crate::cors;
use crate::database::Database;
use crate::settings::{Place, RealBucket, Settings};
use crate::user::random_hex;

/// Why the application cannot run. A program shows it and ends.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// A running application; it stops when it is dropped.
#[derive(Debug)]
pub struct Scene {
    app: App,
    address: SocketAddr,
    server: JoinHandle<()>,
    emulator: Option<Emulator>,
    /// The database and the emulated objects, removed at the end.
    _folder: Option<TempDir>,
}

/// The bucket of the emulated storage.
const BUCKET: &str = "examplebucket";

/// Where the emulated storage is told to call.
const CALLBACK_PATH: &str = "/oss/callback";

/// What of a configuration depends on where files are stored.
struct Storage {
    endpoint: Endpoint,
    region: Region,
    bucket: String,
    credentials: Arc<dyn ProvideCredentials>,
    verifier: Verifier,
    callback_url: String,
    private_callback: bool,
}

impl Scene {
    /// Opens the storage and the database and serves the page.
    ///
    /// # Errors
    ///
    /// What is set wrongly, or what could not be reached.
    pub async fn open(settings: Settings) -> Result<Self, Failure> {
        let listener = TcpListener::bind(settings.listen).await?;
        let address = listener.local_addr()?;
        let (storage, emulator, folder) = match &settings.place {
            Place::Real(real) => (Storage::real(real)?, None, None),
            Place::Emulated => {
                let folder = tempfile::tempdir()?;
                let objects = folder.path().join("objects");
                let emulator = Emulator::builder().bucket(BUCKET).data_dir(objects).start().await?;
                (Storage::emulated(&emulator, address).await?, Some(emulator), Some(folder))
            }
        };
        let database_url = settings.database_url.clone().unwrap_or_else(|| match &folder {
            Some(folder) => format!("sqlite://{}?mode=rwc", folder.path().join("database").display()),
            None => "sqlite://direct_upload.sqlite?mode=rwc".to_owned(),
        });
        let database = Database::open(&database_url).await?;
        let app = App::new(config(storage, settings, database)?)?;
        let router = app.router();
        let server = tokio::spawn(async move {
            // It ends with the program, or when the scene is dropped.
            let _ = axum::serve(listener, router).await;
        });
        Ok(Self { app, address, server, emulator, _folder: folder })
    }

    /// Where the page is.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The application.
    #[must_use]
    pub fn app(&self) -> &App {
        &self.app
    }

    /// The storage, if it is emulated.
    #[must_use]
    pub fn emulator(&self) -> Option<&Emulator> {
        self.emulator.as_ref()
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Storage {
    fn real(real: &RealBucket) -> Result<Self, Failure> {
        let credentials = EnvironmentCredentials::new();
        credentials.read()?;
        Ok(Self {
            endpoint: real.endpoint.parse()?,
            region: real.region.parse()?,
            bucket: real.bucket.clone(),
            credentials: Arc::new(credentials),
            verifier: Verifier::official(),
            callback_url: real.callback_url.clone(),
            private_callback: false,
        })
    }

    async fn emulated(emulator: &Emulator, address: SocketAddr) -> Result<Self, Failure> {
        let credentials =
            Credentials::new(oss_emulator::DEFAULT_ACCESS_KEY_ID, oss_emulator::DEFAULT_ACCESS_KEY_SECRET);
        let endpoint: Endpoint = emulator.endpoint().parse()?;
        let region: Region = emulator.region().parse()?;
        let signer = V4Signer::new(region.clone());
        let origin = format!("http://{address}");
        cors::set(&endpoint, &BUCKET.parse()?, &signer, &credentials, &origin).await?;
        Ok(Self {
            endpoint,
            region,
            bucket: BUCKET.to_owned(),
            credentials: Arc::new(credentials),
            // Only the emulator's key: what real OSS signs has no business here.
            verifier: Verifier::trusting_none()
                .trust(emulator.callback_key_url(), emulator.callback_public_key_pem())?,
            callback_url: format!("{origin}{CALLBACK_PATH}"),
            private_callback: true,
        })
    }
}

fn config(storage: Storage, settings: Settings, database: Database) -> Result<Config, Failure> {
    // The URL of a part is to take exactly that part's bytes, so the signature has to cover their number.
    let signer: Arc<dyn Signer> =
        Arc::new(V4Signer::new(storage.region.clone()).with_additional_headers([CONTENT_LENGTH]));
    let client = Client::builder(storage.endpoint.to_string())
        .region(storage.region.as_str())
        .credentials(Shared(Arc::clone(&storage.credentials)))
        .signer(Arc::clone(&signer))
        // The server uploads nothing itself, so there is nothing to remember on disk.
        .checkpoints(Arc::new(MemoryCheckpoints::new()))
        .build()?;
    let secret = match settings.token_secret {
        Some(secret) => secret,
        None => random_hex::<32>().ok_or("the system gives no random numbers")?.into_bytes(),
    };
    Ok(Config {
        bucket: client.bucket(&storage.bucket)?,
        endpoint: storage.endpoint,
        signer,
        credentials: storage.credentials,
        verifier: storage.verifier,
        callback_url: storage.callback_url,
        private_callback: storage.private_callback,
        database,
        tokens: TokenKey::new(secret)?,
        rules: settings.rules,
        look_first: settings.look_first,
    })
}

/// One provider for the client and for the links to images.
#[derive(Debug)]
struct Shared(Arc<dyn ProvideCredentials>);

#[async_trait]
impl ProvideCredentials for Shared {
    async fn credentials(&self) -> Result<Credentials, CredentialsError> {
        self.0.credentials().await
    }

    async fn refused(&self, credentials: &Credentials) -> bool {
        self.0.refused(credentials).await
    }
}

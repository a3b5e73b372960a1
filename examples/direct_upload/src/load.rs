//! Many direct uploads at once, each with its callback, and a count of what was lost.

use std::fmt;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use http::StatusCode;

use crate::browser::Browser;
use crate::scene::{Failure, Scene};

/// What is to be uploaded.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    /// So many files at the same time.
    pub uploads: usize,
    /// Of so many bytes each.
    pub bytes: usize,
}

/// What became of a load.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct LoadReport {
    /// Uploads that OSS answered with the application's answer.
    pub answered: usize,
    /// Files the database holds afterwards, beyond those before.
    pub recorded: u64,
    /// Callbacks that were refused.
    pub refused: usize,
    /// From the first request to the last answer.
    pub elapsed: Duration,
    /// How long the callbacks took at the application, the shortest first.
    pub callbacks: Vec<Duration>,
    /// What went wrong with uploads, if anything.
    pub failures: Vec<String>,
}

impl Load {
    /// Uploads the files to a scene as the page does: it asks for a form, and sends it.
    ///
    /// # Errors
    ///
    /// If the page or the database cannot be reached; a failed upload is in the report.
    pub async fn run(self, scene: &Scene) -> Result<LoadReport, Failure> {
        let browser = Browser::open(&scene.url()).await?;
        let before = scene.app().database().count().await?;
        scene.app().take_refused();
        let begun = Instant::now();
        let outcomes = join_all((0..self.uploads).map(|number| {
            let browser = browser.clone();
            async move { upload(&browser, number, self.bytes).await }
        }))
        .await;
        let elapsed = begun.elapsed();
        let mut callbacks = scene.app().callback_times();
        callbacks.sort_unstable();
        Ok(LoadReport {
            answered: outcomes.iter().filter(|outcome| outcome.is_ok()).count(),
            recorded: scene.app().database().count().await? - before,
            refused: scene.app().take_refused().len(),
            elapsed,
            callbacks,
            failures: outcomes
                .into_iter()
                .filter_map(|outcome| outcome.err().map(|e| e.to_string()))
                .collect(),
        })
    }
}

async fn upload(browser: &Browser, number: usize, bytes: usize) -> Result<(), Failure> {
    let allowed = browser.allow(&format!("{number}.txt"), "text/plain", bytes).await?;
    let content = vec![b'a' + u8::try_from(number % 26)?; bytes];
    let sent = browser.send_form(&allowed, "text/plain", &content).await?;
    let recorded = sent.json().is_ok_and(|answer| answer["recorded"] == allowed.id.as_str());
    if sent.status == StatusCode::OK && recorded {
        Ok(())
    } else {
        Err(format!("upload {number}: status {}, {}", sent.status, sent.text).into())
    }
}

impl LoadReport {
    /// The time that this share of the callbacks, 0 to 1, took at most.
    #[must_use]
    pub fn quantile(&self, share: f64) -> Duration {
        let last = self.callbacks.len().saturating_sub(1);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "an index among a few thousand"
        )]
        let at = (share * last as f64).ceil() as usize;
        self.callbacks.get(at).copied().unwrap_or_default()
    }
}

impl fmt::Display for LoadReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let milliseconds = |time: Duration| time.as_secs_f64() * 1000.0;
        writeln!(f, "answered by OSS with the application's answer  {}", self.answered)?;
        writeln!(f, "recorded in the database                       {}", self.recorded)?;
        writeln!(f, "callbacks received                             {}", self.callbacks.len())?;
        writeln!(f, "callbacks refused                              {}", self.refused)?;
        writeln!(f, "elapsed                                        {:.2} s", self.elapsed.as_secs_f64())?;
        for (name, share) in [("half of", 0.5), ("99 of 100", 0.99), ("all", 1.0)] {
            writeln!(
                f,
                "{name:<10} callbacks handled within            {:.1} ms",
                milliseconds(self.quantile(share))
            )?;
        }
        for failure in &self.failures {
            writeln!(f, "failed: {failure}")?;
        }
        Ok(())
    }
}

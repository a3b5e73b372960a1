//! Callbacks on their way: they outlive the request that asked for them, and not the emulator that sends them.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;
use tokio::task::JoinSet;

/// The deliveries that are under way; dropping it breaks them off.
#[derive(Debug, Default)]
pub(crate) struct Running(Mutex<JoinSet<()>>);

impl Running {
    /// Runs a delivery to its end, whether or not anybody waits for what comes of it.
    pub(crate) fn spawn<T: Send + 'static>(
        &self,
        delivery: impl Future<Output = T> + Send + 'static,
    ) -> oneshot::Receiver<T> {
        let (sender, outcome) = oneshot::channel();
        let mut deliveries = self.lock();
        while deliveries.try_join_next().is_some() {}
        deliveries.spawn(async move {
            // The uploader may have gone.
            let _ = sender.send(delivery.await);
        });
        outcome
    }

    /// Waits for those that are under way; dropping the future breaks them off.
    pub(crate) async fn ended(&self) {
        let mut deliveries = std::mem::take(&mut *self.lock());
        while deliveries.join_next().await.is_some() {}
    }

    fn lock(&self) -> MutexGuard<'_, JoinSet<()>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

//! Accepts connections and ends them with the emulator.

use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::connection::{self, stopped};
use crate::core::Core;

/// How long requests in progress and callbacks may take after a stop was asked for.
const GRACE: Duration = Duration::from_secs(5);

/// Accepts until `stopping` turns true, then waits for the connections and the callbacks for a short while.
///
/// Dropping the future closes every connection at once.
pub(crate) async fn serve(core: Arc<Core>, listener: TcpListener, mut stopping: watch::Receiver<bool>) {
    let mut connections = JoinSet::new();
    let for_connections = stopping.clone();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => {
                    connections.spawn(connection::serve(Arc::clone(&core), stream, peer, for_connections.clone()));
                }
                // Out of file descriptors, for instance: the next connection may find some again.
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            },
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
            () = stopped(&mut stopping) => break,
        }
    }
    drop(listener);
    let deadline = Instant::now() + GRACE;
    let all_ended = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout_at(deadline, all_ended).await.is_err() {
        connections.shutdown().await;
    }
    // A callback that takes longer is broken off.
    let _ = tokio::time::timeout_at(deadline, core.deliveries.ended()).await;
}

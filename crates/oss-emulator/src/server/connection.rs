//! One connection: HTTP/1.1 until the client goes, a fault cuts it, or the emulator stops.

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;

use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::sync::watch;

use super::handle::{Arrival, handle};
use super::wire::Wire;
use crate::body::{Hangup, RequestBody};
use crate::core::Core;

/// Why a connection ended without an answer, for hyper, which closes it.
#[derive(Debug, thiserror::Error)]
#[error("the connection ends without an answer: {0:?}")]
struct Ended(Hangup);

/// Serves a connection until it ends; when `stopping` turns true, after the request in progress.
pub(crate) async fn serve(
    core: Arc<Core>,
    stream: TcpStream,
    peer: SocketAddr,
    mut stopping: watch::Receiver<bool>,
) {
    // A small answer must not wait for the acknowledgement of the one before.
    let _ = stream.set_nodelay(true);
    let (wire, client) = Wire::new(stream);
    let service = service_fn(move |request: Request<Incoming>| {
        let core = Arc::clone(&core);
        let client = client.clone();
        async move {
            let (parts, body) = request.into_parts();
            let arrival = Arrival {
                parts,
                body: RequestBody::new(body).sent_by(client.clone()),
                client_ip: Some(peer.ip()),
                peer: Some(client),
            };
            handle(&core, arrival).await.map_err(Ended)
        }
    });
    let mut connection = pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            // A client that closes its end has gone, and what waits for it is freed at once.
            .half_close(false)
            .serve_connection(TokioIo::new(wire), service)
    );
    tokio::select! {
        // The client learns of a failure by the connection's end; there is nobody else to tell.
        _ = connection.as_mut() => return,
        () = stopped(&mut stopping) => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}

/// Resolves when a stop is asked for, or when the emulator is gone.
pub(super) async fn stopped(stopping: &mut watch::Receiver<bool>) {
    let _ = stopping.wait_for(|stopping| *stopping).await;
}

//! Binds the address and serves until told to stop; then running requests get a while to end, and event streams end at
//! once.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    Router,
    body::Body,
    extract::{ConnectInfo, Request},
};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::{GracefulConnection, GracefulShutdown},
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore, watch},
};
use tower::ServiceExt;

use crate::{api, config::Role, state::HttpState, warm};

/// Connections at once; more wait to be accepted.
const MAX_CONNECTIONS: usize = 1024;
/// The head of a request must be there by then; an idle connection is closed after it as well.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// Fields in the head of a request.
const MAX_HEADERS: usize = 100;
/// After a connection could not be accepted.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Why an address cannot be listened on.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Another program has it.
    #[error("{0} is in use by another program")]
    InUse(SocketAddr),
    /// Others than this machine could ask, and nothing says who they are.
    #[error("{0} can be reached from other machines, and nobody has to sign in")]
    NotLoopback(SocketAddr),
    /// Anything else.
    #[error("{0} cannot be listened on: {1}")]
    Other(SocketAddr, #[source] io::Error),
}

/// Who may reach an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// This machine alone.
    Machine,
    /// Whoever the network lets through: they have to sign in, or whoever configured it wants them all.
    Network,
}

/// Binds; where only this machine may ask, to loopback addresses alone.
pub async fn bind(address: SocketAddr, reach: Reach) -> Result<TcpListener, BindError> {
    if reach == Reach::Machine && !address.ip().to_canonical().is_loopback() {
        return Err(BindError::NotLoopback(address));
    }
    TcpListener::bind(address).await.map_err(|error| match error.kind() {
        io::ErrorKind::AddrInUse => BindError::InUse(address),
        _ => BindError::Other(address, error),
    })
}

/// Serves until `stop` says so; then running requests get as long as `patience`.
pub async fn serve(
    listener: TcpListener,
    state: HttpState,
    mut stop: watch::Receiver<bool>,
    patience: Duration,
) -> io::Result<()> {
    if state.role != Role::Worker {
        tokio::spawn(warm::after_search(state.clone()));
    }
    tokio::spawn(sweep_limits(state.clone()));
    let router: Router = api::router(state);
    let connections = GracefulShutdown::new();
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        let accepted = tokio::select! {
            accepted = accept(&listener, &places) => accepted,
            _ = stop.wait_for(|stop| *stop) => break,
        };
        let (stream, peer, place) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of file descriptors, most likely: they come back as connections end.
                tracing::warn!(error = %error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let connection = connections.watch(connection(stream, peer, router.clone()));
        tokio::spawn(async move {
            // A client that goes away halfway is no news.
            let _ = connection.await;
            drop(place);
        });
    }
    drop(listener);
    let _ = tokio::time::timeout(patience, connections.shutdown()).await;
    Ok(())
}

async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> io::Result<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let place = Arc::clone(places).acquire_owned().await.map_err(io::Error::other)?;
    let (stream, peer) = listener.accept().await?;
    stream.set_nodelay(true)?;
    Ok((stream, peer, place))
}

/// One connection: every request on it knows its peer, and its head must come in time.
fn connection(
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
) -> impl GracefulConnection<Error = hyper::Error> + Send {
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(ConnectInfo(peer));
        router.clone().oneshot(request.map(Body::new))
    });
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_headers(MAX_HEADERS)
        .serve_connection(TokioIo::new(stream), service)
}

/// Forgets clients that have not asked for a while.
async fn sweep_limits(state: HttpState) {
    const PERIOD: Duration = Duration::from_mins(1);
    loop {
        tokio::time::sleep(PERIOD).await;
        if let Some(limiter) = &state.limiter {
            limiter.sweep();
        }
    }
}

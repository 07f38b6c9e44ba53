//! Binds the address and serves until told to stop; then running requests get a while to end, and event streams end at
//! once.

use std::{io, net::SocketAddr, time::Duration};

use axum::Router;
use tokio::{net::TcpListener, sync::watch};

use crate::{api, state::HttpState, warm};

/// Why an address cannot be listened on.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Another program has it.
    #[error("{0} is in use by another program")]
    InUse(SocketAddr),
    /// Others than this machine could ask, and nothing says who they are.
    #[error("{0} can be reached from other machines, and muster cannot tell yet who asks")]
    NotLoopback(SocketAddr),
    /// Anything else.
    #[error("{0} cannot be listened on: {1}")]
    Other(SocketAddr, #[source] io::Error),
}

/// Binds. Only loopback addresses, as long as there is no way to sign in.
pub async fn bind(address: SocketAddr) -> Result<TcpListener, BindError> {
    if !address.ip().to_canonical().is_loopback() {
        return Err(BindError::NotLoopback(address));
    }
    TcpListener::bind(address).await.map_err(|error| match error.kind() {
        io::ErrorKind::AddrInUse => BindError::InUse(address),
        _ => BindError::Other(address, error),
    })
}

/// Serves until `stop` says so.
pub async fn serve(
    listener: TcpListener,
    state: HttpState,
    mut stop: watch::Receiver<bool>,
    patience: Duration,
) -> io::Result<()> {
    tokio::spawn(warm::after_search(state.clone()));
    tokio::spawn(sweep_limits(state.clone()));
    let router: Router = api::router(state);
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    let mut stopped = stop.clone();
    let graceful = async move {
        let _ = stopped.wait_for(|stop| *stop).await;
    };
    let server = axum::serve(listener, service).with_graceful_shutdown(graceful);
    let out_of_patience = async move {
        let _ = stop.wait_for(|stop| *stop).await;
        tokio::time::sleep(patience).await;
    };
    tokio::select! {
        result = server => result,
        () = out_of_patience => Ok(()),
    }
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

//! `muster serve`: the service. Everything is put together in [`compose`]; here it is started, told where it answers, and
//! stopped when a signal says so.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

use muster_app::{AppError, actions::registry::OwnRoots, config::AuthMode};
use muster_http::{HttpState, Role};
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::watch,
};

use crate::{
    args::{ServeArgs, ServeRole},
    commands::roots_of,
    compose::{self, Composed},
    config::{Config, Gathered, gather},
    exit::{Exit, UsageError},
    output,
    own_token::{OwnToken, asked_at},
};

/// How long connections to the database may take to close.
const CLOSING: Duration = Duration::from_secs(2);

/// Runs the command.
pub(crate) fn run(args: &ServeArgs, named_config: Option<&Path>) -> anyhow::Result<Exit> {
    let mut gathered = gather(named_config)?;
    if let Some(listen) = args.listen {
        gathered.config.server.listen = listen;
    }
    if let Some(data_dir) = &args.data_dir {
        gathered.config.server.data_dir.clone_from(data_dir);
    }
    if let Some(role) = args.role {
        gathered.config.server.role = match role {
            ServeRole::All => Role::All,
            ServeRole::Api => Role::Api,
            ServeRole::Worker => Role::Worker,
        };
    }
    let roots = own_roots(&args.paths, &gathered.config)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let exit = runtime.block_on(serve(gathered, roots));
    // A reading that hangs on a dead file system must not keep the process.
    runtime.shutdown_timeout(Duration::from_millis(500));
    exit
}

/// The folders of this node. A worker has none: those that are configured are meant for the nodes that share its file.
fn own_roots(named: &[PathBuf], config: &Config) -> anyhow::Result<OwnRoots> {
    let configured = &config.portfolio.roots;
    if config.server.role == Role::Worker {
        if named.is_empty() {
            return Ok(OwnRoots::default());
        }
        let message = "a worker keeps an eye on no folders".to_owned();
        let hint = Some("leave them out, or give them to a node with --role api".to_owned());
        return Err(UsageError { message, hint }.into());
    }
    let roots = roots_of(named, configured)?;
    Ok(if named.is_empty() && configured.is_empty() {
        OwnRoots { named: Vec::new(), fallback: roots }
    } else {
        OwnRoots { named: roots, fallback: Vec::new() }
    })
}

async fn serve(gathered: Gathered, roots: OwnRoots) -> anyhow::Result<Exit> {
    let patience = Duration::from_secs(gathered.config.server.shutdown_seconds);
    let interrupt = Arc::new(AtomicBool::new(false));
    // Before anything is opened: a port that is taken is the commonest mistake.
    let listener =
        muster_http::bind(gathered.config.server.listen, compose::reach(&gathered.config.auth)).await?;
    let address = listener.local_addr()?;
    let is_open = gathered.config.auth.mode == AuthMode::None;
    let (stop, stopped) = watch::channel(false);
    let named = roots.named.clone();
    let Composed { state, store, data_dir, registry_task, runner_task, node_lock } =
        compose::compose(gathered, roots, address, &interrupt, stopped.clone()).await?;
    refuse_missing(&named, &state).await?;
    // Before anybody is told that it runs, and may want it to stop.
    let stopping = stop_on_signal(stop, interrupt)?;
    say_where(address)?;
    if is_open && !address.ip().to_canonical().is_loopback() {
        tracing::warn!(
            server.listen = %address,
            "nobody has to sign in, and other machines reach this address: whoever reaches it may do everything \
             (auth.open_to_network)"
        );
    }
    let own_token = OwnToken::leave(&data_dir, address, state.access.own_text());
    if state.role != Role::Worker {
        say_setup(&state, address).await?;
    }
    let signals = tokio::spawn(stopping);
    let result = muster_http::serve(listener, state.clone(), stopped, patience).await;
    state.live.stop();
    registry_task.abort();
    // It lets jobs end for a while and gives back what does not; without that they would wait for their lease.
    stop_runner(runner_task).await;
    signals.abort();
    // A database that does not answer any more keeps nobody from ending.
    if tokio::time::timeout(CLOSING, store.close()).await.is_err() {
        tracing::warn!("the database did not answer; its connections are left to it");
    }
    drop((own_token, node_lock));
    result?;
    Ok(Exit::Fine)
}

async fn stop_runner(runner_task: tokio::task::JoinHandle<()>) {
    if let Err(error) = runner_task.await {
        tracing::error!(%error, "the runner of jobs ended by a mistake of ours");
    }
}

/// A folder that is not there and of which nothing is known was mistyped. One of which something is known may be a disk
/// that comes back.
async fn refuse_missing(named: &[PathBuf], state: &HttpState) -> anyhow::Result<()> {
    let known = state.keeper.paths().await;
    for root in named {
        if let Err(error) = std::fs::read_dir(root)
            && !known.iter().any(|path| path.starts_with(root))
        {
            return Err(AppError::RootUnreadable { path: root.clone(), reason: error.to_string() }.into());
        }
    }
    Ok(())
}

/// One line for people on stderr; stdout says the address alone, for scripts.
fn say_where(address: SocketAddr) -> anyhow::Result<()> {
    output::line(&format!("http://{address}"))?;
    output::note(&format!(
        "muster answers at http://{address}/ (documentation at http://{address}/api/docs/); Ctrl-C stops it"
    ))
}

/// The way in, where nobody can sign in yet.
async fn say_setup(state: &HttpState, address: SocketAddr) -> anyhow::Result<()> {
    if let Some(token) = state.access.first_setup().await? {
        let address = asked_at(address);
        output::note(&format!(
            "nobody can sign in yet. Set the administrator's password within a day, with this set-up token: {token}\n  \
             curl -H 'content-type: application/json' -d '{{\"token\": \"{token}\", \"password\": \"…\"}}' \
             http://{address}/api/v1/session/setup"
        ))?;
    }
    Ok(())
}

/// Catches signals from now on; what is returned waits for them.
fn stop_on_signal(
    stop: watch::Sender<bool>,
    interrupt: Arc<AtomicBool>,
) -> anyhow::Result<impl Future<Output = ()>> {
    let mut signals =
        [signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?, signal(SignalKind::hangup())?];
    Ok(async move {
        let [a, b, c] = &mut signals;
        tokio::select! { _ = a.recv() => {}, _ = b.recv() => {}, _ = c.recv() => {} }
        interrupt.store(true, std::sync::atomic::Ordering::Relaxed);
        stop.send_replace(true);
        tokio::select! { _ = a.recv() => {}, _ = b.recv() => {}, _ = c.recv() => {} }
        // Asked twice: at once.
        std::process::exit(Exit::Interrupted.code().into());
    })
}

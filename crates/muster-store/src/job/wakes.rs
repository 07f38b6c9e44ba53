//! Hearing that there is work, or something to be cancelled: of this process by a watched number, of other nodes by
//! LISTEN of PostgreSQL, on a connection of its own that is made anew when it is lost. Whoever hears nothing still
//! polls: a lost notification costs the time of a poll, never a job.

use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgListener, PgPoolOptions};
use tokio::{sync::watch, task::JoinHandle, time};

use crate::{
    config::Target,
    store::Store,
    wake::{CANCEL, CHANNEL, Wake},
};

/// After a listener could not connect.
const RECONNECT: Duration = Duration::from_secs(1);

/// What was heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heard {
    /// There may be work that is due.
    pub work: bool,
    /// Something that runs may have been asked to stop.
    pub cancel: bool,
}

/// Hears of work. On PostgreSQL it holds a connection of its own, and makes a new one when that is lost.
pub struct JobWakes {
    woken: watch::Receiver<Wake>,
    seen: Wake,
    listener: Option<JoinHandle<()>>,
}

impl Store {
    /// Hears, from here on, of work that is due and of what is to be cancelled, of this node and of others.
    pub fn job_wakes(&self) -> JobWakes {
        let woken = self.inner.woken.subscribe();
        let seen = *woken.borrow();
        let listener = match &self.inner.target {
            Target::Sqlite(_) => None,
            Target::Postgres(options) => {
                let woken = self.inner.woken.clone();
                Some(tokio::spawn(listen(options.as_ref().clone(), woken)))
            }
        };
        JobWakes { woken, seen, listener }
    }
}

impl JobWakes {
    /// Waits until something was announced that this one has not heard. Can be cancelled.
    pub async fn heard(&mut self) -> Heard {
        loop {
            let wake = *self.woken.borrow_and_update();
            let heard = Heard { work: wake.work != self.seen.work, cancel: wake.cancel != self.seen.cancel };
            if heard.work || heard.cancel {
                self.seen = wake;
                return heard;
            }
            if self.woken.changed().await.is_err() {
                // The store is gone: nothing will ever be announced.
                std::future::pending::<()>().await;
            }
        }
    }
}

impl Drop for JobWakes {
    fn drop(&mut self) {
        if let Some(listener) = &self.listener {
            listener.abort();
        }
    }
}

async fn listen(options: PgConnectOptions, woken: watch::Sender<Wake>) {
    loop {
        if let Err(error) = listen_once(&options, &woken).await {
            tracing::debug!(%error, "not listening for jobs of other nodes; polling goes on");
        }
        time::sleep(RECONNECT).await;
    }
}

async fn listen_once(options: &PgConnectOptions, woken: &watch::Sender<Wake>) -> Result<(), sqlx::Error> {
    // A pool of its own: this connection is held for good, and the store's are counted.
    let pool = PgPoolOptions::new().max_connections(1).connect_with(options.clone()).await?;
    let mut listener = PgListener::connect_with(&pool).await?;
    listener.listen(CHANNEL).await?;
    // Whatever was said before is not repeated.
    woken.send_modify(Wake::all);
    while let Some(notification) = listener.try_recv().await? {
        let is_cancel = notification.payload() == CANCEL;
        woken.send_modify(|wake| if is_cancel { wake.cancel += 1 } else { wake.work += 1 });
    }
    Ok(())
}

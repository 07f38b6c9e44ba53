//! Has the remotes of this node's checkouts asked again and again whether they have moved on, and has the checkouts read
//! again that follow one that has.
//!
//! No stored schedule stands behind it: what is due follows from when each remote was last asked, which is stored and
//! shared with all nodes, and from which remotes the checkouts of this node follow now. So a restart doubles nothing, a
//! new clone is asked for at once, and one that went is asked for no more.

use std::{collections::HashMap, path::PathBuf, time::Duration};

use jiff::{SignedDuration, Timestamp};
use muster_model::RemoteUrl;
use muster_store::{Priority, RemoteHeads};
use tokio::{
    sync::broadcast::error::RecvError,
    time::{self, MissedTickBehavior},
};

use crate::{actions::refresh::Keeper, context::Context, error::AppError, jobs::requests, known::Moved};

/// How often it is looked whether a remote is due. Costs nothing but a glance at what is in memory.
const TICK: Duration = Duration::from_secs(2);
/// Jobs stored by one transaction.
const BATCH: usize = 100;
/// A remote that fails is asked again after twice the time, and so on, up to this.
const LONGEST: SignedDuration = SignedDuration::from_hours(24);

/// Runs until the process ends. `read_again` lets a project be read again soon.
pub async fn run(
    context: Context,
    keeper: Keeper,
    period: Duration,
    read_again: impl Fn(PathBuf) + Send + Sync + 'static,
) {
    let period = SignedDuration::try_from(period.max(Duration::from_secs(1))).unwrap_or(LONGEST);
    let mut news = context.known.heads_news();
    let mut planner = Planner { context, keeper, period, due: HashMap::new() };
    let mut ticks = time::interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => {
                if let Err(error) = planner.plan().await {
                    tracing::warn!(%error, "remotes could not be asked yet; it is tried again");
                }
            }
            heard = news.recv() => {
                let concerned = match heard {
                    Ok(Moved::Remote(url)) => planner.keeper.following(&url).await,
                    // Too many at once to know which.
                    Ok(Moved::Unknown) | Err(RecvError::Lagged(_)) => planner.keeper.paths().await,
                    Err(RecvError::Closed) => return,
                };
                concerned.into_iter().for_each(&read_again);
            }
        }
    }
}

struct Planner {
    context: Context,
    keeper: Keeper,
    period: SignedDuration,
    /// When to look at each remote again, as far as this process knows.
    due: HashMap<RemoteUrl, Timestamp>,
}

impl Planner {
    async fn plan(&mut self) -> Result<(), AppError> {
        let remotes = self.keeper.remotes().await;
        self.due.retain(|url, _| remotes.contains(url));
        let now = self.context.clock.now();
        let is_due = |url: &&RemoteUrl| self.due.get(*url).is_none_or(|due| *due <= now);
        let candidates: Vec<&RemoteUrl> = remotes.iter().filter(is_due).collect();
        if candidates.is_empty() {
            return Ok(());
        }
        let urls: Vec<String> = candidates.iter().map(ToString::to_string).collect();
        let known = Box::pin(self.context.store.remote_heads(&urls)).await?;
        // Another node may have asked meanwhile.
        let due = |url: &String| known.get(url).map_or(now, |known| due_at(known, self.period));
        let due: Vec<Timestamp> = urls.iter().map(due).collect();
        let asked = candidates.iter().zip(&due).filter(|(_, due)| **due <= now);
        let jobs: Vec<_> = asked.map(|(url, _)| requests::remote_heads(&self.context, url)).collect();
        for batch in jobs.chunks(BATCH) {
            let mut tx = self.context.store.begin(Priority::Background).await?;
            tx.job_enqueue(batch).await?;
            tx.commit().await?;
        }
        for (url, due) in candidates.into_iter().zip(due) {
            let next = if due <= now { now.saturating_add(self.period).unwrap_or(due) } else { due };
            self.due.insert(url.clone(), next);
        }
        Ok(())
    }
}

/// When a remote is to be asked again.
fn due_at(known: &RemoteHeads, period: SignedDuration) -> Timestamp {
    const MOST_DOUBLINGS: u32 = 20;
    let factor = 1_i32 << known.failures.min(MOST_DOUBLINGS);
    let pause = period.saturating_mul(factor).min(LONGEST.max(period));
    known.checked_at.saturating_add(pause).unwrap_or(known.checked_at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_fails_is_asked_less_often() {
        let at = |second: i64| Timestamp::from_second(second).expect("a time");
        let known = |failures| RemoteHeads {
            url: String::new(),
            heads: None,
            asked_at: None,
            checked_at: at(1_000),
            failures,
            failure: None,
        };
        let hour = SignedDuration::from_hours(1);
        for (failures, hours) in [(0, 1), (1, 2), (3, 8), (5, 24), (99, 24)] {
            assert_eq!(due_at(&known(failures), hour), at(1_000 + hours * 3_600), "{failures}");
        }
        let rarely = SignedDuration::from_hours(100);
        assert_eq!(due_at(&known(4), rarely), at(1_000 + 100 * 3_600));
    }
}

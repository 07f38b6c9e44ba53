//! Keeps the connections of a link: opens them, gives signs of life, since an idle connection does not notice that the
//! other end is gone, and gives them up when three signs in a row stay unanswered. Nobody waits for it.

use std::{
    sync::{Weak, atomic::Ordering},
    time::Duration,
};

use redis::{AsyncConnectionConfig, Pipeline, RedisResult, aio::MultiplexedConnection};
use tokio::time::{sleep, timeout};

use super::{breaker::Shared, origin, stats::LinkState};
use crate::stats::count;

/// Pauses between tries to connect; the last stays. Together with the limit on one try: used again within 5 s.
const PAUSES: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(2)];
/// Unanswered signs of life that open the breaker.
const FAILURES: u32 = 3;
/// Longest wait for a sign of life.
const SIGN_LIMIT: Duration = Duration::from_millis(500);
/// Pause before the next sign when one was missed.
const RETRY: Duration = Duration::from_millis(100);
/// Every so many signs the server is asked how much it holds.
const LOOK_EVERY: u32 = 10;

/// For as long as the link is used.
pub(super) async fn keep(link: Weak<Shared>) {
    let (mut tries, mut was_up) = (0_usize, true);
    loop {
        let Some(shared) = link.upgrade() else { return };
        let reason = match connect(&shared).await {
            Ok(lanes) => {
                tracing::info!(redis.place = %shared.place, "connected to Redis");
                count(&shared.counters.connects);
                shared.set_lanes(lanes);
                shared.set_state(LinkState::Up);
                (tries, was_up) = (0, true);
                drop(shared);
                let Some(reason) = watch(&link).await else { return };
                reason
            }
            Err(error) => error.to_string(),
        };
        let Some(shared) = link.upgrade() else { return };
        shared.set_state(LinkState::Down);
        shared.set_lanes(Vec::new());
        if std::mem::take(&mut was_up) {
            tracing::warn!(redis.place = %shared.place, %reason, "Redis is away; this node goes on alone and tries again");
        } else {
            tracing::debug!(redis.place = %shared.place, %reason, "Redis is still away");
        }
        drop(shared);
        sleep(pause(&mut tries)).await;
    }
}

/// The pause before the next try.
pub(super) fn pause(tries: &mut usize) -> Duration {
    let pause = PAUSES[(*tries).min(PAUSES.len() - 1)];
    *tries += 1;
    pause
}

async fn connect(shared: &Shared) -> RedisResult<Vec<MultiplexedConnection>> {
    // Each caller sets its own limit; without this the library's half second would be a second one.
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(shared.config.connect_timeout()))
        .set_response_timeout(None);
    let mut lanes: Vec<MultiplexedConnection> = Vec::new();
    // One connection listens, see `bus.rs`.
    for _ in 0..shared.config.max_connections.saturating_sub(1).max(1) {
        lanes.push(shared.client.get_multiplexed_async_connection_with_config(&config).await?);
    }
    if let Some(lane) = lanes.first_mut() {
        origin::verify(shared, lane).await?;
    }
    Ok(lanes)
}

/// Until the connections are lost, and why; `None` if nobody uses the link any more.
async fn watch(link: &Weak<Shared>) -> Option<String> {
    let (mut failures, mut signs) = (0, 0_u32);
    loop {
        let shared = link.upgrade()?;
        let wanted = signs % LOOK_EVERY == 0;
        match sign_of_life(&shared, wanted).await {
            Ok(()) => {
                (failures, signs) = (0, signs.wrapping_add(1));
                shared.set_state(LinkState::Up);
            }
            Err(Missed::Lost(reason)) => return Some(reason),
            Err(Missed::Late) => {
                failures += 1;
                shared.set_state(LinkState::Doubted);
                if failures >= FAILURES {
                    return Some(format!("{failures} signs of life in a row were not answered"));
                }
            }
        }
        if failures > 0 {
            // Further doubts are no news.
            drop(shared);
            sleep(RETRY).await;
        } else {
            // Keeps the link for a heartbeat after its last user has gone. Cut short by doubts.
            let _ = timeout(shared.config.heartbeat, shared.doubted.notified()).await;
        }
    }
}

enum Missed {
    Late,
    Lost(String),
}

/// Asks on every connection, and says on the first that this node lives.
async fn sign_of_life(shared: &Shared, look: bool) -> Result<(), Missed> {
    for (index, mut lane) in shared.lanes().into_iter().enumerate() {
        let mut questions = Pipeline::new();
        questions.cmd("PING").ignore();
        if index == 0 {
            let life =
                u64::try_from(shared.config.heartbeat.as_millis()).unwrap_or(u64::MAX).saturating_mul(5);
            let node = shared.keys.node(shared.id);
            questions.cmd("SET").arg(node).arg(&shared.config.node).arg("PX").arg(life).ignore();
            if let Some(process) = shared.process() {
                origin::note_process(&mut questions, &shared.keys, &process);
            }
        }
        match timeout(SIGN_LIMIT, questions.query_async::<()>(&mut lane)).await {
            Err(_) => return Err(Missed::Late),
            Ok(Err(error)) if error.is_io_error() || error.is_unrecoverable_error() => {
                return Err(Missed::Lost(error.to_string()));
            }
            // Read-only, out of memory, still loading: alive, and each question is told so.
            Ok(Err(error)) => tracing::debug!(redis.place = %shared.place, %error, "Redis refuses"),
            Ok(Ok(())) => {}
        }
        if look && index == 0 {
            look_at(shared, &mut lane).await;
        }
    }
    Ok(())
}

/// How much the server holds. It may forbid to ask; then it is not known.
async fn look_at(shared: &Shared, lane: &mut MultiplexedConnection) {
    let mut questions = Pipeline::new();
    questions.cmd("INFO").arg("memory").cmd("DBSIZE");
    let Ok(Ok((info, keys))) = timeout(SIGN_LIMIT, questions.query_async::<(String, u64)>(lane)).await else {
        return;
    };
    let used = info.lines().find_map(|line| line.strip_prefix("used_memory:")?.trim().parse().ok());
    shared.counters.used_memory.store(used.unwrap_or(u64::MAX), Ordering::Relaxed);
    shared.counters.server_keys.store(keys, Ordering::Relaxed);
}

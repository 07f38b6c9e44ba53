//! Whether what lies in Redis comes from where it seems to. A server restored from a snapshot, or a replica that took over
//! and had lagged behind, holds the states of tags as they were, and with them values that have fallen since. So every new
//! connection looks first: is this the process under which the values were stored, and does it still know the last change
//! that it was told of? If not, the state of the tag `all` goes, and no value that lies there fits anybody any more.

use std::sync::atomic::Ordering;

use redis::{Pipeline, RedisError, RedisResult, aio::MultiplexedConnection};
use tokio::time::timeout;

use super::{breaker::Shared, keys::Keys};
use crate::tags::ALL_TAG;

/// What the server says of itself, and what lies in it.
struct Found {
    /// Drawn by the server at its start. `None` if it does not say: then the changes alone must do.
    process: Option<String>,
    stored_under: Option<String>,
    told: Option<u64>,
}

/// Looks, and makes values unusable for all nodes that may be older than what this node knows. An error means that Redis
/// must not be used.
pub(super) async fn verify(shared: &Shared, connection: &mut MultiplexedConnection) -> RedisResult<()> {
    let limit = shared.config.background_timeout();
    match timeout(limit, verify_now(shared, connection)).await {
        Ok(verified) => verified,
        Err(late) => Err(std::io::Error::from(late).into()),
    }
}

async fn verify_now(shared: &Shared, connection: &mut MultiplexedConnection) -> RedisResult<()> {
    let found = look(shared, connection).await?;
    let known = shared.told.load(Ordering::Acquire);
    // Missing, it was flushed with everything else, or nobody was here before.
    let is_other =
        found.process.is_some() && found.stored_under.is_some() && found.process != found.stored_under;
    let is_older = known > 0 && found.told.is_none_or(|told| told < known);
    let keys = &shared.keys;
    if is_other || is_older {
        let mut questions = Pipeline::new();
        // Deleted and not drawn anew: a server that is full refuses to set.
        questions.cmd("DEL").arg(keys.tag(ALL_TAG));
        let (fallen,): (u64,) = questions.query_async(connection).await?;
        if fallen > 0 {
            tracing::warn!(redis.place = %shared.place, "Redis may hold what was right some time ago: another process than before, or an older state; nothing of it is used");
        }
    }
    // After it: who finds these must find that gone.
    let mut questions = Pipeline::new();
    if let Some(process) = &found.process {
        note_process(&mut questions, keys, process);
    }
    if is_older {
        questions.cmd("SET").arg(keys.told()).arg(known).ignore();
    } else {
        shared.note_told(found.told.unwrap_or(0));
    }
    shared.set_process(found.process);
    match questions.query_async::<()>(connection).await {
        Err(error) if is_broken(&error) => Err(error),
        // Not noted, it is only done again by the next.
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Says again under which process values are stored: it may have been flushed or evicted.
pub(super) fn note_process(questions: &mut Pipeline, keys: &Keys, process: &str) {
    questions.cmd("SET").arg(keys.server()).arg(process).ignore();
}

async fn look(shared: &Shared, connection: &mut MultiplexedConnection) -> RedisResult<Found> {
    let mut questions = Pipeline::new();
    questions.cmd("INFO").arg("server");
    let process = match questions.query_async::<(String,)>(connection).await {
        Ok((info,)) => {
            let id = info.lines().find_map(|line| line.strip_prefix("run_id:"));
            id.map(|id| id.trim().to_owned()).filter(|id| !id.is_empty())
        }
        Err(error) if is_broken(&error) => return Err(error),
        // It may forbid to ask.
        Err(_) => None,
    };
    let mut questions = Pipeline::new();
    questions.cmd("GET").arg(shared.keys.server()).cmd("GET").arg(shared.keys.told());
    let (stored_under, told): (Option<String>, Option<u64>) = questions.query_async(connection).await?;
    Ok(Found { process, stored_under, told })
}

fn is_broken(error: &RedisError) -> bool {
    error.is_io_error() || error.is_unrecoverable_error()
}

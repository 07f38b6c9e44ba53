//! How long and how large a transfer may become, and how its caller looks in: is told of progress, may stop it.

use std::{
    fmt,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

/// Limits of one call, whatever number of programs it starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MirrorLimits {
    /// From beginning to end.
    pub wall: Duration,
    /// Without a sign of life: nothing said, nothing written.
    pub stall: Duration,
    /// Bytes of the mirror's folder, looked at while git runs.
    pub max_bytes: u64,
}

impl Default for MirrorLimits {
    /// Half an hour, a minute without a sign of life, 4 GiB.
    fn default() -> Self {
        Self { wall: Duration::from_mins(30), stall: Duration::from_mins(1), max_bytes: 4 << 30 }
    }
}

/// What git is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Phase {
    /// Nothing was heard yet.
    Connecting,
    /// The other side looks for what is to be sent.
    Counting,
    /// The other side packs it.
    Compressing,
    /// Objects arrive.
    Receiving,
    /// Arrived objects are put together.
    Resolving,
    /// Commits are read out of the mirror.
    Reading,
}

/// How far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// What git is doing.
    pub phase: Phase,
    /// Objects of this phase that are done; commits while reading.
    pub done: u64,
    /// Of so many, if that is known.
    pub total: Option<u64>,
    /// Bytes of the mirror's folder when it was last looked at.
    pub bytes: u64,
}

/// How the caller looks in.
#[derive(Clone, Copy)]
pub struct Watch<'a> {
    /// Told of progress, in the thread that called.
    pub progress: &'a (dyn Fn(Progress) + Sync),
    /// Set from outside to stop; looked at many times a second.
    pub cancelled: &'a AtomicBool,
}

impl Watch<'_> {
    pub(super) fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
    }
}

impl fmt::Debug for Watch<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch").field("cancelled", &self.cancelled).finish_non_exhaustive()
    }
}

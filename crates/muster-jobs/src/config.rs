//! What can be said of a runner. Durations are real ones, but for leases, which are compared with the clock.

use std::time::Duration;

use muster_store::job::{JobScope, QueueLimits, QueueRate, Retention};

/// A queue and its limits. What a person set while muster ran goes before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueConfig {
    /// Its name.
    pub name: String,
    /// Jobs that this node runs at the same time.
    pub concurrency: u32,
    /// Jobs of one group that run at the same time, over all nodes; `None` is no limit.
    pub group_limit: Option<u32>,
    /// How many begin in some time, over all nodes.
    pub rate: Option<QueueRate>,
}

impl QueueConfig {
    /// A queue without other limits.
    pub fn new(name: impl Into<String>, concurrency: u32) -> Self {
        Self { name: name.into(), concurrency, group_limit: None, rate: None }
    }

    pub(crate) fn limits(&self) -> QueueLimits {
        QueueLimits {
            is_paused: false,
            concurrency: self.concurrency,
            group_limit: self.group_limit,
            rate: self.rate,
        }
    }
}

/// How a runner goes about its work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunnerConfig {
    /// The queues that it serves. Those of registered kinds that are missing here run one job at a time.
    pub queues: Vec<QueueConfig>,
    /// Which jobs of them it takes.
    pub scope: JobScope,
    /// After so long without a heartbeat a job is given to another.
    pub lease: Duration,
    /// Between two heartbeats; some must fit into a lease.
    pub heartbeat: Duration,
    /// How often it looks for work that nothing told it of.
    pub poll: Duration,
    /// How often it looks for jobs whose process is gone.
    pub rescue: Duration,
    /// How often old jobs are taken away.
    pub retain: Duration,
    /// How many of those are kept.
    pub retention: Retention,
    /// How long running jobs may go on when the process is to stop.
    pub grace: Duration,
    /// Jobs claimed before there is room to run them, in queues whose jobs take a few milliseconds; 0 is none.
    pub ahead: u32,
}

impl Default for RunnerConfig {
    fn default() -> Self {
        Self {
            queues: Vec::new(),
            scope: JobScope::All,
            lease: Duration::from_secs(30),
            heartbeat: Duration::from_secs(10),
            poll: Duration::from_secs(1),
            rescue: Duration::from_secs(10),
            retain: Duration::from_mins(1),
            retention: Retention::default(),
            grace: Duration::from_secs(10),
            ahead: 64,
        }
    }
}

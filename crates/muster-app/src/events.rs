//! News while it happens: what the change sequence says, and passing things that nobody replays. Whoever listens and is
//! too slow is told so and starts again from what is stored.

use muster_store::Seq;
use serde_json::Value;
use tokio::sync::broadcast;

/// News that a slow listener may fall behind before it must start again.
const CAPACITY: usize = 1024;

/// One piece of news.
#[derive(Debug, Clone)]
pub struct Event {
    /// Its place in the change sequence; `None` for what is not replayed.
    pub seq: Option<Seq>,
    /// What it is about: `project.changed`, `cache.invalidated`, …
    pub topic: String,
    /// The news itself.
    pub data: Value,
}

/// Topic of the event that says: fetch anew what you show, some of what happened is not told.
const RESYNC: &str = "resync";

impl Event {
    /// Tells to fetch anew; what is numbered goes on after `seq`, also if that is before what was told last.
    pub fn resync(seq: Option<Seq>) -> Self {
        Self { seq, topic: RESYNC.to_owned(), data: Value::Object(serde_json::Map::default()) }
    }

    /// Whether it says so.
    pub fn is_resync(&self) -> bool {
        self.topic == RESYNC
    }
}

/// Where news is told and heard.
#[derive(Debug, Clone)]
pub struct EventHub {
    sender: broadcast::Sender<Event>,
}

impl Default for EventHub {
    fn default() -> Self {
        Self { sender: broadcast::Sender::new(CAPACITY) }
    }
}

impl EventHub {
    /// Hears everything from now on.
    pub fn subscribe(&self) -> broadcast::Receiver<Event> {
        self.sender.subscribe()
    }

    /// Tells whoever listens.
    pub fn tell(&self, event: Event) {
        // No listener is no failure.
        let _ = self.sender.send(event);
    }

    /// Listeners at the moment.
    pub fn listeners(&self) -> usize {
        self.sender.receiver_count()
    }
}

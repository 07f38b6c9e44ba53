//! Where the two levels meet: which entries are shared, how a load passes through the second level, and what an
//! invalidation says to it, whoever it came from. In one order always: first it waits in the outbox, so that nobody here
//! takes from Redis what is wrong, then the tag falls here.

use std::{sync::Arc, time::Duration};

use serde::de::DeserializeOwned;
use xxhash_rust::xxh3::xxh3_128;

use crate::{
    body::Body,
    config::Sharing,
    engine::{Engine, Keep, Made},
    entry::{Condition, Entry},
    flight::{Flights, Freshness},
    landing::Landing,
    patience::Patience,
    redis::{Arrived, Content, Look, Outbox, Parcel, TagNews, Unknown, Wanted},
    tags::{ALL_TAG, BY_KEY_TAG, Standing, Tag},
};

/// Makes what was shared into what is kept; `None` if it cannot be used.
pub(crate) type Unpack<V> = fn(&Engine, usize, Parcel, Duration) -> Option<Made<V>>;

/// Tags that every shared entry has before its own: `all` and that of its type.
const ALWAYS: usize = 2;

/// Whether a load keeps its encoding for the second level.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Parcelling {
    Wanted,
    Unwanted,
}

/// What an invalidation does to those who depend on a tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fall {
    /// Worthless.
    Removed,
    /// Good until a load has brought something newer.
    Expired,
}

impl Engine {
    pub(crate) fn parcelling(&self, of: usize) -> Parcelling {
        if self.level.is_some() && self.types[of].config.sharing != Sharing::Nobody {
            Parcelling::Wanted
        } else {
            Parcelling::Unwanted
        }
    }

    /// All tags of an entry, if it is one that is shared.
    pub(crate) fn shared_tags(&self, of: usize, tags: &[&str]) -> Option<Vec<String>> {
        if self.parcelling(of) == Parcelling::Unwanted || tags.iter().any(|tag| self.is_own(tag)) {
            return None;
        }
        let always: [&str; ALWAYS] = [ALL_TAG, &self.types[of].tag];
        Some(always.iter().chain(tags).map(|&tag| tag.to_owned()).collect())
    }

    /// The name under which an entry lies in the second level.
    fn shared_name(&self, of: usize, key: &str) -> String {
        match (&self.level, self.types[of].config.sharing) {
            (Some(level), Sharing::Node) => level.own_name(key),
            _ => key.to_owned(),
        }
    }

    /// Invalidates here and, unless the tag is this node's own, everywhere.
    pub(crate) fn invalidate(&self, name: &str, fall: Fall) {
        let mut state = 0;
        if let Some(level) = self.level.as_ref().filter(|_| !self.is_own(name)) {
            state = level.link.draw();
            level.outbox.tag(name, TagNews { state, is_expiry: fall == Fall::Expired });
        }
        if let Some(tag) = self.tags.find(name) {
            tag.swap_shared_state(state);
            self.fall(name, &tag, fall);
        }
        self.note_invalidation();
    }

    /// Invalidates everything everywhere, and says that Redis was told of all changes up to `change` by that.
    pub(crate) fn begin_anew(&self, change: u64) {
        let mut state = 0;
        if let Some(level) = &self.level {
            state = level.link.draw();
            level.forget_marks();
            level.outbox.begin_anew(change, state);
            level.set_caught_up(true);
        }
        if let Some(tag) = self.tags.find(ALL_TAG) {
            tag.swap_shared_state(state);
            self.fall(ALL_TAG, &tag, Fall::Removed);
        }
        self.note_invalidation();
    }

    /// Tells the second level and all nodes what is removed by its key or a pattern. `tell` is given a number for it.
    pub(crate) fn tell_by_key(&self, tell: impl FnOnce(&Outbox, u64)) {
        let Some(level) = &self.level else { return };
        let state = level.link.draw();
        tell(&level.outbox, state);
        level.outbox.tag(BY_KEY_TAG, TagNews { state, is_expiry: true });
        if let Some(tag) = self.tags.find(BY_KEY_TAG) {
            tag.swap_shared_state(state);
        }
    }

    /// What another node says has fallen, with the new states. It falls also if the state was learnt before: what lay here
    /// under a state that was not known did not fall then.
    pub(crate) fn hear(&self, removed: &[(String, u64)], expired: &[(String, u64)]) {
        let removed = removed.iter().map(|news| (news, Fall::Removed));
        for ((name, state), fall) in removed.chain(expired.iter().map(|news| (news, Fall::Expired))) {
            if let Some(tag) = self.tags.find(name).filter(|_| !self.is_own(name)) {
                tag.swap_shared_state(*state);
                self.fall(name, &tag, fall);
            }
            self.note_invalidation();
        }
    }

    /// The state of a tag in Redis now, zero if it has none there.
    pub(crate) fn compared(&self, name: &str, state: u64, unknown: Unknown) {
        let Some(tag) = self.tags.find(name).filter(|_| !self.is_own(name)) else { return };
        let known = tag.swap_shared_state(state);
        if name == BY_KEY_TAG {
            if known != state {
                self.distrust();
            }
            return;
        }
        let is_missed = if known == 0 { unknown == Unknown::Doubted } else { known != state };
        if is_missed {
            self.fall(name, &tag, Fall::Removed);
        }
    }

    /// Drops all that is held here, loads that run included: messages of other nodes were lost. The second level stays.
    pub(crate) fn distrust(&self) {
        if let Some(tag) = self.tags.find(ALL_TAG) {
            self.fall(ALL_TAG, &tag, Fall::Removed);
        }
        self.note_invalidation();
    }

    fn fall(&self, name: &str, tag: &Tag, fall: Fall) {
        let now = self.time.millis(self.time.now());
        match fall {
            Fall::Removed => tag.remove(now),
            Fall::Expired => tag.expire(now),
        }
        if name == ALL_TAG && fall == Fall::Removed {
            self.store.clear();
        }
    }

    fn is_own(&self, tag: &str) -> bool {
        self.own_tags.iter().any(|own| **own == *tag)
    }

    /// The age of what is still of use of an entry.
    fn held(&self, entry: Option<&Arc<Entry>>) -> Option<Duration> {
        let (entry, now) = (entry?, self.time.now());
        match entry.condition(now, Duration::MAX) {
            Condition::Removed | Condition::Ended => None,
            _ => Some(now.since(entry.loaded)),
        }
    }
}

impl<V: Send + Sync + 'static, E> Landing<V, E> {
    /// A load that looks into the second level first, and leaves there what it brought.
    pub(crate) async fn fly_shared<F, Fut>(
        mut self,
        tags: &[String],
        patience: &Patience,
        unpack: Unpack<V>,
        load: F,
    ) where
        F: FnOnce() -> Fut,
        Fut: Future<Output = Result<Made<V>, E>>,
    {
        let (engine, key) = (Arc::clone(&self.engine), Arc::clone(&self.key));
        let Some(level) = &engine.level else { return };
        let name = engine.shared_name(self.of, &key);
        let wanted = Wanted { key: &key, name: &name, tags, held: engine.held(self.replaces.as_ref()) };
        let now = engine.time.millis(engine.time.now());
        let claim = match level.look(&wanted, patience, &engine.tags, now).await {
            Look::Found(Arrived { parcel, age, ttl }) => {
                if let Some(made) = unpack(&engine, self.of, parcel, age) {
                    self.land_shared(made, Freshness { age, ttl });
                    return;
                }
                level.discard(&name, patience).await;
                None
            }
            Look::Absent(claim) => Some(claim),
            Look::Away => None,
        };
        self.stamp_anew(&tags[ALWAYS..]);
        let made = engine.load(self.of, async move { load().await }).await;
        let to_share = self.land(made);
        if let Some(claim) = claim {
            level.finish(&wanted, &claim, to_share).await;
        }
    }
}

impl<V, E> Landing<V, E> {
    /// The look may have told of an invalidation that this node had missed. It came before the load, which begins only
    /// now, so it must not make the load worthless.
    fn stamp_anew(&mut self, own_tags: &[String]) {
        let engine = &self.engine;
        if engine.standing(&self.stamp, self.of, &self.key) == Standing::Current {
            return;
        }
        let names: Vec<_> = own_tags.iter().map(String::as_str).collect();
        let mut running = engine.flights.lock(&self.key);
        self.stamp = engine.tags.stamp(Some(self.of), &names, engine.removals.so_far());
        Flights::stamp_anew(&mut running, &self.key, self.id, &self.stamp);
    }
}

pub(crate) fn unpack_value<T: DeserializeOwned>(
    _: &Engine,
    _: usize,
    parcel: Parcel,
    _: Duration,
) -> Option<Made<T>> {
    let Content::Value(encoded) = parcel.content else { return None };
    let value = Arc::new(serde_json::from_slice(&encoded).ok()?);
    let (bytes, content) = (Some(encoded.len()), xxh3_128(&encoded));
    Some(Made { value, bytes, content, keep: Keep::Normal, parcel: None })
}

pub(crate) fn unpack_body(engine: &Engine, of: usize, parcel: Parcel, age: Duration) -> Option<Made<Body>> {
    let keep = if parcel.is_negative { Keep::Negative } else { Keep::Normal };
    let loaded_at = engine.time.now().before(age).wall;
    let body = Body::of_parcel(parcel, loaded_at, Arc::clone(&engine.types), of)?;
    let (bytes, content) = (Some(body.weight()), body.content());
    Some(Made { value: Arc::new(body), bytes, content, keep, parcel: None })
}

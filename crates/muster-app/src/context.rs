//! The handles that services and actions share. Made once by the composition root, cloned freely.

use std::sync::Arc;

use muster_cache::{Cache, DataType};
use muster_model::{Clock, NodeId, RepoId};
use muster_store::Store;

use crate::{caches::DataTypes, events::EventHub, known::Known};

/// Ten bytes of chance, for ids.
pub type Chance = Arc<dyn Fn() -> [u8; 10] + Send + Sync>;

/// Who hears of news besides those who listen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum News {
    /// Nobody.
    Kept,
    /// A webhook.
    Delivered,
}

/// What muster stands on.
#[derive(Clone)]
pub struct Context(Arc<Parts>);

/// See [`Context`].
pub struct Parts {
    /// What is kept.
    pub store: Store,
    /// What is at hand.
    pub cache: Cache,
    /// The types of data in the cache.
    pub types: DataTypes,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Chance.
    pub chance: Chance,
    /// This process and the folders it sees.
    pub node: NodeId,
    /// News for whoever listens.
    pub events: EventHub,
    /// What is known of this node's projects besides their documents.
    pub known: Known,
    /// Who hears of news besides those who listen.
    pub news: News,
}

impl Context {
    /// Puts the handles together.
    pub fn new(
        store: Store,
        cache: Cache,
        clock: Arc<dyn Clock>,
        chance: Chance,
        node: NodeId,
        news: News,
    ) -> Self {
        let types = DataTypes::of(&cache);
        let (events, known) = (EventHub::default(), Known::default());
        Self(Arc::new(Parts { store, cache, types, clock, chance, node, events, known, news }))
    }

    pub(crate) fn new_repo_id(&self) -> RepoId {
        RepoId::new(self.clock.now(), (self.chance)())
    }

    /// The handle of a type that bodies of this kind are counted under.
    pub fn body_type(&self, kind: crate::caches::BodyKind) -> &DataType {
        self.types.of_body(kind)
    }
}

impl std::ops::Deref for Context {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

//! Queues: their configured limits, what a person set in their place while muster ran, and whether they are paused.

use std::time::Duration;

use sea_orm::{
    ActiveValue::Set, ColumnTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::OnConflict,
};

use crate::{
    entity::job_queue::{ActiveModel, Column, Entity, Model},
    error::StoreError,
    job::row::{number, plain},
    store::Store,
    tx::Tx,
};

/// At most so many jobs of a queue begin in so much time, over all nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueRate {
    /// Jobs begun.
    pub count: u32,
    /// In whole seconds; at least one.
    pub per: Duration,
}

/// What a person says of a queue's rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RateSetting {
    /// As the configuration says.
    Configured,
    /// None at all.
    Unlimited,
    /// This one.
    At(QueueRate),
}

/// What holds for a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueLimits {
    /// Nothing of it begins.
    pub is_paused: bool,
    /// Jobs that one node runs at the same time.
    pub concurrency: u32,
    /// Jobs of one group that run at the same time, over all nodes.
    pub group_limit: Option<u32>,
    /// How many begin in some time.
    pub rate: Option<QueueRate>,
}

impl Default for QueueLimits {
    fn default() -> Self {
        Self { is_paused: false, concurrency: 1, group_limit: None, rate: None }
    }
}

/// A queue as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueRecord {
    /// Its name.
    pub name: String,
    /// What holds for it.
    pub limits: QueueLimits,
    /// The concurrency was set by a person, not by the configuration.
    pub is_concurrency_set: bool,
    /// The rate was.
    pub is_rate_set: bool,
}

/// A queue's row, read under its lock at the beginning of a claim.
pub(super) struct InForce {
    pub(super) limits: QueueLimits,
    /// Jobs that may still begin in this window.
    pub(super) rate_left: Option<u32>,
    pub(super) group_cursor: String,
    rate_began_at: i64,
    rate_used: i64,
}

impl Store {
    /// All queues that a runner or a person ever named, by name.
    pub async fn job_queues(&self) -> Result<Vec<QueueRecord>, StoreError> {
        let query = Entity::find().order_by_asc(Column::Name);
        self.read(async { Ok(query.all(self.reader()).await?.iter().map(queue_record).collect()) }).await
    }
}

impl Tx {
    /// Notes what the configuration says of a queue. What a person set stays in force; `limits.is_paused` is ignored.
    pub async fn job_queue_configure(&mut self, name: &str, limits: QueueLimits) -> Result<(), StoreError> {
        let row = queue_row(name, limits);
        let columns = [Column::Concurrency, Column::GroupLimit, Column::RateLimit, Column::RateSeconds];
        self.queue_put(row, &columns).await
    }

    /// Nothing of this queue begins until it is resumed; what runs goes on.
    pub async fn job_queue_pause(&mut self, name: &str) -> Result<(), StoreError> {
        let mut row = queue_row(name, QueueLimits::default());
        row.is_paused = Set(1);
        self.tell_queue(name);
        self.queue_put(row, &[Column::IsPaused]).await
    }

    /// The end of a pause.
    pub async fn job_queue_resume(&mut self, name: &str) -> Result<(), StoreError> {
        let row = queue_row(name, QueueLimits::default());
        self.wake_queue(name);
        self.tell_queue(name);
        self.queue_put(row, &[Column::IsPaused]).await
    }

    /// Jobs that one node runs at the same time, from here on; `None` is what the configuration says.
    pub async fn job_queue_set_concurrency(
        &mut self,
        name: &str,
        concurrency: Option<u32>,
    ) -> Result<(), StoreError> {
        let mut row = queue_row(name, QueueLimits::default());
        row.concurrency_set = Set(concurrency.map(i64::from));
        self.wake_queue(name);
        self.tell_queue(name);
        self.queue_put(row, &[Column::ConcurrencySet]).await
    }

    /// A rate in the place of the configured one, from here on.
    pub async fn job_queue_set_rate(&mut self, name: &str, setting: RateSetting) -> Result<(), StoreError> {
        let rate = match setting {
            RateSetting::At(rate) => Some(rate),
            RateSetting::Configured | RateSetting::Unlimited => None,
        };
        let mut row = queue_row(name, QueueLimits::default());
        row.is_rate_set = Set((setting != RateSetting::Configured).into());
        row.rate_limit_set = Set(rate.map(|rate| i64::from(rate.count)));
        row.rate_seconds_set = Set(rate.map(seconds));
        self.wake_queue(name);
        self.tell_queue(name);
        self.queue_put(row, &[Column::IsRateSet, Column::RateLimitSet, Column::RateSecondsSet]).await
    }

    async fn queue_put(&mut self, row: ActiveModel, columns: &[Column]) -> Result<(), StoreError> {
        let conflict = OnConflict::column(Column::Name).update_columns(columns.iter().copied()).to_owned();
        let done = Entity::insert(row).on_conflict(conflict).exec_without_returning(self.connection()).await;
        self.told(done.map(drop))
    }

    fn tell_queue(&mut self, name: &str) {
        self.record(crate::sequence::NewChange {
            entity: "job_queue".into(),
            entity_id: name.to_owned(),
            tags: vec!["jobs".to_owned()],
            event: None,
        });
    }

    /// What holds for a queue now, its row locked. A queue that nobody configured has the default limits.
    pub(super) async fn queue_in_force(&self, name: &str, now: i64) -> Result<InForce, DbErr> {
        let row = Entity::find_by_id(name).lock_exclusive().one(self.connection()).await?;
        let Some(row) = row else {
            let limits = QueueLimits::default();
            let (rate_left, group_cursor) = (None, String::new());
            return Ok(InForce { limits, rate_left, group_cursor, rate_began_at: 0, rate_used: 0 });
        };
        let limits = queue_record(&row).limits;
        let (mut rate_began_at, mut rate_used) = (row.rate_began_at, row.rate_used);
        let rate_left = limits.rate.map(|rate| {
            let is_over = now >= rate_began_at.saturating_add(seconds(rate) * 1_000_000);
            // A clock that went back must not stop the queue for ever.
            if is_over || now < rate_began_at {
                (rate_began_at, rate_used) = (now, 0);
            }
            rate.count.saturating_sub(number(rate_used))
        });
        Ok(InForce { limits, rate_left, group_cursor: row.group_cursor, rate_began_at, rate_used })
    }

    /// Notes what a claim took of the rate, and with which group its turn ended.
    pub(super) async fn queue_used(
        &self,
        name: &str,
        in_force: &InForce,
        begun: usize,
        last_group: Option<&str>,
    ) -> Result<(), DbErr> {
        let mut columns = ActiveModel::default();
        if in_force.rate_left.is_some() && begun > 0 {
            columns.rate_began_at = Set(in_force.rate_began_at);
            columns.rate_used =
                Set(in_force.rate_used.saturating_add(i64::try_from(begun).unwrap_or(i64::MAX)));
        }
        if let Some(last) = last_group.filter(|last| begun > 0 && *last != in_force.group_cursor) {
            columns.group_cursor = Set(last.to_owned());
        }
        if columns == ActiveModel::default() {
            return Ok(());
        }
        let query = Entity::update_many().set(columns).filter(Column::Name.eq(name));
        query.exec(self.connection()).await.map(drop)
    }
}

fn queue_row(name: &str, limits: QueueLimits) -> ActiveModel {
    ActiveModel {
        name: Set(plain(name)),
        is_paused: Set(0),
        concurrency: Set(limits.concurrency.into()),
        concurrency_set: Set(None),
        group_limit: Set(limits.group_limit.map(i64::from)),
        rate_limit: Set(limits.rate.map(|rate| i64::from(rate.count))),
        rate_seconds: Set(limits.rate.map(seconds)),
        is_rate_set: Set(0),
        rate_limit_set: Set(None),
        rate_seconds_set: Set(None),
        rate_began_at: Set(0),
        rate_used: Set(0),
        group_cursor: Set(String::new()),
    }
}

pub(super) fn queue_record(row: &Model) -> QueueRecord {
    let is_rate_set = row.is_rate_set != 0;
    let (count, per) = if is_rate_set {
        (row.rate_limit_set, row.rate_seconds_set)
    } else {
        (row.rate_limit, row.rate_seconds)
    };
    let rate = count.zip(per).map(|(count, per)| QueueRate {
        count: number(count),
        per: Duration::from_secs(number::<u64>(per).max(1)),
    });
    let limits = QueueLimits {
        is_paused: row.is_paused != 0,
        concurrency: number(row.concurrency_set.unwrap_or(row.concurrency)),
        group_limit: row.group_limit.map(number),
        rate,
    };
    QueueRecord {
        name: row.name.clone(),
        limits,
        is_concurrency_set: row.concurrency_set.is_some(),
        is_rate_set,
    }
}

fn seconds(rate: QueueRate) -> i64 {
    i64::try_from(rate.per.as_secs().max(1)).unwrap_or(i64::MAX / 1_000_000)
}

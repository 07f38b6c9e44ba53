//! The claim: what is due in a queue is given to a node under a lease, in one statement.
//!
//! The row of the queue is locked first, so that limits and rates hold over all nodes; enqueuing and finishing do not
//! touch it. Groups take turns: of each group that has something due the first few are looked at, and the second of one
//! group comes after the first of another unless it is more urgent. A queue without groups is one group.
//!
//! What only one node may run is not there for the others: not in a claim, not in the turns of groups, not in what is
//! due.

use std::{collections::HashMap, time::Duration};

use muster_model::{
    NodeId,
    job::{JobRecord, JobState},
};
use sea_orm::{ConnectionTrait, DbErr, FromQueryResult, Statement, Value};

use crate::{
    config::DatabaseKind,
    entity::job::Model,
    error::StoreError,
    job::{
        Lease, QueueLimits,
        queue::InForce,
        row::{micros_of, number, record},
    },
    text,
    tx::Tx,
};

/// Groups looked at in one claim; the next claim goes on behind them.
const GROUPS: i64 = 50;

/// What a runner wants.
#[derive(Debug, Clone, Copy)]
pub struct Claim<'a> {
    /// From which queue.
    pub queue: &'a str,
    /// Jobs of the queue that this runner holds already.
    pub held: u32,
    /// So many more than the queue's concurrency may be held, because they will be begun in a moment.
    pub ahead: u32,
    /// Who runs them.
    pub node: NodeId,
    /// Which of them it takes.
    pub scope: JobScope,
    /// How long without a heartbeat.
    pub lease: Duration,
}

/// Which jobs a node takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum JobScope {
    /// Those that any node may run, and those that it alone may run.
    #[default]
    All,
    /// Only the latter: the others are left to nodes that are there for them.
    OwnNode,
}

impl JobScope {
    /// The condition, with the place of the node's id among the values.
    fn may_run(self, place: usize) -> String {
        match self {
            Self::All => format!("(only_node IS NULL OR only_node = ${place})"),
            Self::OwnNode => format!("only_node = ${place}"),
        }
    }
}

/// What a runner got.
#[derive(Debug, Clone)]
pub struct Claimed {
    /// In the order in which they are to be begun.
    pub jobs: Vec<ClaimedJob>,
    /// What holds for the queue now.
    pub limits: QueueLimits,
}

/// A job and the right to it.
#[derive(Debug, Clone)]
pub struct ClaimedJob {
    /// The job, as it is now that it runs.
    pub record: JobRecord,
    /// The right to it.
    pub lease: Lease,
}

impl Tx {
    /// Gives what is due: the most urgent first, of these the longest due, groups taking turns. Nothing if the queue
    /// is paused or its limits are reached.
    pub async fn job_claim(&mut self, claim: Claim<'_>) -> Result<Claimed, StoreError> {
        let claimed = self.claim(claim).await;
        self.told(claimed)
    }

    async fn claim(&mut self, claim: Claim<'_>) -> Result<Claimed, DbErr> {
        let now = self.now();
        let queue = self.queue_in_force(claim.queue, now).await?;
        let limits = queue.limits;
        let room = (limits.concurrency.saturating_add(claim.ahead)).saturating_sub(claim.held);
        let room = room.min(queue.rate_left.unwrap_or(u32::MAX));
        if room == 0 || limits.is_paused {
            return Ok(Claimed { jobs: Vec::new(), limits });
        }
        let groups = self.groups_waiting(claim, &queue).await?;
        let rows = match groups.as_slice() {
            [] => Vec::new(),
            [one] if one.name.is_empty() => self.claim_in_order(claim, room, now).await?,
            groups => {
                let ids = self.take_turns(claim, groups, limits.group_limit, room, now).await?;
                self.claim_these(claim, &ids, now).await?
            }
        };
        self.queue_used(claim.queue, &queue, rows.len(), groups.last().map(|group| group.name.as_str()))
            .await?;
        let mut jobs = Vec::with_capacity(rows.len());
        for row in rows {
            self.job_tell(&row, JobState::Running, None);
            let record = record(&row)?;
            let lease = Lease { id: record.id, token: row.lease_token };
            jobs.push(ClaimedJob { record, lease });
        }
        // An UPDATE returns its rows in no order.
        jobs.sort_by_key(|job| (job.record.priority, job.record.run_at, job.record.id));
        Ok(Claimed { jobs, limits })
    }

    /// The statement of a queue without groups.
    async fn claim_in_order(&self, claim: Claim<'_>, room: u32, now: i64) -> Result<Vec<Model>, DbErr> {
        let inner = format!(
            "SELECT id FROM job WHERE queue = $4 AND group_key = '' \
             AND state IN ('available', 'scheduled', 'retryable') AND is_parked = 0 AND {} <= $1 AND {} \
             ORDER BY priority, run_at, id LIMIT $5 {}",
            self.run_at(),
            claim.scope.may_run(3),
            self.skip_locked()
        );
        self.claim_where(&inner, claim, now, vec![claim.queue.into(), i64::from(room).into()]).await
    }

    /// The statement for chosen ones: those that are due still.
    async fn claim_these(&self, claim: Claim<'_>, ids: &[String], now: i64) -> Result<Vec<Model>, DbErr> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let places = placeholders(4, ids.len());
        let inner = format!(
            "SELECT id FROM job WHERE id IN ({places}) \
             AND state IN ('available', 'scheduled', 'retryable') AND is_parked = 0 AND run_at <= $1 \
             ORDER BY id {}",
            self.skip_locked()
        );
        self.claim_where(&inner, claim, now, ids.iter().map(Value::from).collect()).await
    }

    async fn claim_where(
        &self,
        inner: &str,
        claim: Claim<'_>,
        now: i64,
        more: Vec<Value>,
    ) -> Result<Vec<Model>, DbErr> {
        // Materialised: a plan that ran the inner statement for each row would take more than its limit.
        let sql = format!(
            "WITH due AS MATERIALIZED ({inner}) \
             UPDATE job SET state = 'running', attempt = attempt + 1, lease_token = lease_token + 1, \
             lease_until = $2, node = $3, started_at = $1, finished_at = NULL, reason = NULL, progress = NULL, \
             is_cancel_requested = 0 \
             WHERE id IN (SELECT id FROM due) RETURNING *"
        );
        let until = now.saturating_add(micros_of(claim.lease));
        let mut values: Vec<Value> = vec![now.into(), until.into(), claim.node.to_string().into()];
        values.extend(more);
        let connection = self.connection();
        let statement = Statement::from_sql_and_values(connection.get_database_backend(), sql, values);
        let rows = connection.query_all_raw(statement).await?;
        rows.iter().map(|row| Model::from_query_result(row, "")).collect()
    }

    /// The groups that have something waiting, the next ones in turn, each with how many of it run.
    async fn groups_waiting(&self, claim: Claim<'_>, in_force: &InForce) -> Result<Vec<Group>, DbErr> {
        // From one group to the next through the index, without a look at the jobs between.
        let (queue, node) = (claim.queue, claim.node.to_string());
        let mine = claim.scope.may_run(4);
        let sql = format!(
            "WITH RECURSIVE waiting(name) AS ( \
             SELECT (SELECT min(group_key) FROM job WHERE queue = $1 AND group_key > $2 \
               AND state IN ('available', 'scheduled', 'retryable') AND is_parked = 0 AND {mine}) \
             UNION ALL \
             SELECT (SELECT min(group_key) FROM job WHERE queue = $1 AND group_key > waiting.name \
               AND state IN ('available', 'scheduled', 'retryable') AND is_parked = 0 AND {mine}) \
             FROM waiting WHERE waiting.name IS NOT NULL \
           ) SELECT name FROM waiting WHERE name IS NOT NULL LIMIT $3"
        );
        let connection = self.connection();
        let backend = connection.get_database_backend();
        let mut names: Vec<String> = Vec::new();
        let has_plain = Statement::from_sql_and_values(
            backend,
            format!(
                "SELECT 1 FROM job WHERE queue = $1 AND group_key = '' \
                 AND state IN ('available', 'scheduled', 'retryable') AND is_parked = 0 AND {} LIMIT 1",
                claim.scope.may_run(2)
            ),
            [queue.into(), node.as_str().into()],
        );
        if connection.query_one_raw(has_plain).await?.is_some() {
            names.push(String::new());
        }
        // Behind the last turn first, then from the beginning.
        for (from, to) in [(in_force.group_cursor.as_str(), None), ("", Some(in_force.group_cursor.as_str()))]
        {
            let left = GROUPS - i64::try_from(names.len()).unwrap_or(GROUPS);
            if left <= 0 || to.is_some_and(str::is_empty) {
                continue;
            }
            let next = Statement::from_sql_and_values(
                backend,
                &sql,
                [queue.into(), from.into(), left.into(), node.as_str().into()],
            );
            for row in connection.query_all_raw(next).await? {
                let name: String = row.try_get_by_index(0)?;
                if to.is_some_and(|to| name.as_str() > to) {
                    break;
                }
                names.push(name);
            }
        }
        if names.iter().all(String::is_empty) {
            return Ok(names.into_iter().map(|name| Group { name, running: 0 }).collect());
        }
        let running = Statement::from_sql_and_values(
            backend,
            "SELECT group_key, count(*) FROM job WHERE queue = $1 AND state = 'running' GROUP BY group_key",
            [queue.into()],
        );
        let mut counts: HashMap<String, i64> = HashMap::new();
        for row in connection.query_all_raw(running).await? {
            counts.insert(row.try_get_by_index(0)?, row.try_get_by_index(1)?);
        }
        let running = |name: &str| counts.get(name).copied().unwrap_or_default();
        Ok(names.into_iter().map(|name| Group { running: running(&name), name }).collect())
    }

    /// Which jobs come next when groups take turns.
    async fn take_turns(
        &self,
        claim: Claim<'_>,
        groups: &[Group],
        group_limit: Option<u32>,
        room: u32,
        now: i64,
    ) -> Result<Vec<String>, DbErr> {
        let mut parts = Vec::new();
        let mut values: Vec<Value> = vec![claim.queue.into(), now.into(), claim.node.to_string().into()];
        for (place, group) in groups.iter().enumerate() {
            let limit = group_limit.filter(|_| !group.name.is_empty()).map(i64::from);
            let left = limit.map_or(i64::from(room), |limit| (limit - group.running).clamp(0, room.into()));
            if left == 0 {
                continue;
            }
            values.extend([Value::from(group.name.as_str()), left.into()]);
            let (name, count) = (values.len() - 1, values.len());
            parts.push(format!(
                "SELECT * FROM (SELECT id, priority, run_at, group_key FROM job \
                 WHERE queue = $1 AND group_key = ${name} \
                 AND state IN ('available', 'scheduled', 'retryable') AND is_parked = 0 AND {} <= $2 AND {} \
                 ORDER BY priority, run_at, id LIMIT ${count}) AS group_{place}",
                self.run_at(),
                claim.scope.may_run(3)
            ));
        }
        if parts.is_empty() {
            return Ok(Vec::new());
        }
        let connection = self.connection();
        let sql = parts.join(" UNION ALL ");
        let query = Statement::from_sql_and_values(connection.get_database_backend(), sql, values);
        let mut turns: HashMap<String, i64> =
            groups.iter().map(|group| (group.name.clone(), group.running)).collect();
        let mut found: Vec<(i64, i64, String, String)> = Vec::new();
        for row in connection.query_all_raw(query).await? {
            found.push((
                row.try_get_by_index(1)?,
                row.try_get_by_index(2)?,
                row.try_get_by_index(0)?,
                row.try_get_by_index(3)?,
            ));
        }
        // Within a group by its order; a group's turn counts what of it runs already.
        found.sort();
        let mut turn_of = |group: &str| {
            let turn = turns.entry(group.to_owned()).or_default();
            *turn += 1;
            *turn
        };
        let mut chosen: Vec<(i64, i64, i64, String)> = found
            .into_iter()
            .map(|(priority, run_at, id, group)| (priority, turn_of(&group), run_at, id))
            .collect();
        chosen.sort();
        chosen.truncate(number::<usize>(room.into()));
        Ok(chosen.into_iter().map(|(.., id)| id).collect())
    }

    /// SQLite must not take the index by time here: it would sort all that is due to find the first few. The sign
    /// keeps it away (sqlite.org/optoverview.html); PostgreSQL knows better by its statistics.
    fn run_at(&self) -> &'static str {
        match self.kind() {
            DatabaseKind::Sqlite => "+run_at",
            DatabaseKind::Postgres => "run_at",
        }
    }

    fn skip_locked(&self) -> &'static str {
        match self.kind() {
            DatabaseKind::Sqlite => "",
            DatabaseKind::Postgres => "FOR UPDATE SKIP LOCKED",
        }
    }
}

struct Group {
    /// '' for jobs without one.
    name: String,
    running: i64,
}

/// `$4, $5, …`
pub(super) fn placeholders(first: usize, count: usize) -> String {
    (first..first + count).map(|place| format!("${place}")).collect::<Vec<_>>().join(", ")
}

impl crate::store::Store {
    /// Of these queues those in which something is due that this node takes. Locks nothing.
    pub async fn job_queues_due(
        &self,
        queues: &[String],
        node: NodeId,
        scope: JobScope,
    ) -> Result<Vec<String>, StoreError> {
        if queues.is_empty() {
            return Ok(Vec::new());
        }
        let now = text::micros(self.inner.clock.now());
        let mut values: Vec<Value> = vec![now.into(), node.to_string().into()];
        let mine = scope.may_run(2);
        let mut parts = Vec::new();
        for queue in queues {
            values.push(queue.as_str().into());
            let place = values.len();
            parts.push(format!(
                "SELECT {} AS name WHERE EXISTS (SELECT 1 FROM job WHERE queue = ${place} \
                 AND state IN ('available', 'scheduled', 'retryable') AND is_parked = 0 AND run_at <= $1 AND {mine})",
                place - 3
            ));
        }
        let sql = parts.join(" UNION ALL ");
        let reader = self.reader();
        let query = Statement::from_sql_and_values(reader.get_database_backend(), sql, values);
        self.read(async {
            let mut due = Vec::new();
            for row in reader.query_all_raw(query).await? {
                let place = match self.kind() {
                    DatabaseKind::Sqlite => row.try_get_by_index::<i64>(0)?,
                    DatabaseKind::Postgres => row.try_get_by_index::<i32>(0)?.into(),
                };
                due.extend(queues.get(number::<usize>(place)).cloned());
            }
            Ok(due)
        })
        .await
    }
}

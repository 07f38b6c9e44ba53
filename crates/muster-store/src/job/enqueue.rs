//! Storing work, in the transaction of whoever asks for it. A key that is alive already is answered with the job that
//! has it: one that waits is moved up if need be, one that runs is noted to run again.
//!
//! Finding the living job and storing a new one are two statements. The unique index stands between them: who loses
//! the race finds nothing stored, looks again, and finds the job of the one who won.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use muster_model::{JobId, job::JobState};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::OnConflict,
};

use crate::{
    entity::job::{ActiveModel, Column, Entity, Model},
    error::StoreError,
    job::{
        Loudness, NewJob,
        row::{ALIVE, condition, new_row, plain},
    },
    text,
    tx::Tx,
};

/// Rows of one INSERT: 29 variables each, SQLite takes 32,766 in a statement.
const INSERT_ROWS: usize = 500;

/// Each time round somebody else was faster; more often than this it is a defect.
const ROUNDS: usize = 20;

/// What became of a job that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Enqueued {
    /// The job that does it: the new one, or the one that was there.
    pub id: JobId,
    /// It was stored, as against found.
    pub is_new: bool,
    /// It runs, and will run again when it is over.
    pub is_rerun: bool,
}

impl Tx {
    /// Stores jobs; the answers are in the same order. Of several with one key the first is stored, due as early and as
    /// urgent as the most pressing of them.
    pub async fn job_enqueue(&mut self, jobs: &[NewJob]) -> Result<Vec<Enqueued>, StoreError> {
        let enqueued = self.enqueue(jobs).await;
        self.told(enqueued)
    }

    pub(super) async fn enqueue(&mut self, jobs: &[NewJob]) -> Result<Vec<Enqueued>, DbErr> {
        let now = self.now();
        let mut places = Vec::with_capacity(jobs.len());
        let mut wanted: Vec<NewJob> = Vec::new();
        let mut firsts = Vec::new();
        let mut by_key: HashMap<String, usize> = HashMap::new();
        for (index, job) in jobs.iter().enumerate() {
            let key = job.unique_key.as_deref().map(plain);
            let place = key.as_ref().and_then(|key| by_key.get(key).copied());
            let place = place.unwrap_or_else(|| {
                wanted.push(job.clone());
                firsts.push(index);
                wanted.len() - 1
            });
            let kept = &mut wanted[place];
            kept.priority = kept.priority.min(job.priority);
            // `None` is at once, and sorts before any time.
            kept.run_at = kept.run_at.min(job.run_at);
            if let Some(key) = key {
                by_key.entry(key).or_insert(place);
            }
            places.push(place);
        }
        let mut answers: Vec<Option<Enqueued>> = vec![None; wanted.len()];
        for _ in 0..ROUNDS {
            let open: Vec<usize> = (0..wanted.len()).filter(|place| answers[*place].is_none()).collect();
            if open.is_empty() {
                break;
            }
            for open in open.chunks(INSERT_ROWS) {
                self.enqueue_round(&wanted, open, &mut answers, now).await?;
            }
        }
        let mut enqueued = Vec::with_capacity(jobs.len());
        for (index, place) in places.iter().enumerate() {
            let Some(answer) = answers[*place] else {
                return Err(DbErr::Custom("a job's key or id is taken by one that cannot be found".into()));
            };
            let is_new = answer.is_new && firsts[*place] == index;
            enqueued.push(Enqueued { is_new, ..answer });
        }
        Ok(enqueued)
    }

    async fn enqueue_round(
        &mut self,
        wanted: &[NewJob],
        open: &[usize],
        answers: &mut [Option<Enqueued>],
        now: i64,
    ) -> Result<(), DbErr> {
        let by_key: BTreeMap<String, usize> = open
            .iter()
            .filter_map(|place| Some((wanted[*place].unique_key.as_deref().map(plain)?, *place)))
            .collect();
        if !by_key.is_empty() {
            let alive = Entity::find()
                .filter(Column::UniqueKey.is_in(by_key.keys()))
                .filter(condition(ALIVE))
                .order_by_asc(Column::Id)
                .lock_exclusive()
                .all(self.connection())
                .await?;
            for row in alive {
                let Some(place) = row.unique_key.as_ref().and_then(|key| by_key.get(key)) else { continue };
                let is_rerun = self.enqueue_again(&row, &wanted[*place], now).await?;
                answers[*place] = Some(Enqueued { id: text::parse(&row.id)?, is_new: false, is_rerun });
            }
        }
        let fresh: Vec<usize> = open.iter().copied().filter(|place| answers[*place].is_none()).collect();
        if fresh.is_empty() {
            return Ok(());
        }
        let rows = fresh.iter().map(|place| new_row(&wanted[*place], now)).collect::<Result<Vec<_>, _>>()?;
        let stored = Entity::insert_many(rows)
            .on_conflict(OnConflict::new().do_nothing().to_owned())
            .exec_without_returning(self.connection())
            .await?;
        let is_complete = stored == fresh.len() as u64;
        let stored: BTreeSet<String> = if is_complete {
            BTreeSet::new()
        } else {
            let ids = fresh.iter().map(|place| wanted[*place].id.to_string());
            let query = Entity::find().select_only().column(Column::Id).filter(Column::Id.is_in(ids));
            query.into_tuple::<String>().all(self.connection()).await?.into_iter().collect()
        };
        for place in fresh {
            let job = &wanted[place];
            if !is_complete && !stored.contains(&job.id.to_string()) {
                continue;
            }
            answers[place] = Some(Enqueued { id: job.id, is_new: true, is_rerun: false });
            let is_due = job.run_at.is_none_or(|at| text::micros(at) <= now);
            if is_due {
                self.wake_queue(&job.queue);
            }
            if job.loudness == Loudness::Told {
                let state = if is_due { JobState::Available } else { JobState::Scheduled };
                self.job_tell_of(&job.id.to_string(), &job.kind, &job.queue, state, None);
            }
        }
        Ok(())
    }

    /// A living job is asked for again; true if it is noted to run again.
    async fn enqueue_again(&mut self, row: &Model, job: &NewJob, now: i64) -> Result<bool, DbErr> {
        let state: JobState = text::parse(&row.state)?;
        let asked_at = job.run_at.map_or(now, text::micros);
        let priority = row.priority.min(i64::from(job.priority));
        if state == JobState::Running || row.is_parked != 0 {
            let rerun_at = row.rerun_at.map_or(asked_at, |at| at.min(asked_at));
            if (row.rerun_at, row.priority) != (Some(rerun_at), priority) {
                let columns = ActiveModel {
                    rerun_at: Set(Some(rerun_at)),
                    priority: Set(priority),
                    ..ActiveModel::default()
                };
                self.job_write(&row.id, columns).await?;
            }
            return Ok(true);
        }
        let run_at = row.run_at.min(asked_at);
        if (run_at, priority) == (row.run_at, row.priority) {
            return Ok(false);
        }
        let mut columns =
            ActiveModel { run_at: Set(run_at), priority: Set(priority), ..ActiveModel::default() };
        if run_at <= now {
            columns.state = Set(JobState::Available.as_str().to_owned());
            columns.reason = Set(None);
            self.wake_queue(&row.queue);
        }
        self.job_write(&row.id, columns).await?;
        Ok(false)
    }
}

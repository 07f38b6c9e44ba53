//! Following the change sequence, and pruning it: caches, the index and live events read on from the last change they
//! saw. How changes are numbered is told in `sequence`.

use muster_model::Timestamp;
use sea_orm::{ColumnTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use crate::{
    entity::change,
    error::StoreError,
    sequence::{self, Change, ChangeEvent, Seq},
    store::Store,
    text,
    tx::Tx,
};

impl Store {
    /// The changes after `seq`, oldest first, at most `limit`. Whoever reads on from the last one misses none.
    pub async fn changes_after(&self, seq: Seq, limit: u64) -> Result<Vec<Change>, StoreError> {
        let query = change::Entity::find()
            .filter(change::Column::Seq.gt(seq.number()))
            .order_by_asc(change::Column::Seq)
            .limit(limit);
        self.read(async { query.all(self.reader()).await?.into_iter().map(from_row).collect() }).await
    }

    /// The place of the last change that was committed; it is kept when that change is pruned. A place beyond it is
    /// from before a backup was restored: its owner must begin anew.
    pub async fn change_head(&self) -> Result<Seq, StoreError> {
        self.read(sequence::head(self.reader())).await
    }

    /// The place of the oldest change that is still kept; one after the head when none is. Whoever stands more than
    /// one before it has missed something.
    pub async fn change_oldest(&self) -> Result<Seq, StoreError> {
        // The head first: a change committed in between is then the oldest, never skipped.
        self.read(async {
            let head = sequence::head(self.reader()).await?;
            let query = change::Entity::find().select_only().column_as(change::Column::Seq.min(), "oldest");
            let oldest: Option<Option<i64>> = query.into_tuple().one(self.reader()).await?;
            Ok(oldest.flatten().map_or(Seq::new(head.number() + 1), Seq::new))
        })
        .await
    }
}

impl Tx {
    /// Takes away the changes committed before `before`, and says how many.
    pub async fn changes_prune(&mut self, before: Timestamp) -> Result<u64, StoreError> {
        let query = change::Entity::delete_many().filter(change::Column::At.lt(text::micros(before)));
        let done = query.exec(self.connection()).await;
        done.map(|done| done.rows_affected).map_err(|error| self.fail(error))
    }
}

fn from_row(row: change::Model) -> Result<Change, DbErr> {
    let event = match (row.topic, row.data) {
        (Some(topic), Some(data)) => Some(ChangeEvent { topic: topic.into(), data: text::from_json(&data)? }),
        _ => None,
    };
    Ok(Change {
        seq: Seq::new(row.seq),
        at: text::from_micros(row.at)?,
        entity: row.entity.into(),
        entity_id: row.entity_id,
        tags: text::from_json(&row.tags)?,
        event,
    })
}

//! What alert settings found. The same thing is found once per watch, however often it is looked for.

use muster_model::{
    AlertId, RepoId, Timestamp,
    alert::{Alert, AlertKind, Finding},
};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, Condition, DbErr, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder,
    QuerySelect, sea_query::OnConflict,
};

use crate::{entity::alert, error::StoreError, repository::word, store::Store, text, tx::Tx};

/// Rows of one statement.
const ROWS: usize = 1000;

impl Store {
    /// Alerts, newest first, `limit` at most: of one repository or of all, of one kind or of all, older than `before`.
    pub async fn alerts(
        &self,
        repository: Option<RepoId>,
        kind: Option<AlertKind>,
        before: Option<(Timestamp, AlertId)>,
        limit: u64,
    ) -> Result<Vec<Alert>, StoreError> {
        use alert::Column;
        let mut these = chosen(repository, kind);
        if let Some((at, id)) = before {
            let at = text::micros(at);
            let as_old = Condition::all().add(Column::FiredAt.eq(at)).add(Column::Id.lt(id.to_string()));
            these = these.add(Condition::any().add(Column::FiredAt.lt(at)).add(as_old));
        }
        let query = alert::Entity::find()
            .filter(these)
            .order_by_desc(Column::FiredAt)
            .order_by_desc(Column::Id)
            .limit(limit);
        self.read(async { query.all(self.reader()).await?.iter().map(from_row).collect() }).await
    }
}

impl Store {
    /// How many alerts there are, of one repository or of all, of one kind or of all.
    pub async fn alerts_total(
        &self,
        repository: Option<RepoId>,
        kind: Option<AlertKind>,
    ) -> Result<u64, StoreError> {
        self.read(alert::Entity::find().filter(chosen(repository, kind)).count(self.reader())).await
    }
}

fn chosen(repository: Option<RepoId>, kind: Option<AlertKind>) -> Condition {
    let mut these = Condition::all();
    if let Some(repository) = repository {
        these = these.add(alert::Column::Repository.eq(repository.to_string()));
    }
    if let Some(kind) = kind {
        these = these.add(alert::Column::Kind.eq(kind.as_str()));
    }
    these
}

impl Tx {
    /// Adds alerts, and answers those that were not there before.
    pub async fn alerts_add(&mut self, alerts: &[Alert]) -> Result<Vec<Alert>, StoreError> {
        let add = async {
            use alert::Column;

            let mut fresh = Vec::new();
            for chunk in alerts.chunks(ROWS) {
                let rows = chunk.iter().map(to_row).collect::<Result<Vec<_>, _>>()?;
                let once = OnConflict::columns([Column::Watch, Column::Kind, Column::Subject])
                    .do_nothing()
                    .to_owned();
                alert::Entity::insert_many(rows)
                    .on_conflict(once)
                    .exec_without_returning(self.connection())
                    .await?;
                // Those that were there keep the id they had.
                let ids: Vec<String> = alert::Entity::find()
                    .select_only()
                    .column(Column::Id)
                    .filter(Column::Id.is_in(chunk.iter().map(|alert| alert.id.to_string())))
                    .into_tuple()
                    .all(self.connection())
                    .await?;
                fresh.extend(chunk.iter().filter(|alert| ids.contains(&alert.id.to_string())).cloned());
            }
            Ok::<_, DbErr>(fresh)
        };
        add.await.map_err(|error| self.fail(error))
    }
}

fn to_row(alert: &Alert) -> Result<alert::ActiveModel, DbErr> {
    Ok(alert::ActiveModel {
        id: Set(alert.id.to_string()),
        watch: Set(alert.watch.to_string()),
        repository: Set(alert.repository.to_string()),
        kind: Set(alert.finding.kind.as_str().to_owned()),
        subject: Set(alert.finding.subject.clone()),
        finding: Set(text::json(&alert.finding)?),
        fired_at: Set(text::micros(alert.fired_at)),
    })
}

fn from_row(row: &alert::Model) -> Result<Alert, DbErr> {
    let finding: Finding = text::from_json(&row.finding)?;
    word(&row.kind, AlertKind::of_word)?;
    Ok(Alert {
        id: text::parse(&row.id)?,
        watch: text::parse(&row.watch)?,
        repository: text::parse(&row.repository)?,
        finding,
        fired_at: text::from_micros(row.fired_at)?,
    })
}

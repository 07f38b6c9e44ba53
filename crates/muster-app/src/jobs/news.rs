//! What watchers are told: that a repository is ready or was given up, and what their alert settings found. Stored in the
//! transaction that makes it true; the webhook is told by a job of its own, which may fail and be tried again without
//! keeping anything else.

use muster_analysis::alerting::{self, Judged};
use muster_model::{
    AlertId, Commit, JobId, Repository,
    alert::{Alert, Finding, Watch},
    job::PRIORITY_DEFAULT,
};
use muster_store::{ChangeEvent, NewChange, StoreError, Tx, job::NewJob};
use serde_json::{Value, json};

use crate::{
    context::{Context, News},
    jobs::requests::{FREE_LOSSES, QUEUE_NOTIFY, WEBHOOK_DELIVERY},
};

/// A watched repository is complete for the first time, or again after it had failed.
pub(super) const READY: &str = "repository.ready";
/// A watched repository was given up.
pub(super) const FAILED: &str = "repository.failed";
/// An alert setting found something.
pub(super) const FIRED: &str = "alert.fired";

/// What is new in a history.
pub(super) struct Findings<'a> {
    /// Nothing was known before: what is there is the usual, and nothing to be told of.
    pub(super) is_first: bool,
    /// The branch no longer leads to what it led to.
    pub(super) is_rewritten: bool,
    /// Where it leads now.
    pub(super) tip: &'a str,
    /// The commits that were looked at before.
    pub(super) known: Vec<Commit>,
    /// Those that were not.
    pub(super) new: Vec<Commit>,
}

/// What the settings of these watches find.
pub(super) fn judge(context: &Context, watches: &[Watch], findings: &Findings<'_>) -> Vec<Alert> {
    if findings.is_first {
        return Vec::new();
    }
    let now = context.clock.now();
    let judged = Judged {
        known: &findings.known,
        new: &findings.new,
        rewritten_tip: findings.is_rewritten.then_some(findings.tip),
        as_of: now,
    };
    let mut alerts = Vec::new();
    for watch in watches {
        let alert = |finding: Finding| Alert {
            id: AlertId::new(now, (context.chance)()),
            watch: watch.id,
            repository: watch.repository,
            finding,
            fired_at: now,
        };
        alerts.extend(alerting::evaluate(&watch.alerts, &judged).into_iter().map(alert));
    }
    alerts
}

/// Stores what was found and tells of what was not known before.
pub(super) async fn raise(
    context: &Context,
    tx: &mut Tx,
    repository: &Repository,
    alerts: Vec<Alert>,
) -> Result<(), StoreError> {
    if alerts.is_empty() {
        return Ok(());
    }
    for alert in tx.alerts_add(&alerts).await? {
        let data = json!({
            "id": alert.id,
            "repository": repository.id,
            "name": repository.slug(),
            "watch": alert.watch,
            "type": alert.finding.kind.as_str(),
            "message": alert.finding.message,
        });
        tx.record(NewChange {
            entity: "alert".into(),
            entity_id: alert.id.to_string(),
            tags: vec!["alerts".to_owned()],
            event: Some(ChangeEvent { topic: FIRED.into(), data: data.clone() }),
        });
        deliver(context, tx, FIRED, data).await?;
    }
    Ok(())
}

/// Tells the webhook how a repository stands.
pub(super) async fn enqueue(
    context: &Context,
    tx: &mut Tx,
    repository: &Repository,
    topic: &'static str,
) -> Result<(), StoreError> {
    let data = json!({
        "id": repository.id,
        "watchlist_id": repository.watchlist_id(),
        "name": repository.slug(),
        "url": repository.url.to_string(),
        "status": repository.processing.as_str(),
        "last_error": repository.last_error,
    });
    deliver(context, tx, topic, data).await
}

async fn deliver(context: &Context, tx: &mut Tx, topic: &str, data: Value) -> Result<(), StoreError> {
    if context.news == News::Kept {
        return Ok(());
    }
    let now = context.clock.now();
    let id = JobId::new(now, (context.chance)());
    // The message as it was when it happened: a delivery that comes late must not tell of another time.
    let payload = json!({ "type": topic, "timestamp": now, "data": data });
    let job = NewJob {
        priority: PRIORITY_DEFAULT,
        max_attempts: 8,
        free_losses: FREE_LOSSES,
        ..NewJob::new(id, WEBHOOK_DELIVERY, QUEUE_NOTIFY, payload)
    };
    tx.job_enqueue(&[job]).await?;
    Ok(())
}

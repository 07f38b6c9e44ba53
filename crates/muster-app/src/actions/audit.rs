//! A row of the audit log, as every action writes it.

use muster_store::NewAudit;
use serde_json::Value;

use crate::context::Context;

/// That somebody has done it, now.
pub(super) fn done(context: &Context, who: &str, what: &str, target: &str, detail: Value) -> NewAudit {
    NewAudit {
        at: context.clock.now(),
        who: who.to_owned(),
        what: what.to_owned(),
        target: target.to_owned(),
        outcome: "done".to_owned(),
        detail,
    }
}

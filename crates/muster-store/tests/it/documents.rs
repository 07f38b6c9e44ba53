//! Settings, plans and the audit log. On both databases.

use muster_model::PlanId;
use muster_store::{NewAudit, PlanRecord, Priority};
use serde_json::json;

use crate::world::{World, at};

suite! {
    a_plan_is_used_once,
    a_setting_is_the_last_value_put,
    audit_entries_are_listed_newest_first_in_pages,
}

async fn a_plan_is_used_once(world: World) {
    let store = world.open().await;
    let plan = PlanRecord {
        id: PlanId::new(at(0), [1; 10]),
        kind: "fetch".into(),
        created_at: at(0),
        expires_at: at(600),
        document: json!({ "steps": ["a", null, 1] }),
    };
    let mut tx = store.begin(Priority::Interactive).await.unwrap();
    tx.plan_put(&plan).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(store.plan(plan.id).await.unwrap().as_ref(), Some(&plan));

    let take = async || {
        let mut tx = store.begin(Priority::Interactive).await.unwrap();
        let taken = tx.plan_take(plan.id).await.unwrap();
        tx.commit().await.unwrap();
        taken
    };
    let (one, other) = tokio::join!(take(), take());
    assert_eq!([one.is_some(), other.is_some()].iter().filter(|is_taken| **is_taken).count(), 1);
    assert_eq!(one.or(other), Some(plan.clone()));
    assert_eq!(store.plan(plan.id).await.unwrap(), None);

    let mut tx = store.begin(Priority::Interactive).await.unwrap();
    tx.plan_put(&plan).await.unwrap();
    assert_eq!(tx.plans_prune(at(600)).await.unwrap(), 0);
    assert_eq!(tx.plans_prune(at(601)).await.unwrap(), 1);
    tx.commit().await.unwrap();
}

async fn a_setting_is_the_last_value_put(world: World) {
    let store = world.open().await;
    assert_eq!(store.setting("node").await.unwrap(), None);
    for value in [json!(null), json!({ "a": [1, "\u{0}", 2.5] }), json!("x")] {
        let mut tx = store.begin(Priority::Interactive).await.unwrap();
        tx.setting_put("node", &value).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(store.setting("node").await.unwrap(), Some(value));
    }
}

async fn audit_entries_are_listed_newest_first_in_pages(world: World) {
    let store = world.open().await;
    let mut tx = store.begin(Priority::Interactive).await.unwrap();
    for number in 0..5 {
        let noted = NewAudit {
            at: at(number),
            who: "admin".into(),
            what: "plan.execute".into(),
            target: number.to_string(),
            outcome: "done".into(),
            detail: json!({ "n": number }),
        };
        tx.audit_add(&noted).await.unwrap();
    }
    tx.commit().await.unwrap();
    let first = store.audit_list(2, None).await.unwrap();
    let rest = store.audit_list(10, Some(first[1].id)).await.unwrap();
    let targets: Vec<_> = first.iter().chain(&rest).map(|entry| entry.noted.target.as_str()).collect();
    assert_eq!(targets, ["4", "3", "2", "1", "0"]);
    assert_eq!((rest[2].noted.at, &rest[2].noted.detail), (at(0), &json!({ "n": 0 })));
    let mut tx = store.begin(Priority::Background).await.unwrap();
    assert_eq!(tx.audit_prune(at(2)).await.unwrap(), 2);
    tx.commit().await.unwrap();
    assert_eq!(store.audit_list(10, None).await.unwrap().len(), 3);
}

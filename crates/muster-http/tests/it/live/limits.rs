//! Where events are missing, end, or come too many: nothing is lost, and it is said.

use std::fs;

use muster_testkit::{Lab, Postgres};
use serde_json::json;

use super::{Before, cloned, listed, shows};
use crate::test_app::{Setup, eventually};

#[tokio::test(flavor = "multi_thread")]
async fn without_events_a_change_is_found_when_its_time_is_up() {
    let lab = Lab::new();
    let api = cloned(&lab, "api");
    let app = Setup::new(&lab).without_events().start_settled().await;
    let health = app.json("/health").await;
    assert_eq!(health["status"], "degraded");
    assert!(health["parts"]["watching"]["message"].as_str().expect("why").contains("watch.events"));

    api.commit_file("more.txt", "");
    app.pass(119);
    let project = app.listed("api").await.expect("api");
    assert_eq!((&project["watch"], &project["git"]["ahead"]), (&json!("polled"), &json!(0)));
    app.pass(2);
    let project = shows(&app, "api", |project| project["git"]["ahead"] == 1).await;
    assert_eq!(project["checked_at"], "2026-01-31T12:02:01Z");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_small_budget_serves_the_most_active_and_says_that_the_rest_is_polled() {
    let lab = Lab::new();
    // The later commit is the livelier project. Each work tree has many folders.
    for name in ["old", "new"] {
        let repo = cloned(&lab, name);
        for folder in 0..20 {
            repo.write(format!("{folder}/a.txt"), "");
        }
        repo.commit_all("Many folders");
    }
    let mut setup = Setup::new(&lab);
    let app = setup.start_settled().await;
    let all = app.metric("muster_watched_folders").await;
    app.stop().await;
    setup.watch.max_folders = usize::try_from(all).expect("a number") - 10;
    let app = setup.start_settled().await;

    eventually("one is live", || async {
        let watch = [app.listed("new").await?["watch"].clone(), app.listed("old").await?["watch"].clone()];
        (watch == [json!("live"), json!("polled")]).then_some(())
    })
    .await;
    let health = app.json("/health").await;
    assert_eq!(health["status"], "degraded");
    assert!(health["parts"]["watching"]["message"].as_str().expect("why").contains("watch.max_folders"));
    assert!(app.metric("muster_watched_folders").await < all);
    // What git writes is listened to all the same.
    lab.open("old").commit_file("more.txt", "");
    shows(&app, "old", |project| project["git"]["last_commit"] == "Write more.txt").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_project_says_that_it_is_live_also_to_those_who_asked_before_it_was() {
    let lab = Lab::new();
    cloned(&lab, "api");
    cloned(&lab, "web");
    let setup = Setup::new(&lab);
    setup.start_settled().await.stop().await;
    let app = setup.start().await;
    for name in ["api", "web"] {
        // From what is stored; how it is watched is not known yet.
        assert_eq!(app.json(&format!("/portfolio/projects/{name}")).await["name"], name);
        shows(&app, name, |project| project["watch"] == "live").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn projects_of_a_root_that_goes_away_stay_and_go_on_when_it_is_back() {
    let lab = Lab::new();
    let api = cloned(&lab, "disk/api");
    cloned(&lab, "home/web");
    let roots = [lab.root().join("disk"), lab.root().join("home")];
    let app = Setup::new(&lab).roots(&roots).start_settled().await;

    fs::rename(&roots[0], lab.folder().join("unplugged")).expect("away");
    let message = eventually("it is said", || async {
        let health = app.json("/health").await;
        health["parts"]["roots"]["message"].as_str().map(ToOwned::to_owned)
    })
    .await;
    assert!(message.contains(&*roots[0].to_string_lossy()), "{message}");
    listed(&app, &["api", "web"]).await;
    shows(&app, "api", |project| {
        project["error"].is_null() && project["git"]["last_commit"] == "Write README.md"
    })
    .await;

    fs::rename(lab.folder().join("unplugged"), &roots[0]).expect("back");
    eventually("it is said", || async {
        (app.json("/health").await["parts"]["roots"]["status"] == "ok").then_some(())
    })
    .await;
    api.commit_file("back.txt", "");
    shows(&app, "api", |project| project["git"]["last_commit"] == "Write back.txt").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_only_root_going_away_takes_nothing_with_it() {
    let lab = Lab::new();
    cloned(&lab, "disk/api");
    let root = lab.root().join("disk");
    let app = Setup::new(&lab).roots(std::slice::from_ref(&root)).start_settled().await;
    fs::rename(&root, lab.folder().join("unplugged")).expect("away");
    eventually("it is said", || async {
        (app.json("/health").await["parts"]["roots"]["status"] == "degraded").then_some(())
    })
    .await;
    listed(&app, &["api"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_goes_back_leaves_nothing_stale() {
    let lab = Lab::new();
    let api = cloned(&lab, "api");
    let mut setup = Setup::new(&lab).without_events();
    setup.cache.ttl_git_state = 1;
    let app = setup.start_settled().await;
    app.json("/portfolio/summary").await;
    app.pass(-3 * 24 * 3600);
    assert!(app.get("/health").await.status.is_success());
    // Looked at again when the second is over in truth, although by the clock it begins in three days.
    api.commit_file("more.txt", "");
    let project = shows(&app, "api", |project| project["git"]["ahead"] == 1).await;
    assert_eq!(project["checked_at"], "2026-01-28T12:00:00Z");
    assert_eq!(app.json("/portfolio/summary").await["attention"]["unpushed"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_shows_on_postgresql_as_well() {
    let lab = Lab::new();
    let api = cloned(&lab, "api");
    cloned(&lab, "web");
    let postgres = Postgres::start();
    let mut setup = Setup::new(&lab);
    setup.url = Some(postgres.url());
    let app = setup.start_settled().await;
    let before = Before::of(&app).await;
    api.commit_file("more.txt", "");
    shows(&app, "api", |project| project["git"]["ahead"] == 1).await;
    before.only_read(&app, &["api"]).await;
    app.stop().await;
}

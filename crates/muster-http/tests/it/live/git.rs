//! What git does inside a project.

use muster_testkit::Lab;
use serde_json::json;

use super::{Before, cloned, shows};
use crate::test_app::{Setup, TestApp};

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_an_edit_and_a_push_show() {
    let lab = Lab::new();
    let api = cloned(&lab, "api");
    cloned(&lab, "web");
    let app = TestApp::over(&lab).await;
    assert_eq!(app.json("/portfolio/summary").await["attention"]["uncommitted"], 0);

    let before = Before::of(&app).await;
    api.write("README.md", "# Changed\n");
    shows(&app, "api", |project| project["git"]["modified"] == 1).await;
    assert_eq!(app.json("/portfolio/summary").await["attention"]["uncommitted"], 1);
    before.only_read(&app, &["api"]).await;

    let before = Before::of(&app).await;
    api.commit_all("Say more");
    let project = shows(&app, "api", |project| project["git"]["ahead"] == 1).await;
    assert_eq!(project["git"]["last_commit"], "Say more");
    assert_eq!(project["git"]["modified"], 0);
    assert_eq!(app.json("/portfolio/summary").await["attention"]["unpushed"], 1);
    before.only_read(&app, &["api"]).await;

    let before = Before::of(&app).await;
    api.git(["push", "--quiet"]);
    shows(&app, "api", |project| project["git"]["ahead"] == 0).await;
    assert_eq!(app.json("/portfolio/summary").await["attention"]["unpushed"], 0);
    before.only_read(&app, &["api"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fetch_and_a_merge_show() {
    let lab = Lab::new();
    let api = cloned(&lab, "api");
    cloned(&lab, "web");
    let other = lab.folder().join("colleague");
    lab.clone_of(lab.folder().join("forge/api"), &other.to_string_lossy())
        .commit_file("theirs.txt", "theirs\n")
        .git(["push", "--quiet"]);
    let app = TestApp::over(&lab).await;

    let before = Before::of(&app).await;
    api.git(["fetch", "--quiet"]);
    shows(&app, "api", |project| project["git"]["behind"] == 1).await;
    assert_eq!(app.json("/portfolio/summary").await["attention"]["behind"], 1);
    before.only_read(&app, &["api"]).await;

    let before = Before::of(&app).await;
    api.git(["merge", "--quiet", "--ff-only", "@{upstream}"]);
    let project = shows(&app, "api", |project| project["git"]["behind"] == 0).await;
    assert_eq!(project["git"]["last_commit"], "Write theirs.txt");
    before.only_read(&app, &["api"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_checkout_and_a_stash_show() {
    let lab = Lab::new();
    let api = cloned(&lab, "api");
    cloned(&lab, "web");
    let app = TestApp::over(&lab).await;

    let before = Before::of(&app).await;
    api.git(["checkout", "--quiet", "-b", "feature/x"]);
    shows(&app, "api", |project| project["git"]["branch"] == "feature/x").await;
    before.only_read(&app, &["api"]).await;

    let before = Before::of(&app).await;
    api.git(["checkout", "--quiet", "--detach"]);
    shows(&app, "api", |project| project["git"]["detached"] == true).await;
    before.only_read(&app, &["api"]).await;

    let before = Before::of(&app).await;
    api.write("README.md", "# Put aside\n").git(["stash", "--quiet"]);
    shows(&app, "api", |project| project["git"]["stashes"] == 1 && project["git"]["modified"] == 0).await;
    assert_eq!(app.json("/portfolio/summary").await["attention"]["stashed"], 1);
    before.only_read(&app, &["api"]).await;

    let before = Before::of(&app).await;
    api.git(["stash", "drop", "--quiet"]);
    shows(&app, "api", |project| project["git"]["stashes"] == 0).await;
    before.only_read(&app, &["api"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_in_a_folder_that_did_not_exist_before_shows() {
    let lab = Lab::new();
    let api = cloned(&lab, "api");
    cloned(&lab, "web");
    let app = TestApp::over(&lab).await;

    let before = Before::of(&app).await;
    api.write("src/deep/er/main.rs", "fn main() {}\n").stage_all();
    shows(&app, "api", |project| project["git"]["staged"] == 1).await;
    // What lies in the new folder is listened to as well.
    api.write("src/deep/er/main.rs", "fn main() { }\n");
    shows(&app, "api", |project| project["git"]["modified"] == 1).await;
    api.write("src/deep/er/more.rs", "");
    shows(&app, "api", |project| project["git"]["untracked"] == 1).await;
    before.only_read(&app, &["api"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_linked_worktree_shows_when_it_comes_changes_and_goes() {
    let lab = Lab::new();
    let api = cloned(&lab, "api");
    cloned(&lab, "web");
    let app = TestApp::over(&lab).await;

    let before = Before::of(&app).await;
    let tree = api.worktree("api-feature", "feature");
    let project =
        shows(&app, "api", |project| project["worktrees"].as_array().is_some_and(|all| all.len() == 1)).await;
    assert_eq!(project["worktrees"][0]["git"]["branch"], "feature");
    tree.write("README.md", "# Changed\n");
    shows(&app, "api", |project| project["worktrees"][0]["git"]["modified"] == 1).await;
    tree.commit_all("In the other tree");
    shows(&app, "api", |project| project["worktrees"][0]["git"]["last_commit"] == "In the other tree").await;
    api.git(["worktree", "remove", "--force", &tree.path().to_string_lossy()]);
    shows(&app, "api", |project| project["worktrees"] == json!([])).await;
    before.only_read(&app, &["api"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_in_a_submodule_shows() {
    let lab = Lab::new();
    let library = lab.folder().join("library");
    lab.repo(&library.to_string_lossy()).commit_file("lib.txt", "1\n");
    let api = cloned(&lab, "api").submodule(&library.to_string_lossy(), "lib");
    cloned(&lab, "web");
    let app = TestApp::over(&lab).await;

    let before = Before::of(&app).await;
    lab.open(api.path().join("lib")).commit_file("lib.txt", "2\n");
    let project = shows(&app, "api", |project| {
        project["submodules"][0]["git"]["last_commit"] == "Write lib.txt" && project["git"]["modified"] == 1
    })
    .await;
    assert_eq!(project["submodules"].as_array().expect("a list").len(), 1);
    before.only_read(&app, &["api"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_files_changed_by_one_checkout_are_few_readings() {
    const FILES: usize = 10_000;
    let lab = Lab::new();
    let api = cloned(&lab, "api");
    cloned(&lab, "web");
    api.git(["checkout", "--quiet", "-b", "many"]);
    for number in 0..FILES {
        api.write(format!("{}/{number}.txt", number % 50), "many\n");
    }
    api.commit_all("Many files").git(["checkout", "--quiet", "main"]);
    let app = TestApp::over(&lab).await;

    let before = Before::of(&app).await;
    api.git(["checkout", "--quiet", "many"]);
    let is_there = |project: &serde_json::Value| {
        project["git"]["branch"] == "many"
            && project["git"]["modified"] == 0
            && project["git"]["untracked"] == 0
    };
    shows(&app, "api", is_there).await;
    // Against ten thousand events and more.
    before.only_read_up_to(&app, &["api"], 500).await;
    // All the new folders are listened to.
    api.write("7/7.txt", "changed\n");
    shows(&app, "api", |project| project["git"]["modified"] == 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repository_that_is_broken_and_mended_shows_both() {
    let lab = Lab::new();
    cloned(&lab, "api");
    cloned(&lab, "web");
    // Without HEAD it is what git has half made; with garbage in it, what somebody has damaged.
    let half = lab.open("half").folder(".git/objects").folder(".git/refs/heads");
    let app = TestApp::over(&lab).await;
    assert!(!app.listed("half").await.expect("it is listed")["error"].is_null());
    half.git(["init", "--quiet"]);
    shows(&app, "half", |project| project["error"].is_null()).await;

    for garbage in ["garbage\n", ""] {
        let api = lab.open("api").write(".git/HEAD", garbage);
        shows(&app, "api", |project| !project["error"].is_null()).await;
        assert_eq!(app.json("/portfolio/summary").await["attention"]["errors"], 1);
        api.write(".git/HEAD", "ref: refs/heads/main\n");
        shows(&app, "api", |project| project["error"].is_null()).await;
        assert_eq!(app.json("/portfolio/summary").await["attention"]["errors"], 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_while_nobody_listened_show_after_a_start() {
    let lab = Lab::new();
    let api = cloned(&lab, "api");
    cloned(&lab, "web");
    let setup = Setup::new(&lab);
    setup.start_settled().await.stop().await;
    api.commit_file("while-away.txt", "");
    let app = setup.start_settled().await;
    shows(&app, "api", |project| project["git"]["last_commit"] == "Write while-away.txt").await;
}

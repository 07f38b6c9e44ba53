//! Projects that appear, move and vanish.

use std::fs;

use muster_testkit::Lab;

use super::{Before, cloned, listed, shows};
use crate::test_app::{TestApp, eventually};

#[tokio::test(flavor = "multi_thread")]
async fn a_new_clone_shows() {
    let lab = Lab::new();
    let api = cloned(&lab, "api");
    cloned(&lab, "web");
    let app = TestApp::over(&lab).await;

    let before = Before::of(&app).await;
    lab.clone_of(api.path(), "deep/er/copy");
    listed(&app, &["api", "copy", "web"]).await;
    let copy = lab.open("deep/er/copy").commit_file("more.txt", "");
    shows(&app, "copy", |project| project["git"]["ahead"] == 1).await;
    copy.write("README.md", "# Changed\n");
    shows(&app, "copy", |project| project["git"]["modified"] == 1).await;
    before.only_read(&app, &["copy"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clone_inside_a_folder_that_another_project_ignores_shows() {
    let lab = Lab::new();
    let api = cloned(&lab, "api").commit_file(".gitignore", "vendor/\n");
    let app = TestApp::over(&lab).await;

    lab.clone_of(lab.folder().join("forge/api"), &api.path().join("vendor/inner").to_string_lossy());
    listed(&app, &["api", "inner"]).await;
    lab.open("api/vendor/inner").commit_file("more.txt", "");
    shows(&app, "inner", |project| project["git"]["ahead"] == 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_folder_is_gone() {
    let lab = Lab::new();
    cloned(&lab, "api");
    let web = cloned(&lab, "group/web");
    let app = TestApp::over(&lab).await;
    let id = app.listed("web").await.expect("web")["id"].as_str().expect("an id").to_owned();

    let before = Before::of(&app).await;
    fs::remove_dir_all(web.path()).expect("removed");
    listed(&app, &["api"]).await;
    before.only_read(&app, &[]).await;
    for name in ["web", &id] {
        let answer = app.get(&format!("/portfolio/projects/{name}")).await;
        assert_eq!((answer.status.as_u16(), answer.problem().as_str()), (404, "not_found"));
    }
    // The folder above goes as well, and a project of the same name comes again.
    fs::remove_dir_all(lab.root().join("group")).expect("removed");
    cloned(&lab, "again/web");
    listed(&app, &["api", "web"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renamed_folder_is_another_project() {
    let lab = Lab::new();
    cloned(&lab, "api");
    let web = cloned(&lab, "web");
    let app = TestApp::over(&lab).await;

    let before = Before::of(&app).await;
    fs::rename(web.path(), lab.root().join("site")).expect("renamed");
    listed(&app, &["api", "site"]).await;
    before.only_read(&app, &["site"]).await;
    // Events of the folder under its old name are not believed.
    lab.open("site").commit_file("after.txt", "");
    shows(&app, "site", |project| project["git"]["ahead"] == 1).await;
    listed(&app, &["api", "site"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renamed_folder_above_takes_its_projects_along() {
    let lab = Lab::new();
    cloned(&lab, "team/api");
    cloned(&lab, "team/web");
    let app = TestApp::over(&lab).await;

    fs::rename(lab.root().join("team"), lab.root().join("crew")).expect("renamed");
    let crew = lab.root().join("crew").to_string_lossy().into_owned();
    eventually("both are in the new place", || async {
        let projects = app.projects().await;
        let is_moved = |project: &serde_json::Value| {
            project["path"].as_str().is_some_and(|path| path.starts_with(&crew))
        };
        (projects.len() == 2 && projects.iter().all(is_moved)).then_some(())
    })
    .await;
    lab.open("crew/api").commit_file("after.txt", "");
    shows(&app, "api", |project| project["git"]["ahead"] == 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_becomes_a_project_by_its_manifest_and_a_repository_by_git_init() {
    let lab = Lab::new();
    cloned(&lab, "api");
    let app = TestApp::over(&lab).await;

    let script = lab.open("script").folder("");
    script.write("notes.txt", "no project yet\n").write("go.mod", "module example.org/script\n");
    let project = shows(&app, "script", |project| project["kind"] == "folder").await;
    assert_eq!(project["git"]["is_repo"], false);
    script.git(["init", "--quiet"]);
    shows(&app, "script", |project| project["kind"] == "repository").await;
    script.commit_all("Begin");
    shows(&app, "script", |project| project["git"]["last_commit"] == "Begin").await;
    script.remove(".git");
    shows(&app, "script", |project| project["kind"] == "folder").await;
    script.remove("go.mod");
    listed(&app, &["api"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_project_of_the_same_name_gives_both_longer_names() {
    let lab = Lab::new();
    cloned(&lab, "a/api");
    let app = TestApp::over(&lab).await;
    listed(&app, &["api"]).await;
    let second = cloned(&lab, "b/api");
    listed(&app, &["a/api", "b/api"]).await;
    fs::remove_dir_all(second.path()).expect("removed");
    listed(&app, &["api"]).await;
}

//! The list of all repositories as clients see it: what stands in an item of each origin, filters, pages, refusals, and
//! one repository under its names.

use muster_testkit::Lab;
use reqwest::{Method, StatusCode, header};
use serde_json::{Value, json};

use crate::test_app::{TestApp, answer};

const LIST: &str = "/api/v1/repositories";

/// One watched and checked out twice, one only watched, one only checked out, one without a remote, one that cannot be
/// read, and a folder that is no repository.
async fn some(lab: &Lab) -> TestApp {
    let manifest = "[package]\nname = \"api\"\nversion = \"0.1.0\"\n";
    for (name, remote) in [
        ("api", "git@host.example:team/api.git"),
        ("api-2", "https://host.example/team/api"),
        ("web", "https://other.example/team/web"),
    ] {
        let repo =
            lab.repo(name).commit_file("Cargo.toml", manifest).commit_file("src/main.rs", "fn main() {}\n");
        repo.git(["remote", "add", "origin", remote]);
    }
    lab.repo("alone").commit_file("a.txt", "a\n");
    lab.repo("bad").commit_file("a.txt", "a\n").write(".git/HEAD", "garbage\n");
    lab.open("script").folder("").write("go.mod", "module example.org/script\n");
    let app = TestApp::over(lab).await;
    let api = json!({ "repo_url": "https://host.example/team/api", "added_by": "ada", "category": "api",
                      "tags": ["core", "rust"] });
    let far = json!({ "repo_url": "https://host.example/team/far", "added_by": "bob", "level": "facts" });
    for body in [
        api.clone(),
        {
            let mut other = api;
            other["added_by"] = "bob".into();
            other
        },
        far,
    ] {
        let request = app.request(Method::POST, "/api/v1/watchlist");
        let request = request.header(header::CONTENT_TYPE, "application/json").body(body.to_string());
        let added = answer(request).await;
        assert_eq!(added.status, StatusCode::ACCEPTED, "{}", added.text());
    }
    app
}

fn names(list: &Value) -> Vec<String> {
    let items = list["items"].as_array().expect("items");
    items.iter().map(|item| item["full_name"].as_str().expect("a name").to_owned()).collect()
}

fn item<'a>(list: &'a Value, name: &str) -> &'a Value {
    let items = list["items"].as_array().expect("items");
    items.iter().find(|item| item["full_name"] == name).expect("an item")
}

#[tokio::test(flavor = "multi_thread")]
async fn local_and_watched_repositories_are_one_list() {
    let lab = Lab::new();
    let app = some(&lab).await;
    let list = app.json(&format!("{LIST}?sort=name")).await;
    assert_eq!(names(&list), ["alone", "team/api", "bad", "team/far", "team/web"]);
    assert_eq!((&list["total"], &list["next"]), (&json!(5), &Value::Null));

    let api = item(&list, "team/api");
    assert_eq!(api["origin"], "both");
    assert_eq!(
        (&api["status"], &api["level"], &api["category"]),
        (&json!("processing"), &json!("full"), &json!("api"))
    );
    assert_eq!((&api["tags"], &api["watchers"]), (&json!(["core", "rust"]), &json!(2)));
    assert_eq!(
        (&api["language"], &api["host"], &api["owner"]),
        (&json!("Rust"), &json!("host.example"), &json!("team"))
    );
    assert_eq!(api["url"], "https://host.example/team/api");
    let checkouts = api["checkouts"].as_array().expect("checkouts");
    let mut there: Vec<_> = checkouts.iter().map(|one| one["name"].as_str().expect("a name")).collect();
    there.sort_unstable();
    assert_eq!(there, ["api", "api-2"]);
    assert_eq!(
        checkouts[0]["path"],
        lab.root().join(checkouts[0]["name"].as_str().expect("a name")).to_str().expect("text")
    );
    assert!(checkouts[0]["branch"].is_string() && checkouts[0]["error"].is_null());
    // The commit is known from the checkout, the score would be from the history.
    assert!(api["last_commit_at"].is_string() && api["unknown"]["last_commit_at"].is_null());
    assert_eq!(api["unknown"]["activity_score"], "in_progress");

    let far = item(&list, "team/far");
    assert_eq!(
        (&far["origin"], &far["checkouts"], &far["last_commit_at"]),
        (&json!("watched"), &json!([]), &Value::Null)
    );
    assert_eq!(
        (&far["unknown"]["relation"], &far["unknown"]["commits"]),
        (&json!("no_checkout"), &json!("level_facts"))
    );

    let alone = item(&list, "alone");
    assert_eq!(
        (&alone["origin"], &alone["url"], &alone["status"]),
        (&json!("local"), &Value::Null, &Value::Null)
    );
    assert_eq!(
        (&alone["unknown"]["url"], &alone["unknown"]["status"]),
        (&json!("no_remote"), &json!("not_watched"))
    );
    assert_eq!(alone["checkouts"][0]["id"], alone["id"]);

    let bad = item(&list, "bad");
    assert_eq!(bad["unknown"]["last_commit_at"], "repository_error");
    assert!(bad["checkouts"][0]["error"].is_string());

    let facets = &list["facets"];
    assert_eq!(facets["origin"]["values"][0], json!({ "value": "local", "count": 3 }));
    assert_eq!(
        facets["added_by"]["values"],
        json!([{ "value": "bob", "count": 2 }, { "value": "ada", "count": 1 }])
    );
    assert_eq!(facets["language"], json!({ "values": [{ "value": "Rust", "count": 2 }], "more": 0 }));
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn filters_narrow_the_list_and_leave_their_own_counts() {
    let lab = Lab::new();
    let app = some(&lab).await;
    for (query, expected) in [
        ("origin=both", vec!["team/api"]),
        ("origin=both,watched", vec!["team/api", "team/far"]),
        ("host=other.example,host.example&language=rust", vec!["team/api", "team/web"]),
        ("owner=TEAM&origin=local", vec!["team/web"]),
        ("tag=core", vec!["team/api"]),
        ("category=api,tools", vec!["team/api"]),
        ("added_by=bob", vec!["team/api", "team/far"]),
        ("level=facts", vec!["team/far"]),
        ("status=ready", vec![]),
        ("q=M%2FA", vec!["team/api"]),
        ("q=%25", vec![]),
        ("q=&origin=", vec!["alone", "team/api", "bad", "team/far", "team/web"]),
        ("min_activity=1", vec![]),
    ] {
        let list = app.json(&format!("{LIST}?sort=name&{query}")).await;
        assert_eq!(names(&list), expected, "{query}");
        assert_eq!(list["total"], expected.len(), "{query}");
    }
    let list = app.json(&format!("{LIST}?origin=both")).await;
    let origins = list["facets"]["origin"]["values"].as_array().expect("values");
    assert_eq!(origins.len(), 3, "{origins:?}");
    assert_eq!(list["facets"]["host"]["values"], json!([{ "value": "host.example", "count": 1 }]));
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_hang_together_and_belong_to_their_sort() {
    let lab = Lab::new();
    let app = some(&lab).await;
    for sort in ["", "name", "-name", "number", "-number", "activity_score", "-updated_at", "last_commit_at"]
    {
        let whole = app.json(&format!("{LIST}?sort={sort}")).await;
        let (mut seen, mut next) = (Vec::new(), String::new());
        loop {
            let page = app.json(&format!("{LIST}?sort={sort}&limit=2{next}")).await;
            assert_eq!(page["total"], 5);
            seen.extend(names(&page));
            let Some(cursor) = page["next"].as_str() else { break };
            next = format!("&cursor={cursor}");
        }
        assert_eq!(seen, names(&whole), "{sort}");
    }
    let page = app.json(&format!("{LIST}?sort=name&limit=1")).await;
    let cursor = page["next"].as_str().expect("more");
    let elsewhere = app.get(&format!("{LIST}?sort=-name&cursor={cursor}")).await;
    assert_eq!(
        (elsewhere.status, elsewhere.problem()),
        (StatusCode::UNPROCESSABLE_ENTITY, "invalid".to_owned())
    );
    assert!(elsewhere.text().contains("sort=name"), "{}", elsewhere.text());
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_meant_is_refused() {
    let lab = Lab::new();
    let app = some(&lab).await;
    for (query, why) in [
        ("colour=red", "colour"),
        ("origin=remote", "local, watched, both"),
        ("status=ready,done", "'done'"),
        ("category=cli", "ml_ai"),
        ("relation=yours", "third_party"),
        ("level=deep", "facts, history, full"),
        ("sort=size", "activity_score"),
        ("cursor=1", "cursor"),
        ("cursor=name.1.zz&sort=name", "cursor"),
        ("limit=0", "1 to 500"),
        ("limit=501", "1 to 500"),
        ("min_activity=much", "query string"),
        ("q=a%00b", "zero"),
        ("owner=%00", "zero"),
    ] {
        let refused = app.get(&format!("{LIST}?{query}")).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{query}: {}", refused.text());
        assert_eq!(refused.problem(), "invalid");
        assert!(refused.text().contains(why), "{query}: {}", refused.text());
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repository_answers_to_all_its_names() {
    let lab = Lab::new();
    let app = some(&lab).await;
    let list = app.json(&format!("{LIST}?sort=name")).await;
    let api = item(&list, "team/api");
    let checkout = &api["checkouts"][1];
    let whole = app.json(&format!("{LIST}/team%2Fapi")).await;
    assert!(whole["watchlist_id"].is_string() && whole["id"] == api["id"]);
    for name in [&api["id"], &checkout["id"]] {
        let name = name.as_str().expect("an id");
        assert_eq!(app.json(&format!("{LIST}/{name}")).await, whole, "{name}");
    }
    for number in [&api["number"], &checkout["number"]] {
        assert_eq!(app.json(&format!("{LIST}/{number}")).await, whole, "{number}");
    }
    let web = item(&list, "team/web");
    assert_eq!(&app.json(&format!("{LIST}/team%2Fweb")).await, web);
    assert_eq!(&app.json(&format!("{LIST}/{}", web["number"])).await, web);
    let alone = item(&list, "alone");
    assert_eq!(&app.json(&format!("{LIST}/{}", alone["id"].as_str().expect("an id"))).await, alone);
    let script = app.listed("script").await.expect("a folder");
    for name in ["team%2Fnone", "none", "99999", script["id"].as_str().expect("an id"), "%00%2F%00"] {
        let answer = app.get(&format!("{LIST}/{name}")).await;
        assert_eq!(
            (answer.status, answer.problem()),
            (StatusCode::NOT_FOUND, "not_found".to_owned()),
            "{name}"
        );
    }
    app.stop().await;
}

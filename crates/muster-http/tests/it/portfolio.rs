//! What the routes of the portfolio say, in which shape, and by which names things are asked for.

use std::collections::BTreeMap;

use muster_testkit::Lab;
use reqwest::StatusCode;
use serde_json::{Map, Value, json};

use crate::test_app::TestApp;

/// A small portfolio in which most things happen.
async fn rich(lab: &Lab) -> TestApp {
    let forge = lab.folder().join("forge/api");
    lab.bare(&forge.to_string_lossy());
    let api = lab.clone_of(&forge, "api").commit_file("README.md", "# Read me\n");
    api.git(["push", "--quiet", "-u", "origin", "HEAD"]);
    api.commit_file(
        "Cargo.toml",
        "[package]\nname = \"api\"\nversion = \"0.1.0\"\n\n[dependencies]\nasync-stripe = \"1\"\n",
    );
    api.write("src/main.rs", "fn main() {}\n")
        .write("PROJECT_META.json", r#"{"name": "The API", "links": {"site": "https://example.org"}}"#);
    api.worktree("api-next", "next").write("README.md", "# Next\n");
    lab.repo("a/web").commit_file("package.json", r#"{"name": "web", "dependencies": {"react": "18"}}"#);
    lab.repo("b/web").commit_file("go.mod", "module example.org/web\n");
    lab.open("script").folder("").write("go.mod", "module example.org/script\n");
    lab.repo("bad").commit_file("a.txt", "a\n").write(".git/HEAD", "garbage\n");
    TestApp::over(lab).await
}

/// What kind of values stand where: objects by their keys, lists by what all their items have together.
fn shape(value: &Value) -> Value {
    match value {
        Value::Null => json!("null"),
        Value::Bool(_) => json!("bool"),
        Value::Number(number) if number.is_f64() => json!("float"),
        Value::Number(_) => json!("integer"),
        Value::String(text) if text.parse::<jiff::Timestamp>().is_ok() => json!("time"),
        Value::String(_) => json!("string"),
        Value::Array(items) => match items.iter().map(shape).reduce(either) {
            Some(item) => json!([item]),
            None => json!([]),
        },
        Value::Object(fields) if is_map(fields) => json!({ "*": fields.values().map(shape).reduce(either) }),
        Value::Object(fields) => {
            fields.iter().map(|(name, value)| (name.clone(), shape(value))).collect::<Map<_, _>>().into()
        }
    }
}

/// Keys that are data, not names of fields: `unknown` names the fields that are not known.
fn is_map(fields: &Map<String, Value>) -> bool {
    fields.keys().any(|key| key.contains('.') || key.contains('/'))
        || fields.keys().all(|key| key == "remote_moved")
}

/// What fits both.
fn either(one: Value, other: Value) -> Value {
    match (one, other) {
        (one, other) if one == other => one,
        (Value::Object(mut one), Value::Object(other)) => {
            for (name, value) in other {
                let merged = match one.remove(&name) {
                    Some(known) => either(known, value),
                    None => value,
                };
                one.insert(name, merged);
            }
            one.into()
        }
        (Value::Array(one), Value::Array(other)) => {
            let item = one.into_iter().chain(other).reduce(either);
            item.map_or_else(|| json!([]), |item| json!([item]))
        }
        (Value::String(one), Value::String(other)) => {
            let mut words: Vec<&str> = one.split(" or ").chain(other.split(" or ")).collect();
            words.sort_unstable();
            words.dedup();
            json!(words.join(" or "))
        }
        (Value::String(null), rest) | (rest, Value::String(null)) if null == "null" => rest,
        (one, other) => json!(format!("{one} or {other}")),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_keeps_its_shape() {
    let lab = Lab::new();
    let app = rich(&lab).await;
    for (name, path) in [
        ("summary", "/portfolio/summary"),
        ("projects", "/portfolio/projects"),
        ("recommendations", "/portfolio/recommendations"),
        ("dashboard", "/portfolio/dashboard"),
        ("portfolio_health", "/portfolio/health"),
        ("portfolio_cache_stats", "/portfolio/cache/stats"),
        ("admin_cache_stats", "/api/v1/admin/cache/stats"),
        ("admin_config", "/api/v1/admin/config"),
        ("health", "/api/v1/health"),
    ] {
        let shape = shape(&app.json(path).await);
        insta::assert_json_snapshot!(name, shape);
    }
    let list = shape(&app.json("/portfolio/projects").await["projects"]);
    let one = shape(&app.json("/portfolio/projects/api").await);
    assert_eq!(keys(&one), keys(&list[0]), "one project has the fields that it has in the list");
}

fn keys(value: &Value) -> Vec<&String> {
    value.as_object().expect("an object").keys().collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_summary_and_the_views_count_what_is_there() {
    let lab = Lab::new();
    let app = rich(&lab).await;
    let summary = app.json("/portfolio/summary").await;
    assert_eq!(summary["total_projects"], 5);
    assert_eq!(summary["attention"]["errors"], 1);
    assert_eq!(summary["attention"]["unpushed"], 1);
    let recommendations = app.json("/portfolio/recommendations").await;
    let list = recommendations["recommendations"].as_array().expect("a list");
    assert_eq!(recommendations["total"], list.len());
    let kinds: Vec<&str> = list.iter().filter_map(|one| one["type"].as_str()).collect();
    assert_eq!(summary["critical_actions"], kinds.iter().filter(|kind| **kind == "critical").count());
    assert_eq!(summary["revenue_opportunities"], kinds.iter().filter(|kind| **kind == "revenue").count());
    let order = ["critical", "high", "medium", "low", "revenue"];
    let ranks: Vec<_> = kinds
        .iter()
        .map(|kind| order.iter().position(|known| known == kind).expect("a known type"))
        .collect();
    assert_eq!(kinds.iter().position(|kind| *kind == "critical").unwrap_or(0), 0);
    assert!(
        ranks.iter().take_while(|rank| **rank == 0).count()
            == kinds.iter().filter(|kind| **kind == "critical").count()
    );
    let health = app.json("/portfolio/health").await;
    assert_eq!(health["total_projects"], 5);
    assert_eq!(health["projects"].as_array().expect("a list").len(), 5);
    let dashboard = app.json("/portfolio/dashboard").await;
    let relations = dashboard["by_relation"].as_array().expect("groups");
    assert_eq!(relations.iter().filter_map(|group| group["count"].as_u64()).sum::<u64>(), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn both_paths_answer_with_the_same_bytes() {
    let lab = Lab::new();
    let app = rich(&lab).await;
    for path in [
        "/portfolio/summary",
        "/portfolio/projects",
        "/portfolio/projects/api",
        "/portfolio/projects/web",
        "/portfolio/projects/nobody",
        "/portfolio/projects?q=state:dirty",
        "/portfolio/projects?x=y",
        "/portfolio/recommendations",
        "/portfolio/dashboard",
        "/portfolio/health",
    ] {
        let (short, long) = (app.get(path).await, app.get(&format!("/api/v1{path}")).await);
        assert_eq!((short.status, short.text()), (long.status, long.text()), "{path}");
        for header in ["etag", "content-type", "cache-control", "vary"] {
            assert_eq!(short.header(header), long.header(header), "{path}: {header}");
        }
    }
    let health = app.json("/health").await;
    for path in ["/api/health", "/api/v1/health"] {
        assert_eq!(app.json(path).await["parts"], health["parts"], "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_project_is_found_by_its_name_id_number_and_the_end_of_its_path() {
    let lab = Lab::new();
    let app = rich(&lab).await;
    let web = app.json("/portfolio/projects/a%2Fweb").await;
    assert_eq!(web["name"], "a/web");
    let full = lab.root().join("a/web").to_string_lossy().replace('/', "%2F");
    let (id, number) = (web["id"].as_str().expect("an id"), &web["number"]);
    for name in [id, &number.to_string(), "code%2Fa%2Fweb", "a%2fweb", &full] {
        let answer = app.get(&format!("/portfolio/projects/{name}")).await;
        assert_eq!(answer.status, StatusCode::OK, "{name}: {}", answer.text());
        assert_eq!(answer.json(), web, "{name}");
    }
    let answer = app.get("/portfolio/projects/web").await;
    assert_eq!((answer.status, answer.problem().as_str()), (StatusCode::CONFLICT, "ambiguous"));
    assert_eq!(answer.json()["candidates"], json!(["a/web", "b/web"]));
    // Every name offered is a name that answers.
    for project in app.projects().await {
        let name = project["name"].as_str().expect("a name").replace('/', "%2F");
        assert_eq!(app.get(&format!("/portfolio/projects/{name}")).await.status, StatusCode::OK, "{name}");
    }
    for name in
        ["nobody", "eb", "%2F", "%20", ".", "..%2Fa%2Fweb", "%00", "-1", "99999999999999999999999", "repo_x"]
    {
        let answer = app.get(&format!("/portfolio/projects/{name}")).await;
        assert_eq!(
            (answer.status, answer.problem().as_str()),
            (StatusCode::NOT_FOUND, "not_found"),
            "{name}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn names_of_any_characters_are_asked_for_percent_encoded() {
    let lab = Lab::new();
    for name in ["with space", "100%", "what?", "a#b", "grüße", "plus+plus"] {
        lab.repo(name).commit_file("README.md", "");
    }
    let app = TestApp::over(&lab).await;
    let projects = app.projects().await;
    assert_eq!(projects.len(), 6);
    for project in projects {
        let name = project["name"].as_str().expect("a name");
        let encoded = percent_encoding::utf8_percent_encode(name, percent_encoding::NON_ALPHANUMERIC);
        assert_eq!(app.json(&format!("/portfolio/projects/{encoded}")).await["name"], name);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_chooses_and_a_wrong_one_says_what_is_wrong() {
    let lab = Lab::new();
    let app = rich(&lab).await;
    for (query, names) in [
        ("", vec!["a/web", "api", "b/web", "bad", "script"]),
        ("stack:stripe", vec!["api"]),
        ("name:web", vec!["a/web", "b/web"]),
        ("name:web%20-stack:react", vec!["b/web"]),
        ("state:error", vec!["bad"]),
        ("zzz", vec![]),
    ] {
        let found = app.json(&format!("/portfolio/projects?q={query}")).await;
        let mut found_names: Vec<_> = found["projects"]
            .as_array()
            .expect("a list")
            .iter()
            .filter_map(|one| one["name"].as_str())
            .collect();
        found_names.sort_unstable();
        assert_eq!(found_names, names, "{query}");
        assert_eq!(found["total"], names.len(), "{query}");
    }
    let answer = app.get("/portfolio/projects?q=stat:dirty").await;
    assert_eq!(answer.problem(), "invalid");
    assert!(answer.json()["detail"].as_str().expect("why").contains("state"), "{}", answer.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_description_is_openapi_3_1_and_tells_of_every_route() {
    let lab = Lab::new();
    let app = TestApp::over(&lab).await;
    let answer = app.get("/api/v1/openapi.json").await;
    assert_eq!(answer.header("content-type"), "application/json");
    let document = answer.json();
    assert_eq!(document, serde_json::to_value(muster_http::openapi()).expect("JSON"));
    assert!(document["openapi"].as_str().expect("a version").starts_with("3.1"));
    let mut routes = Vec::new();
    for (path, methods) in document["paths"].as_object().expect("paths") {
        for (method, route) in methods.as_object().expect("methods") {
            routes.push(format!("{method} {path}"));
            assert!(
                !route["summary"].as_str().unwrap_or_default().is_empty(),
                "{method} {path} has no summary"
            );
            assert!(!route["tags"].as_array().expect("tags").is_empty(), "{method} {path}");
            let in_path = path.contains('{');
            let parameters = route["parameters"].as_array().cloned().unwrap_or_default();
            assert_eq!(in_path, parameters.iter().any(|one| one["in"] == "path"), "{method} {path}");
        }
    }
    insta::assert_snapshot!("routes", routes.join("\n"));
    let mut references = Vec::new();
    collect_references(&document, &mut references);
    assert!(!references.is_empty());
    for reference in references {
        let pointer = reference.strip_prefix('#').expect("within the document");
        assert!(document.pointer(pointer).is_some(), "{reference} leads nowhere");
    }
    assert_schemas_fit(&app, &document).await;
}

fn collect_references(value: &Value, into: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            into.extend(fields.get("$ref").and_then(Value::as_str).map(ToOwned::to_owned));
            fields.values().for_each(|value| collect_references(value, into));
        }
        Value::Array(items) => items.iter().for_each(|value| collect_references(value, into)),
        _ => {}
    }
}

/// The fields of each answer are those of its schema.
async fn assert_schemas_fit(app: &TestApp, document: &Value) {
    for (path, methods) in document["paths"].as_object().expect("paths") {
        let schema = &methods["get"]["responses"]["200"]["content"]["application/json"]["schema"]["$ref"];
        let Some(schema) = schema.as_str().filter(|_| !path.contains('{')) else { continue };
        let fields: BTreeMap<_, _> = document
            .pointer(&format!("{}/properties", &schema[1..]))
            .and_then(Value::as_object)
            .expect("fields")
            .iter()
            .collect();
        let answer = app.json(path).await;
        assert_eq!(keys(&answer), fields.into_keys().collect::<Vec<_>>(), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_documentation_loads_without_a_network_and_under_its_policy() {
    let lab = Lab::new();
    let app = TestApp::over(&lab).await;
    for path in ["/", "/api/docs"] {
        let answer = app.get(path).await;
        assert!(answer.status.is_redirection());
        assert_eq!(answer.header("location"), "/api/docs/");
    }
    let page = app.get("/api/docs/").await;
    assert!(page.header("content-type").starts_with("text/html"));
    let html = page.text();
    let mut loaded = 0;
    for attribute in ["src=\"", "href=\""] {
        for rest in html.split(attribute).skip(1) {
            let link = rest.split('"').next().expect("a link");
            assert!(!link.contains("//"), "{link} is not ours");
            let file = app.get(&format!("/api/docs/{}", link.trim_start_matches("./"))).await;
            assert_eq!(file.status, StatusCode::OK, "{link}");
            assert!(!file.bytes.is_empty(), "{link}");
            assert!(!file.header("content-type").contains("octet-stream"), "{link}");
            loaded += 1;
        }
    }
    assert!(loaded >= 4, "{html}");
    // Scripts that stand in the page itself are not run under the policy.
    for script in html.split("<script").skip(1) {
        let (tag, rest) = script.split_once('>').expect("a tag");
        assert!(tag.contains("src=") && rest.trim_start().starts_with("</script>"), "<script{tag}");
    }
    assert!(!html.contains(" onload=") && !html.contains("javascript:"));
    let start = app.get("/api/docs/swagger-initializer.js").await.text();
    assert!(start.contains("/api/v1/openapi.json"), "{start}");
}

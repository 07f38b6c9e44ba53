//! `muster config` and `muster doctor`.

use muster_testkit::Lab;

use crate::run::{finish, muster, run, stderr, stdout};

fn configured() -> Lab {
    let lab = Lab::new();
    lab.open(lab.home()).write(
        ".config/muster/muster.toml",
        "# Mine\n[scan]\nmax_depth = 5\n\n[portfolio]\nemails = [\"ada@work.example\"]\n",
    );
    lab
}

fn shortened(lab: &Lab, text: &str) -> String {
    text.replace(&*lab.home().to_string_lossy(), "HOME").replace('\t', " → ")
}

#[test]
fn every_value_names_who_set_it() {
    let lab = configured();
    let output = finish(
        muster(&lab)
            .args(["config", "show", "--origin"])
            .env("MUSTER__SCAN__MAX_DEPTH", "7")
            .env("MUSTER__PORTFOLIO__ACCOUNTS", "octocat,example"),
    );
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&lab, &output));
    insta::assert_snapshot!(shortened(&lab, &stdout(&lab, &output)), @r#"
    key → value → origin
    actions.enabled → false → default
    actions.trusted → [] → default
    auth.anonymous_read → false → default
    auth.mode → "none" → default
    auth.open_to_network → false → default
    auth.proxy_admins → [] → default
    auth.proxy_header → "X-Forwarded-User" → default
    auth.proxy_peers → [] → default
    auth.session_hours → 336 → default
    backfill.at_least → 100 → default
    backfill.at_most → 1000 → default
    backfill.days → 365 → default
    cache.load_timeout_ms → 20000 → default
    cache.max_bytes → 67108864 → default
    cache.max_entry_bytes → 16777216 → default
    cache.off → [] → default
    cache.soft_timeout_ms → 2000 → default
    cache.stale_seconds → 3600 → default
    cache.ttl_all_projects → 300 → default
    cache.ttl_facets → 600 → default
    cache.ttl_git_state → 120 → default
    cache.ttl_project → 300 → default
    cache.ttl_recommendations → 1800 → default
    cache.ttl_summary → 1800 → default
    database.acquire_timeout_seconds → 5 → default
    database.idle_seconds → 300 → default
    database.lifetime_seconds → 1800 → default
    database.max_connections → 8 → default
    database.migrate → true → default
    database.statement_timeout_seconds → 30 → default
    database.url → "" → default
    each.threads → 0 → default
    jobs.analysis → 1 → default
    jobs.keep_completed → 100 → default
    jobs.keep_failed → 50 → default
    jobs.lease_seconds → 30 → default
    jobs.network → 2 → default
    jobs.per_host → 2 → default
    mirror.allow_private → false → default
    mirror.folder → "" → default
    mirror.max_bytes → 4294967296 → default
    mirror.quota_bytes → -1 → default
    mirror.schemes → ["https"] → default
    mirror.ssh → false → default
    mirror.stall_seconds → 60 → default
    mirror.timeout_seconds → 1800 → default
    portfolio.accounts → ["octocat", "example"] → $MUSTER__PORTFOLIO__ACCOUNTS
    portfolio.emails → ["ada@work.example"] → HOME/.config/muster/muster.toml:6
    portfolio.monetization → false → default
    portfolio.remote_credentials → true → default
    portfolio.remote_freshness → false → default
    portfolio.remote_freshness_seconds → 3600 → default
    portfolio.roots → [] → default
    ratelimit.allowed → ["127.0.0.0/8", "::1"] → default
    ratelimit.enabled → true → default
    ratelimit.requests → 100 → default
    ratelimit.token_requests → 1000 → default
    ratelimit.window_seconds → 60 → default
    redis.connect_timeout_seconds → 1.0 → default
    redis.db → 0 → default
    redis.enabled → true → default
    redis.host → "127.0.0.1" → default
    redis.max_connections → 2 → default
    redis.max_value_bytes → 4194304 → default
    redis.password → "" → default
    redis.port → 6379 → default
    redis.prefix → "muster:" → default
    redis.socket_timeout_seconds → 0.5 → default
    redis.url → "" → default
    redis.username → "" → default
    registry.check_seconds → 5 → default
    registry.path → "" → default
    scan.max_depth → 7 → $MUSTER__SCAN__MAX_DEPTH
    scan.threads → 0 → default
    scan.timeout_seconds → 60 → default
    server.allowed_hosts → [] → default
    server.data_dir → "" → default
    server.listen → "127.0.0.1:8100" → default
    server.max_body_bytes → 2097152 → default
    server.request_timeout_seconds → 30 → default
    server.role → "all" → default
    server.shutdown_seconds → 5 → default
    server.trusted_proxies → [] → default
    watch.events → true → default
    watch.max_folders → 100000 → default
    watch.quiet_ms → 100 → default
    watch.search_seconds → 600 → default
    watchlist.poll_active_hours → 1 → default
    watchlist.poll_dormant_hours → 168 → default
    watchlist.poll_hours → 24 → default
    webhook.secret → "" → default
    webhook.url → "" → default
    "#);
    let json = run(&lab, &["config", "show", "--origin", "--json"]);
    let json: serde_json::Value = serde_json::from_slice(&json.stdout).expect("JSON");
    assert_eq!(json["schema_version"], 1);
    let settings = json["settings"].as_array().expect("a list");
    let depth = settings.iter().find(|setting| setting["key"] == "scan.max_depth").expect("the key");
    assert_eq!(depth["value"], 5);
    assert!(depth["origin"].as_str().is_some_and(|origin| origin.ends_with("muster.toml:3")), "{depth}");
}

#[test]
fn without_origin_only_values() {
    let lab = Lab::new();
    let output = run(&lab, &["config", "show"]);
    assert!(
        stdout(&lab, &output).starts_with("key\tvalue\nactions.enabled\tfalse\n"),
        "{}",
        stdout(&lab, &output)
    );
    assert!(!stdout(&lab, &output).contains("default"));
}

#[test]
fn check_says_what_is_right() {
    let lab = configured();
    let output = run(&lab, &["config", "check"]);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(shortened(&lab, &stdout(&lab, &output)), "HOME/.config/muster/muster.toml is right\n");
    let lab = Lab::new();
    let output = run(&lab, &["config", "check"]);
    insta::assert_snapshot!(shortened(&lab, &stdout(&lab, &output)), @"no configuration file (HOME/.config/muster/muster.toml would be read); defaults are right");
    let mine = lab.open("").write("mine.toml", "[scan]\nthreads = 1\n");
    let output = run(&lab, &["--config", "mine.toml", "config", "check"]);
    assert_eq!(stdout(&lab, &output), "mine.toml is right\n");
    let output =
        finish(muster(&lab).args(["config", "check"]).env("MUSTER_CONFIG", mine.path().join("mine.toml")));
    assert_eq!(stdout(&lab, &output), "ROOT/mine.toml is right\n");
}

#[test]
fn settings_are_obeyed() {
    let lab = Lab::new();
    lab.repo("a/b/c/deep").commit_file("x", "");
    let found = |depth: &str| {
        let output = finish(muster(&lab).args(["path", "--all"]).env("MUSTER__SCAN__MAX_DEPTH", depth));
        stdout(&lab, &output)
    };
    assert_eq!(found("3"), "");
    assert_eq!(found("4"), "ROOT/a/b/c/deep\n");
}

#[test]
fn doctor_finds_a_healthy_machine_healthy() {
    let lab = Lab::new();
    let output = run(&lab, &["doctor"]);
    assert_eq!(output.status.code(), Some(0), "{}", stdout(&lab, &output));
    let text = stdout(&lab, &output);
    assert!(text.contains("identity\tok\tada@example.org\t\n"), "{text}");
    assert!(text.contains("configuration\tok\tdefaults\t\n"), "{text}");
    assert!(text.contains("git\tok\tgit version "), "{text}");
    let json: serde_json::Value =
        serde_json::from_slice(&run(&lab, &["doctor", "--json"]).stdout).expect("JSON");
    assert_eq!(json["schema_version"], 1);
    let checks = json["checks"].as_array().expect("a list");
    assert!(checks.iter().all(|check| check["outcome"] == "ok"), "{checks:?}");
}

#[test]
fn doctor_names_what_is_wrong_and_what_to_do() {
    let lab = Lab::new();
    lab.open(lab.home()).write("gitconfig", "");
    let output = finish(muster(&lab).arg("doctor").env("MUSTER__PORTFOLIO__ROOTS", "/nowhere/at/all"));
    assert_eq!(output.status.code(), Some(1));
    let text = stdout(&lab, &output);
    assert!(text.contains("identity\twarn\t") && text.contains("git config --global user.email"), "{text}");
    assert!(text.contains("root\tfail\t/nowhere/at/all: "), "{text}");
    // A broken configuration is a finding, not the end.
    let output = finish(muster(&lab).arg("doctor").env("MUSTER__SCAN__NOPE", "1"));
    assert_eq!(output.status.code(), Some(1));
    assert!(stdout(&lab, &output).contains("configuration\tfail\t$MUSTER__SCAN__NOPE"));
    // git is not needed to scan.
    let output = finish(muster(&lab).arg("doctor").env("PATH", lab.folder()));
    assert_eq!(output.status.code(), Some(0));
    assert!(stdout(&lab, &output).contains("git\twarn\tgit cannot be started: "));
}

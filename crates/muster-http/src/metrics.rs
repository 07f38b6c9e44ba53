//! The numbers for Prometheus, rendered when asked from what the parts count anyway. Labels are words of closed tables,
//! never keys, names or addresses.

use std::{fmt::Write, sync::atomic::Ordering};

use muster_cache::{
    TypeStats,
    limiter::Backend,
    redis::{LinkState, SharedStats},
};

use crate::state::HttpState;

/// All numbers in the text format of OpenMetrics 1.0.
pub(crate) fn render(state: &HttpState) -> String {
    let mut page = Page::default();
    page.family("muster_build", "info", "The version that runs.");
    page.sample("muster_build_info", &[("version", state.version)], 1);
    page.family("muster_uptime_seconds", "gauge", "Seconds since start.");
    page.sample("muster_uptime_seconds", &[], state.started.elapsed().as_secs());
    http(&mut page, state);
    cache(&mut page, state);
    portfolio(&mut page, state);
    limits(&mut page, state);
    page.end()
}

fn http(page: &mut Page, state: &HttpState) {
    page.family("muster_http_requests", "counter", "Requests answered, by class of the answer.");
    for (class, count) in state.counters.by_class() {
        page.sample("muster_http_requests_total", &[("class", &format!("{class}xx"))], count);
    }
    page.family("muster_http_request_seconds", "counter", "Time spent on requests.");
    page.sample("muster_http_request_seconds_total", &[], state.counters.time().as_secs_f64());
    page.family("muster_event_listeners", "gauge", "Clients that hear events.");
    page.sample("muster_event_listeners", &[], state.context.events.listeners());
}

fn cache(page: &mut Page, state: &HttpState) {
    type Counter = (&'static str, fn(&TypeStats) -> u64);
    const COUNTERS: [Counter; 9] = [
        ("hits", |stats| stats.hits),
        ("misses", |stats| stats.misses),
        ("stale_served", |stats| stats.stale_served),
        ("loads", |stats| stats.loads),
        ("load_failures", |stats| stats.load_failures),
        ("collapsed", |stats| stats.collapsed),
        ("evictions", |stats| stats.evictions),
        ("invalidations", |stats| stats.invalidations),
        ("encodes", TypeStats::encodes),
    ];
    let counted = state.context.cache.stats();
    for (name, read) in COUNTERS {
        let family = format!("muster_cache_{name}");
        page.family(&family, "counter", "Of the cache in the process, by type of data.");
        for of in &counted.types {
            page.sample(&format!("{family}_total"), &[("data_type", of.name), ("level", "l1")], read(of));
        }
    }
    page.family("muster_cache_shared_hits", "counter", "Misses that the second level answered.");
    for of in &counted.types {
        page.sample(
            "muster_cache_shared_hits_total",
            &[("data_type", of.name), ("level", "l2")],
            of.shared_hits,
        );
    }
    page.family("muster_cache_bytes", "gauge", "Bytes held, by type of data.");
    for of in &counted.types {
        page.sample("muster_cache_bytes", &[("data_type", of.name), ("level", "l1")], of.bytes);
    }
    page.family("muster_cache_max_bytes", "gauge", "Bytes that may be held.");
    page.sample("muster_cache_max_bytes", &[("level", "l1")], counted.max_bytes);
    if let Some(stats) = &counted.shared {
        shared(page, stats);
    }
}

fn shared(page: &mut Page, stats: &SharedStats) {
    let gauges = [
        ("muster_redis_up", "1 if Redis is used.", u64::from(stats.state == LinkState::Up)),
        ("muster_redis_synced", "1 if invalidations of other nodes arrive.", u64::from(stats.is_synced)),
        ("muster_redis_pending_invalidations", "What Redis has not been told yet.", stats.pending),
    ];
    for (name, help, value) in gauges {
        page.family(name, "gauge", help);
        page.sample(name, &[], value);
    }
    if let Some(bytes) = stats.used_memory {
        page.family("muster_redis_used_bytes", "gauge", "Bytes that the whole Redis uses.");
        page.sample("muster_redis_used_bytes", &[], bytes);
    }
    let counters = [
        ("muster_redis_hits", "Loads that the second level saved.", stats.hits),
        ("muster_redis_misses", "Looks that found nothing usable.", stats.misses),
        ("muster_redis_writes", "Values stored.", stats.writes),
        ("muster_redis_read_bytes", "Bytes of values read.", stats.bytes_read),
        ("muster_redis_written_bytes", "Bytes of values stored.", stats.bytes_written),
        ("muster_redis_commands", "Commands asked.", stats.commands),
        ("muster_redis_errors", "Commands refused, or lost with their connection.", stats.errors),
        ("muster_redis_timeouts", "Answers that did not come in time.", stats.timeouts),
        ("muster_redis_skipped", "Questions not asked because Redis was away.", stats.skipped),
        ("muster_redis_connects", "Connections made.", stats.connects),
        ("muster_redis_cut_off", "Times that invalidations did not arrive.", stats.cut_off),
    ];
    for (name, help, value) in counters {
        page.family(name, "counter", help);
        page.sample(&format!("{name}_total"), &[], value);
    }
}

fn portfolio(page: &mut Page, state: &HttpState) {
    let counters = &state.context.known.counters;
    let counts = [
        ("muster_projects_read", "Projects read from disk.", &counters.projects_read),
        ("muster_projects_changed", "Readings that brought something new.", &counters.projects_changed),
        ("muster_root_searches", "Searches through all roots.", &counters.scans),
        ("muster_file_events", "File events that concerned a project.", &counters.events),
        ("muster_file_event_overflows", "Times that file events were lost.", &counters.overflows),
    ];
    for (name, help, count) in counts {
        page.family(name, "counter", help);
        page.sample(&format!("{name}_total"), &[], count.load(Ordering::Relaxed));
    }
    let watch = state.context.known.health();
    page.family("muster_projects", "gauge", "Projects of this node, by how they are watched.");
    page.sample("muster_projects", &[("watch", "live")], watch.live);
    page.sample("muster_projects", &[("watch", "polled")], watch.polled);
    page.family("muster_watched_folders", "gauge", "Folders with file events.");
    page.sample("muster_watched_folders", &[], watch.folders);
    page.family("muster_change_seq", "gauge", "The last change that the cache follows.");
    page.sample("muster_change_seq", &[], state.followed.seq());
}

fn limits(page: &mut Page, state: &HttpState) {
    let Some(limiter) = &state.limiter else { return };
    let counted = limiter.stats();
    page.family("muster_ratelimit_decisions", "counter", "What the limiter said to requests.");
    for (outcome, count) in
        [("allowed", counted.allowed), ("limited", counted.limited), ("banned", counted.banned)]
    {
        page.sample("muster_ratelimit_decisions_total", &[("outcome", outcome)], count);
    }
    page.family("muster_ratelimit_backend", "gauge", "Who counts requests now.");
    for backend in [Backend::Local, Backend::Redis] {
        let is_it = u64::from(limiter.backend() == backend);
        page.sample("muster_ratelimit_backend", &[("backend", backend.as_str())], is_it);
    }
    page.family("muster_ratelimit_clients", "gauge", "Clients remembered.");
    page.sample("muster_ratelimit_clients", &[("backend", "local")], counted.clients);
}

/// A page of the text format. Our names and labels are plain words, so nothing needs escaping.
#[derive(Debug, Default)]
struct Page(String);

impl Page {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        // Writing into a string cannot fail.
        let _ = writeln!(self.0, "# TYPE {name} {kind}\n# HELP {name} {help}");
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl std::fmt::Display) {
        let labels: Vec<_> = labels.iter().map(|(name, value)| format!("{name}=\"{value}\"")).collect();
        let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
        let _ = writeln!(self.0, "{name}{labels} {value}");
    }

    fn end(mut self) -> String {
        self.0.push_str("# EOF\n");
        self.0
    }
}

//! The rate limiter on a clock that the test moves.

use std::{net::IpAddr, sync::Arc, time::Duration};

use muster_cache::limiter::{
    ClientKey, Cost, Decision, LimitConfig, Limiter, Network, Outcome, client_address, network,
};
use muster_model::Clock;
use muster_testkit::FixedClock;

const MINUTE: Duration = Duration::from_mins(1);

struct Gate {
    limiter: Limiter,
    clock: FixedClock,
}

fn gate() -> Gate {
    gate_with(LimitConfig::default())
}

fn gate_with(config: LimitConfig) -> Gate {
    let clock = FixedClock::at("2026-01-31T12:00:00Z");
    Gate { limiter: Limiter::new(config, Arc::new(clock.clone())), clock }
}

impl Gate {
    fn pass(&self, time: Duration) {
        self.clock.set(self.clock.now() + time);
    }

    fn ask(&self, client: ClientKey) -> Decision {
        self.limiter.check(client, Cost::Whole)
    }

    /// How many of `requests` at once are allowed.
    fn allowed_of(&self, client: ClientKey, requests: u32) -> u32 {
        (0..requests).map(|_| u32::from(self.ask(client).is_allowed())).sum()
    }

    /// Overdraws in a fresh window; the ban that follows, in seconds.
    fn overdraw(&self, client: ClientKey) -> Option<u64> {
        self.allowed_of(client, 100);
        match self.ask(client).outcome {
            Outcome::Banned { until } => {
                Some(until.duration_since(self.clock.now()).as_secs().unsigned_abs())
            }
            _ => None,
        }
    }
}

fn from(address: &str) -> ClientKey {
    ClientKey::Address(ip(address))
}

fn ip(address: &str) -> IpAddr {
    address.parse().expect("an address")
}

#[test]
fn a_hundred_of_a_hundred_and_thirty_are_allowed() {
    let gate = gate();
    let first = gate.ask(from("192.0.2.1"));
    assert_eq!((first.limit, first.remaining, first.outcome), (100, 99, Outcome::Allowed));
    assert_eq!(gate.allowed_of(from("192.0.2.1"), 129), 99);
    let refused = gate.ask(from("192.0.2.1"));
    assert_eq!(refused.remaining, 0);
    assert_eq!(refused.outcome, Outcome::Limited { retry_after: Duration::from_millis(600) });
    assert_eq!(refused.retry_after_seconds(gate.clock.now()), Some(1), "rounded up");
    let now = u64::try_from(gate.clock.now().as_second()).unwrap();
    assert_eq!((first.reset_at, refused.reset_at), (now + 1, now + 60));
    assert_eq!(first.retry_after_seconds(gate.clock.now()), None);
    let stats = gate.limiter.stats();
    assert_eq!((stats.allowed, stats.limited, stats.banned, stats.clients), (100, 31, 0, 1));
}

#[test]
fn the_bucket_fills_evenly() {
    let gate = gate();
    let client = from("192.0.2.1");
    gate.allowed_of(client, 100);
    gate.pass(Duration::from_millis(599));
    assert!(!gate.ask(client).is_allowed());
    gate.pass(Duration::from_millis(1));
    assert_eq!(gate.allowed_of(client, 5), 1);
    gate.pass(MINUTE);
    assert_eq!(gate.allowed_of(client, 100), 100);
}

#[test]
fn a_token_has_a_bucket_and_a_limit_of_its_own() {
    let gate = gate();
    assert_eq!(gate.allowed_of(from("192.0.2.1"), 101), 100);
    assert_eq!(gate.allowed_of(ClientKey::token("one"), 1001), 1000);
    assert_eq!(gate.allowed_of(ClientKey::token("two"), 1), 1);
    assert_ne!(ClientKey::token("one"), ClientKey::token("two"));
}

#[test]
fn a_hit_costs_a_tenth_also_when_that_is_known_only_later() {
    let direct = gate();
    let tenths = (0..2000).filter(|_| direct.limiter.check(from("192.0.2.1"), Cost::Tenth).is_allowed());
    assert_eq!(tenths.count(), 1000);

    let gate = gate();
    let client = from("192.0.2.1");
    for round in 1..=990 {
        assert!(gate.ask(client).is_allowed(), "{round}");
        let refunded = gate.limiter.refund(client);
        assert_eq!(u64::from(refunded.remaining), 100 - u64::div_ceil(round, 10), "{round}");
    }
    assert_eq!(gate.allowed_of(client, 5), 1, "99 were used");
    assert_eq!(gate.limiter.stats().refunds, 990);
}

#[test]
fn a_refund_never_fills_a_bucket_beyond_what_it_holds() {
    let gate = gate();
    let client = from("192.0.2.1");
    gate.ask(client);
    gate.pass(MINUTE);
    for _ in 0..50 {
        assert_eq!(gate.limiter.refund(client).remaining, 100);
    }
    assert_eq!(gate.limiter.refund(from("192.0.2.77")).remaining, 100, "never seen");
    assert_eq!(gate.allowed_of(client, 130), 100);
}

#[test]
fn refunds_from_many_threads_add_up() {
    let gate = gate();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..50 {
                    assert!(gate.ask(from("192.0.2.1")).is_allowed());
                    gate.limiter.refund(from("192.0.2.1"));
                }
            });
        }
    });
    assert_eq!(gate.allowed_of(from("192.0.2.1"), 130), 60, "400 tenths were used");
}

#[test]
fn repeated_violation_doubles_the_ban_up_to_an_hour() {
    let gate = gate();
    let client = from("192.0.2.1");
    let mut bans = Vec::new();
    for _ in 0..10 {
        let ban = gate.overdraw(client);
        bans.push(ban.unwrap_or(0));
        gate.pass(Duration::from_secs(ban.unwrap_or(0)) + MINUTE);
    }
    assert_eq!(bans, [0, 60, 120, 240, 480, 960, 1920, 3600, 3600, 3600], "the first is a warning");
    assert_eq!(gate.limiter.stats().bans, 9);
}

#[test]
fn a_burst_is_one_violation_however_long_it_is() {
    let gate = gate();
    gate.allowed_of(from("192.0.2.1"), 5000);
    assert_eq!((gate.limiter.stats().bans, gate.limiter.stats().limited), (0, 4900));
}

#[test]
fn a_request_during_a_ban_does_not_lengthen_it() {
    let gate = gate();
    let client = from("192.0.2.1");
    gate.overdraw(client);
    gate.pass(MINUTE);
    assert_eq!(gate.overdraw(client), Some(60));
    for second in 0..60 {
        let decision = gate.ask(client);
        assert!(matches!(decision.outcome, Outcome::Banned { .. }), "{second}");
        assert_eq!(
            (decision.remaining, decision.retry_after_seconds(gate.clock.now())),
            (0, Some(60 - second))
        );
        gate.pass(Duration::from_secs(1));
    }
    assert!(gate.ask(client).is_allowed());
}

#[test]
fn each_quiet_hour_forgives_one_violation() {
    let gate = gate();
    let client = from("192.0.2.1");
    gate.overdraw(client);
    gate.pass(Duration::from_hours(1));
    assert_eq!(gate.overdraw(client), None, "a warning again");
    gate.pass(MINUTE);
    assert_eq!(gate.overdraw(client), Some(60));
    gate.pass(MINUTE + Duration::from_hours(1));
    assert_eq!(gate.overdraw(client), Some(60), "two, less one, and this one");
}

#[test]
fn a_clock_set_back_locks_nobody_out_for_longer_than_the_rules_say() {
    let gate = gate();
    let client = from("192.0.2.1");
    gate.overdraw(client);
    gate.pass(MINUTE);
    assert_eq!(gate.overdraw(client), Some(60));
    gate.clock.set("2020-01-01T00:00:00Z".parse().unwrap());
    assert!(matches!(gate.ask(client).outcome, Outcome::Banned { .. }));
    gate.pass(Duration::from_hours(1));
    assert!(gate.ask(client).is_allowed());
}

#[test]
fn addresses_are_counted_by_what_one_customer_gets() {
    let table = [
        ("192.0.2.1", "::ffff:192.0.2.1", true),
        ("2001:db8::1", "2001:db8::ffff:1:2:3", true),
        ("2001:db8:0:1::1", "2001:db8:0:2::1", false),
        ("192.0.2.1", "192.0.2.2", false),
    ];
    for (one, other, is_shared) in table {
        let gate = gate();
        gate.allowed_of(from(one), 100);
        assert_eq!(!gate.ask(from(other)).is_allowed(), is_shared, "{one} and {other}");
    }
}

#[test]
fn who_is_on_the_list_is_never_limited() {
    let allowed = ["127.0.0.1", "::1", "::ffff:127.0.0.9", "10.1.2.3", "198.51.100.7", "2001:db8:1::5"];
    let networks = ["127.0.0.0/8", "::1", "10.0.0.0/8", "::ffff:198.51.100.0/120", "2001:db8:1::/48"];
    let allow_list = networks.map(|text| network(text).unwrap()).to_vec();
    let gate = gate_with(LimitConfig { allowed: allow_list, ..LimitConfig::default() });
    for address in allowed {
        assert_eq!(gate.allowed_of(from(address), 1000), 1000, "{address}");
        assert_eq!(gate.ask(from(address)).remaining, 100);
        assert_eq!(gate.limiter.refund(from(address)).remaining, 100);
    }
    for address in ["11.0.0.1", "2001:db8:2::5", "198.51.101.7"] {
        assert_eq!(gate.allowed_of(from(address), 1000), 100, "{address}");
    }
    assert_eq!(gate.limiter.stats().exempt, 6006);
    let plain = super::limiter::gate();
    assert!(plain.limiter.is_allowed_always(ip("127.0.0.1")) && plain.limiter.is_allowed_always(ip("::1")));
    assert!(!plain.limiter.is_allowed_always(ip("192.0.2.1")));
}

#[test]
fn a_network_is_written_as_people_write_it() {
    let table = [
        ("10.0.0.0/8", Some("10.0.0.0/8")),
        ("10.1.2.3/8", Some("10.0.0.0/8")),
        (" 192.0.2.1 ", Some("192.0.2.1/32")),
        ("::ffff:192.0.2.1", Some("192.0.2.1/32")),
        ("::ffff:10.0.0.0/104", Some("10.0.0.0/8")),
        ("fd00::/8", Some("fd00::/8")),
        ("10.0.0.0/33", None),
        ("localhost", None),
        ("", None),
    ];
    for (text, expected) in table {
        assert_eq!(network(text).ok().map(|network| network.to_string()).as_deref(), expected, "`{text}`");
    }
    let error = network("localhost").unwrap_err().to_string();
    assert_eq!(error, "`localhost` is no address and no network such as 10.0.0.0/8 or fd00::/8");
}

#[test]
fn the_client_is_the_last_one_that_a_trusted_proxy_vouches_for() {
    let trusted: Vec<Network> = ["10.0.0.0/8", "2001:db8:f::/48"].map(|text| network(text).unwrap()).to_vec();
    let table: &[(&str, &[&str], &str)] = &[
        // Not from a proxy: whatever it says, it is itself.
        ("192.0.2.1", &["198.51.100.1"], "192.0.2.1"),
        ("::ffff:192.0.2.1", &[], "192.0.2.1"),
        ("10.0.0.1", &[], "10.0.0.1"),
        ("10.0.0.1", &["198.51.100.1"], "198.51.100.1"),
        ("::ffff:10.0.0.1", &["198.51.100.1"], "198.51.100.1"),
        // What the client itself wrote stands to the left, and counts for nothing.
        ("10.0.0.1", &["127.0.0.1, 203.0.113.9, 198.51.100.1"], "198.51.100.1"),
        // Several proxies, several lines.
        ("10.0.0.1", &["1.1.1.1", "198.51.100.1, 10.0.0.3", "10.0.0.2"], "198.51.100.1"),
        ("10.0.0.1", &["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
        // Ports, brackets, quotes.
        ("10.0.0.1", &["198.51.100.1:4711"], "198.51.100.1"),
        ("10.0.0.1", &["[2001:db8::7]:4711"], "2001:db8::7"),
        ("10.0.0.1", &["\"[2001:db8::7]\""], "2001:db8::7"),
        ("2001:db8:f::1", &["2001:db8::7"], "2001:db8::7"),
        ("10.0.0.1", &["::ffff:198.51.100.1"], "198.51.100.1"),
        // Garbage: the last good hop.
        ("10.0.0.1", &["198.51.100.1, unknown"], "10.0.0.1"),
        ("10.0.0.1", &["198.51.100.1, <script>, 10.0.0.2"], "10.0.0.2"),
        ("10.0.0.1", &["198.51.100.1,"], "10.0.0.1"),
        ("10.0.0.1", &[""], "10.0.0.1"),
        ("10.0.0.1", &["999.1.1.1", "fe80::1%eth0", "[::1"], "10.0.0.1"),
    ];
    for (peer, forwarded, expected) in table {
        let client = client_address(ip(peer), forwarded.iter().copied(), &trusted);
        assert_eq!(client, ip(expected), "{peer} {forwarded:?}");
    }
    assert_eq!(client_address(ip("10.0.0.1"), ["198.51.100.1"], &[]), ip("10.0.0.1"), "nobody is trusted");
}

#[test]
fn the_table_is_bounded_and_keeps_those_who_matter() {
    let gate = gate_with(LimitConfig { max_clients: 1600, ..LimitConfig::default() });
    let bad = from("192.0.2.1");
    gate.overdraw(bad);
    gate.pass(MINUTE);
    assert_eq!(gate.overdraw(bad), Some(60));
    for flood in 0..20_000_u32 {
        gate.ask(ClientKey::Address(IpAddr::from((0x0b00_0000 + flood).to_be_bytes())));
    }
    let stats = gate.limiter.stats();
    assert!(stats.clients <= 1600, "{}", stats.clients);
    assert!(stats.forgotten > 0);
    assert!(matches!(gate.ask(bad).outcome, Outcome::Banned { .. }), "a ban outlives a flood");
}

#[test]
fn the_idle_are_forgotten() {
    let gate = gate();
    for idle in 0..100_u8 {
        gate.ask(ClientKey::Address(IpAddr::from([192, 0, 2, idle])));
    }
    gate.overdraw(from("198.51.100.1"));
    gate.limiter.sweep();
    assert_eq!(gate.limiter.stats().clients, 101, "their buckets are not full yet");
    gate.pass(MINUTE);
    gate.limiter.sweep();
    assert_eq!(gate.limiter.stats().clients, 1, "who overdrew is remembered");
    gate.pass(Duration::from_hours(25));
    gate.limiter.sweep();
    assert_eq!(gate.limiter.stats().clients, 0);
    assert_eq!(gate.limiter.stats().forgotten, 0);
}

#[test]
fn odd_rules_are_taken_as_the_nearest_sensible_ones() {
    let gate = gate_with(LimitConfig {
        requests: 0,
        window: Duration::ZERO,
        max_clients: 0,
        forgiven_after: Duration::ZERO,
        first_ban: Duration::MAX,
        longest_ban: Duration::ZERO,
        ..LimitConfig::default()
    });
    for _ in 0..10 {
        let decision = gate.ask(from("192.0.2.1"));
        assert_eq!(decision.limit, 1);
        assert!(!matches!(decision.outcome, Outcome::Banned { .. }));
    }
}

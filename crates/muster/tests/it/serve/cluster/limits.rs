//! The limit of a client counts on all nodes together.

use super::*;

/// The burst, and what of it may pass.
const BURST: usize = 130;
const LIMITED: usize = 100;
/// So long a window that nothing fills up meanwhile.
const WINDOW: (&str, &str) = ("RATELIMIT_WINDOW", "36000");
/// Nobody on this machine is exempt.
const ALLOWED: (&str, &str) = ("MUSTER__RATELIMIT__ALLOWED", "192.0.2.0/24");

/// What passes of a burst over all nodes, of which each request has these lines in its head.
fn burst(nodes: &[Service], head: impl Fn(usize) -> String) -> usize {
    let mut clients: Vec<_> = nodes.iter().map(Client::of).collect();
    let mut passed = 0;
    for number in 0..BURST {
        let client = &mut clients[number % nodes.len()];
        let answer = client.ask("GET", "/api/v1/jobs?limit=1", &head(number), "").expect("an answer");
        match answer.status {
            200 => passed += 1,
            429 => {
                let wait: u64 =
                    header(&answer.head, "retry-after").expect("it says when").parse().expect("seconds");
                assert!(wait > 0, "{}", answer.head);
                assert_eq!(header(&answer.head, "x-ratelimit-remaining"), Some("0"));
            }
            other => panic!("{other}: {}", answer.head),
        }
    }
    passed
}

/// Times that a node decided for itself, because Redis was late.
fn alone(nodes: &[Service]) -> u64 {
    let metrics = |node: &Service| {
        let answer = Client::of(node).ask("GET", "/metrics", "", "").expect("an answer");
        let page = String::from_utf8(answer.body).expect("text");
        let number = |name: &str| {
            let line = page.lines().find_map(|line| line.strip_prefix(name)).expect(name);
            line.trim().parse::<u64>().expect("a number")
        };
        number("muster_redis_timeouts_total ") + number("muster_redis_skipped_total ")
    };
    nodes.iter().map(metrics).sum()
}

#[test]
fn a_burst_over_all_nodes_has_one_limit_whatever_it_says_of_where_it_comes_from() {
    let lab = Lab::new();
    let (postgres, redis) = (Postgres::start(), Redis::start());
    let proxies = ("MUSTER__SERVER__TRUSTED_PROXIES", "127.0.0.0/8");
    let url = redis.url();
    let nodes =
        ["a", "b", "c"].map(|name| node(&lab, name, &postgres, Some(&url), &[WINDOW, ALLOWED, proxies]));
    nodes.iter().for_each(is_used);
    // Behind a proxy that is trusted the client is who the proxy saw, whatever else stands in front.
    let is_exact = (1..=20).any(|client| {
        let before = alone(&nodes);
        let passed =
            burst(&nodes, |number| format!("X-Forwarded-For: 198.51.100.{number}, 203.0.113.{client}\r\n"));
        assert!(passed >= LIMITED, "{passed}");
        // Where Redis was late a node went on alone from what it knew: then it proves nothing.
        let is_proof = alone(&nodes) == before;
        assert!(!is_proof || passed == LIMITED, "{passed}");
        is_proof
    });
    assert!(is_exact, "Redis was late in each of 20 bursts");
    nodes.into_iter().for_each(Service::stop);
    // Without a proxy that is trusted the field means nothing.
    let alone = node(&lab, "a", &postgres, None, &[WINDOW, ALLOWED]);
    let passed =
        burst(std::slice::from_ref(&alone), |number| format!("X-Forwarded-For: 198.51.100.{number}\r\n"));
    assert_eq!(passed, LIMITED);
    alone.stop();
}

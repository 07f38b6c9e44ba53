//! Nothing stale: what one node stored the others serve soon, and nobody goes back behind it.

use std::{
    net::{Ipv4Addr, TcpListener},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use rustix::process::Signal;

use super::*;

/// Of which each is followed by its share of the reads.
const ROUNDS: u64 = 5;
const READS: u64 = 10_000;

/// What a node shows: how many repositories there are, and how many commits one has.
fn shown(client: &mut Client, id: &str) -> (u64, u64) {
    let total = client.json(CATALOGUE)["total"].as_u64().expect("a number");
    let entry = client.json(&format!("/api/v1/watchlist/{id}"));
    (total, entry["package"]["commits"].as_u64().unwrap_or(0))
}

#[test]
fn a_commit_that_one_node_saw_is_served_by_all_within_a_second_and_nothing_older_after_it() {
    let lab = Lab::new();
    let repo = lab.repo("ada/shop");
    repo.commit_file("first", "");
    let server = GitServer::http(&lab);
    let (postgres, redis) = (Postgres::start(), Redis::start());
    let [a, b, c] = three(&lab, &postgres, Some(&redis));
    let id = watch(&a, &url(&server, "ada/shop"));
    let mut clients = [&a, &b, &c].map(Client::of);
    until("the first commit", || (shown(&mut clients[0], &id) == (1, 1)).then_some(()));
    let mut quickest = LIMIT;
    for round in 1..=ROUNDS {
        repo.commit_file(format!("file{round}"), "");
        // Refused while the last one still goes on.
        until("it to be looked at", || {
            let refresh = format!("/api/v1/watchlist/{id}/refresh");
            (a.post(&refresh, &json!({})).0 == 202).then_some(())
        });
        watch(&a, &url(&server, &format!("ada/other{round}")));
        let now = (round + 1, round + 1);
        until("it to be seen by the first", || (shown(&mut clients[0], &id) == now).then_some(()));
        let begin = Instant::now();
        for client in &mut clients[1..] {
            until("it to be seen by the others", || (shown(client, &id) == now).then_some(()));
        }
        quickest = quickest.min(begin.elapsed());
        thread::scope(|scope| {
            for client in &mut clients[1..] {
                let id = &id;
                scope.spawn(move || {
                    for read in 0..READS / ROUNDS / 2 {
                        // Mostly what is cached; now and then all of it.
                        let is_stale = match read % 20 {
                            0 => shown(client, id) != now,
                            _ => client.json(CATALOGUE)["total"] != now.0,
                        };
                        assert!(!is_stale, "read {read} of round {round}");
                    }
                });
            }
        });
    }
    // Of several, because the machine may stand still for a moment.
    assert!(quickest < Duration::from_secs(1), "{quickest:?}");
    for node in [a, b, c] {
        node.stop();
    }
}

/// A way to Redis that can be cut: what is said then gets lost, and nobody is told so. Gives its address.
fn cuttable(redis: &Redis, is_cut: &Arc<AtomicBool>) -> String {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let (address, port) = (listener.local_addr().expect("an address"), redis.port());
    let is_cut = Arc::clone(is_cut);
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)) else { continue };
            let (Ok(asks), Ok(takes)) = (client.try_clone(), server.try_clone()) else { continue };
            for (from, to) in [(asks, takes), (server, client)] {
                let is_cut = Arc::clone(&is_cut);
                thread::spawn(move || pass_on(from, to, &is_cut));
            }
        }
    });
    format!("redis://{address}")
}

fn pass_on(mut from: TcpStream, mut to: TcpStream, is_cut: &AtomicBool) {
    let mut some = [0; 1 << 14];
    while let Ok(length @ 1..) = from.read(&mut some) {
        if !is_cut.load(Ordering::SeqCst) && to.write_all(&some[..length]).is_err() {
            return;
        }
    }
}

#[test]
fn killed_between_its_commit_and_its_announcement_a_node_leaves_nothing_stale() {
    for is_shared in [true, false] {
        let lab = Lab::new();
        let (postgres, redis) = (Postgres::start(), Redis::start());
        let is_cut = Arc::new(AtomicBool::new(false));
        let (cut, direct) = (cuttable(&redis, &is_cut), redis.url());
        let [a, b, c] = [("a", &cut), ("b", &direct), ("c", &direct)]
            .map(|(name, redis)| node(&lab, name, &postgres, is_shared.then_some(redis.as_str()), &[]));
        if is_shared {
            [&a, &b, &c].into_iter().for_each(is_used);
        }
        assert_eq!((total(&b), total(&c)), (0, 0));
        // Stopped as soon as it is stored, which the database says; what it said meanwhile reached nobody.
        is_cut.store(true, Ordering::SeqCst);
        watch(&a, "http://127.0.0.1:1/ada/shop");
        a.signal(Signal::STOP);
        a.kill();
        let begin = Instant::now();
        for node in [&b, &c] {
            until("it to be served", || (total(node) == 1).then_some(()));
        }
        assert!(begin.elapsed() < Duration::from_secs(15), "{:?}", begin.elapsed());
        if is_shared {
            // Nor does one that asks Redis first find what was before.
            let late = node(&lab, "late", &postgres, Some(&direct), &[]);
            is_used(&late);
            assert_eq!(total(&late), 1);
            late.stop();
        }
        b.stop();
        c.stop();
    }
}

#[test]
fn many_misses_on_all_nodes_are_one_load() {
    const AT_ONCE: usize = 200;
    let lab = Lab::new();
    let (postgres, redis) = (Postgres::start(), Redis::start());
    let nodes = three(&lab, &postgres, Some(&redis));
    // With when something last fell: what falls while it is loaded is loaded again, as it should be.
    let loads = || {
        nodes.each_ref().map(|node| {
            let stats = node.get("/api/v1/admin/cache/stats");
            let types = stats["data_types"].as_array().expect("types");
            let facets = types.iter().find(|of| of["name"] == "facets").expect("facets");
            (facets["loads"].as_u64().expect("a number"), stats["last_invalidation"].clone())
        })
    };
    // One node loads for all, unless the machine stands still for a moment.
    let is_one = (0..60).any(|key| {
        let (before, path) = (loads(), format!("{CATALOGUE}&q=key{key}"));
        thread::scope(|scope| {
            for number in 0..AT_ONCE {
                let (node, path) = (&nodes[number % 3], &path);
                scope.spawn(move || assert_eq!(node.get(path)["total"], 0));
            }
        });
        let after = loads();
        let is_quiet = [0, 1, 2].into_iter().all(|node| after[node].1 == before[node].1);
        let each = [0, 1, 2].map(|node| after[node].0 - before[node].0);
        assert!(!is_quiet || each.iter().all(|loads| *loads <= 1), "{each:?}");
        is_quiet && each.iter().sum::<u64>() == 1
    });
    assert!(is_one, "each of 60 keys was loaded twice, or something fell meanwhile");
    nodes.into_iter().for_each(Service::stop);
}

#[test]
fn what_falls_while_it_is_loaded_is_never_served_again() {
    const CHANGES: u64 = 30;
    let lab = Lab::new();
    let (postgres, redis) = (Postgres::start(), Redis::start());
    let nodes = three(&lab, &postgres, Some(&redis));
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        let readers: Vec<_> = (0..6)
            .map(|number| {
                let (node, is_over) = (&nodes[number % 3], &is_over);
                scope.spawn(move || {
                    let (mut client, mut last, mut reads) = (Client::of(node), 0, 0_u64);
                    while !is_over.load(Ordering::SeqCst) {
                        let total = client.json(CATALOGUE)["total"].as_u64().expect("a number");
                        assert!(total >= last, "{total} after {last}, in read {reads}");
                        (last, reads) = (total, reads + 1);
                    }
                    reads
                })
            })
            .collect();
        for change in 0..CHANGES {
            // By each in turn: for the readers of one it is the same node, for the others another.
            let node = &nodes[usize::try_from(change % 3).expect("small")];
            watch(node, &format!("http://127.0.0.1:1/ada/shop{change}"));
            assert!(total(node) > change, "who wrote it reads it");
        }
        for node in &nodes {
            until("all to be served", || (total(node) == CHANGES).then_some(()));
        }
        is_over.store(true, Ordering::SeqCst);
        let reads: u64 = readers.into_iter().map(|reader| reader.join().expect("nothing stale")).sum();
        assert!(reads > CHANGES, "{reads} reads");
    });
    nodes.into_iter().for_each(Service::stop);
}

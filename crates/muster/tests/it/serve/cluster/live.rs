//! Events that one node causes reach the clients of all.

use std::{sync::mpsc, thread};

use super::*;

/// The id of an event, if it has one, and its data.
type Told = (Option<u64>, Value);

/// Listens to a node from now on, or from after an event on.
fn listen(node: &Service, topic: &str, after: Option<u64>) -> mpsc::Receiver<Told> {
    let mut stream = TcpStream::connect(&node.address).expect("it listens");
    stream.set_read_timeout(Some(LIMIT)).expect("a limit");
    let last = after.map(|id| format!("Last-Event-ID: {id}\r\n")).unwrap_or_default();
    let request =
        format!("GET /api/v1/events?topics={topic} HTTP/1.1\r\nHost: {}\r\n{last}\r\n", node.address);
    stream.write_all(request.as_bytes()).expect("sent");
    let mut lines = BufReader::new(stream).lines();
    assert!(lines.next().is_some_and(|line| line.expect("a line").contains("200")));
    // After the head it listens.
    while lines.next().is_some_and(|line| !line.expect("a line").is_empty()) {}
    let (sender, told) = mpsc::channel();
    thread::spawn(move || {
        let (mut id, mut data) = (None, Value::Null);
        for line in lines.map_while(Result::ok) {
            if let Some(text) = line.strip_prefix("id:") {
                id = text.trim().parse().ok();
            } else if let Some(text) = line.strip_prefix("data:") {
                data = serde_json::from_str(text.trim()).unwrap_or_default();
            } else if line.is_empty() && !data.is_null() && sender.send((id.take(), data.take())).is_err() {
                return;
            }
        }
    });
    told
}

/// Waits for an event about the repository of that name.
#[track_caller]
fn hears(told: &mpsc::Receiver<Told>, name: &str) -> Vec<Told> {
    let mut heard = Vec::new();
    loop {
        let event = told.recv_timeout(LIMIT).expect("an event");
        let is_it = event.1["name"] == name;
        heard.push(event);
        if is_it {
            return heard;
        }
    }
}

#[test]
fn an_event_of_one_node_reaches_the_clients_of_all_and_is_replayed_by_any() {
    for is_shared in [true, false] {
        let lab = Lab::new();
        let (postgres, redis) = (Postgres::start(), Redis::start());
        let [a, b, c] = three(&lab, &postgres, is_shared.then_some(&redis));
        let streams = [&b, &c, &a].map(|node| listen(node, "repository", None));
        let (mut quickest, mut last) = (LIMIT, Some(0));
        for round in 0..5 {
            let name = format!("ada/shop{round}");
            let begin = Instant::now();
            watch(&a, &format!("http://127.0.0.1:1/{name}"));
            let ids = streams.each_ref().map(|told| hears(told, &name).last().expect("one").0);
            quickest = quickest.min(begin.elapsed());
            assert!(ids[0] == ids[1] && ids[1] == ids[2] && ids[0] > last, "{ids:?} after {last:?}");
            last = ids[0];
        }
        // Of several, because the machine may stand still for a moment.
        let promised = Duration::from_secs(if is_shared { 1 } else { 2 });
        assert!(quickest < promised, "{quickest:?}");
        drop(streams);
        watch(&a, "http://127.0.0.1:1/ada/while-away");
        let replayed = [&b, &c, &a].map(|node| hears(&listen(node, "repository", last), "ada/while-away"));
        assert!(replayed[0].iter().all(|(id, _)| *id > last));
        assert!(replayed[0] == replayed[1] && replayed[1] == replayed[2], "{replayed:?}");
        for node in [a, b, c] {
            node.stop();
        }
    }
}

#[test]
fn what_is_cleared_on_one_node_is_cleared_on_all_and_told_to_their_clients() {
    const SUMMARY: &str = "/portfolio/summary";
    for is_shared in [true, false] {
        let lab = Lab::new();
        let (postgres, redis) = (Postgres::start(), Redis::start());
        let nodes = three(&lab, &postgres, is_shared.then_some(&redis));
        let mut clients = nodes.each_ref().map(Client::of);
        for (query, name) in
            [("", Value::Null), ("?pattern=http:*", json!("http:*")), ("?tag=portfolio", Value::Null)]
        {
            for client in &mut clients {
                until("a hit", || is_hit(client, SUMMARY).then_some(()));
            }
            let streams = nodes.each_ref().map(|node| listen(node, "cache", None));
            assert_eq!(nodes[0].post(&format!("/api/v1/admin/cache/clear{query}"), &json!({})).0, 200);
            for (told, client) in streams.iter().zip(&mut clients) {
                let (id, data) = told.recv_timeout(LIMIT).expect("an event");
                assert_eq!((id, &data["pattern"]), (None, &name), "{data}");
                until("it to be worked out anew", || (!is_hit(client, SUMMARY)).then_some(()));
            }
        }
        nodes.into_iter().for_each(Service::stop);
    }
}

fn is_hit(client: &mut Client, path: &str) -> bool {
    let answer = client.ask("GET", path, "", "").expect("an answer");
    assert_eq!(answer.status, 200);
    answer.head.contains("cache-status: muster; hit")
}

//! Events that one node causes reach the clients of all.

use std::{sync::mpsc, thread};

use super::*;

/// An event with an id: that, and its data.
type Told = (u64, Value);

/// Listens to a node from now on, or from after an event on.
fn listen(node: &Service, after: Option<u64>) -> mpsc::Receiver<Told> {
    let mut stream = TcpStream::connect(&node.address).expect("it listens");
    stream.set_read_timeout(Some(LIMIT)).expect("a limit");
    let last = after.map(|id| format!("Last-Event-ID: {id}\r\n")).unwrap_or_default();
    let request =
        format!("GET /api/v1/events?topics=repository HTTP/1.1\r\nHost: {}\r\n{last}\r\n", node.address);
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
            } else if line.is_empty()
                && let Some(id) = id.take()
                && sender.send((id, data.take())).is_err()
            {
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
        let streams = [&b, &c, &a].map(|node| listen(node, None));
        let (mut quickest, mut last) = (LIMIT, 0);
        for round in 0..5 {
            let name = format!("ada/shop{round}");
            let begin = Instant::now();
            watch(&a, &format!("http://127.0.0.1:1/{name}"));
            let ids = streams.each_ref().map(|told| hears(told, &name).last().expect("one").0);
            quickest = quickest.min(begin.elapsed());
            assert!(ids[0] == ids[1] && ids[1] == ids[2] && ids[0] > last, "{ids:?} after {last}");
            last = ids[0];
        }
        // Of several, because the machine may stand still for a moment.
        let promised = Duration::from_secs(if is_shared { 1 } else { 2 });
        assert!(quickest < promised, "{quickest:?}");
        drop(streams);
        watch(&a, "http://127.0.0.1:1/ada/while-away");
        let replayed = [&b, &c, &a].map(|node| hears(&listen(node, Some(last)), "ada/while-away"));
        assert!(replayed[0].iter().all(|(id, _)| *id > last));
        assert!(replayed[0] == replayed[1] && replayed[1] == replayed[2], "{replayed:?}");
        for node in [a, b, c] {
            node.stop();
        }
    }
}

//! A way to Redis that takes its time, where no question is late and many of them would add up; or that is cut for one node
//! alone.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use muster_cache::{
    limiter::{ClientKey, Cost, LimitConfig, Limiter, SharedLimiter},
    of_request,
};
use muster_model::SystemClock;
use muster_testkit::Redis;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy},
    net::{TcpListener, TcpStream},
    sync::watch,
    time::sleep,
};

use super::{Node, config, node, node_with, until};

/// Below what counts as late.
const EACH: Duration = Duration::from_millis(40);
const KEYS: usize = 20;

/// Passes everything on to Redis, and each answer only after a while. Gives its address.
async fn slowly(redis: &Redis) -> SocketAddr {
    let (_, never) = watch::channel(false);
    way(redis, EACH, never).await
}

/// The same with this delay, as long as it is not cut.
async fn way(redis: &Redis, delay: Duration, is_cut: watch::Receiver<bool>) -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
    let (address, port) = (listener.local_addr().expect("an address"), redis.port());
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let server = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.expect("Redis");
            let mut is_cut = is_cut.clone();
            tokio::spawn(async move {
                let (mut asks, mut hears) = client.into_split();
                let (mut answers, mut takes) = server.into_split();
                let back = async {
                    let mut answer = vec![0; 1 << 16];
                    while let Ok(length @ 1..) = answers.read(&mut answer).await {
                        sleep(delay).await;
                        if hears.write_all(&answer[..length]).await.is_err() {
                            return;
                        }
                    }
                };
                let cut = async {
                    if is_cut.wait_for(|is_cut| *is_cut).await.is_err() {
                        std::future::pending::<()>().await;
                    }
                };
                // What is dropped is closed.
                tokio::select! {
                    _ = copy(&mut asks, &mut takes) => {}
                    () = back => {}
                    () = cut => {}
                }
            });
        }
    });
    address
}

async fn read_all(node: &Node) {
    for key in 0..KEYS {
        node.read(&format!("k{key}"), 5).await;
    }
}

#[tokio::test]
async fn a_request_with_many_questions_waits_as_long_as_one_with_few() {
    let redis = Redis::start();
    let address = slowly(&redis).await;
    let node = node_with(super::RedisConfig { url: format!("redis://{address}"), ..config(&redis) }).await;
    let limits = LimitConfig { allowed: Vec::new(), ..LimitConfig::default() };
    let limiter = SharedLimiter::new(Limiter::new(limits, Arc::new(SystemClock)), Some(node.link.clone()));
    let before = node.shared();
    of_request(async {
        limiter.check(ClientKey::token("t"), Cost::Whole).await;
        read_all(&node).await;
    })
    .await;
    let after = node.shared();
    // Three questions are within its patience, of at most five commands; what stores comes after.
    assert!(after.commands - before.commands <= 24, "{} commands", after.commands - before.commands);
    assert!(after.skipped - before.skipped >= KEYS as u64 - 5, "{} skipped", after.skipped - before.skipped);
    assert_eq!(node.loads(), KEYS);
}

#[tokio::test]
async fn who_joins_a_load_waits_no_longer_than_it_may() {
    let redis = Redis::start();
    let address = slowly(&redis).await;
    let node = node_with(super::RedisConfig { url: format!("redis://{address}"), ..config(&redis) }).await;
    // Somebody else begins each load, and the request only joins it.
    let before = node.shared().skipped;
    of_request(async {
        for key in 0..KEYS {
            let key = format!("k{key}");
            let (began, joined) = tokio::join!(node.read(&key, 5), node.read(&key, 6));
            assert_eq!((began, joined), (5, 5));
        }
    })
    .await;
    assert!(node.shared().skipped - before >= KEYS as u64 - 5);
}

#[tokio::test]
async fn what_was_removed_by_its_key_while_a_node_was_cut_off_is_not_served_by_it() {
    let ways: [fn(&Node); 2] = [
        |node| node.cache.remove("k"),
        |node| {
            node.cache.remove_matching("k*");
        },
    ];
    for (round, remove) in ways.into_iter().enumerate() {
        let redis = Redis::start();
        let (cut, is_cut) = watch::channel(false);
        let address = way(&redis, Duration::ZERO, is_cut).await;
        let far = super::RedisConfig { url: format!("redis://{address}"), ..config(&redis) };
        let (one, far) = (node(&redis).await, node_with(far).await);
        one.read("k", 1).await;
        one.stored(1).await;
        assert_eq!(far.read("k", 9).await, 1);
        cut.send_replace(true);
        until("it notices", || far.shared().cut_off == 1).await;
        remove(&one);
        one.told().await;
        cut.send_replace(false);
        far.ready().await;
        assert_eq!(far.read("k", 2).await, 2, "{round}");
        assert_eq!(one.shared().cut_off, 0);
    }
}

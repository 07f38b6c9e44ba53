//! A Redis that answers, and takes its time: no question is late, and many of them would add up.

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
    time::sleep,
};

use super::{Node, config, node_with};

/// Below what counts as late.
const EACH: Duration = Duration::from_millis(40);
const KEYS: usize = 20;

/// Passes everything on to Redis, and each answer only after a while. Gives its address.
async fn slowly(redis: &Redis) -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
    let (address, port) = (listener.local_addr().expect("an address"), redis.port());
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let server = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.expect("Redis");
            let ((mut asks, mut hears), (mut answers, mut takes)) =
                (client.into_split(), server.into_split());
            tokio::spawn(async move { copy(&mut asks, &mut takes).await });
            tokio::spawn(async move {
                let mut answer = vec![0; 1 << 16];
                while let Ok(length @ 1..) = answers.read(&mut answer).await {
                    sleep(EACH).await;
                    if hears.write_all(&answer[..length]).await.is_err() {
                        return;
                    }
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

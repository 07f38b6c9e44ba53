//! The server of a test: there when it says so, frozen and killed when it is told to, gone with its test.

use std::{
    io::{Read, Write},
    net::TcpStream,
    time::Duration,
};

use muster_testkit::Redis;

fn connect(redis: &Redis) -> std::io::Result<TcpStream> {
    TcpStream::connect(("127.0.0.1", redis.port()))
}

#[test]
fn it_answers_while_it_lives_and_forgets_when_it_starts_again() {
    let mut redis = Redis::start();
    assert_eq!(redis.ask(["SET", "k", "v"]), "OK");
    assert_eq!(redis.ask(["GET", "k"]), "v");
    redis.kill();
    connect(&redis).unwrap_err();
    redis.start_again();
    assert_eq!(redis.ask(["GET", "k"]), "");
    let port = redis.port();
    drop(redis);
    TcpStream::connect(("127.0.0.1", port)).unwrap_err();
}

#[test]
fn nothing_listens_where_one_is_absent() {
    let mut redis = Redis::absent();
    connect(&redis).unwrap_err();
    redis.start_again();
    assert_eq!(redis.ask(["PING"]), "PONG");
}

#[test]
fn frozen_it_takes_connections_and_answers_nobody_until_it_is_thawed() {
    let redis = Redis::start();
    redis.freeze();
    let mut client = connect(&redis).unwrap();
    client.write_all(b"PING\r\n").unwrap();
    client.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    let mut answer = [0; 7];
    client.read_exact(&mut answer).unwrap_err();
    redis.thaw();
    client.set_read_timeout(None).unwrap();
    client.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"+PONG\r\n");
    redis.freeze();
    // Dropped, it ends though it is frozen.
}

#[test]
fn it_takes_settings() {
    let redis = Redis::start_with(&["--requirepass", "secret"]);
    assert!(redis.ask(["PING"]).starts_with("NOAUTH"));
}

//! Requests that no honest client sends, byte by byte.

use std::time::Duration;

use muster_testkit::Lab;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use crate::test_app::{LIMIT, Setup, TestApp};

/// Sends these bytes and gives what comes back until the server closes.
async fn raw(app: &TestApp, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(app.address).await.expect("a connection");
    // The server may have answered and closed before it took everything.
    let _ = stream.write_all(request).await;
    let mut answer = Vec::new();
    let _ = timeout(LIMIT, stream.read_to_end(&mut answer)).await.expect("the server closes");
    String::from_utf8_lossy(&answer).into_owned()
}

#[track_caller]
fn check(answer: &str, status: u16, code: &str) {
    assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
    assert!(answer.contains("content-type: application/problem+json"), "{answer}");
    assert!(answer.contains(&format!("\"code\":\"{code}\"")), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_must_name_one_host() {
    let lab = Lab::new();
    let app = Setup::new(&lab).start().await;
    let two = raw(&app, b"GET /portfolio/summary HTTP/1.1\r\nhost: localhost\r\nhost: evil.example\r\nconnection: close\r\n\r\n").await;
    check(&two, 400, "bad_request");
    let none = raw(&app, b"GET /portfolio/summary HTTP/1.0\r\n\r\n").await;
    check(&none.replacen("HTTP/1.0", "HTTP/1.1", 1), 400, "bad_request");
    let strange =
        raw(&app, b"GET /portfolio/summary HTTP/1.1\r\nhost: a b\r\nconnection: close\r\n\r\n").await;
    check(&strange, 400, "bad_request");
    let absolute = raw(
        &app,
        b"GET http://evil.example/portfolio/summary HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n",
    )
    .await;
    check(&absolute, 403, "foreign_host");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_too_large_is_refused_before_it_is_taken() {
    let lab = Lab::new();
    let app = Setup::new(&lab).start().await;
    // Only announced: whoever waited for it would wait for ever.
    let announced = b"POST /portfolio/cache/warm HTTP/1.1\r\nhost: localhost\r\ncontent-length: 99999999\r\nconnection: close\r\n\r\n";
    check(&raw(&app, announced).await, 413, "too_large");
    let answer = crate::test_app::answer(
        app.request(reqwest::Method::POST, "/portfolio/cache/warm").body(vec![b' '; 64 * 1024]),
    )
    .await;
    assert_eq!(answer.status.as_u16(), 200, "as large as is allowed: {}", answer.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_that_is_too_large_or_no_http_is_refused() {
    let lab = Lab::new();
    let app = Setup::new(&lab).start().await;
    let large = format!("GET / HTTP/1.1\r\nhost: localhost\r\nx: {}\r\n\r\n", "x".repeat(1024 * 1024));
    let answer = raw(&app, large.as_bytes()).await;
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 431 "), "{answer}");
    let many = format!("GET / HTTP/1.1\r\nhost: localhost\r\n{}\r\n", "x: y\r\n".repeat(1000));
    let answer = raw(&app, many.as_bytes()).await;
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 431 "), "{answer}");
    let answer = raw(&app, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 hello\r\n\r\n").await;
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 400 "), "{answer}");
    assert!(app.get("/livez").await.status.is_success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_never_ends_holds_nobody_up() {
    let lab = Lab::new();
    let mut setup = Setup::new(&lab);
    setup.request_timeout = Duration::from_secs(1);
    let app = setup.start().await;
    let mut stream = TcpStream::connect(app.address).await.expect("a connection");
    let head = b"POST /portfolio/cache/warm HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1000\r\n\r\n{";
    stream.write_all(head).await.expect("sent");
    // No route waits for a body that it does not need; one that does is given up in time.
    let mut answer = vec![0; 1024];
    let length = timeout(LIMIT, stream.read(&mut answer)).await.expect("an answer").expect("bytes");
    let answer = String::from_utf8_lossy(&answer[..length]).into_owned();
    assert!(answer.starts_with("HTTP/1.1 200 ") || answer.starts_with("HTTP/1.1 504 "), "{answer}");
    assert!(app.get("/livez").await.status.is_success());
}

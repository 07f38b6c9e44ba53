//! The peer of a hit: the same HTTP library with a handler that returns static bytes and does nothing else. A process
//! of its own, so that its CPU time can be told.

use std::{
    io::{BufRead, BufReader, Write},
    net::SocketAddr,
    process::{Child, Command, Stdio},
};

use anyhow::{Context, Result};
use axum::{Router, http::header, routing::get};
use bytes::Bytes;

use super::client::Client;

pub(crate) struct Bare {
    child: Child,
    address: SocketAddr,
}

impl Bare {
    pub(crate) fn start(body: &[u8]) -> Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .arg("bare-handler")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        child.stdin.take().context("no input")?.write_all(body)?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().context("no output")?).read_line(&mut line)?;
        Ok(Self { address: line.trim().parse()?, child })
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn client(&self) -> Result<Client> {
        Client::connect(self.address)
    }
}

impl Drop for Bare {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The other side: reads the body from standard input, says its address and serves until it is killed.
#[expect(clippy::print_stdout, reason = "its address goes to the process that started it")]
pub(crate) fn serve() -> Result<()> {
    let mut body = Vec::new();
    std::io::Read::read_to_end(&mut std::io::stdin().lock(), &mut body)?;
    let body = Bytes::from(body);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async move {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        println!("{}", listener.local_addr()?);
        let handler =
            get(move || async move { ([(header::CONTENT_TYPE, "application/json")], body.clone()) });
        axum::serve(listener, Router::new().route("/", handler)).await?;
        Ok(())
    })
}

//! A client that costs little: one connection, one request after the other, answers with a length.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use anyhow::{Context, Result, ensure};

pub(crate) struct Client {
    stream: BufReader<TcpStream>,
    host: String,
}

/// An answer.
pub(crate) struct Answer {
    pub(crate) etag: Option<String>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

impl Client {
    pub(crate) fn connect(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_mins(1)))?;
        Ok(Self { stream: BufReader::with_capacity(256 * 1024, stream), host: address.to_string() })
    }

    pub(crate) fn get(&mut self, path: &str, headers: &[(&str, &str)]) -> Result<Answer> {
        self.ask("GET", path, headers)
    }

    pub(crate) fn post(&mut self, path: &str) -> Result<Answer> {
        self.ask("POST", path, &[("Content-Length", "0")])
    }

    /// Posts JSON.
    pub(crate) fn post_json(&mut self, path: &str, body: &str) -> Result<Answer> {
        let length = body.len().to_string();
        let headers = [("Content-Type", "application/json"), ("Content-Length", length.as_str())];
        let request = self.head("POST", path, &headers) + body;
        self.stream.get_mut().write_all(request.as_bytes())?;
        self.receive(path)
    }

    /// The sum of a counter over its labels.
    pub(crate) fn metric(&mut self, name: &str) -> Result<u64> {
        let text = self.get("/metrics", &[])?.text();
        let value = |line: &str| {
            let rest = line.strip_prefix(name)?;
            let rest = if rest.starts_with('{') { rest.split_once('}')?.1 } else { rest };
            rest.strip_prefix(' ')?.parse::<u64>().ok()
        };
        Ok(text.lines().filter_map(value).sum())
    }

    fn ask(&mut self, method: &str, path: &str, headers: &[(&str, &str)]) -> Result<Answer> {
        self.send(method, path, headers)?;
        self.receive(path)
    }

    /// Sends a request; its answer must be received before the next.
    pub(crate) fn send(&mut self, method: &str, path: &str, headers: &[(&str, &str)]) -> Result<()> {
        let request = self.head(method, path, headers);
        Ok(self.stream.get_mut().write_all(request.as_bytes())?)
    }

    fn head(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> String {
        let mut head = format!("{method} {path} HTTP/1.1\r\nHost: {}\r\n", self.host);
        for (name, value) in headers {
            head = head + name + ": " + value + "\r\n";
        }
        head + "\r\n"
    }

    /// Waits for the answer to what was sent.
    pub(crate) fn receive(&mut self, path: &str) -> Result<Answer> {
        let mut line = String::new();
        self.stream.read_line(&mut line)?;
        let status: u16 = line.split(' ').nth(1).context("no status")?.parse()?;
        ensure!(status < 400, "{path} was answered with {}", line.trim());
        let (mut etag, mut length, mut is_chunked) = (None, 0_usize, false);
        loop {
            line.clear();
            self.stream.read_line(&mut line)?;
            let header = line.trim_end();
            if header.is_empty() {
                break;
            }
            let Some((name, value)) = header.split_once(": ") else { continue };
            match name.to_ascii_lowercase().as_str() {
                "etag" => etag = Some(value.to_owned()),
                "content-length" => length = value.parse()?,
                "transfer-encoding" => is_chunked = true,
                _ => {}
            }
        }
        ensure!(!is_chunked, "{path} comes without a length");
        let mut body = vec![0; if status == 304 { 0 } else { length }];
        self.stream.read_exact(&mut body)?;
        Ok(Answer { etag, body })
    }
}

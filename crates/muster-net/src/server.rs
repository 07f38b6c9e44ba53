//! A running muster, asked over its own API: by plain HTTP, which it speaks itself, or by HTTPS through the proxy that
//! stands before it. No proxy of the environment is used and no redirect followed, since a token may be sent along.

use std::time::Duration;

use muster_model::redact::without_passwords;
use reqwest::{
    Client, Method, RequestBuilder, Url,
    header::{AUTHORIZATION, HeaderValue},
    redirect::Policy,
};
use serde_json::Value;

use crate::tls;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
const TIMEOUT: Duration = Duration::from_mins(1);
/// An answer larger than this is none of muster's.
const MAX_ANSWER_BYTES: usize = 256 * 1024 * 1024;

/// Why a server gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The address cannot be used.
    #[error("'{address}' is no address of a server: {reason}; write it like http://127.0.0.1:8100")]
    Address {
        /// As given, without a password.
        address: String,
        /// What is wrong with it.
        reason: String,
    },
    /// What is to say who asks cannot be sent.
    #[error("the token holds characters that none has")]
    Token,
    /// Nobody answers there.
    #[error("no muster answers at {address}: {reason}")]
    Unreachable {
        /// Where.
        address: String,
        /// Why, as far as known.
        reason: String,
    },
    /// It answered with a problem.
    #[error("{detail}")]
    Problem {
        /// The code of the closed table, where it gave one.
        code: String,
        /// What is wrong and what to do.
        detail: String,
        /// The HTTP status.
        status: u16,
    },
    /// What answers there is no muster.
    #[error("what answers at {address} is no muster: {reason}")]
    Strange {
        /// Where.
        address: String,
        /// What came instead.
        reason: String,
    },
}

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// To be told something.
    Get,
    /// That something is done.
    Post,
    /// That something goes.
    Delete,
}

impl Verb {
    fn method(self) -> Method {
        match self {
            Self::Get => Method::GET,
            Self::Post => Method::POST,
            Self::Delete => Method::DELETE,
        }
    }
}

/// A request below `/api/v1`.
#[derive(Debug, Clone, Copy)]
pub struct Call<'a> {
    /// What is asked for.
    pub verb: Verb,
    /// Segments of the path.
    pub path: &'a [&'a str],
    /// Parameters.
    pub query: &'a [(&'a str, &'a str)],
    /// A document.
    pub body: Option<&'a Value>,
}

impl<'a> Call<'a> {
    /// Without parameters and document.
    pub fn new(verb: Verb, path: &'a [&'a str]) -> Self {
        Self { verb, path, query: &[], body: None }
    }
}

/// A running muster.
#[derive(Debug, Clone)]
pub struct Server {
    base: Url,
    client: Client,
    token: Option<HeaderValue>,
}

impl Server {
    /// The muster at that address; nothing is sent yet.
    pub fn at(address: &str) -> Result<Self, ServerError> {
        let wrong = |reason: String| ServerError::Address { address: without_passwords(address), reason };
        let base: Url = address.parse().map_err(|error| wrong(format!("{error}")))?;
        if !["http", "https"].contains(&base.scheme()) {
            return Err(wrong(format!("'{}' is not spoken here, http and https are", base.scheme())));
        }
        if base.host_str().is_none() || !base.username().is_empty() || base.password().is_some() {
            return Err(wrong("it needs a host and takes no user".to_owned()));
        }
        // The system's certificates are read only where they are needed.
        let tls =
            if base.scheme() == "https" { tls::with_roots_of_the_system() } else { tls::with_no_roots() };
        let client = Client::builder()
            .tls_backend_preconfigured(tls.map_err(wrong)?)
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(TIMEOUT)
            .redirect(Policy::none())
            .no_proxy()
            .build()
            .map_err(|error| wrong(error.to_string()))?;
        Ok(Self { base, client, token: None })
    }

    /// Shows this token with every request.
    pub fn with_token(mut self, token: &str) -> Result<Self, ServerError> {
        let wrong = || ServerError::Token;
        let mut value = HeaderValue::from_str(&format!("Bearer {}", token.trim())).map_err(|_| wrong())?;
        value.set_sensitive(true);
        self.token = Some(value);
        Ok(self)
    }

    /// Asks for a document.
    pub async fn get(&self, path: &str, query: &[(&str, &str)]) -> Result<Value, ServerError> {
        self.ask(Method::GET, path, query).await
    }

    /// Asks for something to be done.
    pub async fn post(&self, path: &str, query: &[(&str, &str)]) -> Result<Value, ServerError> {
        self.ask(Method::POST, path, query).await
    }

    /// Asks for something about a thing whose name may hold any character: each part of the path is one segment. `null`
    /// where the answer has no content.
    pub async fn call(&self, call: Call<'_>) -> Result<Value, ServerError> {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.clear().extend(["api", "v1"]).extend(call.path);
        }
        if !call.query.is_empty() {
            url.query_pairs_mut().extend_pairs(call.query);
        }
        let mut request = self.client.request(call.verb.method(), url);
        if let Some(body) = call.body {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        self.send(request).await
    }

    async fn ask(&self, method: Method, path: &str, query: &[(&str, &str)]) -> Result<Value, ServerError> {
        let mut url = self.base.clone();
        url.set_path(path);
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        self.send(self.client.request(method, url)).await
    }

    async fn send(&self, request: RequestBuilder) -> Result<Value, ServerError> {
        let unreachable = |error: reqwest::Error| {
            let mut reason = error.without_url().to_string();
            if reason.is_empty() {
                "the connection failed".clone_into(&mut reason);
            }
            ServerError::Unreachable { address: self.base.to_string(), reason }
        };
        let request = match &self.token {
            Some(token) => request.header(AUTHORIZATION, token.clone()),
            None => request,
        };
        let mut response = request.send().await.map_err(unreachable)?;
        let status = response.status();
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
            if bytes.len() + chunk.len() > MAX_ANSWER_BYTES {
                return Err(self.strange("its answer has no end"));
            }
            bytes.extend_from_slice(&chunk);
        }
        if bytes.is_empty() && status.is_success() {
            return Ok(Value::Null);
        }
        let answer: Value = serde_json::from_slice(&bytes)
            .map_err(|_| self.strange(&format!("status {status}, not JSON")))?;
        if status.is_success() {
            return Ok(answer);
        }
        let text = |name: &str| answer.get(name).and_then(Value::as_str).map(ToOwned::to_owned);
        match text("detail") {
            Some(detail) => Err(ServerError::Problem {
                code: text("code").unwrap_or_default(),
                detail,
                status: status.as_u16(),
            }),
            None => Err(self.strange(&format!("status {status}"))),
        }
    }

    fn strange(&self, reason: &str) -> ServerError {
        ServerError::Strange { address: self.base.to_string(), reason: reason.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_cannot_be_used_are_refused_without_their_password() {
        for (address, expected) in [
            ("localhost", "is no address"),
            ("ftp://localhost", "'ftp' is not spoken"),
            ("http://me:secret@localhost", "takes no user"),
        ] {
            let error = Server::at(address).expect_err(address).to_string();
            assert!(error.contains(expected), "{address}: {error}");
            assert!(!error.contains("secret"), "{error}");
        }
        assert!(Server::at("http://127.0.0.1:8100").is_ok());
    }
}

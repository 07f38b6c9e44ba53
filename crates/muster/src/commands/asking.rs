//! What the commands that ask a running server share: where it is, who asks, and how a question is put.

use std::path::Path;

use muster_net::{Call, Server, ServerError, Verb};
use serde_json::Value;
use tokio::runtime::{Builder, Runtime};

use crate::{config::gather, own_token};

/// Says who asks.
const TOKEN: &str = "MUSTER_TOKEN";

/// A server and the means to wait for its answers.
pub(crate) struct Asking {
    pub(crate) server: Server,
    pub(crate) runtime: Runtime,
}

impl Asking {
    /// The server at this address, else the one of the configuration.
    pub(crate) fn new(address: Option<&str>, named_config: Option<&Path>) -> anyhow::Result<Self> {
        let (server, token) = match address {
            // What is asked may be elsewhere: a configuration that is broken here is none of its business.
            Some(address) => {
                (Server::at(address)?, own_token::of(address, gather(named_config).ok().as_ref()))
            }
            None => {
                let gathered = gather(named_config)?;
                let address = format!("http://{}", own_token::asked_at(gathered.config.server.listen));
                (Server::at(&address)?, own_token::of(&address, Some(&gathered)))
            }
        };
        let token = std::env::var(TOKEN).ok().filter(|token| !token.is_empty()).or(token);
        let server = match token {
            Some(token) => server.with_token(&token)?,
            None => server,
        };
        Ok(Self { server, runtime: Builder::new_current_thread().enable_all().build()? })
    }

    /// To be told something.
    pub(crate) fn get(&self, path: &[&str], query: &[(&str, &str)]) -> anyhow::Result<Value> {
        self.call(Call { query, ..Call::new(Verb::Get, path) })
    }

    /// To be told something that may not be there.
    pub(crate) fn find(&self, path: &[&str]) -> anyhow::Result<Option<Value>> {
        match self.runtime.block_on(self.server.call(Call::new(Verb::Get, path))) {
            Ok(found) => Ok(Some(found)),
            Err(ServerError::Problem { status: 404, .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// That something is done.
    pub(crate) fn post(&self, path: &[&str], body: Option<&Value>) -> anyhow::Result<Value> {
        self.call(Call { body, ..Call::new(Verb::Post, path) })
    }

    /// Anything.
    pub(crate) fn call(&self, call: Call<'_>) -> anyhow::Result<Value> {
        Ok(self.runtime.block_on(self.server.call(call))?)
    }
}

/// A text of a document; empty where there is none.
pub(crate) fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_default()
}

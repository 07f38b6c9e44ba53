//! All that leaves the machine but git, and what has to be known before it does: names resolved under the address policy,
//! the webhook that is told of news, and the command line's questions to a running muster.

mod resolve;
mod server;
mod tls;
mod webhook;

pub use resolve::{ResolveError, literal, resolve};
pub use server::{Call, Server, ServerError, Verb};
pub use webhook::{DeliveryError, Webhook, WebhookError};

//! One address that is told of news, in the form of Standard Webhooks (standardwebhooks.com): an id that stays the same
//! over all tries, the time, and a signature by which the receiver knows that it was us and when. Redirects are not
//! followed, no proxy is used, and of the answer only the status counts.

use std::{sync::Arc, time::Duration};

use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use muster_model::{Timestamp, redact::without_passwords};
use reqwest::{Client, Url, redirect::Policy};
use sha2::Sha256;

use crate::tls;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const TIMEOUT: Duration = Duration::from_secs(15);
const SECRET_PREFIX: &str = "whsec_";
/// Bytes of the key, as the standard wants it.
const KEY_BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// Why the settings cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WebhookError {
    /// The address.
    #[error("webhook.url '{address}' cannot be used: {reason}; write it like https://host/path")]
    Address {
        /// As given, without a password.
        address: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The key. It is not shown.
    #[error(
        "webhook.secret cannot be used: {0}; write whsec_ and 24 to 64 bytes in base64 (whsec_$(openssl rand -base64 32))"
    )]
    Secret(&'static str),
    /// TLS cannot be set up.
    #[error("the webhook cannot be set up: {0}")]
    Tls(String),
}

/// Why a delivery failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DeliveryError {
    /// No answer.
    #[error("the webhook gave no answer: {0}")]
    NoAnswer(String),
    /// Another status than 2xx.
    #[error("the webhook answered {status}")]
    Refused {
        /// The status.
        status: u16,
    },
}

impl DeliveryError {
    /// 410 says that nobody wants it any more.
    pub fn is_worth_retrying(&self) -> bool {
        !matches!(self, Self::Refused { status: 410 })
    }
}

/// The receiver.
#[derive(Clone)]
pub struct Webhook {
    url: Url,
    key: Arc<[u8]>,
    client: Client,
}

impl std::fmt::Debug for Webhook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Webhook").field("url", &without_passwords(self.url.as_str())).finish_non_exhaustive()
    }
}

impl Webhook {
    /// With the address and the secret of the configuration.
    pub fn new(address: &str, secret: &str) -> Result<Self, WebhookError> {
        let wrong = |reason: String| WebhookError::Address { address: without_passwords(address), reason };
        let url = Url::parse(address).map_err(|error| wrong(error.to_string()))?;
        if !matches!(url.scheme(), "https" | "http") {
            return Err(wrong("it is neither https nor http".to_owned()));
        }
        let key = secret
            .strip_prefix(SECRET_PREFIX)
            .ok_or(WebhookError::Secret("it does not begin with whsec_"))?;
        let key = STANDARD.decode(key).map_err(|_| WebhookError::Secret("it is no base64"))?;
        if !KEY_BYTES.contains(&key.len()) {
            return Err(WebhookError::Secret("it has another length"));
        }
        let client = Client::builder()
            .tls_backend_preconfigured(tls::with_roots_of_the_system().map_err(WebhookError::Tls)?)
            .redirect(Policy::none())
            .no_proxy()
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(TIMEOUT)
            .user_agent(concat!("muster/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| WebhookError::Tls(error.to_string()))?;
        Ok(Self { url, key: key.into(), client })
    }

    /// Delivers a message. `id` is the same for every try of it, so that the receiver can tell a second one.
    pub async fn deliver(&self, id: &str, at: Timestamp, body: String) -> Result<(), DeliveryError> {
        let seconds = at.as_second();
        let sent = self
            .client
            .post(self.url.clone())
            .header("content-type", "application/json")
            .header("webhook-id", id)
            .header("webhook-timestamp", seconds)
            .header("webhook-signature", self.signature(id, seconds, &body))
            .body(body)
            .send()
            .await;
        let answer = sent.map_err(|error| DeliveryError::NoAnswer(reason(error)))?;
        let status = answer.status();
        if status.is_success() { Ok(()) } else { Err(DeliveryError::Refused { status: status.as_u16() }) }
    }

    fn signature(&self, id: &str, seconds: i64, body: &str) -> String {
        // Any length of key is taken.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.key) else { return String::new() };
        mac.update(format!("{id}.{seconds}.{body}").as_bytes());
        format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
    }
}

/// The innermost cause says most; the address may hold a token and is left out.
fn reason(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut cause: &dyn std::error::Error = &error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use super::{Webhook, WebhookError};

    /// The example of the standard's own libraries.
    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

    #[test]
    fn the_signature_is_that_of_the_standard() {
        let webhook = Webhook::new("https://host.example/hook", SECRET).expect("valid");
        let signature =
            webhook.signature("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, r#"{"test": 2432232314}"#);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn wrong_settings_are_refused_and_the_secret_is_not_shown() {
        for (url, secret, says) in [
            ("host.example", SECRET, "https://host/path"),
            ("ftp://host.example/", SECRET, "neither https nor http"),
            ("https://host.example/", "secret123", "whsec_"),
            ("https://host.example/", "whsec_!!!secret123", "no base64"),
            ("https://host.example/", "whsec_c2VjcmV0MTIz", "another length"),
        ] {
            let error = Webhook::new(url, secret).expect_err(secret).to_string();
            assert!(error.contains(says) && !error.contains("secret123"), "{error}");
        }
        let error = Webhook::new("ftp://me:pass@host.example/", SECRET).expect_err("scheme");
        assert!(
            matches!(error, WebhookError::Address { .. }) && !error.to_string().contains("pass@"),
            "{error}"
        );
    }
}

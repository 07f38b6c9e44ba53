//! Who asks, and what they may do. What a request shows (nothing, a token, a session, the word of a proxy) becomes a
//! [`Caller`] here; which scope a route needs is known where routes are.
//!
//! Tokens are looked up by the hash of their text, through the cache: what was revoked on one node falls out of it on
//! all, as every other change does. The text of a token is told once, to whoever had it made.

mod password;
mod secret;
mod sessions;
mod tokens;

use std::{fmt, net::IpAddr, sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use jiff::SignedDuration;
use muster_cache::limiter::{ClientKey, Cost, LimitConfig, Limiter};
use muster_model::{
    Scope, Scopes, Timestamp, TokenId,
    access::{Token, TokenKind},
};
use muster_store::{NewChange, Priority, Tx};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::Semaphore;

use crate::{
    actions::audit,
    caches::{TAG_ACCESS, access_key},
    config::{AuthConfig, AuthMode},
    context::Context,
    error::AppError,
};

pub use secret::SecretSource;
pub use sessions::NewSession;
pub use tokens::TokenRequest;

/// What somebody is called who need not say who they are.
const LOCAL: &str = "local";
const ANONYMOUS: &str = "anonymous";
/// Before the name of a token.
const TOKEN_PREFIX: &str = "token:";
/// Characters of a name that a proxy says, or of a token.
const MAX_NAME: usize = 200;
/// Questions to the database for tokens that are not at hand. Many made-up ones must not take all its connections.
const LOOKUPS: usize = 4;
/// Tokens that are not at hand which one address may show in a minute.
const TOKENS_SHOWN: u32 = 600;
/// A token's last use is written this often.
const USE_NOTED: SignedDuration = SignedDuration::from_mins(10);
/// Passwords and set-up tokens that one address may try in a minute.
const ATTEMPTS: u32 = 10;
/// Hashes of passwords worked out at once: each takes 19 MiB and some ten milliseconds.
const HASHES: usize = 2;

/// What a request shows of who asks.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Shown<'a> {
    /// Nothing.
    Nothing,
    /// The text of a token.
    Token(&'a str),
    /// The text of a session.
    Session(&'a str),
    /// A proxy says it is this person; that it may say so was looked at.
    Person(&'a str),
}

impl fmt::Debug for Shown<'_> {
    /// Without what is shown, which is a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Nothing => "Nothing",
            Self::Token(_) => "Token",
            Self::Session(_) => "Session",
            Self::Person(_) => "Person",
        })
    }
}

/// Whoever asks.
#[derive(Debug, Clone)]
pub struct Caller {
    /// What they are called in the audit log.
    pub name: Arc<str>,
    /// What they may do.
    pub scopes: Scopes,
    /// How that is known.
    pub by: Proof,
}

/// How it is known who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Proof {
    /// Not at all: nobody has to say it.
    Nobody,
    /// Not at all, although it would have to be.
    Missing,
    /// By a token.
    Token(Held),
    /// By a session.
    Session(Held),
    /// By the word of a proxy.
    Proxy,
    /// By the secret of this node's data folder.
    DataFolder,
}

/// A token that somebody showed: its id, and the hash by which it is found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// Its id.
    pub id: TokenId,
    hash: Arc<str>,
    expires_at: Option<Timestamp>,
}

impl Caller {
    /// Fails if they may not.
    pub fn require(&self, scope: Scope) -> Result<(), AppError> {
        if self.scopes.contains(scope) {
            return Ok(());
        }
        let scope = scope.as_str();
        if self.by == Proof::Missing {
            let message = format!(
                "this needs scope {scope}: sign in, or send a token as Authorization: Bearer (muster token \
                 create makes one)"
            );
            return Err(AppError::Unauthorised { message });
        }
        let message = format!("this needs scope {scope}; {} has {}", self.name, self.scopes);
        Err(AppError::Forbidden { message })
    }

    /// What tells them from others who ask, if anything does: the key of a rate limit of their own.
    pub fn limit_key(&self) -> Option<ClientKey> {
        match &self.by {
            Proof::Nobody | Proof::Missing => None,
            Proof::Token(held) | Proof::Session(held) => Some(ClientKey::token(&held.hash)),
            Proof::Proxy => Some(ClientKey::token(&format!("person:{}", self.name))),
            Proof::DataFolder => Some(ClientKey::token(LOCAL)),
        }
    }
}

/// What the cache keeps of a token.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Known {
    id: TokenId,
    is_session: bool,
    name: String,
    scopes: Scopes,
    expires_at: Option<Timestamp>,
}

/// A token to be drawn.
struct NewToken<'a> {
    kind: TokenKind,
    name: &'a str,
    scopes: Scopes,
    by: &'a str,
    /// `None` is for ever.
    life: Option<SignedDuration>,
}

/// A token that was drawn; its text is told once.
struct Drawn {
    token: Token,
    text: String,
    hash: String,
}

/// Says who asks.
#[derive(Clone)]
pub struct Access(Arc<Parts>);

struct Parts {
    context: Context,
    config: AuthConfig,
    secrets: SecretSource,
    /// Who it is that shows nothing.
    stranger: Caller,
    /// The hash of what stands in this node's data folder, and its text.
    own: (String, String),
    attempts: Limiter,
    shown: Limiter,
    lookups: Arc<Semaphore>,
    hashes: Semaphore,
}

impl Access {
    /// Puts it together, with a secret for whoever may read this node's data folder.
    pub fn new(context: Context, config: AuthConfig, secrets: SecretSource) -> Result<Self, AppError> {
        let text = secret::new(&secrets)?;
        // Without bans: of those who share an address one may be the administrator.
        let limiter = |requests| {
            let limits = LimitConfig {
                requests,
                allowed: Vec::new(),
                first_ban: Duration::ZERO,
                ..LimitConfig::default()
            };
            Limiter::new(limits, Arc::clone(&context.clock))
        };
        let (attempts, shown) = (limiter(ATTEMPTS), limiter(TOKENS_SHOWN));
        let (lookups, hashes) = (Arc::new(Semaphore::new(LOOKUPS)), Semaphore::new(HASHES));
        let own = (secret::hash_of(&text).unwrap_or_default(), text);
        let stranger = stranger(&config);
        Ok(Self(Arc::new(Parts {
            context,
            config,
            secrets,
            stranger,
            own,
            attempts,
            shown,
            lookups,
            hashes,
        })))
    }

    /// How people say who they are.
    pub fn mode(&self) -> AuthMode {
        self.0.config.mode
    }

    /// What a program shows that may read this node's data folder; may do everything. New at each start.
    pub fn own_text(&self) -> &str {
        &self.0.own.1
    }

    /// Who it is that shows this. A token that is worth nothing is an error, so that nobody takes it for a good one; a
    /// session that is over is as if nothing was shown, because browsers go on showing it.
    pub async fn caller(&self, shown: Shown<'_>, from: IpAddr) -> Result<Caller, AppError> {
        match shown {
            Shown::Nothing => Ok(self.stranger()),
            Shown::Person(name) => self.person(name),
            Shown::Session(_) if self.mode() != AuthMode::Local => Ok(self.stranger()),
            Shown::Session(text) => {
                let known = self.known(text, from).await?.filter(|(known, _)| known.is_session);
                Ok(known.map_or_else(
                    || self.stranger(),
                    |(known, held)| Caller {
                        name: known.name.into(),
                        scopes: known.scopes,
                        by: Proof::Session(held),
                    },
                ))
            }
            Shown::Token(text) => match self.known(text, from).await? {
                Some((known, held)) if !known.is_session => {
                    let name = format!("{TOKEN_PREFIX}{}", known.name).into();
                    Ok(Caller { name, scopes: known.scopes, by: Proof::Token(held) })
                }
                _ if secret::hash_of(text).is_some_and(|hash| hash == self.0.own.0) => {
                    Ok(Caller { name: LOCAL.into(), scopes: Scopes::ALL, by: Proof::DataFolder })
                }
                _ => {
                    let message = "the token is not known, was revoked or has expired".to_owned();
                    Err(AppError::Unauthorised { message })
                }
            },
        }
    }

    /// Who it is that shows nothing.
    pub fn stranger(&self) -> Caller {
        self.0.stranger.clone()
    }

    /// Whether they are still who they were: a token may have been revoked since, a session ended.
    pub async fn is_still(&self, caller: &Caller) -> bool {
        let (Proof::Token(held) | Proof::Session(held)) = &caller.by else { return true };
        if held.expires_at.is_some_and(|end| end <= self.0.context.clock.now()) {
            return false;
        }
        match self.known_by_hash(&held.hash).await {
            Ok(known) => known.is_some_and(|known| known.scopes.contains_all(caller.scopes)),
            // Whoever was let in stays while the database is away.
            Err(_) => true,
        }
    }

    fn person(&self, name: &str) -> Result<Caller, AppError> {
        let name = name.trim();
        if name.is_empty() || name.chars().count() > MAX_NAME || name.chars().any(char::is_control) {
            let message = format!(
                "{} holds no name; the proxy has to say who asks in 1 to {MAX_NAME} characters",
                self.0.config.proxy_header
            );
            return Err(AppError::Unauthorised { message });
        }
        if [LOCAL, ANONYMOUS].contains(&name) || name.starts_with(TOKEN_PREFIX) {
            let message =
                format!("nobody may be called '{name}': that is how others are noted in the audit log");
            return Err(AppError::Unauthorised { message });
        }
        let is_admin = self.0.config.proxy_admins.iter().any(|admin| admin == name);
        let scopes = if is_admin { Scopes::ALL } else { [Scope::Write, Scope::Jobs].into_iter().collect() };
        Ok(Caller { name: name.into(), scopes, by: Proof::Proxy })
    }

    async fn known(&self, text: &str, from: IpAddr) -> Result<Option<(Known, Held)>, AppError> {
        let Some(hash) = secret::hash_of(text) else { return Ok(None) };
        if hash == self.0.own.0 {
            return Ok(None);
        }
        let context = &self.0.context;
        if context.cache.peek::<Option<Known>>(&context.types.access, &access_key(&hash)).is_none() {
            // Each costs a question to the database, and made-up ones are never at hand.
            self.within(&self.0.shown, from, "too many different tokens were shown")?;
        }
        let known = self.known_by_hash(&hash).await?;
        Ok(known.map(|known| {
            let held = Held { id: known.id, hash: hash.into(), expires_at: known.expires_at };
            (known, held)
        }))
    }

    async fn known_by_hash(&self, hash: &str) -> Result<Option<Known>, AppError> {
        let context = self.0.context.clone();
        let (wanted, lookups) = (hash.to_owned(), Arc::clone(&self.0.lookups));
        // Apart: what a query needs is large, and every request would carry it.
        let load = move || -> BoxFuture<'static, Result<Option<Known>, AppError>> {
            Box::pin(async move {
                let _turn = lookups.acquire_owned().await;
                let token = context.store.token_by_hash(&wanted).await?;
                let token = token.filter(|token| token.kind != TokenKind::Setup);
                if let Some(token) = &token {
                    note_use(&context, token);
                }
                Ok(token.map(Known::from))
            })
        };
        let context = &self.0.context;
        let found =
            context.cache.get_or_load(&context.types.access, &access_key(hash), &[TAG_ACCESS], load).await?;
        let now = context.clock.now();
        let is_valid = |known: &Known| known.expires_at.is_none_or(|end| now < end);
        Ok(Option::<Known>::clone(&found.value).filter(is_valid))
    }

    /// Fails if an address did this too often.
    fn within(&self, limiter: &Limiter, from: IpAddr, what: &str) -> Result<(), AppError> {
        let decision = limiter.check(ClientKey::Address(from), Cost::Whole);
        match decision.retry_after_seconds(self.0.context.clock.now()) {
            None => Ok(()),
            Some(retry_after) => {
                let message = format!("{what} from {from}; try again in {retry_after} s");
                Err(AppError::Limited { message, retry_after })
            }
        }
    }

    /// Draws the text of a new token and keeps what is known of it. `None` if its name is taken.
    async fn draw(&self, tx: &mut Tx, new: NewToken<'_>) -> Result<Option<Drawn>, AppError> {
        let now = self.0.context.clock.now();
        let text = secret::new(&self.0.secrets)?;
        let hash = secret::hash_of(&text).unwrap_or_default();
        let token = Token {
            id: TokenId::new(now, (self.0.context.chance)()),
            kind: new.kind,
            name: new.name.to_owned(),
            scopes: new.scopes,
            created_at: now,
            created_by: new.by.to_owned(),
            expires_at: new.life.map(|life| now + life),
            last_used_at: None,
        };
        let is_kept = tx.token_add(&token, &hash).await?;
        Ok(is_kept.then_some(Drawn { token, text, hash }))
    }

    /// Notes it in the audit log.
    async fn note(
        &self,
        tx: &mut Tx,
        who: &str,
        what: &'static str,
        target: &str,
        detail: Value,
    ) -> Result<(), AppError> {
        Ok(tx.audit_add(&audit::done(&self.0.context, who, what, target, detail)).await?)
    }

    /// Commits what takes something from somebody, and has every node look anew at who may do what. What only gives needs
    /// no such thing: a text that was just drawn is nowhere taken for unknown.
    async fn commit_revoked(&self, mut tx: Tx) -> Result<(), AppError> {
        tx.record(NewChange {
            entity: "access".into(),
            entity_id: String::new(),
            tags: vec![TAG_ACCESS.to_owned()],
            event: None,
        });
        tx.commit().await?;
        // Who wrote it may ask before the change sequence is followed.
        self.0.context.cache.remove_by_tag(TAG_ACCESS);
        Ok(())
    }
}

impl From<Token> for Known {
    fn from(token: Token) -> Self {
        Self {
            id: token.id,
            is_session: token.kind == TokenKind::Session,
            name: token.name,
            scopes: token.scopes,
            expires_at: token.expires_at,
        }
    }
}

fn stranger(config: &AuthConfig) -> Caller {
    match config.mode {
        AuthMode::None => Caller { name: LOCAL.into(), scopes: Scopes::ALL, by: Proof::Nobody },
        AuthMode::Local | AuthMode::Proxy => {
            let may_read = config.anonymous_read.then_some(Scope::Read);
            Caller { name: ANONYMOUS.into(), scopes: may_read.into_iter().collect(), by: Proof::Missing }
        }
    }
}

/// Beside the request, and not each time.
fn note_use(context: &Context, token: &Token) {
    const PATIENCE: Duration = Duration::from_secs(30);
    let now = context.clock.now();
    let is_noted = |at: Timestamp| now.duration_since(at) < USE_NOTED;
    if token.last_used_at.is_some_and(is_noted) || !token.is_valid(now) {
        return;
    }
    let (context, id) = (context.clone(), token.id);
    tokio::spawn(async move {
        let write = async {
            let mut tx = context.store.begin(Priority::Background).await?;
            tx.token_used(id, now).await?;
            tx.commit().await
        };
        match tokio::time::timeout(PATIENCE, write).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => {
                tracing::debug!(%error, token.id = %id, "the use of a token could not be noted");
            }
            Err(_) => tracing::debug!(token.id = %id, "the use of a token could not be noted in time"),
        }
    });
}

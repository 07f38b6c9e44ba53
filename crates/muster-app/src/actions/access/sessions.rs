//! Signing in by password: the first time with a set-up token, which whoever starts muster is told, or may ask for who
//! can read its data folder.

use std::net::IpAddr;

use jiff::SignedDuration;
use muster_model::{
    Scopes, Timestamp,
    access::{Token, TokenKind},
};
use muster_store::{NewAudit, Priority, Tx};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{ANONYMOUS, Access, Caller, Drawn, Held, NewToken, Proof, password, secret};
use crate::{actions::audit, blocking::blocking, config::AuthMode, error::AppError};

/// Name of the document that holds the administrator's password.
const ADMIN_DOCUMENT: &str = "auth.admin";
/// What the administrator is called.
const ADMIN: &str = "admin";
/// What is said of who tried too often.
const ATTEMPTED: &str = "too many attempts to sign in";
const SETUP_LIFE: SignedDuration = SignedDuration::from_hours(24);

/// The administrator.
#[derive(Debug, Serialize, Deserialize)]
struct Admin {
    password_hash: String,
    changed_at: Timestamp,
}

fn read(document: Option<Value>) -> Result<Option<Admin>, AppError> {
    document.map(serde_json::from_value).transpose().map_err(|error| AppError::Internal {
        message: format!("what is kept of the administrator cannot be read: {error}"),
    })
}

/// The password that was checked is the one in force, and stays so until this transaction is over.
async fn still(tx: &mut Tx, known: &Admin) -> Result<(), AppError> {
    let now = read(tx.setting_hold(ADMIN_DOCUMENT).await?)?;
    if now.is_some_and(|now| now.password_hash == known.password_hash) {
        return Ok(());
    }
    let message = "the password was changed meanwhile; sign in with the new one".to_owned();
    Err(AppError::Unauthorised { message })
}

/// A session that has begun.
#[derive(Clone)]
pub struct NewSession {
    /// What a browser shows from now on; told once.
    pub text: String,
    /// Who signed in.
    pub caller: Caller,
    /// How long it lasts.
    pub seconds: u64,
}

impl Access {
    /// Whether the administrator's password has been set. Always so where there is none.
    pub async fn is_set_up(&self) -> Result<bool, AppError> {
        Ok(self.mode() != AuthMode::Local || self.admin().await?.is_some())
    }

    /// A set-up token, if nobody can sign in without one: for whoever starts muster.
    pub async fn first_setup(&self) -> Result<Option<String>, AppError> {
        if self.is_set_up().await? {
            return Ok(None);
        }
        self.setup_token("muster").await.map(Some)
    }

    /// A token with which the administrator's password can be set, the first time or anew.
    pub async fn setup_token(&self, who: &str) -> Result<String, AppError> {
        self.needs_password()?;
        let mut tx = self.0.context.store.begin(Priority::Interactive).await?;
        let new = NewToken {
            kind: TokenKind::Setup,
            name: TokenKind::Setup.as_str(),
            scopes: Scopes::NONE,
            by: who,
            life: Some(SETUP_LIFE),
        };
        let Drawn { token, text, .. } = self.draw(&mut tx, new).await?.ok_or_else(not_kept)?;
        self.note(&mut tx, who, "token.setup", &token.id.to_string(), json!({})).await?;
        tx.commit().await?;
        Ok(text)
    }

    /// Sets the administrator's password and signs in. The set-up token, all others of its kind and all sessions end.
    pub async fn set_up(&self, token: &str, password: &str, from: IpAddr) -> Result<NewSession, AppError> {
        self.needs_password()?;
        self.within(&self.0.attempts, from, ATTEMPTED)?;
        password::check(password)?;
        let refused = || AppError::Unauthorised {
            message: "the set-up token is not known, was used or has expired; `muster token setup` on the \
                      machine of the server makes a new one"
                .to_owned(),
        };
        let hash = secret::hash_of(token).ok_or_else(refused)?;
        let now = self.0.context.clock.now();
        let found = self.0.context.store.token_by_hash(&hash).await?;
        let is_good = |found: &Token| found.kind == TokenKind::Setup && found.is_valid(now);
        let found = found.filter(is_good).ok_or_else(refused)?;
        let admin = self.new_admin(password).await?;
        let mut tx = self.0.context.store.begin(Priority::Interactive).await?;
        // Who comes second with the same token finds it gone.
        if !tx.token_remove(found.id).await? {
            return Err(refused());
        }
        let session = self.put_admin(&mut tx, &admin).await?;
        self.note(&mut tx, ADMIN, "password.set", ADMIN, json!({ "from": from })).await?;
        self.commit_revoked(tx).await?;
        Ok(session)
    }

    /// Signs in by the administrator's password.
    pub async fn sign_in(&self, password: &str, from: IpAddr) -> Result<NewSession, AppError> {
        self.needs_password()?;
        self.within(&self.0.attempts, from, ATTEMPTED)?;
        let known = self.check_password(password, from).await?;
        let mut tx = self.0.context.store.begin(Priority::Interactive).await?;
        still(&mut tx, &known).await?;
        let session = self.begin_session(&mut tx).await?;
        self.note(&mut tx, ADMIN, "session.begin", ADMIN, json!({ "from": from })).await?;
        tx.commit().await?;
        Ok(session)
    }

    /// Ends the caller's session, if they have one.
    pub async fn sign_out(&self, caller: &Caller) -> Result<(), AppError> {
        let Proof::Session(held) = &caller.by else { return Ok(()) };
        let mut tx = self.0.context.store.begin(Priority::Interactive).await?;
        if !tx.token_remove(held.id).await? {
            return Ok(());
        }
        self.note(&mut tx, &caller.name, "session.end", &held.id.to_string(), json!({})).await?;
        self.commit_revoked(tx).await
    }

    /// Sets another password. All sessions end; the caller gets a new one.
    pub async fn change_password(
        &self,
        caller: &Caller,
        current: &str,
        new: &str,
        from: IpAddr,
    ) -> Result<NewSession, AppError> {
        self.needs_password()?;
        self.within(&self.0.attempts, from, ATTEMPTED)?;
        password::check(new)?;
        let known = self.check_password(current, from).await?;
        let admin = self.new_admin(new).await?;
        let mut tx = self.0.context.store.begin(Priority::Interactive).await?;
        still(&mut tx, &known).await?;
        let session = self.put_admin(&mut tx, &admin).await?;
        self.note(&mut tx, &caller.name, "password.set", ADMIN, json!({ "from": from })).await?;
        self.commit_revoked(tx).await?;
        Ok(session)
    }

    async fn put_admin(&self, tx: &mut Tx, admin: &Admin) -> Result<NewSession, AppError> {
        let document = serde_json::to_value(admin).map_err(|error| AppError::Internal {
            message: format!("the password cannot be kept: {error}"),
        })?;
        tx.setting_put(ADMIN_DOCUMENT, &document).await?;
        tx.tokens_remove(TokenKind::Session).await?;
        // Whoever had one made could set yet another password.
        tx.tokens_remove(TokenKind::Setup).await?;
        self.begin_session(tx).await
    }

    async fn begin_session(&self, tx: &mut Tx) -> Result<NewSession, AppError> {
        let seconds = self.0.config.session_hours.clamp(1, 10_000) * 3600;
        let new = NewToken {
            kind: TokenKind::Session,
            name: ADMIN,
            scopes: Scopes::ALL,
            by: ADMIN,
            life: Some(SignedDuration::from_secs(seconds.cast_signed())),
        };
        let Drawn { token, text, hash } = self.draw(tx, new).await?.ok_or_else(not_kept)?;
        let held = Held { id: token.id, hash: hash.into(), expires_at: token.expires_at };
        let caller = Caller { name: ADMIN.into(), scopes: Scopes::ALL, by: Proof::Session(held) };
        Ok(NewSession { text, caller, seconds })
    }

    async fn check_password(&self, password: &str, from: IpAddr) -> Result<Admin, AppError> {
        let Some(admin) = self.admin().await? else {
            let message = "no password has been set yet: use the set-up token that muster said when it started, \
                           or make one by `muster token setup` on its machine";
            return Err(AppError::Conflict { message: message.to_owned() });
        };
        let (password, hash) = (password.to_owned(), admin.password_hash.clone());
        if self.hashing(move || password::is_right(&password, &hash)).await? {
            return Ok(admin);
        }
        let context = &self.0.context;
        let mut tx = context.store.begin(Priority::Interactive).await?;
        let done = audit::done(context, ANONYMOUS, "session.begin", ADMIN, json!({ "from": from }));
        tx.audit_add(&NewAudit { outcome: "refused".to_owned(), ..done }).await?;
        tx.commit().await?;
        Err(AppError::Unauthorised { message: "the password is wrong".to_owned() })
    }

    async fn new_admin(&self, password: &str) -> Result<Admin, AppError> {
        let (password, chance) = (password.to_owned(), secret::bytes(&self.0.secrets)?);
        let password_hash = self.hashing(move || password::hash(&password, &chance)).await??;
        Ok(Admin { password_hash, changed_at: self.0.context.clock.now() })
    }

    async fn hashing<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, AppError> {
        let _turn = self.0.hashes.acquire().await;
        blocking("hashing a password", work).await
    }

    async fn admin(&self) -> Result<Option<Admin>, AppError> {
        read(self.0.context.store.setting(ADMIN_DOCUMENT).await?)
    }

    fn needs_password(&self) -> Result<(), AppError> {
        if self.mode() == AuthMode::Local {
            return Ok(());
        }
        let message = format!("nobody signs in by password here: auth.mode is {}", self.mode().as_str());
        Err(AppError::Conflict { message })
    }
}

/// Of these kinds names may be the same, and two texts of 256 bits never are.
fn not_kept() -> AppError {
    AppError::Internal { message: "a new token could not be kept".to_owned() }
}

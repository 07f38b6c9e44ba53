//! Tokens for programs: made, listed, revoked.

use jiff::SignedDuration;
use muster_model::{
    Scopes,
    access::{Token, TokenKind},
};
use muster_store::Priority;
use serde_json::json;

use super::{Access, Caller, Drawn, MAX_NAME, NewToken};
use crate::error::AppError;

/// Days that a token may be worth something.
const MAX_DAYS: u32 = 3650;

/// What is asked for.
#[derive(Debug, Clone)]
pub struct TokenRequest {
    /// What it is called; there is no other of that name.
    pub name: String,
    /// What may be done with it.
    pub scopes: Scopes,
    /// Days after which it is worth nothing; `None` is never.
    pub days: Option<u32>,
}

impl Access {
    /// Makes a token, and tells its text this once.
    pub async fn token_create(
        &self,
        caller: &Caller,
        request: TokenRequest,
    ) -> Result<(Token, String), AppError> {
        let name = request.name.trim();
        let is_odd = name.is_empty() || name.chars().any(char::is_control);
        if is_odd || name.chars().count() > MAX_NAME {
            let message = format!("a name has 1 to {MAX_NAME} characters");
            return Err(AppError::Invalid { field: "name", message });
        }
        if request.scopes.is_empty() {
            let message = "name at least one of read, write, jobs, admin".to_owned();
            return Err(AppError::Invalid { field: "scopes", message });
        }
        if !caller.scopes.contains_all(request.scopes) {
            let message = format!("{} has {} and cannot give {}", caller.name, caller.scopes, request.scopes);
            return Err(AppError::Forbidden { message });
        }
        if let Some(days) = request.days
            && !(1..=MAX_DAYS).contains(&days)
        {
            let message = format!(
                "{days} is out of range; use 1 to {MAX_DAYS}, or none for a token that never expires"
            );
            return Err(AppError::Invalid { field: "expires_in_days", message });
        }
        let mut tx = self.0.context.store.begin(Priority::Interactive).await?;
        let new = NewToken {
            kind: TokenKind::Api,
            name,
            scopes: request.scopes,
            by: &caller.name,
            life: request.days.map(|days| SignedDuration::from_hours(24 * i64::from(days))),
        };
        let Some(Drawn { token, text, .. }) = self.draw(&mut tx, new).await? else {
            let message = format!("there is a token '{name}' already; revoke it, or choose another name");
            return Err(AppError::Conflict { message });
        };
        let detail = json!({ "name": name, "scopes": token.scopes, "expires_at": token.expires_at });
        self.note(&mut tx, &caller.name, "token.create", &token.id.to_string(), detail).await?;
        tx.commit().await?;
        Ok((token, text))
    }

    /// All tokens of programs, oldest first; those that have expired stay some weeks.
    pub async fn tokens(&self) -> Result<Vec<Token>, AppError> {
        Ok(self.0.context.store.tokens(TokenKind::Api).await?)
    }

    /// Revokes a token by its id or name. Every node refuses it within a second.
    pub async fn token_revoke(&self, caller: &Caller, query: &str) -> Result<Token, AppError> {
        let no_such = || AppError::NoSuch { what: "token", query: query.to_owned() };
        let mut tokens = self.tokens().await?.into_iter();
        let is_meant = |token: &Token| token.id.to_string() == query || token.name == query;
        let token = tokens.find(is_meant).ok_or_else(no_such)?;
        let mut tx = self.0.context.store.begin(Priority::Interactive).await?;
        if !tx.token_remove(token.id).await? {
            return Err(no_such());
        }
        let detail = json!({ "name": token.name });
        self.note(&mut tx, &caller.name, "token.revoke", &token.id.to_string(), detail).await?;
        self.commit_revoked(tx).await?;
        Ok(token)
    }
}

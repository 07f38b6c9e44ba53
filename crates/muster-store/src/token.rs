//! Tokens, found by the hash of their text. Knows nothing of what that text looks like or of what a scope allows.

use muster_model::{
    Timestamp, TokenId,
    access::{Token, TokenKind},
};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, sea_query::OnConflict,
};

use crate::{
    entity::token::{ActiveModel, Column, Entity, Model},
    error::StoreError,
    store::Store,
    text,
    tx::Tx,
};

impl Store {
    /// The token whose text has this hash, also one that has expired.
    pub async fn token_by_hash(&self, hash: &str) -> Result<Option<Token>, StoreError> {
        let query = Entity::find().filter(Column::Hash.eq(hash));
        self.read(async { query.one(self.reader()).await?.map(from_row).transpose() }).await
    }

    /// All tokens of a kind, oldest first.
    pub async fn tokens(&self, kind: TokenKind) -> Result<Vec<Token>, StoreError> {
        let query = Entity::find().filter(Column::Kind.eq(kind.as_str())).order_by_asc(Column::Id);
        self.read(async { query.all(self.reader()).await?.into_iter().map(from_row).collect() }).await
    }
}

impl Tx {
    /// Keeps a token; false if there is one of that kind with the same name already, where names must differ.
    pub async fn token_add(&mut self, token: &Token, hash: &str) -> Result<bool, StoreError> {
        let row = to_row(token, hash).map_err(|error| self.fail(error))?;
        let query = Entity::insert(row).on_conflict(OnConflict::new().do_nothing().to_owned());
        let done = query.exec_without_returning(self.connection()).await;
        done.map(|rows| rows > 0).map_err(|error| self.fail(error))
    }

    /// Takes a token away; false if there is none.
    pub async fn token_remove(&mut self, id: TokenId) -> Result<bool, StoreError> {
        let done = Entity::delete_by_id(id.to_string()).exec(self.connection()).await;
        done.map(|done| done.rows_affected > 0).map_err(|error| self.fail(error))
    }

    /// Takes away all tokens of a kind, and says how many there were.
    pub async fn tokens_remove(&mut self, kind: TokenKind) -> Result<u64, StoreError> {
        let query = Entity::delete_many().filter(Column::Kind.eq(kind.as_str()));
        let done = query.exec(self.connection()).await;
        done.map(|done| done.rows_affected).map_err(|error| self.fail(error))
    }

    /// Notes that a token was used. Records no change.
    pub async fn token_used(&mut self, id: TokenId, at: Timestamp) -> Result<(), StoreError> {
        let row = ActiveModel { last_used_at: Set(Some(text::micros(at))), ..ActiveModel::default() };
        let query = Entity::update_many().set(row).filter(Column::Id.eq(id.to_string()));
        query.exec(self.connection()).await.map(drop).map_err(|error| self.fail(error))
    }

    /// Takes away what expired before this time, and says how much.
    pub async fn tokens_prune(&mut self, before: Timestamp) -> Result<u64, StoreError> {
        let is_old = Column::ExpiresAt.lt(text::micros(before));
        let done = Entity::delete_many().filter(is_old).exec(self.connection()).await;
        done.map(|done| done.rows_affected).map_err(|error| self.fail(error))
    }
}

fn to_row(token: &Token, hash: &str) -> Result<ActiveModel, DbErr> {
    Ok(ActiveModel {
        id: Set(token.id.to_string()),
        kind: Set(token.kind.as_str().to_owned()),
        name: Set(token.name.clone()),
        hash: Set(hash.to_owned()),
        scopes: Set(text::json(&token.scopes)?),
        created_at: Set(text::micros(token.created_at)),
        created_by: Set(token.created_by.clone()),
        expires_at: Set(token.expires_at.map(text::micros)),
        last_used_at: Set(token.last_used_at.map(text::micros)),
    })
}

fn from_row(row: Model) -> Result<Token, DbErr> {
    let kind = TokenKind::of_word(&row.kind);
    Ok(Token {
        id: text::parse(&row.id)?,
        kind: kind.ok_or_else(|| DbErr::Type(format!("'{}' is no kind of token", row.kind)))?,
        name: row.name,
        scopes: text::from_json(&row.scopes)?,
        created_at: text::from_micros(row.created_at)?,
        created_by: row.created_by,
        expires_at: row.expires_at.map(text::from_micros).transpose()?,
        last_used_at: row.last_used_at.map(text::from_micros).transpose()?,
    })
}

//! Tokens: found by hash, named once, gone when they are removed. On both databases.

use muster_model::{
    Scope, Timestamp, TokenId,
    access::{Token, TokenKind},
};
use muster_store::{Priority, Store};

use crate::world::{World, at};

suite! {
    a_token_is_found_by_its_hash_until_it_is_removed,
    two_programs_have_two_names,
    what_has_expired_is_taken_away,
}

fn token(number: u8, kind: TokenKind, name: &str) -> Token {
    Token {
        id: TokenId::new(at(i64::from(number)), [number; 10]),
        kind,
        name: name.to_owned(),
        scopes: [Scope::Write].into_iter().collect(),
        created_at: at(i64::from(number)),
        created_by: "ada".to_owned(),
        expires_at: None,
        last_used_at: None,
    }
}

async fn add(store: &Store, token: &Token, hash: &str) -> bool {
    let mut tx = store.begin(Priority::Interactive).await.unwrap();
    let is_added = tx.token_add(token, hash).await.unwrap();
    tx.commit().await.unwrap();
    is_added
}

async fn a_token_is_found_by_its_hash_until_it_is_removed(world: World) {
    let store = world.open().await;
    let one = token(1, TokenKind::Api, "ci");
    let session = Token { expires_at: Some(at(99)), ..token(2, TokenKind::Session, "ada") };
    assert!(add(&store, &one, "aa").await && add(&store, &session, "bb").await);
    assert_eq!(store.token_by_hash("aa").await.unwrap(), Some(one.clone()));
    assert_eq!(store.token_by_hash("bb").await.unwrap(), Some(session.clone()));
    assert_eq!(store.token_by_hash("cc").await.unwrap(), None);
    assert_eq!(store.tokens(TokenKind::Api).await.unwrap(), std::slice::from_ref(&one));

    let mut tx = store.begin(Priority::Background).await.unwrap();
    tx.token_used(one.id, at(50)).await.unwrap();
    assert_eq!(tx.tokens_remove(TokenKind::Session).await.unwrap(), 1);
    tx.commit().await.unwrap();
    assert_eq!(store.token_by_hash("aa").await.unwrap().unwrap().last_used_at, Some(at(50)));
    assert_eq!(store.token_by_hash("bb").await.unwrap(), None);

    let mut tx = store.begin(Priority::Background).await.unwrap();
    assert!(tx.token_remove(one.id).await.unwrap());
    assert!(!tx.token_remove(one.id).await.unwrap());
    tx.commit().await.unwrap();
    assert!(store.tokens(TokenKind::Api).await.unwrap().is_empty());
}

async fn two_programs_have_two_names(world: World) {
    let store = world.open().await;
    assert!(add(&store, &token(1, TokenKind::Api, "ci"), "aa").await);
    assert!(!add(&store, &token(2, TokenKind::Api, "ci"), "bb").await);
    assert_eq!(store.token_by_hash("bb").await.unwrap(), None);
    // One person signs in on two machines.
    assert!(add(&store, &token(3, TokenKind::Session, "ci"), "cc").await);
    assert!(add(&store, &token(4, TokenKind::Session, "ci"), "dd").await);
}

async fn what_has_expired_is_taken_away(world: World) {
    let store = world.open().await;
    let ends = |number, end: Option<Timestamp>| Token {
        expires_at: end,
        ..token(number, TokenKind::Session, "ada")
    };
    for (number, end, hash) in [(1, None, "aa"), (2, Some(at(10)), "bb"), (3, Some(at(20)), "cc")] {
        assert!(add(&store, &ends(number, end), hash).await);
    }
    let mut tx = store.begin(Priority::Background).await.unwrap();
    assert_eq!(tx.tokens_prune(at(20)).await.unwrap(), 1);
    tx.commit().await.unwrap();
    assert_eq!(store.token_by_hash("bb").await.unwrap(), None);
    assert!(store.token_by_hash("aa").await.unwrap().is_some());
    assert!(store.token_by_hash("cc").await.unwrap().is_some());
}

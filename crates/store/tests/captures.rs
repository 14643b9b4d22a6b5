//! Captured bodies, on each engine: who finds them, and when they go.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that can't go on fails")]

mod common;

use common::{config, each, page};
use magic_domain::ids::{TokenId, UserId};
use magic_domain::money::Nano;
use magic_store::captures::{Body, NewCapture};
use magic_store::tokens::{NewToken, TokenChange};
use magic_store::users::NewUser;
use magic_store::{Config, Dsn, Store};
use magic_testkit::db::{Database, Engine, database, sql};
use std::path::Path;

async fn token(store: &Store, user: UserId) -> TokenId {
    let new = NewToken { user_id: user, name: "t".into(), capture: true, ..NewToken::default() };
    store.create_token(new).await.unwrap().0.id
}

fn capture(id: &str, user: UserId, token: TokenId, at: i64) -> NewCapture {
    let body = |text: &str, bytes| Body { text: text.into(), bytes, truncated: bytes > 20 };
    let (request, answer) = (body("{\"a\": \"what was asked\"}", 22), body("what was told é", 16));
    NewCapture { request_id: id.into(), user, token, at, request, answer }
}

async fn ids(store: &Store, user: UserId) -> Vec<String> {
    let (rows, total) = store.captures(user, None, 0, page()).await.unwrap();
    assert_eq!(rows.len() as i64, total);
    rows.into_iter().map(|row| row.request_id).collect()
}

async fn user(store: &Store, name: &str) -> UserId {
    let new = NewUser { username: name.into(), balance: Nano::ZERO, ..NewUser::default() };
    store.create_user(new).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_capture_is_sealed_and_its_owners() {
    each(async |store, database| {
        let (mine, other) = (UserId(1), user(&store, "other").await);
        let token = token(&store, mine).await;
        let new = capture("r1", mine, token, 1_000);
        assert!(store.keep_capture(new.clone()).await.unwrap());
        let found = store.capture("r1", mine).await.unwrap().unwrap();
        assert_eq!((&found.request, &found.answer), (&new.request, &new.answer));
        assert_eq!((found.row.token, found.row.at), (token, 1_000));
        assert!(store.capture("r1", other).await.unwrap().is_none());
        assert!(!store.delete_capture("r1", other).await.unwrap());
        assert_eq!(store.delete_captures(other, Some(token)).await.unwrap(), 0);
        assert_eq!(store.capture_owner("r1", 1_000).await.unwrap(), Some(mine));
        assert_eq!(store.capture_owner("r1", 1_001).await.unwrap(), None, "it has expired");
        assert_eq!(store.captures(mine, None, 1_001, page()).await.unwrap().1, 0);
        assert_eq!(store.captures(mine, Some(TokenId(99)), 0, page()).await.unwrap().1, 0);
        // Nothing of it can be read in the database, and it opens in its own row alone.
        sql(database, "UPDATE magic_captures SET request_id = 'r2' WHERE request_sealed LIKE 'v1:%' AND request_sealed NOT LIKE '%asked%'").await;
        assert!(store.capture("r2", mine).await.is_err());
        assert!(store.delete_capture("r2", mine).await.unwrap());
        assert!(store.capture("r2", mine).await.unwrap().is_none());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_wants_any_more_is_not_kept() {
    each(async |store, _| {
        let mine = UserId(1);
        let (kept, gone) = (token(&store, mine).await, token(&store, mine).await);
        let change = |capture| TokenChange { capture: Some(capture), ..TokenChange::default() };
        store.update_token(mine, kept, change(false)).await.unwrap();
        assert!(!store.keep_capture(capture("r1", mine, kept, 1)).await.unwrap(), "the switch is off");
        store.update_token(mine, kept, change(true)).await.unwrap();
        assert!(store.keep_capture(capture("r2", mine, kept, 1)).await.unwrap());
        assert!(!store.keep_capture(capture("r3", UserId(2), kept, 1)).await.unwrap(), "another's token");
        assert!(store.keep_capture(capture("r4", mine, gone, 1)).await.unwrap());
        store.delete_token(mine, gone).await.unwrap();
        assert_eq!(ids(&store, mine).await, ["r2"], "captures go with their token");
        assert!(!store.keep_capture(capture("r5", mine, gone, 1)).await.unwrap(), "the token is gone");

        let other = user(&store, "other").await;
        let theirs = token(&store, other).await;
        assert!(store.keep_capture(capture("r6", other, theirs, 1)).await.unwrap());
        store.delete_user(other).await.unwrap();
        assert!(ids(&store, other).await.is_empty(), "captures go with their user");
        assert!(!store.keep_capture(capture("r7", other, theirs, 1)).await.unwrap());
        assert_eq!(ids(&store, mine).await, ["r2"]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn captures_expire_and_stay_within_their_room() {
    each(async |store, database| {
        let mine = UserId(1);
        let token = token(&store, mine).await;
        for (id, at) in [("a", 100), ("b", 200), ("c", 300), ("d", 400), ("e", 500)] {
            assert!(store.keep_capture(capture(id, mine, token, at)).await.unwrap());
        }
        let size = store.captures(mine, None, 0, page()).await.unwrap().0[0].size;
        assert_eq!(store.prune_captures(200, i64::MAX).await.unwrap(), 1);
        assert_eq!(ids(&store, mine).await, ["e", "d", "c", "b"]);
        assert_eq!(store.prune_captures(0, 4 * size).await.unwrap(), 0);
        assert_eq!(store.prune_captures(0, 3 * size - 1).await.unwrap(), 2);
        assert_eq!(ids(&store, mine).await, ["e", "d"]);
        assert_eq!(store.delete_logs(500).await.unwrap(), 0);
        assert_eq!(ids(&store, mine).await, ["e"], "the log is cleared up to there");
        // A token that went without us, as those of a file do.
        sql(database, "DELETE FROM magic_tokens WHERE name = 't'").await;
        assert_eq!(store.prune_captures(0, i64::MAX).await.unwrap(), 1);
        let left = self::token(&store, mine).await;
        assert!(store.keep_capture(capture("f", mine, left, 1)).await.unwrap());
        assert_eq!(store.prune_captures(0, 0).await.unwrap(), 1, "no room at all");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn captures_are_where_the_log_is() {
    let (main, logs) = (database(Engine::Sqlite), database(Engine::Postgres));
    let log_dsn = Some(Dsn::parse(&logs.dsn, Path::new("unused")).unwrap());
    let store = Store::open(Config { log_dsn, ..config(&main) }).await.unwrap();
    let mine = UserId(1);
    let token = token(&store, mine).await;
    assert!(store.keep_capture(capture("r1", mine, token, 1)).await.unwrap());
    let move_to = |database: &Database| {
        let text = "UPDATE magic_captures SET created_at = 7".to_owned();
        let dsn = Database {
            dsn: database.dsn.clone(),
            engine: database.engine,
            dir: tempfile::tempdir().unwrap(),
        };
        async move { sql(&dsn, &text).await }
    };
    move_to(&main).await;
    assert_eq!(store.capture("r1", mine).await.unwrap().unwrap().row.at, 1);
    move_to(&logs).await;
    assert_eq!(store.capture("r1", mine).await.unwrap().unwrap().row.at, 7);
    assert_eq!(store.prune_captures(0, i64::MAX).await.unwrap(), 0, "its token is in the other database");
    store.delete_token(mine, token).await.unwrap();
    assert!(store.capture("r1", mine).await.unwrap().is_none());
    store.close().await;
}

//! Passkeys and their challenges on SQLite, MariaDB and PostgreSQL.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that can't go on fails")]

mod common;

use common::each;
use futures::future::join_all;
use magic_domain::ids::UserId;
use magic_domain::secret::Secret;
use magic_store::passkeys::{Ceremony, Challenged, Counted, LIFETIME, PASSKEYS_MAX, Passkey};
use magic_store::totp::{Shown, Verdict};
use magic_store::users::NewUser;
use magic_store::{Store, StoreError};
use magic_testkit::db::sql;

async fn user(store: &Store, name: &str) -> UserId {
    store.create_user(NewUser { username: name.into(), ..NewUser::default() }).await.unwrap()
}

/// A passkey as long as any may be.
fn passkey(user: UserId, number: usize) -> Passkey {
    Passkey {
        id: 0,
        user,
        credential_id: format!("{number:01364}"),
        public_key: "k".repeat(2731),
        algorithm: -257,
        counter: 0,
        handle: "h".repeat(64),
        rp_id: "gate.example.com".into(),
        name: "ü".repeat(64),
        transports: r#"["internal","hybrid"]"#.into(),
        synced: true,
        created_time: 0,
        used_time: 0,
    }
}

fn code(text: &str) -> Secret {
    Secret::new(text)
}

async fn add(store: &Store, user: UserId, number: usize) -> Result<(Passkey, bool), StoreError> {
    store.add_passkey(passkey(user, number), vec![code("AAAA"), code("BBBB")]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_challenge_is_good_once_for_one_thing_and_for_a_while() {
    each(async |store, database| {
        let alice = user(&store, "alice").await;
        let made = async |ceremony| {
            let challenge = store.challenge(ceremony, Some((alice, 7)), "handle").await.unwrap();
            challenge.expose().to_owned()
        };
        let take = async |ceremony, text: &str| store.take_challenge(ceremony, text).await.unwrap();
        let challenge = made(Ceremony::Register).await;
        assert_eq!(challenge.len(), 64);
        let wanted = Challenged { user: Some(alice), epoch: 7, handle: "handle".into() };
        let all = join_all((0..8).map(async |_| take(Ceremony::Register, &challenge).await)).await;
        let taken: Vec<Challenged> = all.into_iter().flatten().collect();
        assert_eq!(taken, [wanted], "{:?}", database.engine);

        let kinds = [Ceremony::Register, Ceremony::SignIn, Ceremony::Factor];
        for kind in kinds {
            for other in kinds.into_iter().filter(|other| *other != kind) {
                let challenge = made(kind).await;
                assert_eq!(take(other, &challenge).await, None);
                assert_eq!(take(kind, &challenge).await, None, "and gone with it");
            }
        }
        let anybody = store.challenge(Ceremony::SignIn, None, "").await.unwrap();
        assert_eq!(take(Ceremony::SignIn, anybody.expose()).await, Some(Challenged::default()));

        let age = async |seconds: i64| {
            let statement =
                format!("UPDATE magic_passkey_challenges SET expires_at = expires_at - {seconds}");
            sql(database, &statement).await;
        };
        let challenge = made(Ceremony::Factor).await;
        age(LIFETIME - 30).await;
        assert!(take(Ceremony::Factor, &challenge).await.is_some());
        let challenge = made(Ceremony::Factor).await;
        age(LIFETIME + 1).await;
        assert_eq!(take(Ceremony::Factor, &challenge).await, None);
        assert_eq!(take(Ceremony::Factor, "").await, None);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn passkeys_are_kept_whole_each_once_and_twenty_at_most() {
    each(async |store, database| {
        let (alice, bob) = (user(&store, "alice").await, user(&store, "bob").await);
        let (kept, first) = add(&store, alice, 0).await.unwrap();
        let Passkey { id, created_time, .. } = kept;
        assert!(first && id > 0 && created_time > 0);
        assert_eq!(kept, Passkey { id, created_time, ..passkey(alice, 0) });
        assert_eq!(store.passkey_of(&kept.credential_id).await.unwrap().as_ref(), Some(&kept));
        assert_eq!(store.passkey_of("another").await.unwrap(), None);
        assert!(matches!(add(&store, bob, 0).await, Err(StoreError::Conflict(_))), "{:?}", database.engine);
        // All at once, and the same one twice.
        let more = join_all((1..=PASSKEYS_MAX + 3).map(async |n| add(&store, alice, n).await)).await;
        assert_eq!(
            more.iter().filter(|made| made.is_ok()).count(),
            PASSKEYS_MAX - 1,
            "{:?}",
            database.engine
        );
        let twice = join_all((0..2).map(async |_| add(&store, bob, 100).await)).await;
        assert_eq!(twice.iter().filter(|made| made.is_ok()).count(), 1);
        assert_eq!(store.passkeys(alice).await.unwrap().len(), PASSKEYS_MAX);

        assert!(!store.rename_passkey(bob, id, "mine").await.unwrap());
        assert!(store.rename_passkey(alice, id, "phone").await.unwrap());
        assert!(store.rename_passkey(alice, id, "phone").await.unwrap(), "the same name is no other passkey");
        assert_eq!(store.passkeys(alice).await.unwrap()[0].name, "phone");
        assert!(!store.remove_passkey(bob, id).await.unwrap());
        assert!(store.remove_passkey(alice, id).await.unwrap());
        assert_eq!(store.count_passkey(id, 1).await.unwrap(), Counted::Gone);
        assert!(store.remove_passkeys(alice).await.unwrap() && !store.remove_passkeys(alice).await.unwrap());
        assert_eq!(store.passkeys(bob).await.unwrap().len(), 1);
        store.delete_user(bob).await.unwrap();
        assert_eq!(store.passkeys(bob).await.unwrap(), []);
        assert_eq!(store.recovery_codes(bob).await.unwrap(), 0);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn signatures_count_upwards() {
    each(async |store, database| {
        let alice = user(&store, "alice").await;
        let (kept, _) = add(&store, alice, 0).await.unwrap();
        let count = async |counter| store.count_passkey(kept.id, counter).await.unwrap();
        assert_eq!((count(0).await, count(0).await), (Counted::Right, Counted::Right), "it does not count");
        assert_eq!(count(5).await, Counted::Right);
        for counter in [5, 4, 0] {
            assert_eq!(count(counter).await, Counted::Backwards(5));
        }
        let all = join_all((0..8).map(async |_| count(i64::from(u32::MAX)).await)).await;
        let right = all.iter().filter(|counted| **counted == Counted::Right).count();
        assert_eq!(right, 1, "{:?}: {all:?}", database.engine);
        assert!(store.passkeys(alice).await.unwrap()[0].used_time > 0);
    })
    .await;
}

#[tokio::test]
async fn recovery_codes_stay_while_there_is_a_factor() {
    each(async |store, _| {
        let alice = user(&store, "alice").await;
        let left = async || store.recovery_codes(alice).await.unwrap();
        let spend = async |text: &str| {
            let shown = Shown { step: None, recovery: Some(code(text)) };
            store.totp_spend(alice, shown).await.unwrap()
        };
        let (first, fresh) = add(&store, alice, 0).await.unwrap();
        assert_eq!((fresh, left().await), (true, 2));
        assert_eq!((spend("AAAA").await, spend("AAAA").await), (Verdict::Right, Verdict::Wrong));
        let (second, fresh) = add(&store, alice, 1).await.unwrap();
        assert_eq!((fresh, left().await), (false, 1));
        store.totp_begin(alice, Secret::new("ABCDEFGH")).await.unwrap();
        let codes = vec![code("CCCC"), code("DDDD"), code("EEEE")];
        assert_eq!(store.totp_activate(alice, Some(1), codes).await.unwrap(), Verdict::Right);
        assert_eq!(left().await, 3);
        assert!(store.totp_remove(alice).await.unwrap());
        assert_eq!(left().await, 3, "two passkeys are left");
        store.remove_passkey(alice, first.id).await.unwrap();
        assert_eq!(left().await, 3);
        store.remove_passkey(alice, second.id).await.unwrap();
        assert_eq!(left().await, 0);

        // What was begun before there was a factor is not gone on with.
        store.totp_begin(alice, Secret::new("ABCDEFGH")).await.unwrap();
        let begun = store.challenge(Ceremony::Register, Some((alice, 0)), "h").await.unwrap();
        add(&store, alice, 2).await.unwrap();
        assert!(store.totp(alice).await.unwrap().is_none());
        assert_eq!(store.take_challenge(Ceremony::Register, begun.expose()).await.unwrap(), None);

        let root = UserId(1);
        add(&store, root, 3).await.unwrap();
        store.reset_root_password(Secret::new("a new password")).await.unwrap();
        assert_eq!(
            (store.passkeys(root).await.unwrap().len(), store.recovery_codes(root).await.unwrap()),
            (0, 0)
        );
    })
    .await;
}

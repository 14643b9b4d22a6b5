//! The ledger as people read it, on SQLite, MariaDB and PostgreSQL.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that can't go on fails")]

mod common;

use common::{call, each, page};
use magic_domain::ids::{RequestId, UserId};
use magic_domain::money::Nano;
use magic_domain::usage::Mark;
use magic_store::Store;
use magic_store::ledger::{AdjustKind, Change, Posted};
use magic_store::logs::LogFilter;
use magic_store::movements::{Movement, MovementFilter};
use magic_store::posted::Posting;
use magic_store::users::NewUser;
use magic_testkit::db::sql;
use std::time::Duration;

async fn user(store: &Store, name: &str) -> UserId {
    let id = store.create_user(NewUser { username: name.into(), ..NewUser::default() }).await.unwrap();
    store.adjust(id, Change::By(Nano(1_000)), AdjustKind::TopUp, "a gift of money").await.unwrap();
    id
}

async fn movements(store: &Store, user: UserId, kind: &str) -> Vec<Movement> {
    let filter = MovementFilter { user_id: user.0, kind: kind.into(), ..MovementFilter::default() };
    store.movements(filter, 100).await.unwrap()
}

fn short(rows: &[Movement]) -> Vec<(&str, i64, &str)> {
    rows.iter().map(|row| (row.kind.as_str(), row.amount.0, row.against.as_str())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn movements_are_found_by_user_kind_and_request() {
    each(async |store, database| {
        let (alice, bob) = (user(&store, "alice").await, user(&store, "bob").await);
        let batch = vec![
            call(1, alice, 100, 70, Mark::Reported),
            call(2, bob, 100, 0, Mark::Void),
            call(3, alice, 100, 130, Mark::Reported),
        ];
        store.post("e1", batch).await.unwrap();
        let wanted = [
            ("overrun", -30, "revenue:1"),
            ("settle", -100, "revenue:1"),
            ("settle", -70, "revenue:1"),
            ("topup", 1_000, "adjustment"),
        ];
        let rows = movements(&store, alice, "").await;
        assert_eq!(short(&rows), wanted);
        assert!(rows.iter().all(|row| row.username == "alice" && row.user_id == alice.0));
        assert_eq!((rows[3].note.as_str(), rows[1].reserved), ("a gift of money", Nano(100)));
        assert_eq!(short(&movements(&store, alice, "overrun").await), wanted[..1]);
        assert_eq!(
            short(&movements(&store, bob, "").await),
            [("void", 0, ""), ("topup", 1_000, "adjustment")]
        );
        let request_id = RequestId(3).to_string();
        let one = MovementFilter { request_id, ..MovementFilter::default() };
        assert_eq!(short(&store.movements(one, 100).await.unwrap()), wanted[..2]);

        // A walk meets each once, with and without a filter.
        for user_id in [0, alice.0] {
            let all = store.movements(MovementFilter { user_id, ..MovementFilter::default() }, 100).await;
            let (all, mut walked, mut before) = (all.unwrap(), Vec::new(), 0);
            loop {
                let filter = MovementFilter { user_id, before, ..MovementFilter::default() };
                let rows = store.movements(filter, 2).await.unwrap();
                let Some(last) = rows.last() else { break };
                before = last.id;
                walked.extend(rows);
            }
            assert_eq!(walked, all);
        }

        // As an older version has written them: found by user once a job has been there.
        sql(database, "UPDATE magic_ledger_events SET user_id = NULL").await;
        assert_eq!(movements(&store, alice, "").await, []);
        let everything = store.movements(MovementFilter::default(), 100).await.unwrap();
        assert_eq!(everything.iter().filter(|row| row.user_id == alice.0).count(), 4, "entries tell it too");
        let mut found = 0;
        loop {
            match store.follow_owners(2).await.unwrap() {
                0 => break,
                count => found += count,
            }
        }
        assert_eq!(found as usize, everything.len());
        assert_eq!(short(&movements(&store, alice, "").await), wanted);
        let unknown = MovementFilter { kind: "theft".into(), ..MovementFilter::default() };
        assert!(store.movements(unknown, 1).await.is_err());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proof_is_remembered() {
    each(async |store, database| {
        let alice = user(&store, "alice").await;
        assert_eq!(store.last_verified().await.unwrap(), None);
        let good = store.verify_within(Duration::from_secs(60)).await.unwrap();
        assert!(good.checks.len() == 7 && good.checks.iter().all(|check| check.ok), "{good:?}");
        assert_eq!(store.last_verified().await.unwrap(), Some(good));
        let (rows, _) = store.users(page(), None).await.unwrap();
        let sum: i64 = rows.iter().map(|row| row.balance.0).sum();
        let all = store.balances().await.unwrap();
        assert_eq!((all.users, all.sum.0), (rows.len() as i64, sum));

        sql(database, &format!("UPDATE magic_users SET balance = balance + 1 WHERE id = {}", alice.0)).await;
        let bad = store.verify_within(Duration::from_secs(60)).await.unwrap();
        let broken: Vec<_> = bad.checks.iter().filter(|check| !check.ok).map(|check| &check.name).collect();
        assert_eq!(broken, ["L2"]);
        assert_eq!(store.last_verified().await.unwrap(), Some(bad));
        sql(database, &format!("UPDATE magic_users SET balance = balance - 1 WHERE id = {}", alice.0)).await;
    })
    .await;
}

/// Whoever clears the log up to the end of time clears what there is; the books are read as before.
#[tokio::test(flavor = "multi_thread")]
async fn a_log_cleared_up_to_the_end_of_time_goes_on() {
    each(async |store, _| {
        let user = user(&store, "u").await;
        assert!(store.delete_logs(i64::MAX).await.unwrap() > 0);
        assert!(store.verify().await.unwrap().iter().all(|check| check.ok));
        store.adjust(user, Change::By(Nano(1)), AdjustKind::TopUp, "after that").await.unwrap();
        let rows = store.logs(LogFilter::default(), 0, 10).await.unwrap().0;
        assert_eq!(rows.len(), 1, "what came later stays");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_has_forgotten_a_batch_is_found_out() {
    each(async |store, database| {
        let owner = user(&store, "alice").await;
        let bill = |n| vec![call(n, owner, 10, 10, Mark::Reported)];
        let left = async || store.user(owner).await.unwrap().unwrap().balance;
        let done = |new, known| Posting::Done(Posted { new, known });
        assert_eq!(store.post_nth("e", 1, bill(1)).await.unwrap(), done(1, 0));
        assert_eq!(store.post_nth("e", 2, bill(2)).await.unwrap(), done(1, 0));
        // The answer to the commit did not get through, and it comes again.
        assert_eq!(store.post_nth("e", 2, bill(2)).await.unwrap(), done(0, 1));
        assert_eq!((left().await, store.watch("e").await.unwrap().batches), (Nano(980), 2));
        assert_eq!(store.post_nth("e", 4, bill(4)).await.unwrap(), Posting::Rewound(2));
        sql(database, "UPDATE magic_posted SET batches = 1").await;
        assert_eq!(store.post_nth("e", 3, bill(3)).await.unwrap(), Posting::Rewound(1));
        sql(database, "DELETE FROM magic_posted").await;
        assert_eq!(store.post_nth("e", 3, bill(3)).await.unwrap(), Posting::Rewound(0));
        assert_eq!((left().await, store.watch("e").await.unwrap().batches), (Nano(980), 0));
        assert_eq!(store.post_nth("e", 1, bill(3)).await.unwrap(), done(1, 0));
        assert_eq!(store.post_nth("other", 1, bill(5)).await.unwrap(), done(1, 0));
        store.release_epoch("e").await.unwrap();
        assert_eq!((left().await, store.watch("e").await.unwrap().batches), (Nano(960), 0));
        assert_eq!(store.watch("other").await.unwrap().batches, 1);
    })
    .await;
}

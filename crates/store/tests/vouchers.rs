//! Vouchers, payments and the audit trail on SQLite, MariaDB and PostgreSQL.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that can't go on fails")]

mod common;

use common::{config, each, page};
use futures::future::join_all;
use magic_domain::ids::UserId;
use magic_domain::money::Nano;
use magic_domain::secret::Secret;
use magic_store::audit::{AuditFilter, Entry};
use magic_store::ledger::{AdjustKind, Change};
use magic_store::tokens::{NewToken, TokenChange};
use magic_store::users::{NewUser, Page};
use magic_store::vouchers::{NewVouchers, VoucherChange, VoucherFilter, VoucherRow, voucher_status};
use magic_store::{Store, StoreError};
use magic_testkit::db::{Engine, database, sql};
use proptest::prelude::*;

async fn user(store: &Store, name: &str) -> UserId {
    store.create_user(NewUser { username: name.into(), ..NewUser::default() }).await.unwrap()
}

async fn balance(store: &Store, user: UserId) -> Nano {
    store.user(user).await.unwrap().unwrap().balance
}

async fn sum_of_balances(store: &Store) -> i64 {
    let page = Page { offset: 0, limit: 1000, order: String::new() };
    store.users(page, None).await.unwrap().0.iter().map(|user| user.balance.0).sum()
}

async fn vouchers(store: &Store, count: usize, expired_time: i64, key: Option<&str>) -> Vec<VoucherRow> {
    let new = NewVouchers {
        user_id: UserId(1),
        name: "promo".into(),
        amount: Nano(5_000_000),
        count,
        expired_time,
        idempotency_key: key.map(str::to_owned),
    };
    store.create_vouchers(new).await.unwrap()
}

fn code(row: &VoucherRow) -> Secret {
    row.code.clone().unwrap()
}

/// `MAGIC_ROUNDS=1000` for the long run.
fn rounds() -> usize {
    std::env::var("MAGIC_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(10)
}

#[tokio::test(flavor = "multi_thread")]
async fn of_fifty_at_once_one_redeems() {
    each(async |store, database| {
        let users = join_all((0..50).map(async |n| user(&store, &format!("u{n}")).await)).await;
        let mut rows = Vec::new();
        while rows.len() < rounds() {
            rows.extend(vouchers(&store, 100.min(rounds() - rows.len()), -1, None).await);
        }
        for row in &rows {
            let tries = join_all(users.iter().map(async |id| store.redeem(*id, &code(row)).await)).await;
            let won = tries.iter().filter(|try_| **try_ == Ok(Nano(5_000_000))).count();
            let lost = tries.iter().filter(|try_| matches!(try_, Err(StoreError::Conflict(_)))).count();
            assert_eq!((won, lost), (1, 49), "{:?}: {tries:?}", database.dsn);
        }
        let sum: i64 = join_all(users.iter().map(async |id| balance(&store, *id).await.0)).await.iter().sum();
        assert_eq!(sum, 5_000_000 * rows.len() as i64);
    })
    .await;
}

#[tokio::test]
async fn a_voucher_is_money_only_while_it_is_valid() {
    each(async |store, _| {
        let id = user(&store, "u").await;
        let refused = async |row: &VoucherRow, words: &str| {
            let error = store.redeem(id, &code(row)).await.unwrap_err();
            assert!(error.to_string().contains(words), "{error}");
        };
        let old = &vouchers(&store, 1, 1000, None).await[0];
        refused(old, "expired").await;
        let change = VoucherChange {
            expired_time: Some(-1),
            status: Some(voucher_status::DISABLED),
            ..Default::default()
        };
        store.update_voucher(old.id, change).await.unwrap();
        refused(old, "disabled").await;
        let change = VoucherChange {
            status: Some(voucher_status::ENABLED),
            amount: Some(Nano(7)),
            ..Default::default()
        };
        store.update_voucher(old.id, change.clone()).await.unwrap();
        assert_eq!(store.redeem(id, &code(old)).await.unwrap(), Nano(7));
        assert_eq!(balance(&store, id).await, Nano(7));
        refused(old, "has been used").await;
        assert!(matches!(store.update_voucher(old.id, change).await, Err(StoreError::Conflict(_))));
        assert_eq!(store.redeem(id, &Secret::new("nonsense")).await, Err(StoreError::NotFound("voucher")));
        let row = store.voucher(old.id).await.unwrap().unwrap();
        assert_eq!((row.status, row.redeemed_by), (voucher_status::USED, id.0));
        assert!(row.redeemed_time > 0);
        store.delete_voucher(old.id).await.unwrap();
        assert_eq!(store.vouchers(page(), VoucherFilter::default()).await.unwrap().1, 0);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_and_a_payment_with_a_key_are_made_once() {
    each(async |store, _| {
        let batches = join_all((0..8).map(async |_| vouchers(&store, 3, -1, Some("k")).await)).await;
        let ids = |rows: &[VoucherRow]| rows.iter().map(|row| row.id).collect::<Vec<_>>();
        assert!(batches.iter().all(|rows| ids(rows) == ids(&batches[0])));
        assert_eq!(store.vouchers(page(), VoucherFilter::default()).await.unwrap().1, 3);
        let id = user(&store, "u").await;
        let paid =
            join_all((0..8).map(async |_| store.top_up_once(id, Nano(9), "paid", "p1").await.unwrap())).await;
        assert_eq!(paid.iter().filter(|new| **new).count(), 1);
        assert_eq!(balance(&store, id).await, Nano(9));
        let other = store.top_up_once(id, Nano(10), "paid", "p1").await;
        assert!(matches!(other, Err(StoreError::Invalid(_))), "{other:?}");
        assert_eq!(balance(&store, id).await, Nano(9));
    })
    .await;
}

#[tokio::test]
async fn a_low_balance_is_told_once_until_it_is_filled_up() {
    each(async |store, database| {
        for (name, email) in [("poor", "poor@example.com"), ("rich", "rich@example.com"), ("mute", "")] {
            let new = NewUser {
                username: name.into(),
                email: email.into(),
                balance: Nano(50),
                ..NewUser::default()
            };
            store.create_user(new).await.unwrap();
        }
        let names = async || {
            let taken = store.take_reminders(Nano(100)).await.unwrap();
            taken.into_iter().map(|reminder| reminder.email).collect::<Vec<_>>()
        };
        assert!(names().await.is_empty(), "who has spent nothing is not reminded");
        sql(database, "UPDATE magic_users SET used = 1").await;
        let poor = store.user_by_name("poor").await.unwrap().unwrap().id;
        let rich = store.user_by_name("rich").await.unwrap().unwrap().id;
        store.top_up_once(rich, Nano(50), "", "r").await.unwrap();
        assert_eq!(names().await, ["poor@example.com"]);
        assert!(names().await.is_empty());
        store.top_up_once(poor, Nano(60), "", "p").await.unwrap();
        assert!(names().await.is_empty());
        store.adjust(poor, Change::By(Nano(-100)), AdjustKind::Manual, "").await.unwrap();
        assert_eq!(names().await, ["poor@example.com"]);
    })
    .await;
}

/// The database holds neither a code nor a way to one.
#[tokio::test]
async fn codes_are_not_in_the_database() {
    let database = database(Engine::Sqlite);
    let store = Store::open(config(&database)).await.unwrap();
    let rows = vouchers(&store, 5, -1, None).await;
    store.close().await;
    let path =
        database.dsn.strip_prefix("sqlite:").unwrap_or(&database.dsn).split('?').next().unwrap().to_owned();
    let bytes =
        [std::fs::read(&path).unwrap(), std::fs::read(format!("{path}-wal")).unwrap_or_default()].concat();
    assert!(bytes.len() > 1000);
    for row in rows {
        let text = code(&row).expose().to_owned();
        assert!(!bytes.windows(text.len()).any(|window| window == text.as_bytes()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_audit_trail_shows_what_was_taken_out_of_it() {
    each(async |store, database| {
        let entry =
            |n: i64| Entry { at_ms: n, username: format!("u{n}"), detail: "{}".into(), ..Entry::default() };
        join_all((0..20).map(|n| store.audit(entry(n)))).await.into_iter().for_each(|done| done.unwrap());
        let chain = store.verify_audit().await.unwrap();
        assert_eq!((chain.rows, chain.broken_at), (20, None));
        let rows = store.audit_rows(AuditFilter { before: 11, ..AuditFilter::default() }, 3).await.unwrap();
        assert_eq!(rows.iter().map(|row| row.id).collect::<Vec<_>>(), [10, 9, 8]);
        for (what, at) in [
            ("UPDATE magic_audit SET username = 'x' WHERE id = 7", 7),
            ("DELETE FROM magic_audit WHERE id = 5", 6),
            ("DELETE FROM magic_audit WHERE id >= 3", 3),
        ] {
            sql(database, what).await;
            assert_eq!(store.verify_audit().await.unwrap().broken_at, Some(at), "{what}");
        }
    })
    .await;
}

#[derive(Debug, Clone)]
enum Act {
    Create(u32, bool),
    Edit(usize, u32, bool),
    Delete(usize),
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        (any::<u32>(), any::<bool>()).prop_map(|(quota, unlimited)| Act::Create(quota, unlimited)),
        (0..4usize, any::<u32>(), any::<bool>())
            .prop_map(|(at, quota, unlimited)| Act::Edit(at, quota, unlimited)),
        (0..4usize).prop_map(Act::Delete),
    ]
}

/// Tokens cap what may be spent; they hold no money: nothing done to them moves any.
#[test]
fn tokens_come_and_go_and_no_money_moves() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let database = database(Engine::Sqlite);
    let store = runtime.block_on(Store::open(config(&database))).unwrap();
    let owner = runtime.block_on(user(&store, "owner"));
    runtime.block_on(store.top_up_once(owner, Nano(123_456_789), "", "start")).unwrap();
    let before = runtime.block_on(sum_of_balances(&store));
    let config = ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() };
    proptest!(config, |(acts in proptest::collection::vec(act(), 1..12))| {
        runtime.block_on(async {
            let mut tokens = Vec::new();
            for act in acts {
                match act {
                    Act::Create(quota, unlimited) => {
                        let remain = Nano::from_quota(quota.into());
                        let new = NewToken { user_id: owner, remain, unlimited, ..NewToken::default() };
                        tokens.push(store.create_token(new).await.unwrap().0.id);
                    }
                    Act::Edit(at, quota, unlimited) if at < tokens.len() => {
                        let remain = Some(Nano::from_quota(quota.into()));
                        let change = TokenChange { remain, unlimited: Some(unlimited), ..TokenChange::default() };
                        store.update_token(owner, tokens[at], change).await.unwrap();
                    }
                    Act::Delete(at) if at < tokens.len() => {
                        store.delete_token(owner, tokens.remove(at)).await.unwrap();
                    }
                    Act::Edit(..) | Act::Delete(_) => {}
                }
            }
            assert_eq!(sum_of_balances(&store).await, before);
            assert_eq!(balance(&store, owner).await, Nano(123_456_789));
        });
    });
    assert!(runtime.block_on(store.verify()).unwrap().iter().all(|check| check.ok));
}

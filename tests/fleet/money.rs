//! Money that several nodes spend at once.

use super::{Fleet, SHARED, ask, login};
use crate::harness::{CUSTOMER_KEY, channel, customer, good, request};
use magic_testkit::db::redis;
use magic_testkit::vendor::Proto;
use serde_json::json;
use std::time::{Duration, Instant};

/// Ten calls are paid for; three nodes are asked five hundred times at once. Then what one node set aside and did not
/// need goes to the others, until all ten have been made.
#[tokio::test(flavor = "multi_thread")]
async fn five_hundred_calls_over_three_nodes_against_a_balance_for_ten() {
    for engine in SHARED {
        for with_redis in [false, true] {
            let vendor = good(Proto::H1);
            let priced = "[[models]]\nname = \"gpt-4o-mini\"\nper_request = 0.01\n".to_owned();
            let config = [priced, channel("a", &vendor, ""), customer(0.1)].concat();
            let fleet = Fleet::open(engine, &config, with_redis.then(redis), 3);
            let calls = (0..500).map(|at| fleet.nodes[at % 3].chat_as(CUSTOMER_KEY, &BODY));
            let answers = futures::future::join_all(calls).await;
            let admitted = |answers: &[magic_testkit::client::Answer]| {
                answers.iter().filter(|answer| answer.status == 200).count()
            };
            let mut total = admitted(&answers);
            assert!((1..=10).contains(&total), "{engine:?}: {total}");
            let first = total;
            let end = Instant::now() + Duration::from_secs(90);
            while total < 10 {
                assert!(Instant::now() < end, "{engine:?}: {total} of 10");
                let calls = fleet.nodes.iter().map(|node| node.chat_as(CUSTOMER_KEY, &BODY));
                total += admitted(&futures::future::join_all(calls).await);
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            let calls = (0..30).map(|at| fleet.nodes[at % 3].chat_as(CUSTOMER_KEY, &BODY));
            let more = futures::future::join_all(calls).await;
            assert!(more.iter().all(|answer| answer.status == 403), "{engine:?}: an eleventh");
            assert_eq!((total, vendor.hits()), (10, 10), "{engine:?}");
            fleet.nodes[0].logs(10).await;
            assert_eq!(fleet.quota("customer").await, 0, "{engine:?}");
            fleet.nodes[0].verify();
            println!("{engine:?}, Redis {with_redis}: {first} at once, then the rest");
        }
    }
}

static BODY: std::sync::LazyLock<serde_json::Value> = std::sync::LazyLock::new(|| request(false));

/// Many users on three nodes want one voucher: one gets it, once.
#[tokio::test(flavor = "multi_thread")]
async fn a_voucher_that_many_want_on_three_nodes_is_paid_once() {
    for engine in SHARED {
        let fleet = Fleet::open(engine, "", None, 3);
        let mut users = Vec::new();
        for at in 0..9 {
            let name = format!("user{at}");
            let account = json!({ "username": name, "password": "password 1" });
            fleet.done(0, "POST", "/api/user/", account).await;
            users.push(login(&fleet.nodes[at % 3], &name, "password 1").await);
        }
        for round in 1..=3 {
            let batch = json!({ "name": "promo", "quota": 500_000, "count": 1 });
            let code = fleet.done(round % 3, "POST", "/api/redemption/", batch).await[0].clone();
            let body = json!({ "key": code });
            let tries = (0..27).map(|at| {
                let (node, user) = (&fleet.nodes[at % 3], &users[at % users.len()]);
                ask(node, user, "POST", "/api/user/topup", &body)
            });
            let answers = futures::future::join_all(tries).await;
            let paid = answers.iter().filter(|answer| answer.status == 200).count();
            let told: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
            assert_eq!(paid, 1, "{engine:?}: {told:?}");
            assert!(told.iter().all(|status| matches!(status, 200 | 409)), "{engine:?}: {told:?}");
            let mut sum = 0;
            for at in 0..9 {
                sum += fleet.quota(&format!("user{at}")).await;
            }
            assert_eq!(sum, 500_000 * round as i64, "{engine:?}");
        }
        fleet.nodes[0].verify();
    }
}

//! Nodes that die with money set aside: they come back, or their disk is lost, or both.

use super::{Fleet, SHARED, node};
use crate::harness::{CUSTOMER_KEY, channel, customer, request};
use magic_testkit::client::H1;
use magic_testkit::db::{Database, sql};
use magic_testkit::vendor::{Gate, Proto, Script, Step, Vendor};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// A vendor whose streams stop half way until the gate opens; other answers are whole.
fn halting(gate: &Gate) -> Vendor {
    let gate = gate.clone();
    Vendor::start(Proto::H1, move |seen| {
        if seen.json()["stream"] != true {
            return crate::harness::answer("hello", 10, 5);
        }
        let event = |text: String| Step::Send(format!("data: {text}\n\n").into());
        let steps = vec![
            event(crate::harness::chunk("first ")),
            Step::Wait(gate.clone()),
            event(crate::harness::usage_chunk(10, 5)),
            event("[DONE]".into()),
        ];
        Script::Pieces { status: 200, content_type: "text/event-stream", steps }
    })
}

fn config(vendor: &Vendor) -> String {
    let priced = "[[models]]\nname = \"gpt-4o-mini\"\nper_request = 0.01\n";
    [priced, &channel("a", vendor, ""), &customer(1.0)].concat()
}

/// Opens streams on a node and waits for their first bytes.
async fn streams(fleet: &Fleet, at: usize, count: usize) -> Vec<H1> {
    let mut open = Vec::new();
    for _ in 0..count {
        let mut client = H1::connect(fleet.nodes[at].gateway.address).await;
        let (bearer, body) = (format!("Bearer {CUSTOMER_KEY}"), request(true).to_string());
        let fields = [("authorization", bearer.as_str()), ("content-type", "application/json")];
        client.send("POST", "/v1/chat/completions", &fields, body.as_bytes()).await;
        assert!(client.read_until("first").await);
        open.push(client);
    }
    open
}

/// As if so much time had passed for a node, which is not there to say that it lives.
async fn later(database: &Database, id: &str) {
    sql(database, &format!("UPDATE magic_nodes SET seen_at = seen_at - 100 WHERE id = '{id}'")).await;
}

async fn until_quota(fleet: &Fleet, wanted: i64) {
    let end = Instant::now() + Duration::from_secs(30);
    loop {
        let left = fleet.quota("customer").await;
        if left == wanted {
            return;
        }
        assert!(Instant::now() < end, "{left} is left instead of {wanted}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn dead(all: &[Value]) -> Option<&Value> {
    all.iter().find(|node| node["live"] == false)
}

/// Killed in the middle of calls and started again on its disk: its leases come back, every call is settled once.
#[tokio::test(flavor = "multi_thread")]
async fn a_killed_node_settles_its_calls_when_it_is_back() {
    for engine in SHARED {
        let gate = Gate::new();
        let vendor = halting(&gate);
        let mut fleet = Fleet::open(engine, &config(&vendor), None, 3);
        for at in 0..3 {
            assert_eq!(fleet.nodes[at].chat_as(CUSTOMER_KEY, &request(false)).await.status, 200);
        }
        let open = streams(&fleet, 2, 5).await;
        fleet.nodes[2].gateway.kill();
        drop(open);
        gate.open();
        fleet.nodes[2].restart();
        // Three whole calls, and five that were cut off: each is settled once, at its price or as void.
        let rows = fleet.nodes[0].logs(8).await;
        assert_eq!(rows.len(), 8, "{rows:?}");
        let paid: i64 = rows.iter().map(|row| row["quota"].as_i64().unwrap()).sum();
        assert!((15_000..=40_000).contains(&paid), "{rows:?}");
        until_quota(&fleet, 500_000 - paid).await;
        // Nothing of the dead life is set aside any more.
        let left = fleet.until_listed("no lease of the dead", |all| {
            all.iter().filter(|node| node["live"] == false).all(|node| node["leased_usd"] == "0.000000000")
        });
        assert!(left.await.len() >= 3);
        fleet.nodes[0].verify();
    }
}

/// The disk is lost: nothing comes back by itself; root says so, and what was set aside is charged.
#[tokio::test(flavor = "multi_thread")]
async fn a_lost_disk_is_charged_when_root_says_so() {
    for engine in SHARED {
        let gate = Gate::new();
        let vendor = halting(&gate);
        let mut fleet = Fleet::open(engine, &config(&vendor), None, 3);
        assert_eq!(fleet.nodes[2].chat_as(CUSTOMER_KEY, &request(false)).await.status, 200);
        until_quota(&fleet, 495_000).await;
        let _open = streams(&fleet, 2, 3).await;
        let id = fleet.listed().await[2]["id"].as_str().unwrap().to_owned();
        let path = format!("/api/node/{id}/lost");
        let early = fleet.nodes[0].api("POST", &path, None).await;
        assert_eq!(early.status, 409, "it lives: {}", early.text());
        fleet.nodes[2].gateway.kill();
        let world = fleet.nodes.remove(2);
        let dir = world.dir.path().to_owned();
        drop(world);
        assert!(!dir.exists(), "its disk is gone");
        later(&fleet.database, &id).await;
        let all = fleet.until_listed("a silent node", |all| dead(all).is_some()).await;
        let gone = dead(&all).unwrap();
        assert_eq!((&gone["may_be_lost"], &gone["lost"]), (&json!(true), &json!(false)), "{gone}");
        let aside: f64 = gone["leased_usd"].as_str().unwrap().parse().unwrap();
        assert!(aside >= 0.03, "{gone}");
        fleet.nodes[0].verify();

        let charged = fleet.done(0, "POST", &path, Value::Null).await["charged_usd"].clone();
        assert_eq!(charged.as_str().unwrap().parse::<f64>().unwrap(), aside);
        let left = 495_000 - (aside * 500_000.0).round() as i64;
        until_quota(&fleet, left).await;
        fleet.nodes[0].verify();
        let all = fleet.listed().await;
        assert!(all.iter().any(|node| node["lost"] == true && node["may_be_lost"] == false), "{all:?}");
        // The trail says who.
        let trail = fleet.done(0, "GET", "/api/audit", Value::Null).await.to_string();
        assert!(trail.contains(&path), "{trail}");
        // All that is left can be spent, by those that are left.
        let end = Instant::now() + Duration::from_secs(60);
        let mut made = 0;
        while made < left / 5_000 {
            let calls = fleet.nodes.iter().map(|node| node.chat_as(CUSTOMER_KEY, &BODY));
            made +=
                futures::future::join_all(calls).await.iter().filter(|answer| answer.status == 200).count()
                    as i64;
            assert!(Instant::now() < end, "{made} calls");
        }
        until_quota(&fleet, left - made * 5_000).await;
        fleet.nodes[0].verify();
    }
}

static BODY: std::sync::LazyLock<Value> = std::sync::LazyLock::new(|| request(false));

/// It only slept, and was declared lost: it must not go on with what was charged. It ends by itself, and its journal
/// sets the books right.
#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_was_lost_and_wakes_up_ends() {
    for engine in SHARED {
        let vendor = halting(&Gate::new());
        let mut fleet = Fleet::open(engine, &config(&vendor), None, 2);
        assert_eq!(fleet.nodes[1].chat_as(CUSTOMER_KEY, &request(false)).await.status, 200);
        until_quota(&fleet, 495_000).await;
        let id = fleet.listed().await[1]["id"].as_str().unwrap().to_owned();
        fleet.nodes[1].gateway.signal("STOP");
        later(&fleet.database, &id).await;
        // A beat that was under way may still come.
        let end = Instant::now() + Duration::from_secs(30);
        let charged = loop {
            let told = fleet.nodes[0].api("POST", &format!("/api/node/{id}/lost"), None).await;
            if told.status == 200 {
                break told.json()["data"]["charged_usd"].as_str().unwrap().parse::<f64>().unwrap();
            }
            assert!(Instant::now() < end, "{}", told.text());
            later(&fleet.database, &id).await;
        };
        assert!(charged > 0.0);
        until_quota(&fleet, 495_000 - (charged * 500_000.0).round() as i64).await;
        fleet.nodes[1].gateway.signal("CONT");
        assert_eq!(fleet.nodes[1].gateway.wait(), Some(1), "{engine:?}: it ends");
        fleet.nodes[0].verify();
        fleet.nodes[1].restart();
        until_quota(&fleet, 495_000).await;
        assert_eq!(fleet.nodes[1].chat_as(CUSTOMER_KEY, &request(false)).await.status, 200);
        until_quota(&fleet, 490_000).await;
        fleet.nodes[1].verify();
        // Another machine with an empty disk is just one more node.
        let third = node(&fleet.database, &config(&vendor), None, &[]);
        assert_eq!(third.chat_as(CUSTOMER_KEY, &request(false)).await.status, 200);
    }
}

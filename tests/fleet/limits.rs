//! Limits on requests that several nodes share, as well as they can.

use super::{Fleet, SHARED};
use crate::harness::{CUSTOMER_KEY, channel, customer, good, request};
use magic_testkit::client::h1;
use magic_testkit::db::{free_port, redis_on};
use magic_testkit::vendor::Proto;
use serde_json::Value;
use std::time::{Duration, Instant};

/// So many calls on each node at once; how many were let in at each.
async fn burst(fleet: &Fleet, each: usize) -> Vec<usize> {
    let nodes = fleet.nodes.iter().map(async |node| {
        let calls = (0..each).map(|_| node.chat_as(CUSTOMER_KEY, &BODY));
        let answers = futures::future::join_all(calls).await;
        for answer in &answers {
            assert!(matches!(answer.status, 200 | 429), "{}", answer.text());
        }
        answers.iter().filter(|answer| answer.status == 200).count()
    });
    futures::future::join_all(nodes).await
}

static BODY: std::sync::LazyLock<Value> = std::sync::LazyLock::new(|| request(false));

/// Thirty requests an hour over three nodes. With Redis all of them are let in, whichever node is asked, and a few more at
/// most; while it hangs each node keeps to its ten.
#[tokio::test(flavor = "multi_thread")]
async fn a_limit_is_shared_over_redis_and_parted_without() {
    for (engine, paused) in SHARED.into_iter().zip([false, true]) {
        let vendor = good(Proto::H1);
        let (url, server) = redis_on(free_port());
        let limit = "limits = { windows = [{ seconds = 3600, requests = 30 }] }\n";
        let config = [channel("a", &vendor, ""), customer(10.0), limit.to_owned()].concat();
        let fleet = Fleet::open(engine, &config, Some(&url), 3);
        if paused {
            server.signal("STOP");
        }
        // Each knows of the others, and of Redis: a third of the limit is its own.
        let wanted = if paused { "degraded" } else { "ok" };
        let end = Instant::now() + Duration::from_secs(60);
        for node in &fleet.nodes {
            loop {
                let told = h1(node.gateway.address, "GET", "/readyz", &[], b"").await.json();
                let limits = node.api("GET", "/api/limits?scope=token", None).await.json();
                let left = limits["data"][0]["windows"][0]["requests"]["remaining"].clone();
                if told["status"] == wanted && left == 10 {
                    break;
                }
                assert!(Instant::now() < end, "{told} {limits}");
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
        let mut let_in = burst(&fleet, 40).await;
        let first: usize = let_in.iter().sum();
        if paused {
            assert_eq!(let_in, [10, 10, 10], "{engine:?}: each its part");
        } else {
            assert!((10..=42).contains(&first), "{engine:?}: {let_in:?}");
        }
        // One node alone is asked for the rest.
        let end = Instant::now() + Duration::from_secs(20);
        while !paused && let_in.iter().sum::<usize>() < 30 {
            let_in[0] += usize::from(fleet.nodes[0].chat_as(CUSTOMER_KEY, &BODY).await.status == 200);
            assert!(Instant::now() < end, "{engine:?}: {let_in:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let late: usize = burst(&fleet, 5).await.iter().sum();
        let all = let_in.iter().sum::<usize>() + late;
        println!(
            "{engine:?}, Redis hangs: {paused}: {first} of 30 at once, {all} in all, {late} of them late"
        );
        assert!((!paused || late == 0) && (30..=42).contains(&all), "{engine:?}: {let_in:?}, {late} late");
        server.signal("CONT");
        fleet.nodes[0].verify();
    }
}

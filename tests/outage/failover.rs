//! A replica takes over that had not heard of the last commits.

use super::{behind, customers, key, until_billed, until_ready};
use crate::harness::{World, good, request};
use magic_testkit::db::Engine;
use magic_testkit::dump::Dump;
use magic_testkit::relay::Relay;
use magic_testkit::vendor::Proto;
use std::time::Duration;

/// Calls of users in turn.
async fn calls(world: &World, count: usize) {
    for n in 0..count {
        let answer = world.chat_as(&key(n % super::USERS), &request(n % 2 == 0)).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
}

async fn failover(world: &World, relay: &Relay, replica: &Dump) {
    relay.cut();
    until_ready(world.gateway.address, "degraded").await;
    replica.restore();
    relay.mend();
    until_ready(world.gateway.address, "ok").await;
}

/// Everything that was served is in the database, once, and nobody has more or less than that leaves.
async fn exact(world: &World, served: usize) {
    until_billed(world, served).await;
    assert_eq!(world.logs(served).await.len(), served);
    world.verify();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bills_that_a_replica_had_not_heard_of_are_posted_again() {
    for engine in [Engine::Postgres, Engine::MySql] {
        let vendor = good(Proto::H1);
        let (database, relay, world) = behind(engine, &vendor, &customers());
        let begun = Dump::of(&database);
        calls(&world, 5).await;
        world.logs(5).await;
        let replica = Dump::of(&database);
        calls(&world, 30).await;
        world.logs(35).await;
        failover(&world, &relay, &replica).await;
        // Nobody calls: it is found out all the same.
        exact(&world, 35).await;

        calls(&world, 10).await;
        world.logs(45).await;
        failover(&world, &relay, &replica).await;
        calls(&world, 10).await;
        exact(&world, 55).await;

        // Back to before the first of them.
        failover(&world, &relay, &begun).await;
        calls(&world, 5).await;
        exact(&world, 60).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bills_are_posted_again_after_a_crash_of_both() {
    for engine in [Engine::Postgres, Engine::MySql] {
        let vendor = good(Proto::H1);
        let (database, relay, mut world) = behind(engine, &vendor, &customers());
        calls(&world, 5).await;
        world.logs(5).await;
        let replica = Dump::of(&database);
        calls(&world, 30).await;
        world.logs(35).await;
        // Long enough for the journal to be told what is posted.
        calls(&world, 1).await;
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        calls(&world, 1).await;
        world.logs(37).await;
        world.gateway.kill();
        relay.cut();
        replica.restore();
        relay.mend();
        world.restart();
        exact(&world, 37).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_end_while_the_database_is_away_loses_no_bill() {
    for silent in [false, true] {
        let vendor = good(Proto::H1);
        let (_database, relay, mut world) = behind(Engine::Postgres, &vendor, &customers());
        calls(&world, 8).await;
        world.logs(8).await;
        if silent {
            relay.stall();
        } else {
            relay.cut();
        }
        until_ready(world.gateway.address, "degraded").await;
        calls(&world, 8).await;
        world.gateway.signal("TERM");
        assert_eq!(world.gateway.wait(), Some(0));
        relay.mend();
        world.restart();
        exact(&world, 16).await;
    }
}

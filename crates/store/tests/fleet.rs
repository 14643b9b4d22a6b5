//! What nodes of a fleet settle among themselves in the database: duties, rest, losses, the schema, notices.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that can't go on fails")]

mod common;

use common::{call, config, each};
use magic_domain::ids::UserId;
use magic_domain::money::Nano;
use magic_domain::secret::Secret;
use magic_domain::usage::Mark;
use magic_store::ledger::LeaseScope;
use magic_store::movements::MovementFilter;
use magic_store::nodes::{Beat, Watch};
use magic_store::users::NewUser;
use magic_store::{Config, Redis, RedisAt, Store, StoreError};
use magic_testkit::db::{
    Engine, database, free_port, redis_on, redis_replica, redis_sentinel, redis_tls, sql,
};
use magic_testkit::vendor::{ca_pem, key_pem};
use std::io::{Read, Write};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

async fn user(store: &Store, balance: i64) -> UserId {
    let new = NewUser { username: format!("u{balance}"), balance: Nano(balance), ..NewUser::default() };
    store.create_user(new).await.unwrap()
}

async fn beat(store: &Store, id: &str) {
    store.beat(Beat { id: id.into(), version: "1".into(), ..Beat::default() }).await.unwrap();
}

async fn balance(store: &Store, user: UserId) -> i64 {
    store.user(user).await.unwrap().unwrap().balance.0
}

async fn proven(store: &Store) {
    let faults: Vec<_> = store.verify().await.unwrap().into_iter().filter(|check| !check.ok).collect();
    assert!(faults.is_empty(), "{faults:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_duty_is_one_nodes_until_it_is_silent_or_over() {
    each(async |store, database| {
        let hold = async |node: &str| store.hold_duty("upkeep", node, 30).await.unwrap();
        assert!(hold("a").await && hold("a").await);
        assert!(!hold("b").await, "it has been taken");
        assert!(store.hold_duty("other", "b", 30).await.unwrap(), "another duty");
        sql(database, "UPDATE magic_duties SET until = until - 40 WHERE name = 'upkeep'").await;
        assert!(hold("b").await && !hold("a").await, "who says nothing loses it");
        store.release_epoch("b").await.unwrap();
        assert!(hold("a").await, "who ends in order leaves it at once");
        // A crowd: one gets it.
        sql(database, "DELETE FROM magic_duties").await;
        let crowd = (0..16).map(|at| {
            let store = store.clone();
            tokio::spawn(async move { store.hold_duty("upkeep", &format!("n{at}"), 30).await.unwrap() })
        });
        let mut holders = 0;
        for one in crowd.collect::<Vec<_>>() {
            holders += u32::from(one.await.unwrap());
        }
        assert_eq!(holders, 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_is_asked_to_rest_and_sees_it() {
    each(async |store, _| {
        beat(&store, "a").await;
        let version = store.version().await.unwrap();
        assert_eq!(store.watch("a").await.unwrap(), Watch { version, nodes: 1, ..Watch::default() });
        assert!(store.rest_node("a", true).await.unwrap() && store.rest_node("a", true).await.unwrap());
        beat(&store, "a").await;
        assert_eq!(
            store.watch("a").await.unwrap(),
            Watch { version, resting: true, lost: false, nodes: 1, batches: 0 }
        );
        assert!(store.nodes().await.unwrap()[0].resting);
        assert!(store.rest_node("a", false).await.unwrap() && !store.watch("a").await.unwrap().resting);
        assert!(!store.rest_node("b", true).await.unwrap(), "there is no such node");
    })
    .await;
}

/// A lost disk: what was set aside is charged, once; the node gets nothing more; the books are exact all the time.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_lost_node_had_set_aside_is_charged() {
    each(async |store, database| {
        let alice = user(&store, 1_000).await;
        let scope = LeaseScope::User(alice);
        assert_eq!(store.lease(scope, Nano(1), Nano(300), "dead").await.unwrap(), Nano(300));
        assert_eq!(store.lease(scope, Nano(1), Nano(100), "alive").await.unwrap(), Nano(100));
        store.post("dead", vec![call(1, alice, 50, 40, Mark::Reported)]).await.unwrap();
        assert_eq!(balance(&store, alice).await, 960);
        beat(&store, "dead").await;
        for seconds in [0, 50] {
            sql(database, &format!("UPDATE magic_nodes SET seen_at = seen_at - {seconds}")).await;
            let error = store.declare_lost("dead").await.unwrap_err();
            assert!(matches!(error, StoreError::Conflict(_)), "it may be alive: {error}");
        }
        let error = store.declare_lost("nobody").await.unwrap_err();
        assert!(matches!(error, StoreError::NotFound(_)), "{error}");
        sql(database, "UPDATE magic_nodes SET seen_at = seen_at - 90000").await;
        beat(&store, "alive").await;
        let rows = store.nodes().await.unwrap();
        let dead = rows.iter().find(|row| row.id == "dead").expect("not forgotten after a day");
        assert_eq!((dead.leased, dead.lost, dead.silent > 90_000), (Nano(260), false, true));

        assert_eq!(store.declare_lost("dead").await.unwrap(), Nano(260));
        assert_eq!(store.declare_lost("dead").await.unwrap(), Nano(0), "charged once");
        assert_eq!(balance(&store, alice).await, 700);
        proven(&store).await;
        let kind = |kind: &str| MovementFilter { user_id: alice.0, kind: kind.into(), ..Default::default() };
        let losses = store.movements(kind("loss"), 10).await.unwrap();
        assert_eq!((losses.len(), losses[0].amount, losses[0].against.as_str()), (1, Nano(-260), "loss"));
        // The living one still has its lease, the other gets none, and there is no more than the rest.
        assert!(store.lease(scope, Nano(1), Nano(1), "dead").await.is_err());
        assert_eq!(store.lease(scope, Nano(1), Nano(5_000), "alive").await.unwrap(), Nano(600));
        store.release_epoch("alive").await.unwrap();
        store
            .adjust(
                alice,
                magic_store::ledger::Change::To(Nano(0)),
                magic_store::ledger::AdjustKind::Manual,
                "x",
            )
            .await
            .unwrap();

        // Its journal turns up after all: what it tells is no loss, and what it did not spend goes back.
        store.post("dead", vec![call(2, alice, 100, 90, Mark::Reported)]).await.unwrap();
        assert_eq!(balance(&store, alice).await, 0, "paid from what was charged before");
        store.post("dead", vec![call(2, alice, 100, 90, Mark::Reported)]).await.unwrap();
        proven(&store).await;
        store.release_epoch("dead").await.unwrap();
        assert_eq!(balance(&store, alice).await, 170);
        store.release_epoch("dead").await.unwrap();
        assert_eq!(balance(&store, alice).await, 170, "once");
        let found = store.movements(kind("found"), 10).await.unwrap();
        assert_eq!(found.iter().map(|row| row.amount.0).collect::<Vec<_>>(), [170, 90]);
        assert!(store.watch("dead").await.unwrap().lost);
    })
    .await;
}

/// It was asking for more in the moment in which it was declared lost.
#[tokio::test(flavor = "multi_thread")]
async fn a_lease_that_came_too_late_is_charged_as_well() {
    each(async |store, database| {
        let alice = user(&store, 1_000).await;
        store.lease(LeaseScope::User(alice), Nano(1), Nano(300), "dead").await.unwrap();
        sql(database, "INSERT INTO magic_lost (epoch, at) VALUES ('dead', 1)").await;
        store.sweep_lost().await.unwrap();
        store.sweep_lost().await.unwrap();
        assert_eq!(balance(&store, alice).await, 700);
        assert_eq!(store.lease(LeaseScope::User(alice), Nano(700), Nano(700), "b").await.unwrap(), Nano(700));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_follower_makes_nothing_and_waits_for_who_does() {
    for engine in [Engine::MySql, Engine::Postgres, Engine::Sqlite] {
        let database = database(engine);
        let slave = Config { follower: true, ..config(&database) };
        let waiting = tokio::spawn(Store::open(slave.clone()));
        tokio::time::sleep(Duration::from_millis(700)).await;
        assert!(!waiting.is_finished(), "{engine:?}: it waits");
        let master = Store::open(config(&database)).await.unwrap();
        let store = waiting.await.unwrap().unwrap_or_else(|error| panic!("{engine:?}: {error}"));
        assert_eq!(store.users(common::page(), None).await.unwrap().0.len(), 1);
        // A newer schema is as good.
        sql(&database, "INSERT INTO magic_schema (version, checksum, applied_at) VALUES (9999, 'x', 1)")
            .await;
        Store::open(slave.clone()).await.unwrap();
        master.close().await;
    }
}

async fn hears(store: &Store, seconds: u64) -> bool {
    tokio::time::timeout(Duration::from_secs(seconds), store.heard()).await.is_ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_tell_each_other_of_changes_over_postgresql() {
    let database = database(Engine::Postgres);
    let open = async || Store::open(config(&database)).await.unwrap();
    let (one, other) = (open().await, open().await);
    // Each looks once when it listens.
    assert!(hears(&one, 20).await && hears(&other, 20).await);
    one.set_option("SystemName", "a").await.unwrap();
    assert!(hears(&other, 20).await);
    assert!(
        tokio::time::timeout(Duration::from_millis(200), one.heard()).await.is_err(),
        "no news to itself"
    );
    // The connection is cut: it comes back, looks at what it has missed, and listens again.
    let cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%' \
               AND datname = current_database()";
    sql(&database, cut).await;
    assert!(hears(&one, 20).await && hears(&other, 20).await);
    one.set_option("SystemName", "b").await.unwrap();
    assert!(hears(&other, 20).await);
}

async fn until_away(store: &Store) {
    let end = Instant::now() + Duration::from_secs(20);
    while !store.redis_away().load(Ordering::Relaxed) {
        assert!(Instant::now() < end, "nobody notices that Redis is away");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// A sentinel knows where the server is; after a failover notices pass over the one that took its place.
#[tokio::test(flavor = "multi_thread")]
async fn redis_is_where_a_sentinel_says() {
    let database = database(Engine::MySql);
    let [first, second, watcher] = [(); 3].map(|()| free_port());
    let (_, master) = redis_on(first);
    let _replica = redis_replica(second, first);
    let _sentinel = redis_sentinel(watcher, "mymaster", first);
    let at = RedisAt::Sentinels {
        // One of them is not there.
        addresses: vec![format!("127.0.0.1:{}", free_port()), format!("127.0.0.1:{watcher}")],
        master: "mymaster".into(),
        password: None,
        sentinel_password: None,
        tls: false,
    };
    let open = async || {
        let redis = Some(Redis { at: at.clone(), ca: None });
        Store::open(Config { redis, ..config(&database) }).await.unwrap()
    };
    let (one, other) = (open().await, open().await);
    assert!(hears(&one, 20).await && hears(&other, 20).await);
    one.set_option("SystemName", "a").await.unwrap();
    assert!(hears(&other, 20).await);
    // The sentinel has to have seen the replica, which it asks the server for every ten seconds.
    let replicas = || {
        let mut on = std::net::TcpStream::connect(("127.0.0.1", watcher)).unwrap();
        on.write_all(b"SENTINEL replicas mymaster\r\n").unwrap();
        let mut told = [0u8; 4096];
        let read = on.read(&mut told).unwrap();
        String::from_utf8_lossy(&told[..read]).contains(&second.to_string())
    };
    let end = Instant::now() + Duration::from_secs(60);
    while !replicas() {
        assert!(Instant::now() < end, "the sentinel does not see the replica");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    drop(master);
    assert!(hears(&one, 60).await && hears(&other, 60).await, "both find the new one");
    assert!(!other.redis_away().load(Ordering::Relaxed));
    one.set_option("SystemName", "b").await.unwrap();
    assert!(hears(&other, 20).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_over_tls_is_checked_with_its_own_authority() {
    let database = database(Engine::MySql);
    let port = free_port();
    let _server = redis_tls(port, &ca_pem(), &key_pem());
    let open = async |ca: Option<Vec<u8>>| {
        let at = RedisAt::Server(Secret::new(format!("rediss://localhost:{port}")));
        Store::open(Config { redis: Some(Redis { at, ca }), ..config(&database) }).await.unwrap()
    };
    let ca = Some(ca_pem().into_bytes());
    let (one, other, stranger) = (open(ca.clone()).await, open(ca).await, open(None).await);
    assert!(hears(&one, 20).await && hears(&other, 20).await);
    one.set_option("SystemName", "a").await.unwrap();
    assert!(hears(&other, 20).await);
    until_away(&stranger).await;
}

/// A Redis that does not answer is noticed within a second, and missed by nobody.
#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_hangs_is_given_up() {
    let database = database(Engine::MySql);
    let (url, server) = redis_on(free_port());
    let with = || Config { redis: Some(common::redis(&url)), ..config(&database) };
    let (one, other) = (Store::open(with()).await.unwrap(), Store::open(with()).await.unwrap());
    assert!(hears(&one, 20).await && hears(&other, 20).await);
    server.signal("STOP");
    let paused = Instant::now();
    until_away(&one).await;
    println!("a hanging Redis was noticed after {:?}", paused.elapsed());
    let began = Instant::now();
    one.set_option("SystemName", "a").await.unwrap();
    assert!(began.elapsed() < Duration::from_secs(5), "nobody waits for Redis");
    server.signal("CONT");
    assert!(hears(&one, 20).await && hears(&other, 20).await);
    one.tell_counts(b"counts".to_vec());
    let told = tokio::time::timeout(Duration::from_secs(20), other.counts()).await.unwrap();
    assert_eq!(told, b"counts");
    let own = tokio::time::timeout(Duration::from_millis(100), one.counts()).await;
    assert!(own.is_err(), "its own are no news");
}

//! The database is away, or says nothing, while calls go on: who is known is served, nobody is told that a good key is
//! bad, and what was served is billed when it is back.

mod contention;
mod failover;

use crate::harness::{CUSTOMER_KEY, MODEL, World, channel, customer, good, request};
use magic_testkit::client::{H1, h1};
use magic_testkit::db::{Database, Engine, database};
use magic_testkit::relay::Relay;
use magic_testkit::vendor::{Proto, Vendor};
use serde_json::Value;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

const USERS: usize = 8;

fn key(user: usize) -> String {
    format!("sk-outagecustomer{user:04}")
}

fn customers() -> String {
    (0..USERS)
        .map(|n| {
            format!(
                "[[users]]\nname = \"u{n}\"\nbalance_usd = 100\n[[tokens]]\nname = \"t\"\nuser = \"u{n}\"\nkey = \"{}\"\nunlimited = true\n",
                key(n)
            )
        })
        .collect()
}

/// What so many calls cost.
fn dollars(calls: usize) -> String {
    format!("{}.{:09}", calls * 4500 / 1_000_000_000, calls * 4500 % 1_000_000_000)
}

/// Waits until so many calls are in the database, at 4,500 nano-dollars each.
async fn until_billed(world: &World, calls: usize) {
    let begun = Instant::now();
    loop {
        let stat = world.api("GET", "/api/log/stat", None).await.json();
        if stat["data"]["cost_usd"] == dollars(calls) {
            break;
        }
        assert!(begun.elapsed() < Duration::from_secs(20), "{stat} after {calls} calls");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Statuses of calls, and how often each came.
type Statuses = BTreeMap<u16, usize>;

/// A customer who calls `pause` after each answer, streamed or not, until told to stop.
async fn caller(at: SocketAddr, key: String, pause: Duration, stop: Arc<AtomicBool>) -> (Statuses, Duration) {
    let (mut statuses, mut longest) = (Statuses::new(), Duration::ZERO);
    let bearer = format!("Bearer {key}");
    let (mut client, mut turn) = (H1::connect(at).await, 0);
    while !stop.load(Ordering::Relaxed) {
        turn += 1;
        let body = request(turn % 2 == 0).to_string();
        let begun = Instant::now();
        client.send("POST", "/v1/chat/completions", &[("authorization", &bearer)], body.as_bytes()).await;
        let status = match client.answer().await {
            Some(answer) if answer.whole => answer.status,
            _ => 0,
        };
        if status != 200 {
            client = H1::connect(at).await;
        }
        longest = longest.max(begun.elapsed());
        *statuses.entry(status).or_default() += 1;
        tokio::time::sleep(pause).await;
    }
    (statuses, longest)
}

fn resident(pid: u32) -> i64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.split_whitespace().next().unwrap().parse::<i64>().unwrap() >> 10
}

async fn ready(at: SocketAddr) -> Value {
    h1(at, "GET", "/readyz", &[], b"").await.json()
}

async fn until_ready(at: SocketAddr, wanted: &str) -> Duration {
    let begun = Instant::now();
    while ready(at).await["status"] != wanted {
        assert!(begun.elapsed() < Duration::from_secs(30), "it does not become {wanted}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    begun.elapsed()
}

async fn outage(engine: Engine, stall: bool) {
    let seconds: u64 = std::env::var("MAGIC_TEST_OUTAGE").map_or(4, |text| text.parse().unwrap());
    let pause = std::env::var("MAGIC_TEST_PAUSE_MS").map_or(20, |text| text.parse().unwrap());
    let vendor = good(Proto::H1);
    let (_database, relay, world) = behind(engine, &vendor, &customers());
    let at = world.gateway.address;
    let stop = Arc::new(AtomicBool::new(false));
    let pause = Duration::from_millis(pause);
    let known: Vec<_> = (0..USERS).map(|n| tokio::spawn(caller(at, key(n), pause, stop.clone()))).collect();
    // What the program takes as long as all is well, it takes after the first calls.
    tokio::time::sleep(Duration::from_secs(if seconds >= 60 { 15 } else { 2 })).await;
    let before = resident(world.gateway.pid());
    let gone = Arc::new(AtomicBool::new(false));
    if stall {
        relay.stall()
    } else {
        relay.cut()
    }
    // Until it is noticed, a key that nobody knows waits for the database; afterwards it does not.
    until_ready(at, "degraded").await;
    let slow = Duration::from_millis(100);
    let stranger = tokio::spawn(caller(at, "sk-nobody-knows-this-one".into(), slow, gone.clone()));
    tokio::time::sleep(Duration::from_secs(seconds)).await;
    gone.store(true, Ordering::Relaxed);
    let (strangers, patience) = stranger.await.unwrap();
    let during = resident(world.gateway.pid()) - before;
    relay.mend();
    let back = until_ready(at, "ok").await;
    stop.store(true, Ordering::Relaxed);
    let (mut all, mut longest) = (Statuses::new(), Duration::ZERO);
    for caller in known {
        let (statuses, slowest) = caller.await.unwrap();
        longest = longest.max(slowest);
        statuses.into_iter().for_each(|(status, count)| *all.entry(status).or_default() += count);
    }
    let (served, calls) = (all.get(&200).copied().unwrap_or(0), all.values().sum::<usize>());
    // Everything that was served is in the database soon after it is back.
    let begun = Instant::now();
    until_billed(&world, served).await;
    let drained = begun.elapsed() + back;
    let grown = resident(world.gateway.pid()) - before;
    // A long outage's memory has to be given back, not only bounded.
    let later = if seconds >= 60 {
        tokio::time::sleep(Duration::from_secs(60)).await;
        resident(world.gateway.pid()) - before
    } else {
        grown
    };
    eprintln!(
        "{engine:?}, {}: {seconds} s, {served} of {calls} calls served {all:?}, the slowest took {longest:?}; strangers {strangers:?}, \
         {patience:?} at most; drained {drained:?} after it came back; {during} MiB more at its end, {grown} with all posted, {later} later",
        if stall { "silent" } else { "gone" }
    );
    assert!(served * 1000 >= calls * 999, "{all:?}");
    assert!(strangers.keys().all(|status| *status == 503), "{strangers:?}");
    assert!(drained < Duration::from_secs(10), "{drained:?}");
    assert!(during < 32, "{during} MiB more");
    assert!(seconds < 60 || later < 32, "{later} MiB more a minute later");
    assert!(grown < 48, "{grown} MiB more with all posted");
    assert_eq!(vendor.hits(), served, "{MODEL}");
    world.verify();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_is_gone_loses_nothing() {
    outage(Engine::Postgres, false).await;
    outage(Engine::MySql, false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_says_nothing_loses_nothing() {
    outage(Engine::Postgres, true).await;
    outage(Engine::MySql, true).await;
}

/// Starts a gateway at a known address before its database answers.
fn starting(dsn: String, at: SocketAddr) -> std::thread::JoinHandle<World> {
    let listener = format!(", {{ address = \"{at}\" }}");
    std::thread::spawn(move || {
        World::listening(
            customers(),
            false,
            vec![("SQL_DSN", dsn), ("MAGIC_DATABASE_WAIT", "true".into())],
            &listener,
        )
    })
}

async fn asked(at: SocketAddr, method: &str, path: &str) -> Option<(u16, Value)> {
    let mut client = H1::try_connect(at).await?;
    client.send(method, path, &[("authorization", &format!("Bearer {}", key(0)))], b"{}").await;
    let answer = client.answer().await?;
    Some((answer.status, answer.json()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_is_not_there_at_the_start_is_waited_for() {
    for (engine, stall) in [(Engine::Postgres, false), (Engine::MySql, false), (Engine::MySql, true)] {
        let database = database(engine);
        let (relay, dsn) = Relay::before(&database.dsn);
        if stall {
            relay.stall()
        } else {
            relay.cut()
        }
        let at: SocketAddr = ([127, 0, 0, 1], magic_testkit::db::free_port()).into();
        let starting = starting(dsn, at);
        let begun = Instant::now();
        let told = loop {
            match asked(at, "POST", "/v1/messages").await {
                Some(told) => break told,
                None => assert!(begun.elapsed() < Duration::from_secs(20), "nobody says that it waits"),
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        };
        assert_eq!((told.0, &told.1["type"]), (503, &"error".into()), "{told:?}");
        let (status, told) = asked(at, "POST", "/v1/chat/completions").await.unwrap();
        assert_eq!((status, &told["error"]["code"]), (503, &"quota_authority_unavailable".into()));
        assert_eq!(asked(at, "GET", "/readyz").await.unwrap().0, 503);
        assert_eq!(asked(at, "GET", "/healthz").await.unwrap().0, 200);
        relay.mend();
        let world = starting.join().unwrap();
        assert_eq!(ready(at).await["status"], "ok");
        assert_eq!(asked(world.gateway.address, "GET", "/v1/models").await.unwrap().0, 200);
    }
}

#[test]
fn a_process_that_waits_for_its_database_can_be_ended() {
    let dir = tempfile::tempdir().unwrap();
    let port = magic_testkit::db::free_port();
    std::fs::write(
        dir.path().join("magic.toml"),
        format!("[server]\nlisten = [\"127.0.0.1:{port}\"]\n[database]\nwait = true\n"),
    )
    .unwrap();
    let nobody = magic_testkit::db::free_port();
    let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_magic"))
        .current_dir(dir.path())
        .args(["--config", "magic.toml"])
        .env("SQL_DSN", format!("postgres://u:p@127.0.0.1:{nobody}/d"))
        .spawn()
        .unwrap();
    let begun = Instant::now();
    while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(begun.elapsed() < Duration::from_secs(20));
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(std::process::Command::new("kill").arg(child.id().to_string()).status().unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

/// A relay in front of a database, and a gateway behind it.
fn behind(engine: Engine, vendor: &Vendor, users: &str) -> (Database, Relay, World) {
    let database = database(engine);
    let (relay, dsn) = Relay::before(&database.dsn);
    let world = World::with([channel("a", vendor, ""), users.into()].concat(), false, vec![("SQL_DSN", dsn)]);
    (database, relay, world)
}

/// F06: what a user may spend here is spent while the database is away.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lease_that_is_used_up_is_filled_when_the_database_is_back() {
    for engine in [Engine::Postgres, Engine::MySql] {
        // A call costs 15 cents, and a dollar is set aside.
        let vendor = Vendor::start(Proto::H1, |_| crate::harness::answer("hello", 1_000_000, 0));
        let (_database, relay, world) = behind(engine, &vendor, &customer(10.0));
        let short = request(false);
        let call = || world.chat_as(CUSTOMER_KEY, &short);
        assert_eq!(call().await.status, 200);
        world.logs(1).await;
        relay.cut();
        until_ready(world.gateway.address, "degraded").await;
        let mut served = 1;
        let refused = loop {
            match call().await {
                answer if answer.status == 200 => served += 1,
                answer => break answer,
            }
            assert!(served < 30, "{engine:?}: more is spent than was set aside");
        };
        assert_eq!((refused.status, refused.code().as_str()), (503, "quota_authority_unavailable"));
        assert!(served > 3 && refused.headers.contains_key("retry-after"), "{served}");
        relay.mend();
        until_ready(world.gateway.address, "ok").await;
        let begun = Instant::now();
        while call().await.status != 200 {
            assert!(begun.elapsed() < Duration::from_secs(5), "{engine:?}: it stays refused");
        }
        world.logs(served + 1).await;
        let stat = world.api("GET", "/api/log/stat", None).await.json();
        assert_eq!(stat["data"]["cost_usd"], format!("{:.9}", 0.15 * (served + 1) as f64), "{stat}");
        world.verify();
    }
}

/// F08: every answer of the database comes two seconds later.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_database_slows_no_call() {
    for engine in [Engine::Postgres, Engine::MySql] {
        let vendor = good(Proto::H1);
        let (_database, relay, world) = behind(engine, &vendor, &customers());
        let at = world.gateway.address;
        let stop = Arc::new(AtomicBool::new(false));
        let pause = Duration::from_millis(20);
        for n in 0..USERS {
            assert_eq!(world.chat_as(&key(n), &request(false)).await.status, 200);
        }
        world.logs(USERS).await;
        relay.slow(Duration::from_secs(2));
        let callers: Vec<_> =
            (0..USERS).map(|n| tokio::spawn(caller(at, key(n), pause, stop.clone()))).collect();
        // Pages take their time, and answer.
        let page = world.api("GET", "/api/log/?type=2&page_size=10", None).await;
        assert!(page.status == 200 || page.status == 503, "{}", page.text());
        tokio::time::sleep(Duration::from_secs(3)).await;
        stop.store(true, Ordering::Relaxed);
        let mut served = USERS;
        for caller in callers {
            let (statuses, longest) = caller.await.unwrap();
            assert!(statuses.keys().eq([&200]), "{engine:?}: {statuses:?}");
            assert!(
                longest < Duration::from_secs(2),
                "{engine:?}: a call waited for the database: {longest:?}"
            );
            served += statuses[&200];
        }
        relay.slow(Duration::ZERO);
        until_ready(at, "ok").await;
        assert!(served > USERS * 20);
        until_billed(&world, served).await;
        world.verify();
    }
}

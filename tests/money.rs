//! The books under load, kills and ends.

use crate::harness::{CUSTOMER_KEY, World, answer, channel, chunk, customer, good, request, usage_chunk};
use magic_testkit::client::{H1, h1};
use magic_testkit::db::{ENGINES, Engine, database};
use magic_testkit::relay::Relay;
use magic_testkit::vendor::{Gate, Proto, Script, Step, Vendor};
use serde_json::{Value, json};
use std::collections::HashSet;
use std::time::Duration;

/// Every call reserves what it costs: the model is priced per request.
fn priced() -> String {
    "[[models]]\nname = \"gpt-4o-mini\"\nper_request = 0.01\n".to_owned()
}

#[tokio::test]
async fn five_hundred_calls_against_a_balance_for_ten() {
    for engine in ENGINES {
        let database = database(*engine);
        let vendor = good(Proto::H1);
        let config = [priced(), channel("a", &vendor, ""), customer(0.1)].concat();
        let world = World::with(config, false, vec![("SQL_DSN", database.dsn.clone())]);
        let calls = (0..500).map(|_| async { world.chat_as(CUSTOMER_KEY, &request(false)).await });
        let answers = futures::future::join_all(calls).await;
        let admitted = answers.iter().filter(|answer| answer.status == 200).count();
        assert_eq!(admitted, 10, "{engine:?}");
        assert_eq!(vendor.hits(), 10);
        let refused = answers.iter().find(|answer| answer.status != 200).unwrap();
        assert_eq!((refused.status, refused.code().as_str()), (403, "insufficient_user_quota"));
        world.logs(10).await;
        let users = world.api("GET", "/api/user/search?keyword=customer", None).await.json();
        assert_eq!(users["data"][0]["quota"], 0, "{engine:?}");
        world.verify();
    }
}

#[tokio::test]
async fn a_limited_token_stops_before_its_owner() {
    let vendor = good(Proto::H1);
    let config = [
        priced(),
        channel("a", &vendor, ""),
        "[[users]]\nname = \"u\"\nbalance_usd = 1\n[[tokens]]\nname = \"t\"\nuser = \"u\"\nkey = \"sk-limitedtoken123\"\nbalance_usd = 0.03\n".into(),
    ];
    let world = World::new(config.concat());
    let mut codes = Vec::new();
    for _ in 0..5 {
        let answer = world.chat_as("sk-limitedtoken123", &request(false)).await;
        codes.push((answer.status, if answer.status == 200 { String::new() } else { answer.code() }));
    }
    assert_eq!(codes[2].0, 200);
    assert_eq!(codes[3], (403, "token_exhausted".to_owned()));
    world.logs(3).await;
    world.verify();
}

#[tokio::test]
async fn an_unpriced_model_is_refused_to_customers_and_marked_for_administrators() {
    let vendor = Vendor::start(Proto::H1, |_| answer("x", 1, 1));
    let config = [channel("a", &vendor, "").replace("gpt-4o-mini", "my-own-model"), customer(1.0)].concat();
    let world = World::new(config);
    let mut body = request(false);
    body["model"] = "my-own-model".into();
    assert_eq!(world.chat_as(CUSTOMER_KEY, &body).await.code(), "model_price_unknown");
    assert_eq!(world.chat(&body).await.status, 200);
    let row = &world.logs(1).await[0];
    assert_eq!((row["quota"].as_i64(), row["detail"]["unpriced"].as_bool()), (Some(0), Some(true)));
    let prices = world.api("GET", "/api/price", None).await.json();
    assert_eq!(prices["data"]["unpriced"], json!(["my-own-model"]));
}

/// A vendor that numbers its answers, so that a caller's and the books' can be matched.
fn numbered() -> Vendor {
    let count = std::sync::atomic::AtomicU64::new(0);
    Vendor::start(Proto::H1, move |seen| {
        let n = count.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        if seen.json()["stream"] == true {
            let events = (0..20).map(|_| chunk(&format!("a{n} ")));
            Script::sse(events.chain([usage_chunk(10, 5), "[DONE]".into()]))
        } else {
            answer(&format!("a{n}"), 10, 5)
        }
    })
}

/// `kill -9` at random moments under load: everything delivered is billed, nothing is billed twice.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kills_lose_nothing_and_bill_nothing_twice() {
    let kills: usize = std::env::var("MAGIC_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(20);
    let vendor = numbered();
    let mut world = World::new([channel("a", &vendor, ""), customer(1000.0)].concat());
    let mut delivered: Vec<String> = Vec::new();
    for _ in 0..kills {
        let address = world.gateway.address;
        let load: Vec<_> = (0..8)
            .map(|worker| {
                tokio::spawn(async move {
                    let mut done = Vec::new();
                    let mut client = H1::connect(address).await;
                    loop {
                        let body = request(worker % 2 == 0).to_string();
                        client
                            .send(
                                "POST",
                                "/v1/chat/completions",
                                &[("authorization", &format!("Bearer {CUSTOMER_KEY}"))],
                                body.as_bytes(),
                            )
                            .await;
                        let Some(answer) = client.answer().await else { return done };
                        let finished = answer.whole
                            && answer.status == 200
                            && (worker % 2 == 1 || answer.text().contains("[DONE]"));
                        if !finished {
                            return done;
                        }
                        done.push(answer.headers["x-request-id"].clone());
                    }
                })
            })
            .collect();
        let mut bytes = [0u8; 2];
        std::io::Read::read_exact(&mut std::fs::File::open("/dev/urandom").unwrap(), &mut bytes).unwrap();
        let moment = 20 + u64::from(u16::from_le_bytes(bytes)) % 300;
        tokio::time::sleep(Duration::from_millis(moment)).await;
        world.gateway.kill();
        for worker in load {
            delivered.extend(worker.await.unwrap());
        }
        world.restart();
        world.verify();
    }
    assert!(delivered.len() > kills, "{} answers", delivered.len());
    let mut billed: Vec<String> = Vec::new();
    let mut cursor = 0;
    let cookie = world.cookie().await;
    loop {
        let path = format!("/api/log/?type=2&page_size=100&cursor={cursor}");
        let answer =
            magic_testkit::client::h1(world.gateway.address, "GET", &path, &[("cookie", &cookie)], b"").await;
        let rows: Vec<Value> = answer.json()["data"].as_array().unwrap().clone();
        let Some(last) = rows.last() else { break };
        cursor = last["id"].as_i64().unwrap();
        billed.extend(
            rows.iter()
                .filter(|row| row["mark"] != "void")
                .map(|row| row["request_id"].as_str().unwrap().to_owned()),
        );
    }
    let unique: HashSet<&String> = billed.iter().collect();
    assert_eq!(unique.len(), billed.len(), "a call is billed twice");
    let unbilled: Vec<&String> = delivered.iter().filter(|id| !unique.contains(id)).collect();
    assert!(unbilled.is_empty(), "delivered and not billed: {unbilled:?}");
    println!(
        "{kills} kills, {} answers delivered, {} billed, 0 unbilled, 0 twice",
        delivered.len(),
        billed.len()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_open_streams_finish_at_sigterm() {
    let gate = Gate::new();
    let steps = vec![
        Step::Send(format!("data: {}\n\n", chunk("hello")).into()),
        Step::Wait(gate.clone()),
        Step::Send(format!("data: {}\n\n", usage_chunk(10, 5)).into()),
        Step::Send("data: [DONE]\n\n".into()),
    ];
    let vendor = Vendor::start(Proto::H1, move |_| Script::Pieces {
        status: 200,
        content_type: "text/event-stream",
        steps: steps.clone(),
    });
    let mut world = World::new(channel("a", &vendor, ""));
    let address = world.gateway.address;
    let mut open = Vec::new();
    for _ in 0..1000 {
        let mut client = H1::connect(address).await;
        client
            .send(
                "POST",
                "/v1/chat/completions",
                &[("authorization", "Bearer sk-roottoken0123456789")],
                request(true).to_string().as_bytes(),
            )
            .await;
        open.push(client);
    }
    for client in &mut open {
        assert!(client.read_until("hello").await);
    }
    world.gateway.signal("TERM");
    // The listener goes at once; the streams stay.
    while tokio::net::TcpStream::connect(address).await.is_ok() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    gate.open();
    let mut finished = 0;
    for client in &mut open {
        finished += usize::from(client.read_until("[DONE]").await);
    }
    assert_eq!(finished, 1000);
    assert_eq!(world.gateway.wait(), Some(0));
    world.restart();
    assert_eq!(world.logs(100).await.len(), 100);
    let stat = world.api("GET", "/api/log/stat", None).await.json();
    assert_eq!(stat["data"]["cost_usd"], "0.004500000");
    world.verify();
}

#[tokio::test]
async fn an_installation_ends_and_begins_without_a_trace() {
    let vendor = good(Proto::H1);
    let mut world = World::new([channel("a", &vendor, ""), customer(1.0)].concat());
    world.chat_as(CUSTOMER_KEY, &request(false)).await;
    world.gateway.signal("TERM");
    assert_eq!(world.gateway.wait(), Some(0));
    let left: Vec<_> = std::fs::read_dir(world.dir.path().join("data/journal")).unwrap().flatten().collect();
    assert!(left.is_empty(), "{left:?}");
    world.restart();
    let users = world.api("GET", "/api/user/search?keyword=customer", None).await.json();
    assert_eq!(users["data"][0]["balance_usd"], "0.999995500");
    world.verify();
}

/// The outage matrix (reliability rules, §3.4): what is known is served from memory, what is not is never
/// refused as wrong, and the books are whole when the database is back.
#[tokio::test]
async fn a_database_that_goes_away_stops_nobody_it_knows() {
    for engine in [Engine::MySql, Engine::Postgres] {
        let database = database(engine);
        let (relay, dsn) = Relay::before(&database.dsn);
        let vendor = good(Proto::H1);
        let config = [channel("a", &vendor, ""), customer(1.0)].concat();
        let world = World::with(config, false, vec![("SQL_DSN", dsn)]);
        let address = world.gateway.address;
        assert_eq!(world.chat_as(CUSTOMER_KEY, &request(false)).await.status, 200);
        world.logs(1).await;
        relay.cut();
        let ready = async || h1(address, "GET", "/readyz", &[], b"").await;
        while ready().await.json()["status"] != "degraded" {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert_eq!(ready().await.status, 200);
        for stream in [false, true] {
            for _ in 0..20 {
                assert_eq!(world.chat_as(CUSTOMER_KEY, &request(stream)).await.status, 200, "{engine:?}");
            }
        }
        let unknown = world.chat_as("sk-nobody-knows-this-one", &request(false)).await;
        assert_eq!((unknown.status, unknown.code().as_str()), (503, "quota_authority_unavailable"));
        assert!(unknown.headers.contains_key("retry-after"));
        let login =
            json!({ "username": "root", "password": magic_testkit::process::ROOT_PASSWORD }).to_string();
        assert_eq!(h1(address, "POST", "/api/user/login", &[], login.as_bytes()).await.status, 503);
        relay.mend();
        while ready().await.json()["status"] != "ok" {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert_eq!(world.chat_as("sk-nobody-knows-this-one", &request(false)).await.status, 401);
        assert_eq!(world.logs(41).await.len(), 41);
        world.verify();
    }
}

//! Which channel is tried, and when another one.

use crate::harness::{World, answer, channel, channel_at, good, request};
use magic_testkit::client::H1;
use magic_testkit::db::free_port;
use magic_testkit::process::ROOT_KEY;
use magic_testkit::relay::Relay;
use magic_testkit::vendor::{Gate, Proto, Script, Vendor};
use serde_json::json;
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

fn error(status: u16, code: &str) -> Script {
    Script::json(status, json!({ "error": { "message": "m", "type": "t", "code": code } }).to_string())
}

fn always(proto: Proto, script: Script) -> Vendor {
    Vendor::start(proto, move |_| script.clone())
}

#[tokio::test]
async fn refused_then_limited_then_broken_then_fine() {
    let limited = always(Proto::H1, error(429, "rate_limit_exceeded"));
    let broken = always(Proto::TlsH2, error(500, "x"));
    let fine = good(Proto::TlsH1);
    let nobody = format!("http://127.0.0.1:{}", free_port());
    let config = [
        "[options]\nRetryTimes = 3\n".to_owned(),
        channel_at("refused", &nobody, "priority = 9"),
        channel("limited", &limited, "priority = 8"),
        channel("broken", &broken, "priority = 7"),
        channel("fine", &fine, "priority = 6"),
    ]
    .concat();
    let world = World::new(config);
    for stream in [false, true] {
        let body = json!({ "model": "gpt-4o-mini", "stream": stream, "messages": [{ "role": "user", "content": "x".repeat(100_000) }] });
        let answer = world.chat(&body).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
    let row = world.logs(2).await.pop().unwrap();
    let statuses: Vec<u64> =
        row["detail"]["attempts"].as_array().unwrap().iter().map(|a| a["status"].as_u64().unwrap()).collect();
    assert_eq!(statuses, [0, 429, 500, 200]);
    assert_eq!((limited.hits(), broken.hits(), fine.hits()), (1, 2, 2), "the limited one rests");
    world.verify();
}

#[tokio::test]
async fn an_error_without_a_body_leads_to_the_next_channel() {
    for proto in [Proto::H1, Proto::TlsH1, Proto::TlsH2] {
        let empty = always(proto, Script::Whole { status: 503, headers: vec![], body: Default::default() });
        let fine = good(Proto::H1);
        let world = World::new([channel("a", &empty, "priority = 1"), channel("b", &fine, "")].concat());
        let answer = world.chat(&request(false)).await;
        assert_eq!(answer.status, 200, "{proto:?}: {}", answer.text());
        assert_eq!(answer.headers["x-magic-attempts"], "2");
    }
}

#[tokio::test]
async fn faults_of_the_request_are_not_tried_elsewhere() {
    let picky = always(Proto::H1, error(400, "context_length_exceeded"));
    let fine = good(Proto::H1);
    let world = World::new([channel("a", &picky, "priority = 1"), channel("b", &fine, "")].concat());
    let answer = world.chat(&request(false)).await;
    assert_eq!((answer.status, answer.code().as_str()), (400, "context_length_exceeded"));
    assert!(answer.json()["error"]["message"].as_str().unwrap().contains("request id"));
    assert_eq!(fine.hits(), 0);
    let row = &world.logs(1).await[0];
    assert_eq!((row["mark"].as_str(), row["quota"].as_i64()), (Some("void"), Some(0)));
    world.verify();
}

#[tokio::test]
async fn our_own_bad_key_is_never_the_callers_fault() {
    for (status, code) in [(401, "invalid_api_key"), (403, "x"), (429, "insufficient_quota")] {
        let vendor = always(Proto::H1, error(status, code));
        let world = World::new(channel("a", &vendor, ""));
        let answer = world.chat(&request(false)).await;
        assert_eq!((answer.status, answer.code().as_str()), (502, "upstream_error"), "{status}");
    }
}

#[tokio::test]
async fn a_dead_account_is_disabled_if_the_operator_wants_that() {
    let dead = always(Proto::H1, error(401, "invalid_api_key"));
    let fine = good(Proto::H1);
    let config = [
        "[options]\nAutomaticDisableChannelEnabled = true\n".to_owned(),
        channel("dead", &dead, "priority = 1"),
        channel("fine", &fine, ""),
    ];
    let world = World::new(config.concat());
    assert_eq!(world.chat(&request(false)).await.status, 200);
    let until = std::time::Instant::now() + std::time::Duration::from_secs(10);
    loop {
        let rows = world.api("GET", "/api/channel/", None).await.json();
        let row = rows["data"].as_array().unwrap().iter().find(|row| row["name"] == "dead").unwrap().clone();
        if row["status"] == 3 {
            assert!(row["disabled_reason"].as_str().unwrap().contains("key"));
            break;
        }
        assert!(std::time::Instant::now() < until, "{row}");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn silence_is_answered_by_the_next_channel_or_an_error() {
    for proto in [Proto::H1, Proto::TlsH2] {
        let gate = Gate::new();
        let silent = always(proto, Script::Silence(gate.clone()));
        let fine = good(Proto::H1);
        let quick = "timeouts = { first_byte_ms = 300 }\n";
        let alone = World::new(channel("a", &silent, quick));
        let answer = alone.chat(&request(false)).await;
        assert_eq!((answer.status, answer.code().as_str()), (504, "upstream_timeout"), "{proto:?}");
        let both = World::new(
            [channel("a", &silent, &format!("priority = 1\n{quick}")), channel("b", &fine, "")].concat(),
        );
        assert_eq!(both.chat(&request(true)).await.status, 200);
        gate.open();
    }
}

/// Vendors close connections that have been idle: one that breaks as the next call is sent says nothing about its channel.
#[tokio::test]
async fn a_kept_connection_that_breaks_is_asked_again() {
    for proto in [Proto::H1, Proto::TlsH1] {
        let (kept_break, all_break) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        let (once, always) = (kept_break.clone(), all_break.clone());
        let known = Mutex::new(HashSet::new());
        let vendor = Vendor::start(proto, move |seen| {
            let kept = !known.lock().unwrap().insert(seen.connection);
            if always.load(Ordering::SeqCst) || (kept && once.swap(false, Ordering::SeqCst)) {
                return Script::Hangup;
            }
            answer("hello", 10, 5)
        });
        // One call at a time, no second try: what is asked again is the same try.
        let limited = channel("a", &vendor, "limits = { concurrency = 1 }\n");
        let world = World::new(format!("[options]\nRetryTimes = \"0\"\n{limited}"));
        kept_break.store(true, Ordering::SeqCst);
        // A connection is kept a moment after its answer has been read.
        let end = Instant::now() + Duration::from_secs(20);
        while kept_break.load(Ordering::SeqCst) {
            let answer = world.chat(&request(true)).await;
            assert_eq!(answer.status, 200, "{proto:?}: {}", answer.text());
            assert!(Instant::now() < end, "no connection is kept");
        }
        // A new connection that breaks is the vendor's fault.
        all_break.store(true, Ordering::SeqCst);
        let before = vendor.hits();
        let broken = world.chat(&request(false)).await;
        assert_eq!((broken.status, broken.code().as_str()), (502, "upstream_error"), "{proto:?}");
        assert!(vendor.hits() - before <= 2, "asked again once");
        world.verify();
    }
}

/// A firewall has forgotten the connection that all calls to a vendor share: that is found out, whoever waits on it is
/// served over another, and whoever comes next does not join those who wait.
#[tokio::test]
async fn a_connection_that_nobody_answers_on_is_given_up() {
    let vendor = good(Proto::TlsH2);
    let relay = Relay::to(&vendor.address.to_string());
    let world = World::new(channel_at("a", &format!("https://localhost:{}", relay.address.port()), ""));
    assert_eq!(world.chat(&request(false)).await.status, 200);
    relay.strand();
    let began = Instant::now();
    let (waits, streams) = (request(false), request(true));
    let (one, two) = tokio::join!(world.chat(&waits), world.chat(&streams));
    assert_eq!((one.status, two.status), (200, 200), "{} {}", one.text(), two.text());
    // A ping after thirty seconds at the latest, and five that its answer may take.
    assert!(began.elapsed() < Duration::from_secs(60), "{:?}", began.elapsed());
    let began = Instant::now();
    assert_eq!(world.chat(&request(false)).await.status, 200);
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
}

#[tokio::test]
async fn an_answer_that_breaks_off_unseen_is_asked_for_again() {
    let cut = always(
        Proto::H1,
        Script::Raw(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 500\r\n\r\n{\"id\":".into(),
        ),
    );
    let half = Vendor::start(Proto::H1, |_| Script::Hangup);
    let fine = good(Proto::H1);
    let world = World::new([channel("a", &half, "priority = 2"), channel("b", &fine, "")].concat());
    assert_eq!(world.chat(&request(false)).await.status, 200);
    let world = World::new(channel("a", &cut, "timeouts = { idle_ms = 300 }"));
    assert_eq!(world.chat(&request(false)).await.status, 504);
}

#[tokio::test]
async fn an_error_with_status_200_is_no_answer() {
    let liar = always(
        Proto::H1,
        Script::json(200, r#"{"error":{"message":"no","type":"server_error","code":"overloaded"}}"#),
    );
    let streamer = always(Proto::H1, Script::sse([r#"{"error":{"message":"no","type":"server_error"}}"#]));
    let fine = good(Proto::H1);
    for vendor in [&liar, &streamer] {
        let world = World::new([channel("a", vendor, "priority = 1"), channel("b", &fine, "")].concat());
        for stream in [false, true] {
            let answer = world.chat(&request(stream)).await;
            assert_eq!(answer.status, 200, "{}", answer.text());
            assert!(!answer.text().contains("server_error"));
        }
    }
}

#[tokio::test]
async fn why_nobody_serves_is_told() {
    let vendor = good(Proto::H1);
    let config = [channel("off", &vendor, "enabled = false"), crate::harness::customer(1.0)].concat();
    let world = World::new(config);
    let told = world.chat(&request(false)).await;
    assert_eq!((told.status, told.code().as_str()), (503, "no_available_channel"));
    assert!(told.text().contains("off") && told.text().contains("disabled by an administrator"));
    let told = world.chat_as(crate::harness::CUSTOMER_KEY, &request(false)).await;
    assert!(
        told.status == 503
            && !told.text().contains("(off)")
            && told.text().contains("disabled by an administrator")
    );
    let mut unknown = request(false);
    unknown["model"] = "no-such-model".into();
    assert_eq!(world.chat(&unknown).await.code(), "model_not_found");
}

#[tokio::test]
async fn a_decision_can_be_explained_without_a_call() {
    let vendor = good(Proto::H1);
    let world = World::new(
        [channel("a", &vendor, "priority = 3"), channel("off", &vendor, "enabled = false")].concat(),
    );
    let body = request(false).to_string();
    let told = world
        .post("/v1/chat/completions", ROOT_KEY, &[("x-magic-explain", "1")], body.as_bytes())
        .await
        .json();
    assert_eq!(told["candidates"][0]["name"], "a");
    assert_eq!(told["refused"][0]["reason"], "disabled by an administrator");
    assert_eq!(vendor.hits(), 0);
}

#[tokio::test]
async fn administrators_can_pin_a_channel() {
    let (a, b) = (good(Proto::H1), good(Proto::H1));
    let config =
        [channel("a", &a, "priority = 9"), channel("b", &b, ""), crate::harness::customer(1.0)].concat();
    let world = World::new(config);
    let rows = world.api("GET", "/api/channel/", None).await.json();
    let id = rows["data"].as_array().unwrap().iter().find(|row| row["name"] == "b").unwrap()["id"]
        .as_i64()
        .unwrap();
    assert_eq!(world.chat_as(&format!("{ROOT_KEY}-{id}"), &request(false)).await.status, 200);
    assert_eq!((a.hits(), b.hits()), (0, 1));
    let told = world.chat_as(&format!("{}-{id}", crate::harness::CUSTOMER_KEY), &request(false)).await;
    assert_eq!((told.status, told.code().as_str()), (403, "channel_not_allowed"));
}

#[tokio::test]
async fn a_mapped_name_is_sent_priced_and_hidden_nowhere() {
    let vendor = Vendor::start(Proto::H1, |_| answer("x", 10, 5));
    let world = World::new(channel("a", &vendor, "model_mapping = { \"alias\" = \"gpt-4o-mini\" }"));
    let mut body = request(false);
    body["model"] = "alias".into();
    body["x_unknown"] = json!({ "kept": [1.0, 2] });
    assert_eq!(world.chat(&body).await.status, 200);
    let mut expected = body.clone();
    expected["model"] = "gpt-4o-mini".into();
    assert_eq!(vendor.seen()[0].json(), expected);
    assert_eq!(world.logs(1).await[0]["model_name"], "gpt-4o-mini");
}

#[tokio::test]
async fn a_channel_can_be_reached_through_a_proxy() {
    for proto in [Proto::H1, Proto::TlsH1, Proto::TlsH2] {
        let vendor = good(proto);
        let host = vendor.base_url().split("://").nth(1).unwrap().to_owned();
        let (http, socks) = (Relay::http_proxy(), Relay::socks5_proxy());
        let config = [
            channel("http", &vendor, &format!("priority = 2\nproxy = \"http://u:pw@{}\"", http.address)),
            channel("socks", &vendor, &format!("priority = 1\nproxy = \"socks5://u:pw@{}\"", socks.address)),
        ];
        let world = World::new(config.concat());
        assert_eq!(world.chat(&request(false)).await.status, 200, "{proto:?}");
        assert_eq!(http.asked(), [format!("dTpwdw==@{host}")]);
        http.cut();
        for stream in [false, true] {
            assert_eq!(world.chat(&request(stream)).await.status, 200, "{proto:?}");
        }
        assert_eq!(socks.asked()[0], format!("u:pw@{host}"));
        assert_eq!(vendor.seen()[0].headers["authorization"], "Bearer sk-vendor-key-0123456789");
    }
}

#[tokio::test]
async fn an_authority_nobody_named_is_not_trusted() {
    let vendor = good(Proto::TlsH1);
    let config = format!(
        "[[channels]]\nname = \"a\"\ntype = \"custom\"\nbase_url = \"{}\"\nkey = \"k\"\nmodels = [\"gpt-4o-mini\"]\n",
        vendor.base_url()
    );
    let world = World::new(config);
    let answer = world.chat(&request(false)).await;
    assert_eq!((answer.status, answer.code().as_str()), (502, "upstream_error"));
    assert_eq!(vendor.hits(), 0);
}

#[tokio::test]
async fn a_panic_in_a_filter_ends_its_request_alone() {
    let vendor = good(Proto::H1);
    let config = [channel("a", &vendor, ""), crate::harness::customer(1.0)].concat();
    let world = World::with(config, false, vec![("MAGIC_FAULT", "panic".to_owned())]);
    let key = crate::harness::CUSTOMER_KEY;
    for point in ["request", "answer", "end"] {
        let mut client = H1::connect(world.gateway.address).await;
        let bearer = format!("Bearer {key}");
        let fields = [("authorization", bearer.as_str()), ("x-fault", point)];
        client.send("POST", "/v1/chat/completions", &fields, request(true).to_string().as_bytes()).await;
        let answer = client.answer().await;
        assert!(answer.is_none_or(|answer| !answer.whole || answer.status >= 500), "{point}");
    }
    let answer = world.chat_as(key, &request(false)).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let rows = world.logs(3).await;
    let marks: Vec<&str> = rows.iter().map(|row| row["mark"].as_str().unwrap()).collect();
    // The one that died before its answer owes nothing; the one whose usage had come in owes that.
    assert_eq!(marks, ["reported", "reported", "void"]);
    world.gateway.signal("TERM");
    let mut world = world;
    assert_eq!(world.gateway.wait(), Some(0), "nothing is left in flight");
    world.verify();
}

/// Regression: a token that ends in a dash and digits was taken for a shorter one with a pinned channel.
#[tokio::test]
async fn a_key_may_end_in_a_number() {
    let vendor = good(Proto::H1);
    let key = "sk-my-first-key-0001";
    let config = format!(
        "{}[[users]]\nname = \"u\"\nbalance_usd = 1\n[[tokens]]\nname = \"t\"\nuser = \"u\"\nkey = \"{key}\"\nunlimited = true\n",
        channel("a", &vendor, "")
    );
    let world = World::new(config);
    let answer = world.chat_as(key, &request(false)).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let pinned = world.chat_as(&format!("{}-1", magic_testkit::process::ROOT_KEY), &request(false)).await;
    assert_eq!(pinned.status, 200, "{}", pinned.text());
}

//! Bodies of any size over every pair of protocols; framing; connections that are reused or closed.

use crate::harness::{MODEL, World, answer, channel, completion, good, request};
use magic_testkit::client::{H1, h1, h2};
use magic_testkit::process::ROOT_KEY;
use magic_testkit::vendor::{Proto, Script, Vendor};
use serde_json::{Value, json};

const SIZES: [usize; 3] = [10, 100_000, 20_000_000];
const BEARER: &str = "Bearer sk-roottoken0123456789";

fn body_of(size: usize) -> Vec<u8> {
    json!({ "model": MODEL, "messages": [{ "role": "user", "content": "x".repeat(size) }], "max_tokens": 1 })
        .to_string()
        .into_bytes()
}

async fn matrix(proto: Proto) {
    let vendor = good(proto);
    let world = World::with(channel("a", &vendor, ""), true, vec![]);
    let fields = [("authorization", BEARER), ("content-type", "application/json")];
    for size in SIZES {
        let body = body_of(size);
        for down in ["h1", "chunked", "h2"] {
            let answer = match down {
                "h1" => h1(world.gateway.address, "POST", "/v1/chat/completions", &fields, &body).await,
                "chunked" => {
                    let mut client = H1::connect(world.gateway.address).await;
                    client.send_chunked("/v1/chat/completions", &fields, &body).await;
                    client.answer().await.unwrap()
                }
                _ => h2(world.gateway.tls.unwrap(), "/v1/chat/completions", &fields, &body).await,
            };
            assert_eq!(answer.status, 200, "{proto:?} {size} {down}: {}", answer.text());
            assert_eq!(answer.json(), completion("hello", 10, 5));
            let seen = vendor.seen().pop().unwrap();
            assert!(seen.body == body, "{proto:?} {size} {down}: the body differs");
            assert_eq!(seen.headers["content-length"], body.len().to_string());
            assert!(!seen.headers.contains_key("transfer-encoding"));
            assert_eq!(seen.h2, proto == Proto::TlsH2);
            assert_eq!(seen.headers["authorization"], "Bearer sk-vendor-key-0123456789");
        }
    }
}

#[tokio::test]
async fn bodies_of_any_size_reach_a_plain_vendor() {
    matrix(Proto::H1).await;
}

#[tokio::test]
async fn bodies_of_any_size_reach_a_vendor_over_tls() {
    matrix(Proto::TlsH1).await;
}

#[tokio::test]
async fn bodies_of_any_size_reach_a_vendor_over_http2() {
    matrix(Proto::TlsH2).await;
}

#[tokio::test]
async fn calls_to_one_vendor_share_an_http2_connection() {
    let vendor = good(Proto::TlsH2);
    let world = World::new(channel("a", &vendor, ""));
    world.chat(&request(false)).await;
    let calls = (0..50).map(|_| async { world.chat(&request(false)).await.status });
    let statuses = futures::future::join_all(calls).await;
    assert!(statuses.iter().all(|status| *status == 200));
    assert!(vendor.connections() <= 25, "{} connections for 51 calls", vendor.connections());
}

#[tokio::test]
async fn a_callers_connection_is_reused() {
    let vendor = good(Proto::H1);
    let world = World::new(channel("a", &vendor, ""));
    let mut client = H1::connect(world.gateway.address).await;
    for stream in [false, true, false] {
        client
            .send(
                "POST",
                "/v1/chat/completions",
                &[("authorization", BEARER)],
                request(stream).to_string().as_bytes(),
            )
            .await;
        assert_eq!(client.answer().await.unwrap().status, 200);
    }
    assert_eq!(vendor.connections(), 1);
}

#[tokio::test]
async fn what_the_caller_sends_besides_stays_here() {
    let vendor = good(Proto::H1);
    let world = World::new(channel("a", &vendor, "headers = { x-team = \"a\" }\n"));
    let fields = [
        ("cookie", "a=b"),
        ("x-forwarded-for", "1.2.3.4"),
        ("x-api-key", ROOT_KEY),
        ("referer", "http://x"),
        ("x-custom", "1"),
        ("accept", "application/json"),
    ];
    let answer = world
        .post(
            "/v1/chat/completions?a=b&key=sk-roottoken0123456789",
            ROOT_KEY,
            &fields,
            request(false).to_string().as_bytes(),
        )
        .await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let seen = vendor.seen().pop().unwrap();
    let mut names: Vec<&str> = seen.headers.keys().map(String::as_str).collect();
    names.sort_unstable();
    assert_eq!(
        names,
        [
            "accept",
            "accept-encoding",
            "authorization",
            "content-length",
            "content-type",
            "host",
            "user-agent",
            "x-team"
        ]
    );
    assert_eq!(seen.path, "/v1/chat/completions?a=b");
}

#[tokio::test]
async fn a_large_upload_with_expect_is_continued() {
    let vendor = good(Proto::H1);
    let world = World::new(channel("a", &vendor, ""));
    let body = body_of(2_000_000);
    let mut client = H1::connect(world.gateway.address).await;
    let head = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\nauthorization: {BEARER}\r\nexpect: 100-continue\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    client.write(head.as_bytes()).await;
    assert!(client.read_until("100 Continue").await);
    client.write(&body).await;
    assert_eq!(client.answer().await.unwrap().status, 200);
}

#[tokio::test]
async fn a_vendor_may_refuse_before_it_has_read() {
    for proto in [Proto::H1, Proto::TlsH1, Proto::TlsH2] {
        let early = |_: &str, _: &std::collections::HashMap<String, String>| {
            Some(Script::json(
                413,
                r#"{"error":{"message":"too large","type":"invalid_request_error","code":"x"}}"#,
            ))
        };
        let vendor = Vendor::start_with(proto, Some(Box::new(early)), |_| answer("never", 1, 1));
        let world = World::new(channel("a", &vendor, ""));
        let answer = world.post("/v1/chat/completions", ROOT_KEY, &[], &body_of(20_000_000)).await;
        assert_eq!(answer.status, 413, "{proto:?}: {}", answer.text());
        assert_eq!(answer.code(), "x");
    }
}

#[tokio::test]
async fn ambiguous_framing_is_refused_and_reaches_nobody() {
    let vendor = good(Proto::H1);
    let world = World::new(channel("a", &vendor, ""));
    let body = request(false).to_string();
    let n = body.len();
    let head = format!("POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\nauthorization: {BEARER}\r\n");
    for framing in [
        format!("content-length: {n}\r\ntransfer-encoding: chunked\r\n\r\n{body}"),
        format!("content-length: {n}\r\ncontent-length: {n}\r\n\r\n{body}"),
        format!("content-length: {n}\r\ncontent-length: 5\r\n\r\n{body}"),
        format!("content-length: +{n}\r\n\r\n{body}"),
        format!("content-length: {n},{n}\r\n\r\n{body}"),
        format!("transfer-encoding: xchunked\r\n\r\n{body}"),
        format!("transfer-encoding: gzip, chunked\r\n\r\n{body}"),
        format!("transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n{body}"),
        format!("host: b\r\ncontent-length: {n}\r\n\r\n{body}"),
        format!("x-a: b\n content-length: {n}\r\n\r\n{body}"),
        format!("x-a: b\r\n folded\r\ncontent-length: {n}\r\n\r\n{body}"),
    ] {
        let mut client = H1::connect(world.gateway.address).await;
        client.write(format!("{head}{framing}").as_bytes()).await;
        if let Some(answer) = client.answer().await {
            assert_eq!(answer.status, 400, "{framing:?}: {}", answer.text());
            assert!(client.answer().await.is_none(), "the connection stays open after {framing:?}");
        }
    }
    assert_eq!(vendor.hits(), 0);
}

#[tokio::test]
async fn a_body_that_nobody_read_is_not_the_next_request() {
    let vendor = good(Proto::H1);
    let world = World::new(channel("a", &vendor, ""));
    let smuggled = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\nauthorization: {BEARER}\r\ncontent-length: 2\r\n\r\n{{}}"
    );
    let mut client = H1::connect(world.gateway.address).await;
    client
        .send("POST", "/v1/chat/completions", &[("authorization", "Bearer sk-wrong")], smuggled.as_bytes())
        .await;
    let answer = client.answer().await.unwrap();
    assert_eq!((answer.status, answer.code().as_str()), (401, "invalid_api_key"));
    assert!(client.answer().await.is_none());
    assert_eq!(vendor.hits(), 0);
}

#[tokio::test]
async fn limits_on_head_and_body_have_clear_errors() {
    let vendor = good(Proto::H1);
    let world =
        World::new(format!("[server]\nlimits = {{ body_bytes = 100000 }}\n{}", channel("a", &vendor, "")));
    let answer = world.post("/v1/chat/completions", ROOT_KEY, &[], &body_of(200_000)).await;
    assert_eq!((answer.status, answer.code().as_str()), (413, "body_too_large"));
    let mut client = H1::connect(world.gateway.address).await;
    client.send_chunked("/v1/chat/completions", &[("authorization", BEARER)], &body_of(200_000)).await;
    assert_eq!(client.answer().await.unwrap().status, 413);
    let long = "x".repeat(40_000);
    let answer = world.post("/v1/chat/completions", ROOT_KEY, &[("x-long", &long)], b"{}").await;
    assert_eq!(answer.status, 400);
    assert_eq!(vendor.hits(), 0);
}

#[tokio::test]
async fn compressed_bodies_are_inflated_within_limits() {
    use std::io::Write;
    let vendor = good(Proto::H1);
    let world = World::new(channel("a", &vendor, ""));
    let gzip = |bytes: &[u8]| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    };
    let body = body_of(50_000);
    let answer =
        world.post("/v1/chat/completions", ROOT_KEY, &[("content-encoding", "gzip")], &gzip(&body)).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(vendor.seen()[0].body, body);
    let bomb = gzip(&vec![b' '; 200 << 20]);
    let answer = world.post("/v1/chat/completions", ROOT_KEY, &[("content-encoding", "gzip")], &bomb).await;
    assert_eq!((answer.status, answer.code().as_str()), (413, "body_too_large"));
    let answer = world.post("/v1/chat/completions", ROOT_KEY, &[("content-encoding", "br")], &body).await;
    assert_eq!(answer.status, 415);
}

#[tokio::test]
async fn parsers_that_could_disagree_get_nothing_to_disagree_about() {
    let vendor = good(Proto::H1);
    let world = World::new(channel("a", &vendor, ""));
    for body in [
        r#"{"model":"gpt-4o-mini","model":"x","messages":[]}"#,
        r#"{"model":"gpt-4o-mini","mod\u0065l":"x"}"#,
        "\u{feff}{\"model\":\"gpt-4o-mini\"}",
        r#"{"model":"gpt-4o-mini"}x"#,
        r#"{"model":"gpt-4o-mini","max_tokens":NaN}"#,
        r#"{"model":"gpt-4o-mini","stream":"true"}"#,
        r#"{"model":"gpt-4o-mini","max_tokens":-5}"#,
        r#"{"model":"gpt-4o-mini","n":1000}"#,
        r#"["model"]"#,
        "",
    ] {
        let answer = world.post("/v1/chat/completions", ROOT_KEY, &[], body.as_bytes()).await;
        assert_eq!(answer.status, 400, "{body}: {}", answer.text());
        assert_eq!(answer.json()["error"]["type"], "magic_error");
        assert!(answer.json()["error"]["message"].as_str().unwrap().contains("request id: "));
    }
    assert_eq!(vendor.hits(), 0);
}

#[tokio::test]
async fn health_and_models_are_answered_here() {
    let vendor = good(Proto::H1);
    let world = World::new(channel("a", &vendor, ""));
    let get = async |path: &str, key: &str| {
        h1(world.gateway.address, "GET", path, &[("authorization", key)], b"").await
    };
    assert_eq!(get("/healthz", "x").await.status, 200);
    assert_eq!(get("/readyz", "x").await.json(), json!({ "status": "ok" }));
    let models: Value = get("/v1/models", BEARER).await.json();
    assert_eq!(models["data"][0]["id"], MODEL);
    assert_eq!(get(&format!("/v1/models/{MODEL}"), BEARER).await.json()["id"], MODEL);
    assert_eq!(get("/v1/models/none", BEARER).await.code(), "model_not_found");
    assert_eq!(get("/v1/models", "Bearer x").await.status, 401);
    assert_eq!(get("/v1/nothing", BEARER).await.status, 404);
}

/// Sends bytes one at a time until the connection is closed; how long that took.
async fn drip(client: &mut H1, bytes: &[u8]) -> std::time::Duration {
    let begun = std::time::Instant::now();
    for byte in bytes.iter().cycle() {
        let closed = client.try_write(&[*byte]).await.is_err() || client.ended_within(100).await;
        if closed || begun.elapsed().as_secs() > 30 {
            break;
        }
    }
    begun.elapsed()
}

#[tokio::test]
async fn a_head_that_drips_is_cut_off() {
    let vendor = good(Proto::H1);
    let limits = "[server]\nlimits = { head_seconds = 1 }\n";
    let world = World::with(format!("{limits}{}", channel("a", &vendor, "")), true, vec![]);
    let head =
        format!("POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\nauthorization: {BEARER}\r\nx-slow: ");
    let mut client = H1::connect(world.gateway.address).await;
    client.write(head.as_bytes()).await;
    assert!(drip(&mut client, b"a").await.as_secs() < 10);
    // The next request of the same connection has the same deadline.
    let body = request(false).to_string();
    let fields = [("authorization", BEARER)];
    let mut client = H1::connect(world.gateway.address).await;
    client.send("POST", "/v1/chat/completions", &fields, body.as_bytes()).await;
    assert_eq!(client.answer().await.unwrap().status, 200);
    client.write(head.as_bytes()).await;
    assert!(drip(&mut client, b"a").await.as_secs() < 10);
}

#[tokio::test]
async fn a_body_that_drips_is_refused() {
    let vendor = good(Proto::H1);
    let world = World::new(channel("a", &vendor, ""));
    let mut client = H1::connect(world.gateway.address).await;
    let head = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\nauthorization: {BEARER}\r\ncontent-length: 100000\r\n\r\n{{"
    );
    client.write(head.as_bytes()).await;
    let took = drip(&mut client, b" ").await;
    assert!((8..25).contains(&took.as_secs()), "{took:?}");
    assert_eq!(client.answer().await.unwrap().status, 408);
    assert_eq!(vendor.hits(), 0);
}

#[tokio::test]
async fn bodies_of_all_calls_together_have_a_budget() {
    let vendor = good(Proto::H1);
    let limits = "[server]\nlimits = { buffered_bytes = 1000000 }\n";
    let world = World::new(format!("{limits}{}", channel("a", &vendor, "")));
    let mut first = H1::connect(world.gateway.address).await;
    let body = body_of(900_000);
    let head = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\nauthorization: {BEARER}\r\ncontent-length: {}\r\nexpect: 100-continue\r\n\r\n",
        body.len()
    );
    first.write(head.as_bytes()).await;
    assert!(first.read_until("100 Continue").await);
    first.write(&body[..10]).await;
    let answer = world.post("/v1/chat/completions", ROOT_KEY, &[], &body).await;
    assert_eq!((answer.status, answer.code().as_str()), (503, "overloaded"));
    assert!(answer.headers.contains_key("retry-after"));
    // Small ones still find room, and the first one's share comes back.
    assert_eq!(world.chat(&request(false)).await.status, 200);
    first.write(&body[10..]).await;
    assert_eq!(first.answer().await.unwrap().status, 200);
    assert_eq!(world.post("/v1/chat/completions", ROOT_KEY, &[], &body).await.status, 200);
}

/// What `connection` says is what happens: a caller that reuses a kept connection must find it open.
#[tokio::test]
async fn a_connection_said_to_be_kept_is_kept() {
    let vendor = Vendor::start(Proto::H1, |seen| {
        let status = seen.json()["max_tokens"].as_u64().unwrap_or(200) as u16;
        Script::json(status, json!({ "error": { "message": "m" } }).to_string())
    });
    let world = World::new(format!("[options]\nRetryTimes = 0\n{}", channel("a", &vendor, "")));
    let fields = [("authorization", BEARER), ("content-type", "application/json")];
    let asked = |model: &str, status: u16| {
        json!({ "model": model, "messages": [{ "role": "user", "content": "x" }], "max_tokens": status })
            .to_string()
    };
    for body in [asked(MODEL, 400), asked(MODEL, 422), asked("unknown", 400), "{".to_owned()] {
        let mut client = H1::connect(world.gateway.address).await;
        client.send("POST", "/v1/chat/completions", &fields, body.as_bytes()).await;
        let first = client.answer().await.unwrap();
        assert!((400..500).contains(&first.status), "{}", first.text());
        let kept = first.headers["connection"].eq_ignore_ascii_case("keep-alive");
        if kept {
            client.send("GET", "/v1/models", &fields, b"").await;
            assert_eq!(client.answer().await.map(|answer| answer.status), Some(200), "{body}");
        } else {
            assert!(client.answer().await.is_none(), "{body}");
        }
    }
}

//! Streams: what passes, what is taken out, and what an interrupted one costs.

use crate::harness::{
    CUSTOMER_KEY, GOOD_COST_USD, World, channel, chunk, customer, good, request, usage_chunk,
};
use magic_testkit::client::H1;
use magic_testkit::vendor::{Gate, Proto, Script, Step, Vendor};

const BEARER: &str = "Bearer sk-roottoken0123456789";

fn send(event: &str) -> Step {
    Step::Send(format!("data: {event}\n\n").into())
}

fn pieces(steps: Vec<Step>) -> Script {
    Script::Pieces { status: 200, content_type: "text/event-stream", steps }
}

#[tokio::test]
async fn usage_is_asked_for_and_taken_out_again() {
    let vendor = good(Proto::H1);
    let world = World::new(channel("a", &vendor, ""));
    let answer = world.chat(&request(true)).await;
    assert_eq!(vendor.seen()[0].json()["stream_options"]["include_usage"], true);
    let expected: String = (0..5).map(|n| format!("data: {}\n\n", chunk(&format!("t{n} ")))).collect();
    assert_eq!(answer.text(), format!("{expected}data: [DONE]\n\n"));
    let mut asked = request(true);
    asked["stream_options"] = serde_json::json!({ "include_usage": true });
    let answer = world.chat(&asked).await;
    assert_eq!(answer.text(), format!("{expected}data: {}\n\ndata: [DONE]\n\n", usage_chunk(10, 5)));
    let rows = world.logs(2).await;
    for row in rows {
        assert_eq!((row["mark"].as_str(), row["cost_usd"].as_str()), (Some("reported"), Some(GOOD_COST_USD)));
    }
    world.verify();
}

#[tokio::test]
async fn without_usage_tokens_are_counted_here() {
    let vendor =
        Vendor::start(Proto::H1, |_| Script::sse([chunk("hello"), chunk(" world"), "[DONE]".into()]));
    let world = World::new(channel("a", &vendor, ""));
    assert_eq!(world.chat(&request(true)).await.status, 200);
    let row = &world.logs(1).await[0];
    assert_eq!((row["mark"].as_str(), row["completion_tokens"].as_i64()), (Some("estimated"), Some(2)));
    assert_eq!(row["prompt_tokens"], 8);
    world.verify();
}

#[tokio::test]
async fn an_explicit_zero_is_zero() {
    let vendor =
        Vendor::start(Proto::H1, |_| Script::sse([chunk("hello"), usage_chunk(0, 0), "[DONE]".into()]));
    let world = World::new(channel("a", &vendor, ""));
    world.chat(&request(true)).await;
    let row = &world.logs(1).await[0];
    assert_eq!((row["mark"].as_str(), row["quota"].as_i64()), (Some("reported"), Some(0)));
}

#[tokio::test]
async fn a_stream_that_breaks_off_ends_in_an_error_and_costs_what_was_delivered() {
    for proto in [Proto::H1, Proto::TlsH2] {
        for end in [vec![Step::Cut], vec![]] {
            // Without the gate a reset could overtake the data before it.
            let gate = Gate::new();
            let begin = vec![send(&chunk("hello")), send(&chunk(" world")), Step::Wait(gate.clone())];
            let script = pieces([begin, end].concat());
            let vendor = Vendor::start(proto, move |_| script.clone());
            let world = World::new([channel("a", &vendor, ""), customer(1.0)].concat());
            let mut client = H1::connect(world.gateway.address).await;
            let bearer = format!("Bearer {CUSTOMER_KEY}");
            let body = request(true).to_string();
            client.send("POST", "/v1/chat/completions", &[("authorization", &bearer)], body.as_bytes()).await;
            assert!(client.read_until("world").await);
            gate.open();
            let answer = client.answer().await.unwrap();
            let text = answer.text();
            assert!(answer.status == 200 && answer.whole, "{proto:?}: {text}");
            let last = text.trim_end().rsplit("\n\n").next().unwrap();
            assert!(last.contains("upstream_error") && !text.contains("[DONE]"), "{proto:?}: {text}");
            let row = &world.logs(1).await[0];
            assert_eq!(row["mark"].as_str(), Some("estimated_partial"), "{row}");
            assert_eq!(row["completion_tokens"], 2);
            world.verify();
        }
    }
}

#[tokio::test]
async fn a_stream_that_falls_silent_ends_in_an_error() {
    let gate = Gate::new();
    let script = pieces(vec![send(&chunk("hello")), Step::Wait(gate.clone())]);
    let vendor = Vendor::start(Proto::H1, move |_| script.clone());
    let world = World::new(channel("a", &vendor, "timeouts = { idle_ms = 300 }"));
    let answer = world.chat(&request(true)).await;
    assert!(answer.whole && answer.text().contains("upstream_timeout"), "{}", answer.text());
    assert_eq!(world.logs(1).await[0]["mark"], "estimated_partial");
    gate.open();
}

#[tokio::test]
async fn an_error_before_any_content_costs_nothing() {
    let script = Script::sse([r#"{"error":{"message":"busy","type":"server_error"}}"#]);
    let vendor = Vendor::start(Proto::H1, move |_| script.clone());
    let world = World::new(channel("a", &vendor, ""));
    let answer = world.chat(&request(true)).await;
    assert_eq!(answer.status, 502, "{}", answer.text());
    let row = &world.logs(1).await[0];
    assert_eq!((row["mark"].as_str(), row["quota"].as_i64()), (Some("void"), Some(0)));
    world.verify();
}

#[tokio::test]
async fn a_caller_who_leaves_pays_what_the_vendor_reports() {
    for proto in [Proto::H1, Proto::TlsH2] {
        let gate = Gate::new();
        let script = pieces(vec![
            send(&chunk("hello")),
            Step::Wait(gate.clone()),
            send(&chunk(" world")),
            send(&usage_chunk(10, 5)),
            send("[DONE]"),
        ]);
        let vendor = Vendor::start(proto, move |_| script.clone());
        let world = World::new(channel("a", &vendor, ""));
        let mut client = H1::connect(world.gateway.address).await;
        client
            .send(
                "POST",
                "/v1/chat/completions",
                &[("authorization", BEARER)],
                request(true).to_string().as_bytes(),
            )
            .await;
        assert!(client.read_until("hello").await);
        drop(client);
        gate.open();
        let row = &world.logs(1).await[0];
        assert_eq!(
            (row["mark"].as_str(), row["cost_usd"].as_str()),
            (Some("reported"), Some(GOOD_COST_USD)),
            "{row}"
        );
        world.verify();
    }
}

#[tokio::test]
async fn an_abandoned_stream_that_goes_on_too_long_costs_what_was_delivered() {
    let gate = Gate::new();
    let script = pieces(vec![send(&chunk("hello")), Step::Wait(gate.clone()), send("[DONE]")]);
    let vendor = Vendor::start(Proto::H1, move |_| script.clone());
    let world = World::new(format!(
        "[server]\ntimeouts = {{ drain_abandoned_ms = 300 }}\n{}",
        channel("a", &vendor, "")
    ));
    let mut client = H1::connect(world.gateway.address).await;
    client
        .send(
            "POST",
            "/v1/chat/completions",
            &[("authorization", BEARER)],
            request(true).to_string().as_bytes(),
        )
        .await;
    assert!(client.read_until("hello").await);
    drop(client);
    let row = &world.logs(1).await[0];
    assert_eq!(
        (row["mark"].as_str(), row["completion_tokens"].as_i64()),
        (Some("estimated_partial"), Some(1)),
        "{row}"
    );
    assert_eq!(row["error"], "client_gone");
    gate.open();
    world.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_who_leaves_a_whole_answer_pays_for_it() {
    let gate = Gate::new();
    let body = crate::harness::completion("hello", 10, 5).to_string();
    let held = gate.clone();
    let vendor = std::sync::Arc::new(Vendor::start(Proto::H1, move |_| Script::Pieces {
        status: 200,
        content_type: "application/json",
        steps: vec![Step::Wait(held.clone()), Step::Send(body.clone().into())],
    }));
    let world = World::new(channel("a", &vendor, ""));
    let mut client = H1::connect(world.gateway.address).await;
    client
        .send(
            "POST",
            "/v1/chat/completions",
            &[("authorization", BEARER)],
            request(false).to_string().as_bytes(),
        )
        .await;
    tokio::task::spawn_blocking({
        let vendor = vendor.clone();
        move || vendor.wait_for(1)
    })
    .await
    .unwrap();
    drop(client);
    gate.open();
    assert_eq!(world.logs(1).await[0]["cost_usd"], GOOD_COST_USD);
    world.verify();
}

#[tokio::test]
async fn a_waiting_caller_is_kept_alive() {
    let gate = Gate::new();
    let script = pieces(vec![Step::Wait(gate.clone()), send(&chunk("hello")), send("[DONE]")]);
    let vendor = Vendor::start(Proto::H1, move |_| script.clone());
    let world =
        World::new(format!("[server]\ntimeouts = {{ keepalive_ms = 100 }}\n{}", channel("a", &vendor, "")));
    let mut client = H1::connect(world.gateway.address).await;
    client
        .send(
            "POST",
            "/v1/chat/completions",
            &[("authorization", BEARER)],
            request(true).to_string().as_bytes(),
        )
        .await;
    assert!(client.read_until(": ping\n\n").await);
    gate.open();
    assert!(client.read_until("[DONE]").await);
}

/// A text frame of a WebSocket, as servers send them.
fn frame(text: &str) -> Vec<u8> {
    let mut out = vec![0x81];
    match text.len() {
        n @ 0..126 => out.push(n as u8),
        n => out.extend_from_slice(&[&[126][..], &(n as u16).to_be_bytes()].concat()),
    }
    [out, text.as_bytes().to_vec()].concat()
}

#[tokio::test]
async fn a_realtime_session_is_relayed_and_metered() {
    let done = r#"{"type":"response.done","response":{"usage":{"input_tokens":10,"output_tokens":5,"total_tokens":15}}}"#;
    let head = b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
    let bytes = [&head[..], &frame(r#"{"type":"session.created"}"#), &frame(done), &frame(done)].concat();
    let vendor = Vendor::start(Proto::H1, move |_| Script::Raw(bytes.clone().into()));
    let world = World::new(channel("a", &vendor, ""));
    let mut client = H1::connect(world.gateway.address).await;
    let handshake = "GET /v1/realtime?model=gpt-4o-mini HTTP/1.1\r\nhost: a\r\nupgrade: websocket\r\nconnection: Upgrade\r\n\
                     sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-version: 13\r\n\
                     sec-websocket-protocol: realtime, openai-insecure-api-key.sk-roottoken0123456789\r\n\r\n";
    client.write(handshake.as_bytes()).await;
    assert!(client.read_until("101 Switching").await);
    assert!(client.read_until("response.done").await);
    let seen = vendor.seen()[0].clone();
    assert_eq!(seen.path, "/v1/realtime?model=gpt-4o-mini");
    assert_eq!(
        (seen.headers["sec-websocket-protocol"].as_str(), seen.headers["authorization"].as_str()),
        ("realtime", "Bearer sk-vendor-key-0123456789")
    );
    drop(client);
    let row = &world.logs(1).await[0];
    assert_eq!(
        (row["mark"].as_str(), row["endpoint"].as_str(), row["cost_usd"].as_str()),
        (Some("reported"), Some("realtime"), Some("0.000009000")),
        "{row}"
    );
    world.verify();
}

/// Regression: a 101 that was read before Pingora had told the vendor's side that the request has no body
/// ended the WebSocket. The stall makes it arrive before.
#[tokio::test]
async fn a_websocket_that_is_accepted_at_once_stays_open() {
    let head = b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
    let bytes = [&head[..], &frame(r#"{"type":"session.created"}"#)].concat();
    let vendor = Vendor::start(Proto::H1, move |_| Script::Raw(bytes.clone().into()));
    let world = World::with(channel("a", &vendor, ""), false, vec![("MAGIC_FAULT", "stall".to_owned())]);
    let address = world.gateway.address;
    let sessions = (0..4).map(|_| async move {
        let mut client = H1::connect(address).await;
        let handshake = "GET /v1/realtime?model=gpt-4o-mini HTTP/1.1\r\nhost: a\r\nupgrade: websocket\r\nconnection: Upgrade\r\n\
                         sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-version: 13\r\n\
                         authorization: Bearer sk-roottoken0123456789\r\n\r\n";
        client.write(handshake.as_bytes()).await;
        client.read_until("session.created").await && !client.ended_within(200).await
    });
    let lived = futures::future::join_all(sessions).await;
    assert_eq!(lived.iter().filter(|lived| !**lived).count(), 0);
    world.verify();
}

/// Regression: a caller who listened for a minute was cut off, by a limit that nobody could set.
#[tokio::test]
async fn a_silent_realtime_session_lasts_as_long_as_a_call_may() {
    let head = b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
    let bytes = [&head[..], &frame(r#"{"type":"session.created"}"#)].concat();
    let vendor = Vendor::start(Proto::H1, move |_| Script::Raw(bytes.clone().into()));
    let timeouts = "[server]\n[server.timeouts]\ntotal_ms = 2000\n";
    let world = World::new([timeouts, &channel("a", &vendor, "")].concat());
    let mut client = H1::connect(world.gateway.address).await;
    let handshake = "GET /v1/realtime?model=gpt-4o-mini HTTP/1.1\r\nhost: a\r\nupgrade: websocket\r\nconnection: Upgrade\r\n\
                     sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-version: 13\r\n\
                     authorization: Bearer sk-roottoken0123456789\r\n\r\n";
    client.write(handshake.as_bytes()).await;
    assert!(client.read_until("session.created").await && !client.ended_within(500).await);
    assert!(client.ended_within(10_000).await);
    world.verify();
}

#[tokio::test]
async fn a_long_line_passes_and_an_endless_one_is_an_error() {
    for (megabytes, fine) in [(4, true), (20, false)] {
        let text = chunk(&"x".repeat(megabytes << 20));
        let vendor = Vendor::start(Proto::H1, move |_| {
            Script::sse([text.clone(), usage_chunk(1, 1), "[DONE]".into()])
        });
        let world = World::new(channel("a", &vendor, ""));
        let answer = world.chat(&request(true)).await;
        if fine {
            assert_eq!(answer.status, 200);
            assert!(answer.body.len() > megabytes << 20 && answer.text().ends_with("data: [DONE]\n\n"));
        } else {
            assert_eq!((answer.status, answer.code().as_str()), (502, "upstream_error"), "{}", answer.text());
            assert_eq!(world.logs(1).await[0]["mark"], "void");
        }
        world.verify();
    }
}

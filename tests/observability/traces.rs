//! Traces: names, parents and attributes of spans, what is in none of them, and a collector that is away.

use super::{pair, until, value};
use crate::harness::{GOOD_COST_USD, MODEL, World, channel, good, request};
use magic_testkit::client::h1;
use magic_testkit::db::free_port;
use magic_testkit::otlp::{Collector, Span, decode};
use magic_testkit::process::ROOT_KEY;
use magic_testkit::vendor::Proto;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

fn quick() -> Vec<(&'static str, String)> {
    vec![("OTEL_BSP_SCHEDULE_DELAY", "50".into())]
}

fn telemetry(endpoint: &str, more: &str) -> String {
    format!("[telemetry]\notlp_endpoint = \"{endpoint}\"\n{more}\n")
}

fn attribute<'s>(span: &'s Span, name: &str) -> &'s str {
    span.attributes.get(name).map_or("", String::as_str)
}

#[tokio::test]
async fn a_streamed_call_with_a_failover_is_three_spans() {
    let (collector, pair) = (Collector::new(), pair("no"));
    let more = "service_name = \"edge-1\"\notlp_headers = { authorization = \"Bearer collector-token\" }\n";
    let world = World::with(pair.config(&telemetry(&collector.endpoint(), more)), false, quick());
    let answer = world
        .post(
            "/v1/chat/completions",
            ROOT_KEY,
            &[("traceparent", PARENT)],
            request(true).to_string().as_bytes(),
        )
        .await;
    assert_eq!(answer.status, 200);
    let spans = collector.wait_for(3).await;
    assert_eq!(spans.len(), 3);
    let name = format!("chat {MODEL}");
    let (root, first, second) = (&spans[0], &spans[1], &spans[2]);
    for span in &spans {
        assert_eq!((span.trace.as_str(), span.name.as_str()), (TRACE, name.as_str()));
        assert_eq!(attribute(span, "gen_ai.operation.name"), "chat");
        assert_eq!(attribute(span, "gen_ai.request.model"), MODEL);
        assert_eq!(attribute(span, "gen_ai.provider.name"), "custom");
        assert_eq!(span.resource["service.name"], "edge-1");
        assert!(span.start <= span.end && span.start >= root.start && span.end <= root.end, "{spans:#?}");
    }
    assert_eq!((root.parent.as_str(), root.kind, root.failed), ("00f067aa0ba902b7", 2, false));
    for (name, wanted) in [
        ("http.response.status_code", "200"),
        ("gen_ai.usage.input_tokens", "10"),
        ("gen_ai.usage.output_tokens", "5"),
        ("gen_ai.request.stream", "true"),
        ("magic.tries", "2"),
        ("magic.channel.id", "2"),
        ("magic.cost_usd", GOOD_COST_USD.trim_end_matches('0')),
        ("magic.request.id", &answer.headers["x-request-id"]),
        ("error.type", ""),
    ] {
        assert_eq!(attribute(root, name), wanted, "{name}");
    }
    assert!(root.attributes.contains_key("gen_ai.response.time_to_first_chunk"));
    for span in [first, second] {
        assert_eq!((span.parent.as_str(), span.kind), (root.id.as_str(), 3));
        assert_eq!(attribute(span, "server.address"), "127.0.0.1");
    }
    assert_eq!(attribute(first, "server.port"), pair.broken.address.port().to_string());
    assert_eq!(
        (attribute(first, "error.type"), attribute(first, "http.response.status_code")),
        ("vendor_error", "500")
    );
    assert!(first.failed && !second.failed && first.end <= second.end);
    assert_eq!(
        (attribute(second, "error.type"), attribute(second, "http.response.status_code")),
        ("", "200")
    );
    assert_ne!(first.id, second.id);
    let sent = &collector.requests()[0];
    assert_eq!((sent.method.as_str(), sent.path.as_str()), ("POST", "/v1/traces"));
    assert_eq!(sent.headers["content-type"], "application/x-protobuf");
    assert_eq!(sent.headers["authorization"], "Bearer collector-token");
    // It is one more header to a stranger.
    for vendor in [&pair.broken, &pair.fine] {
        assert!(vendor.seen().iter().all(|seen| !seen.headers.contains_key("traceparent")));
    }
    until(&world, "magic_spans_total{outcome=\"sent\"}", |count| count == 3.0).await;
}

#[tokio::test]
async fn vendors_are_told_of_the_trace_where_the_operator_wants_that() {
    let (collector, vendor) = (Collector::new(), good(Proto::H1));
    let config = telemetry(&collector.endpoint(), "propagate = true\n") + &channel("c", &vendor, "");
    let world = World::with(config, false, quick());
    world.chat(&request(false)).await;
    let spans = collector.wait_for(2).await;
    assert_eq!(spans[0].parent, "", "a trace of our own");
    let told = &vendor.seen()[0].headers["traceparent"];
    assert_eq!(told, &format!("00-{}-{}-01", spans[1].trace, spans[1].id));
}

#[tokio::test]
async fn the_caller_decides_whether_a_call_is_traced_and_else_the_ratio() {
    let (collector, vendor) = (Collector::new(), good(Proto::H1));
    let config = telemetry(&collector.endpoint(), "sample_ratio = 0\n") + &channel("c", &vendor, "");
    let world = World::with(config, false, quick());
    let body = request(false).to_string();
    let not = PARENT.replace("-01", "-00");
    for parent in [None, Some(not.as_str()), Some("00-rubbish-01"), Some(PARENT)] {
        let fields: Vec<_> = parent.map(|parent| ("traceparent", parent)).into_iter().collect();
        assert_eq!(world.post("/v1/chat/completions", ROOT_KEY, &fields, body.as_bytes()).await.status, 200);
    }
    // The last one comes, and nothing before it.
    let spans = collector.wait_for(2).await;
    assert!(spans.len() == 2 && spans.iter().all(|span| span.trace == TRACE), "{spans:#?}");
}

#[tokio::test]
async fn nothing_secret_is_in_a_trace() {
    let (collector, pair) = (Collector::new(), pair("canary-of-the-vendor"));
    // Whoever names a model so has mixed something up.
    let odd = channel("odd", &pair.fine, "").replace(MODEL, "sk-canary0123456789");
    let world = World::with(pair.config(&telemetry(&collector.endpoint(), "")) + &odd, false, quick());
    let body = serde_json::json!({ "model": MODEL, "messages": [{ "role": "user", "content": "canary-of-the-body" }] });
    let path = "/v1/chat/completions?note=canary-of-the-query";
    let fields = [
        ("cookie", "session=canary-of-the-cookie"),
        ("tracestate", "x=canary-of-the-state"),
        ("baggage", "x=canary-of-the-baggage"),
        ("user-agent", "canary-of-the-agent"),
    ];
    assert_eq!(world.post(path, ROOT_KEY, &fields, body.to_string().as_bytes()).await.status, 200);
    let named = body.to_string().replace(MODEL, "sk-canary0123456789");
    assert_eq!(world.post(path, ROOT_KEY, &fields, named.as_bytes()).await.status, 200);
    // One that is refused has a span of its own.
    assert_eq!(
        world.post(path, "sk-canary-of-the-key-0123", &fields, body.to_string().as_bytes()).await.status,
        401
    );
    let spans = collector.wait_for(6).await;
    assert_eq!(attribute(&spans[5], "error.type"), "invalid_api_key");
    for seen in collector.requests() {
        let text = String::from_utf8_lossy(&seen.body).into_owned();
        for secret in ["canary", "sk-", ROOT_KEY, "Bearer"] {
            assert!(!text.contains(secret), "{secret} in {:#?}", decode(&seen.body));
        }
        assert!(seen.headers.values().all(|value| !value.contains("canary")));
    }
    let page =
        until(&world, "magic_model_requests_total{model=\"others\",outcome=\"ok\"}", |count| count == 1.0)
            .await;
    assert!(!page.contains("canary"), "{page}");
}

#[tokio::test]
async fn a_collector_that_is_away_hurts_nobody() {
    let vendor = good(Proto::H1);
    let port = free_port();
    let more = telemetry(&format!("http://127.0.0.1:{port}"), "");
    let config = format!("[server]\nlog_dir = \"logs\"\n{more}{}", channel("c", &vendor, ""));
    let mut env = quick();
    env.push(("RUST_LOG", "info".into()));
    let world = World::with(config, false, env);
    for _ in 0..5 {
        assert_eq!(world.chat(&request(true)).await.status, 200);
    }
    let page = until(&world, "magic_spans_total{outcome=\"dropped\"}", |count| count >= 10.0).await;
    assert_eq!(value(&page, "magic_spans_total{outcome=\"sent\"}"), Some(0.0));
    // It comes back.
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await.unwrap();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut head = [0; 4096];
            let _ = stream.read(&mut head).await;
            let _ =
                stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").await;
        }
    });
    assert_eq!(world.chat(&request(true)).await.status, 200);
    until(&world, "magic_spans_total{outcome=\"sent\"}", |count| count >= 2.0).await;
    let lines = super::logs::lines(world.dir.path(), |text| text.contains("traces are sent again")).await;
    assert_eq!(lines.matches("traces can't be sent").count(), 1, "{lines}");
}

#[tokio::test]
async fn the_last_spans_are_sent_before_the_process_ends() {
    let (collector, vendor) = (Arc::new(Collector::new()), good(Proto::H1));
    // The standard variables do, and spans would wait for a minute.
    let env = vec![
        ("OTEL_EXPORTER_OTLP_ENDPOINT", collector.endpoint()),
        ("OTEL_EXPORTER_OTLP_HEADERS", "x-team=a%20b".into()),
        ("OTEL_SERVICE_NAME", "from-the-environment".into()),
        ("OTEL_BSP_SCHEDULE_DELAY", "60000".into()),
    ];
    let mut world = World::with(channel("c", &vendor, ""), false, env);
    assert_eq!(world.chat(&request(false)).await.status, 200);
    until(&world, "magic_requests_total{endpoint=\"chat\",status=\"200\"}", |count| count == 1.0).await;
    assert_eq!(collector.spans().len(), 0);
    world.gateway.signal("TERM");
    assert_eq!(world.gateway.wait(), Some(0));
    let spans = collector.spans();
    assert_eq!(spans.len(), 2);
    assert_eq!(spans[0].resource["service.name"], "from-the-environment");
    assert_eq!(collector.requests()[0].headers["x-team"], "a b");
}

#[tokio::test]
async fn other_endpoints_are_named_by_their_operation() {
    let (collector, vendor) = (Collector::new(), good(Proto::H1));
    let world =
        World::with(telemetry(&collector.endpoint(), "") + &channel("c", &vendor, ""), false, quick());
    // What is answered here is no call.
    h1(world.gateway.address, "GET", "/healthz", &[], b"").await;
    let embed = serde_json::json!({ "model": MODEL, "input": "x" }).to_string();
    world.post("/v1/embeddings", ROOT_KEY, &[], embed.as_bytes()).await;
    let spans = collector.wait_for(2).await;
    assert_eq!((spans.len(), spans[0].name.as_str()), (2, format!("embeddings {MODEL}").as_str()));
}

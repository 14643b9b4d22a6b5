//! Metrics: what is counted, where they are told, and that documents and dashboards name what there is.

use super::{pair, scrape, until, value};
use crate::harness::{MODEL, World, channel, good, request};
use magic::metrics::names::{ALL, Kind};
use magic_testkit::client::h1;
use magic_testkit::db::{Engine, database, free_port, redis_on};
use magic_testkit::process::run;
use magic_testkit::relay::Relay;
use magic_testkit::vendor::Proto;
use std::net::SocketAddr;
use tokio::io::AsyncWriteExt;

fn document(name: &str) -> String {
    std::fs::read_to_string(format!("{}/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

#[tokio::test]
async fn a_call_with_a_failover_is_counted() {
    let pair = pair("no");
    let world = World::new(pair.config(""));
    assert_eq!(world.chat(&request(true)).await.status, 200);
    assert_eq!(world.chat_as("sk-nobody0123456789", &request(false)).await.status, 401);
    let model = |name: &str, more: &str| format!("{name}{{{more}model=\"{MODEL}\"}}");
    // Callers have it all before it is counted.
    until(&world, "magic_requests_total{endpoint=\"chat\",status=\"200\"}", |count| count == 1.0).await;
    let page = until(&world, "magic_refusals_total{code=\"invalid_api_key\"}", |count| count == 1.0).await;
    for (series, wanted) in [
        ("magic_attempts_total{reason=\"vendor_error\"}", 1.0),
        ("magic_attempts_total{reason=\"ok\"}", 1.0),
        ("magic_failovers_total{reason=\"vendor_error\"}", 1.0),
        ("magic_request_duration_seconds_count{endpoint=\"chat\",stream=\"true\"}", 1.0),
        ("magic_first_byte_seconds_count{endpoint=\"chat\",stream=\"true\"}", 1.0),
        (&model("magic_tokens_total", "direction=\"input\","), 10.0),
        (&model("magic_tokens_total", "direction=\"output\","), 5.0),
        (&model("magic_cost_usd_total", ""), 0.000_004_5),
        (&format!("magic_model_requests_total{{model=\"{MODEL}\",outcome=\"ok\"}}"), 1.0),
        (&model("magic_model_channels_ready", ""), 2.0),
        ("magic_channels{state=\"ready\"}", 2.0),
        ("magic_models_unserved", 0.0),
        ("magic_database_up", 1.0),
        ("magic_journal_broken", 0.0),
        ("magic_draining", 0.0),
        ("magic_leases{owner=\"user\"}", 1.0),
        ("magic_config_last_reload_successful", 1.0),
        ("magic_log_lines_dropped_total", 0.0),
    ] {
        assert_eq!(value(&page, series), Some(wanted), "{series} in\n{page}");
    }
    assert!(page.contains("magic_channel_state{channel=\"1\",type=\"Custom\"} 1\n"), "{page}");
    assert!(!page.contains("code=\"upstream_error\""), "the caller has seen none");
    until(&world, "magic_requests_in_flight", |count| count == 1.0).await;
    assert!(value(&page, "magic_connections_open").unwrap() >= 1.0);
    assert!(value(&page, "magic_database_seconds_count{outcome=\"ok\"}").unwrap() >= 1.0);
    assert_eq!(value(&page, "magic_redis_up"), None, "none is set up");
    until(&world, "magic_journal_fsync_seconds_count", |count| count >= 1.0).await;
    until(&world, "magic_journal_unposted_bytes", |bytes| bytes == 0.0).await;
}

#[tokio::test]
async fn a_model_without_channels_is_seen() {
    let pair = pair("no");
    let world = World::new(channel("broken", &pair.broken, ""));
    for _ in 0..8 {
        world.chat(&request(false)).await;
    }
    let page = until(&world, "magic_models_unserved", |count| count == 1.0).await;
    assert_eq!(value(&page, &format!("magic_model_channels_ready{{model=\"{MODEL}\"}}")), Some(0.0));
    assert_eq!(value(&page, "magic_channels{state=\"resting\"}"), Some(1.0));
    assert!(page.contains("magic_channel_state{channel=\"1\",type=\"Custom\"} 0\n"), "{page}");
}

/// The signals of an outage (reliability rule, "outage matrix").
#[tokio::test]
async fn a_database_and_a_redis_that_go_away_are_seen() {
    let database = database(Engine::Postgres);
    let (server, rest) =
        database.dsn.strip_prefix("postgres://postgres@").and_then(|dsn| dsn.split_once('/')).unwrap();
    let relay = Relay::to(server);
    let (redis, running) = redis_on(free_port());
    let env = vec![
        ("SQL_DSN", format!("postgres://postgres@{}/{rest}", relay.address)),
        ("SESSION_SECRET", "a secret".to_owned()),
        ("REDIS_CONN_STRING", redis),
    ];
    let vendor = good(Proto::H1);
    let world = World::with(channel("c", &vendor, ""), false, env);
    assert_eq!(world.chat(&request(false)).await.status, 200);
    until(&world, "magic_redis_up", |up| up == 1.0).await;
    drop(running);
    until(&world, "magic_redis_up", |up| up == 0.0).await;

    relay.cut();
    until(&world, "magic_database_up", |up| up == 0.0).await;
    assert_eq!(world.chat(&request(true)).await.status, 200);
    let page = until(&world, "magic_journal_oldest_unposted_seconds", |waits| waits > 1.0).await;
    assert!(value(&page, "magic_journal_unposted_bytes").unwrap() > 0.0);
    assert!(value(&page, "magic_database_seconds_count{outcome=\"unavailable\"}").unwrap() >= 1.0);
    assert_eq!(value(&page, "magic_journal_broken"), Some(0.0));
    relay.mend();
    until(&world, "magic_database_up", |up| up == 1.0).await;
    until(&world, "magic_journal_oldest_unposted_seconds", |waits| waits == 0.0).await;
    until(&world, "magic_journal_unposted_bytes", |bytes| bytes == 0.0).await;
}

#[tokio::test]
async fn handshakes_and_certificates_are_seen() {
    let world = World::with("", true, vec![]);
    let page = scrape(&world).await;
    assert!(value(&page, "magic_certificate_end_timestamp_seconds").unwrap() > 1.7e9);
    let mut client = tokio::net::TcpStream::connect(world.gateway.tls.unwrap()).await.unwrap();
    client.write_all(b"GET / HTTP/1.1\r\nhost: plain\r\n\r\n").await.unwrap();
    until(&world, "magic_connections_failed_total{reason=\"refused\"}", |count| count == 1.0).await;
}

#[tokio::test]
async fn the_books_are_checked_by_the_clock() {
    let world = World::new("[ledger]\nverify_seconds = 1\n");
    assert_eq!(value(&scrape(&world).await, "magic_ledger_verified_timestamp_seconds"), Some(0.0));
    let page = until(&world, "magic_ledger_verified_timestamp_seconds", |at| at > 1e9).await;
    assert_eq!(value(&page, "magic_ledger_broken_invariants"), Some(0.0));
}

#[tokio::test]
async fn a_refused_configuration_is_seen() {
    let world = World::new("");
    let file = world.dir.path().join("magic.toml");
    let sound = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, format!("{sound}\nnonsense = 1\n")).unwrap();
    until(&world, "magic_config_last_reload_successful", |ok| ok == 0.0).await;
    std::fs::write(&file, sound + "\n# sound again\n").unwrap();
    until(&world, "magic_config_last_reload_successful", |ok| ok == 1.0).await;
}

#[tokio::test]
async fn who_watches_has_an_address_of_their_own() {
    let vendor = good(Proto::H1);
    let address: SocketAddr = ([127, 0, 0, 1], free_port()).into();
    let config = format!("[server]\nadmin_listen = \"{address}\"\n{}", channel("c", &vendor, ""));
    let world = World::new(config.clone());
    assert_eq!(world.chat(&request(false)).await.status, 200);
    until(&world, "magic_requests_total{endpoint=\"chat\",status=\"200\"}", |count| count == 1.0).await;
    let ask = async |method: &str, path: &str| h1(address, method, path, &[], b"").await;
    let page = ask("GET", "/metrics").await;
    assert_eq!((page.status, page.headers["content-type"].as_str()), (200, "text/plain; version=0.0.4"));
    assert_eq!(value(&page.text(), "magic_requests_total{endpoint=\"chat\",status=\"200\"}"), Some(1.0));
    assert_eq!(ask("GET", "/healthz").await.json()["status"], "ok");
    assert_eq!(ask("GET", "/readyz").await.json()["status"], "ok");
    for (method, path) in [
        ("GET", "/"),
        ("GET", "/metrics/"),
        ("POST", "/metrics"),
        ("GET", "/api/status"),
        ("GET", "/v1/models"),
        ("POST", "/v1/chat/completions"),
        ("GET", "/debug/pprof"),
        ("GET", "/dashboard"),
    ] {
        assert_eq!(ask(method, path).await.status, 404, "{method} {path}");
    }
    // The public one still wants root's token.
    assert_eq!(h1(world.gateway.address, "GET", "/metrics", &[], b"").await.status, 401);
    // Another process that is given the same address waits for it, and serves meanwhile.
    let mut first = world;
    let second = World::new(config);
    assert_eq!(second.chat(&request(false)).await.status, 200);
    first.gateway.kill();
    let until = std::time::Instant::now() + std::time::Duration::from_secs(10);
    while tokio::net::TcpStream::connect(address).await.is_err() {
        assert!(std::time::Instant::now() < until, "the address is taken over");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert_eq!(ask("GET", "/healthz").await.status, 200);
}

#[test]
fn the_address_for_who_watches_is_no_public_one() {
    let dir = tempfile::tempdir().unwrap();
    for (listen, admin, fine) in [
        ("0.0.0.0:3000", "127.0.0.1:3000", false),
        ("127.0.0.1:3000", "[::]:3000", false),
        ("127.0.0.1:3000", "nowhere", false),
        ("0.0.0.0:3000", "127.0.0.1:9090", true),
    ] {
        let file = format!("[server]\nlisten = [\"{listen}\"]\nadmin_listen = \"{admin}\"\n");
        std::fs::write(dir.path().join("magic.toml"), file).unwrap();
        let (code, _, err) = run(env!("CARGO_BIN_EXE_magic"), dir.path(), &["check-config"], &[]);
        assert_eq!(code == 0, fine, "{listen} {admin}: {err}");
        assert!(fine || err.contains("magic.toml:3: server.admin_listen:"), "{err}");
    }
}

/// Every metric is documented as it is, and nothing else is.
#[tokio::test]
async fn the_document_and_a_scrape_agree() {
    let page = scrape(&World::new("")).await;
    let declared: Vec<&str> = page.lines().filter(|line| line.starts_with("# TYPE ")).collect();
    let mut rows = Vec::new();
    for family in ALL {
        let kind = format!("# TYPE {} {}", family.name, family.kind.name());
        assert!(declared.contains(&kind.as_str()), "{kind}");
        assert!(page.contains(&format!("# HELP {} {}\n", family.name, family.help)), "{}", family.name);
        let labels: Vec<String> = family.labels.iter().map(|label| format!("`{label}`")).collect();
        let unit =
            ["seconds", "bytes", "usd"].into_iter().find(|unit| family.name.contains(unit)).unwrap_or("");
        let labels = labels.join(", ");
        rows.push(format!(
            "| `{}` | {} | {labels} | {unit} | {} |",
            family.name,
            family.kind.name(),
            family.help
        ));
    }
    assert_eq!(declared.len(), ALL.len());
    let text = document("docs/METRICS.md");
    let told: Vec<&str> = text.lines().filter(|line| line.starts_with("| `")).collect();
    assert_eq!(told, rows, "docs/METRICS.md should say\n{}", rows.join("\n"));
    // Series as they are written in a scrape have these labels, and no others.
    for line in page.lines().filter(|line| !line.starts_with('#')) {
        let name = line.split(['{', ' ']).next().unwrap();
        let family = ALL.iter().find(|family| is_of(name, family.name, family.kind)).expect(name);
        let labels =
            line.split_once('{').and_then(|(_, rest)| rest.rsplit_once('}')).map_or("", |(labels, _)| labels);
        let names =
            labels.split("\",").filter_map(|pair| pair.split('=').next()).filter(|name| !name.is_empty());
        assert!(names.filter(|name| *name != "le").all(|name| family.labels.contains(&name)), "{line}");
    }
}

fn is_of(name: &str, family: &str, kind: Kind) -> bool {
    let rest = name.strip_prefix(family);
    match kind {
        Kind::Histogram => matches!(rest, Some("_bucket" | "_sum" | "_count")),
        _ => rest == Some(""),
    }
}

/// Names in a text that look like metrics.
fn names_in(text: &str) -> Vec<&str> {
    let word = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    text.split(|letter| !word(letter))
        .filter(|w| w.starts_with("magic_") || w.starts_with("process_"))
        .collect()
}

#[test]
fn dashboards_and_alerts_name_what_there_is() {
    let dashboard: serde_json::Value = serde_json::from_str(&document("config/grafana/magic.json")).unwrap();
    let mut expressions = Vec::new();
    for panel in dashboard["panels"].as_array().unwrap() {
        for target in panel["targets"].as_array().into_iter().flatten() {
            assert_eq!(target["datasource"]["uid"], "${datasource}", "{panel}");
            expressions.push(target["expr"].as_str().unwrap().to_owned());
        }
    }
    assert!(expressions.len() > 20);
    let alerts = document("config/prometheus-alerts.yml");
    expressions.extend(alerts.lines().filter_map(|line| Some(line.split_once("expr:")?.1.to_owned())));
    for expression in &expressions {
        let names = names_in(expression);
        assert!(!names.is_empty(), "{expression}");
        for name in names {
            assert!(ALL.iter().any(|family| is_of(name, family.name, family.kind)), "{name} in {expression}");
        }
    }
    // In texts for people too.
    for name in names_in(&document("docs/OBSERVABILITY.md")) {
        assert!(ALL.iter().any(|family| name == family.name), "{name}");
    }
    let seen = expressions.concat();
    for wanted in [
        "magic_journal_oldest",
        "magic_database_up",
        "magic_certificate_end",
        "magic_models_unserved",
        "magic_draining",
    ] {
        assert!(seen.contains(wanted), "{wanted}");
    }
}

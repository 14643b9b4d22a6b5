//! Callers who read or send next to nothing: they cost little, and others do not notice them.

use crate::harness::{World, channel, chunk, request, usage_chunk};
use magic_testkit::client::H1;
use magic_testkit::vendor::{Proto, Script, Vendor};
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const BEARER: (&str, &str) = ("authorization", "Bearer sk-roottoken0123456789");

fn resident(pid: u32) -> i64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.split_whitespace().next().unwrap().parse::<i64>().unwrap()
}

/// A megabyte as a stream, else a short answer.
fn vendor(proto: Proto) -> Vendor {
    Vendor::start(proto, |seen| {
        if seen.json()["stream"] != true {
            return crate::harness::answer("hello", 10, 5);
        }
        let long = chunk(&"x".repeat(8 << 10));
        Script::sse((0..128).map(|_| long.clone()).chain([usage_chunk(10, 5), "[DONE]".into()]))
    })
}

/// The middle and the last hundredth of the times that calls take, five a second over each connection.
async fn times(at: SocketAddr, connections: u64, seconds: u64) -> (Duration, Duration) {
    let body = request(false).to_string();
    let body = body.as_bytes();
    let all = futures::future::join_all((0..connections).map(|n| async move {
        tokio::time::sleep(Duration::from_millis(200 * n / connections)).await;
        let (mut client, mut took) = (H1::connect(at).await, Vec::new());
        let end = Instant::now() + Duration::from_secs(seconds);
        while Instant::now() < end {
            let begun = Instant::now();
            client.send("POST", "/v1/chat/completions", &[BEARER], body).await;
            let answer = client.answer().await.unwrap();
            assert_eq!(answer.status, 200, "{}", answer.text());
            took.push(begun.elapsed());
            tokio::time::sleep_until((begun + Duration::from_millis(200)).into()).await;
        }
        took
    }));
    let mut all: Vec<Duration> = all.await.into_iter().flatten().collect();
    all.sort();
    (all[all.len() / 2], all[all.len() * 99 / 100])
}

/// `MAGIC_TEST_SLOW` says how many there are of each kind, `MAGIC_TEST_H2` that their vendor speaks HTTP/2;
/// `MAGIC_TEST_BINARY` names an optimised build to measure.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_callers_cost_little_and_hold_nobody_up() {
    let many: usize = std::env::var("MAGIC_TEST_SLOW").map_or(200, |text| text.parse().unwrap());
    let (proto, most) = match std::env::var_os("MAGIC_TEST_H2") {
        Some(_) => (Proto::TlsH2, 512),
        None => (Proto::H1, 360),
    };
    let vendor = vendor(proto);
    // As many connections as there may be files: with HTTP/2 there are next to none to the vendor.
    let limits = if many > 4500 { "[server]\n[server.limits]\nconnections = 19500\n" } else { "" };
    let world = World::new(format!("{limits}{}", channel("a", &vendor, "")));
    let at = world.gateway.address;
    // What p99 says needs many calls.
    let (connections, seconds) = if many > 1000 { (40, 25) } else { (10, 3) };
    let warm = times(at, connections, seconds).await;
    let before = times(at, connections, seconds).await;
    let memory = resident(world.gateway.pid());
    // Readers take the beginning of their answer, and then nothing; senders stop in the middle of a body.
    let mut open = Vec::new();
    let stream = request(true).to_string();
    let mut with_readers = memory;
    for n in 0..2 * many {
        if n == many {
            // Until all that is under way to the readers is there.
            times(at, 1, 1).await;
            with_readers = resident(world.gateway.pid());
        }
        let mut client = H1::connect_narrow(at).await.stream;
        let (length, part) = if n < many { (stream.len(), stream.len()) } else { (1000, 50) };
        let head = format!(
            "POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\n{}: {}\r\ncontent-length: {length}\r\n\r\n",
            BEARER.0, BEARER.1
        );
        client.write_all(head.as_bytes()).await.unwrap();
        client.write_all(&stream.as_bytes()[..part]).await.unwrap();
        if n < many {
            let mut first = [0; 64];
            client.read_exact(&mut first).await.unwrap();
            assert!(first.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&first));
        }
        open.push(client);
    }
    let during = times(at, connections, seconds).await;
    let all = resident(world.gateway.pid());
    let of = |kib: i64| kib / many as i64;
    let (reader, sender) = (of(with_readers - memory), of(all - with_readers));
    eprintln!(
        "{many} readers and {many} senders: p50 {:?} -> {:?}, p99 {:?} ({:?} in the round before it) -> {:?}; {reader} KiB a reader, {sender} KiB a sender, {} MiB in all",
        before.0,
        during.0,
        before.1,
        warm.1,
        during.1,
        all >> 10
    );
    assert!(reader < most && sender < 64, "{reader} KiB a reader, {sender} KiB a sender");
    assert!(during.0 < before.0 * 3 + Duration::from_millis(20), "{before:?} {during:?}");
    // Senders are cut off, readers who go on get all of it.
    let mut reader = open.swap_remove(0);
    let mut rest = Vec::new();
    let whole = tokio::time::timeout(Duration::from_secs(60), async {
        let mut buffer = vec![0; 64 << 10];
        loop {
            match reader.read(&mut buffer).await {
                Ok(read @ 1..) => rest.extend_from_slice(&buffer[..read]),
                _ => return,
            }
            if rest.ends_with(b"0\r\n\r\n") {
                return;
            }
        }
    });
    whole.await.unwrap();
    assert!(rest.len() > 1 << 20 && String::from_utf8_lossy(&rest).contains("[DONE]"));
    drop(open);
    world.verify();
}

/// Calls to a vendor share a connection of HTTP/2, and its window: what some don't read must leave room for the others.
#[tokio::test]
async fn readers_who_stop_leave_room_to_those_who_share_their_connection() {
    let vendor = vendor(Proto::TlsH2);
    let world = World::new(channel("a", &vendor, ""));
    let mut open = Vec::new();
    for _ in 0..60 {
        let mut client = H1::connect_narrow(world.gateway.address).await;
        client.send("POST", "/v1/chat/completions", &[BEARER], request(true).to_string().as_bytes()).await;
        open.push(client);
    }
    for _ in 0..20 {
        let mut client = H1::connect(world.gateway.address).await;
        client.send("POST", "/v1/chat/completions", &[BEARER], request(false).to_string().as_bytes()).await;
        let answer =
            tokio::time::timeout(Duration::from_secs(10), client.answer()).await.expect("held up").unwrap();
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
    // And they get all of theirs when they read again.
    for client in &mut open {
        let answer = client.answer().await.unwrap();
        assert!(answer.body.len() > 1 << 20 && answer.text().contains("[DONE]"));
    }
}

/// Who takes nothing of an answer is given up: the call ends, and is billed as its vendor says.
#[tokio::test]
async fn a_reader_who_stops_for_good_is_given_up() {
    for proto in [Proto::H1, Proto::TlsH2] {
        let vendor = vendor(proto);
        let limited = channel("a", &vendor, "limits = { concurrency = 1 }\n");
        let world = World::new(format!("[server]\ntimeouts = {{ write_ms = 500 }}\n{limited}"));
        let mut client = H1::connect_narrow(world.gateway.address).await;
        client.send("POST", "/v1/chat/completions", &[BEARER], request(true).to_string().as_bytes()).await;
        assert!(client.read_until("HTTP/1.1 200").await);
        let end = Instant::now() + Duration::from_secs(30);
        loop {
            let answer = world.chat(&request(false)).await;
            if answer.status == 200 {
                break;
            }
            assert_eq!(answer.code(), "no_available_channel", "{}", answer.text());
            assert!(Instant::now() < end, "{proto:?}: it is still waited for");
        }
        let rows = world.logs(2).await;
        let stopped = rows.iter().find(|row| row["is_stream"] == true).unwrap();
        assert_eq!(
            (stopped["prompt_tokens"].as_i64(), stopped["completion_tokens"].as_i64()),
            (Some(10), Some(5))
        );
        world.verify();
    }
}

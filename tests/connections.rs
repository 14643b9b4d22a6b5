//! Connections before their first request: who they are from, and how many there may be.

use crate::harness::{World, channel, good, request};
use magic_testkit::client::H1;
use magic_testkit::db::free_port;
use magic_testkit::process::STDERR;
use magic_testkit::vendor::Proto;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const BEARER: (&str, &str) = ("authorization", "Bearer sk-roottoken0123456789");

fn listener(port: u16) -> String {
    format!(", {{ address = \"127.0.0.1:{port}\", proxy_protocol = true }}")
}

/// The address that the last call came from, as its row in the log says.
async fn told(world: &World) -> String {
    world.logs(1).await[0]["detail"]["ip"].as_str().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn a_balancer_says_who_connects() {
    let vendor = good(Proto::H1);
    let port = free_port();
    let config = format!("[server]\ntrusted_proxies = [\"127.0.0.1\"]\n{}", channel("a", &vendor, ""));
    let world = World::listening(config, false, vec![], &listener(port));
    let at: SocketAddr = ([127, 0, 0, 1], port).into();
    let body = request(false).to_string();
    let call = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\nauthorization: {}\r\ncontent-length: {}\r\n\r\n{body}",
        BEARER.1,
        body.len()
    );
    let v2 = [
        &b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x0c"[..],
        &[198, 51, 100, 9, 192, 0, 2, 1, 0x10, 0x00, 0x01, 0xbb],
    ]
    .concat();
    for (head, wanted) in [
        (b"PROXY TCP4 198.51.100.7 192.0.2.1 4000 443\r\n".to_vec(), "198.51.100.7"),
        (b"PROXY TCP6 2001:db8::7 2001:db8::1 4000 443\r\n".to_vec(), "2001:db8::7"),
        (v2, "198.51.100.9"),
        (b"PROXY UNKNOWN\r\n".to_vec(), "127.0.0.1"),
    ] {
        let mut client = H1::connect(at).await;
        client.write(&head).await;
        client.write(call.as_bytes()).await;
        let answer = client.answer().await.unwrap();
        assert_eq!(answer.status, 200, "{wanted}: {}", answer.text());
        let until = Instant::now() + Duration::from_secs(20);
        while told(&world).await != wanted {
            assert!(Instant::now() < until, "{} instead of {wanted}", told(&world).await);
        }
    }
    // Without a head nobody is let in, and nothing is answered.
    let mut client = H1::connect(at).await;
    client.write(call.as_bytes()).await;
    assert!(client.answer().await.is_none());
    assert_eq!(vendor.hits(), 4);
}

#[tokio::test]
async fn strangers_can_not_say_who_they_are() {
    let port = free_port();
    let config = "[server]\ntrusted_proxies = [\"192.0.2.1\"]\n";
    let _world = World::listening(config, false, vec![], &listener(port));
    let mut client = H1::connect(([127, 0, 0, 1], port).into()).await;
    client.write(b"PROXY TCP4 192.0.2.1 192.0.2.1 1 1\r\nGET /healthz HTTP/1.1\r\nhost: a\r\n\r\n").await;
    assert!(client.answer().await.is_none());
}

/// Whether a connection is answered, or closed without a word.
async fn answered(stream: &mut TcpStream) -> bool {
    stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    let mut bytes = [0; 64];
    matches!(stream.read(&mut bytes).await, Ok(read) if read > 0)
}

#[tokio::test]
async fn an_address_has_as_many_connections_as_it_may() {
    let world = World::new("[server]\n[server.limits]\nconnections_per_address = 5\n");
    let mut open = Vec::new();
    for _ in 0..5 {
        let mut stream = TcpStream::connect(world.gateway.address).await.unwrap();
        assert!(answered(&mut stream).await);
        open.push(stream);
    }
    let mut sixth = TcpStream::connect(world.gateway.address).await.unwrap();
    assert!(!answered(&mut sixth).await, "one too many");
    open.pop();
    let until = Instant::now() + Duration::from_secs(20);
    loop {
        let mut next = TcpStream::connect(world.gateway.address).await.unwrap();
        if answered(&mut next).await {
            break;
        }
        assert!(Instant::now() < until, "the place is not free again");
    }
}

/// Who comes when all places are taken waits, and is served when one is free.
#[tokio::test]
async fn connections_beyond_all_places_wait() {
    let world = World::new("[server]\n[server.limits]\nconnections = 16\n");
    let mut open = Vec::new();
    for _ in 0..16 {
        let mut stream = TcpStream::connect(world.gateway.address).await.unwrap();
        assert!(answered(&mut stream).await);
        open.push(stream);
    }
    let mut waiting = TcpStream::connect(world.gateway.address).await.unwrap();
    let early = tokio::time::timeout(Duration::from_millis(300), answered(&mut waiting)).await;
    assert!(early.is_err(), "there was no place");
    drop(open);
    let mut bytes = [0; 64];
    let late = tokio::time::timeout(Duration::from_secs(20), waiting.read(&mut bytes)).await;
    assert!(matches!(late, Ok(Ok(read)) if read > 0));
}

/// While all places are taken a free one is taken at once: that is told once, and not each time.
#[tokio::test]
async fn that_there_is_no_room_is_said_once() {
    let folder = tempfile::tempdir().unwrap();
    let said = folder.path().join("said");
    let world = World::with(
        "[server]\n[server.limits]\nconnections = 40\n",
        false,
        vec![(STDERR, said.display().to_string()), ("RUST_LOG", "info".into())],
    );
    let mut open = VecDeque::new();
    for _ in 0..40 {
        let mut stream = TcpStream::connect(world.gateway.address).await.unwrap();
        assert!(answered(&mut stream).await);
        open.push_back(stream);
    }
    for _ in 0..10 {
        // Two leave, two come.
        open.drain(..2);
        for _ in 0..2 {
            let mut next = TcpStream::connect(world.gateway.address).await.unwrap();
            assert!(answered(&mut next).await);
            open.push_back(next);
        }
    }
    let times = |what: &str| std::fs::read_to_string(&said).unwrap().matches(what).count();
    assert_eq!((times("no room for more"), times("there is room for connections")), (1, 0));
    drop(open);
    let until = Instant::now() + Duration::from_secs(20);
    while times("there is room for connections") == 0 {
        assert!(Instant::now() < until);
        let mut next = TcpStream::connect(world.gateway.address).await.unwrap();
        assert!(answered(&mut next).await);
    }
    assert_eq!(times("no room for more"), 1);
}

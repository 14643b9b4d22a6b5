//! HTTP servers behind a site.

use super::{ask, get, servers, until};
use crate::harness::World;
use magic_testkit::client::{H1, h2_as};
use magic_testkit::db::free_port;
use magic_testkit::vendor::{Proto, Script, Vendor, ca_pem};
use parking_lot::Mutex;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

fn saying(text: &'static str) -> Vendor {
    Vendor::start(Proto::H1, move |_| Script::Whole {
        status: 200,
        headers: vec![
            ("content-type", "text/plain".into()),
            ("server", "theirs".into()),
            ("set-cookie", "a=b".into()),
        ],
        body: text.into(),
    })
}

fn nobody() -> SocketAddr {
    ([127, 0, 0, 1], free_port()).into()
}

#[tokio::test]
async fn a_server_is_told_who_asks_and_nothing_else() {
    let server = saying("hi");
    let world = World::with(servers(&[server.address], "headers = { x-team = \"edge\" }"), true, vec![]);
    let fields = [
        ("x-forwarded-for", "6.6.6.6"),
        ("x-forwarded-host", "evil"),
        ("x-forwarded-proto", "gopher"),
        ("x-forwarded-port", "1"),
        ("x-real-ip", "6.6.6.6"),
        ("x_forwarded_for", "6.6.6.6"),
        ("X_Real-IP", "6.6.6.6"),
        ("forwarded", "for=6.6.6.6"),
        ("connection", "keep-alive, x-private"),
        ("x-private", "hop"),
        ("keep-alive", "timeout=5"),
        ("te", "trailers"),
        ("proxy-connection", "keep-alive"),
        ("upgrade", "h2c"),
        ("http2-settings", "AAMAAABkAAQCAAAAAAIAAAAA"),
        ("x-team", "caller"),
        ("cookie", "session=1"),
        ("authorization", "Bearer theirs"),
    ];
    let answer = ask(world.gateway.address, "GET", "/a%20b/c?d=e%2F", "Site.test:8080", &fields).await;
    assert_eq!((answer.status, answer.text().as_str()), (200, "hi"));
    assert_eq!((answer.headers["server"].as_str(), answer.headers["set-cookie"].as_str()), ("theirs", "a=b"));
    let seen = server.seen().pop().unwrap();
    assert_eq!((seen.method.as_str(), seen.path.as_str()), ("GET", "/a%20b/c?d=e%2F"));
    let head = |name: &str| seen.headers.get(name).map(String::as_str);
    assert_eq!(head("host"), Some("Site.test:8080"));
    assert_eq!(head("x-forwarded-for"), Some("127.0.0.1"));
    assert_eq!(head("x-real-ip"), Some("127.0.0.1"));
    assert_eq!(head("x-forwarded-host"), Some("Site.test:8080"));
    assert_eq!(head("x-forwarded-proto"), Some("http"));
    assert_eq!((head("cookie"), head("authorization")), (Some("session=1"), Some("Bearer theirs")));
    assert_eq!(head("x-team"), Some("edge"));
    assert!(!format!("{:?}", seen.headers).contains("6.6.6.6"), "{:?}", seen.headers);
    for gone in [
        "x-private",
        "keep-alive",
        "te",
        "proxy-connection",
        "upgrade",
        "http2-settings",
        "x-forwarded-port",
        "forwarded",
    ] {
        assert_eq!(head(gone), None, "{gone}");
    }
    let second = h2_as(
        world.gateway.tls.unwrap(),
        "POST",
        "https://localhost/x",
        &[("x-forwarded-for", "6.6.6.6")],
        b"body",
    )
    .await;
    assert_eq!(second.status, 200);
    let seen = server.seen().pop().unwrap();
    assert_eq!((&seen.body[..], seen.headers["x-forwarded-proto"].as_str()), (&b"body"[..], "https"));
    assert_eq!(
        (seen.headers["host"].as_str(), seen.headers["x-forwarded-for"].as_str()),
        ("localhost", "127.0.0.1")
    );
}

#[tokio::test]
async fn paths_and_hosts_are_rewritten_where_asked() {
    let server = saying("hi");
    let world =
        World::new(servers(&[server.address], "path = \"/app\"\nstrip_path = true\nhost = \"upstream\""));
    for (target, path) in [("/app/x/y?z", "/x/y?z"), ("/app", "/"), ("/app?q", "/?q"), ("/app/", "/")] {
        assert_eq!(get(&world, target, &[]).await.status, 200);
        let seen = server.seen().pop().unwrap();
        assert_eq!(
            (seen.path.as_str(), seen.headers["host"].as_str()),
            (path, server.address.to_string().as_str())
        );
    }
    // Out of the site's path, in any spelling: not passed on.
    let before = server.hits();
    for target in ["/app/../x", "/app/%2e%2e/x", "/app/..%2fx", "/app/..\\x", "/app/.%2e;/x", "/app/%"] {
        assert_eq!(get(&world, target, &[]).await.status, 400, "{target}");
    }
    assert_eq!(server.hits(), before);
}

#[tokio::test]
async fn servers_over_tls_are_believed_by_their_authority_alone() {
    let server = Vendor::start(Proto::TlsH1, |_| Script::json(200, "{}"));
    let config =
        |ca: &str| format!("[server]\n[[server.sites]]\nupstreams = [\"{}\"]\n{ca}\n", server.base_url());
    let world = World::new(config(&format!("ca = '''{}'''", ca_pem())));
    assert_eq!(get(&world, "/", &[]).await.status, 200);
    let world = World::new(config(""));
    assert_eq!(get(&world, "/", &[]).await.status, 502);
}

#[tokio::test]
async fn another_server_is_asked_where_one_is_gone() {
    let server = saying("hi");
    let world = World::new(servers(&[nobody(), server.address, nobody()], ""));
    for n in 0..12 {
        // Nothing was sent to those who are gone: also what may happen once only goes on.
        let answer = match n % 2 {
            0 => get(&world, "/", &[]).await,
            _ => magic_testkit::client::h1(world.gateway.address, "POST", "/", &[], b"pay").await,
        };
        assert_eq!((answer.status, answer.text().as_str()), (200, "hi"));
    }
    assert_eq!(server.hits(), 12);
    let world = World::new(servers(&[nobody(), nobody()], ""));
    let answer = get(&world, "/", &[]).await;
    assert_eq!((answer.status, answer.text().as_str()), (502, "502 the server can't be reached\n"));
}

#[tokio::test]
async fn what_may_have_happened_is_not_done_again() {
    let (first, second) =
        (Vendor::start(Proto::H1, |_| Script::Hangup), Vendor::start(Proto::H1, |_| Script::Hangup));
    let world = World::new(servers(&[first.address, second.address], ""));
    let answer = magic_testkit::client::h1(world.gateway.address, "POST", "/", &[], b"pay").await;
    assert_eq!((answer.status, first.hits() + second.hits()), (502, 1));
    // Reading can be repeated.
    assert_eq!(get(&world, "/", &[]).await.status, 502);
    assert_eq!(first.hits() + second.hits(), 3);
}

#[tokio::test]
async fn a_server_that_fails_its_checks_is_not_asked() {
    let well = Arc::new(AtomicBool::new(true));
    let is_well = well.clone();
    let one =
        Vendor::start(Proto::H1, move |seen| match (seen.path.as_str(), is_well.load(Ordering::Relaxed)) {
            ("/healthz", false) => Script::json(500, "{}"),
            _ => Script::json(200, "one"),
        });
    let two = Vendor::start(Proto::H1, |_| Script::json(200, "two"));
    let world = World::new(servers(
        &[one.address, two.address],
        "health = \"/healthz\"\nhealth_seconds = 1\nhealth_down = 2\nhealth_up = 1",
    ));
    let mut seen = [0, 0];
    for _ in 0..10 {
        seen[usize::from(get(&world, "/", &[]).await.text() == "two")] += 1;
    }
    assert_eq!(seen, [5, 5], "in turn");
    // Ten answers in a row from one server: the other is out.
    let only = async |who: &str| {
        let mut row = 0;
        until(&world, "/", |_| true).await;
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
        while row < 10 {
            row = if get(&world, "/", &[]).await.text() == who { row + 1 } else { 0 };
            assert!(std::time::Instant::now() < deadline);
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    };
    well.store(false, Ordering::Relaxed);
    only("two").await;
    well.store(true, Ordering::Relaxed);
    until(&world, "/", |answer| answer.text() == "one").await;
}

#[tokio::test]
async fn a_body_has_a_limit() {
    let server = saying("hi");
    let world = World::new(servers(&[server.address], "body_bytes = 100000"));
    let at = world.gateway.address;
    let body = vec![b'x'; 100_000];
    assert_eq!(magic_testkit::client::h1(at, "POST", "/", &[], &body).await.status, 200);
    assert!(server.seen().pop().unwrap().body == body);
    let mut client = H1::connect(at).await;
    client.send_chunked("/", &[], &body).await;
    assert_eq!(client.answer().await.unwrap().status, 200);
    let before = server.hits();
    let mut client = H1::connect(at).await;
    client.write(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 100001\r\n\r\n").await;
    assert_eq!(client.answer().await.unwrap().status, 413);
    assert!(client.answer().await.is_none());
    let mut client = H1::connect(at).await;
    client.send_chunked("/", &[], &vec![b'x'; 200_000]).await;
    assert_eq!(client.answer().await.unwrap().status, 413);
    assert_eq!(server.hits(), before, "no request was whole");
}

/// Echoes the bytes of whoever asks for a WebSocket.
async fn echo() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    head.push(stream.read_u8().await.unwrap());
                }
                let head = String::from_utf8(head).unwrap().to_ascii_lowercase();
                assert!(
                    head.contains("upgrade: websocket") && head.contains("sec-websocket-key: abc"),
                    "{head}"
                );
                let answer = "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-accept: x\r\n\r\n";
                stream.write_all(answer.as_bytes()).await.unwrap();
                let (mut read, mut write) = stream.split();
                let _ = tokio::io::copy(&mut read, &mut write).await;
            });
        }
    });
    address
}

#[tokio::test]
async fn websockets_pass() {
    let server = echo().await;
    let world = World::new(servers(&[server], ""));
    let mut client = H1::connect(world.gateway.address).await;
    client
        .write(b"GET /chat HTTP/1.1\r\nhost: x\r\nconnection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: abc\r\naccept-encoding: gzip\r\n\r\n")
        .await;
    assert!(client.read_until("101 ").await && client.read_until("\r\n\r\n").await);
    for text in ["first frame", "second frame", "GET / HTTP/1.1\r\n\r\n"] {
        client.write(text.as_bytes()).await;
        assert!(client.read_until(text).await, "{text}");
    }
}

/// A server's 101 that came before Pingora had told its side that the request has no body was ended by that: three of
/// a thousand were, on a busy machine.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_websocket_ends_for_a_fast_server() {
    let server = echo().await;
    let world = World::new(servers(&[server], ""));
    let at = world.gateway.address;
    let callers = (0..8).map(|_| {
        tokio::spawn(async move {
            for n in 0..250 {
                let mut client = H1::connect(at).await;
                client
                    .write(b"GET /chat HTTP/1.1\r\nhost: x\r\nconnection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-key: abc\r\n\r\n")
                    .await;
                assert!(client.read_until("101 ").await && client.read_until("\r\n\r\n").await);
                client.write(b"a frame").await;
                assert!(client.read_until("a frame").await, "the {n}th");
            }
        })
    });
    for caller in callers.collect::<Vec<_>>() {
        caller.await.unwrap();
    }
}

/// What asks for a WebSocket and gets something else is a request like others.
#[tokio::test]
async fn a_refused_websocket_leaves_the_connection() {
    let vendor = Vendor::start(Proto::H1, |_| Script::json(404, "nothing here"));
    let world = World::new(servers(&[vendor.address], ""));
    let mut client = H1::connect(world.gateway.address).await;
    for _ in 0..2 {
        client
            .write(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-key: abc\r\n\r\n")
            .await;
        let answer = client.answer().await.unwrap();
        assert_eq!((answer.status, answer.text().as_str()), (404, "nothing here"));
        // With a body: curl asks for HTTP/2 like this.
        client
            .write(b"POST / HTTP/1.1\r\nhost: x\r\nconnection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\nhttp2-settings: AAA\r\ncontent-length: 5\r\n\r\nhello")
            .await;
        assert_eq!(client.answer().await.unwrap().status, 404);
    }
    assert_eq!(vendor.hits(), 4);
}

/// A page that only listens is not cut for its silence.
#[tokio::test]
async fn a_silent_caller_of_a_websocket_is_listened_to() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        let answer = "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n";
        stream.write_all(answer.as_bytes()).await.unwrap();
        for n in 0..10 {
            tokio::time::sleep(std::time::Duration::from_millis(200)).await;
            stream.write_all(format!("tick {n};").as_bytes()).await.unwrap();
        }
        std::future::pending::<()>().await;
    });
    let world = World::new(servers(&[server], "idle_ms = 700"));
    let mut client = H1::connect(world.gateway.address).await;
    client
        .write(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: abc\r\n\r\n")
        .await;
    assert!(client.read_until("tick 9;").await);
    // Then the server is silent, and that ends it.
    assert!(client.ended_within(10_000).await);
}

/// Bytes as they arrive at a server that answers whatever looks like the end of a head.
async fn recorder() -> (SocketAddr, Arc<Mutex<Vec<u8>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, seen) = (listener.local_addr().unwrap(), Arc::new(Mutex::new(Vec::new())));
    let kept = seen.clone();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let kept = kept.clone();
            tokio::spawn(async move {
                let mut chunk = [0u8; 4096];
                while let Ok(read) = stream.read(&mut chunk).await
                    && read > 0
                {
                    kept.lock().extend_from_slice(&chunk[..read]);
                    if chunk[..read].windows(4).any(|window| window == b"\r\n\r\n") {
                        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await;
                    }
                }
            });
        }
    });
    (address, seen)
}

/// What two parsers could take for two requests reaches no server as two.
#[tokio::test]
async fn one_request_stays_one() {
    const SMUGGLED: &str = "GET /smuggled HTTP/1.1\r\nhost: x\r\n\r\n";
    let attempts = [
        format!(
            "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n{SMUGGLED}"
        ),
        format!("POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ncontent-length: 0\r\n\r\n{SMUGGLED}"),
        format!("POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: xchunked\r\n\r\n{SMUGGLED}"),
        format!("POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding : chunked\r\n\r\n0\r\n\r\n{SMUGGLED}"),
        format!(
            "POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\ntransfer-encoding: identity\r\n\r\n0\r\n\r\n{SMUGGLED}"
        ),
        format!(
            "GET / HTTP/1.1\r\nhost: x\r\nconnection: content-length\r\ncontent-length: {}\r\n\r\n{SMUGGLED}",
            SMUGGLED.len()
        ),
        format!(
            "GET / HTTP/1.1\r\nhost: x\r\nconnection: transfer-encoding\r\ntransfer-encoding: chunked\r\n\r\n{:x}\r\n{SMUGGLED}\r\n0\r\n\r\n",
            SMUGGLED.len()
        ),
        format!("GET /a%0d%0ahost:%20y HTTP/1.1\r\nhost: x\r\nx-a: b\n\r\n{SMUGGLED}"),
        format!("GET / HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n{SMUGGLED}"),
        format!("GET / HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\n{SMUGGLED}"),
        format!("GET /\r\nx: y HTTP/1.1\r\nhost: x\r\n\r\n{SMUGGLED}"),
        format!("GET / HTTP/1.0\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n{SMUGGLED}"),
    ];
    let (server, seen) = recorder().await;
    let world = World::new(servers(&[server], ""));
    for attempt in attempts {
        seen.lock().clear();
        let mut client = H1::connect(world.gateway.address).await;
        client.write(attempt.as_bytes()).await;
        let first = client.answer().await;
        let text = String::from_utf8_lossy(&seen.lock()).into_owned();
        // As a body, framed as one, it is just bytes: the head that comes before says how many.
        let framed = text.to_ascii_lowercase();
        let as_body = framed.contains(&format!("content-length: {}", SMUGGLED.len()))
            || framed.contains("transfer-encoding: chunked");
        let lines = text.lines().filter(|line| line.ends_with("HTTP/1.1")).count();
        assert!(
            lines <= 1 || as_body,
            "{attempt:?} became {text:?}; answered {:?}",
            first.map(|answer| answer.status)
        );
    }
}

//! Folders: what a browser and a download manager ask of them.

use super::{ask, files, folder, get, noise, put, rss, until};
use crate::harness::World;
use magic_testkit::client::{H1, h2_as};
use std::time::Duration;
use tokio::io::AsyncReadExt;

#[tokio::test]
async fn a_folder_is_served() {
    let dir = files(&[
        ("index.html", b"<p>home"),
        ("sub/index.html", b"<p>sub"),
        ("a b.txt", b"text"),
        ("sub/pic.png", b"png"),
    ]);
    let world =
        World::with(folder(dir.path(), "cache_seconds = 60\nimmutable = [\"/assets/\"]"), true, vec![]);
    put(dir.path(), "assets/x-1234.js", b"js");
    let home = get(&world, "/", &[]).await;
    assert_eq!((home.status, home.text().as_str()), (200, "<p>home"));
    assert_eq!(home.headers["content-type"], "text/html; charset=utf-8");
    assert_eq!(home.headers["x-content-type-options"], "nosniff");
    assert_eq!(home.headers["accept-ranges"], "bytes");
    assert_eq!(home.headers["cache-control"], "no-cache");
    assert!(home.headers["etag"].starts_with('"') && home.headers["last-modified"].ends_with("GMT"));
    assert_eq!(get(&world, "/a%20b.txt", &[]).await.headers["cache-control"], "public, max-age=60");
    assert!(get(&world, "/assets/x-1234.js", &[]).await.headers["cache-control"].contains("immutable"));
    let sub = get(&world, "/sub?q=1", &[]).await;
    assert_eq!((sub.status, sub.headers["location"].as_str()), (308, "/sub/?q=1"));
    assert_eq!(get(&world, "/sub/", &[]).await.text(), "<p>sub");
    let head = ask(world.gateway.address, "HEAD", "/sub/pic.png", "x", &[]).await;
    assert_eq!((head.status, head.headers["content-length"].as_str()), (200, "3"));
    assert_eq!(head.headers["content-type"], "image/png");
    for (path, status) in [
        ("/nothing", 404),
        ("/sub/nothing/", 404),
        ("/assets/", 404),
        ("/index.html/", 404),
        ("/index.html/x", 404),
    ] {
        assert_eq!(get(&world, path, &[]).await.status, status, "{path}");
    }
    let post = ask(world.gateway.address, "POST", "/", "x", &[("content-length", "0")]).await;
    assert_eq!((post.status, post.headers["allow"].as_str()), (405, "GET, HEAD"));
    let second = h2_as(world.gateway.tls.unwrap(), "GET", "https://localhost/sub/", &[], b"").await;
    assert_eq!((second.status, second.text().as_str()), (200, "<p>sub"));
}

#[tokio::test]
async fn what_a_caller_has_is_not_sent_again() {
    let dir = files(&[("a.txt", b"hello")]);
    let world = World::new(folder(dir.path(), ""));
    let first = get(&world, "/a.txt", &[]).await;
    let (etag, modified) = (first.headers["etag"].as_str(), first.headers["last-modified"].as_str());
    for (field, value, status) in [
        ("if-none-match", etag, 304),
        ("if-none-match", "\"other\"", 200),
        ("if-modified-since", modified, 304),
        ("if-modified-since", "Sun, 06 Nov 1994 08:49:37 GMT", 200),
        ("if-match", "\"other\"", 412),
        ("if-match", etag, 200),
        ("if-unmodified-since", "Sun, 06 Nov 1994 08:49:37 GMT", 412),
    ] {
        let answer = get(&world, "/a.txt", &[(field, value)]).await;
        assert_eq!(answer.status, status, "{field}: {value}");
        if status == 304 {
            assert_eq!(answer.headers["etag"], etag);
            assert!(!answer.headers.contains_key("content-length"));
        }
    }
    // A kept connection goes on after a 304.
    let mut client = H1::connect(world.gateway.address).await;
    client.write(format!("GET /a.txt HTTP/1.1\r\nhost: x\r\nif-none-match: {etag}\r\n\r\n").as_bytes()).await;
    assert_eq!(client.head().await.unwrap().0, 304);
    client.send("GET", "/a.txt", &[], b"").await;
    assert_eq!(client.answer().await.unwrap().text(), "hello");
}

#[tokio::test]
async fn parts_of_a_file_can_be_had() {
    let content = noise(300_000);
    let dir = files(&[("small.txt", b"0123456789"), ("large.bin", &content)]);
    parts_of(&World::new(folder(dir.path(), "")), &content).await;
    // None of it is kept in memory.
    parts_of(&World::new(folder(dir.path(), "memory_bytes = 0")), &content).await;
}

async fn parts_of(world: &World, content: &[u8]) {
    for (range, said, body) in [
        ("bytes=0-3", "bytes 0-3/10", "0123"),
        ("bytes=5-", "bytes 5-9/10", "56789"),
        ("bytes=-2", "bytes 8-9/10", "89"),
        ("bytes=8-100", "bytes 8-9/10", "89"),
    ] {
        let answer = get(world, "/small.txt", &[("range", range), ("accept-encoding", "gzip")]).await;
        assert_eq!((answer.status, answer.text().as_str()), (206, body), "{range}");
        assert_eq!(answer.headers["content-range"], said);
    }
    let large = get(world, "/large.bin", &[("range", "bytes=100000-270000")]).await;
    assert_eq!(large.status, 206);
    assert!(large.body == content[100_000..=270_000]);
    let outside = get(world, "/small.txt", &[("range", "bytes=10-")]).await;
    assert_eq!((outside.status, outside.headers["content-range"].as_str()), (416, "bytes */10"));
    for whole in ["bytes=9-5", "lines=1-2", "bytes=0-9,0-9,0-9"] {
        assert_eq!(get(world, "/small.txt", &[("range", whole)]).await.status, 200, "{whole}");
    }
    let several = get(world, "/small.txt", &[("range", "bytes=0-1, 4-4, -1")]).await;
    assert_eq!(several.status, 206);
    let boundary = several.headers["content-type"].split_once("boundary=").unwrap().1.to_owned();
    let part = |range: &str, body: &str| {
        format!(
            "\r\n--{boundary}\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-range: bytes {range}/10\r\n\r\n{body}"
        )
    };
    let wanted =
        [part("0-1", "01"), part("4-4", "4"), part("9-9", "9"), format!("\r\n--{boundary}--\r\n")].concat();
    assert_eq!(several.text(), wanted);
    let etag = get(world, "/small.txt", &[]).await.headers["etag"].clone();
    let same = get(world, "/small.txt", &[("range", "bytes=0-0"), ("if-range", &etag)]).await;
    let other = get(world, "/small.txt", &[("range", "bytes=0-0"), ("if-range", "\"x\"")]).await;
    assert_eq!((same.status, other.status), (206, 200));
}

#[tokio::test]
async fn changes_are_seen_within_a_moment() {
    let dir = files(&[("a.txt", b"one"), ("large.bin", &vec![b'1'; 100_000])]);
    let world = World::new(folder(dir.path(), ""));
    assert_eq!(get(&world, "/a.txt", &[]).await.text(), "one");
    assert_eq!(get(&world, "/large.bin", &[]).await.body[0], b'1');
    put(dir.path(), "a.txt", b"two");
    put(dir.path(), "large.bin", &vec![b'2'; 90_000]);
    until(&world, "/a.txt", |answer| answer.text() == "two").await;
    until(&world, "/large.bin", |answer| answer.body == vec![b'2'; 90_000]).await;
    std::fs::remove_file(dir.path().join("a.txt")).unwrap();
    until(&world, "/a.txt", |answer| answer.status == 404).await;
    put(dir.path(), "a.txt", b"three");
    until(&world, "/a.txt", |answer| answer.text() == "three").await;
}

#[tokio::test]
async fn an_applications_page_stands_in_for_its_addresses() {
    let dir = files(&[("index.html", b"<p>app"), ("main.js", b"js")]);
    let world = World::new(folder(
        dir.path(),
        "path = \"/app\"\nfallback = \"index.html\"\nimmutable = [\"/assets/\"]",
    ));
    for path in ["/app/", "/app/users/7", "/app/users/", "/app/v1.2"] {
        let answer = get(&world, path, &[]).await;
        assert_eq!((answer.status, answer.text().as_str()), (200, "<p>app"), "{path}");
    }
    assert_eq!(get(&world, "/app/main.js", &[]).await.text(), "js");
    for gone in ["/app/other.js", "/app/assets/x", "/app/pic.png", "/app/.git/config"] {
        assert_eq!(get(&world, gone, &[]).await.status, 404, "{gone}");
    }
    assert_eq!(get(&world, "/app", &[]).await.headers["location"], "/app/");
    // The rest is the dashboard's.
    assert_eq!(get(&world, "/applied", &[]).await.headers["content-type"], "text/html; charset=utf-8");
}

const LARGE: usize = 50 << 20;

#[tokio::test]
async fn a_large_file_arrives_as_it_is() {
    let content = noise(LARGE);
    let dir = files(&[("large.bin", &content)]);
    let world = World::with(folder(dir.path(), ""), true, vec![]);
    let first = get(&world, "/large.bin", &[]).await;
    assert!(first.whole && first.body == content, "{} bytes over HTTP/1.1", first.body.len());
    let second = h2_as(world.gateway.tls.unwrap(), "GET", "https://localhost/large.bin", &[], b"").await;
    assert!(second.whole && second.body == content, "{} bytes over HTTP/2", second.body.len());
}

#[tokio::test]
async fn slow_readers_take_no_memory() {
    let dir = files(&[("large.bin", &noise(LARGE))]);
    let world = World::new(folder(dir.path(), ""));
    get(&world, "/large.bin", &[("range", "bytes=0-0")]).await;
    let before = rss(&world);
    let mut clients = Vec::new();
    for _ in 0..20 {
        let mut client = H1::connect(world.gateway.address).await;
        client.send("GET", "/large.bin", &[], b"").await;
        // The answer has begun; the rest waits for us.
        assert_eq!(client.stream.read_u8().await.unwrap(), b'H');
        clients.push(client);
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    let grown = rss(&world).saturating_sub(before);
    assert!(grown < 30 << 10, "{grown} KiB for 20 readers of 50 MB who don't read");
}

//! Compression: what is compressed for whom, and what never is.

use super::{ask, files, folder, get, put, servers};
use crate::harness::{World, channel, completion};
use magic_testkit::client::{Answer, H1, h1, h2_as};
use magic_testkit::vendor::{Gate, Proto, Script, Step, Vendor};
use serde_json::json;
use std::io::Read;
use tokio::io::AsyncReadExt;

/// The body as it was before it was compressed.
fn plain(answer: &Answer) -> Vec<u8> {
    let mut out = Vec::new();
    let body = answer.body.as_slice();
    match answer.headers.get("content-encoding").map(String::as_str) {
        Some("gzip") => flate2::read::GzDecoder::new(body).read_to_end(&mut out),
        Some("br") => brotli::Decompressor::new(body, 4096).read_to_end(&mut out),
        Some("zstd") => zstd::stream::read::Decoder::new(body).unwrap().read_to_end(&mut out),
        Some(other) => Err(std::io::Error::other(other.to_owned())),
        None => return answer.body.clone(),
    }
    .unwrap();
    out
}

fn coding(answer: &Answer) -> &str {
    answer.headers.get("content-encoding").map_or("", String::as_str)
}

/// The text that can be read of a chunked answer that has not ended.
fn so_far(bytes: &[u8], gzip: bool) -> String {
    let Some(at) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else { return String::new() };
    let (mut rest, mut body) = (&bytes[at + 4..], Vec::new());
    while let Some(end) = rest.windows(2).position(|window| window == b"\r\n") {
        let size = usize::from_str_radix(std::str::from_utf8(&rest[..end]).unwrap(), 16).unwrap();
        let chunk = &rest[end + 2..];
        body.extend_from_slice(&chunk[..size.min(chunk.len())]);
        rest = chunk.get(size + 2..).unwrap_or_default();
    }
    if !gzip {
        return String::from_utf8(body).unwrap();
    }
    let (mut text, mut decoder) = (Vec::new(), flate2::read::GzDecoder::new(&body[..]));
    let mut byte = [0u8; 1];
    while decoder.read(&mut byte).is_ok_and(|read| read > 0) {
        text.push(byte[0]);
    }
    String::from_utf8(text).unwrap()
}

#[tokio::test]
async fn files_beside_a_file_are_its_compressed_forms() {
    let page = "<p>page</p>".repeat(500);
    let dir = files(&[
        ("page.html", page.as_bytes()),
        ("page.html.br", b"BR"),
        ("page.html.zst", b"ZST"),
        ("page.html.gz", b"GZ"),
    ]);
    put(dir.path(), "old.js", &[b'x'; 100]);
    let world = World::new(folder(dir.path(), ""));
    for (accept, wanted) in [
        ("gzip, deflate, br, zstd", "br"),
        ("gzip;q=1, br;q=0.5", "gzip"),
        ("zstd;q=0.9, br;q=0.1, gzip;q=0.8", "zstd"),
        ("br;q=0, gzip", "gzip"),
        ("br;q=0, *", "zstd"),
        ("identity", ""),
        ("gzip;q=0", ""),
        ("", ""),
        ("deflate", ""),
        ("identity;q=1, gzip;q=0.3", ""),
    ] {
        let answer = get(&world, "/page.html", &[("accept-encoding", accept)]).await;
        assert_eq!(coding(&answer), wanted, "{accept}");
        assert_eq!(answer.headers["vary"], "accept-encoding");
        assert_eq!(answer.headers["content-type"], "text/html; charset=utf-8");
        let body = match wanted {
            "br" => "BR",
            "gzip" => "GZ",
            "zstd" => "ZST",
            _ => &page,
        };
        assert_eq!(answer.text(), body, "{accept}");
        // The tag is this form's.
        let again = get(
            &world,
            "/page.html",
            &[("accept-encoding", accept), ("if-none-match", &answer.headers["etag"])],
        )
        .await;
        assert_eq!(again.status, 304);
    }
    // A form that is older than the file is of another file.
    put(dir.path(), "old.js.gz", b"OLD");
    let past = std::time::SystemTime::now() - std::time::Duration::from_secs(3600);
    std::fs::File::options()
        .write(true)
        .open(dir.path().join("old.js.gz"))
        .unwrap()
        .set_modified(past)
        .unwrap();
    assert_eq!(coding(&get(&world, "/old.js", &[("accept-encoding", "gzip")]).await), "");
}

#[tokio::test]
async fn texts_are_compressed_for_who_takes_it() {
    let text = "all work and no play makes jack a dull boy\n".repeat(100);
    let large = text.repeat(100);
    let dir = files(&[
        ("a.txt", text.as_bytes()),
        ("large.css", large.as_bytes()),
        ("tiny.txt", b"tiny"),
        ("a.png", text.as_bytes()),
    ]);
    for more in ["", "memory_bytes = 0"] {
        texts_of(&World::with(folder(dir.path(), more), true, vec![]), &text, &large).await;
    }
}

async fn texts_of(world: &World, text: &str, large: &str) {
    for (path, whole) in [("/a.txt", text), ("/large.css", large)] {
        for accept in ["gzip", "br", "zstd"] {
            let fields = [("accept-encoding", accept)];
            let answer = get(world, path, &fields).await;
            assert_eq!(coding(&answer), accept, "{path}");
            assert!(
                answer.body.len() < whole.len() / 10 && plain(&answer) == whole.as_bytes(),
                "{path} {accept}"
            );
            assert!(
                answer.headers["etag"].starts_with("W/\"") && !answer.headers.contains_key("accept-ranges")
            );
            let second =
                h2_as(world.gateway.tls.unwrap(), "GET", &format!("https://localhost{path}"), &fields, b"")
                    .await;
            assert!(coding(&second) == accept && plain(&second) == whole.as_bytes());
            assert!(!second.headers.contains_key("transfer-encoding"));
            let tag = answer.headers["etag"].as_str();
            assert_eq!(
                get(world, path, &[("accept-encoding", accept), ("if-none-match", tag)]).await.status,
                304
            );
        }
        let as_is = get(world, path, &[]).await;
        assert!(as_is.body == whole.as_bytes() && as_is.headers["vary"] == "accept-encoding");
    }
    for (path, fields) in [
        ("/tiny.txt", &[("accept-encoding", "gzip")][..]),
        ("/a.png", &[("accept-encoding", "gzip")]),
        ("/a.txt", &[("accept-encoding", "gzip"), ("range", "bytes=0-2000")]),
    ] {
        assert_eq!(coding(&get(world, path, fields).await), "", "{path}");
    }
    // HTTP/1.0 has no chunks.
    let mut client = H1::connect(world.gateway.address).await;
    client.write(b"GET /large.css HTTP/1.0\r\nhost: x\r\naccept-encoding: gzip\r\n\r\n").await;
    assert!(client.answer().await.unwrap().body == large.as_bytes());
}

#[tokio::test]
async fn answers_of_servers_are_compressed_but_never_twice() {
    let server = Vendor::start(Proto::H1, |seen| {
        let text = "lorem ipsum ".repeat(300);
        let whole = |headers: &[(&'static str, &str)]| Script::Whole {
            status: 200,
            headers: headers.iter().map(|(name, value)| (*name, (*value).to_owned())).collect(),
            body: text.clone().into(),
        };
        match seen.path.as_str() {
            "/coded" => whole(&[("content-type", "text/plain"), ("content-encoding", "br")]),
            "/fixed" => whole(&[("content-type", "text/plain"), ("cache-control", "public, no-transform")]),
            "/part" => Script::Whole {
                status: 206,
                headers: vec![("content-type", "text/plain".into()), ("content-range", "bytes 0-1/9".into())],
                body: text.into(),
            },
            "/pic" => whole(&[("content-type", "image/png")]),
            "/kinds" => whole(&[("content-type", "text/plain"), ("vary", "cookie"), ("etag", "\"t\"")]),
            _ => whole(&[("content-type", "text/plain")]),
        }
    });
    let world = World::with(servers(&[server.address], ""), true, vec![]);
    let fields = [("accept-encoding", "gzip")];
    let text = "lorem ipsum ".repeat(300);
    for path in ["/", "/kinds"] {
        let answer = get(&world, path, &fields).await;
        assert_eq!(coding(&answer), "gzip");
        assert_eq!(plain(&answer), text.as_bytes());
        let second =
            h2_as(world.gateway.tls.unwrap(), "GET", &format!("https://localhost{path}"), &fields, b"").await;
        assert_eq!(plain(&second), text.as_bytes());
    }
    let kinds = get(&world, "/kinds", &fields).await;
    assert_eq!(
        (kinds.headers["etag"].as_str(), kinds.headers["vary"].as_str()),
        ("W/\"t\"", "cookie,accept-encoding")
    );
    for path in ["/coded", "/fixed", "/part", "/pic"] {
        let answer = get(&world, path, &fields).await;
        assert!(answer.body == text.as_bytes(), "{path}");
        assert_eq!(coding(&answer), if path == "/coded" { "br" } else { "" });
    }
    assert!(get(&world, "/", &[]).await.body == text.as_bytes());
}

/// The second event is sent by the server when the first has been seen here.
#[tokio::test]
async fn streams_pass_as_they_come() {
    for (kind, accept, coded) in [
        ("text/event-stream", "gzip, br", false),
        ("text/event-stream; charset=utf-8", "*", false),
        ("application/x-ndjson", "identity", false),
        ("application/x-ndjson", "gzip", true),
    ] {
        let gate = Gate::new();
        let opened = gate.clone();
        let server = Vendor::start(Proto::H1, move |_| Script::Pieces {
            status: 200,
            content_type: kind,
            steps: vec![
                Step::Send("data: first\n\n".into()),
                Step::Wait(opened.clone()),
                Step::Send("data: second\n\n".into()),
            ],
        });
        let world = World::new(servers(&[server.address], ""));
        let mut client = H1::connect(world.gateway.address).await;
        client.send("GET", "/events", &[("accept-encoding", accept)], b"").await;
        let mut seen = Vec::new();
        // What has arrived can be read as far as it goes.
        while !so_far(&seen, coded).contains("data: first") {
            assert!(client.stream.read_buf(&mut seen).await.unwrap() > 0, "{kind}");
        }
        assert_eq!(
            String::from_utf8_lossy(&seen).to_ascii_lowercase().contains("content-encoding: gzip"),
            coded,
            "{kind}"
        );
        gate.open();
        while !so_far(&seen, coded).contains("data: second") {
            assert!(client.stream.read_buf(&mut seen).await.unwrap() > 0, "{kind}");
        }
        while !seen.ends_with(b"\r\n0\r\n\r\n") {
            assert!(client.stream.read_buf(&mut seen).await.unwrap() > 0, "{kind}");
        }
    }
}

#[tokio::test]
async fn calls_are_answered_as_ever_unless_somebody_asks() {
    let body = completion(&"word ".repeat(1_000), 10, 5).to_string();
    let said = body.clone();
    let vendor = Vendor::start(Proto::H1, move |seen| match seen.json()["model"].as_str() {
        _ if seen.json()["max_tokens"] == 1 => Script::json(200, completion("short", 10, 5).to_string()),
        _ => Script::json(200, said.clone()),
    });
    let world = World::new(channel("a", &vendor, ""));
    let ask = |tokens: u64, accept: &'static str| {
        let request = json!({ "model": "gpt-4o-mini", "max_tokens": tokens, "messages": [{ "role": "user", "content": "x" }] });
        let fields = [("authorization", "Bearer sk-roottoken0123456789"), ("accept-encoding", accept)];
        let address = world.gateway.address;
        async move { h1(address, "POST", "/v1/chat/completions", &fields, request.to_string().as_bytes()).await }
    };
    let plainly = ask(100, "identity").await;
    assert!(plainly.body == body.as_bytes() && coding(&plainly).is_empty());
    assert!(plainly.headers.contains_key("x-magic-cost-usd") && !plainly.headers.contains_key("vary"));
    let squeezed = ask(100, "gzip, br").await;
    assert_eq!(coding(&squeezed), "br");
    assert!(plain(&squeezed) == body.as_bytes() && squeezed.body.len() < body.len() / 5);
    assert_eq!(squeezed.headers["x-magic-cost-usd"], plainly.headers["x-magic-cost-usd"]);
    assert_eq!(coding(&ask(1, "gzip, br").await), "");
}

/// What the management API reads out is compressed; where it hands out a secret beside what was sent, it is not.
#[tokio::test]
async fn secrets_are_not_compressed() {
    // However short the answer.
    let world = World::new("[server]\ncompression_min_bytes = 0\n");
    let cookie = world.cookie().await;
    let fields = [("cookie", cookie.as_str()), ("accept-encoding", "gzip")];
    let at = world.gateway.address;
    let list = ask(at, "GET", "/api/openapi.json", "x", &fields).await;
    assert_eq!((list.status, coding(&list)), (200, "gzip"));
    assert!(serde_json::from_slice::<serde_json::Value>(&plain(&list)).is_ok());
    let name = "x".repeat(20);
    let body =
        json!({ "name": name, "models": "gpt-4o-mini", "subnet": "", "unlimited_quota": true }).to_string();
    let mut all = fields.to_vec();
    all.push(("content-type", "application/json"));
    let made = h1(at, "POST", "/api/token/", &all, body.as_bytes()).await;
    assert_eq!((made.status, coding(&made)), (200, ""), "{}", made.text());
    let token = ask(at, "GET", "/api/user/token", "x", &fields).await;
    assert_eq!(coding(&token), "");
}

#[tokio::test]
async fn compression_can_be_turned_off() {
    let text = "text ".repeat(1_000);
    let dir = files(&[("a.txt", text.as_bytes())]);
    let config = folder(dir.path(), "").replacen("[server]\n", "[server]\ncompression = false\n", 1);
    let world = World::new(config);
    let answer = get(&world, "/a.txt", &[("accept-encoding", "gzip")]).await;
    assert!(coding(&answer).is_empty() && !answer.headers.contains_key("vary"));
}

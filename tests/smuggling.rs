//! Requests that two parsers could cut in two ways, over raw sockets, in front of a vendor that counts (security.md §1.4).
//! Whatever the gateway says: nothing reaches the vendor that it has not understood as one whole request.

use crate::harness::{World, channel, good, request};
use magic_testkit::vendor::{Proto, Vendor};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const AUTH: &str = "authorization: Bearer sk-roottoken0123456789\r\n";

/// What follows where somebody believes that the first request is over.
fn second() -> String {
    format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\n{AUTH}x-second: 1\r\ncontent-length: 2\r\n\r\n{{}}"
    )
}

/// Sends bytes, says that no more come, and reads what comes back until the connection closes.
async fn exchange(at: SocketAddr, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(at).await.unwrap();
    // It may be closed while we write.
    let _ = stream.write_all(bytes).await;
    let mut all = Vec::new();
    let reading = async {
        let mut buffer = [0; 4096];
        while let Ok(read @ 1..) = stream.read(&mut buffer).await {
            all.extend_from_slice(&buffer[..read]);
        }
    };
    let _ = tokio::time::timeout(Duration::from_secs(3), reading).await;
    String::from_utf8_lossy(&all).into_owned()
}

fn statuses(said: &str) -> Vec<u16> {
    said.split("HTTP/1.1 ").skip(1).filter_map(|rest| rest.get(..3)?.parse().ok()).collect()
}

fn post(framing: &str, body: &str) -> Vec<u8> {
    format!("POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\n{AUTH}{framing}\r\n{body}").into_bytes()
}

/// One chunk with all of it, and the last one.
fn chunked(body: &str) -> String {
    format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len())
}

/// What must be refused, or end the connection without a word.
fn refused() -> Vec<(&'static str, Vec<u8>)> {
    let body = request(false).to_string();
    let (n, second) = (body.len(), second());
    let both = format!("{}{second}", chunked(&body));
    let te = |value: &str| post(&format!("transfer-encoding: {value}\r\n"), &both);
    let cl = |value: &str| post(&format!("content-length: {value}\r\n"), &format!("{body}{second}"));
    let line = |line: &str| {
        format!("{line}\r\nhost: a\r\n{AUTH}content-length: {n}\r\n\r\n{body}{second}").into_bytes()
    };
    let field = |field: &[u8]| {
        let head = format!("POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\n{AUTH}content-length: {n}\r\n");
        [head.as_bytes(), field, b"\r\n\r\n", body.as_bytes(), second.as_bytes()].concat()
    };
    let chunks = |chunks: &str| post("transfer-encoding: chunked\r\n", &format!("{chunks}{second}"));
    vec![
        ("CL.TE", post(&format!("content-length: {n}\r\ntransfer-encoding: chunked\r\n"), &both)),
        ("TE.CL", post("transfer-encoding: chunked\r\ncontent-length: 4\r\n", &both)),
        ("TE.CL of zero", post("transfer-encoding: chunked\r\ncontent-length: 0\r\n", &both)),
        ("TE with a space before its colon", post("transfer-encoding : chunked\r\n", &both)),
        ("TE xchunked", te("xchunked")),
        ("TE identity", te("identity")),
        ("TE gzip, chunked", te("gzip, chunked")),
        ("TE identity, chunked", te("identity, chunked")),
        ("TE chunked, identity", te("chunked, identity")),
        ("TE chunked, chunked", te("chunked, chunked")),
        ("TE quoted", te("\"chunked\"")),
        ("TE with a parameter", te("chunked;q=1")),
        ("TE with a vertical tab", te("\x0bchunked")),
        ("TE with a NUL", te("chunked\0")),
        ("TE empty", te("")),
        ("TE twice", post("transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n", &both)),
        ("TE chunked and another", post("transfer-encoding: chunked\r\ntransfer-encoding: x\r\n", &both)),
        ("TE another and chunked", post("transfer-encoding: x\r\ntransfer-encoding: chunked\r\n", &both)),
        ("TE behind a bare LF", post(&format!("x: y\ntransfer-encoding: chunked\r\ncontent-length: {n}\r\n"), &both)),
        ("TE folded", post("transfer-encoding:\r\n chunked\r\n", &both)),
        ("TE in a folded line", post(&format!("content-length: {n}\r\nx: y\r\n transfer-encoding: chunked\r\n"), &both)),
        ("CL twice the same", post(&format!("content-length: {n}\r\ncontent-length: {n}\r\n"), &format!("{body}{second}"))),
        ("CL twice, different", post(&format!("content-length: {n}\r\ncontent-length: 5\r\n"), &format!("{body}{second}"))),
        ("CL +", cl(&format!("+{n}"))),
        ("CL -", cl("-1")),
        ("CL hexadecimal", cl(&format!("0x{n:x}"))),
        ("CL list", cl(&format!("{n},{n}"))),
        ("CL list of two", cl(&format!("{n},5"))),
        ("CL with a blank inside", cl(&format!("{n} 5"))),
        ("CL float", cl(&format!("{n}.0"))),
        ("CL exponent", cl("1e2")),
        ("CL empty", cl("")),
        ("CL beyond 64 bits", cl("99999999999999999999999")),
        ("CL in other digits", cl("\u{ff15}")),
        ("CL folded", post(&format!("content-length:\r\n {n}\r\n"), &format!("{body}{second}"))),
        ("CL with a space before its colon", post(&format!("content-length : {n}\r\n"), &format!("{body}{second}"))),
        ("a head of bare LFs", format!("POST /v1/chat/completions HTTP/1.1\nhost: a\n{}content-length: {n}\n\n{body}{second}", AUTH.replace("\r\n", "\n")).into_bytes()),
        ("a bare CR in a value", field(b"x: a\rb: c")),
        ("a NUL in a value", field(b"x: a\0b")),
        ("a NUL in a name", field(b"x\0y: a")),
        ("a control character in a name", field(b"x\x01y: a")),
        ("a blank in a name", field(b"x y: a")),
        ("a name with a bracket", field(b"x(y: a")),
        ("no name", field(b": a")),
        ("no colon", field(b"transfer-encoding")),
        ("a line of blanks", field(b" ")),
        ("two hosts", field(b"host: b")),
        ("HTTP/1.0 with TE", format!("POST /v1/chat/completions HTTP/1.0\r\nhost: a\r\n{AUTH}transfer-encoding: chunked\r\n\r\n{both}").into_bytes()),
        ("HTTP/1.0 with a body", line("POST /v1/chat/completions HTTP/1.0")),
        ("HTTP/0.9", b"GET /v1/models\r\n".to_vec()),
        ("HTTP/2 in the words of HTTP/1", line("POST /v1/chat/completions HTTP/2.0")),
        ("HTTP/1.2", line("POST /v1/chat/completions HTTP/1.2")),
        ("http in small letters", line("POST /v1/chat/completions http/1.1")),
        ("two blanks", line("POST  /v1/chat/completions HTTP/1.1")),
        ("a tab between", line("POST\t/v1/chat/completions HTTP/1.1")),
        ("a blank in the path", line("POST /v1/chat/comple tions HTTP/1.1")),
        ("no host", format!("POST /v1/chat/completions HTTP/1.1\r\n{AUTH}content-length: {n}\r\n\r\n{body}{second}").into_bytes()),
        ("CONNECT", b"CONNECT 127.0.0.1:22 HTTP/1.1\r\nhost: 127.0.0.1:22\r\n\r\n".to_vec()),
        ("chunk size in C", chunks(&format!("0x{n:x}\r\n{body}\r\n0\r\n\r\n"))),
        ("chunk size with a sign", chunks(&format!("+{n:x}\r\n{body}\r\n0\r\n\r\n"))),
        ("chunk size below zero", chunks(&format!("-{n:x}\r\n{body}\r\n0\r\n\r\n"))),
        ("chunk size of 17 digits", chunks(&format!("1{n:016x}\r\n{body}\r\n0\r\n\r\n"))),
        ("chunk size missing", chunks(&format!("\r\n{body}\r\n0\r\n\r\n"))),
        ("chunk size of letters", chunks(&format!("xyz\r\n{body}\r\n0\r\n\r\n"))),
        ("chunk longer than it says", chunks(&format!("{:x}\r\n{body}\r\n0\r\n\r\n", n - 3))),
        ("chunk without its end", chunks(&format!("{n:x}\r\n{body}0\r\n\r\n"))),
        ("chunk with another end", chunks(&format!("{n:x}\r\n{body}XX0\r\n\r\n"))),
    ]
}

/// What is one request, however odd.
fn understood() -> Vec<(&'static str, Vec<u8>)> {
    let body = request(false).to_string();
    let n = body.len();
    let chunks = |chunks: String| post("transfer-encoding: chunked\r\nconnection: close\r\n", &chunks);
    let plain = |framing: &str| post(&format!("{framing}connection: close\r\n"), &body);
    vec![
        ("a length", plain(&format!("content-length: {n}\r\n"))),
        ("blanks around it", plain(&format!("content-length:\t {n} \t\r\n"))),
        ("a chunk", chunks(chunked(&body))),
        (
            "chunks of one byte",
            chunks(body.chars().map(|c| format!("1\r\n{c}\r\n")).collect::<String>() + "0\r\n\r\n"),
        ),
        ("CHUNKED", post("Transfer-Encoding: CHUNKED\r\nconnection: close\r\n", &chunked(&body))),
        ("an extension", chunks(format!("{n:x};name=value\r\n{body}\r\n0\r\n\r\n"))),
        ("an empty line in front", [b"\r\n".to_vec(), plain(&format!("content-length: {n}\r\n"))].concat()),
    ]
}

async fn world() -> (Vendor, World) {
    let vendor = good(Proto::H1);
    let world = World::new(channel("a", &vendor, ""));
    (vendor, world)
}

#[tokio::test]
async fn what_can_be_cut_in_two_ways_reaches_nobody() {
    let (vendor, world) = world().await;
    let cases = refused();
    let said =
        futures::future::join_all(cases.iter().map(|(_, bytes)| exchange(world.gateway.address, bytes)))
            .await;
    let mut wrong = Vec::new();
    for ((name, _), said) in cases.iter().zip(&said) {
        let got = statuses(said);
        // One refusal at most, and then the end: what follows is nobody's request.
        // Pingora escapes a blank in a path: that is a path nobody answers.
        let fine = got.len() <= 1 && got.iter().all(|status| matches!(status, 400 | 404 | 405 | 501 | 505));
        if !fine {
            wrong.push(format!("{name}: {got:?}"));
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
    assert_eq!(vendor.hits(), 0, "{:?}", vendor.seen().iter().map(|seen| &seen.path).collect::<Vec<_>>());
    assert!(cases.len() >= 60);
}

#[tokio::test]
async fn what_is_odd_and_clear_arrives_once_and_whole() {
    let (vendor, world) = world().await;
    let body = request(false).to_string();
    for (count, (name, bytes)) in understood().into_iter().enumerate() {
        let said = exchange(world.gateway.address, &bytes).await;
        assert_eq!(statuses(&said), [200], "{name}: {said}");
        assert_eq!(vendor.hits(), count + 1, "{name}");
        let seen = vendor.seen().pop().unwrap();
        assert!(seen.body == body.as_bytes(), "{name}");
        assert_eq!(seen.headers["content-length"], body.len().to_string(), "{name}");
        assert!(!seen.headers.contains_key("transfer-encoding"), "{name}");
    }
}

/// Pingora's reader takes a bare LF for a part of a chunk's extension, where others see the end of a line. What goes on
/// to the vendor is framed anew, and what follows is nobody's request: nothing can be smuggled through here.
#[tokio::test]
async fn a_bare_lf_in_an_extension_smuggles_nothing() {
    let (vendor, world) = world().await;
    let body = request(false).to_string();
    let chunks = format!("{:x};a\nb\r\n{body}\r\n0\r\n\r\n{}", body.len(), second());
    let said = exchange(world.gateway.address, &post("transfer-encoding: chunked\r\n", &chunks)).await;
    let got = statuses(&said);
    assert!(got.len() <= 1 && got.iter().all(|status| matches!(status, 200 | 400)), "{said}");
    let seen = vendor.seen();
    assert!(seen.len() <= 1 && seen.iter().all(|seen| seen.body == body.as_bytes()));
}

/// What stands in the tail of a chunked body is no header.
#[tokio::test]
async fn trailers_change_nothing() {
    let (vendor, world) = world().await;
    let body = request(false).to_string();
    let tail = "content-length: 5\r\nhost: evil\r\nauthorization: Bearer x\r\nx-magic-pin: 1\r\n";
    let chunks = format!("{:x}\r\n{body}\r\n0\r\n{tail}\r\n", body.len());
    let said = exchange(
        world.gateway.address,
        &post("transfer-encoding: chunked\r\nconnection: close\r\n", &chunks),
    )
    .await;
    let got = statuses(&said);
    assert!(got.len() == 1 && matches!(got[0], 200 | 400), "{said}");
    for seen in vendor.seen() {
        assert_eq!(seen.headers["authorization"], "Bearer sk-vendor-key-0123456789");
        assert!(seen.body == body.as_bytes() && !seen.headers.contains_key("x-magic-pin"));
    }
}

/// The path that counts is the one that is dispatched, whatever host or form the request line has.
#[tokio::test]
async fn hosts_and_forms_open_no_doors() {
    let (vendor, world) = world().await;
    for (line, host) in [
        ("GET http://evil.example.com/api/user/self HTTP/1.1", "a"),
        ("GET /api/user/self HTTP/1.1", "localhost/api/status#"),
        ("GET /api/user/self HTTP/1.1", "x/healthz?"),
        ("GET //api/user/self HTTP/1.1", "a"),
        ("GET /api/status/../user/self HTTP/1.1", "a"),
        ("GET /api/status/%2e%2e/user/self HTTP/1.1", "a"),
        ("GET /api/user/self;x=y HTTP/1.1", "a"),
        ("GET /api/./user/self HTTP/1.1", "a"),
        ("GET /API/user/self HTTP/1.1", "a"),
    ] {
        let bytes = format!("{line}\r\nhost: {host}\r\nconnection: close\r\n\r\n");
        let said = exchange(world.gateway.address, bytes.as_bytes()).await;
        assert!(!said.contains("\"username\""), "{line}: {said}");
        let got = statuses(&said);
        assert!(got.len() == 1 && got[0] < 500, "{line} {host}: {got:?}");
    }
    assert_eq!(vendor.hits(), 0);
}

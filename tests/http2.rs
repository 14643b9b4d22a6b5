//! HTTP/2 as nobody should speak it, frame by frame (after h2spec), and as attackers do: others are served all the same.

use crate::harness::{World, channel, good};
use magic_testkit::client::h2;
use magic_testkit::vendor::{Proto, Vendor};
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const PRIORITY: u8 = 2;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PUSH_PROMISE: u8 = 5;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
const PADDED: u8 = 8;

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = (payload.len() as u32).to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// Fields as literals that nobody remembers.
fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, value) in fields {
        out.push(0);
        for text in [name, value] {
            assert!(text.len() < 127);
            out.push(text.len() as u8);
            out.extend_from_slice(text.as_bytes());
        }
    }
    out
}

const GET: &[(&str, &str)] =
    &[(":method", "GET"), (":scheme", "https"), (":path", "/healthz"), (":authority", "a")];

fn get(more: &[(&str, &str)]) -> Vec<u8> {
    block(&[GET, more].concat())
}

fn post(more: &[(&str, &str)]) -> Vec<u8> {
    let head = [
        (":method", "POST"),
        (":scheme", "https"),
        (":path", "/v1/chat/completions"),
        (":authority", "a"),
        ("authorization", "Bearer sk-roottoken0123456789"),
    ];
    block(&[&head, more].concat())
}

struct Front {
    world: World,
    vendor: Vendor,
    tls: SocketAddr,
}

async fn front() -> Front {
    let vendor = good(Proto::H1);
    let world = World::with(channel("a", &vendor, ""), true, vec![]);
    let tls = world.gateway.tls.unwrap();
    Front { world, vendor, tls }
}

/// A connection on which HTTP/2 has been agreed, settings exchanged.
async fn connect(at: SocketAddr) -> TlsStream<TcpStream> {
    let stream = TcpStream::connect(at).await.unwrap();
    let mut stream = magic_testkit::tls::handshake_h2(stream, "localhost").await.unwrap();
    stream.write_all(&[PREFACE, &frame(SETTINGS, 0, 0, &[])].concat()).await.unwrap();
    stream
}

/// What the server says to a stream of frames.
#[derive(Debug, Default)]
struct Said {
    goaway: Option<u32>,
    reset: Option<u32>,
    /// The status of an answer, as the static table has it; 1: another one.
    answers: usize,
    closed: bool,
}

async fn listen(stream: &mut TlsStream<TcpStream>, patience: Duration) -> Said {
    let mut said = Said::default();
    let end = tokio::time::Instant::now() + patience;
    let reading = async {
        loop {
            let mut head = [0; 9];
            if stream.read_exact(&mut head).await.is_err() {
                said.closed = true;
                return;
            }
            let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
            let mut payload = vec![0; length];
            if stream.read_exact(&mut payload).await.is_err() {
                said.closed = true;
                return;
            }
            let code = |at: usize| u32::from_be_bytes(payload[at..at + 4].try_into().unwrap());
            match head[3] {
                GOAWAY => said.goaway = Some(code(4)),
                RST_STREAM => said.reset = Some(code(0)),
                HEADERS => said.answers += 1,
                _ => {}
            }
        }
    };
    let _ = tokio::time::timeout_at(end, reading).await;
    said
}

/// Frames that break a rule, with what the rule wants: the connection's end (C) or the stream's (S; ending the
/// connection is allowed too).
fn broken() -> Vec<(&'static str, char, Vec<u8>)> {
    let headers = |flags: u8, stream: u32, block: &[u8]| frame(HEADERS, flags, stream, block);
    let whole = END_STREAM | END_HEADERS;
    let ten = ("content-length", "10");
    vec![
        ("DATA on stream 0", 'C', frame(DATA, 0, 0, b"x")),
        ("DATA on an idle stream", 'C', frame(DATA, END_STREAM, 1, b"x")),
        ("HEADERS on stream 0", 'C', headers(whole, 0, &get(&[]))),
        ("HEADERS on an even stream", 'C', headers(whole, 2, &get(&[]))),
        (
            "stream numbers going down",
            'C',
            [headers(whole, 5, &get(&[])), headers(whole, 3, &get(&[]))].concat(),
        ),
        (
            "padding longer than the frame",
            'C',
            headers(whole | PADDED, 1, &[&[250], get(&[]).as_slice()].concat()),
        ),
        ("a frame beyond the size allowed", 'C', frame(DATA, 0, 1, &[0; 20_000])),
        (
            "PRIORITY of the wrong length",
            'S',
            [headers(END_HEADERS, 1, &post(&[])), frame(PRIORITY, 0, 1, &[0; 4])].concat(),
        ),
        ("RST_STREAM on stream 0", 'C', frame(RST_STREAM, 0, 0, &[0; 4])),
        ("RST_STREAM on an idle stream", 'C', frame(RST_STREAM, 0, 1, &[0; 4])),
        (
            "RST_STREAM of the wrong length",
            'C',
            [headers(END_HEADERS, 1, &post(&[])), frame(RST_STREAM, 0, 1, &[0; 3])].concat(),
        ),
        ("SETTINGS on a stream", 'C', frame(SETTINGS, 0, 1, &[])),
        ("SETTINGS of the wrong length", 'C', frame(SETTINGS, 0, 0, &[0; 3])),
        ("SETTINGS acknowledged with a payload", 'C', frame(SETTINGS, 1, 0, &[0; 6])),
        ("SETTINGS push of 2", 'C', frame(SETTINGS, 0, 0, &[0, 2, 0, 0, 0, 2])),
        ("SETTINGS window too large", 'C', frame(SETTINGS, 0, 0, &[0, 4, 0x80, 0, 0, 0])),
        ("SETTINGS frame size too small", 'C', frame(SETTINGS, 0, 0, &[0, 5, 0, 0, 0, 1])),
        ("PUSH_PROMISE from a client", 'C', frame(PUSH_PROMISE, END_HEADERS, 1, &[0, 0, 0, 2])),
        ("PING of the wrong length", 'C', frame(PING, 0, 0, &[0; 7])),
        ("PING on a stream", 'C', frame(PING, 0, 1, &[0; 8])),
        ("GOAWAY on a stream", 'C', frame(GOAWAY, 0, 1, &[0; 8])),
        ("WINDOW_UPDATE of 0 on the connection", 'C', frame(WINDOW_UPDATE, 0, 0, &[0; 4])),
        ("WINDOW_UPDATE of the wrong length", 'C', frame(WINDOW_UPDATE, 0, 0, &[0; 3])),
        ("WINDOW_UPDATE on an idle stream", 'C', frame(WINDOW_UPDATE, 0, 1, &[0, 0, 0, 1])),
        ("a window beyond 2^31", 'C', frame(WINDOW_UPDATE, 0, 0, &[0x7f, 0xff, 0xff, 0xff])),
        ("CONTINUATION without HEADERS", 'C', frame(CONTINUATION, END_HEADERS, 1, &get(&[]))),
        (
            "HEADERS interrupted by PING",
            'C',
            [headers(END_STREAM, 1, &get(&[])), frame(PING, 0, 0, &[0; 8])].concat(),
        ),
        (
            "HEADERS interrupted by another stream",
            'C',
            [headers(END_STREAM, 1, &get(&[])), frame(CONTINUATION, END_HEADERS, 3, &[])].concat(),
        ),
        ("a block that is no HPACK", 'C', headers(whole, 1, &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff])),
        ("an index that is not there", 'C', headers(whole, 1, &[0xbf + 40])),
        ("a name in capitals", 'S', headers(whole, 1, &get(&[("X-Upper", "1")]))),
        ("an unknown pseudo header", 'S', headers(whole, 1, &get(&[(":magic", "1")]))),
        (":status from a client", 'S', headers(whole, 1, &get(&[(":status", "200")]))),
        (
            "a pseudo header after others",
            'S',
            headers(whole, 1, &block(&[GET[0], GET[1], ("a", "b"), GET[2], GET[3]])),
        ),
        ("a path twice", 'S', headers(whole, 1, &get(&[(":path", "/api/user/self")]))),
        ("no method", 'S', headers(whole, 1, &block(&GET[1..]))),
        ("no path", 'S', headers(whole, 1, &block(&[GET[0], GET[1], GET[3]]))),
        ("an empty path", 'S', headers(whole, 1, &block(&[GET[0], GET[1], (":path", ""), GET[3]]))),
        ("connection", 'S', headers(whole, 1, &get(&[("connection", "close")]))),
        ("transfer-encoding", 'S', headers(END_HEADERS, 1, &post(&[("transfer-encoding", "chunked")]))),
        ("te that is not trailers", 'S', headers(whole, 1, &get(&[("te", "gzip")]))),
        ("CRLF in a value", 'S', headers(whole, 1, &get(&[("x", "a\r\ny: b")]))),
        ("NUL in a value", 'S', headers(whole, 1, &get(&[("x", "a\0b")]))),
        (
            "a blank in a path",
            'S',
            headers(whole, 1, &block(&[GET[0], GET[1], (":path", "/healthz HTTP/1.1"), GET[3]])),
        ),
        (
            "less body than it says",
            'S',
            [headers(END_HEADERS, 1, &post(&[ten])), frame(DATA, END_STREAM, 1, b"12345")].concat(),
        ),
        (
            "more body than it says",
            'S',
            [headers(END_HEADERS, 1, &post(&[ten])), frame(DATA, END_STREAM, 1, b"12345678901")].concat(),
        ),
        ("no body where it says ten", 'S', headers(whole, 1, &post(&[ten]))),
        (
            "two lengths",
            'S',
            [
                headers(END_HEADERS, 1, &post(&[ten, ("content-length", "5")])),
                frame(DATA, END_STREAM, 1, b"12345"),
            ]
            .concat(),
        ),
        (
            "DATA after the end",
            'S',
            [headers(whole, 1, &get(&[])), frame(DATA, END_STREAM, 1, b"x")].concat(),
        ),
    ]
}

#[tokio::test]
async fn broken_frames_end_their_stream_or_connection() {
    let Front { vendor, tls, world } = front().await;
    // One that keeps the rules is answered, and its connection stays.
    let mut stream = connect(tls).await;
    stream.write_all(&frame(HEADERS, END_STREAM | END_HEADERS, 1, &get(&[]))).await.unwrap();
    let said = listen(&mut stream, Duration::from_millis(700)).await;
    assert!(said.answers == 1 && !said.closed && said.goaway.is_none(), "{said:?}");
    let mut wrong = Vec::new();
    let cases = broken();
    for (name, what, bytes) in &cases {
        let mut stream = connect(tls).await;
        let _ = stream.write_all(bytes).await;
        let said = listen(&mut stream, Duration::from_millis(700)).await;
        let ended = said.goaway.is_some() || said.closed;
        // An answer with an error is a stream's proper end too.
        let fine = ended || (*what == 'S' && (said.reset.is_some() || said.answers > 0));
        if !fine {
            wrong.push(format!("{name}: {said:?}"));
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
    assert_eq!(vendor.hits(), 0, "nothing of it is a call");
    assert_eq!(h2(tls, "/v1/chat/completions", &[("authorization", "Bearer x")], b"{}").await.status, 401);
    world.verify();
}

/// Runs an attack over some connections while others ask; how long those waited at most.
async fn others_under(tls: SocketAddr, attack: impl AsyncFn(TlsStream<TcpStream>)) -> Duration {
    let attacking = futures::future::join_all((0..4).map(|_| async { attack(connect(tls).await).await }));
    let asking = async {
        let mut longest = Duration::ZERO;
        for _ in 0..20 {
            let begun = Instant::now();
            let answer =
                h2(tls, "/v1/models", &[("authorization", "Bearer sk-roottoken0123456789")], b"").await;
            assert!(matches!(answer.status, 200 | 404 | 405), "{}", answer.status);
            longest = longest.max(begun.elapsed());
        }
        longest
    };
    let (_, longest) = tokio::join!(attacking, asking);
    longest
}

fn resident(world: &World) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", world.gateway.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.split_whitespace().next().unwrap().parse::<u64>().unwrap() << 10
}

/// Writes the same frames again and again until the other side has had enough. Whether it has.
async fn flood(mut stream: TlsStream<TcpStream>, frames: impl Fn(u32) -> Vec<u8>, count: u32) -> bool {
    let (mut reader, mut writer) = tokio::io::split(&mut stream);
    let writing = async {
        for n in 0..count {
            if writer.write_all(&frames(n)).await.is_err() {
                return true;
            }
        }
        false
    };
    let reading = async {
        let mut buffer = vec![0; 16384];
        while matches!(reader.read(&mut buffer).await, Ok(1..)) {}
        true
    };
    let both = async {
        tokio::select! {
            over = writing => over,
            over = reading => over,
        }
    };
    tokio::time::timeout(Duration::from_secs(30), both).await.unwrap_or(false)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn floods_end_and_others_are_served() {
    let Front { tls, world, vendor } = front().await;
    let before = resident(&world);
    let whole = END_STREAM | END_HEADERS;
    // Requests that are taken back at once (CVE-2023-44487).
    let reset = async |stream| {
        let frames = |n: u32| {
            let id = 2 * n + 1;
            [frame(HEADERS, whole, id, &get(&[])), frame(RST_STREAM, 0, id, &[0, 0, 0, 8])].concat()
        };
        assert!(flood(stream, frames, 100_000).await, "100,000 resets are too many");
    };
    // A head without an end (CVE-2024-27316).
    let continuation = async |stream| {
        let frames = |n: u32| match n {
            0 => frame(HEADERS, END_STREAM, 1, &get(&[])),
            _ => frame(CONTINUATION, 0, 1, &block(&[("x", "0123456789")])),
        };
        assert!(flood(stream, frames, 1_000_000).await, "a head has an end");
    };
    // Headers that cost the receiver more than the sender: one byte each, from the dynamic table (CVE-2026-49975).
    let bomb = async |stream| {
        let frames = |n: u32| {
            let mut block = get(&[]);
            block.extend_from_slice(&[0x40, 1, b'x', 100]);
            block.extend_from_slice(&[b'y'; 100]);
            block.extend_from_slice(&[0xbe; 15_000]);
            frame(HEADERS, whole, 2 * n + 1, &block)
        };
        assert!(flood(stream, frames, 2_000).await, "lists of headers have a limit");
    };
    // Pings and settings that want an answer each.
    let pings = async |stream| {
        let frames = |_| [frame(PING, 0, 0, &[0; 8]), frame(SETTINGS, 0, 0, &[])].concat();
        // They may all be answered: that is cheap.
        flood(stream, frames, 50_000).await;
    };
    for longest in [
        others_under(tls, reset).await,
        others_under(tls, continuation).await,
        others_under(tls, bomb).await,
        others_under(tls, pings).await,
    ] {
        assert!(longest < Duration::from_secs(5), "{longest:?}");
    }
    let grown = resident(&world).saturating_sub(before) >> 20;
    assert!(grown < 256, "{grown} MiB more");
    assert_eq!(vendor.hits(), 0);
}

/// A body over a long line needs more room than the protocol's 64 KiB for all streams of a connection.
#[tokio::test]
async fn bodies_may_be_sent_ahead() {
    let front = front().await;
    let mut stream = connect(front.tls).await;
    let (mut of_stream, mut of_all) = (0, 65_535);
    let told = async {
        while of_stream == 0 || of_all == 65_535 {
            let mut head = [0; 9];
            stream.read_exact(&mut head).await.unwrap();
            let mut payload = vec![0; u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize];
            stream.read_exact(&mut payload).await.unwrap();
            let number = |at: usize| u32::from_be_bytes(payload[at..at + 4].try_into().unwrap());
            match head[3] {
                SETTINGS => {
                    let window = (0..payload.len() / 6).find(|n| payload[n * 6..n * 6 + 2] == [0, 4]);
                    of_stream = of_stream.max(window.map_or(0, |n| number(n * 6 + 2)));
                }
                WINDOW_UPDATE if head[5..] == [0; 4] => of_all += number(0),
                _ => {}
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(20), told).await.expect("no room is given");
    assert!(of_stream >= 512 << 10 && of_all >= 8 << 20, "{of_stream} {of_all}");
}

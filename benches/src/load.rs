//! The load: closed loops over kept connections, every request the same bytes.

use crate::vendor::CHUNKS;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Work {
    /// A small request, a small answer.
    Small,
    /// A stream of 100 chunks.
    Stream,
    /// A request of 1 MB.
    Big,
    /// The small request in Anthropic's words, for a vendor that speaks OpenAI's.
    Claude,
    /// The same in Gemini's.
    Gemini,
    /// A stream in Anthropic's words.
    ClaudeStream,
    /// 1 MB in Anthropic's words, most of it a picture.
    ClaudeBig,
    /// The same picture in OpenAI's words.
    Picture,
    /// A site's file of 1 KiB, and of 1 MiB.
    File1k,
    File1m,
    /// The same from a server behind a site.
    Proxy1k,
    Proxy1m,
}

/// What came of a round.
#[derive(Debug, Clone, Default)]
pub struct Outcome {
    pub requests: u64,
    pub errors: u64,
    /// Microseconds, sorted.
    pub latencies: Vec<u64>,
    pub elapsed: Duration,
}

impl Outcome {
    pub fn per_second(&self) -> f64 {
        self.requests as f64 / self.elapsed.as_secs_f64().max(1e-9)
    }
    pub fn percentile(&self, of: f64) -> u64 {
        let at = (self.latencies.len() as f64 * of) as usize;
        self.latencies.get(at.min(self.latencies.len().saturating_sub(1))).copied().unwrap_or(0)
    }
}

/// The bytes of a request.
pub fn request(work: Work, key: &str, hold: bool) -> Vec<u8> {
    if let Some(path) = page(work) {
        return format!("GET {path} HTTP/1.1\r\nhost: bench\r\n\r\n").into_bytes();
    }
    let filler = match work {
        Work::Big => "lorem ipsum dolor sit amet ".repeat(38_836),
        _ => "Say something about foxes.".to_owned(),
    };
    if let Some((path, body)) = foreign(work) {
        return framed(path, key, &body);
    }
    let stream = if work == Work::Stream { "true" } else { "false" };
    let hold = if hold { r#""user":"hold","# } else { "" };
    let body = format!(
        r#"{{"model":"gpt-4o-mini","stream":{stream},{hold}"max_tokens":100,"messages":[{{"role":"user","content":"{filler}"}}]}}"#
    );
    framed("/v1/chat/completions", key, &body)
}

fn page(work: Work) -> Option<&'static str> {
    match work {
        Work::File1k => Some("/files/1k.bin"),
        Work::File1m => Some("/files/1m.bin"),
        Work::Proxy1k => Some("/proxy/1k"),
        Work::Proxy1m => Some("/proxy/1m"),
        _ => None,
    }
}

/// Works that are asked for in another dialect, or show a picture.
fn foreign(work: Work) -> Option<(&'static str, String)> {
    const TEXT: &str = "Say something about foxes.";
    let claude = |stream: bool, content: &str| {
        format!(
            r#"{{"model":"gpt-4o-mini","stream":{stream},"max_tokens":100,"messages":[{{"role":"user","content":{content}}}]}}"#
        )
    };
    let picture = || "iVBORw0KGgo".repeat(95_000);
    Some(match work {
        Work::Claude => ("/v1/messages", claude(false, &format!("{TEXT:?}"))),
        Work::ClaudeStream => ("/v1/messages", claude(true, &format!("{TEXT:?}"))),
        Work::ClaudeBig => {
            let source = format!(r#"{{"type":"base64","media_type":"image/png","data":"{}"}}"#, picture());
            ("/v1/messages", claude(false, &format!(r#"[{{"type":"image","source":{source}}}]"#)))
        }
        Work::Picture => {
            let url = format!(r#"{{"url":"data:image/png;base64,{}"}}"#, picture());
            ("/v1/chat/completions", claude(false, &format!(r#"[{{"type":"image_url","image_url":{url}}}]"#)))
        }
        Work::Gemini => (
            "/v1beta/models/gpt-4o-mini:generateContent",
            format!(
                r#"{{"contents":[{{"role":"user","parts":[{{"text":"{TEXT}"}}]}}],"generationConfig":{{"maxOutputTokens":100}}}}"#
            ),
        ),
        _ => return None,
    })
}

fn framed(path: &str, key: &str, body: &str) -> Vec<u8> {
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer {key}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body.as_bytes()].concat()
}

/// Reads an answer to its end; false for anything but 200.
async fn answer(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> std::io::Result<bool> {
    let head = loop {
        if let Some(at) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
            break at + 4;
        }
        if stream.read_buf(buffer).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
    };
    let text = String::from_utf8_lossy(&buffer[..head]).to_ascii_lowercase();
    let fine = text.starts_with("http/1.1 200");
    let length = text
        .split("content-length:")
        .nth(1)
        .and_then(|rest| rest.split("\r\n").next()?.trim().parse::<usize>().ok());
    match length {
        Some(length) => {
            while buffer.len() < head + length {
                if stream.read_buf(buffer).await? == 0 {
                    return Err(std::io::ErrorKind::UnexpectedEof.into());
                }
            }
            buffer.drain(..head + length);
        }
        None => {
            // Chunked: nothing else in these answers looks like the last chunk.
            let mut from = head;
            loop {
                let end = buffer[from.saturating_sub(8).max(head)..]
                    .windows(5)
                    .position(|window| window == b"0\r\n\r\n");
                if end.is_some() {
                    break;
                }
                from = buffer.len();
                if stream.read_buf(buffer).await? == 0 {
                    return Err(std::io::ErrorKind::UnexpectedEof.into());
                }
            }
            buffer.clear();
        }
    }
    Ok(fine)
}

/// How requests follow one another.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Pace {
    /// The next one when the last is answered.
    Closed,
    /// So many a second over all connections, whatever the answers do; latencies count from the instant a
    /// request was due.
    Open(f64),
}

/// Runs for a time.
pub async fn run(
    address: SocketAddr,
    work: Work,
    connections: usize,
    pace: Pace,
    key: &str,
    time: Duration,
) -> Outcome {
    let bytes = std::sync::Arc::new(request(work, key, false));
    let started = Instant::now();
    let until = started + time;
    let gap = match pace {
        Pace::Closed => None,
        Pace::Open(rate) => Some(Duration::from_secs_f64(connections as f64 / rate)),
    };
    let tasks: Vec<_> = (0..connections)
        .map(|index| {
            let bytes = bytes.clone();
            let mut due = gap.map(|gap| started + gap.mul_f64(index as f64 / connections as f64));
            tokio::spawn(async move {
                let mut outcome = Outcome::default();
                'connect: while Instant::now() < until {
                    let Ok(mut stream) = TcpStream::connect(address).await else {
                        outcome.errors += 1;
                        continue;
                    };
                    let _ = stream.set_nodelay(true);
                    let mut buffer = Vec::with_capacity(64 << 10);
                    while Instant::now() < until {
                        let begun = match (&mut due, gap) {
                            (Some(due), Some(gap)) => {
                                tokio::time::sleep_until((*due).into()).await;
                                let begun = *due;
                                *due += gap;
                                begun
                            }
                            _ => Instant::now(),
                        };
                        let sent = stream.write_all(&bytes).await;
                        match (sent, answer(&mut stream, &mut buffer).await) {
                            (Ok(()), Ok(true)) => {
                                outcome.requests += 1;
                                outcome.latencies.push(begun.elapsed().as_micros() as u64);
                            }
                            _ => {
                                outcome.errors += 1;
                                continue 'connect;
                            }
                        }
                    }
                }
                outcome
            })
        })
        .collect();
    let mut total = Outcome::default();
    for task in tasks {
        if let Ok(one) = task.await {
            total.requests += one.requests;
            total.errors += one.errors;
            total.latencies.extend(one.latencies);
        }
    }
    total.latencies.sort_unstable();
    total.elapsed = started.elapsed();
    total
}

/// Opens streams that stay open; they are returned so that they do.
pub async fn hold(address: SocketAddr, key: &str, count: usize) -> (Vec<TcpStream>, usize) {
    let bytes = request(Work::Stream, key, true);
    let mut open = Vec::with_capacity(count);
    let mut failed = 0;
    for _ in 0..count {
        let Ok(mut stream) = TcpStream::connect(address).await else {
            failed += 1;
            continue;
        };
        let mut buffer = Vec::with_capacity(1024);
        let first = async {
            stream.write_all(&bytes).await?;
            while !buffer.windows(6).any(|window| window == b"data: ") {
                if stream.read_buf(&mut buffer).await? == 0 {
                    return Err(std::io::ErrorKind::UnexpectedEof.into());
                }
            }
            Ok::<(), std::io::Error>(())
        };
        match first.await {
            Ok(()) => open.push(stream),
            Err(_) => failed += 1,
        }
    }
    (open, failed)
}

/// Units of a request: chunks for streams, requests for the rest.
pub fn units(work: Work) -> u64 {
    if matches!(work, Work::Stream | Work::ClaudeStream) { CHUNKS as u64 } else { 1 }
}

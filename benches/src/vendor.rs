//! The vendor: a raw-socket HTTP/1.1 server that does as little as it can, the same every time.
//! A body that asks to stream gets 100 chunks; one that says `"hold"` gets a first chunk and then silence.

use std::net::SocketAddr;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Chunks of a stream.
pub const CHUNKS: usize = 100;

struct Answers {
    /// A page of 1 KiB, and one of 1 MiB.
    pages: [Vec<u8>; 2],
    json: Vec<u8>,
    head: Vec<u8>,
    chunk: Vec<u8>,
    tail: Vec<u8>,
}

fn chunked(text: &str) -> Vec<u8> {
    format!("{:x}\r\n{text}\r\n", text.len()).into_bytes()
}

fn answers() -> Answers {
    let content = "The quick brown fox jumps over the lazy dog. ".repeat(7);
    let body = format!(
        r#"{{"id":"chatcmpl-bench","object":"chat.completion","created":1,"model":"gpt-4o-mini","choices":[{{"index":0,"message":{{"role":"assistant","content":"{content}"}},"finish_reason":"stop"}}],"usage":{{"prompt_tokens":20,"completion_tokens":70,"total_tokens":90}}}}"#
    );
    let event = format!(
        r#"{{"id":"chatcmpl-bench","object":"chat.completion.chunk","created":1,"model":"gpt-4o-mini","system_fingerprint":"fp_0123456789","service_tier":"default","obfuscation":"{}","choices":[{{"index":0,"delta":{{"content":" word"}},"finish_reason":null}}]}}"#,
        "x".repeat(30)
    );
    let usage = r#"{"id":"c","object":"chat.completion.chunk","created":1,"model":"gpt-4o-mini","choices":[],"usage":{"prompt_tokens":20,"completion_tokens":100,"total_tokens":120}}"#;
    let page = |size: usize| {
        let head = format!("HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: {size}\r\n\r\n");
        [head.as_bytes(), &vec![b'x'; size]].concat()
    };
    Answers {
        pages: [page(1 << 10), page(1 << 20)],
        json: format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        )
        .into(),
        head: b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
            .to_vec(),
        chunk: chunked(&format!("data: {event}\n\n")),
        tail: [chunked(&format!("data: {usage}\n\n")), chunked("data: [DONE]\n\n"), b"0\r\n\r\n".to_vec()]
            .concat(),
    }
}

/// Serves until the process is ended.
pub fn run(listen: SocketAddr) -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| error.to_string())?;
    runtime.block_on(async {
        let listener = TcpListener::bind(listen).await.map_err(|error| error.to_string())?;
        let answers = Arc::new(answers());
        loop {
            let Ok((stream, _)) = listener.accept().await else { continue };
            let _ = stream.set_nodelay(true);
            let answers = answers.clone();
            tokio::spawn(async move {
                let _ = serve(stream, &answers).await;
            });
        }
    })
}

async fn serve(mut stream: TcpStream, answers: &Answers) -> std::io::Result<()> {
    let mut buffer = Vec::with_capacity(4096);
    loop {
        let (head, length, page) = loop {
            if let Some(at) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
                let text = String::from_utf8_lossy(&buffer[..at]).to_ascii_lowercase();
                let length = text.split("content-length:").nth(1).and_then(|rest| rest.split("\r\n").next());
                let page = ["get /1k", "get /1m"].iter().position(|start| text.starts_with(start));
                break (at + 4, length.and_then(|text| text.trim().parse().ok()).unwrap_or(0usize), page);
            }
            if stream.read_buf(&mut buffer).await? == 0 {
                return Ok(());
            }
        };
        if let Some(page) = page.and_then(|page| answers.pages.get(page)) {
            buffer.drain(..head);
            stream.write_all(page).await?;
            continue;
        }
        while buffer.len() < head + length {
            if stream.read_buf(&mut buffer).await? == 0 {
                return Ok(());
            }
        }
        // Only the beginning is looked at: the flags stand before the messages.
        let start = &buffer[head..head + length.min(200)];
        let has = |text: &[u8]| start.windows(text.len()).any(|window| window == text);
        let (streams, holds) = (has(b"\"stream\":true"), has(b"\"hold\""));
        buffer.drain(..head + length);
        if !streams {
            stream.write_all(&answers.json).await?;
            continue;
        }
        stream.write_all(&answers.head).await?;
        if holds {
            stream.write_all(&answers.chunk).await?;
            // Until the caller leaves.
            let mut byte = [0u8; 1];
            let _ = stream.read(&mut byte).await?;
            return Ok(());
        }
        for _ in 0..CHUNKS {
            stream.write_all(&answers.chunk).await?;
        }
        stream.write_all(&answers.tail).await?;
    }
}

//! Small clients over real sockets: HTTP/1.1 byte by byte, and HTTP/2 over TLS.

use crate::vendor::{certificate, headers_of, provider, read_body, read_head, send_all};
use bytes::Bytes;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// What does not come within it does not come.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(60);

/// An answer.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub headers: HashMap<String, String>,
    pub body: Vec<u8>,
    /// The body ended as its framing says.
    pub whole: bool,
}

impl Answer {
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
    pub fn code(&self) -> String {
        self.json()["error"]["code"].as_str().unwrap_or("").to_owned()
    }
}

/// A connection over HTTP/1.1.
pub struct H1 {
    pub stream: TcpStream,
    buffer: Vec<u8>,
}

impl H1 {
    pub async fn connect(address: SocketAddr) -> H1 {
        Self::try_connect(address).await.expect("a connection")
    }

    /// `None`: nobody listens.
    pub async fn try_connect(address: SocketAddr) -> Option<H1> {
        let stream = TcpStream::connect(address).await.ok()?;
        stream.set_nodelay(true).expect("nodelay");
        Some(H1 { stream, buffer: Vec::new() })
    }

    /// A connection like one over a slow line: hardly anything is under way in it that its caller has not read.
    pub async fn connect_narrow(address: SocketAddr) -> H1 {
        let socket =
            socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).expect("a socket");
        socket.set_tcp_mss(536).expect("small segments");
        socket.set_recv_buffer_size(4096).expect("a small buffer");
        socket.set_nonblocking(true).expect("a socket that does not block");
        let socket = tokio::net::TcpSocket::from_std_stream(socket.into());
        let stream = socket.connect(address).await.expect("a connection");
        H1 { stream, buffer: Vec::new() }
    }

    pub async fn write(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes).await;
    }

    pub async fn try_write(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.stream.write_all(bytes).await
    }

    /// Waits that long; true once the other side has ended the connection or answered.
    pub async fn ended_within(&mut self, ms: u64) -> bool {
        let mut chunk = [0u8; 4096];
        let read = self.stream.read(&mut chunk);
        match tokio::time::timeout(std::time::Duration::from_millis(ms), read).await {
            Ok(Ok(read)) => {
                self.buffer.extend_from_slice(&chunk[..read]);
                true
            }
            Ok(Err(_)) => true,
            Err(_) => false,
        }
    }

    /// A head with `host`, the fields given, and the body's length.
    pub async fn send(&mut self, method: &str, path: &str, fields: &[(&str, &str)], body: &[u8]) {
        let mut head = format!("{method} {path} HTTP/1.1\r\nhost: magic.test\r\n");
        for (name, value) in fields {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        if !body.is_empty() || method == "POST" {
            head.push_str(&format!("content-length: {}\r\n", body.len()));
        }
        head.push_str("\r\n");
        self.write(head.as_bytes()).await;
        self.write(body).await;
    }

    pub async fn send_chunked(&mut self, path: &str, fields: &[(&str, &str)], body: &[u8]) {
        let mut head = format!("POST {path} HTTP/1.1\r\nhost: magic.test\r\ntransfer-encoding: chunked\r\n");
        for (name, value) in fields {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str("\r\n");
        self.write(head.as_bytes()).await;
        for chunk in body.chunks(50_000) {
            self.write(format!("{:x}\r\n", chunk.len()).as_bytes()).await;
            self.write(chunk).await;
            self.write(b"\r\n").await;
        }
        self.write(b"0\r\n\r\n").await;
    }

    /// The next head; 100-continue is passed over.
    pub async fn head(&mut self) -> Option<(u16, HashMap<String, String>)> {
        loop {
            let head = read_head(&mut self.stream, &mut self.buffer).await?;
            let (first, headers) = headers_of(&head);
            let status = first.split(' ').nth(1)?.parse().ok()?;
            if status != 100 {
                return Some((status, headers));
            }
        }
    }

    /// The next answer; `None` when the connection ended without one.
    pub async fn answer(&mut self) -> Option<Answer> {
        let (status, headers) = self.head().await?;
        match read_body(&mut self.stream, &mut self.buffer, &headers, true).await {
            Some(body) => Some(Answer { status, headers, body, whole: true }),
            None => Some(Answer { status, headers, body: std::mem::take(&mut self.buffer), whole: false }),
        }
    }

    /// What has been read and not been taken.
    pub fn so_far(&self) -> String {
        String::from_utf8_lossy(&self.buffer).into_owned()
    }

    /// Reads until the bytes so far hold `text`; a minute at most.
    pub async fn read_until(&mut self, text: &str) -> bool {
        let end = tokio::time::Instant::now() + PATIENCE;
        loop {
            if String::from_utf8_lossy(&self.buffer).contains(text) {
                return true;
            }
            let mut chunk = [0u8; 4096];
            match tokio::time::timeout_at(end, self.stream.read(&mut chunk)).await {
                Ok(Ok(read)) if read > 0 => self.buffer.extend_from_slice(&chunk[..read]),
                ended => {
                    eprintln!(
                        "{text:?} did not come: {ended:?} after {}",
                        String::from_utf8_lossy(&self.buffer)
                    );
                    return false;
                }
            }
        }
    }
}

/// One request over a new HTTP/1.1 connection.
pub async fn h1(
    address: SocketAddr,
    method: &str,
    path: &str,
    fields: &[(&str, &str)],
    body: &[u8],
) -> Answer {
    let mut client = H1::connect(address).await;
    client.send(method, path, fields, body).await;
    client.answer().await.expect("an answer")
}

/// One POST over a new HTTP/2 connection over TLS.
pub async fn h2(address: SocketAddr, path: &str, fields: &[(&str, &str)], body: &[u8]) -> Answer {
    let length = body.len().to_string();
    let fields = [fields, &[("content-length", length.as_str())]].concat();
    h2_as(address, "POST", &format!("https://localhost{path}"), &fields, body).await
}

/// One request for a whole address over a new HTTP/2 connection over TLS.
pub async fn h2_as(
    address: SocketAddr,
    method: &str,
    uri: &str,
    fields: &[(&str, &str)],
    body: &[u8],
) -> Answer {
    provider();
    let mut roots = rustls::RootCertStore::empty();
    roots.add(certificate().cert.der().clone()).expect("a root");
    let mut config = rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let tcp = TcpStream::connect(address).await.expect("a connection");
    let name = rustls::pki_types::ServerName::try_from("localhost").expect("a name");
    let stream = TlsConnector::from(Arc::new(config)).connect(name, tcp).await.expect("TLS");
    let (client, connection) = h2::client::handshake(stream).await.expect("HTTP/2");
    tokio::spawn(async move {
        let _ = connection.await;
    });
    let mut client = client.ready().await.expect("ready");
    let mut request = http::Request::builder().method(method).uri(uri);
    for (name, value) in fields {
        request = request.header(*name, *value);
    }
    let request = request.body(()).expect("a request");
    let (response, mut send) = client.send_request(request, body.is_empty()).expect("sent");
    let body = Bytes::copy_from_slice(body);
    let sending = tokio::spawn(async move {
        if !body.is_empty() {
            let _ = send_all(&mut send, body, true).await;
        }
    });
    let response = response.await.expect("an answer");
    let (parts, mut incoming) = response.into_parts();
    let mut body = Vec::new();
    let mut whole = true;
    while let Some(chunk) = incoming.data().await {
        match chunk {
            Ok(chunk) => {
                let _ = incoming.flow_control().release_capacity(chunk.len());
                body.extend_from_slice(&chunk);
            }
            Err(_) => {
                whole = false;
                break;
            }
        }
    }
    sending.abort();
    let headers = parts.headers.iter();
    let headers = headers
        .map(|(n, v)| (n.as_str().to_owned(), String::from_utf8_lossy(v.as_bytes()).into_owned()))
        .collect();
    Answer { status: parts.status.as_u16(), headers, body, whole }
}

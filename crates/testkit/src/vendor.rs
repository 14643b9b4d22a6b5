//! A scripted vendor on a real socket: HTTP/1.1, HTTP/1.1 over TLS, or HTTP/2 over TLS. What it has seen is
//! recorded; what it answers is up to the test. Nothing waits by the clock: stalls are released by a gate.

use bytes::Bytes;
use parking_lot::Mutex;
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

/// How the vendor speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proto {
    H1,
    TlsH1,
    TlsH2,
}

/// A request as the vendor saw it.
#[derive(Debug, Clone)]
pub struct Seen {
    pub method: String,
    pub path: String,
    /// Names in lower case; repeated ones joined by a comma.
    pub headers: HashMap<String, String>,
    pub body: Bytes,
    pub h2: bool,
    /// Which connection it came on, from 0.
    pub connection: usize,
}

impl Seen {
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).expect("a JSON body")
    }
}

/// Holds an answer back until it is opened.
#[derive(Debug, Clone)]
pub struct Gate(Arc<watch::Sender<bool>>);

impl Gate {
    #[expect(clippy::new_without_default, reason = "a gate is made on purpose")]
    pub fn new() -> Self {
        Gate(Arc::new(watch::channel(false).0))
    }
    pub fn open(&self) {
        self.0.send_replace(true);
    }
    pub async fn passed(&self) {
        let mut receiver = self.0.subscribe();
        receiver.wait_for(|open| *open).await.expect("the gate lives");
    }
}

/// What the vendor does.
#[derive(Debug, Clone)]
pub enum Script {
    /// A whole answer with a known length.
    Whole { status: u16, headers: Vec<(&'static str, String)>, body: Bytes },
    /// An answer in pieces; the last step decides how it ends.
    Pieces { status: u16, content_type: &'static str, steps: Vec<Step> },
    /// Nothing at all until the gate opens, then the connection closes.
    Silence(Gate),
    /// The connection closes without an answer.
    Hangup,
    /// Bytes as they are (HTTP/1.1 only).
    Raw(Bytes),
}

/// A step of an answer in pieces.
#[derive(Debug, Clone)]
pub enum Step {
    Send(Bytes),
    Wait(Gate),
    /// Thinks for so long.
    Pause(Duration),
    /// Ends without the last chunk: the connection closes.
    Cut,
}

impl Script {
    pub fn json(status: u16, body: impl Into<Bytes>) -> Script {
        Script::Whole {
            status,
            headers: vec![("content-type", "application/json".into())],
            body: body.into(),
        }
    }

    pub fn sse(events: impl IntoIterator<Item = impl AsRef<str>>) -> Script {
        let steps =
            events.into_iter().map(|event| Step::Send(Bytes::from(format!("data: {}\n\n", event.as_ref()))));
        Script::Pieces { status: 200, content_type: "text/event-stream", steps: steps.collect() }
    }
}

type Handler = dyn Fn(&Seen) -> Script + Send + Sync;
/// Looks at a head before the body is read; an answer here is an early one.
type Early = dyn Fn(&str, &HashMap<String, String>) -> Option<Script> + Send + Sync;

/// The vendor. It ends with its handle.
pub struct Vendor {
    pub address: SocketAddr,
    pub proto: Proto,
    seen: Arc<Mutex<Vec<Seen>>>,
    connections: Arc<Mutex<usize>>,
    changed: Arc<watch::Sender<usize>>,
    runtime: Option<tokio::runtime::Runtime>,
}

struct Shared {
    handler: Box<Handler>,
    early: Option<Box<Early>>,
    seen: Arc<Mutex<Vec<Seen>>>,
    changed: Arc<watch::Sender<usize>>,
}

impl Shared {
    fn answer(&self, seen: Seen) -> Script {
        let script = (self.handler)(&seen);
        let count = {
            let mut all = self.seen.lock();
            all.push(seen);
            all.len()
        };
        self.changed.send_replace(count);
        script
    }
}

/// The authority that signed every vendor of this process (each is its own).
pub fn certificate() -> &'static CertifiedKey<rcgen::KeyPair> {
    static KEY: OnceLock<CertifiedKey<rcgen::KeyPair>> = OnceLock::new();
    KEY.get_or_init(|| {
        generate_simple_self_signed(["localhost".to_owned(), "127.0.0.1".to_owned()]).expect("a certificate")
    })
}

pub fn ca_pem() -> String {
    certificate().cert.pem()
}

pub fn key_pem() -> String {
    certificate().signing_key.serialize_pem()
}

/// Makes rustls usable in this process.
pub fn provider() {
    let _ = rustls::crypto::ring::default_provider().install_default();
}

pub(crate) fn acceptor(alpn: &[u8]) -> TlsAcceptor {
    provider();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(certificate().signing_key.serialize_der()));
    let mut config = rustls::ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![certificate().cert.der().clone()], key)
        .expect("a TLS configuration");
    config.alpn_protocols = vec![alpn.to_vec()];
    TlsAcceptor::from(Arc::new(config))
}

impl Vendor {
    pub fn start(proto: Proto, handler: impl Fn(&Seen) -> Script + Send + Sync + 'static) -> Vendor {
        Self::start_with(proto, None, handler)
    }

    /// With a look at the head first.
    pub fn start_with(
        proto: Proto,
        early: Option<Box<Early>>,
        handler: impl Fn(&Seen) -> Script + Send + Sync + 'static,
    ) -> Vendor {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime");
        let seen = Arc::new(Mutex::new(Vec::new()));
        let changed = Arc::new(watch::channel(0).0);
        let connections = Arc::new(Mutex::new(0));
        let shared = Arc::new(Shared {
            handler: Box::new(handler),
            early,
            seen: seen.clone(),
            changed: changed.clone(),
        });
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        // A thousand streams may begin at once: with the standard queue of 128 the kernel resets some of them.
        rustix::net::listen(&listener, 4096).expect("a longer queue");
        listener.set_nonblocking(true).expect("non-blocking");
        let address = listener.local_addr().expect("an address");
        let counter = connections.clone();
        runtime.spawn(async move {
            let listener = TcpListener::from_std(listener).expect("a listener");
            loop {
                let Ok((stream, _)) = listener.accept().await else { continue };
                let _ = stream.set_nodelay(true);
                let shared = shared.clone();
                let number = {
                    let mut count = counter.lock();
                    *count += 1;
                    *count - 1
                };
                tokio::spawn(async move {
                    match proto {
                        Proto::H1 => h1(stream, shared, number).await,
                        Proto::TlsH1 => {
                            if let Ok(stream) = acceptor(b"http/1.1").accept(stream).await {
                                h1(stream, shared, number).await;
                            }
                        }
                        Proto::TlsH2 => {
                            if let Ok(stream) = acceptor(b"h2").accept(stream).await {
                                h2(stream, shared, number).await;
                            }
                        }
                    }
                });
            }
        });
        Vendor { address, proto, seen, connections, changed, runtime: Some(runtime) }
    }

    pub fn base_url(&self) -> String {
        match self.proto {
            Proto::H1 => format!("http://{}", self.address),
            Proto::TlsH1 | Proto::TlsH2 => format!("https://localhost:{}", self.address.port()),
        }
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().clone()
    }

    pub fn hits(&self) -> usize {
        self.seen.lock().len()
    }

    pub fn connections(&self) -> usize {
        *self.connections.lock()
    }

    /// Waits until so many requests have been seen.
    pub fn wait_for(&self, count: usize) {
        let mut receiver = self.changed.subscribe();
        let wait = async {
            let waiting = receiver.wait_for(|seen| *seen >= count);
            tokio::time::timeout(std::time::Duration::from_secs(30), waiting)
                .await
                .expect("requests come")
                .expect("alive");
        };
        tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .expect("a runtime")
            .block_on(wait);
    }
}

impl Drop for Vendor {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// Reads a head; `None` at the end of the connection.
pub(crate) async fn read_head(
    stream: &mut (impl AsyncRead + Unpin),
    buffer: &mut Vec<u8>,
) -> Option<Vec<u8>> {
    loop {
        if let Some(at) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
            let rest = buffer.split_off(at + 4);
            return Some(std::mem::replace(buffer, rest));
        }
        let mut chunk = [0u8; 16 << 10];
        let read = stream.read(&mut chunk).await.ok().filter(|read| *read > 0)?;
        buffer.extend_from_slice(&chunk[..read]);
    }
}

pub(crate) fn headers_of(head: &[u8]) -> (String, HashMap<String, String>) {
    let text = String::from_utf8_lossy(head);
    let mut lines = text.split("\r\n");
    let first = lines.next().unwrap_or("").to_owned();
    let mut headers: HashMap<String, String> = HashMap::new();
    for line in lines.filter(|line| !line.is_empty()) {
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        headers
            .entry(name.trim().to_ascii_lowercase())
            .and_modify(|before| *before = format!("{before},{}", value.trim()))
            .or_insert_with(|| value.trim().to_owned());
    }
    (first, headers)
}

/// Reads a body as its headers frame it; `None` when it broke off.
pub(crate) async fn read_body(
    stream: &mut (impl AsyncRead + Unpin),
    buffer: &mut Vec<u8>,
    headers: &HashMap<String, String>,
    until_close: bool,
) -> Option<Vec<u8>> {
    let chunked = headers.get("transfer-encoding").is_some_and(|value| value.contains("chunked"));
    let mut more = async |buffer: &mut Vec<u8>| -> Option<()> {
        let mut chunk = vec![0u8; 64 << 10];
        let read = stream.read(&mut chunk).await.ok().filter(|read| *read > 0)?;
        buffer.extend_from_slice(&chunk[..read]);
        Some(())
    };
    if chunked {
        let mut body = Vec::new();
        loop {
            let line = loop {
                match buffer.windows(2).position(|window| window == b"\r\n") {
                    Some(at) => break at,
                    None => more(buffer).await?,
                }
            };
            let size = usize::from_str_radix(String::from_utf8_lossy(&buffer[..line]).trim(), 16).ok()?;
            while buffer.len() < line + 2 + size + 2 {
                more(buffer).await?;
            }
            body.extend_from_slice(&buffer[line + 2..line + 2 + size]);
            buffer.drain(..line + 2 + size + 2);
            if size == 0 {
                return Some(body);
            }
        }
    }
    let Some(length) = headers.get("content-length").and_then(|text| text.parse::<usize>().ok()) else {
        if until_close {
            while more(buffer).await.is_some() {}
            return Some(std::mem::take(buffer));
        }
        return Some(Vec::new());
    };
    while buffer.len() < length {
        more(buffer).await?;
    }
    let rest = buffer.split_off(length);
    Some(std::mem::replace(buffer, rest))
}

async fn h1(mut stream: impl AsyncRead + AsyncWrite + Unpin, shared: Arc<Shared>, connection: usize) {
    let mut buffer = Vec::new();
    while let Some(head) = read_head(&mut stream, &mut buffer).await {
        let (first, headers) = headers_of(&head);
        let mut words = first.split(' ');
        let (method, path) = (words.next().unwrap_or("").to_owned(), words.next().unwrap_or("").to_owned());
        if let Some(script) = shared.early.as_ref().and_then(|early| early(&path, &headers)) {
            play_h1(&mut stream, script).await;
            return;
        }
        let Some(body) = read_body(&mut stream, &mut buffer, &headers, false).await else { return };
        let script = shared.answer(Seen { method, path, headers, body: body.into(), h2: false, connection });
        if !play_h1(&mut stream, script).await {
            return;
        }
    }
}

/// False: the connection ends.
async fn play_h1(stream: &mut (impl AsyncWrite + Unpin), script: Script) -> bool {
    match script {
        Script::Whole { status, headers, body } => {
            let mut head = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\n", body.len());
            for (name, value) in headers {
                head.push_str(&format!("{name}: {value}\r\n"));
            }
            head.push_str("\r\n");
            let bytes = [head.as_bytes(), &body].concat();
            stream.write_all(&bytes).await.is_ok() && stream.flush().await.is_ok()
        }
        Script::Pieces { status, content_type, steps } => {
            let head = format!(
                "HTTP/1.1 {status} X\r\ncontent-type: {content_type}\r\ntransfer-encoding: chunked\r\n\r\n"
            );
            if stream.write_all(head.as_bytes()).await.is_err() {
                return false;
            }
            for step in steps {
                match step {
                    Step::Send(bytes) => {
                        let chunk = [format!("{:x}\r\n", bytes.len()).as_bytes(), &bytes, b"\r\n"].concat();
                        if stream.write_all(&chunk).await.is_err() || stream.flush().await.is_err() {
                            return false;
                        }
                    }
                    Step::Wait(gate) => {
                        let _ = stream.flush().await;
                        gate.passed().await;
                    }
                    Step::Pause(time) => {
                        let _ = stream.flush().await;
                        tokio::time::sleep(time).await;
                    }
                    Step::Cut => return false,
                }
            }
            stream.write_all(b"0\r\n\r\n").await.is_ok() && stream.flush().await.is_ok()
        }
        Script::Silence(gate) => {
            gate.passed().await;
            false
        }
        Script::Hangup => false,
        Script::Raw(bytes) => {
            let _ = stream.write_all(&bytes).await;
            let _ = stream.flush().await;
            true
        }
    }
}

async fn h2(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    shared: Arc<Shared>,
    connection: usize,
) {
    let Ok(mut server) =
        h2::server::Builder::new().initial_window_size(1 << 20).handshake::<_, Bytes>(stream).await
    else {
        return;
    };
    while let Some(Ok((request, respond))) = server.accept().await {
        let shared = shared.clone();
        tokio::spawn(async move {
            let _ = h2_stream(request, respond, shared, connection).await;
        });
    }
}

async fn h2_stream(
    request: http::Request<h2::RecvStream>,
    mut respond: h2::server::SendResponse<Bytes>,
    shared: Arc<Shared>,
    connection: usize,
) -> Result<(), h2::Error> {
    let (parts, mut incoming) = request.into_parts();
    let path = parts.uri.path_and_query().map_or("", |path| path.as_str()).to_owned();
    let mut headers: HashMap<String, String> = HashMap::new();
    for (name, value) in &parts.headers {
        headers.insert(name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned());
    }
    if let Some(authority) = parts.uri.authority() {
        headers.entry("host".to_owned()).or_insert_with(|| authority.to_string());
    }
    let script = match shared.early.as_ref().and_then(|early| early(&path, &headers)) {
        Some(script) => script,
        None => {
            let mut body = Vec::new();
            while let Some(chunk) = incoming.data().await {
                let chunk = chunk?;
                let _ = incoming.flow_control().release_capacity(chunk.len());
                body.extend_from_slice(&chunk);
            }
            let method = parts.method.to_string();
            shared.answer(Seen { method, path, headers, body: body.into(), h2: true, connection })
        }
    };
    let head = |status: u16, fields: Vec<(&str, String)>| {
        let mut builder = http::Response::builder().status(status);
        for (name, value) in fields {
            builder = builder.header(name, value);
        }
        builder.body(()).expect("a head")
    };
    match script {
        Script::Whole { status, headers, body } => {
            let empty = body.is_empty();
            let mut send = respond.send_response(head(status, headers), empty)?;
            if !empty {
                send_all(&mut send, body, true).await?;
            }
        }
        Script::Pieces { status, content_type, steps } => {
            let mut send = respond
                .send_response(head(status, vec![("content-type", content_type.to_owned())]), false)?;
            for step in steps {
                match step {
                    Step::Send(bytes) => send_all(&mut send, bytes, false).await?,
                    Step::Wait(gate) => gate.passed().await,
                    Step::Pause(time) => tokio::time::sleep(time).await,
                    Step::Cut => {
                        send.send_reset(h2::Reason::INTERNAL_ERROR);
                        return Ok(());
                    }
                }
            }
            send.send_data(Bytes::new(), true)?;
        }
        Script::Silence(gate) => {
            gate.passed().await;
            respond.send_reset(h2::Reason::CANCEL);
        }
        Script::Hangup | Script::Raw(_) => respond.send_reset(h2::Reason::INTERNAL_ERROR),
    }
    Ok(())
}

pub(crate) async fn send_all(
    send: &mut h2::SendStream<Bytes>,
    mut bytes: Bytes,
    end: bool,
) -> Result<(), h2::Error> {
    while !bytes.is_empty() {
        send.reserve_capacity(bytes.len());
        let capacity = match futures::future::poll_fn(|cx| send.poll_capacity(cx)).await {
            Some(capacity) => capacity?,
            None => return Ok(()),
        };
        let piece = bytes.split_to(capacity.min(bytes.len()));
        let last = bytes.is_empty();
        send.send_data(piece, end && last)?;
    }
    Ok(())
}

//! The door: a caller's connection before, between and after its requests.
//!
//! Pingora's timer for the head of a request starts anew with every read, so a caller who drips one byte at a
//! time holds a connection for ever (SR-03). The door keeps one deadline for the whole head. Which bytes are a
//! head only the filters know; they tell the connection through the digest that Pingora hands on.

use crate::gateway::Gateway;
use crate::proxy::Edge;
use crate::settings::Listen;
use async_trait::async_trait;
use pingora_core::apps::ServerApp;
use pingora_core::protocols::http::v2::server::{H2Options, default_h2_options};
use pingora_core::protocols::raw_connect::ProxyDigest;
use pingora_core::protocols::tls::{SslDigest, TlsRef};
use pingora_core::protocols::{
    ALPN, GetProxyDigest, GetSocketDigest, GetTimingDigest, Peek, Shutdown, SocketDigest, Ssl, Stream,
    TimingDigest, UniqueID, UniqueIDType,
};
use pingora_core::server::ShutdownWatch;
use pingora_http::ResponseHeader;
use pingora_proxy::{HttpProxy, Session};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU32, Ordering};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Bytes of a body that a caller may send over HTTP/2 ahead of our reading: 5 MB a second over 100 ms. The protocol's own
/// 64 KiB, for all streams of a connection together, would make a picture over a long line a matter of half a minute.
const BODY_AHEAD: u32 = 512 << 10;
/// The same of all streams of a connection.
const BODIES_AHEAD: u32 = 8 << 20;

/// What callers are told of how they may speak HTTP/2.
pub fn http2() -> H2Options {
    let mut options = default_h2_options();
    options.initial_window_size(BODY_AHEAD).initial_connection_window_size(BODIES_AHEAD);
    options
}

/// The proxy behind the door.
pub struct Door {
    pub proxy: Arc<HttpProxy<Edge>>,
    pub gateway: Arc<Gateway>,
}

impl Door {
    /// Serves a connection to its end. When the process ends, one that is idle is closed after a while; one at work
    /// is told in its next answer.
    pub async fn serve(&self, stream: Stream, listen: &Listen, shutdown: ShutdownWatch) {
        if matches!(stream.selected_alpn_proto(), Some(ALPN::H2)) {
            // HTTP/2 has limits of its own: frames of all streams share the connection.
            return self.requests(stream, &shutdown).await;
        }
        let conn = Arc::new(Conn { redirect: listen.redirect_https, ..Conn::default() });
        let stream = Watched::wrap(stream, self.gateway.tuning.load().head_deadline, conn.clone());
        tokio::select! {
            () = self.requests(stream, &shutdown) => {}
            () = conn.idle_at_the_end(shutdown.clone(), &self.gateway) => {}
        }
    }

    async fn requests(&self, stream: Stream, shutdown: &ShutdownWatch) {
        let mut next = Some(stream);
        while let Some(stream) = next {
            next = self.proxy.process_new(stream, shutdown).await;
        }
    }
}

/// What the filters and a connection know of each other.
#[derive(Debug, Default)]
pub struct Conn {
    at: AtomicU8,
    /// Heads that have begun.
    heads: AtomicU32,
    /// Browsers are sent to HTTPS.
    pub redirect: bool,
}

const BETWEEN: u8 = 0;
const IN_HEAD: u8 = 1;
const BEYOND: u8 = 2;

/// How long a connection has to be silent before the end of the process closes it.
const IDLE: Duration = Duration::from_secs(1);
/// Between two looks whether it is.
const LOOK: Duration = Duration::from_millis(100);

impl Conn {
    /// The connection of an HTTP/1 request.
    pub fn of(session: &Session) -> Option<&Conn> {
        let digest = session.digest()?.proxy_digest.as_ref()?;
        digest.user_data.as_ref()?.downcast_ref::<Arc<Conn>>().map(Arc::as_ref)
    }

    /// Waits until the process ends, no call is left in it, and the connection has been between two requests for a
    /// while: who sends one just now would lose it, and is told to connect anew as long as anybody is served here.
    async fn idle_at_the_end(&self, mut shutdown: ShutdownWatch, gateway: &Gateway) {
        if shutdown.wait_for(|ending| *ending).await.is_err() {
            return std::future::pending().await;
        }
        let mut silent = (self.heads.load(Ordering::Relaxed), Instant::now());
        loop {
            tokio::time::sleep(LOOK).await;
            let heads = self.heads.load(Ordering::Relaxed);
            if heads != silent.0 || self.at.load(Ordering::Relaxed) != BETWEEN {
                silent = (heads, Instant::now());
            }
            if silent.1.elapsed() >= IDLE && gateway.in_flight.load(Ordering::Acquire) == 0 {
                return;
            }
        }
    }
}

/// The head is complete: its deadline no longer counts.
pub fn head_complete(session: &Session) {
    if let Some(conn) = Conn::of(session) {
        conn.at.store(BEYOND, Ordering::Relaxed);
    }
}

/// The request is over: the next byte begins another head.
pub fn request_over(session: &Session) {
    if let Some(conn) = Conn::of(session) {
        conn.at.store(BETWEEN, Ordering::Relaxed);
    }
}

type Alarm = Pin<Box<dyn Future<Output = ()> + Send + Sync>>;

/// A connection with a deadline for heads.
struct Watched {
    inner: Stream,
    conn: Arc<Conn>,
    digest: Arc<ProxyDigest>,
    allowed: Duration,
    /// When the head under way began. Set only once a read has to wait in it: a head that arrives at once
    /// costs no look at the clock.
    begun: Option<Instant>,
    alarm: Option<Alarm>,
}

impl Watched {
    fn wrap(inner: Stream, allowed: Duration, conn: Arc<Conn>) -> Stream {
        // There is no proxy between: the digest only carries what we know.
        let Ok(response) = ResponseHeader::build_no_case(200, Some(0)) else { return inner };
        let digest = Arc::new(ProxyDigest::new(Box::new(response), Some(Box::new(conn.clone()))));
        Box::new(Self { inner, conn, digest, allowed, begun: None, alarm: None })
    }

    /// Called when a read has to wait: an error once the head has taken too long.
    fn waiting(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.conn.at.load(Ordering::Relaxed) != IN_HEAD {
            (self.begun, self.alarm) = (None, None);
            return Poll::Pending;
        }
        let begun = *self.begun.get_or_insert_with(Instant::now);
        let allowed = self.allowed;
        let alarm = self
            .alarm
            .get_or_insert_with(|| Box::pin(pingora_timeout::sleep(allowed.saturating_sub(begun.elapsed()))));
        ready!(alarm.as_mut().poll(cx));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the head did not arrive in time")))
    }
}

impl std::fmt::Debug for Watched {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.inner.fmt(f)
    }
}

impl AsyncRead for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        match Pin::new(&mut self.inner).poll_read(cx, buf) {
            Poll::Pending => self.waiting(cx),
            Poll::Ready(done) => {
                if buf.filled().len() > before {
                    let (at, relaxed) = (&self.conn.at, Ordering::Relaxed);
                    if at.compare_exchange(BETWEEN, IN_HEAD, relaxed, relaxed).is_ok() {
                        self.conn.heads.fetch_add(1, relaxed);
                    }
                }
                Poll::Ready(done)
            }
        }
    }
}

impl AsyncWrite for Watched {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }
}

#[async_trait]
impl Shutdown for Watched {
    async fn shutdown(&mut self) {
        self.inner.shutdown().await
    }
}

impl UniqueID for Watched {
    fn id(&self) -> UniqueIDType {
        self.inner.id()
    }
}

impl Ssl for Watched {
    fn get_ssl(&self) -> Option<&TlsRef> {
        self.inner.get_ssl()
    }

    fn get_ssl_digest(&self) -> Option<Arc<SslDigest>> {
        self.inner.get_ssl_digest()
    }

    fn selected_alpn_proto(&self) -> Option<ALPN> {
        self.inner.selected_alpn_proto()
    }
}

impl GetTimingDigest for Watched {
    fn get_timing_digest(&self) -> Vec<Option<TimingDigest>> {
        self.inner.get_timing_digest()
    }

    fn get_read_pending_time(&self) -> Duration {
        self.inner.get_read_pending_time()
    }

    fn get_write_pending_time(&self) -> Duration {
        self.inner.get_write_pending_time()
    }
}

impl GetProxyDigest for Watched {
    fn get_proxy_digest(&self) -> Option<Arc<ProxyDigest>> {
        Some(self.digest.clone())
    }
}

impl GetSocketDigest for Watched {
    fn get_socket_digest(&self) -> Option<Arc<SocketDigest>> {
        self.inner.get_socket_digest()
    }
}

#[async_trait]
impl Peek for Watched {
    async fn try_peek(&mut self, buf: &mut [u8]) -> io::Result<bool> {
        self.inner.try_peek(buf).await
    }
}

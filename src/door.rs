//! The door: a caller's connection before, between and after its requests.
//!
//! Pingora's timer for the head of a request starts anew with every read, so a caller who drips one byte at a
//! time holds a connection for ever (SR-03). The door keeps one deadline for the whole head. Which bytes are a
//! head only the filters know; they tell the connection's clock through the digest that Pingora hands on.

use crate::gateway::Gateway;
use crate::proxy::Edge;
use async_trait::async_trait;
use pingora_core::apps::ServerApp;
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
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The proxy behind the door.
pub struct Door {
    pub proxy: Arc<HttpProxy<Edge>>,
    pub gateway: Arc<Gateway>,
}

#[async_trait]
impl ServerApp for Door {
    async fn process_new(self: &Arc<Self>, stream: Stream, shutdown: &ShutdownWatch) -> Option<Stream> {
        if matches!(stream.selected_alpn_proto(), Some(ALPN::H2)) {
            // HTTP/2 has limits of its own: frames of all streams share the connection.
            return self.proxy.process_new(stream, shutdown).await;
        }
        let stream = Watched::wrap(stream, self.gateway.tuning.load().head_deadline);
        self.proxy.process_new(stream, shutdown).await
    }

    async fn cleanup(&self) {
        self.proxy.cleanup().await;
    }
}

/// What the filters tell a connection.
#[derive(Debug, Default)]
pub struct Clock(AtomicU8);

const BETWEEN: u8 = 0;
const IN_HEAD: u8 = 1;
const BEYOND: u8 = 2;

impl Clock {
    /// The clock of a request's connection, where it has one.
    fn of(session: &Session) -> Option<&Clock> {
        let digest = session.digest()?.proxy_digest.as_ref()?;
        digest.user_data.as_ref()?.downcast_ref::<Arc<Clock>>().map(Arc::as_ref)
    }
}

/// The head is complete: its deadline no longer counts.
pub fn head_complete(session: &Session) {
    if let Some(clock) = Clock::of(session) {
        clock.0.store(BEYOND, Ordering::Relaxed);
    }
}

/// The request is over: the next byte begins another head.
pub fn request_over(session: &Session) {
    if let Some(clock) = Clock::of(session) {
        clock.0.store(BETWEEN, Ordering::Relaxed);
    }
}

type Alarm = Pin<Box<dyn Future<Output = ()> + Send + Sync>>;

/// A connection with a deadline for heads.
struct Watched {
    inner: Stream,
    clock: Arc<Clock>,
    digest: Arc<ProxyDigest>,
    allowed: Duration,
    /// When the head under way began. Set only once a read has to wait in it: a head that arrives at once
    /// costs no look at the clock.
    begun: Option<Instant>,
    alarm: Option<Alarm>,
}

impl Watched {
    fn wrap(inner: Stream, allowed: Duration) -> Stream {
        let clock = Arc::new(Clock::default());
        // There is no proxy between: the digest only carries our clock.
        let Ok(response) = ResponseHeader::build_no_case(200, Some(0)) else { return inner };
        let digest = Arc::new(ProxyDigest::new(Box::new(response), Some(Box::new(clock.clone()))));
        Box::new(Self { inner, clock, digest, allowed, begun: None, alarm: None })
    }

    /// Called when a read has to wait: an error once the head has taken too long.
    fn waiting(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.clock.0.load(Ordering::Relaxed) != IN_HEAD {
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
                    let between = (BETWEEN, IN_HEAD, Ordering::Relaxed, Ordering::Relaxed);
                    let _ = self.clock.0.compare_exchange(between.0, between.1, between.2, between.3);
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

//! A TCP connection with the buffers that suit what is spoken over it.
//!
//! Pingora's own buffers can only be set by its own listening service. HTTP/1 reads into buffers of its own, so a
//! plain connection gets none for reading; under TLS one read should fetch a whole record.

use async_trait::async_trait;
use pingora_core::protocols::l4::stream::Stream as L4;
use pingora_core::protocols::raw_connect::ProxyDigest;
use pingora_core::protocols::{
    GetProxyDigest, GetSocketDigest, GetTimingDigest, Peek, Shutdown, SocketDigest, Ssl, TimingDigest,
    UniqueID, UniqueIDType,
};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, BufReader, BufWriter, ReadBuf};

/// A TLS record fits in this, and longer reads go past it.
const TLS_READ: usize = 16 << 10;
/// A head and the first bytes after it leave in one packet; what is longer goes past it.
const WRITE: usize = 1460;

/// See the module's text.
#[derive(Debug)]
pub enum Socket {
    Plain(BufWriter<L4>),
    UnderTls(BufReader<BufWriter<L4>>),
}

impl Socket {
    pub fn plain(stream: L4) -> Self {
        Socket::Plain(BufWriter::with_capacity(WRITE, stream))
    }

    pub fn under_tls(stream: L4) -> Self {
        Socket::UnderTls(BufReader::with_capacity(TLS_READ, BufWriter::with_capacity(WRITE, stream)))
    }

    fn writer(&mut self) -> Pin<&mut BufWriter<L4>> {
        match self {
            Socket::Plain(writer) => Pin::new(writer),
            Socket::UnderTls(reader) => Pin::new(reader.get_mut()),
        }
    }

    fn stream(&self) -> &L4 {
        match self {
            Socket::Plain(writer) => writer.get_ref(),
            Socket::UnderTls(reader) => reader.get_ref().get_ref(),
        }
    }

    fn stream_mut(&mut self) -> &mut L4 {
        match self {
            Socket::Plain(writer) => writer.get_mut(),
            Socket::UnderTls(reader) => reader.get_mut().get_mut(),
        }
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match &mut *self {
            Socket::Plain(writer) => Pin::new(writer).poll_read(cx, buf),
            Socket::UnderTls(reader) => Pin::new(reader).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Socket {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.writer().poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.writer().poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.writer().poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.writer().poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream().is_write_vectored()
    }
}

#[async_trait]
impl Shutdown for Socket {
    async fn shutdown(&mut self) {
        // Whoever closes a connection has nothing more to hear of it.
        let _ = tokio::io::AsyncWriteExt::shutdown(self).await;
    }
}

impl UniqueID for Socket {
    fn id(&self) -> UniqueIDType {
        self.stream().id()
    }
}

impl Ssl for Socket {}

impl GetTimingDigest for Socket {
    fn get_timing_digest(&self) -> Vec<Option<TimingDigest>> {
        self.stream().get_timing_digest()
    }

    fn get_read_pending_time(&self) -> Duration {
        self.stream().get_read_pending_time()
    }

    fn get_write_pending_time(&self) -> Duration {
        self.stream().get_write_pending_time()
    }
}

impl GetProxyDigest for Socket {
    fn get_proxy_digest(&self) -> Option<Arc<ProxyDigest>> {
        self.stream().get_proxy_digest()
    }

    fn set_proxy_digest(&mut self, digest: ProxyDigest) {
        self.stream_mut().set_proxy_digest(digest);
    }
}

impl GetSocketDigest for Socket {
    fn get_socket_digest(&self) -> Option<Arc<SocketDigest>> {
        self.stream().get_socket_digest()
    }

    fn set_socket_digest(&mut self, digest: SocketDigest) {
        self.stream_mut().set_socket_digest(digest);
    }
}

impl Peek for Socket {}

//! The seat itself: Pingora's doc-hidden custom session over the caller's real one.

use super::{CLIENT_GONE, EMPTY_ERROR, FIRST_BYTE_TIMEOUT, Handle, IDLE_TIMEOUT, Shared, TOTAL_TIMEOUT};
use crate::proxy::capture::Tap;
use crate::sites::conf::Compression;
use async_trait::async_trait;
use bytes::Bytes;
use futures::Stream;
use http::HeaderMap;
use parking_lot::Mutex;
use pingora_core::protocols::http::HttpTask;
use pingora_core::protocols::http::custom::CustomMessageWrite;
use pingora_core::protocols::http::custom::server::Session as CustomSession;
use pingora_core::protocols::http::server::Session as HttpSession;
use pingora_core::protocols::{Digest, l4::socket::SocketAddr};
use pingora_error::{Error, Result};
use pingora_http::{RequestHeader, ResponseHeader};
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Where the real session goes back to when the seat is dropped.
pub type Slot = Arc<Mutex<Option<Box<HttpSession>>>>;

/// The seat itself.
pub struct Replay {
    inner: Box<HttpSession>,
    shared: Handle,
    slot: Slot,
    /// Whole answers are compressed for callers who take that.
    compression: Compression,
    held: Option<Box<ResponseHeader>>,
    /// A WebSocket is relayed: bytes pass both ways as they come, and no timer runs.
    tunnel: bool,
    /// Rings at the instant beside it. Pingora's timers, not the runtime's: one of those per call costs two
    /// system calls, these cost none and are exact to 10 ms.
    alarm: Option<(Instant, Alarm)>,
    last_keepalive: Instant,
    /// Takes what goes out to the caller.
    tap: Option<Tap>,
}

type Alarm = Pin<Box<dyn Future<Output = ()> + Send + Sync>>;

impl Replay {
    /// The caller's head is about to be written; whether its connection ends with this answer.
    fn commit(&mut self, head: Option<&ResponseHeader>) -> bool {
        self.held = None;
        if let (Some(tap), Some(head)) = (&self.tap, head) {
            tap.lock().head(head);
        }
        let mut shared = self.shared.0.lock();
        shared.committed = true;
        shared.closing
    }

    /// Takes the session's place. [`restore`] puts it back.
    pub fn install(
        session: &mut Box<HttpSession>,
        shared: Handle,
        tap: Option<Tap>,
        compression: Compression,
    ) -> Slot {
        Replay::seat(session, shared, false, tap, compression)
    }

    /// Takes the place of a session that asks for a WebSocket.
    ///
    /// Pingora would tell the vendor's side at once that this request has no body. Where the vendor's 101 is
    /// read before that message, the message is taken for the end of the WebSocket; so none is sent until
    /// the upgrade is decided.
    pub fn install_tunnel(session: &mut Box<HttpSession>, shared: Handle) -> Slot {
        Replay::seat(session, shared, true, None, Compression { on: false, ..Compression::default() })
    }

    fn seat(
        session: &mut Box<HttpSession>,
        shared: Handle,
        tunnel: bool,
        tap: Option<Tap>,
        compression: Compression,
    ) -> Slot {
        let slot: Slot = Arc::default();
        let inner = std::mem::replace(session, inert());
        let now = Instant::now();
        let seat = Replay {
            inner,
            shared,
            slot: slot.clone(),
            compression,
            held: None,
            tunnel,
            alarm: None,
            last_keepalive: now,
            tap,
        };
        **session = HttpSession::new_custom(Box::new(seat));
        slot
    }

    /// When the next timer runs out, and what it means.
    fn deadline(&self) -> (Instant, Due) {
        let shared = self.shared.0.lock();
        let timers = &shared.timers;
        let (mut at, mut due) = (shared.started + timers.total, Due::Total);
        let mut consider = |instant: Instant, what: Due| {
            if instant < at {
                (at, due) = (instant, what);
            }
        };
        if shared.answered {
            consider(shared.last_activity + timers.idle, Due::Idle);
        } else {
            consider(shared.attempt_started + timers.first_byte, Due::FirstByte);
        }
        match shared.gone {
            Some(gone) => consider(gone + timers.abandoned, Due::Abandoned),
            None if shared.keepalive.is_some() && self.waiting(&shared) => {
                let since = self.last_keepalive.max(shared.last_activity).max(shared.attempt_started);
                consider(since + timers.keepalive, Due::KeepAlive);
            }
            None => {}
        }
        (at, due)
    }

    /// Keep-alives go out only where the answer is known to be a stream.
    fn waiting(&self, shared: &Shared) -> bool {
        shared.committed || self.held.is_some()
    }

    /// Sends the held head, with what was learnt since it was held.
    fn release_head(&mut self, out: &mut Vec<HttpTask>) -> Result<()> {
        let Some(mut head) = self.held.take() else { return Ok(()) };
        let mut shared = self.shared.0.lock();
        for (name, value) in shared.late.drain(..) {
            head.insert_header(name, value)?;
        }
        if let Some(length) = shared.length.take() {
            head.remove_header("transfer-encoding");
            head.insert_header("content-length", length)?;
        }
        shared.committed = true;
        out.push(HttpTask::Header(head, false));
        Ok(())
    }

    /// The caller has left: may the answer be followed?
    fn leave(&self) -> bool {
        let follow = {
            let mut shared = self.shared.0.lock();
            if shared.gone.is_none() {
                shared.gone = Some(Instant::now());
            }
            shared.follow.take()
        };
        // Asked without the lock: the answer takes locks of its own.
        let permit = follow.and_then(|follow| follow());
        let allowed = permit.is_some();
        let mut shared = self.shared.0.lock();
        if allowed {
            shared.permit = permit;
        }
        shared.permit.is_some()
    }

    async fn keep_alive(&mut self) -> Result<()> {
        let comment = self.shared.0.lock().keepalive;
        let Some(comment) = comment else { return Ok(()) };
        let mut tasks = Vec::with_capacity(2);
        self.release_head(&mut tasks)?;
        tasks.push(HttpTask::Body(Some(Bytes::from_static(comment)), false));
        self.last_keepalive = Instant::now();
        self.note(&tasks);
        self.inner.response_duplex_vec(tasks).await.map(|_| ())
    }

    fn note(&self, tasks: &[HttpTask]) {
        let Some(tap) = &self.tap else { return };
        let mut taken = tap.lock();
        for task in tasks {
            match task {
                HttpTask::Header(head, _) => taken.head(head),
                HttpTask::Body(Some(data), _) => taken.push(data),
                _ => {}
            }
        }
    }

    async fn idle(&mut self) -> Result<Option<Bytes>> {
        loop {
            let (at, due) = self.deadline();
            // The alarm is moved only when it has to ring earlier; one that rings too early is set again.
            let (_, alarm) = match self.alarm.take_if(|(rings, _)| *rings <= at) {
                Some(set) => self.alarm.insert(set),
                None => {
                    let after = at.saturating_duration_since(Instant::now());
                    self.alarm.insert((at, Box::pin(pingora_timeout::sleep(after))))
                }
            };
            let gone = self.shared.gone();
            tokio::select! {
                biased;
                result = self.inner.read_body_or_idle(true), if !gone => match result {
                    Ok(body) => return Ok(body),
                    Err(error) => {
                        if !self.leave() {
                            return Err(Error::because(CLIENT_GONE, "the caller left", error));
                        }
                    }
                },
                () = alarm.as_mut() => {
                    self.alarm = None;
                    if Instant::now() < at {
                        continue;
                    }
                    match due {
                        Due::KeepAlive => {
                            if let Err(error) = self.keep_alive().await
                                && !self.leave()
                            {
                                return Err(Error::because(CLIENT_GONE, "the caller left", error));
                            }
                        }
                        Due::FirstByte => return Err(Error::explain(FIRST_BYTE_TIMEOUT, "no answer in time")),
                        Due::Idle => return Err(Error::explain(IDLE_TIMEOUT, "the vendor fell silent")),
                        Due::Total => return Err(Error::explain(TOTAL_TIMEOUT, "the call took too long")),
                        Due::Abandoned => return Err(Error::explain(CLIENT_GONE, "nobody waits for the answer")),
                    }
                }
            }
        }
    }
}

/// Puts the real session back in its place, so that its connection can be reused.
pub fn restore(session: &mut Box<HttpSession>, slot: &Slot) {
    if session.is_custom() {
        drop(std::mem::replace(session, inert()));
        if let Some(real) = slot.lock().take() {
            *session = real;
        }
    }
}

fn inert() -> Box<HttpSession> {
    Box::new(HttpSession::new_custom(Box::new(())))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Due {
    FirstByte,
    Idle,
    Total,
    Abandoned,
    KeepAlive,
}

impl Drop for Replay {
    fn drop(&mut self) {
        *self.slot.lock() = Some(std::mem::replace(&mut self.inner, inert()));
    }
}

#[async_trait]
impl CustomSession for Replay {
    fn req_header(&self) -> &RequestHeader {
        self.inner.req_header()
    }

    fn req_header_mut(&mut self) -> &mut RequestHeader {
        self.inner.req_header_mut()
    }

    async fn read_body_bytes(&mut self) -> Result<Option<Bytes>> {
        self.read_body_or_idle(false).await
    }

    async fn drain_request_body(&mut self) -> Result<()> {
        self.inner.drain_request_body().await
    }

    async fn write_response_header(&mut self, head: Box<ResponseHeader>, _end: bool) -> Result<()> {
        if self.commit(Some(&head)) {
            self.inner.set_keepalive(None);
        }
        self.inner.write_response_header(head).await
    }

    async fn write_response_header_ref(&mut self, head: &ResponseHeader, _end: bool) -> Result<()> {
        if self.commit(Some(head)) {
            self.inner.set_keepalive(None);
        }
        self.inner.write_response_header_ref(head).await
    }

    async fn write_body(&mut self, data: Bytes, end: bool) -> Result<()> {
        if let Some(tap) = &self.tap {
            tap.lock().push(&data);
        }
        self.inner.write_response_body(data, end).await
    }

    async fn write_trailers(&mut self, trailers: HeaderMap) -> Result<()> {
        self.inner.write_response_trailers(trailers).await
    }

    /// Every read of the vendor's answer comes by here after the filters, whatever they made of it.
    async fn response_duplex_vec(&mut self, tasks: Vec<HttpTask>) -> Result<bool> {
        if self.tunnel {
            self.commit(None);
            return self.inner.response_duplex_vec(tasks).await;
        }
        let pending = {
            let mut shared = self.shared.0.lock();
            shared.last_activity = Instant::now();
            shared.pending.take()
        };
        if let Some(work) = pending {
            let late = work.await;
            self.shared.0.lock().late.extend(late);
        }
        let mut out = Vec::with_capacity(tasks.len() + 1);
        let mut ended = false;
        for task in tasks {
            match task {
                HttpTask::Header(head, end) => {
                    if head.status.is_informational() {
                        continue;
                    }
                    let swallow = {
                        let mut shared = self.shared.0.lock();
                        // Whatever silence follows is one in the middle of an answer that has no body yet.
                        shared.answered |= end;
                        shared.swallow
                    };
                    if end && swallow {
                        return Err(Error::explain(EMPTY_ERROR, "an error without a body"));
                    }
                    self.held = Some(head);
                    if end {
                        self.shared.0.lock().length = None;
                        self.release_head(&mut out)?;
                        if let Some(HttpTask::Header(_, last)) = out.last_mut() {
                            *last = true;
                        }
                        ended = true;
                    }
                }
                HttpTask::Body(data, end) => {
                    // Also where the filters keep the bytes to themselves: the vendor has begun to answer.
                    self.shared.0.lock().answered = true;
                    let data = data.filter(|data| !data.is_empty());
                    if data.is_some() || end {
                        self.release_head(&mut out)?;
                        out.push(HttpTask::Body(data, end));
                        ended |= end;
                    }
                }
                HttpTask::UpgradedBody(data, end) => {
                    out.push(HttpTask::UpgradedBody(data, end));
                    ended |= end;
                }
                HttpTask::Trailer(trailers) => {
                    self.release_head(&mut out)?;
                    out.push(HttpTask::Trailer(trailers));
                    ended = true;
                }
                HttpTask::Done => {
                    self.release_head(&mut out)?;
                    out.push(HttpTask::Done);
                    ended = true;
                }
                HttpTask::Failed(error) => {
                    if !out.is_empty() && !self.shared.gone() {
                        self.note(&out);
                        let _ = self.inner.response_duplex_vec(out).await;
                    }
                    return Err(error);
                }
            }
        }
        if self.shared.gone() {
            return Ok(ended);
        }
        if out.is_empty() {
            return Ok(false);
        }
        self.note(&out);
        crate::sites::squeeze::whole_answer(self.inner.req_header(), &self.compression, &mut out);
        match self.inner.response_duplex_vec(out).await {
            Ok(done) => Ok(done || ended),
            Err(error) if self.leave() => {
                log::debug!("the caller left while the answer was written: {error}");
                Ok(ended)
            }
            Err(error) => Err(Error::because(CLIENT_GONE, "the caller left", error)),
        }
    }

    fn set_read_timeout(&mut self, timeout: Option<Duration>) {
        self.inner.set_read_timeout(timeout)
    }

    fn get_read_timeout(&self) -> Option<Duration> {
        self.inner.get_read_timeout()
    }

    fn set_write_timeout(&mut self, timeout: Option<Duration>) {
        self.inner.set_write_timeout(timeout)
    }

    fn get_write_timeout(&self) -> Option<Duration> {
        self.inner.get_write_timeout()
    }

    fn set_total_drain_timeout(&mut self, timeout: Option<Duration>) {
        self.inner.set_total_drain_timeout(timeout)
    }

    fn get_total_drain_timeout(&self) -> Option<Duration> {
        self.inner.get_total_drain_timeout()
    }

    fn request_summary(&self) -> String {
        self.inner.request_summary()
    }

    fn response_written(&self) -> Option<&ResponseHeader> {
        self.inner.response_written()
    }

    async fn shutdown(&mut self, _code: u32, _context: &str) {
        self.inner.shutdown().await
    }

    fn is_body_done(&mut self) -> bool {
        if self.tunnel {
            return self.inner.response_written().is_some() && self.inner.is_body_done();
        }
        self.shared.0.lock().left == 0
    }

    async fn finish(&mut self) -> Result<()> {
        if self.shared.gone() {
            return Err(Error::explain(CLIENT_GONE, "the caller left"));
        }
        self.inner.finish_body().await
    }

    fn is_body_empty(&mut self) -> bool {
        self.shared.0.lock().total == 0
    }

    async fn read_body_or_idle(&mut self, no_body_expected: bool) -> Result<Option<Bytes>> {
        if self.tunnel {
            return self.inner.read_body_or_idle(!self.inner.was_upgraded()).await;
        }
        if !no_body_expected {
            let mut shared = self.shared.0.lock();
            if let Some(chunk) = shared.next_chunk() {
                return Ok(Some(chunk));
            }
        }
        self.idle().await
    }

    fn body_bytes_sent(&self) -> usize {
        self.inner.body_bytes_sent()
    }

    fn body_bytes_read(&self) -> usize {
        self.inner.body_bytes_read()
    }

    fn digest(&self) -> Option<&Digest> {
        self.inner.digest()
    }

    fn digest_mut(&mut self) -> Option<&mut Digest> {
        self.inner.digest_mut()
    }

    fn client_addr(&self) -> Option<&SocketAddr> {
        self.inner.client_addr()
    }

    fn server_addr(&self) -> Option<&SocketAddr> {
        self.inner.server_addr()
    }

    fn pseudo_raw_h1_request_header(&self) -> Bytes {
        self.inner.to_h1_raw()
    }

    fn enable_retry_buffering(&mut self) {}

    fn retry_buffer_truncated(&self) -> bool {
        false
    }

    /// Nothing yet, which is not an end: see [`Replay::install_tunnel`].
    fn get_retry_buffer(&self) -> Option<Bytes> {
        self.tunnel.then(Bytes::new)
    }

    fn is_upgrade_req(&self) -> bool {
        self.tunnel && self.inner.is_upgrade_req()
    }

    fn was_upgraded(&self) -> bool {
        self.tunnel && self.inner.was_upgraded()
    }

    async fn finish_custom(&mut self) -> Result<()> {
        Ok(())
    }

    fn take_custom_message_reader(
        &mut self,
    ) -> Option<Box<dyn Stream<Item = Result<Bytes>> + Unpin + Send + Sync + 'static>> {
        None
    }

    fn restore_custom_message_reader(
        &mut self,
        _reader: Box<dyn Stream<Item = Result<Bytes>> + Unpin + Send + Sync + 'static>,
    ) -> Result<()> {
        Ok(())
    }

    fn take_custom_message_writer(&mut self) -> Option<Box<dyn CustomMessageWrite>> {
        None
    }

    fn restore_custom_message_writer(&mut self, _writer: Box<dyn CustomMessageWrite>) -> Result<()> {
        Ok(())
    }
}

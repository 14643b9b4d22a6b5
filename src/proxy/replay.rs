//! The replay session: a seat between Pingora and the caller's connection.
//!
//! It serves the request body from memory, re-windable and another one for every attempt; holds the head of
//! the answer until there is a byte worth sending, so that failover stays possible; keeps the timers Pingora
//! lacks (first byte, idle, total); writes keep-alives while a model thinks; and goes on reading the vendor
//! for a while when the caller has left. This is the only module that touches Pingora's doc-hidden
//! `custom::server::Session`: the version is pinned, and `tests/edge.rs` is its regression suite (ADR 1).

use async_trait::async_trait;
use bytes::Bytes;
use futures::Stream;
use futures::future::BoxFuture;
use http::HeaderMap;
use magic_wire::peek::Rope;
use parking_lot::Mutex;
use pingora_core::protocols::http::HttpTask;
use pingora_core::protocols::http::custom::CustomMessageWrite;
use pingora_core::protocols::http::custom::server::Session as CustomSession;
use pingora_core::protocols::http::server::Session as HttpSession;
use pingora_core::protocols::{Digest, l4::socket::SocketAddr};
use pingora_error::{Error, ErrorType, Result};
use pingora_http::{RequestHeader, ResponseHeader};
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How much of a body is handed to Pingora at a time. Small enough that an early answer of the vendor is
/// seen while a large body is still going out.
const CHUNK: usize = 64 * 1024;

/// Raised when the vendor sent nothing of the answer's body in time.
pub const FIRST_BYTE_TIMEOUT: ErrorType = ErrorType::Custom("FirstByteTimeout");
/// Raised when the vendor fell silent in the middle of an answer.
pub const IDLE_TIMEOUT: ErrorType = ErrorType::Custom("IdleTimeout");
/// Raised when the whole call took too long.
pub const TOTAL_TIMEOUT: ErrorType = ErrorType::Custom("TotalTimeout");
/// Raised when the caller left and nobody waits for the rest of the answer (any more).
pub const CLIENT_GONE: ErrorType = ErrorType::Custom("ClientGone");
/// Raised for an answer without a body that the verdict wants to replace by another channel's.
pub const EMPTY_ERROR: ErrorType = ErrorType::Custom("EmptyErrorAnswer");

/// The timers of a call.
#[derive(Debug, Clone, Copy)]
pub struct Timers {
    pub first_byte: Duration,
    pub idle: Duration,
    pub total: Duration,
    /// Between keep-alives to a caller who waits for a stream.
    pub keepalive: Duration,
    /// How long an answer nobody reads is followed, to learn its usage.
    pub abandoned: Duration,
}

/// Leave to go on reading an answer nobody waits for; given back when it is dropped.
pub type Permit = Box<dyn Send + Sync>;
type Follow = Box<dyn FnOnce() -> Option<Permit> + Send + Sync>;

/// State shared by the seat and the request's context. The lock is held for field accesses only.
pub struct Shared {
    body: Vec<Bytes>,
    /// Index of the part and offset in it that are sent next.
    at: (usize, usize),
    left: usize,
    total: usize,
    timers: Timers,
    started: Instant,
    attempt_started: Instant,
    last_activity: Instant,
    /// A byte of the answer's body has arrived in this attempt.
    pub answered: bool,
    /// The answer's head is on its way to the caller: no other channel can be tried.
    pub committed: bool,
    /// The caller has left.
    pub gone: Option<Instant>,
    /// Whether an answer may be followed after its caller left; asked once, when that happens.
    follow: Option<Follow>,
    permit: Option<Permit>,
    /// Headers to add when the held head is let go.
    late: Vec<(&'static str, String)>,
    /// The exact length of the body, when all of it is at hand.
    length: Option<usize>,
    /// Work to finish before the next bytes leave (counting tokens, waiting for the disk).
    pending: Option<BoxFuture<'static, Late>>,
    /// The answer is an error that the verdict swallows.
    pub swallow: bool,
    /// A comment that keeps a waiting caller's connection open; `None`: not a stream.
    keepalive: Option<&'static [u8]>,
    /// The connection ends with this answer, and its head shall say so.
    closing: bool,
}

/// What pending work adds to the held head.
pub type Late = Vec<(&'static str, String)>;

/// The context's end of the seat.
#[derive(Clone)]
pub struct Handle(Arc<Mutex<Shared>>);

impl Handle {
    pub fn new(timers: Timers) -> Self {
        let now = Instant::now();
        Handle(Arc::new(Mutex::new(Shared {
            body: Vec::new(),
            at: (0, 0),
            left: 0,
            total: 0,
            timers,
            started: now,
            attempt_started: now,
            last_activity: now,
            answered: false,
            committed: false,
            gone: None,
            follow: None,
            permit: None,
            late: Vec::new(),
            length: None,
            pending: None,
            swallow: false,
            keepalive: None,
            closing: false,
        })))
    }

    /// Puts the next attempt's body in place and starts its clocks.
    pub fn load(&self, rope: Rope, timers: Timers) {
        let mut shared = self.0.lock();
        shared.left = rope.len();
        shared.total = shared.left;
        shared.body = rope.into_parts();
        shared.at = (0, 0);
        shared.timers = timers;
        shared.attempt_started = Instant::now();
        shared.last_activity = shared.attempt_started;
        shared.answered = false;
        shared.swallow = false;
        shared.late.clear();
        shared.length = None;
        shared.pending = None;
    }

    /// Asked once when the caller leaves: a permit to go on reading, or nothing.
    pub fn on_gone(&self, follow: impl FnOnce() -> Option<Permit> + Send + Sync + 'static) {
        self.0.lock().follow = Some(Box::new(follow));
    }

    /// The answer is a stream: a waiting caller gets this comment now and then.
    pub fn keep_alive(&self, comment: &'static [u8]) {
        self.0.lock().keepalive = Some(comment);
    }

    /// The connection ends with the answer that is about to be written.
    pub fn close_after(&self) {
        self.0.lock().closing = true;
    }

    pub fn swallow(&self) {
        self.0.lock().swallow = true;
    }

    /// Adds a header to the held head.
    pub fn late_header(&self, name: &'static str, value: String) {
        self.0.lock().late.push((name, value));
    }

    /// The body of the answer is complete and that long.
    pub fn known_length(&self, length: usize) {
        self.0.lock().length = Some(length);
    }

    /// Work that must be done before the next bytes leave, after what is to be done already.
    pub fn before_next(&self, work: BoxFuture<'static, Late>) {
        let mut shared = self.0.lock();
        shared.pending = Some(match shared.pending.take() {
            None => work,
            Some(first) => Box::pin(async move {
                let mut late = first.await;
                late.extend(work.await);
                late
            }),
        });
    }

    /// Length of the body of the attempt under way.
    pub fn body_len(&self) -> usize {
        self.0.lock().total
    }

    pub fn committed(&self) -> bool {
        self.0.lock().committed
    }

    pub fn gone(&self) -> bool {
        self.0.lock().gone.is_some()
    }

    pub fn answered(&self) -> bool {
        self.0.lock().answered
    }
}

/// Where the real session goes back to when the seat is dropped.
pub type Slot = Arc<Mutex<Option<Box<HttpSession>>>>;

/// The seat itself.
pub struct Replay {
    inner: Box<HttpSession>,
    shared: Handle,
    slot: Slot,
    held: Option<Box<ResponseHeader>>,
    /// Rings at the instant beside it. Pingora's timers, not the runtime's: one of those per call costs two
    /// system calls, these cost none and are exact to 10 ms.
    alarm: Option<(Instant, Alarm)>,
    last_keepalive: Instant,
}

type Alarm = Pin<Box<dyn Future<Output = ()> + Send + Sync>>;

impl Replay {
    /// The caller's head is about to be written; whether its connection ends with this answer.
    fn commit(&mut self) -> bool {
        self.held = None;
        let mut shared = self.shared.0.lock();
        shared.committed = true;
        shared.closing
    }

    /// Takes the session's place. [`restore`] puts it back.
    pub fn install(session: &mut Box<HttpSession>, shared: Handle) -> Slot {
        let slot: Slot = Arc::default();
        let inner = std::mem::replace(session, inert());
        let now = Instant::now();
        let seat = Replay { inner, shared, slot: slot.clone(), held: None, alarm: None, last_keepalive: now };
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
        self.inner.response_duplex_vec(tasks).await.map(|_| ())
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
        if self.commit() {
            self.inner.set_keepalive(None);
        }
        self.inner.write_response_header(head).await
    }

    async fn write_response_header_ref(&mut self, head: &ResponseHeader, _end: bool) -> Result<()> {
        if self.commit() {
            self.inner.set_keepalive(None);
        }
        self.inner.write_response_header_ref(head).await
    }

    async fn write_body(&mut self, data: Bytes, end: bool) -> Result<()> {
        self.inner.write_response_body(data, end).await
    }

    async fn write_trailers(&mut self, trailers: HeaderMap) -> Result<()> {
        self.inner.write_response_trailers(trailers).await
    }

    /// Every read of the vendor's answer comes by here after the filters, whatever they made of it.
    async fn response_duplex_vec(&mut self, tasks: Vec<HttpTask>) -> Result<bool> {
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

    fn get_retry_buffer(&self) -> Option<Bytes> {
        None
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

impl Shared {
    fn next_chunk(&mut self) -> Option<Bytes> {
        loop {
            let (index, offset) = self.at;
            let part = self.body.get(index)?;
            if offset >= part.len() {
                self.at = (index + 1, 0);
                continue;
            }
            let end = (offset + CHUNK).min(part.len());
            self.at = (index, end);
            self.left -= end - offset;
            return Some(part.slice(offset..end));
        }
    }
}

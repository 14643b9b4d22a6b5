//! Bodies of calls on their way to be kept: what the caller sent, and what went out to them. Taken in memory, bounded,
//! and handed to a background job; a call never waits for any of it. Where there is no room, or the job is behind,
//! the capture is dropped and counted, never the call.

use super::admit::Caller;
use super::context::Ctx;
use super::intake::Intake;
use crate::gateway::Gateway;
use bytes::Bytes;
use magic_domain::ids::{RequestId, TokenId, UserId};
use parking_lot::Mutex;
use pingora_http::ResponseHeader;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Bytes of all captures in memory.
const ROOM: usize = 64 << 20;
/// Room is taken in such steps while an answer grows.
const STEP: usize = 16 << 10;
/// Captures that may wait to be written.
const WAITING: usize = 1024;

/// Where captures wait to be written.
pub struct Queue {
    sender: Sender<Taken>,
    room: Arc<Semaphore>,
    waiting: Arc<AtomicUsize>,
    /// When a loss was told of last, in Unix seconds.
    told: AtomicI64,
}

impl Queue {
    pub fn new() -> (Queue, Receiver<Taken>) {
        let (sender, receiver) = channel(WAITING);
        let room = Arc::new(Semaphore::new(ROOM));
        (Queue { sender, room, waiting: Arc::default(), told: AtomicI64::default() }, receiver)
    }

    /// Captures that are not written yet, that under way included.
    pub fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Acquire)
    }

    /// Puts a capture in the queue; false: it is full.
    fn offer(&self, taken: Taken) -> bool {
        self.sender.try_send(taken).is_ok()
    }

    /// A capture is kept, or lost, which is told of once a minute.
    pub fn count(&self, gateway: &Gateway, lost: Option<&str>) {
        gateway.metrics.capture(lost.is_none());
        let Some(why) = lost else { return };
        let now = chrono::Utc::now().timestamp();
        let told = self.told.fetch_max(now, Ordering::AcqRel);
        if now - told >= 60 {
            log::warn!("bodies of calls are not kept, the calls go on: {why}");
        } else {
            // Sixty seconds from the line, not from the last loss.
            self.told.store(told, Ordering::Release);
        }
    }
}

/// Bytes of a body, up to a limit.
pub struct Part {
    pub bytes: Bytes,
    /// How long the body was.
    pub total: u64,
}

impl Part {
    pub fn truncated(&self) -> bool {
        (self.bytes.len() as u64) < self.total
    }
}

/// A capture that waits to be written.
pub struct Taken {
    pub id: RequestId,
    pub user: UserId,
    pub token: TokenId,
    pub at: i64,
    /// The types of the two bodies.
    pub types: [String; 2],
    pub request: Part,
    pub answer: Part,
    _room: Vec<OwnedSemaphorePermit>,
    _waits: Waits,
}

/// Counts a capture among those that wait, as long as it lives.
struct Waits(Arc<AtomicUsize>);

impl Waits {
    fn new(count: &Arc<AtomicUsize>) -> Waits {
        count.fetch_add(1, Ordering::AcqRel);
        Waits(count.clone())
    }
}

impl Drop for Waits {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

/// A call's bodies while it runs.
pub struct Capture {
    user: UserId,
    token: TokenId,
    content_type: String,
    request: Part,
    room: Option<OwnedSemaphorePermit>,
    answer: Tap,
}

/// Takes what goes out to the caller.
pub type Tap = Arc<Mutex<Answer>>;

/// What has gone out so far.
pub struct Answer {
    content_type: String,
    bytes: Vec<u8>,
    total: u64,
    most: usize,
    room: Arc<Semaphore>,
    taken: Vec<OwnedSemaphorePermit>,
    covered: usize,
    lost: bool,
}

impl Answer {
    fn new(most: usize, room: Arc<Semaphore>) -> Answer {
        let (content_type, bytes, taken) = Default::default();
        Answer { content_type, bytes, total: 0, most, room, taken, covered: 0, lost: false }
    }

    /// A head of the answer: the last one stands.
    pub fn head(&mut self, head: &ResponseHeader) {
        let content_type = head.headers.get("content-type").and_then(|value| value.to_str().ok());
        content_type.unwrap_or_default().clone_into(&mut self.content_type);
    }

    pub fn push(&mut self, data: &[u8]) {
        self.total += data.len() as u64;
        let part = &data[..data.len().min(self.most - self.bytes.len().min(self.most))];
        let needed = self.bytes.len() + part.len();
        if self.lost || part.is_empty() {
            return;
        }
        if needed > self.covered {
            let step = (needed - self.covered).max(STEP);
            let Some(permit) = take(&self.room, step) else {
                (self.lost, self.bytes) = (true, Vec::new());
                return self.taken.clear();
            };
            match self.taken.first_mut() {
                Some(first) => first.merge(permit),
                None => self.taken.push(permit),
            }
            self.covered += step;
        }
        self.bytes.extend_from_slice(part);
    }
}

fn take(room: &Arc<Semaphore>, bytes: usize) -> Option<OwnedSemaphorePermit> {
    room.clone().try_acquire_many_owned(u32::try_from(bytes).ok()?).ok()
}

/// Begins to capture a call, if both the operator and the token's owner want it.
pub fn begin(gateway: &Gateway, caller: &Caller, intake: &Intake) -> Option<Box<Capture>> {
    if !caller.token.capture {
        return None;
    }
    let most = gateway.routing.load().table.hot.capture_bytes;
    (most > 0).then(|| Box::new(Capture::new(&gateway.captures.room, most, caller, intake)))
}

impl Capture {
    pub fn tap(&self) -> Tap {
        self.answer.clone()
    }

    fn new(room: &Arc<Semaphore>, most: usize, caller: &Caller, intake: &Intake) -> Capture {
        let body = &intake.body;
        let kept = body.len().min(most);
        let permit = take(room, kept);
        let bytes = match (&permit, kept < body.len()) {
            (None, _) => Bytes::new(),
            // Not a part of a large body that would be held as long as the part.
            (Some(_), true) => Bytes::copy_from_slice(&body[..kept]),
            (Some(_), false) => body.clone(),
        };
        let answer = Answer { lost: permit.is_none(), ..Answer::new(most, room.clone()) };
        Capture {
            user: caller.user.id,
            token: caller.token.id,
            content_type: intake.content_type.clone(),
            request: Part { bytes, total: body.len() as u64 },
            room: permit,
            answer: Arc::new(Mutex::new(answer)),
        }
    }
}

/// The call is over: its capture goes to be written.
pub fn finish(ctx: &mut Ctx) {
    let Some(call) = ctx.call.as_deref_mut() else { return };
    let Some(capture) = call.capture.take() else { return };
    let queue = &ctx.gateway.captures;
    let Capture { user, token, content_type, request, room, answer } = *capture;
    let answer = {
        let mut shared = answer.lock();
        // The seat has its end still, and nothing more to say.
        let (most, room) = (0, shared.room.clone());
        std::mem::replace(&mut *shared, Answer::new(most, room))
    };
    if answer.lost {
        return queue.count(&ctx.gateway, Some("there is no room for more of them in memory"));
    }
    let mut taken = answer.taken;
    taken.extend(room);
    let taken = Taken {
        id: ctx.id,
        user,
        token,
        at: call.ticket.opening.at_ms / 1000,
        types: [content_type, answer.content_type],
        request,
        answer: Part { bytes: Bytes::from(answer.bytes), total: answer.total },
        _room: taken,
        _waits: Waits::new(&queue.waiting),
    };
    if !queue.offer(taken) {
        queue.count(&ctx.gateway, Some("too many of them wait to be written"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(queue: &Queue) -> Taken {
        let part = || Part { bytes: Bytes::new(), total: 0 };
        Taken {
            id: RequestId(1),
            user: UserId(1),
            token: TokenId(1),
            at: 0,
            types: Default::default(),
            request: part(),
            answer: part(),
            _room: Vec::new(),
            _waits: Waits::new(&queue.waiting),
        }
    }

    #[test]
    fn a_full_queue_takes_no_more_and_keeps_nobody_waiting() {
        let (queue, mut receiver) = Queue::new();
        for _ in 0..WAITING {
            assert!(queue.offer(taken(&queue)));
        }
        assert!(!queue.offer(taken(&queue)));
        assert_eq!(queue.waiting(), WAITING);
        drop(receiver.try_recv());
        assert_eq!(queue.waiting(), WAITING - 1);
        assert!(queue.offer(taken(&queue)));
    }

    #[test]
    fn an_answer_takes_room_as_it_grows_up_to_its_limit() {
        let room = Arc::new(Semaphore::new(3 * STEP));
        let mut one = Answer::new(2 * STEP, room.clone());
        assert_eq!(room.available_permits(), 3 * STEP, "nothing is taken before there is anything");
        one.push(b"begin");
        assert_eq!(room.available_permits(), 2 * STEP);
        one.push(&vec![b'x'; 5 * STEP]);
        assert_eq!((one.bytes.len(), one.total), (2 * STEP, 5 + 5 * STEP as u64));
        let left = room.available_permits();
        assert!(left <= STEP, "{left}");
        // Another has no room: it is lost as a whole, and gives back what it had.
        let mut other = Answer::new(8 * STEP, room.clone());
        other.push(b"a");
        other.push(&vec![b'y'; 4 * STEP]);
        assert!(other.lost && other.bytes.is_empty());
        assert_eq!(room.available_permits(), left);
        drop(one);
        assert_eq!(room.available_permits(), 3 * STEP);
    }
}

//! Places for calls. While there are any, taking one costs an addition; when there are none, callers wait a moment, and
//! who has waited is let in by turns of users: nobody's crowd keeps others out.

use magic_domain::ids::UserId;
use parking_lot::Mutex;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::oneshot;

/// Callers that may wait at once.
const WAITING_MAX: usize = 256;
/// How long.
const PATIENCE: Duration = Duration::from_secs(1);

/// See the module's text.
pub struct Queue {
    most: AtomicUsize,
    taken: AtomicUsize,
    /// How many wait: read without the lock by those who need not.
    waiting: AtomicUsize,
    turns: Mutex<Turns>,
}

#[derive(Default)]
struct Turns {
    /// Users with somebody waiting, in the order of their turns.
    users: VecDeque<UserId>,
    callers: HashMap<UserId, VecDeque<oneshot::Sender<()>>>,
}

/// A call's place; the next one's when this is dropped.
pub struct Seat(Arc<Queue>);

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.release();
    }
}

impl Queue {
    pub fn new(most: usize) -> Arc<Queue> {
        Arc::new(Queue {
            most: AtomicUsize::new(most),
            taken: AtomicUsize::new(0),
            waiting: AtomicUsize::new(0),
            turns: Mutex::default(),
        })
    }

    /// Changes how many places there are; calls under way keep theirs.
    pub fn resize(&self, most: usize) {
        self.most.store(most, Ordering::Release);
    }

    /// How many wait.
    pub fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    /// A place for a user's call. `None`: there was none in time.
    pub async fn take(self: &Arc<Self>, user: UserId) -> Option<Seat> {
        if self.waiting.load(Ordering::Acquire) == 0 && self.try_take() {
            return Some(Seat(self.clone()));
        }
        let turn = {
            let mut turns = self.turns.lock();
            if self.waiting.load(Ordering::Acquire) >= WAITING_MAX {
                return None;
            }
            let (tell, turn) = oneshot::channel();
            self.waiting.fetch_add(1, Ordering::AcqRel);
            let callers = turns.callers.entry(user).or_default();
            let first = callers.is_empty();
            callers.push_back(tell);
            if first {
                turns.users.push_back(user);
            }
            turn
        };
        // A place may have become free before we stood in the line.
        self.hand_on();
        match tokio::time::timeout(PATIENCE, turn).await {
            Ok(Ok(())) => Some(Seat(self.clone())),
            // Whoever hands a place on finds that nobody is here, and goes on to the next.
            _ => None,
        }
    }

    fn try_take(&self) -> bool {
        let most = self.most.load(Ordering::Acquire);
        let taken = |taken: usize| (taken < most).then_some(taken + 1);
        self.taken.fetch_update(Ordering::AcqRel, Ordering::Acquire, taken).is_ok()
    }

    fn release(&self) {
        self.taken.fetch_sub(1, Ordering::AcqRel);
        if self.waiting.load(Ordering::Acquire) > 0 {
            self.hand_on();
        }
    }

    /// Gives free places to those who wait, one user after the other.
    fn hand_on(&self) {
        let mut turns = self.turns.lock();
        while !turns.users.is_empty() && self.try_take() {
            let mut given = false;
            while !given {
                let Some(tell) = turns.next() else { break };
                self.waiting.fetch_sub(1, Ordering::AcqRel);
                // Who has given up in the meantime takes nothing.
                given = tell.send(()).is_ok();
            }
            if !given {
                self.taken.fetch_sub(1, Ordering::AcqRel);
            }
        }
    }
}

impl Turns {
    fn next(&mut self) -> Option<oneshot::Sender<()>> {
        let user = self.users.pop_front()?;
        let callers = self.callers.get_mut(&user)?;
        let next = callers.pop_front();
        match callers.is_empty() {
            true => drop(self.callers.remove(&user)),
            false => self.users.push_back(user),
        }
        next
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn who_waits_is_let_in_by_turns() {
        let queue = Queue::new(1);
        let held = queue.take(UserId(9)).await.unwrap();
        let order = Arc::new(Mutex::new(Vec::new()));
        let mut tasks = Vec::new();
        // A crowd of one user, and then one call of another.
        for user in [1, 1, 1, 1, 2] {
            let (queue, order) = (queue.clone(), order.clone());
            tasks.push(tokio::spawn(async move {
                let seat = queue.take(UserId(user)).await;
                order.lock().push(user);
                drop(seat);
            }));
            tokio::task::yield_now().await;
        }
        assert_eq!(queue.waiting(), 5);
        drop(held);
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(*order.lock(), [1, 2, 1, 1, 1]);
        assert_eq!((queue.waiting(), queue.taken.load(Ordering::Relaxed)), (0, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_for_ever_and_no_place_is_lost() {
        let queue = Queue::new(2);
        let held = [queue.take(UserId(1)).await.unwrap(), queue.take(UserId(1)).await.unwrap()];
        assert!(queue.take(UserId(2)).await.is_none(), "a second is enough");
        drop(held);
        assert_eq!(queue.taken.load(Ordering::Relaxed), 0);
        assert!(queue.take(UserId(2)).await.is_some());
        assert_eq!(queue.waiting(), 0);
        queue.resize(0);
        assert!(queue.take(UserId(2)).await.is_none());
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn there_are_never_more_than_there_may_be() {
        let queue = Queue::new(3);
        let (now, peak, served) =
            (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let tasks: Vec<_> = (0..200)
            .map(|n| {
                let (queue, now, peak, served) = (queue.clone(), now.clone(), peak.clone(), served.clone());
                tokio::spawn(async move {
                    let Some(_seat) = queue.take(UserId(n % 7)).await else { return };
                    peak.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    tokio::task::yield_now().await;
                    now.fetch_sub(1, Ordering::SeqCst);
                    served.fetch_add(1, Ordering::SeqCst);
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        assert!(peak.load(Ordering::SeqCst) <= 3);
        assert_eq!((served.load(Ordering::SeqCst), queue.taken.load(Ordering::SeqCst)), (200, 0));
    }
}

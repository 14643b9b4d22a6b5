//! Content of larger files in memory. Slow callers may hold on to what has been forgotten here: what all of them hold
//! counts, and when it is too much the next file is read piece by piece.

use bytes::Bytes;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Bytes that may be held, and that are.
pub struct Lender {
    held: AtomicUsize,
    most: usize,
}

impl Lender {
    pub fn new(most: usize) -> Arc<Lender> {
        Arc::new(Lender { held: AtomicUsize::new(0), most })
    }

    /// Room for so many bytes, unless too many are held already.
    pub fn room(self: &Arc<Self>, bytes: usize) -> Option<Room> {
        let taken = self.held.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |held| {
            held.checked_add(bytes).filter(|held| *held <= self.most)
        });
        taken.ok().map(|_| Room { lender: self.clone(), bytes })
    }
}

/// Given back when the last copy of what fills it is gone.
pub struct Room {
    lender: Arc<Lender>,
    bytes: usize,
}

impl Room {
    pub fn fill(self, content: Vec<u8>) -> Bytes {
        Bytes::from_owner(Filled { content, _room: self })
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.lender.held.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

struct Filled {
    content: Vec<u8>,
    _room: Room,
}

impl AsRef<[u8]> for Filled {
    fn as_ref(&self) -> &[u8] {
        &self.content
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_counts_until_the_last_copy_is_gone() {
        let lender = Lender::new(100);
        let content = lender.room(60).unwrap().fill(vec![b'x'; 60]);
        let part = content.slice(10..20);
        assert!(lender.room(41).is_none());
        drop(content);
        assert!(lender.room(41).is_none(), "a part of it is held");
        drop(part);
        assert!(lender.room(100).is_some());
        assert!(lender.room(usize::MAX).is_none());
    }
}

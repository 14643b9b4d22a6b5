//! What is known of a folder's files, by the path that callers ask with. Reading it takes a shared lock for the
//! time of a look-up; both its entries and their bytes are bounded.

use super::look::Found;
use parking_lot::RwLock;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// Milliseconds until a file is looked at again.
const FRESH_MS: u64 = 1000;
/// Paths that are remembered: large files among them hold a descriptor.
const ENTRIES_MAX: usize = 1024;

pub struct Memory {
    known: RwLock<Known>,
    born: Instant,
    bytes_max: usize,
}

#[derive(Default)]
struct Known {
    slots: HashMap<Box<str>, Slot>,
    bytes: usize,
}

struct Slot {
    found: Arc<Found>,
    /// When it was last looked at, and last asked for, in milliseconds of [`Memory::born`].
    looked: AtomicU64,
    used: AtomicU64,
}

impl Memory {
    pub fn new(bytes_max: usize) -> Memory {
        Memory { known: RwLock::default(), born: Instant::now(), bytes_max }
    }

    fn ms(&self, now: Instant) -> u64 {
        now.saturating_duration_since(self.born).as_millis() as u64
    }

    /// What is known and fresh. Of many who find it stale one is told so, and looks; the others make do.
    pub fn get(&self, path: &str, now: Instant) -> Option<Arc<Found>> {
        let now = self.ms(now);
        let known = self.known.read();
        let slot = known.slots.get(path)?;
        slot.used.store(now, Ordering::Relaxed);
        let looked = slot.looked.load(Ordering::Relaxed);
        if now >= looked + FRESH_MS
            && slot.looked.compare_exchange(looked, now, Ordering::Relaxed, Ordering::Relaxed).is_ok()
        {
            return None;
        }
        Some(slot.found.clone())
    }

    /// What is known, fresh or not.
    pub fn peek(&self, path: &str) -> Option<Arc<Found>> {
        Some(self.known.read().slots.get(path)?.found.clone())
    }

    pub fn forget(&self, path: &str) {
        let mut known = self.known.write();
        if let Some(slot) = known.slots.remove(path) {
            known.bytes -= slot.found.bytes();
        }
    }

    pub fn put(&self, path: &str, found: Arc<Found>, now: Instant) -> Arc<Found> {
        let (now, bytes) = (self.ms(now), found.bytes());
        if bytes > self.bytes_max {
            return found;
        }
        let mut known = self.known.write();
        let slot = Slot { found: found.clone(), looked: AtomicU64::new(now), used: AtomicU64::new(now) };
        if let Some(old) = known.slots.insert(path.into(), slot) {
            known.bytes -= old.found.bytes();
        }
        known.bytes += bytes;
        if known.slots.len() > ENTRIES_MAX || known.bytes > self.bytes_max {
            known.shrink(self.bytes_max);
        }
        found
    }
}

impl Known {
    /// Drops what has not been asked for the longest, until a quarter is free.
    fn shrink(&mut self, bytes_max: usize) {
        let mut ages: Vec<(u64, Box<str>)> =
            self.slots.iter().map(|(path, slot)| (slot.used.load(Ordering::Relaxed), path.clone())).collect();
        ages.sort_unstable();
        for (_, path) in ages {
            if self.slots.len() <= ENTRIES_MAX / 4 * 3 && self.bytes <= bytes_max / 4 * 3 {
                return;
            }
            if let Some(slot) = self.slots.remove(&path) {
                self.bytes -= slot.found.bytes();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::look::tests::small;
    use super::*;
    use std::time::Duration;

    #[test]
    fn bytes_and_entries_are_bounded() {
        let memory = Memory::new(10_000);
        let start = Instant::now();
        for n in 0..5_000u64 {
            memory.put(&format!("/{n}"), small(100), start + Duration::from_millis(n / 10));
            let known = memory.known.read();
            assert!(known.bytes <= 10_000 + 100 && known.slots.len() <= ENTRIES_MAX + 1);
            assert_eq!(known.bytes, known.slots.values().map(|slot| slot.found.bytes()).sum::<usize>());
        }
        assert!(memory.get("/4999", start).is_some());
        assert!(memory.get("/0", start).is_none());
        memory.put("/large", small(20_000), start);
        assert!(memory.peek("/large").is_none());
    }

    #[test]
    fn one_of_many_looks_again() {
        let memory = Memory::new(10_000);
        let start = Instant::now();
        memory.put("/a", small(1), start);
        assert!(memory.get("/a", start + Duration::from_millis(900)).is_some());
        let later = start + Duration::from_millis(1_100);
        assert!(memory.get("/a", later).is_none());
        assert!(memory.get("/a", later).is_some());
        memory.forget("/a");
        assert!(memory.get("/a", later).is_none());
    }
}

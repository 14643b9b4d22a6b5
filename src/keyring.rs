//! The keys of a channel that has several: each rests by itself, the others go on.

use magic_domain::channel::{Channel, ChannelStatus};
use magic_domain::health::{Health, Outcome, Verdict};
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The enabled keys of a channel, taken in turn.
pub struct Keyring {
    keys: Vec<Keyed>,
    turn: AtomicUsize,
}

struct Keyed {
    /// The channel as it is with this key.
    channel: Arc<Channel>,
    health: Arc<Mutex<Health>>,
}

impl Keyring {
    /// A key that was on the ring before keeps its health.
    pub fn new(channel: &Channel, before: Option<&Keyring>) -> Keyring {
        let enabled = channel.keys.iter().filter(|key| key.status == ChannelStatus::Enabled);
        let keys = enabled.map(|key| {
            let known = before.into_iter().flat_map(|before| &before.keys);
            let known = known
                .into_iter()
                .find(|known| known.channel.key_id == key.id && known.channel.key == key.key);
            Keyed {
                channel: Arc::new(channel.with_key(key)),
                health: known.map(|known| known.health.clone()).unwrap_or_default(),
            }
        });
        let turn = before.map_or(0, |before| before.turn.load(Ordering::Relaxed));
        Keyring { keys: keys.collect(), turn: AtomicUsize::new(turn) }
    }

    /// The channel with the next key that can be tried. `force`: with the one that rests for the shortest time,
    /// where all do.
    pub fn next(&self, now_ms: u64, force: bool) -> Option<Arc<Channel>> {
        let count = self.keys.len();
        let start = self.turn.fetch_add(1, Ordering::Relaxed);
        let in_turn = (0..count).filter_map(|step| self.keys.get((start.wrapping_add(step)) % count));
        let ready = in_turn.into_iter().find(|keyed| keyed.health.lock().claim(now_ms));
        let soonest = || self.keys.iter().min_by_key(|keyed| rest(&keyed.health.lock(), now_ms));
        ready.or_else(|| if force { soonest() } else { None }).map(|keyed| keyed.channel.clone())
    }

    /// The channel with that key.
    pub fn with(&self, key_id: i64) -> Option<&Arc<Channel>> {
        self.find(key_id).map(|keyed| &keyed.channel)
    }

    fn find(&self, key_id: i64) -> Option<&Keyed> {
        self.keys.iter().find(|keyed| keyed.channel.key_id == key_id)
    }

    /// How the keys fare together: as the best of them.
    pub fn verdict(&self, now_ms: u64) -> (Verdict, Option<&'static str>) {
        let mut best = (Verdict::Ejected { for_ms: 60_000 }, Some("all of its keys are disabled"));
        let mut shortest = u64::MAX;
        for keyed in &self.keys {
            let health = keyed.health.lock();
            let rests = rest(&health, now_ms);
            if rests < shortest {
                (shortest, best) = (rests, (health.verdict(now_ms), health.reason()));
            }
        }
        best
    }

    /// How one key fares.
    pub fn key(&self, key_id: i64, now_ms: u64) -> Option<(Verdict, Option<&'static str>)> {
        let health = self.find(key_id)?.health.lock();
        Some((health.verdict(now_ms), health.reason()))
    }

    /// Records what came of a try with a key. True when it rests now.
    pub fn record(&self, key_id: i64, outcome: Outcome, now_ms: u64) -> bool {
        self.find(key_id).is_some_and(|keyed| keyed.health.lock().record(now_ms, outcome))
    }
}

/// Milliseconds until a key can be tried.
fn rest(health: &Health, now_ms: u64) -> u64 {
    match health.verdict(now_ms) {
        Verdict::Ready => 0,
        Verdict::Probe => 1,
        Verdict::Probing => 2,
        Verdict::Ejected { for_ms } => for_ms.max(3),
    }
}

//! Says in the database that this process lives, and how it fares.

use crate::jobs::duties;
use crate::jobs::post::Poster;
use crate::live::LiveGateway;
use magic_journal::Journal;
use magic_store::nodes::{Beat, NodeState};
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use tokio::sync::Mutex;

/// Between two beats.
const PAUSE: Duration = Duration::from_secs(5);
/// How long open calls get on a node that was declared lost.
const LEAVE: Duration = Duration::from_secs(60);
/// What the rate of calls is taken over.
const RATE: Duration = Duration::from_secs(10);

/// This process, as far as others want to know of it.
pub struct Node {
    /// The life of the process.
    pub id: String,
    /// Takes no duties.
    pub follower: bool,
    /// How long open calls get where the node has to end.
    pub drain: Duration,
    pub version: &'static str,
    pub journal: Arc<Journal>,
    pub poster: Poster,
    pub live: Arc<LiveGateway>,
}

/// The node's sign of life, until it is stopped.
pub struct Pulse {
    node: Node,
    name: String,
    began: Instant,
    /// What was counted when; `None` once it is stopped. Held while a beat is written, so that none comes after the end.
    samples: Mutex<Option<VecDeque<(Instant, u64)>>>,
}

impl Pulse {
    pub fn new(node: Node) -> Arc<Pulse> {
        let (name, began) = (host_name(), Instant::now());
        Arc::new(Pulse { node, name, began, samples: Mutex::new(Some(VecDeque::new())) })
    }

    /// Takes the node's row away; nothing is written after it.
    pub async fn stop(&self) {
        *self.samples.lock().await = None;
        // Without a database the row goes by itself, a day later.
        if let Err(error) = self.node.live.store().forget_node(&self.node.id).await {
            log::debug!("the node's row could not be taken away: {error}");
        }
    }

    /// One beat. False: stopped.
    async fn beat(&self) -> bool {
        let mut samples = self.samples.lock().await;
        let Some(samples) = samples.as_mut() else { return false };
        let gateway = self.node.live.gateway();
        let beat = Beat {
            id: self.node.id.clone(),
            name: self.name.clone(),
            version: self.node.version.to_owned(),
            uptime: i64::try_from(self.began.elapsed().as_secs()).unwrap_or_default(),
            data: NodeState {
                requests_per_second: rate(samples, Instant::now(), gateway.metrics.answered()),
                in_flight: gateway.in_flight.load(Ordering::Relaxed),
                journal_lag_bytes: self.node.journal.bytes_after(self.node.poster.posted()),
                rss_bytes: resident(),
                certificate_until: gateway.certificates.until(),
                in_force: self.node.live.in_force(),
                ending: gateway.draining.load(Ordering::Relaxed),
                on_duty: self.node.live.duties().mine(),
                redis_away: gateway.redis_away.load(Ordering::Relaxed),
            },
        };
        // Whether the database is there is told by the store, once for each change.
        let store = self.node.live.store();
        if let Err(error) = store.beat(beat).await {
            log::debug!("the node's row could not be written: {error}");
        }
        if !self.node.follower && !gateway.draining.load(Ordering::Relaxed) {
            self.serve().await;
        }
        true
    }

    /// Takes the duty that is for one node, or goes on with it.
    async fn serve(&self) {
        let (live, asked) = (&self.node.live, Instant::now());
        match live.store().hold_duty(duties::NAME, &self.node.id, duties::KEPT).await {
            Ok(held) => {
                if held && !live.duties().mine() {
                    log::info!("this node does what is done once for all");
                }
                live.duties().told(held, asked);
            }
            Err(error) => log::debug!("who has the duties is not known: {error}"),
        }
        if live.duties().mine()
            && let Err(error) = live.store().sweep_lost().await
        {
            log::debug!("leases of lost nodes could not be looked for: {error}");
        }
    }

    /// Others take this process for lost, and what it had set aside for spent. It must not go on with that: it takes
    /// no more calls, and ends when those that are open have. The next start posts its journal, which sets right what
    /// was charged too much.
    async fn leave(&self) {
        log::error!(
            "this node was declared lost while it was silent: it takes no more calls and ends; start it again, on the same \
             data directory, and its journal sets the books right"
        );
        let gateway = self.node.live.gateway();
        gateway.draining.store(true, Ordering::Release);
        gateway.wallets.freeze();
        let end = Instant::now() + self.node.drain.min(LEAVE);
        let open = || gateway.in_flight.load(Ordering::Acquire) > 0;
        let unposted = || !self.node.poster.has_posted(self.node.journal.position());
        while (open() || unposted()) && Instant::now() < end {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        std::process::exit(1);
    }
}

/// Until it is stopped.
pub async fn run(pulse: Arc<Pulse>) {
    let lost = pulse.node.live.lost();
    while pulse.beat().await {
        tokio::select! {
            () = tokio::time::sleep(PAUSE) => {}
            () = lost.notified() => pulse.leave().await,
        }
    }
}

/// Calls per second since the oldest sample that is within [`RATE`], or the one before it.
fn rate(samples: &mut VecDeque<(Instant, u64)>, now: Instant, count: u64) -> f64 {
    while samples.get(1).is_some_and(|(at, _)| now.duration_since(*at) >= RATE) {
        samples.pop_front();
    }
    let first = samples.front().copied();
    samples.push_back((now, count));
    first.map_or(0.0, |(at, before)| {
        let seconds = now.duration_since(at).as_secs_f64();
        if seconds > 0.0 { (count.saturating_sub(before)) as f64 / seconds } else { 0.0 }
    })
}

/// The machine's name, or what stands for one.
fn host_name() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").ok();
    let name = name.map(|name| name.trim().to_owned()).filter(|name| !name.is_empty());
    let name = name.or_else(|| std::env::var("HOSTNAME").ok()).unwrap_or_else(|| "unnamed".into());
    name.chars().filter(|letter| !letter.is_control()).take(100).collect()
}

/// Bytes of memory in use, as Linux tells; else 0.
pub(crate) fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok());
    kilobytes.unwrap_or(0).saturating_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_that_of_the_last_ten_seconds() {
        let (mut samples, start) = (VecDeque::new(), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(rate(&mut samples, at(0), 0), 0.0);
        assert_eq!(rate(&mut samples, at(5), 50), 10.0);
        assert_eq!(rate(&mut samples, at(10), 50), 5.0);
        assert_eq!(rate(&mut samples, at(15), 50), 0.0);
        assert!(samples.len() <= 4);
        assert!(resident() > 1 << 20 && !host_name().is_empty());
    }
}

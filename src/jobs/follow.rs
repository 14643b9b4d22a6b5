//! Follows what may change outside this process: the database (another node), the configuration file, SIGHUP.

use super::post::Poster;
use crate::limits::calendar;
use crate::live::LiveGateway;
use magic_admin::events::{Event, Events};
use magic_store::nodes::Watch;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant, SystemTime};
use tokio::signal::unix::{SignalKind, signal};

/// Revocations made on another node bite here within two of these.
const POLL: Duration = Duration::from_secs(1);

/// How often meters are looked through.
const SWEEP: Duration = Duration::from_secs(60);

/// The longest pause between two looks at what other nodes spend of budgets.
const SPENT_PAUSE_MAX: Duration = Duration::from_secs(5);

/// What a node of a fleet has set aside and not used for so long goes back.
const UNUSED: Duration = Duration::from_secs(10);

/// Between two times that pages are told of what other nodes change.
const TELL: Duration = Duration::from_secs(5);

/// Runs until the process ends.
pub async fn run(live: Arc<LiveGateway>, poster: Poster) {
    let alone = || live.gateway().alone.load(Ordering::Acquire);
    let mut hangup = match signal(SignalKind::hangup()) {
        Ok(hangup) => hangup,
        Err(error) => return log::error!("SIGHUP can't be awaited: {error}"),
    };
    let mut modified = live.file().as_deref().and_then(changed);
    let mut spent = Spent::default();
    let mut seen = live.store().version().await.unwrap_or(0);
    let mut loaded = Instant::now();
    live.put_in_force(seen);
    let mut heard = Heard { at: Instant::now(), others: false };
    let mut pages = Pages::default();
    loop {
        tokio::select! {
            _ = hangup.recv() => {
                crate::logging::reopen();
                log::info!("SIGHUP: the configuration is read again");
                reload(&live).await;
            }
            () = tokio::time::sleep(POLL) => {}
            () = live.store().heard() => {}
        }
        let now = live.file().as_deref().and_then(changed);
        if now != modified {
            modified = now;
            log::info!("the configuration file has changed");
            reload(&live).await;
        }
        spent.follow(&live, alone()).await;
        if !alone() {
            live.gateway().wallets.recall_idle(UNUSED).await;
        }
        // Also the pulse that tells whether the database is there.
        let posted = poster.batches();
        let Ok(Watch { version, resting, lost, nodes, batches }) = live.store().watch(live.node()).await
        else {
            heard.not(&live);
            continue;
        };
        heard = Heard { at: Instant::now(), others: nodes > 1 };
        poster.found(batches, posted);
        if live.gateway().resting.swap(resting, Ordering::Relaxed) != resting {
            log::info!(
                "{}",
                if resting { "drained: not ready for more, what comes is served" } else { "resumed: ready" }
            );
        }
        live.gateway().meters.among(nodes);
        live.gateway().events.share(nodes > 1);
        pages.tell(&live.gateway().events);
        if lost {
            live.declared_lost();
        }
        // What somebody has changed in the database by hand is not told by its version.
        let old = loaded.elapsed() >= live.sync();
        if version != seen || old {
            seen = version;
            loaded = Instant::now();
            pages.old = nodes > 1;
            if (!alone() || old)
                && let Err(error) = live.refresh().await
            {
                log::warn!("what changed on another node could not be loaded: {error}");
                seen = 0;
            } else {
                live.put_in_force(version);
            }
        }
        // What was changed meanwhile is loaded before calls are taken again.
        if seen == version && live.gateway().stale.swap(false, Ordering::Relaxed) {
            log::warn!("the database is heard of again: calls are taken");
        }
    }
}

/// Whether open pages may show what is no longer so.
#[derive(Default)]
struct Pages {
    old: bool,
    told: Option<Instant>,
}

impl Pages {
    fn tell(&mut self, events: &Events) {
        if self.old && self.told.is_none_or(|at| at.elapsed() >= TELL) {
            events.tell(Event::Elsewhere);
            (self.old, self.told) = (false, Some(Instant::now()));
        }
    }
}

/// When the database was heard of last, and whether other nodes may have changed something since.
struct Heard {
    at: Instant,
    others: bool,
}

impl Heard {
    /// F29: a key that was taken back elsewhere is good here for so long at most. A node that is alone knows better.
    fn not(&self, live: &LiveGateway) {
        let most = live.gateway().tuning.load().staleness;
        let stale = self.others && !most.is_zero() && self.at.elapsed() > most;
        if stale && !live.gateway().stale.swap(true, Ordering::Relaxed) {
            log::error!(
                "the database has not been heard of for {} s, and other nodes may have taken keys back: no call is taken",
                most.as_secs()
            );
        }
    }
}

/// Keeps up with what other nodes spend of budgets, and sweeps out meters that remember nothing.
#[derive(Default)]
struct Spent {
    read: Option<Instant>,
    swept: Option<Instant>,
    /// How long the last reading took.
    took: Duration,
}

impl Spent {
    async fn follow(&mut self, live: &LiveGateway, alone: bool) {
        if self.swept.is_none_or(|at| at.elapsed() > SWEEP) {
            self.swept = Some(Instant::now());
            live.gateway().meters.sweep(live.gateway().routing.now_ms(), calendar::today());
        }
        // The database is busy with this for a twentieth of the time at most, unless it has become so slow that
        // nodes would lose sight of each other.
        let pause = (self.took * 20).min(SPENT_PAUSE_MAX).min(live.sync());
        if alone || self.read.is_some_and(|at| at.elapsed() < pause) {
            return;
        }
        let began = Instant::now();
        if let Err(error) = live.load_spent().await {
            log::debug!("what other nodes have spent of budgets is not known: {error}");
        }
        (self.read, self.took) = (Some(Instant::now()), began.elapsed());
    }
}

fn changed(file: &Path) -> Option<SystemTime> {
    std::fs::metadata(file).and_then(|meta| meta.modified()).ok()
}

async fn reload(live: &LiveGateway) {
    match live.reload_settings().await {
        Ok(waiting) if waiting.is_empty() => log::info!("the configuration is in force"),
        Ok(waiting) => log::warn!("in force, but these need a restart: {}", waiting.join(", ")),
        Err(faults) => {
            log::error!("the configuration is refused, nothing has changed:");
            for fault in faults {
                log::error!("{fault}");
            }
        }
    }
}

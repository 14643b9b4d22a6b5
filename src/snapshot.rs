//! The routing table in force, joined with what is known of its channels right now: health, limits, retry
//! budgets. Swapped whole on a change; live state moves over to the next one.

use crate::keyring::Keyring;
use crate::limits::{Asking, Meter, Meters, RetryBudget, calendar};
use crate::prompts::Prompts;
use crate::proxy::way::Ways;
use arc_swap::ArcSwap;
use magic_domain::channel::Channel;
use magic_domain::endpoint::Endpoint;
use magic_domain::feature::{Feature, Features};
use magic_domain::health::{Health, Outcome, Verdict};
use magic_domain::ids::ChannelId;
use magic_domain::limits::{Day, Scope};
use magic_domain::select::Live;
use magic_domain::table::Table;
use magic_wire::chat::Dialect;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

/// What is known of one channel in this process.
#[derive(Default)]
pub struct ChannelState {
    pub health: Mutex<Health>,
    pub meter: Arc<Meter>,
}

/// One consistent view for the length of a request.
#[derive(Default)]
pub struct Snapshot {
    pub table: Arc<Table>,
    states: HashMap<ChannelId, Arc<ChannelState>>,
    keyrings: HashMap<ChannelId, Keyring>,
    budgets: HashMap<String, Arc<RetryBudget>>,
    pub ways: Ways,
    pub prompts: Arc<Prompts>,
}

impl Snapshot {
    pub fn state(&self, id: ChannelId) -> Option<&Arc<ChannelState>> {
        self.states.get(&id)
    }

    /// The keys of a channel that has several.
    pub fn keyring(&self, id: ChannelId) -> Option<&Keyring> {
        if self.keyrings.is_empty() { None } else { self.keyrings.get(&id) }
    }

    pub fn budget(&self, model: &str) -> Option<&Arc<RetryBudget>> {
        self.budgets.get(model)
    }
}

/// Holds the snapshot in force.
pub struct Routing {
    current: ArcSwap<Snapshot>,
    publishing: Mutex<()>,
    epoch: Instant,
}

impl Default for Routing {
    fn default() -> Self {
        Self { current: ArcSwap::default(), publishing: Mutex::default(), epoch: Instant::now() }
    }
}

impl Routing {
    pub fn load(&self) -> Arc<Snapshot> {
        self.current.load_full()
    }

    /// Milliseconds of a monotonic clock: what health and limits count in.
    pub fn now_ms(&self) -> u64 {
        self.epoch.elapsed().as_millis() as u64
    }

    /// Puts a new table in force. Channels keep their state; the health of one that a person changed starts
    /// afresh, since what was known may no longer hold. What it has used stays used.
    pub fn publish(&self, table: Table, prompts: Prompts) {
        let _turn = self.publishing.lock();
        let old = self.current.load_full();
        let states = table
            .channels()
            .map(|channel| {
                let Some(state) = old.states.get(&channel.id) else { return (channel.id, Arc::default()) };
                let before = old.table.channel(channel.id);
                let kept = match before.is_some_and(|before| same_account(before, channel)) {
                    true => state.clone(),
                    false => Arc::new(ChannelState { meter: state.meter.clone(), ..ChannelState::default() }),
                };
                (channel.id, kept)
            })
            .collect();
        let several = table.channels().filter(|channel| !channel.keys.is_empty());
        let keyrings = several
            .map(|channel| (channel.id, Keyring::new(channel, old.keyrings.get(&channel.id))))
            .collect();
        let mut budgets = HashMap::new();
        for channel in table.channels() {
            for model in channel.offered() {
                if !budgets.contains_key(model) {
                    budgets.insert(model.to_owned(), old.budgets.get(model).cloned().unwrap_or_default());
                }
            }
        }
        self.current.store(Arc::new(Snapshot {
            table: Arc::new(table),
            states,
            keyrings,
            budgets,
            ways: Ways::default(),
            prompts: Arc::new(prompts),
        }));
    }

    /// Records what came of a try. True when this ejected the channel, or the one of its keys that was tried.
    pub fn record(&self, snapshot: &Snapshot, channel: &Channel, outcome: Outcome) -> bool {
        let now_ms = self.now_ms();
        let of_key = matches!(outcome, Outcome::Unauthorised | Outcome::Limited { .. });
        if let Some(keyring) = snapshot.keyring(channel.id) {
            // A key that is refused or limited says nothing about the others.
            let told = if outcome == Outcome::Failure { Outcome::Neutral } else { outcome };
            let ejected = keyring.record(channel.key_id, told, now_ms);
            if of_key {
                if let Some(state) = snapshot.state(channel.id) {
                    state.health.lock().record(now_ms, Outcome::Neutral);
                }
                return ejected;
            }
        }
        let Some(state) = snapshot.state(channel.id) else { return false };
        state.health.lock().record(now_ms, outcome)
    }
}

fn same_account(a: &Channel, b: &Channel) -> bool {
    a.kind == b.kind
        && (a.key == b.key || a.key_id != 0 && b.key_id != 0)
        && a.base_url == b.base_url
        && a.proxy == b.proxy
        && a.status == b.status
}

/// The view of a snapshot that selection asks.
pub struct Now<'a> {
    pub snapshot: &'a Snapshot,
    pub meters: &'a Meters,
    pub now_ms: u64,
    pub endpoint: Endpoint,
    pub face: Dialect,
    /// The model as the caller named it, and what the request needs of it.
    pub model: &'a str,
    pub needs: Features,
}

impl Live for Now<'_> {
    fn verdict(&self, channel: &Channel) -> (Verdict, Option<&'static str>) {
        match self.snapshot.state(channel.id) {
            Some(state) => {
                let of_channel = {
                    let health = state.health.lock();
                    (health.verdict(self.now_ms), health.reason())
                };
                match (self.snapshot.keyring(channel.id), of_channel.0) {
                    (Some(keyring), Verdict::Ready) => keyring.verdict(self.now_ms),
                    _ => of_channel,
                }
            }
            None => (Verdict::Ready, None),
        }
    }

    fn full(&self, channel: &Channel) -> bool {
        if channel.limits.is_none() {
            return false;
        }
        let Some(state) = self.snapshot.state(channel.id) else { return false };
        let day = if channel.limits.budgets.is_none() { Day::default() } else { calendar::today() };
        let seat = self.meters.seat_at(Scope::Channel(channel.id), state.meter.clone(), &channel.limits, day);
        Meter::full(&seat, &Asking { now_ms: self.now_ms, day, ..Asking::default() })
    }

    fn capable(&self, channel: &Channel) -> bool {
        magic_wire::vendors::outbound(channel.kind, self.endpoint, self.face, "").is_some()
    }

    fn lacks(&self, channel: &Channel) -> Option<Feature> {
        let table = &self.snapshot.table;
        // Most tables lack nothing that is needed: then no channel is looked up.
        if self.needs.both(table.lacked()).is_empty() {
            return None;
        }
        table.lacks(channel.id, channel.upstream_model(self.model)).both(self.needs).iter().next()
    }
}

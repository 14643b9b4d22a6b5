//! What a scrape finds: channels, journal, database, leases, queues. Nothing of it is kept between two scrapes, so
//! that a channel that is gone leaves no series behind.

use super::names;
use super::page::Samples;
use crate::gateway::Gateway;
use crate::jobs::post::Poster;
use crate::snapshot::{Now, Snapshot};
use crate::wallet::Owner;
use magic_domain::channel::{Channel, ChannelStatus};
use magic_domain::endpoint::Endpoint;
use magic_domain::health::Verdict;
use magic_domain::select::Live;
use magic_store::Store;
use magic_wire::chat::Dialect;
use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

/// Channels and models with series of their own.
const SERIES_MAX: usize = 500;

/// What the metrics look at besides the gateway.
pub(super) struct Watched {
    pub poster: Poster,
    pub store: Store,
}

/// Adds all of it.
pub(super) fn take(gateway: &Gateway, watched: Option<&Watched>, samples: &mut Samples) {
    let flag = |value: bool| f64::from(u8::from(value));
    samples.set(&names::IN_FLIGHT, gateway.in_flight.load(Ordering::Relaxed) as f64);
    samples.set(&names::CALLS_OPEN, gateway.books.in_flight() as f64);
    samples.set(&names::CONNECTIONS, gateway.places.open() as f64);
    samples.set(&names::PRESSURE, f64::from(gateway.overload.level() as u8));
    samples.set(&names::WAITING, gateway.overload.queue.waiting() as f64);
    let most = gateway.tuning.load().buffered_bytes;
    samples.set(&names::BODY_BYTES, most.saturating_sub(gateway.budget.available_permits()) as f64);
    samples.set(&names::DATABASE_UP, flag(gateway.database_up()));
    samples.set(&names::CLOCK, crate::clock::ahead());
    samples.set(&names::DRAINING, flag(gateway.draining.load(Ordering::Relaxed)));
    samples.with(&names::BUILD, &[env!("CARGO_PKG_VERSION")], 1.0);
    if let Some(until) = gateway.certificates.until() {
        samples.set(&names::CERTIFICATE_END, until as f64);
    }
    let journal = gateway.books.journal();
    samples.set(&names::JOURNAL_BROKEN, flag(journal.is_broken()));
    if let Some(Watched { poster, store }) = watched {
        samples.set(&names::JOURNAL_UNPOSTED, journal.bytes_after(poster.posted()) as f64);
        samples.set(&names::JOURNAL_OLDEST, poster.oldest_waits().as_secs_f64());
        if let Some(up) = store.redis_up() {
            samples.set(&names::REDIS_UP, flag(up));
        }
    }
    for (owner, word) in [(Owner::is_user as fn(&Owner) -> bool, "user"), (|owner| !owner.is_user(), "token")]
    {
        let (count, free) = gateway.wallets.sum(owner);
        samples.with(&names::LEASES, &[word], count as f64);
        samples.with(&names::LEASED_FREE, &[word], free.0 as f64 / 1e9);
    }
    samples.with(&names::QUEUE, &["captures"], gateway.captures.waiting() as f64);
    channels(gateway, &gateway.routing.load(), samples);
}

fn channels(gateway: &Gateway, snapshot: &Snapshot, samples: &mut Samples) {
    let now = Now {
        snapshot,
        meters: &gateway.meters,
        now_ms: gateway.routing.now_ms(),
        endpoint: Endpoint::Chat,
        face: Dialect::OpenAiChat,
        model: "",
        needs: Default::default(),
    };
    let mut all: Vec<&Channel> = snapshot.table.channels().map(AsRef::as_ref).collect();
    all.sort_unstable_by_key(|channel| channel.id);
    let mut counts = [("ready", 0.0), ("probing", 0.0), ("resting", 0.0), ("disabled", 0.0)];
    let mut models: BTreeMap<&str, f64> = BTreeMap::new();
    for (at, channel) in all.into_iter().enumerate() {
        let (slot, value) = match (channel.status, now.verdict(channel).0) {
            (ChannelStatus::Disabled | ChannelStatus::AutoDisabled, _) => (3, -1.0),
            (ChannelStatus::Enabled, Verdict::Ready) => (0, 1.0),
            (ChannelStatus::Enabled, Verdict::Probe | Verdict::Probing) => (1, 0.5),
            (ChannelStatus::Enabled, Verdict::Ejected { .. }) => (2, 0.0),
        };
        if let Some((_, count)) = counts.get_mut(slot) {
            *count += 1.0;
        }
        if at < SERIES_MAX {
            let kind = magic_wire::vendors::vendor(channel.kind).map_or("unknown", |vendor| vendor.name);
            samples.with(&names::CHANNEL_STATE, &[&channel.id.to_string(), kind], value);
        }
        if channel.status == ChannelStatus::Enabled {
            for model in channel.offered() {
                // Who is being probed takes a call.
                *models.entry(model).or_default() += value.ceil();
            }
        }
    }
    for (state, count) in counts {
        samples.with(&names::CHANNELS, &[state], count);
    }
    let plain = models.iter().filter(|(model, _)| crate::logging::scrub(model) == **model);
    for (model, ready) in plain.take(SERIES_MAX) {
        samples.with(&names::MODEL_CHANNELS, &[model], *ready);
    }
    samples.set(&names::UNSERVED, models.values().filter(|ready| **ready == 0.0).count() as f64);
}

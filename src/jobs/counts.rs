//! Nodes tell each other over Redis what they have counted for limits on requests and tokens. No call waits for it, and
//! what gets lost makes a limit err by that much.

use crate::limits::Meter;
use crate::live::LiveGateway;
use magic_admin::Live;
use magic_domain::limits::Scope;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Between two rounds. What one node has counted, the others know after two.
const ROUND: Duration = Duration::from_millis(200);
/// Counts in one message.
const PIECE: usize = 200;
/// A longer one is nobody's of ours.
const LONGEST: usize = 64 << 10;
/// Nobody counts more in a round; what says so is nonsense.
const MOST: u64 = 1 << 40;

/// An object's name, the window's seconds, whether of tokens, how many.
type Count = (String, u32, bool, u64);

/// For ever. `redis`: it is meant to be there.
pub async fn run(live: Arc<LiveGateway>, redis: bool) {
    if !redis {
        return;
    }
    tokio::join!(tell(&live), hear(&live));
}

async fn tell(live: &LiveGateway) {
    let gateway = live.gateway();
    loop {
        tokio::time::sleep(ROUND).await;
        let there = !gateway.redis_away.load(Ordering::Relaxed);
        gateway.meters.share(there);
        if gateway.meters.company().nodes < 2 {
            continue;
        }
        let mut counted = gateway.meters.counted();
        let snapshot = gateway.routing.load();
        let channels = snapshot.table.channels().filter_map(|channel| {
            let meter = snapshot.state(channel.id)?.meter.clone();
            meter.has_fresh().then_some((Scope::Channel(channel.id), meter))
        });
        counted.extend(channels);
        let mut counts: Vec<Count> = Vec::new();
        for (scope, meter) in counted {
            let name = scope.to_string();
            // Forgotten where Redis is away: by the time it is back this is history.
            counts.extend(
                meter
                    .tell()
                    .into_iter()
                    .map(|(seconds, tokens, count)| (name.clone(), seconds, tokens, count)),
            );
        }
        for piece in counts.chunks(PIECE).filter(|_| there) {
            if let Ok(text) = serde_json::to_vec(piece) {
                live.store().tell_counts(text);
            }
        }
    }
}

async fn hear(live: &LiveGateway) {
    loop {
        let text = live.store().counts().await;
        let counts: Vec<Count> = match text.len() <= LONGEST {
            true => serde_json::from_slice(&text).unwrap_or_default(),
            false => continue,
        };
        for (name, seconds, tokens, count) in counts.into_iter().take(PIECE) {
            take(live, &name, (seconds, tokens, count.min(MOST)));
        }
    }
}

/// Adds what another node has counted of an object that exists and has limits.
fn take(live: &LiveGateway, name: &str, count: (u32, bool, u64)) {
    let Some(scope) = Scope::parse(name) else { return };
    let Some(limits) = live.limits_of(&scope).filter(|limits| !limits.is_none()) else { return };
    let gateway = live.gateway();
    let meter: Arc<Meter> = match &scope {
        Scope::Channel(id) => match gateway.routing.load().state(*id) {
            Some(state) => state.meter.clone(),
            None => return,
        },
        Scope::Member(user, _) if gateway.principals.user(*user).is_none() => return,
        _ => gateway.meters.meter(&scope),
    };
    meter.hear(&limits, count, gateway.routing.now_ms());
}

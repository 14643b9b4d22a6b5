//! Rounds over all channels: tests and balances, on demand and by the clock (`CHANNEL_TEST_FREQUENCY`,
//! `CHANNEL_UPDATE_FREQUENCY` in minutes, `POLLING_INTERVAL` in seconds between two channels). One round of a kind
//! runs at a time; what a person disabled is tested, never enabled.

use crate::gateway::Dead;
use crate::live::LiveGateway;
use crate::{probe, vendor_account};
use magic_domain::channel::{Channel, ChannelStatus};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Which rounds are under way, and how they pace.
#[derive(Debug, Default)]
pub struct Rounds {
    testing: AtomicBool,
    balancing: AtomicBool,
    pause: Duration,
}

/// What a round is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Round {
    TestAll,
    TestDisabled,
    Balances,
}

/// Ends a round however it ends.
struct Under<'a>(&'a AtomicBool);

impl Drop for Under<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

impl Rounds {
    /// `pause`: between two channels of a round.
    pub fn new(pause: Duration) -> Self {
        Self { pause, ..Self::default() }
    }

    fn flag(&self, round: Round) -> &AtomicBool {
        match round {
            Round::TestAll | Round::TestDisabled => &self.testing,
            Round::Balances => &self.balancing,
        }
    }
}

/// Begins a round in the background; false: one of its kind is under way.
pub fn start(live: Arc<LiveGateway>, round: Round) -> bool {
    if live.rounds().flag(round).swap(true, Ordering::AcqRel) {
        return false;
    }
    let handle = live.runtime().clone();
    handle.spawn(async move {
        let _under = Under(live.rounds().flag(round));
        let snapshot = live.gateway().routing.load();
        let channels: Vec<Arc<Channel>> = snapshot
            .table
            .channels()
            .filter(|channel| match round {
                Round::TestAll => true,
                Round::TestDisabled => channel.status != ChannelStatus::Enabled,
                Round::Balances => channel.status == ChannelStatus::Enabled,
            })
            .cloned()
            .collect();
        for channel in channels {
            match round {
                Round::Balances => {
                    if let Err(error) = update_balance(&live, &channel).await {
                        log::debug!("no balance of channel {}: {error}", channel.id);
                    }
                }
                Round::TestAll | Round::TestDisabled => test(&live, &channel).await,
            }
            tokio::time::sleep(live.rounds().pause).await;
        }
    });
    true
}

/// Asks for a balance and keeps it; an account with nothing left is disabled, where channels may be.
pub async fn update_balance(live: &LiveGateway, channel: &Channel) -> Result<f64, String> {
    let balance = vendor_account::balance(live.gateway(), channel).await?;
    live.store().channel_balance(channel.id, balance).await.map_err(|error| error.public())?;
    let options = &live.gateway().routing.load().table.options;
    if balance <= 0.0 && options.bool("AutomaticDisableChannelEnabled") {
        disable(live, channel, "the account's balance is used up".into());
    }
    Ok(balance)
}

fn disable(live: &LiveGateway, channel: &Channel, why: String) {
    if live.gateway().disable.send(Dead::of(channel, &why)).is_err() {
        log::debug!("nobody disables channels any more");
    }
}

async fn test(live: &LiveGateway, channel: &Channel) {
    let (outcome, dead) = probe::examine(live.gateway(), channel.id, None).await;
    let kept = live
        .store()
        .channel_tested(channel.id, outcome.ok, &outcome.model, outcome.seconds, &outcome.message)
        .await;
    if let Err(error) = kept {
        log::warn!("the test of channel {} could not be noted: {error}", channel.id);
    }
    let table = live.gateway().routing.load();
    let options = &table.table.options;
    if channel.status == ChannelStatus::Enabled && options.bool("AutomaticDisableChannelEnabled") {
        let threshold = options.float("ChannelDisableThreshold");
        if let Some(why) = dead {
            disable(live, channel, why.to_owned());
        } else if outcome.ok && threshold > 0.0 && outcome.seconds > threshold {
            let seconds = outcome.seconds;
            disable(live, channel, format!("its test took {seconds:.1} s, more than {threshold} s"));
        }
    }
    live.enable_after_test(channel.id, outcome.ok).await;
}

/// Begins rounds by the clock, for ever.
pub async fn run(live: Arc<LiveGateway>, test_minutes: Option<u64>, balance_minutes: Option<u64>) {
    let every = async |minutes: Option<u64>, round: Round| {
        let Some(minutes) = minutes.filter(|minutes| *minutes > 0) else { return };
        loop {
            tokio::time::sleep(Duration::from_secs(minutes.saturating_mul(60))).await;
            // Every node keeps the time, so that whoever has the duty by then goes on with it.
            if live.duties().mine() && !start(live.clone(), round) {
                log::info!("the round before is not over yet: {round:?} is left out this time");
            }
        }
    };
    tokio::join!(every(test_minutes, Round::TestAll), every(balance_minutes, Round::Balances));
}

/// The round a scope of the API names.
pub fn scope(text: &str) -> Option<Round> {
    match text {
        "" | "all" => Some(Round::TestAll),
        "disabled" => Some(Round::TestDisabled),
        _ => None,
    }
}

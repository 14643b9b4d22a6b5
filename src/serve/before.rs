//! The process before this one: taken over from, and settled once it is gone.

use super::release_dead;
use crate::edge::accept::Gate;
use crate::handover::heir::Heir;
use crate::handover::keeper::{self, Keeper};
use crate::jobs::recover;
use crate::live::LiveGateway;
use magic_store::Store;
use magic_store::owned::Owned;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::runtime::Handle;

/// Between two looks whether others are alive.
const LOOK: Duration = Duration::from_millis(250);

/// What is needed to follow it.
pub(super) struct Before {
    /// `None`: there is none, this process starts alone.
    pub heir: Option<Heir>,
    pub keeper: Keeper,
    pub control: PathBuf,
    pub store: Store,
    pub epoch: String,
    pub journals: PathBuf,
    /// What the file declares, where it is not in the database yet.
    pub owned: Option<Owned>,
    pub live: Arc<LiveGateway>,
}

impl Before {
    /// Takes the addresses over, where there is somebody to take them from, and opens the gate.
    ///
    /// # Errors
    /// In words: the process before goes on, and this one has to end.
    pub fn follow(self, runtime: &Handle) -> Result<(), String> {
        let Before { heir, keeper, control, store, epoch, journals, owned, live } = self;
        if let Some(heir) = &heir {
            heir.take_over()?;
        }
        if let Some(owned) = owned {
            let applied = runtime.block_on(async {
                store.apply_owned(owned).await?;
                live.refresh().await
            });
            applied.map_err(|error| format!("what the configuration declares can't be written: {error}"))?;
        }
        let gateway = keeper.gateway.clone();
        keeper.gate.send_replace(Gate::Open);
        let Some(heir) = heir else {
            // Without it everything works but upgrades in place.
            return keeper::start(keeper, &control).or_else(|error| {
                log::warn!("{} can't be made, `magic upgrade` will not work: {error}", control.display());
                Ok(())
            });
        };
        let wait = heir.serving()?;
        keeper::start(keeper, &control).map_err(|error| error.to_string())?;
        log::info!("this process serves now");
        let runtime = runtime.clone();
        std::thread::spawn(move || {
            wait();
            log::info!("the process before is gone");
            // It may have died: then its journal is free now, as at any start. One before it, or one that has taken over
            // from this one, may be alive: what that has set aside is its own.
            loop {
                match recover::run(&journals, &epoch, &store, &runtime) {
                    Ok(0) => {}
                    Ok(calls) => log::info!("{calls} of its calls have been settled"),
                    Err(why) => return log::error!("its journal can't be taken over: {why}"),
                }
                match magic_journal::others_live(&journals, &epoch) {
                    Ok(true) => std::thread::sleep(LOOK),
                    Ok(false) => break,
                    Err(error) => return log::warn!("whether others are alive is not known: {error}"),
                }
            }
            if gateway.one_writer {
                match runtime.block_on(release_dead(&store, &epoch)) {
                    Ok(()) => gateway.alone.store(true, Ordering::Release),
                    Err(error) => log::warn!("what it had set aside waits for the next start: {error}"),
                }
            }
        });
        Ok(())
    }
}

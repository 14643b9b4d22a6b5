//! The invariants of the books, checked by the clock. What does not hold is in the metrics and the log; nothing is
//! repaired by itself.

use crate::live::LiveGateway;
use std::sync::Arc;
use std::time::Duration;

/// Checks every so often, for ever; the first time after one such pause, not in the rush of a start.
pub async fn run(live: Arc<LiveGateway>, every: Duration) {
    if every.is_zero() {
        return;
    }
    loop {
        tokio::time::sleep(every).await;
        match live.store().verify().await {
            Ok(checks) => {
                let broken: Vec<_> = checks.iter().filter(|check| !check.ok).collect();
                for check in &broken {
                    log::error!("the books do not hold {} ({}): {}", check.name, check.what, check.detail);
                }
                live.gateway().metrics.verified(broken.len());
            }
            Err(error) => log::warn!("the books could not be checked: {error}"),
        }
    }
}

//! Notes whose the ledger's events are that do not say so: those from before that column, and those of nodes of an
//! older version.

use crate::live::LiveGateway;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Between two looks.
const PAUSE: Duration = Duration::from_secs(60);
/// Events of one transaction: others who write wait for it.
const PIECE: i64 = 500;

/// For ever.
pub async fn run(live: Arc<LiveGateway>) {
    loop {
        live.duties().wait().await;
        let begun = Instant::now();
        let pause = match live.store().follow_owners(PIECE).await {
            // An old ledger: three quarters of the time are for others.
            Ok(count) if count >= PIECE.unsigned_abs() => begun.elapsed() * 3,
            Ok(_) => PAUSE,
            Err(error) => {
                log::debug!("whose events of the ledger are could not be noted: {error}");
                PAUSE
            }
        };
        tokio::time::sleep(pause).await;
    }
}

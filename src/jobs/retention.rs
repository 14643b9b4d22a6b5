//! Rows of the log go when they are older than the option `LogRetentionDays` says. The ledger stays.

use crate::live::LiveGateway;
use std::sync::Arc;
use std::time::Duration;

/// Between two looks.
const PAUSE: Duration = Duration::from_secs(3600);

/// Looks at once and then every hour, for ever.
pub async fn run(live: Arc<LiveGateway>) {
    loop {
        let days = live.gateway().routing.load().table.options.int("LogRetentionDays");
        if days > 0 {
            let before = chrono::Utc::now().timestamp().saturating_sub(days.saturating_mul(86_400));
            match live.store().delete_logs(before.max(1)).await {
                Ok(0) => {}
                Ok(count) => log::info!("{count} rows of the log were older than {days} days and are gone"),
                Err(error) => log::warn!("old rows of the log could not be deleted: {error}"),
            }
        }
        tokio::time::sleep(PAUSE).await;
    }
}

//! Rows of the log go when they are older than the option `LogRetentionDays` says, and what was spent of budgets
//! when its day and month are over. The ledger stays.

use crate::limits::calendar;
use crate::live::LiveGateway;
use std::sync::Arc;
use std::time::Duration;

/// Between two looks.
const PAUSE: Duration = Duration::from_secs(3600);

/// Looks at once and then every hour, for ever.
pub async fn run(live: Arc<LiveGateway>) {
    loop {
        live.duties().wait().await;
        let days = live.gateway().routing.load().table.options.int("LogRetentionDays");
        if days > 0 {
            let before = crate::clock::seconds().saturating_sub(days.saturating_mul(86_400));
            match live.store().delete_logs(before.max(1)).await {
                Ok(0) => {}
                Ok(count) => log::info!("{count} rows of the log were older than {days} days and are gone"),
                Err(error) => log::warn!("old rows of the log could not be deleted: {error}"),
            }
        }
        // A node of another time zone may still be in yesterday.
        if let Some(yesterday) = calendar::day_before(calendar::today())
            && let Err(error) = live.store().forget_spent(yesterday).await
        {
            log::warn!("what was spent of earlier budgets could not be forgotten: {error}");
        }
        tokio::time::sleep(PAUSE).await;
    }
}

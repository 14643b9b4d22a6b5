//! Open orders are asked about once a minute: a notification that got lost is no payment lost.

use crate::live::LiveGateway;
use magic_admin::endpoints::Endpoints;
use std::sync::Arc;
use std::time::Duration;

/// Between two rounds.
const PAUSE: Duration = Duration::from_secs(60);

/// For ever.
pub async fn run(live: Arc<LiveGateway>, endpoints: Endpoints) {
    loop {
        tokio::time::sleep(PAUSE).await;
        live.duties().wait().await;
        if let Err(error) = magic_admin::pay::round(live.store(), live.as_ref(), &endpoints).await {
            log::warn!("open orders could not be looked at: {error}");
        }
    }
}

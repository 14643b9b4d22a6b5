//! Looks whether certificate files have changed.

use crate::edge::certificates::Certificates;
use std::sync::Arc;
use std::time::Duration;

/// Between two looks.
const PAUSE: Duration = Duration::from_secs(1);

/// Runs until the process ends.
pub async fn run(certificates: Arc<Certificates>) {
    loop {
        tokio::time::sleep(PAUSE).await;
        let certificates = certificates.clone();
        if let Err(error) = tokio::task::spawn_blocking(move || certificates.look()).await {
            log::error!("the certificate files could not be looked at: {error}");
        }
    }
}

//! Writes captured bodies, redacted, behind the calls; deletes those whose time is over, and the oldest where they
//! take up too much.

use crate::live::LiveGateway;
use crate::proxy::capture::{Part, Taken};
use magic_store::captures::{Body, NewCapture};
use magic_wire::redact::{Rules, redact};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::Receiver;
use tokio::time::Instant;

/// Between two looks at what is to be deleted.
const PAUSE: Duration = Duration::from_secs(60);
/// As many writes are followed by such a look too.
const WRITES: usize = 256;

/// For ever.
pub async fn run(live: Arc<LiveGateway>, mut queue: Receiver<Taken>) {
    let (mut next, mut writes) = (Instant::now(), 0);
    loop {
        tokio::select! {
            biased;
            () = tokio::time::sleep_until(next) => {
                prune(&live).await;
                (next, writes) = (Instant::now() + PAUSE, 0);
            }
            taken = queue.recv() => {
                let Some(taken) = taken else { return };
                write(&live, taken).await;
                writes += 1;
                if writes >= WRITES {
                    next = Instant::now();
                }
            }
        }
    }
}

async fn write(live: &LiveGateway, taken: Taken) {
    let gateway = live.gateway();
    let table = gateway.routing.load().table.clone();
    if table.hot.capture_bytes == 0 {
        // Switched off meanwhile.
        return;
    }
    let personal = table.options.bool("BodyCaptureRedact");
    // A megabyte of text takes a while to look at.
    let made = tokio::task::spawn_blocking(move || {
        let body = |part: &Part, content_type: &str| {
            let (cut, bytes) = (part.truncated(), part.total);
            let text = redact(&part.bytes, Rules { content_type, cut, personal, bytes });
            Body { text, bytes: i64::try_from(bytes).unwrap_or(i64::MAX), truncated: cut }
        };
        let [request, answer] = [(&taken.request, &taken.types[0]), (&taken.answer, &taken.types[1])]
            .map(|(part, content_type)| body(part, content_type));
        let (user, token) = (taken.user, taken.token);
        let new = NewCapture { request_id: taken.id.to_string(), user, token, at: taken.at, request, answer };
        (new, taken)
    });
    // Its room in memory is given back when it has been written.
    let (new, _taken) = match made.await {
        Ok(made) => made,
        Err(_) => return gateway.captures.count(gateway, Some("a body could not be redacted")),
    };
    match live.store().keep_capture(new).await {
        Ok(true) => gateway.captures.count(gateway, None),
        Ok(false) => {}
        Err(error) => gateway.captures.count(gateway, Some(&error.to_string())),
    }
}

async fn prune(live: &LiveGateway) {
    let table = live.gateway().routing.load().table.clone();
    let most = table.options.int("BodyCaptureMaxTotalMegabytes").saturating_mul(1 << 20);
    let before = table.options.capture_since(crate::clock::seconds());
    match live.store().prune_captures(before, most).await {
        Ok(0) => {}
        Ok(count) => log::info!("{count} captures of calls were too old, or too many, and are gone"),
        Err(error) => log::debug!("old captures of calls could not be deleted: {error}"),
    }
}

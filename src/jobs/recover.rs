//! At the start: what dead processes left in the journal directory is settled, posted, and removed.

use super::post::until_posted;
use magic_domain::books::{Joiner, Record};
use magic_journal::orphans;
use magic_store::Store;
use std::path::Path;
use tokio::runtime::Handle;

/// Posts the journals of dead epochs. Returns how many of their calls had not been posted. An error stops the start:
/// a damaged journal is a person's decision.
pub fn run(dir: &Path, own: &str, store: &Store, runtime: &Handle) -> Result<usize, String> {
    let mut calls = 0;
    for orphan in orphans(dir, own).map_err(|error| error.to_string())? {
        let remains = orphan.read().map_err(|error| error.to_string())?;
        if remains.torn > 0 {
            log::warn!(
                "the journal of {} ends in a record of {} bytes that was not finished",
                orphan.epoch(),
                remains.torn
            );
        }
        let mut joiner = Joiner::default();
        let mut settled = Vec::new();
        for payload in &remains.records {
            let record: Record = Record::decode(payload).map_err(|error| {
                format!("a record in the journal of {} can't be read: {error}", orphan.epoch())
            })?;
            settled.extend(joiner.push(record));
        }
        settled.extend(joiner.abandon());
        for batch in settled.chunks(256) {
            let posted = until_posted(runtime, &|| false, || store.post(orphan.epoch(), batch.to_vec()));
            calls += posted.map_or(0, |posted| posted.new);
        }
        runtime.block_on(store.release_epoch(orphan.epoch())).map_err(|error| error.to_string())?;
        orphan.remove();
    }
    Ok(calls)
}

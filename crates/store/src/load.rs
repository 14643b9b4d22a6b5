//! Everything the routing table is built from, in one go.

use crate::error::Result;
use crate::prices::{ModelRow, models};
use crate::prompts::LoadedPrompt;
use crate::run::{Inner, Store, version};
use magic_domain::channel::Channel;
use magic_domain::options::Options;
use magic_domain::table::Lacks;
use std::collections::BTreeMap;
use std::time::Duration;

/// What was loaded, and at which version.
#[derive(Debug, Clone)]
pub struct Loaded {
    pub version: i64,
    /// With their keys.
    pub channels: Vec<Channel>,
    pub options: Options,
    pub models: Vec<ModelRow>,
    /// What conformance checks have found not to work.
    pub lacks: Lacks,
    pub prompts: Vec<LoadedPrompt>,
}

/// Loads are begun anew this often when something changes under them.
const TRIES: usize = 5;

async fn once(inner: &Inner, version: i64) -> Result<Loaded> {
    if let Some(row) =
        inner.db.one("SELECT value FROM magic_state WHERE name = 'vault_check'", vec![]).await?
    {
        inner.vault.follow(&row.text(0)?);
    }
    let rows = inner.db.fetch("SELECT name, value FROM magic_options", vec![]).await?;
    let mut set = BTreeMap::new();
    for row in &rows {
        let name = row.text(0)?;
        let value = crate::settings::shown(inner, &name, row.text(1)?);
        set.insert(name, value);
    }
    Ok(Loaded {
        version,
        channels: crate::channels::load(inner).await?,
        options: Options::new(set),
        models: models(&inner.db).await?,
        lacks: crate::capabilities::lacks(inner).await?,
        prompts: crate::prompts::load(&inner.db).await?,
    })
}

impl Store {
    /// Loads channels, options, prices and prompts as they were at one version: what is read of two would let a
    /// channel whose key has just been moved go out without any. A change that comes after is loaded again.
    pub async fn load(&self) -> Result<Loaded> {
        self.run_for(Duration::from_secs(30), |inner| async move {
            let mut before = version(&inner.db).await?;
            for _ in 1..TRIES {
                let loaded = once(&inner, before).await?;
                let after = version(&inner.db).await?;
                if after == before {
                    return Ok(loaded);
                }
                before = after;
            }
            once(&inner, before).await
        })
        .await
    }
}

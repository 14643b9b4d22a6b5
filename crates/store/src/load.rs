//! Everything the routing table is built from, in one go.

use crate::error::Result;
use crate::prices::{ModelRow, models};
use crate::prompts::LoadedPrompt;
use crate::run::{Store, version};
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

impl Store {
    /// Loads channels, options, prices and prompts. The version is read first: a change that comes between is loaded again.
    pub async fn load(&self) -> Result<Loaded> {
        self.run_for(Duration::from_secs(30), |inner| async move {
            let version = version(&inner.db).await?;
            let rows = inner.db.fetch("SELECT name, value FROM magic_options", vec![]).await?;
            let mut set = BTreeMap::new();
            for row in &rows {
                let name = row.text(0)?;
                let value = crate::settings::shown(&inner, &name, row.text(1)?);
                set.insert(name, value);
            }
            Ok(Loaded {
                version,
                channels: crate::channels::load(&inner).await?,
                options: Options::new(set),
                models: models(&inner.db).await?,
                lacks: crate::capabilities::lacks(&inner).await?,
                prompts: crate::prompts::load(&inner.db).await?,
            })
        })
        .await
    }
}

//! What conformance checks have found about channels. A finding belongs to the account it was made with: it is
//! forgotten when the channel is deleted or becomes another one.

use crate::db::{Tx, TxError, args};
use crate::error::{Result, StoreError};
use crate::now;
use crate::run::{Inner, Store, bump, transaction};
use magic_domain::channel::Channel;
use magic_domain::feature::{Feature, Finding, Verdict};
use magic_domain::ids::ChannelId;
use magic_domain::table::Lacks;

/// Longest name of a model that findings are kept for, in characters: what MySQL's index takes.
const MODEL_MAX: usize = 191;

/// A finding as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CapabilityRow {
    /// The vendor's name of the model.
    pub model: String,
    pub finding: Finding,
    /// Unix seconds.
    pub checked_at: i64,
}

/// Forgets what was found about a channel.
pub(crate) async fn forget(tx: &mut Tx, id: i64) -> std::result::Result<(), TxError> {
    tx.exec("DELETE FROM magic_capabilities WHERE channel_id = ?", args![id]).await.map(|_| ())
}

impl Store {
    /// Puts new findings about a channel and a model in the place of the old ones. `checked` is the channel as
    /// it was when the check began, with its key.
    ///
    /// # Errors
    /// `NotFound`: the channel has been deleted meanwhile. `Conflict`: it is another account or address now,
    /// of which nothing has been found out. `Invalid`: the model's name is too long to be kept.
    pub async fn replace_capabilities(
        &self,
        checked: &Channel,
        model: &str,
        findings: Vec<Finding>,
    ) -> Result<()> {
        if model.chars().count() > MODEL_MAX {
            return Err(StoreError::Invalid(format!(
                "findings are kept for models whose name has {MODEL_MAX} characters at most"
            )));
        }
        let (checked, model) = (checked.clone(), model.to_owned());
        self.run(move |inner| async move {
            transaction!(inner.db, |tx| {
                if !crate::channels::is_still(tx, &inner, &checked).await? {
                    return Err(StoreError::Conflict(
                        "the channel was changed while it was checked; check it again".into(),
                    )
                    .into());
                }
                let id = checked.id.0;
                tx.exec(
                    "DELETE FROM magic_capabilities WHERE channel_id = ? AND model = ?",
                    args![id, &model],
                )
                .await?;
                for Finding { feature, verdict, detail } in &findings {
                    tx.exec(
                        "INSERT INTO magic_capabilities (channel_id, model, feature, verdict, detail, checked_at) VALUES (?, ?, ?, ?, ?, ?)",
                        args![id, &model, feature.name(), verdict.name(), detail, now()],
                    )
                    .await?;
                }
                bump(tx).await?;
            })
        })
        .await
    }

    /// What is known of a channel, by model and then in the order features are checked in. Features that this
    /// version does not know are left out.
    pub async fn capabilities(&self, id: ChannelId) -> Result<Vec<CapabilityRow>> {
        self.run(move |inner| async move {
            let sql = "SELECT model, feature, verdict, detail, checked_at FROM magic_capabilities WHERE channel_id = ?";
            let mut found = Vec::new();
            for row in inner.db.fetch(sql, args![id.0]).await? {
                let Some(feature) = Feature::parse(&row.text(1)?) else { continue };
                let finding =
                    Finding { feature, verdict: Verdict::parse(&row.text(2)?), detail: row.text(3)? };
                found.push(CapabilityRow { model: row.text(0)?, finding, checked_at: row.int(4)? });
            }
            found.sort_by(|a, b| (&a.model, a.finding.feature).cmp(&(&b.model, b.finding.feature)));
            Ok(found)
        })
        .await
    }
}

/// What does not work, of every channel.
pub(crate) async fn lacks(inner: &Inner) -> Result<Lacks> {
    let sql = "SELECT channel_id, model, feature FROM magic_capabilities WHERE verdict = ?";
    let mut all = Lacks::new();
    for row in inner.db.fetch(sql, args![Verdict::No.name()]).await? {
        let Some(feature) = Feature::parse(&row.text(2)?) else { continue };
        all.entry(ChannelId(row.int(0)?)).or_default().entry(row.text(1)?).or_default().insert(feature);
    }
    Ok(all)
}

//! What channels can do: checked on demand, and what is known.

use crate::Deps;
use crate::answer::{Answer, ok};
use crate::error::{Result, not_found};
use crate::extract::Query;
use crate::guard::{Admin, Caller};
use actix_web::web;
use magic_domain::feature::{Feature, Finding, Verdict};
use magic_domain::ids::ChannelId;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

#[derive(Default, Deserialize, IntoParams)]
#[serde(default)]
pub struct WithModel {
    /// As callers name it; the channel's first one unless given.
    pub model: String,
}

impl WithModel {
    pub fn get(self) -> Option<String> {
        Some(self.model).filter(|model| !model.is_empty())
    }
}

#[derive(Serialize, ToSchema)]
pub struct CheckedChannel {
    channel_id: i64,
    channel_name: String,
    model: String,
    upstream_model: String,
    seconds: f64,
    #[schema(value_type = Vec<Object>)]
    findings: Vec<Finding>,
}

/// Checks a channel with `model`, or its first one: about ten small calls, not billed, within 50 seconds. The
/// findings are in force when this answers.
pub async fn check(
    _caller: Caller<Admin>,
    deps: web::Data<Deps>,
    id: web::Path<i64>,
    Query(query): Query<WithModel>,
) -> Result<Answer<CheckedChannel>> {
    let id = ChannelId(*id);
    let row = deps.store.channel(id).await?.ok_or_else(|| not_found("channel"))?;
    let checked = deps.live.check_channel(id, query.get()).await?;
    let content = format!("conformance check: {}", summary(&checked.findings));
    deps.store.log_test(id.0, &checked.model, (checked.seconds * 1000.0) as i64, &content).await?;
    Ok(ok(CheckedChannel {
        channel_id: id.0,
        channel_name: row.channel.name,
        model: checked.model,
        upstream_model: checked.upstream_model,
        seconds: checked.seconds,
        findings: checked.findings,
    }))
}

/// `8 work, 1 unclear, 1 do not: tools`.
fn summary(findings: &[Finding]) -> String {
    let of = |verdict| findings.iter().filter(move |finding| finding.verdict == verdict);
    let failed: Vec<&str> = of(Verdict::No).map(|finding| Feature::name(finding.feature)).collect();
    let (works, unclear) = (of(Verdict::Yes).count(), of(Verdict::Unclear).count());
    match failed.is_empty() {
        true => format!("{works} work, {unclear} unclear"),
        false => format!("{works} work, {unclear} unclear, {} do not: {}", failed.len(), failed.join(", ")),
    }
}

#[derive(Serialize, ToSchema)]
pub struct Capability {
    /// As the vendor names it.
    model: String,
    #[schema(value_type = String)]
    feature: Feature,
    /// `yes`, `no` or `unclear`.
    #[schema(value_type = String)]
    verdict: Verdict,
    detail: String,
    checked_at: i64,
}

/// What the last checks of a channel have found, by the vendor's names of its models. Times are Unix seconds.
pub async fn known(
    _caller: Caller<Admin>,
    deps: web::Data<Deps>,
    id: web::Path<i64>,
) -> Result<Answer<Vec<Capability>>> {
    let id = ChannelId(*id);
    deps.store.channel(id).await?.ok_or_else(|| not_found("channel"))?;
    let rows = deps.store.capabilities(id).await?;
    let shown = rows.into_iter().map(|row| Capability {
        model: row.model,
        feature: row.finding.feature,
        verdict: row.finding.verdict,
        detail: row.finding.detail,
        checked_at: row.checked_at,
    });
    Ok(ok(shown.collect()))
}

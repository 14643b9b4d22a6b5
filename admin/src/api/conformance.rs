//! What channels can do: checked on demand, and what is known.

use crate::Deps;
use crate::error::{Result, not_found, ok};
use crate::extract::parameter;
use crate::guard::{Admin, Caller};
use actix_web::{HttpRequest, HttpResponse, web};
use magic_domain::feature::{Feature, Finding, Verdict};
use magic_domain::ids::ChannelId;
use serde_json::{Value, json};

/// Checks a channel with `model`, or its first one: about ten small calls, not billed, within 50 seconds. The
/// findings are in force when this answers.
pub async fn check(
    _caller: Caller<Admin>,
    request: HttpRequest,
    deps: web::Data<Deps>,
    id: web::Path<i64>,
) -> Result<HttpResponse> {
    let id = ChannelId(*id);
    let row = deps.store.channel(id).await?.ok_or_else(|| not_found("channel"))?;
    let model = parameter(&request, "model").filter(|model| !model.is_empty());
    let checked = deps.live.check_channel(id, model).await?;
    let content = format!("conformance check: {}", summary(&checked.findings));
    deps.store.log_test(id.0, &checked.model, (checked.seconds * 1000.0) as i64, &content).await?;
    Ok(ok(json!({
        "channel_id": id, "channel_name": row.channel.name, "model": checked.model,
        "upstream_model": checked.upstream_model, "seconds": checked.seconds, "findings": checked.findings,
    })))
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

/// What the last checks of a channel have found, by the vendor's names of its models. Times are Unix seconds.
pub async fn known(
    _caller: Caller<Admin>,
    deps: web::Data<Deps>,
    id: web::Path<i64>,
) -> Result<HttpResponse> {
    let id = ChannelId(*id);
    deps.store.channel(id).await?.ok_or_else(|| not_found("channel"))?;
    let rows = deps.store.capabilities(id).await?;
    let shown: Vec<Value> = rows
        .iter()
        .map(|row| {
            json!({
                "model": row.model, "feature": row.finding.feature, "verdict": row.finding.verdict,
                "detail": row.finding.detail, "checked_at": row.checked_at,
            })
        })
        .collect();
    Ok(ok(shown))
}

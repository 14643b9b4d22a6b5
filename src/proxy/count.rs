//! `count_tokens` and `countTokens`: how long a prompt is, counted here. Vendors count differently by a few in a
//! hundred; the answer says that it is an estimate.

use super::admit::{self, Caller};
use super::answer;
use super::context::Ctx;
use super::intake;
use super::prompt;
use super::route::Asked;
use crate::gateway::Gateway;
use crate::tokens;
use bytes::Bytes;
use magic_domain::fault::{Code, Fault};
use magic_wire::chat::Dialect;
use pingora_proxy::Session;
use serde_json::{Value, json};

/// Reads the prompt, counts it on a blocking thread, and answers.
pub(super) async fn count(
    session: &mut Session,
    ctx: &Ctx,
    gateway: &Gateway,
    caller: &Caller,
    asked: &Asked,
) -> Result<(), super::Refused> {
    let mut intake = intake::read(session, gateway, asked).await?;
    prompt::apply(gateway, session, asked, &mut intake, ctx.id).await?;
    let model = intake.peek.model.clone().unwrap_or_default();
    if model.is_empty() {
        return Err(Fault::new(Code::InvalidRequest, "the request names no model").at("model").into());
    }
    admit::model_allowed(caller, &model)?;
    let body = intake.body.clone();
    let approximate = gateway.routing.load().table.hot.approximate_tokens;
    let counted = tokio::task::spawn_blocking(move || {
        tokens::prompt(tokens::Counter { model: &model, approximate }, &body)
    })
    .await;
    let count = counted.map_err(|_| Fault::new(Code::InternalError, "the prompt can't be counted"))?;
    let shown: Value = match asked.face {
        Dialect::Gemini => json!({ "totalTokens": count }),
        _ => json!({ "input_tokens": count }),
    };
    let body = Bytes::from(shown.to_string());
    answer::bytes(session, ctx, 200, body, &[("x-magic-warning", "estimated")]).await?;
    Ok(())
}

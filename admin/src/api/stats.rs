//! Charts of the log: sums by time and by what they are split by.

use crate::Deps;
use crate::answer::{Bare, bare};
use crate::error::{Result, invalid};
use crate::extract::Query;
use crate::guard::{AnyUser, Caller};
use actix_web::web;
use magic_domain::principal::Role;
use magic_store::stats::{By, Chart, DAY, HOUR, MINUTE, Point};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Lines of a chart where nobody says how many, and at most.
const TOP: i64 = 20;
const TOP_MAX: i64 = 500;

/// What is charted.
#[derive(Default, Deserialize, IntoParams)]
#[serde(default)]
pub struct ChartQuery {
    /// `model` (the default) or `token`; for administrators also `user`, `channel` or `group`.
    by: String,
    /// `minute`, `hour` (the default) or `day`.
    step: String,
    /// Unix seconds; without it two hours, two days or 30 days before `to`.
    from: Option<String>,
    /// Unix seconds; without it now.
    to: Option<String>,
    /// So many of the dearest lines: 20 unless given, 500 at most.
    top: Option<String>,
    /// `true`: an administrator's own calls alone. Others see no others anyway.
    #[serde(rename = "self")]
    own: String,
}

/// What the calls of one line add up to in one slot.
#[derive(Serialize, ToSchema)]
pub struct ChartPoint {
    /// When the slot begins, Unix seconds; slots are whole minutes, hours and days in UTC.
    time: i64,
    /// Of a user (also a token's) or a channel; else 0.
    id: i64,
    name: String,
    /// Of a user, or whose the token is.
    username: String,
    calls: i64,
    /// Those of them that failed and were not billed.
    failed: i64,
    quota: i64,
    cost_usd: String,
    prompt_tokens: i64,
    completion_tokens: i64,
}

#[derive(Serialize, ToSchema)]
pub struct ChartAnswer {
    success: bool,
    message: &'static str,
    data: Vec<ChartPoint>,
    /// `false` while a large log is summed up for the first time.
    whole: bool,
}

fn shown(point: Point, by: By) -> ChartPoint {
    let sums = point.sums;
    let username = if matches!(by, By::User | By::Token) { point.owner.clone() } else { String::new() };
    ChartPoint {
        time: point.slot,
        id: point.id,
        name: if matches!(by, By::User | By::Channel) { point.owner } else { point.name },
        username,
        calls: sums.calls,
        failed: sums.failed,
        quota: sums.cost.to_quota_ceil(),
        cost_usd: sums.cost.usd().to_string(),
        prompt_tokens: sums.prompt_tokens,
        completion_tokens: sums.completion_tokens,
    }
}

/// The slots that have calls, of the dearest lines. Users see their own, by model or token.
pub async fn chart(
    caller: Caller<AnyUser>,
    deps: web::Data<Deps>,
    query: Query<ChartQuery>,
) -> Result<Bare<ChartAnswer>> {
    let own = caller.user.role < Role::Admin || query.own == "true";
    let by = match query.by.as_str() {
        "" | "model" => By::Model,
        "token" => By::Token,
        "user" if !own => By::User,
        "channel" if !own => By::Channel,
        "group" if !own => By::Group,
        _ if own => return Err(invalid("by must be model or token")),
        _ => return Err(invalid("by must be model, user, token, channel or group")),
    };
    let (step, usual) = match query.step.as_str() {
        "minute" => (MINUTE, 2 * HOUR),
        "" | "hour" => (HOUR, 2 * DAY),
        "day" => (DAY, 30 * DAY),
        _ => return Err(invalid("step must be minute, hour or day")),
    };
    let number = |name: &str, given: &Option<String>, usual: i64| match given.as_deref() {
        None | Some("") => Ok(usual),
        Some(text) => text.parse::<i64>().map_err(|_| invalid(format!("{name} must be a whole number"))),
    };
    let to = number("to", &query.to, chrono::Utc::now().timestamp() + 1)?;
    let from = number("from", &query.from, to.saturating_sub(usual))?;
    let chart = Chart {
        by,
        step,
        // The slot that the time falls into belongs to it.
        from: from.div_euclid(step).saturating_mul(step),
        to,
        top: number("top", &query.top, TOP)?.clamp(1, TOP_MAX),
        own: own.then_some(caller.user.id),
    };
    let (points, whole) = deps.store.chart(chart).await?;
    let data = points.into_iter().map(|point| shown(point, by)).collect();
    Ok(bare(ChartAnswer { success: true, message: "", data, whole }))
}

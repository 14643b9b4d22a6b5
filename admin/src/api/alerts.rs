//! Alerts: what is wrong now, or would be soon, in the order in which somebody should look at it.

use crate::Deps;
use crate::answer::{Answer, ok};
use crate::api::factors::Factors;
use crate::error::Result;
use crate::guard::{Admin, Caller};
use actix_web::web;
use magic_domain::ids::ChannelId;
use magic_domain::options::Options;
use magic_domain::principal::Role;
use magic_store::FILE;
use magic_store::channels::ChannelRow;
use magic_store::choice::ChannelFilter;
use magic_store::users::Page;
use serde::Serialize;
use utoipa::ToSchema;

/// Alerts of one kind that are told one by one.
const SHOWN: usize = 50;

/// Something that somebody should look at.
#[derive(Debug, Serialize, ToSchema)]
pub struct Alert {
    /// `no_channel`, `channel_resting`, `channel_disabled` (by the gateway), `channel_test_failed`, `model_down` (no channel can be asked),
    /// `model_unpriced` (calls are refused), `certificate_failing` (the authority gives none), and for root `root_without_factor`, `address_unset`, `mail_unset`.
    kind: &'static str,
    /// `bad`: callers are refused; `warn`: they may be; `hint`: safer otherwise.
    severity: &'static str,
    /// Of the channel; else 0.
    id: i64,
    /// Of the channel or model.
    name: String,
    /// Why, in the gateway's words.
    detail: String,
    /// The configuration file declares the channel: it is paused there.
    owned_by_file: bool,
}

#[derive(Serialize, ToSchema)]
pub struct Alerts {
    /// How many channels there are, and how many of them can't be asked though nobody paused them.
    channels: i64,
    failing: i64,
    alerts: Vec<Alert>,
    /// How many more there are than are told.
    more: usize,
}

fn alert(kind: &'static str, severity: &'static str, name: &str) -> Alert {
    Alert { kind, severity, id: 0, name: name.to_owned(), detail: String::new(), owned_by_file: false }
}

fn of_channel(kind: &'static str, row: &ChannelRow, detail: &str) -> Alert {
    let name = row.channel.name.clone();
    let owned_by_file = row.owner == FILE;
    Alert { kind, severity: "warn", id: row.channel.id.0, name, detail: detail.to_owned(), owned_by_file }
}

/// Hosts that the authority gives no certificate for.
async fn of_certificates(deps: &Deps) -> Result<Vec<Alert>> {
    let hosts = deps.live.ordered_hosts();
    if hosts.is_empty() {
        return Ok(Vec::new());
    }
    let now = chrono::Utc::now().timestamp();
    let failed = deps.store.failed_orders().await?;
    let ours = failed.into_iter().filter(|(host, ..)| hosts.contains(host));
    let told = ours.take(SHOWN).map(|(host, failure, until)| {
        // With the one they have they are served meanwhile.
        let severity = if until > now { "warn" } else { "bad" };
        Alert { detail: failure, ..alert("certificate_failing", severity, &host) }
    });
    Ok(told.collect())
}

/// What is wrong with the settings, for root.
fn of_options(options: &Options, factor: bool) -> Vec<Alert> {
    let mut all = Vec::new();
    if !factor {
        all.push(alert("root_without_factor", "hint", ""));
    }
    if !options.is_set("ServerAddress") {
        all.push(alert("address_unset", "hint", ""));
    }
    let mails = options.bool("RegisterEnabled") && options.bool("EmailVerificationEnabled");
    if mails && options.text("SMTPServer").is_empty() {
        all.push(alert("mail_unset", "bad", ""));
    }
    all
}

/// What is wrong now. Channels' health is this node's.
pub async fn list(caller: Caller<Admin>, deps: web::Data<Deps>) -> Result<Answer<Alerts>> {
    let page = || Page { offset: 0, limit: SHOWN as i64, order: String::new() };
    let facets = deps.store.channel_facets().await?;
    let resting: Vec<i64> = deps.live.resting().into_iter().map(|id| id.0).collect();
    let disabled = ChannelFilter { status: Some(3), ..ChannelFilter::default() };
    let (disabled, disabled_count) = deps.store.channels(page(), disabled).await?;
    let failed = ChannelFilter { test_failed: true, except: resting.clone(), ..ChannelFilter::default() };
    let (failed, failed_count) = deps.store.channels(page(), failed).await?;
    let rested = ChannelFilter { ids: Some(resting), ..ChannelFilter::default() };
    let (rested, resting_count) = deps.store.channels(page(), rested).await?;
    let channels = facets.statuses.values().sum();
    let mut bad = Vec::new();
    if channels == 0 {
        bad.push(alert("no_channel", "bad", ""));
    }
    bad.extend(deps.live.models_down().iter().map(|model| alert("model_down", "bad", model)));
    bad.extend(deps.live.unpriced().iter().map(|model| alert("model_unpriced", "bad", model)));
    let mut more = bad.len().saturating_sub(SHOWN);
    bad.truncate(SHOWN);
    let mut alerts = bad;
    let reason = |row: &ChannelRow| deps.live.health(ChannelId(row.channel.id.0)).1.unwrap_or_default();
    alerts.extend(rested.iter().map(|row| of_channel("channel_resting", row, reason(row))));
    alerts.extend(disabled.iter().map(|row| of_channel("channel_disabled", row, &row.disabled_reason)));
    alerts.extend(failed.iter().map(|row| of_channel("channel_test_failed", row, "")));
    alerts.extend(of_certificates(&deps).await?);
    more += usize::try_from(failed_count).unwrap_or(0).saturating_sub(failed.len());
    more += usize::try_from(resting_count).unwrap_or(0).saturating_sub(rested.len());
    more += usize::try_from(disabled_count).unwrap_or(0).saturating_sub(disabled.len());
    if caller.user.role >= Role::Root {
        let (options, _) = deps.store.options().await?;
        let factors = Factors::of(&deps, &caller.user).await?;
        alerts.extend(of_options(&options, factors.is_some()));
    }
    alerts.sort_by_key(|alert| ["bad", "warn", "hint"].iter().position(|s| *s == alert.severity));
    Ok(ok(Alerts { channels, failing: disabled_count + resting_count + failed_count, alerts, more }))
}

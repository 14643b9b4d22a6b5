//! Keeping many channels: rounds of tests and balances, the vendors' lists of models, copies, changes of many.

use crate::Deps;
use crate::answer::{Answer, Bare, bare, done, ok};
use crate::api::channels::{ChannelBody, apply, find, shown};
use crate::api::choice::ChannelChoice;
use crate::error::{self, ApiError, Result, bad_request, conflict, invalid, not_found};
use crate::extract::{Body, Query, typed};
use crate::guard::{Admin, Caller};
use crate::json::Channel;
use actix_web::web;
use magic_domain::channel::ChannelStatus;
use magic_domain::ids::ChannelId;
use magic_store::FILE;
use magic_store::channels::{ChannelRow, NewChannel};
use magic_store::users::Page;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeSet;
use utoipa::{IntoParams, ToSchema};

/// Channels of one change at most.
const BATCH_MAX: usize = 10_000;
/// What a change of many may set: nothing that ties a key to a host.
const BATCH_FIELDS: &[&str] = &[
    "status",
    "priority",
    "weight",
    "group",
    "models",
    "tags",
    "model_mapping",
    "limits",
    "timeouts",
    "system_prompt",
    "params",
];

fn vendor_fails(message: String) -> ApiError {
    error::make(502, "vendor_error", message)
}

#[derive(Default, Deserialize, IntoParams)]
#[serde(default)]
pub struct ScopeQuery {
    /// `all`, unless `disabled` is given.
    scope: String,
}

/// Begins to test all channels in the background; `?scope=disabled`: those that are disabled.
pub async fn test_all(
    _caller: Caller<Admin>,
    deps: web::Data<Deps>,
    query: Query<ScopeQuery>,
) -> Result<Answer<()>> {
    match deps.live.start_tests(&query.scope) {
        Some(true) => Ok(done()),
        Some(false) => Err(conflict("a test of the channels is under way")),
        None => Err(invalid("scope must be all or disabled")),
    }
}

/// Begins to ask for the balances of all enabled channels in the background.
pub async fn balances(_caller: Caller<Admin>, deps: web::Data<Deps>) -> Result<Answer<()>> {
    match deps.live.start_balances() {
        true => Ok(done()),
        false => Err(conflict("the balances are being asked for")),
    }
}

#[derive(Serialize, ToSchema)]
pub struct Balance {
    success: bool,
    message: &'static str,
    data: f64,
    /// In the vendor's currency.
    balance: f64,
}

/// The balance stands beside the envelope's members, as in one-api.
pub async fn balance(
    _caller: Caller<Admin>,
    deps: web::Data<Deps>,
    id: web::Path<i64>,
) -> Result<Bare<Balance>> {
    find(&deps, *id).await?;
    let balance = deps.live.balance(ChannelId(*id)).await.map_err(vendor_fails)?;
    Ok(bare(Balance { success: true, message: "", data: balance, balance }))
}

#[derive(Serialize, ToSchema)]
pub struct VendorModels {
    models: Vec<String>,
    /// What the channel does not offer yet.
    added: Vec<String>,
    /// What the channel offers and the vendor does not.
    removed: Vec<String>,
}

/// What the vendor offers now, against what the channel does: `{models, added, removed}`. A mapped name counts
/// by what it is mapped to. Nothing is changed: accept with `PUT /api/channel`.
pub async fn vendor_models(
    _caller: Caller<Admin>,
    deps: web::Data<Deps>,
    id: web::Path<i64>,
) -> Result<Answer<VendorModels>> {
    let row = find(&deps, *id).await?;
    let models = deps.live.vendor_models(ChannelId(*id)).await.map_err(vendor_fails)?;
    let theirs: BTreeSet<&str> = models.iter().map(String::as_str).collect();
    let ours: BTreeSet<&str> = row.channel.offered().map(|model| row.channel.upstream_model(model)).collect();
    let added = theirs.difference(&ours).map(ToString::to_string).collect();
    let removed = ours.difference(&theirs).map(ToString::to_string).collect();
    Ok(ok(VendorModels { added, removed, models }))
}

#[derive(Deserialize, ToSchema)]
pub struct CopyBody {
    name: Option<String>,
}

/// A copy under another name (`{"name"}`, else "… (copy)"), disabled until somebody enables it.
pub async fn copy(
    _caller: Caller<Admin>,
    deps: web::Data<Deps>,
    id: web::Path<i64>,
    Body(body): Body<CopyBody>,
) -> Result<Answer<Channel>> {
    let row = deps.store.channel_with_secrets(ChannelId(*id)).await?.ok_or_else(|| not_found("channel"))?;
    let name = body.name.filter(|name| !name.is_empty());
    let mut channel = row.channel;
    channel.name = name.unwrap_or_else(|| format!("{} (copy)", channel.name));
    channel.status = ChannelStatus::Disabled;
    let ids = deps.store.create_channels(vec![NewChannel { channel, other: row.other }]).await?;
    deps.live.reload().await?;
    let made = ids.first().copied().unwrap_or_default();
    Ok(ok(shown(&deps, &find(&deps, made.0).await?)))
}

#[derive(Deserialize, ToSchema)]
pub struct BatchBody {
    ids: Option<Vec<i64>>,
    tag: Option<String>,
    /// Every channel that these filters of the list choose, instead of `ids`.
    filter: Option<ChannelChoice>,
    /// How many channels the caller means: 409 when others have come or gone meanwhile.
    expected: Option<i64>,
    /// What is to be changed, as in `PUT /api/channel`.
    #[schema(value_type = Option<Object>)]
    set: Option<Map<String, Value>>,
    /// Deletes them instead.
    delete: Option<bool>,
}

#[derive(Serialize, ToSchema)]
pub struct Batched {
    ids: Vec<i64>,
    /// Left alone: the configuration file declares them.
    owned_by_file: Vec<i64>,
}

async fn chosen(deps: &Deps, body: BatchBody) -> Result<Vec<ChannelRow>> {
    let page = Page { offset: 0, limit: i64::from(i32::MAX), order: String::new() };
    let tag = body.tag.filter(|tag| !tag.is_empty());
    if body.ids.is_none() && tag.is_none() && body.filter.is_none() {
        return Err(bad_request("ids, tag or filter is missing"));
    }
    let mut filter = body.filter.unwrap_or_default().store(deps)?;
    if let Some(tag) = tag {
        filter.tag = tag;
    }
    if body.ids.is_some() {
        filter.ids = body.ids;
    }
    let (rows, _) = deps.store.channels(page, filter).await?;
    if body.expected.is_some_and(|expected| expected != rows.len() as i64) {
        return Err(conflict(format!("{} channels match by now: look at them again", rows.len())));
    }
    match rows.len() {
        0 => Err(not_found("such a channel")),
        count if count > BATCH_MAX => Err(invalid(format!("{BATCH_MAX} channels at most"))),
        _ => Ok(rows),
    }
}

/// `{"ids": […] and/or "tag": … or "filter": {…}, "set": {…}}` changes many channels at once; `"delete": true` deletes them. Those
/// that the configuration file declares are left alone. Answers with the ids of both.
pub async fn batch(
    _caller: Caller<Admin>,
    deps: web::Data<Deps>,
    Body(body): Body<BatchBody>,
) -> Result<Answer<Batched>> {
    let delete = body.delete == Some(true);
    let set = match body.set.clone() {
        Some(set) => set,
        None if delete => Map::new(),
        None => return Err(bad_request("set is missing")),
    };
    if let Some(other) = set.keys().find(|name| !BATCH_FIELDS.contains(&name.as_str())) {
        return Err(invalid(format!(
            "{other} can't be set for many; possible are {}",
            BATCH_FIELDS.join(", ")
        )));
    }
    let (owned, rows): (Vec<_>, Vec<_>) =
        chosen(&deps, body).await?.into_iter().partition(|row| row.owner == FILE);
    let ids = |rows: &[ChannelRow]| rows.iter().map(|row| row.channel.id.0).collect::<Vec<_>>();
    let set: ChannelBody = typed(set)?;
    // All are checked before the first is changed.
    let mut changes = Vec::new();
    let loaded = deps.store.load().await?;
    for row in &rows {
        let mut new = NewChannel { other: row.other.clone(), channel: row.channel.clone() };
        let secret = loaded.channels.iter().find(|channel| channel.id == row.channel.id);
        new.channel.proxy = secret.and_then(|channel| channel.proxy.clone());
        apply(&deps, &set, &mut new)?;
        changes.push((row.channel.id, new));
    }
    for (id, new) in changes {
        match delete {
            true => deps.store.delete_channel(id).await?,
            false => deps.store.update_channel(id, new).await.map(|_| ())?,
        }
    }
    deps.live.reload().await?;
    Ok(ok(Batched { ids: ids(&rows), owned_by_file: ids(&owned) }))
}

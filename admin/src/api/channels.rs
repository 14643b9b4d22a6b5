//! Channels.

use crate::Deps;
use crate::answer::{Answer, Bare, Listed, bare, done, list as listed, ok};
use crate::api::choice::ChannelQuery;
use crate::api::conformance::WithModel;
use crate::api::keys;
use crate::error::{Result, bad_request, conflict, invalid, not_found};
use crate::extract::{Body, Query};
use crate::guard::{Admin, AnyUser, Caller};
use crate::json;
use actix_web::web;
use magic_domain::channel::{Channel, ChannelStatus, Limits, Timeouts};
use magic_domain::ids::ChannelId;
use magic_domain::secret::Secret;
use magic_store::channels::{ChannelRow, NewChannel, config_of};
use magic_store::{FILE, split_list};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// Channels made by one call at most.
const BULK_MAX: usize = 1000;

pub(super) fn shown(deps: &Deps, row: &ChannelRow) -> json::Channel {
    json::channel(row, deps.live.health(row.channel.id))
}

pub async fn list(
    _caller: Caller<Admin>,
    deps: web::Data<Deps>,
    Query(query): Query<ChannelQuery>,
) -> Result<Listed<json::Channel>> {
    let (rows, total) = deps.store.channels(query.page(), query.filter.store(&deps)?).await?;
    Ok(listed(rows.iter().map(|row| shown(&deps, row)).collect(), total, i64::MAX))
}

pub(super) async fn find(deps: &Deps, id: i64) -> Result<ChannelRow> {
    deps.store.channel(ChannelId(id)).await?.ok_or_else(|| not_found("channel"))
}

pub async fn one(
    _caller: Caller<Admin>,
    deps: web::Data<Deps>,
    id: web::Path<i64>,
) -> Result<Answer<json::Channel>> {
    Ok(ok(shown(&deps, &find(&deps, *id).await?)))
}

/// A list given as comma-separated text (one-api) or as a JSON list.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(untagged, expecting = "must be a text with commas, or a list of texts")]
pub enum Names {
    Text(String),
    List(Vec<String>),
}

impl Names {
    fn list(&self) -> Vec<String> {
        match self {
            Names::Text(text) => split_list(text),
            Names::List(list) => list.clone(),
        }
    }
}

/// A channel to be made or changed; only what is named changes. Objects may be given as such, or as their text.
#[derive(Deserialize, ToSchema)]
pub struct ChannelBody {
    /// Of the channel to be changed.
    pub id: Option<i64>,
    pub r#type: Option<i64>,
    /// Several lines make several channels, or with `multi_key` one with several keys.
    pub key: Option<String>,
    /// Of a new channel: it has all of the keys.
    pub multi_key: Option<bool>,
    /// Of a new channel with several, instead of the lines of `key`.
    pub keys: Option<Vec<String>>,
    pub name: Option<String>,
    /// 1 enabled, 2 disabled.
    pub status: Option<i64>,
    /// Another host without a new key leaves the channel without one.
    pub base_url: Option<String>,
    pub models: Option<Names>,
    pub group: Option<Names>,
    pub tags: Option<Names>,
    /// Requested name → the vendor's.
    pub model_mapping: Option<Value>,
    pub config: Option<Value>,
    pub priority: Option<i64>,
    pub weight: Option<i64>,
    pub system_prompt: Option<String>,
    /// `http://`, `https://` or `socks5://` URL that calls go through.
    pub proxy: Option<String>,
    /// PEM of certificates to trust instead of the system's.
    pub ca: Option<String>,
    pub other: Option<String>,
    pub limits: Option<Value>,
    pub timeouts: Option<Value>,
    pub headers: Option<Value>,
    pub params: Option<Value>,
}

/// A JSON value given as such, or as its text (one-api keeps objects in strings).
fn nested<T: DeserializeOwned + Default>(value: &Option<Value>, key: &str) -> Result<Option<T>> {
    let value = match value {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::String(text)) if text.trim().is_empty() => return Ok(Some(T::default())),
        Some(Value::String(text)) => {
            serde_json::from_str(text).map_err(|error| invalid(format!("{key} is no valid JSON: {error}")))?
        }
        Some(other) => other.clone(),
    };
    serde_json::from_value(value).map(Some).map_err(|error| invalid(format!("{key}: {error}")))
}

/// Applies a body to a channel.
pub(super) fn apply(deps: &Deps, body: &ChannelBody, new: &mut NewChannel) -> Result<()> {
    let channel = &mut new.channel;
    if let Some(kind) = body.r#type {
        channel.kind = u16::try_from(kind)
            .ok()
            .filter(|kind| *kind > 0)
            .ok_or_else(|| invalid("type is out of range"))?;
    }
    if let Some(name) = &body.name {
        channel.name.clone_from(name);
    }
    if let Some(status) = body.status {
        channel.status = ChannelStatus::from(status);
    }
    if let Some(url) = &body.base_url {
        if !url.trim().is_empty() {
            deps.live.check_base_url(url).map_err(invalid)?;
        }
        channel.base_url = url.trim().to_owned();
    }
    if let Some(models) = &body.models {
        channel.models = models.list();
    }
    if let Some(groups) = &body.group {
        channel.groups = groups.list();
    }
    if let Some(tags) = &body.tags {
        channel.tags = tags.list();
    }
    if let Some(mapping) = nested::<BTreeMap<String, String>>(&body.model_mapping, "model_mapping")? {
        channel.model_mapping = mapping;
    }
    if let Some(config) = nested::<Map<String, Value>>(&body.config, "config")? {
        channel.config = config_of(&Value::Object(config).to_string());
    }
    if let Some(priority) = body.priority {
        channel.priority = priority;
    }
    if let Some(weight) = body.weight {
        channel.weight = u32::try_from(weight).map_err(|_| invalid("weight is out of range"))?;
    }
    if let Some(prompt) = &body.system_prompt {
        channel.system_prompt = Some(prompt.clone()).filter(|prompt| !prompt.is_empty());
    }
    if let Some(proxy) = &body.proxy {
        channel.proxy = Some(proxy.clone()).filter(|proxy| !proxy.is_empty());
    }
    if let Some(ca) = &body.ca {
        channel.ca_pem = Some(ca.clone()).filter(|ca| !ca.is_empty());
    }
    if let Some(other) = &body.other {
        new.other.clone_from(other);
    }
    if let Some(limits) = nested::<Limits>(&body.limits, "limits")? {
        channel.limits = limits;
    }
    if let Some(timeouts) = nested::<Timeouts>(&body.timeouts, "timeouts")? {
        channel.timeouts = timeouts;
    }
    if let Some(headers) = nested::<BTreeMap<String, String>>(&body.headers, "headers")? {
        channel.headers = headers;
    }
    if let Some(params) = nested::<Map<String, Value>>(&body.params, "params")? {
        channel.params = params;
    }
    if channel.groups.is_empty() {
        channel.groups = vec!["default".to_owned()];
    }
    // one-api's older field, where the config has no value of its own.
    if !new.other.is_empty() && channel.kind == 3 && !channel.config.contains_key("api_version") {
        channel.config.insert("api_version".to_owned(), new.other.clone());
    }
    Ok(())
}

#[derive(Serialize, ToSchema)]
pub struct MadeChannels {
    ids: Vec<i64>,
}

/// Makes a channel, or one for each line of `key`; with `multi_key` one with all of these keys.
pub async fn create(
    _caller: Caller<Admin>,
    deps: web::Data<Deps>,
    Body(body): Body<ChannelBody>,
) -> Result<Answer<MadeChannels>> {
    let mut new = NewChannel {
        other: String::new(),
        channel: Channel {
            id: ChannelId(0),
            kind: 1,
            name: String::new(),
            status: ChannelStatus::Enabled,
            key: Secret::default(),
            key_id: 0,
            keys: vec![],
            base_url: String::new(),
            models: vec![],
            model_mapping: BTreeMap::new(),
            groups: vec![],
            priority: 0,
            weight: 0,
            tags: vec![],
            system_prompt: None,
            proxy: None,
            ca_pem: None,
            limits: Limits::default(),
            timeouts: Timeouts::default(),
            headers: BTreeMap::new(),
            params: Map::new(),
            config: BTreeMap::new(),
        },
    };
    apply(&deps, &body, &mut new)?;
    if body.multi_key == Some(true) || body.keys.is_some() {
        new.channel.keys = keys::fresh(keys::given(body.keys, body.key)?);
        if new.channel.keys.is_empty() {
            return Err(invalid("a channel with several keys needs one at least"));
        }
        let ids = deps.store.create_channels(vec![new]).await?;
        deps.live.reload().await?;
        return Ok(ok(MadeChannels { ids: ids.into_iter().map(|id| id.0).collect() }));
    }
    let keys = body.key.unwrap_or_default();
    let mut keys: Vec<&str> = keys.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    if keys.is_empty() {
        keys.push("");
    }
    if keys.len() > BULK_MAX {
        return Err(invalid(format!("{BULK_MAX} channels at most can be made at once")));
    }
    let all = keys
        .into_iter()
        .map(|key| {
            let mut channel = new.clone();
            channel.channel.key = Secret::new(key);
            channel
        })
        .collect();
    let ids = deps.store.create_channels(all).await?;
    deps.live.reload().await?;
    Ok(ok(MadeChannels { ids: ids.into_iter().map(|id| id.0).collect() }))
}

/// Changes what the body names. A new host without a new key leaves the channel without one.
pub async fn update(
    _caller: Caller<Admin>,
    deps: web::Data<Deps>,
    Body(body): Body<ChannelBody>,
) -> Result<Answer<json::Channel>> {
    let id = body.id.ok_or_else(|| bad_request("id is missing"))?;
    let before = find(&deps, id).await?;
    if before.owner == FILE {
        return Err(conflict("this channel is declared in the configuration file"));
    }
    let before_keys = before.key_count;
    let mut new = NewChannel { other: before.other.clone(), channel: before.channel };
    if before.has_proxy {
        // Sealed with the rest: it has to be taken along, unless the body sets another.
        let opened = deps.store.channel_with_secrets(ChannelId(id)).await.ok().flatten();
        new.channel.proxy = opened.and_then(|row| row.channel.proxy);
    }
    apply(&deps, &body, &mut new)?;
    new.channel.key = Secret::new(body.key.as_deref().unwrap_or_default().trim());
    if before_keys > 0 && !new.channel.key.is_empty() {
        return Err(conflict("this channel has several keys: they are added and deleted one by one"));
    }
    let row = deps.store.update_channel(ChannelId(id), new).await?;
    deps.live.reload().await?;
    Ok(ok(shown(&deps, &row)))
}

pub async fn delete(_caller: Caller<Admin>, deps: web::Data<Deps>, id: web::Path<i64>) -> Result<Answer<()>> {
    if find(&deps, *id).await?.owner == FILE {
        return Err(conflict("this channel is declared in the configuration file"));
    }
    deps.store.delete_channel(ChannelId(*id)).await?;
    deps.live.reload().await?;
    Ok(done())
}

pub async fn delete_disabled(_caller: Caller<Admin>, deps: web::Data<Deps>) -> Result<Answer<u64>> {
    let count = deps.store.delete_disabled_channels().await?;
    deps.live.reload().await?;
    Ok(ok(count))
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Tested {
    success: bool,
    message: String,
    /// Seconds.
    time: f64,
    model_name: String,
}

/// Calls the channel for real. The answer has no envelope around its members, as in one-api.
pub async fn test(
    _caller: Caller<Admin>,
    deps: web::Data<Deps>,
    id: web::Path<i64>,
    Query(query): Query<WithModel>,
) -> Result<Bare<Tested>> {
    find(&deps, *id).await?;
    let outcome = deps.live.test_channel(ChannelId(*id), query.get()).await;
    deps.store
        .channel_tested(ChannelId(*id), outcome.ok, &outcome.model, outcome.seconds, &outcome.message)
        .await?;
    Ok(bare(Tested {
        success: outcome.ok,
        message: outcome.message,
        time: outcome.seconds,
        model_name: outcome.model,
    }))
}

/// `{type: [model, …]}`.
pub async fn known_models(
    _caller: Caller<AnyUser>,
    deps: web::Data<Deps>,
) -> Result<Answer<BTreeMap<String, Vec<String>>>> {
    let lists = deps.live.model_lists().into_iter();
    Ok(ok(lists.map(|(kind, _, _, models)| (kind.to_string(), models.to_vec())).collect()))
}

#[derive(Serialize, ToSchema)]
pub struct ChannelType {
    r#type: u16,
    name: &'static str,
    /// What a channel without a base URL uses.
    base_url: &'static str,
}

pub async fn types(_caller: Caller<Admin>, deps: web::Data<Deps>) -> Result<Answer<Vec<ChannelType>>> {
    let types = deps.live.model_lists().into_iter();
    Ok(ok(types.map(|(kind, name, base_url, _)| ChannelType { r#type: kind, name, base_url }).collect()))
}

#[derive(Serialize, ToSchema)]
pub struct KnownModel {
    id: String,
    object: &'static str,
    created: i64,
    owned_by: &'static str,
    /// Always empty; one-api's clients expect the member.
    permission: Vec<String>,
    root: String,
    parent: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub struct KnownModels {
    object: &'static str,
    data: Vec<KnownModel>,
}

/// Every known model as OpenAI lists them, without the envelope (one-api's shape).
pub async fn openai_models(_caller: Caller<Admin>, deps: web::Data<Deps>) -> Result<Bare<KnownModels>> {
    let mut owners = BTreeMap::new();
    for (_, vendor, _, models) in deps.live.model_lists() {
        for model in models {
            owners.entry(model.clone()).or_insert(vendor);
        }
    }
    let data = owners.into_iter().map(|(name, vendor)| KnownModel {
        id: name.clone(),
        object: "model",
        created: 1_626_777_600,
        owned_by: vendor,
        permission: vec![],
        root: name,
        parent: None,
    });
    Ok(bare(KnownModels { object: "list", data: data.collect() }))
}

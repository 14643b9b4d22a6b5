//! Channels.

use crate::Deps;
use crate::error::{self, Result, bad_request, conflict, invalid, not_found, ok};
use crate::extract::{ListQuery, Members, object, parameter};
use crate::guard::{Admin, AnyUser, Caller};
use crate::json;
use actix_web::{HttpRequest, HttpResponse, web};
use magic_domain::channel::{Channel, ChannelStatus, Limits, Timeouts};
use magic_domain::ids::ChannelId;
use magic_domain::secret::Secret;
use magic_store::channels::{ChannelRow, NewChannel, config_of};
use magic_store::{FILE, split_list};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json as value};
use std::collections::BTreeMap;

/// Channels made by one call at most.
const BULK_MAX: usize = 1000;

pub(super) fn shown(deps: &Deps, row: &ChannelRow) -> Value {
    json::channel(row, deps.live.health(row.channel.id))
}

pub async fn list(
    _caller: Caller<Admin>,
    request: HttpRequest,
    deps: web::Data<Deps>,
) -> Result<HttpResponse> {
    let query = ListQuery::of(&request);
    let (rows, total) = deps.store.channels(query.page(), query.keyword).await?;
    Ok(error::list(rows.iter().map(|row| shown(&deps, row)).collect::<Vec<_>>(), total, i64::MAX))
}

pub(super) async fn find(deps: &Deps, id: i64) -> Result<ChannelRow> {
    deps.store.channel(ChannelId(id)).await?.ok_or_else(|| not_found("channel"))
}

pub async fn one(_caller: Caller<Admin>, deps: web::Data<Deps>, id: web::Path<i64>) -> Result<HttpResponse> {
    Ok(ok(shown(&deps, &find(&deps, *id).await?)))
}

/// A list given as comma-separated text (one-api) or as a JSON list.
fn names(body: &Map<String, Value>, key: &str) -> Result<Option<Vec<String>>> {
    match body.get(key) {
        Some(Value::Array(items)) => {
            let texts: Option<Vec<String>> =
                items.iter().map(|item| item.as_str().map(str::to_owned)).collect();
            texts.map(Some).ok_or_else(|| bad_request(format!("{key} must be a list of texts")))
        }
        _ => Ok(body.text(key)?.map(|text| split_list(&text))),
    }
}

/// A JSON value given as such, or as its text (one-api keeps objects in strings).
fn nested<T: DeserializeOwned + Default>(body: &Map<String, Value>, key: &str) -> Result<Option<T>> {
    let value = match body.get(key) {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::String(text)) if text.trim().is_empty() => return Ok(Some(T::default())),
        Some(Value::String(text)) => {
            serde_json::from_str(text).map_err(|error| invalid(format!("{key} is no valid JSON: {error}")))?
        }
        Some(other) => other.clone(),
    };
    serde_json::from_value(value).map(Some).map_err(|error| invalid(format!("{key}: {error}")))
}

/// Applies a body to a channel; only what it names changes.
pub(super) fn apply(deps: &Deps, body: &Map<String, Value>, new: &mut NewChannel) -> Result<()> {
    let channel = &mut new.channel;
    if let Some(kind) = body.int("type")? {
        channel.kind = u16::try_from(kind)
            .ok()
            .filter(|kind| *kind > 0)
            .ok_or_else(|| invalid("type is out of range"))?;
    }
    if let Some(name) = body.text("name")? {
        channel.name = name;
    }
    if let Some(status) = body.int("status")? {
        channel.status = ChannelStatus::from(status);
    }
    if let Some(url) = body.text("base_url")? {
        if !url.trim().is_empty() {
            deps.live.check_base_url(&url).map_err(invalid)?;
        }
        channel.base_url = url.trim().to_owned();
    }
    if let Some(models) = names(body, "models")? {
        channel.models = models;
    }
    if let Some(groups) = names(body, "group")? {
        channel.groups = groups;
    }
    if let Some(tags) = names(body, "tags")? {
        channel.tags = tags;
    }
    if let Some(mapping) = nested::<BTreeMap<String, String>>(body, "model_mapping")? {
        channel.model_mapping = mapping;
    }
    if let Some(config) = nested::<Map<String, Value>>(body, "config")? {
        channel.config = config_of(&Value::Object(config).to_string());
    }
    if let Some(priority) = body.int("priority")? {
        channel.priority = priority;
    }
    if let Some(weight) = body.int("weight")? {
        channel.weight = u32::try_from(weight).map_err(|_| invalid("weight is out of range"))?;
    }
    if let Some(prompt) = body.text("system_prompt")? {
        channel.system_prompt = Some(prompt).filter(|prompt| !prompt.is_empty());
    }
    if let Some(proxy) = body.text("proxy")? {
        channel.proxy = Some(proxy).filter(|proxy| !proxy.is_empty());
    }
    if let Some(ca) = body.text("ca")? {
        channel.ca_pem = Some(ca).filter(|ca| !ca.is_empty());
    }
    if let Some(other) = body.text("other")? {
        new.other = other;
    }
    if let Some(limits) = nested::<Limits>(body, "limits")? {
        channel.limits = limits;
    }
    if let Some(timeouts) = nested::<Timeouts>(body, "timeouts")? {
        channel.timeouts = timeouts;
    }
    if let Some(headers) = nested::<BTreeMap<String, String>>(body, "headers")? {
        channel.headers = headers;
    }
    if let Some(params) = nested::<Map<String, Value>>(body, "params")? {
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

/// Makes a channel, or one for each line of `key`.
pub async fn create(_caller: Caller<Admin>, deps: web::Data<Deps>, body: web::Bytes) -> Result<HttpResponse> {
    let body = object(&body)?;
    let mut new = NewChannel {
        other: String::new(),
        channel: Channel {
            id: ChannelId(0),
            kind: 1,
            name: String::new(),
            status: ChannelStatus::Enabled,
            key: Secret::default(),
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
    let keys = body.text("key")?.unwrap_or_default();
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
    Ok(ok(value!({ "ids": ids })))
}

/// Changes what the body names. A new host without a new key leaves the channel without one.
pub async fn update(_caller: Caller<Admin>, deps: web::Data<Deps>, body: web::Bytes) -> Result<HttpResponse> {
    let body = object(&body)?;
    let id = body.int("id")?.ok_or_else(|| bad_request("id is missing"))?;
    let before = find(&deps, id).await?;
    if before.owner == FILE {
        return Err(conflict("this channel is declared in the configuration file"));
    }
    let mut new = NewChannel { other: before.other.clone(), channel: before.channel };
    if before.has_proxy {
        // Sealed with the rest: it has to be taken along, unless the body sets another.
        let opened = deps.store.channel_with_secrets(ChannelId(id)).await.ok().flatten();
        new.channel.proxy = opened.and_then(|row| row.channel.proxy);
    }
    apply(&deps, &body, &mut new)?;
    new.channel.key = Secret::new(body.text("key")?.unwrap_or_default().trim());
    let row = deps.store.update_channel(ChannelId(id), new).await?;
    deps.live.reload().await?;
    Ok(ok(shown(&deps, &row)))
}

pub async fn delete(
    _caller: Caller<Admin>,
    deps: web::Data<Deps>,
    id: web::Path<i64>,
) -> Result<HttpResponse> {
    if find(&deps, *id).await?.owner == FILE {
        return Err(conflict("this channel is declared in the configuration file"));
    }
    deps.store.delete_channel(ChannelId(*id)).await?;
    deps.live.reload().await?;
    Ok(ok(Value::Null))
}

pub async fn delete_disabled(_caller: Caller<Admin>, deps: web::Data<Deps>) -> Result<HttpResponse> {
    let count = deps.store.delete_disabled_channels().await?;
    deps.live.reload().await?;
    Ok(ok(count))
}

/// Calls the channel for real. The answer has no envelope around its members, as in one-api.
pub async fn test(
    _caller: Caller<Admin>,
    request: HttpRequest,
    deps: web::Data<Deps>,
    id: web::Path<i64>,
) -> Result<HttpResponse> {
    find(&deps, *id).await?;
    let model = parameter(&request, "model").filter(|model| !model.is_empty());
    let outcome = deps.live.test_channel(ChannelId(*id), model).await;
    deps.store
        .channel_tested(ChannelId(*id), outcome.ok, &outcome.model, outcome.seconds, &outcome.message)
        .await?;
    Ok(HttpResponse::Ok().json(value!({
        "success": outcome.ok, "message": outcome.message, "time": outcome.seconds, "modelName": outcome.model,
    })))
}

/// `{type: [model, …]}`.
pub async fn known_models(_caller: Caller<AnyUser>, deps: web::Data<Deps>) -> Result<HttpResponse> {
    let lists: BTreeMap<String, &[String]> =
        deps.live.model_lists().into_iter().map(|(kind, _, _, models)| (kind.to_string(), models)).collect();
    Ok(ok(lists))
}

/// The channel types: number, name, default base URL.
pub async fn types(_caller: Caller<Admin>, deps: web::Data<Deps>) -> Result<HttpResponse> {
    let types: Vec<Value> = deps
        .live
        .model_lists()
        .into_iter()
        .map(|(kind, name, base_url, _)| value!({ "type": kind, "name": name, "base_url": base_url }))
        .collect();
    Ok(ok(types))
}

/// Every known model as OpenAI lists them, without the envelope (one-api's shape).
pub async fn openai_models(_caller: Caller<Admin>, deps: web::Data<Deps>) -> Result<HttpResponse> {
    let mut seen = std::collections::BTreeSet::new();
    for (_, _, _, models) in deps.live.model_lists() {
        seen.extend(models.iter().cloned());
    }
    let data: Vec<Value> = seen
        .into_iter()
        .map(|name| value!({ "id": name, "object": "model", "created": 1626777600, "owned_by": "", "root": name, "parent": null }))
        .collect();
    Ok(HttpResponse::Ok().json(value!({ "object": "list", "data": data })))
}

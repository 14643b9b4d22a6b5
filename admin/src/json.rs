//! The JSON of rows: one-api's names, and ours beside them. No secret is in any of them.

use magic_domain::channel::{Limits, Timeouts};
use magic_store::channels::ChannelRow;
use magic_store::logs::LogRow;
use magic_store::tokens::TokenRow;
use magic_store::users::UserRow;
use serde::Serialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// An account. `access_token`, `password` and `verification_code` are always blank: scripts of one-api expect
/// the keys.
#[derive(Serialize, ToSchema)]
pub struct User {
    pub id: i64,
    pub username: String,
    pub password: &'static str,
    pub display_name: String,
    /// 1 user, 10 administrator, 100 root.
    pub role: i64,
    /// 1 enabled, 2 disabled, 3 deleted.
    pub status: i64,
    pub email: String,
    pub github_id: String,
    pub wechat_id: String,
    pub lark_id: String,
    pub oidc_id: String,
    pub verification_code: &'static str,
    pub access_token: &'static str,
    /// The last characters of the access token, if there is one.
    pub access_token_tail: String,
    /// The balance; 500,000 are a dollar.
    pub quota: i64,
    pub used_quota: i64,
    pub request_count: i64,
    pub group: String,
    pub aff_code: String,
    pub inviter_id: i64,
    /// The balance in dollars, as decimal text.
    pub balance_usd: String,
    pub must_change_password: bool,
    /// `file`: declared in the configuration file, and changed there.
    pub owner: String,
    pub created_time: i64,
    #[schema(value_type = Object)]
    pub limits: Limits,
}

pub fn user(row: &UserRow) -> User {
    User {
        id: row.id.0,
        username: row.username.clone(),
        password: "",
        display_name: row.display_name.clone(),
        role: row.role.into(),
        status: row.status,
        email: row.email.clone(),
        github_id: row.github_id.clone(),
        wechat_id: row.wechat_id.clone(),
        lark_id: row.lark_id.clone(),
        oidc_id: row.oidc_id.clone(),
        verification_code: "",
        access_token: "",
        access_token_tail: row.access_token_tail.clone(),
        quota: row.balance.to_quota(),
        used_quota: row.used.to_quota_ceil(),
        request_count: row.request_count,
        group: row.group.clone(),
        aff_code: row.aff_code.clone(),
        inviter_id: row.inviter_id,
        balance_usd: row.balance.usd().to_string(),
        must_change_password: row.must_change,
        owner: row.owner.clone(),
        created_time: row.created_time,
        limits: row.limits.clone(),
    }
}

/// A key that works on for a while after it has been replaced.
#[derive(Serialize, ToSchema)]
pub struct OldKey {
    pub tail: String,
    /// Unix seconds.
    pub until: i64,
}

/// A token. The key is masked; the answer that makes one holds the whole, once.
#[derive(Serialize, ToSchema)]
pub struct Token {
    pub id: i64,
    pub user_id: i64,
    pub key: String,
    /// 1 enabled, 2 disabled, 3 expired, 4 used up.
    pub status: i64,
    pub name: String,
    pub created_time: i64,
    pub accessed_time: i64,
    /// Unix seconds; -1 never.
    pub expired_time: i64,
    pub remain_quota: i64,
    pub unlimited_quota: bool,
    pub used_quota: i64,
    /// Comma-separated; empty: all.
    pub models: String,
    /// Comma-separated networks; empty: any.
    pub subnet: String,
    /// Comma-separated, in order; empty: the user's group.
    pub groups: String,
    #[schema(value_type = Object)]
    pub limits: Limits,
    pub owner: String,
    /// The key before the last rotation, while it works.
    pub old_key: Option<OldKey>,
    /// The bodies of its calls are kept, while the option `BodyCaptureEnabled` allows it.
    pub capture: bool,
}

pub fn token(row: &TokenRow, now: i64) -> Token {
    let masked = match (row.key_prefix.is_empty(), row.key_tail.is_empty()) {
        (false, false) => format!("sk-{}…{}", row.key_prefix, row.key_tail),
        _ => "sk-…".to_owned(),
    };
    Token {
        id: row.id.0,
        user_id: row.user_id.0,
        key: masked,
        status: row.status_now(now),
        name: row.name.clone(),
        created_time: row.created_time,
        accessed_time: row.accessed_time,
        expired_time: row.expired_time,
        remain_quota: row.remain.to_quota(),
        unlimited_quota: row.unlimited,
        used_quota: row.used.to_quota_ceil(),
        models: row.models.clone(),
        subnet: row.subnet.clone(),
        groups: row.groups.clone(),
        limits: row.limits.clone(),
        owner: row.owner.clone(),
        old_key: row.old_key(now).map(|old| OldKey { tail: row.old_tail.clone(), until: old.until }),
        capture: row.capture,
    }
}

/// How a channel fares right now.
#[derive(Serialize, ToSchema)]
pub struct Health {
    pub state: &'static str,
    pub reason: Option<&'static str>,
}

/// A channel; `key` is always blank.
#[derive(Serialize, ToSchema)]
pub struct Channel {
    pub id: i64,
    pub r#type: u16,
    pub key: &'static str,
    /// The last characters of the key.
    pub key_tail: String,
    /// How many keys it has; more than one have states of their own.
    pub key_count: i64,
    /// 1 enabled, 2 disabled by a person, 3 disabled by itself.
    pub status: i64,
    pub name: String,
    pub weight: u32,
    pub created_time: i64,
    pub test_time: i64,
    /// Of the last test, in milliseconds.
    pub response_time: i64,
    pub base_url: String,
    pub other: String,
    /// In the vendor's currency.
    pub balance: f64,
    pub balance_updated_time: i64,
    /// Comma-separated.
    pub models: String,
    /// Comma-separated.
    pub group: String,
    pub used_quota: i64,
    /// A JSON object as text.
    pub model_mapping: String,
    /// Higher is tried first.
    pub priority: i64,
    /// A JSON object as text; secrets in it are blank.
    pub config: String,
    pub system_prompt: Option<String>,
    pub tags: Vec<String>,
    pub has_proxy: bool,
    /// PEM of certificates to trust instead of the system's.
    pub ca: Option<String>,
    #[schema(value_type = Object)]
    pub limits: Limits,
    #[schema(value_type = Object)]
    pub timeouts: Timeouts,
    pub headers: BTreeMap<String, String>,
    #[schema(value_type = Object)]
    pub params: Map<String, Value>,
    pub owner: String,
    pub disabled_reason: String,
    pub health: Health,
}

pub fn channel(row: &ChannelRow, health: (&'static str, Option<&'static str>)) -> Channel {
    let c = &row.channel;
    let text = |value: serde_json::Result<String>| value.unwrap_or_default();
    let mapping = if c.model_mapping.is_empty() {
        String::new()
    } else {
        text(serde_json::to_string(&c.model_mapping))
    };
    Channel {
        id: c.id.0,
        r#type: c.kind,
        key: "",
        key_tail: row.key_tail.clone(),
        key_count: row.key_count.max(1),
        status: c.status.into(),
        name: c.name.clone(),
        weight: c.weight,
        created_time: row.created_time,
        test_time: row.test_time,
        response_time: row.response_time,
        base_url: c.base_url.clone(),
        other: row.other.clone(),
        balance: row.balance,
        balance_updated_time: row.balance_updated_time,
        models: c.models.join(","),
        group: c.groups.join(","),
        used_quota: row.used.to_quota_ceil(),
        model_mapping: mapping,
        priority: c.priority,
        config: text(serde_json::to_string(&c.config)),
        system_prompt: c.system_prompt.clone(),
        tags: c.tags.clone(),
        has_proxy: row.has_proxy,
        ca: c.ca_pem.clone(),
        limits: c.limits.clone(),
        timeouts: c.timeouts,
        headers: c.headers.clone(),
        params: c.params.clone(),
        owner: row.owner.clone(),
        disabled_reason: row.disabled_reason.clone(),
        health: Health { state: health.0, reason: health.1 },
    }
}

/// A row of the log.
#[derive(Serialize, ToSchema)]
pub struct Log {
    pub id: i64,
    pub user_id: i64,
    pub created_at: i64,
    /// 1 top-up, 2 consumption, 3 management, 4 system, 5 a channel's test.
    pub r#type: i64,
    pub content: String,
    pub username: String,
    pub token_name: String,
    pub model_name: String,
    pub quota: i64,
    pub prompt_tokens: i64,
    pub completion_tokens: i64,
    /// 0 for those who may not know.
    pub channel: i64,
    pub request_id: String,
    /// Milliseconds.
    pub elapsed_time: i64,
    pub is_stream: bool,
    pub system_prompt_reset: bool,
    /// In dollars, as decimal text.
    pub cost_usd: String,
    /// `estimated`, `unpriced` and the like.
    pub mark: String,
    pub status: i64,
    pub error: String,
    pub endpoint: String,
    /// Usage, prices, timings and attempts.
    pub detail: Value,
}

/// `mine`: for its own user, without what only administrators may know.
pub fn log(row: &LogRow, mine: bool) -> Log {
    let mut detail = crate::answer::kept(&row.detail);
    if mine && let Some(members) = detail.as_object_mut() {
        members.remove("attempts");
    }
    Log {
        id: row.id,
        user_id: row.user_id,
        created_at: row.created_at,
        r#type: row.kind,
        content: row.content.clone(),
        username: row.username.clone(),
        token_name: row.token_name.clone(),
        model_name: row.model_name.clone(),
        quota: row.quota,
        prompt_tokens: row.prompt_tokens,
        completion_tokens: row.completion_tokens,
        channel: if mine { 0 } else { row.channel_id },
        request_id: row.request_id.clone(),
        elapsed_time: row.elapsed_time,
        is_stream: row.is_stream,
        system_prompt_reset: row.system_prompt_reset,
        cost_usd: row.cost.usd().to_string(),
        mark: row.mark.clone(),
        status: row.status,
        error: row.error.clone(),
        endpoint: row.endpoint.clone(),
        detail,
    }
}

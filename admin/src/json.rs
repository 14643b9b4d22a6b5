//! The JSON of rows: one-api's names, and ours beside them. No secret is in any of them.

use magic_store::channels::ChannelRow;
use magic_store::logs::LogRow;
use magic_store::tokens::TokenRow;
use magic_store::users::UserRow;
use serde_json::{Value, json};

/// An account. `access_token` and `password` are always blank: scripts of one-api expect the keys.
pub fn user(row: &UserRow) -> Value {
    json!({
        "id": row.id, "username": row.username, "password": "", "display_name": row.display_name,
        "role": i64::from(row.role), "status": row.status, "email": row.email, "github_id": row.github_id,
        "wechat_id": row.wechat_id, "lark_id": row.lark_id, "oidc_id": row.oidc_id, "verification_code": "",
        "access_token": "", "access_token_tail": row.access_token_tail, "quota": row.balance.to_quota(),
        "used_quota": row.used.to_quota_ceil(), "request_count": row.request_count, "group": row.group,
        "aff_code": row.aff_code, "inviter_id": row.inviter_id, "balance_usd": row.balance.usd().to_string(),
        "must_change_password": row.must_change, "owner": row.owner, "created_time": row.created_time,
    })
}

/// What a sign-in tells of the account.
pub fn user_brief(row: &UserRow) -> Value {
    json!({
        "id": row.id, "username": row.username, "display_name": row.display_name, "role": i64::from(row.role),
        "status": row.status, "must_change_password": row.must_change,
    })
}

/// A token; its key is shown once, when it is made.
pub fn token(row: &TokenRow, now: i64) -> Value {
    let masked = match (row.key_prefix.is_empty(), row.key_tail.is_empty()) {
        (false, false) => format!("sk-{}…{}", row.key_prefix, row.key_tail),
        _ => "sk-…".to_owned(),
    };
    json!({
        "id": row.id, "user_id": row.user_id, "key": masked, "status": row.status_now(now), "name": row.name,
        "created_time": row.created_time, "accessed_time": row.accessed_time, "expired_time": row.expired_time,
        "remain_quota": row.remain.to_quota(), "unlimited_quota": row.unlimited, "used_quota": row.used.to_quota_ceil(),
        "models": row.models, "subnet": row.subnet, "groups": row.groups, "limits": row.limits, "owner": row.owner,
    })
}

/// A channel; `key` is always blank.
pub fn channel(row: &ChannelRow, health: (&'static str, Option<&'static str>)) -> Value {
    let c = &row.channel;
    let text = |value: serde_json::Result<String>| value.unwrap_or_default();
    let mapping = if c.model_mapping.is_empty() {
        String::new()
    } else {
        text(serde_json::to_string(&c.model_mapping))
    };
    json!({
        "id": c.id, "type": c.kind, "key": "", "key_tail": row.key_tail, "status": i64::from(c.status), "name": c.name,
        "weight": c.weight, "created_time": row.created_time, "test_time": row.test_time,
        "response_time": row.response_time, "base_url": c.base_url, "other": row.other, "balance": row.balance,
        "balance_updated_time": row.balance_updated_time, "models": c.models.join(","), "group": c.groups.join(","),
        "used_quota": row.used.to_quota_ceil(), "model_mapping": mapping, "priority": c.priority,
        "config": text(serde_json::to_string(&c.config)), "system_prompt": c.system_prompt, "tags": c.tags,
        "has_proxy": row.has_proxy, "ca": c.ca_pem, "limits": c.limits, "timeouts": c.timeouts, "headers": c.headers,
        "params": c.params, "owner": row.owner, "disabled_reason": row.disabled_reason,
        "health": { "state": health.0, "reason": health.1 },
    })
}

/// A row of the log. `mine`: for its own user, without what only administrators may know.
pub fn log(row: &LogRow, mine: bool) -> Value {
    let mut detail: Value = serde_json::from_str(&row.detail).unwrap_or(Value::Null);
    if mine && let Some(members) = detail.as_object_mut() {
        members.remove("attempts");
    }
    json!({
        "id": row.id, "user_id": row.user_id, "created_at": row.created_at, "type": row.kind, "content": row.content,
        "username": row.username, "token_name": row.token_name, "model_name": row.model_name, "quota": row.quota,
        "prompt_tokens": row.prompt_tokens, "completion_tokens": row.completion_tokens,
        "channel": if mine { 0 } else { row.channel_id }, "request_id": row.request_id, "elapsed_time": row.elapsed_time,
        "is_stream": row.is_stream, "system_prompt_reset": row.system_prompt_reset, "cost_usd": row.cost.usd().to_string(),
        "mark": row.mark, "status": row.status, "error": row.error, "endpoint": row.endpoint, "detail": detail,
    })
}

//! What a vendor tells of an account: its balance and its models. Asked the channel's own way, on its own host:
//! a key never goes anywhere else (SR-22).

use crate::ask::way;
use crate::fetch::{Ask, open, target_of};
use crate::gateway::Gateway;
use bytes::Bytes;
use chrono::{Datelike, Days, Utc};
use http::Method;
use magic_domain::channel::Channel;
use magic_wire::sign::encoded;
use magic_wire::vendors::{Target, home, target};
use serde_json::Value;
use std::collections::BTreeSet;
use std::time::Duration;

/// One question takes this long at most.
const DEADLINE: Duration = Duration::from_secs(30);
/// Longest answer that is read, in bytes.
const ANSWER_MAX: usize = 4 << 20;

/// The balance of a channel's account, in the vendor's own currency (oneapi.md §2.6).
///
/// # Errors
/// One line: the vendor has no address for it, can't be reached, or says something else.
pub async fn balance(gateway: &Gateway, channel: &Channel) -> Result<f64, String> {
    within(async {
        match channel.kind {
            1 | 8 => billing(gateway, channel).await,
            4 | 13 => number(
                &get(gateway, channel, "/dashboard/billing/credit_grants", true).await?,
                "/total_available",
            ),
            5 => {
                let path = format!("/sb-api/user/status?api_key={}", encoded(channel.key.expose()));
                number(&get(gateway, channel, &path, false).await?, "/data/credit")
            }
            10 => {
                number(&api_key(gateway, channel, "/api/report/getUserOverview").await?, "/data/totalPoints")
            }
            12 => number(
                &get(gateway, channel, "/dashboard/billing/credit_grants", true).await?,
                "/total_remaining",
            ),
            20 => {
                let told = get(gateway, channel, "/v1/credits", true).await?;
                Ok(number(&told, "/data/total_credits")? - number(&told, "/data/total_usage")?)
            }
            25 => {
                number(&get(gateway, channel, "/v1/users/me/balance", true).await?, "/data/available_balance")
            }
            36 => deepseek(&get(gateway, channel, "/user/balance", true).await?),
            44 => number(&get(gateway, channel, "/v1/user/info", true).await?, "/data/totalBalance"),
            _ => Err("this type of vendor tells no balance".into()),
        }
    })
    .await
}

/// The names of the models that the vendor offers to the account, sorted.
///
/// # Errors
/// As [`balance`].
pub async fn models(gateway: &Gateway, channel: &Channel) -> Result<Vec<String>, String> {
    within(async {
        let (outbound, _) = way(channel, "").ok_or("this type of vendor tells no models")?;
        let mut at = target(channel, outbound, "", "/v1/models", false).map_err(|error| error.message)?;
        let base = home(channel).map_err(|error| error.to_string())?;
        let own = match channel.kind {
            14 | 53 => Some("/v1/models?limit=1000"),
            24 | 54 => Some("/v1beta/models?pageSize=1000"),
            30 => Some("/api/tags"),
            35 => Some("/v1/models?page_size=1000"),
            _ => None,
        };
        match own {
            Some(path) => at.path_and_query = format!("{}{path}", base.path),
            None if at.bridge || !at.path_and_query.ends_with("/models") => {
                return Err("this type of vendor tells no models".into());
            }
            None => {}
        }
        let told = send(gateway, channel, &at, &[]).await?;
        let list = told["data"].as_array().or(told["models"].as_array()).ok_or("the answer holds no list")?;
        let names: BTreeSet<String> = list
            .iter()
            .filter_map(|item| item["id"].as_str().or(item["name"].as_str()))
            .map(|name| name.strip_prefix("models/").unwrap_or(name).to_owned())
            .collect();
        Ok(names.into_iter().collect())
    })
    .await
}

async fn within<T>(work: impl Future<Output = Result<T, String>>) -> Result<T, String> {
    match tokio::time::timeout(DEADLINE, work).await {
        Ok(done) => done,
        Err(_) => Err("no answer in time".into()),
    }
}

/// OpenAI's old addresses: the limit less what was used since the first of the month, or in the last hundred days
/// of an account without a card.
async fn billing(gateway: &Gateway, channel: &Channel) -> Result<f64, String> {
    let plan = get(gateway, channel, "/v1/dashboard/billing/subscription", true).await?;
    let limit = number(&plan, "/hard_limit_usd")?;
    let today = Utc::now().date_naive();
    let month = today.with_day(1).unwrap_or(today);
    let start = match plan["has_payment_method"] == true {
        true => month,
        false => today.checked_sub_days(Days::new(100)).unwrap_or(month),
    };
    let path = format!("/v1/dashboard/billing/usage?start_date={start}&end_date={today}");
    Ok(limit - number(&get(gateway, channel, &path, true).await?, "/total_usage")? / 100.0)
}

fn deepseek(told: &Value) -> Result<f64, String> {
    let infos = told["balance_infos"].as_array().map(Vec::as_slice).unwrap_or_default();
    let info = infos.iter().find(|info| info["currency"] == "CNY").or(infos.first());
    number(info.unwrap_or(&Value::Null), "/total_balance")
}

/// A number at a place of the answer; some vendors write theirs as text.
fn number(told: &Value, place: &str) -> Result<f64, String> {
    let value = told.pointer(place);
    let number = value.and_then(|value| value.as_f64().or_else(|| value.as_str()?.trim().parse().ok()));
    number.filter(|number| number.is_finite()).ok_or_else(|| format!("the answer holds no number at {place}"))
}

async fn get(gateway: &Gateway, channel: &Channel, path: &str, bearer: bool) -> Result<Value, String> {
    let headers = match bearer {
        true => vec![("authorization".to_owned(), format!("Bearer {}", channel.key.expose()))],
        false => vec![],
    };
    send(gateway, channel, &below(channel, path)?, &headers).await
}

async fn api_key(gateway: &Gateway, channel: &Channel, path: &str) -> Result<Value, String> {
    let headers = [("api-key".to_owned(), channel.key.expose().to_owned())];
    send(gateway, channel, &below(channel, path)?, &headers).await
}

fn below(channel: &Channel, path: &str) -> Result<Target, String> {
    let base = home(channel).map_err(|error| error.to_string())?;
    let path = format!("{}{path}", base.path);
    Ok(target_of(base, path))
}

async fn send(
    gateway: &Gateway,
    channel: &Channel,
    target: &Target,
    headers: &[(String, String)],
) -> Result<Value, String> {
    let ask = Ask { method: Method::GET, target, headers, body: Bytes::new() };
    let mut answer = open(gateway, channel, ask).await?;
    let body = answer.body(ANSWER_MAX).await?;
    if answer.status != 200 {
        return Err(format!("the vendor answers with status {}", answer.status));
    }
    serde_json::from_slice(&body).map_err(|_| "the answer is no JSON".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn numbers_are_found_where_vendors_put_them() {
        let told = json!({ "balance_infos": [{ "currency": "USD", "total_balance": "1" }, { "currency": "CNY", "total_balance": "110.50" }] });
        assert_eq!(deepseek(&told), Ok(110.5));
        assert!(deepseek(&json!({})).is_err());
        assert_eq!(number(&json!({ "a": { "b": 2 } }), "/a/b"), Ok(2.0));
        assert_eq!(encoded("sk-a+b/c"), "sk-a%2Bb%2Fc");
    }
}

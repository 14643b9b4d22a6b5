//! What an object (a token, a user, a group, a model, a channel) may use, and what it has used.

use crate::ids::{ChannelId, TokenId, UserId};
use crate::money::Nano;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::BTreeMap;
use std::fmt;

/// Windows beside the minute that one object may have.
pub const WINDOWS_MAX: usize = 8;
/// Longest window: what must outlive a restart is a budget.
pub const SECONDS_MAX: u32 = 86_400;
/// Bytes of a group's or a model's name that can have limits.
pub const NAME_MAX: usize = 150;

/// How much an object may use; `None` is no limit. All limits hold at once.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Requests per minute.
    pub rpm: Option<u32>,
    /// Tokens (in and out) per minute.
    pub tpm: Option<u64>,
    /// Calls in flight.
    pub concurrency: Option<u32>,
    /// Windows of other lengths, at most [`WINDOWS_MAX`].
    #[serde(deserialize_with = "windows", skip_serializing_if = "Vec::is_empty")]
    pub windows: Vec<WindowLimit>,
    #[serde(skip_serializing_if = "Budgets::is_none")]
    pub budgets: Budgets,
}

/// A sliding window: in no stretch of `seconds` is more used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WindowLimit {
    /// 1 to [`SECONDS_MAX`].
    pub seconds: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requests: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokens: Option<u64>,
}

fn windows<'de, D: Deserializer<'de>>(input: D) -> Result<Vec<WindowLimit>, D::Error> {
    let windows = Option::<Vec<WindowLimit>>::deserialize(input)?.unwrap_or_default();
    if windows.len() > WINDOWS_MAX {
        return Err(serde::de::Error::custom(format!("at most {WINDOWS_MAX} windows")));
    }
    for window in &windows {
        if !(1..=SECONDS_MAX).contains(&window.seconds) {
            return Err(serde::de::Error::custom(format!("a window has 1 to {SECONDS_MAX} seconds")));
        }
        if window.requests.is_none() && window.tokens.is_none() {
            return Err(serde::de::Error::custom("a window limits requests, tokens, or both"));
        }
    }
    Ok(windows)
}

/// Money per calendar day and month of the installation's time zone. In JSON they are quota, like every amount
/// of the management API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Budgets {
    #[serde(with = "as_quota", skip_serializing_if = "Option::is_none")]
    pub day: Option<Nano>,
    #[serde(with = "as_quota", skip_serializing_if = "Option::is_none")]
    pub month: Option<Nano>,
}

impl Budgets {
    pub fn is_none(&self) -> bool {
        self.day.is_none() && self.month.is_none()
    }
}

mod as_quota {
    use super::{Deserialize, Deserializer, Nano, Serialize, Serializer};
    use crate::money::NANO_PER_QUOTA;

    pub fn serialize<S: Serializer>(amount: &Option<Nano>, out: S) -> Result<S::Ok, S::Error> {
        amount.map(Nano::to_quota).serialize(out)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(input: D) -> Result<Option<Nano>, D::Error> {
        match Option::<i64>::deserialize(input)? {
            Some(quota) if !(0..=i64::MAX / NANO_PER_QUOTA).contains(&quota) => {
                Err(serde::de::Error::custom("a budget is a quota of at least 0"))
            }
            quota => Ok(quota.map(Nano::from_quota)),
        }
    }
}

impl Limits {
    /// Nothing is limited.
    pub fn is_none(&self) -> bool {
        self.rpm.is_none()
            && self.tpm.is_none()
            && self.concurrency.is_none()
            && self.windows.is_empty()
            && self.budgets.is_none()
    }

    /// Every window, the minute first.
    pub fn rules(&self) -> impl Iterator<Item = WindowLimit> {
        let minute = WindowLimit { seconds: 60, requests: self.rpm.map(u64::from), tokens: self.tpm };
        let minute = (self.rpm.is_some() || self.tpm.is_some()).then_some(minute);
        minute.into_iter().chain(self.windows.iter().copied())
    }
}

/// The limits that come with a group.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GroupLimits {
    /// For all calls of the group together.
    pub total: Limits,
    /// For the calls of each of its users, in the group.
    pub per_user: Limits,
}

/// Reads the option `GroupLimits`: a group's name to its limits.
pub fn groups(text: &str) -> Result<BTreeMap<String, GroupLimits>, String> {
    named(text)
}

/// Reads the option `ModelLimits`: a model's name (as callers say it) to its limits.
pub fn models(text: &str) -> Result<BTreeMap<String, Limits>, String> {
    named(text)
}

fn named<T: for<'de> Deserialize<'de>>(text: &str) -> Result<BTreeMap<String, T>, String> {
    let map: BTreeMap<String, T> = serde_json::from_str(text).map_err(|error| error.to_string())?;
    match map.keys().find(|name| name.len() > NAME_MAX) {
        Some(name) => Err(format!("the name {name:?} is longer than {NAME_MAX} bytes")),
        None => Ok(map),
    }
}

/// Whose limits they are.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scope {
    Token(TokenId),
    User(UserId),
    /// A user in a group: the group's rule for each of its users.
    Member(UserId, String),
    Group(String),
    Model(String),
    Channel(ChannelId),
}

impl Scope {
    /// The word for it in the management API.
    pub const fn kind(&self) -> &'static str {
        match self {
            Scope::Token(_) => "token",
            Scope::User(_) => "user",
            Scope::Member(..) => "member",
            Scope::Group(_) => "group",
            Scope::Model(_) => "model",
            Scope::Channel(_) => "channel",
        }
    }

    /// As its own caller is told of it.
    pub fn told(&self) -> String {
        match self {
            Scope::Token(_) => "this API key".to_owned(),
            Scope::User(_) => "your account".to_owned(),
            Scope::Member(_, group) => format!("your account in the group {group}"),
            Scope::Group(group) => format!("the group {group}"),
            Scope::Model(model) => format!("the model {model}"),
            Scope::Channel(id) => format!("channel {id}"),
        }
    }
}

/// The name that budgets are kept under: `token:5`, `member:7:vip`.
impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind())?;
        match self {
            Scope::Token(id) => write!(f, ":{id}"),
            Scope::User(id) => write!(f, ":{id}"),
            Scope::Member(id, group) => write!(f, ":{id}:{group}"),
            Scope::Group(name) | Scope::Model(name) => write!(f, ":{name}"),
            Scope::Channel(id) => write!(f, ":{id}"),
        }
    }
}

impl Scope {
    /// Reads such a name.
    pub fn parse(name: &str) -> Option<Scope> {
        let (kind, of) = name.split_once(':')?;
        let id = || of.parse::<i64>().ok();
        Some(match kind {
            "token" => Scope::Token(TokenId(id()?)),
            "user" => Scope::User(UserId(id()?)),
            "channel" => Scope::Channel(ChannelId(id()?)),
            "group" => Scope::Group(of.to_owned()),
            "model" => Scope::Model(of.to_owned()),
            "member" => {
                let (user, group) = of.split_once(':')?;
                Scope::Member(UserId(user.parse().ok()?), group.to_owned())
            }
            _ => return None,
        })
    }
}

/// A calendar day of the installation's time zone, as 20261126.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Day(pub u32);

impl Day {
    /// No day at all.
    pub fn is_none(&self) -> bool {
        self.0 == 0
    }

    /// The month it is in, as 202611.
    pub const fn month(self) -> u32 {
        self.0 / 100
    }
}

/// The state of one limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Gauge {
    pub limit: u64,
    pub used: u64,
    pub remaining: u64,
    /// Milliseconds until nothing of it is used any more, if nothing comes.
    pub reset_ms: u64,
}

/// The state of a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct WindowUse {
    pub seconds: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requests: Option<Gauge>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokens: Option<Gauge>,
}

/// The state of a budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct BudgetUse {
    /// `day` or `month`.
    pub period: &'static str,
    #[serde(serialize_with = "quota")]
    pub limit: Nano,
    /// Settled in this period, on all nodes.
    #[serde(serialize_with = "quota")]
    pub used: Nano,
    /// Reserved by the calls in flight on this node.
    #[serde(serialize_with = "quota")]
    pub reserved: Nano,
    /// Unix seconds.
    pub resets_at: i64,
}

fn quota<S: Serializer>(amount: &Nano, out: S) -> Result<S::Ok, S::Error> {
    amount.to_quota_ceil().serialize(out)
}

/// What an object uses now, on this node.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Standing {
    pub in_flight: u32,
    pub windows: Vec<WindowUse>,
    pub budgets: Vec<BudgetUse>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_scopes_are_read_back() {
        let scopes = [
            Scope::Token(TokenId(5)),
            Scope::User(UserId(6)),
            Scope::Member(UserId(7), "a:b".into()),
            Scope::Group("vip".into()),
            Scope::Model("m:1".into()),
            Scope::Channel(ChannelId(8)),
        ];
        for scope in scopes {
            assert_eq!(Scope::parse(&scope.to_string()), Some(scope));
        }
        for bad in ["", "token", "token:x", "member:1", "moon:1"] {
            assert_eq!(Scope::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn what_was_stored_before_still_reads() {
        let old: Limits = serde_json::from_str(r#"{"rpm":5,"tpm":null,"concurrency":2}"#).unwrap();
        assert_eq!(old, Limits { rpm: Some(5), concurrency: Some(2), ..Limits::default() });
        let text = serde_json::to_string(&old).unwrap();
        assert_eq!(text, r#"{"rpm":5,"tpm":null,"concurrency":2}"#);
    }

    #[test]
    fn windows_and_budgets_survive_json() {
        let text = r#"{"rpm":null,"tpm":null,"concurrency":null,"windows":[{"seconds":3600,"requests":9},{"seconds":5,"tokens":7}],"budgets":{"day":500000}}"#;
        let limits: Limits = serde_json::from_str(text).unwrap();
        assert_eq!(limits.budgets.day, Some(Nano(1_000_000_000)));
        assert_eq!(limits.windows.len(), 2);
        assert_eq!(serde_json::to_string(&limits).unwrap(), text);
        assert_eq!(limits.rules().count(), 2);
        assert!(!limits.is_none() && Limits::default().is_none());
    }

    #[test]
    fn limits_that_make_no_sense_are_refused() {
        let nine = [r#"{"seconds":1,"requests":1}"#; 9].join(",");
        for (text, why) in [
            (r#"{"windows":[{"seconds":0,"requests":1}]}"#.to_owned(), "seconds"),
            (r#"{"windows":[{"seconds":86401,"requests":1}]}"#.to_owned(), "seconds"),
            (r#"{"windows":[{"seconds":60}]}"#.to_owned(), "requests, tokens"),
            (format!(r#"{{"windows":[{nine}]}}"#), "at most 8"),
            (r#"{"budgets":{"day":-1}}"#.to_owned(), "at least 0"),
            (r#"{"budgets":{"week":1}}"#.to_owned(), "week"),
            (r#"{"rps":1}"#.to_owned(), "rps"),
        ] {
            let error = serde_json::from_str::<Limits>(&text).unwrap_err().to_string();
            assert!(error.contains(why), "{text}: {error}");
        }
        assert!(groups(r#"{"vip":{"total":{"rpm":1},"per_user":{"rpm":1}}}"#).is_ok());
        assert!(models(&format!(r#"{{"{}":{{}}}}"#, "m".repeat(151))).is_err());
    }

    #[test]
    fn a_scope_has_one_name() {
        let member = Scope::Member(UserId(7), "vip".into());
        assert_eq!(
            (member.to_string(), Scope::Token(TokenId(5)).to_string()),
            ("member:7:vip".into(), "token:5".into())
        );
        assert_eq!(Day(20_261_126).month(), 202_611);
    }
}

//! A channel: an account at a vendor, with what it offers and how to reach it.

use crate::ids::ChannelId;
pub use crate::limits::Limits;
use crate::secret::Secret;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Members of [`Channel::config`] that are secrets (oneapi.md §3.10): kept sealed, never given back.
pub const SECRET_CONFIG: &[&str] = &["ak", "sk", "vertex_ai_adc"];

/// Numbers as in one-api: 1 enabled, 2 disabled by a person, 3 disabled automatically.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "i64", into = "i64")]
pub enum ChannelStatus {
    Enabled,
    Disabled,
    AutoDisabled,
}

impl From<i64> for ChannelStatus {
    fn from(number: i64) -> Self {
        match number {
            1 => ChannelStatus::Enabled,
            3 => ChannelStatus::AutoDisabled,
            _ => ChannelStatus::Disabled,
        }
    }
}

impl From<ChannelStatus> for i64 {
    fn from(status: ChannelStatus) -> i64 {
        match status {
            ChannelStatus::Enabled => 1,
            ChannelStatus::Disabled => 2,
            ChannelStatus::AutoDisabled => 3,
        }
    }
}

/// Deadlines in milliseconds; `None` takes the installation's default (5 s, 120 s, 90 s, 3600 s).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Timeouts {
    /// TCP and TLS, each.
    pub connect_ms: Option<u64>,
    /// From the request sent to the first byte of the answer's body.
    pub first_byte_ms: Option<u64>,
    /// Between two bytes of the answer.
    pub idle_ms: Option<u64>,
    /// The whole call.
    pub total_ms: Option<u64>,
}

/// One of several keys of a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelKey {
    pub id: i64,
    pub key: Secret,
    pub status: ChannelStatus,
}

/// One account at a vendor, or several that differ in nothing but their keys.
#[derive(Debug, Clone)]
pub struct Channel {
    pub id: ChannelId,
    /// The channel type number: 1–51 as in one-api, 52 and up ours.
    pub kind: u16,
    pub name: String,
    pub status: ChannelStatus,
    pub key: Secret,
    /// Which of several keys `key` is; 0: there is but one.
    pub key_id: i64,
    /// All of several keys, in order of their ids.
    pub keys: Vec<ChannelKey>,
    /// Empty: the type's default.
    pub base_url: String,
    pub models: Vec<String>,
    /// Requested name → name sent to the vendor. A mapped name is thereby offered.
    pub model_mapping: BTreeMap<String, String>,
    pub groups: Vec<String>,
    /// Higher is tried first.
    pub priority: i64,
    /// Share among channels of the same priority; 0 counts as 1, so that one-api's rows (all 0) share evenly.
    pub weight: u32,
    pub tags: Vec<String>,
    pub system_prompt: Option<String>,
    /// `http://`, `https://` or `socks5://` URL that calls go through.
    pub proxy: Option<String>,
    /// PEM of certificates to trust instead of the system's.
    pub ca_pem: Option<String>,
    pub limits: Limits,
    pub timeouts: Timeouts,
    /// Headers set on calls to the vendor.
    pub headers: BTreeMap<String, String>,
    /// Top-level parameters set in the body of calls to the vendor.
    pub params: serde_json::Map<String, serde_json::Value>,
    /// Per-type settings: `api_version`, `region`, `library_id` … (one-api's `config`), secrets among them.
    pub config: BTreeMap<String, String>,
}

impl Channel {
    /// The channel as it is with one of its keys.
    pub fn with_key(&self, key: &ChannelKey) -> Channel {
        Channel { key: key.key.clone(), key_id: key.id, keys: Vec::new(), ..self.clone() }
    }

    /// The name the vendor knows the model by.
    pub fn upstream_model<'a>(&'a self, model: &'a str) -> &'a str {
        self.model_mapping.get(model).map_or(model, String::as_str)
    }

    /// The models this channel offers: its list and the names it maps.
    pub fn offered(&self) -> impl Iterator<Item = &str> {
        let listed = self.models.iter().map(String::as_str);
        let mapped = self
            .model_mapping
            .keys()
            .map(String::as_str)
            .filter(|name| !self.models.iter().any(|m| m == name));
        listed.chain(mapped)
    }
}

#[cfg(test)]
pub(crate) fn sample(id: i64) -> Channel {
    Channel {
        id: ChannelId(id),
        kind: 1,
        name: format!("channel {id}"),
        status: ChannelStatus::Enabled,
        key: Secret::new("sk-test"),
        key_id: 0,
        keys: vec![],
        base_url: String::new(),
        models: vec!["gpt-4o".into()],
        model_mapping: BTreeMap::new(),
        groups: vec!["default".into()],
        priority: 0,
        weight: 0,
        tags: vec![],
        system_prompt: None,
        proxy: None,
        ca_pem: None,
        limits: Limits::default(),
        timeouts: Timeouts::default(),
        headers: BTreeMap::new(),
        params: serde_json::Map::new(),
        config: BTreeMap::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mapped_name_is_offered_once() {
        let mut channel = sample(1);
        channel.model_mapping.insert("gpt-4".into(), "gpt-4o".into());
        channel.model_mapping.insert("gpt-4o".into(), "gpt-4o-2024-11-20".into());
        assert_eq!(channel.offered().collect::<Vec<_>>(), ["gpt-4o", "gpt-4"]);
        assert_eq!(channel.upstream_model("gpt-4"), "gpt-4o");
        assert_eq!(channel.upstream_model("o1"), "o1");
    }

    #[test]
    fn unknown_statuses_are_disabled() {
        assert_eq!(ChannelStatus::from(0), ChannelStatus::Disabled);
        assert_eq!(i64::from(ChannelStatus::AutoDisabled), 3);
    }
}

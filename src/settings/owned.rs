//! The objects a file declares: channels, users, tokens, prices, groups, options.

use super::Options;
use super::reader::{Node, Walk};
use magic_domain::channel::{Channel, ChannelKey, ChannelStatus, Limits, Timeouts};
use magic_domain::ids::ChannelId;
use magic_domain::limits::{Budgets, GroupLimits, SECONDS_MAX, WINDOWS_MAX, WindowLimit};
use magic_domain::money::{Nano, decimal_to_i64};
use magic_domain::options;
use magic_domain::price::{Price, Rates, Tier};
use magic_domain::secret::Secret;
use magic_domain::usage::Bucket;
use magic_store::channels::NewChannel;
use magic_store::keys::KEYS_MAX;
use magic_store::owned::{Owned, OwnedToken, OwnedUser};
use magic_store::tokens::NewToken;
use magic_wire::vendors;
use std::collections::{BTreeMap, BTreeSet};

/// Everything the file owns.
pub fn read(_walk: &Walk<'_>, root: &Node<'_>) -> Owned {
    let mut options = read_options(root);
    groups(root, &mut options);
    let models = models(root, &mut options);
    let users = users(root);
    let names: BTreeSet<String> = users.iter().map(|user| user.username.clone()).collect();
    Owned {
        channels: channels(root),
        tokens: tokens(root, &names),
        users,
        options,
        models,
        prompts: super::prompts::read(root),
    }
}

fn read_options(root: &Node<'_>) -> Options {
    let node = root.table("options");
    let mut out = Options::new();
    for (key, _) in node.entries() {
        let Some(def) = options::find(&key) else {
            let names: Vec<&str> = options::OPTIONS.iter().map(|def| def.key).collect();
            let only: Vec<&str> = names.iter().copied().filter(|name| *name != key).collect();
            if let Some(best) = only.iter().min_by_key(|name| strsim::damerau_levenshtein(name, &key)) {
                node.fault(&key, format!("unknown option, did you mean {best}?"));
            }
            continue;
        };
        let text = match node.json(&key) {
            Some(serde_json::Value::String(_)) => node.text(&key),
            Some(other) => Some(other.to_string()),
            None => None,
        };
        let Some(text) = text else { continue };
        match options::check(def.key, &text) {
            Ok(()) => {
                out.insert(key, text);
            }
            Err(what) => node.fault(&key, what),
        }
    }
    out
}

/// `[[groups]]` is `GroupRatio` and `GroupLimits` written out.
fn groups(root: &Node<'_>, options: &mut Options) {
    let mut ratios: BTreeMap<String, f64> = BTreeMap::new();
    let mut all: BTreeMap<String, GroupLimits> = BTreeMap::new();
    for node in root.tables("groups") {
        let name = node.text("name").unwrap_or_default();
        let ratio = node.number("ratio").unwrap_or(1.0);
        let of_group = GroupLimits { total: limits(&node, "limits"), per_user: limits(&node, "user_limits") };
        node.only(&["name", "ratio", "limits", "user_limits"]);
        if of_group != GroupLimits::default() {
            all.insert(name.clone(), of_group);
        }
        if name.is_empty() {
            node.fault("name", "a group needs a name");
        } else if ratios.insert(name.clone(), ratio).is_some() {
            node.fault("name", format!("the group {name:?} is declared twice"));
        }
    }
    if ratios.is_empty() {
        return;
    }
    if options.contains_key("GroupRatio") {
        root.fault("groups", "groups are declared here and in options.GroupRatio; keep one");
    }
    ratios.entry("default".to_owned()).or_insert(1.0);
    options.insert("GroupRatio".to_owned(), serde_json::to_string(&ratios).unwrap_or_default());
    set_limits(root, options, "groups", "GroupLimits", &all);
}

/// Limits by name as the option they are stored in.
fn set_limits<T: serde::Serialize>(
    root: &Node<'_>,
    options: &mut Options,
    key: &str,
    option: &str,
    all: &BTreeMap<String, T>,
) {
    if all.is_empty() {
        return;
    }
    if options.contains_key(option) {
        root.fault(key, format!("limits are declared here and in options.{option}; keep one"));
    }
    let text = serde_json::to_string(all).unwrap_or_default();
    if let Err(what) = options::check(option, &text) {
        root.fault(key, what);
    }
    options.insert(option.to_owned(), text);
}

/// Keys of a price, what they are a price of, and the units one of them is for.
pub const PRICES: &[(&str, Bucket, f64)] = &[
    ("input", Bucket::Input, 1e9),
    ("output", Bucket::Output, 1e9),
    ("cache_read", Bucket::CacheRead, 1e9),
    ("cache_write_5m", Bucket::CacheWrite5m, 1e9),
    ("cache_write_1h", Bucket::CacheWrite1h, 1e9),
    ("reasoning", Bucket::Reasoning, 1e9),
    ("audio_in", Bucket::AudioIn, 1e9),
    ("audio_out", Bucket::AudioOut, 1e9),
    ("image_in", Bucket::ImageIn, 1e9),
    ("image_out", Bucket::ImageOut, 1e9),
    ("per_request", Bucket::Request, 1e15),
    ("per_image", Bucket::Image, 1e15),
    ("per_second", Bucket::Second, 1e15),
    ("per_character", Bucket::Character, 1e15),
];

fn rates(node: &Node<'_>) -> Rates {
    let mut rates = Rates::default();
    for (key, bucket, scale) in PRICES {
        if let Some(number) = node.number(key) {
            match decimal_to_i64(number, *scale) {
                Some(rate) => {
                    rates.0.insert(*bucket, rate);
                }
                None => node.fault(key, "is too large"),
            }
        }
    }
    rates
}

fn models(root: &Node<'_>, options: &mut Options) -> BTreeMap<String, Price> {
    let mut out = BTreeMap::new();
    let mut all: BTreeMap<String, Limits> = BTreeMap::new();
    let keys: Vec<&str> = PRICES.iter().map(|(key, _, _)| *key).collect();
    for node in root.tables("models") {
        let mut known = keys.clone();
        known.extend(["name", "aliases", "ratio", "completion_ratio", "max_output", "tiers", "limits"]);
        node.only(&known);
        let price = match node.number("ratio") {
            Some(ratio) => Price::from_ratio(ratio, node.number("completion_ratio").unwrap_or(1.0)),
            None => {
                let mut tiers: Vec<Tier> = Vec::new();
                for tier in node.tables("tiers") {
                    let mut known = keys.clone();
                    known.push("above_input");
                    tier.only(&known);
                    let above_input = tier.int("above_input", 0, u64::MAX >> 1).unwrap_or(0);
                    tiers.push(Tier { above_input, rates: rates(&tier) });
                }
                tiers.sort_by_key(|tier| tier.above_input);
                Price { rates: rates(&node), tiers, max_output: None }
            }
        };
        let max_output = node.int("max_output", 1, u64::from(u32::MAX)).and_then(|n| u32::try_from(n).ok());
        let price = Price { max_output, ..price };
        let name = node.text("name").unwrap_or_default();
        let limits = limits(&node, "limits");
        if !limits.is_none() && all.insert(name.clone(), limits).is_some() {
            node.fault("name", format!("the model {name:?} has limits already"));
        }
        if price.rates.0.is_empty() {
            // Limits alone are fine: the price may be known from elsewhere.
            if !all.contains_key(&name) {
                node.fault("name", "a model needs a price: input and output in USD per 1M tokens, or ratio");
            }
            continue;
        }
        for name in node.texts("aliases").into_iter().chain([name]) {
            if name.is_empty() {
                node.fault("name", "a model needs a name");
            } else if out.insert(name.clone(), price.clone()).is_some() {
                node.fault("name", format!("the model {name:?} is declared twice"));
            }
        }
    }
    set_limits(root, options, "models", "ModelLimits", &all);
    out
}

/// A table of limits; none where it is absent.
fn limits(node: &Node<'_>, key: &str) -> Limits {
    let table = node.table(key);
    table.only(&["rpm", "tpm", "concurrency", "windows", "budgets"]);
    let small = |key| table.int(key, 1, u64::from(u32::MAX)).and_then(|n| u32::try_from(n).ok());
    let windows: Vec<WindowLimit> = table.tables("windows").iter().map(|node| window(node)).collect();
    if windows.len() > WINDOWS_MAX {
        table.fault("windows", format!("at most {WINDOWS_MAX} windows"));
    }
    let budgets = table.table("budgets");
    budgets.only(&["day", "day_usd", "month", "month_usd"]);
    Limits {
        rpm: small("rpm"),
        tpm: table.int("tpm", 1, u64::MAX >> 1),
        concurrency: small("concurrency"),
        windows,
        budgets: Budgets {
            day: amount(&budgets, "day", "day_usd"),
            month: amount(&budgets, "month", "month_usd"),
        },
    }
}

fn window(node: &Node<'_>) -> WindowLimit {
    node.only(&["seconds", "requests", "tokens"]);
    let count = |key| node.int(key, 1, u64::MAX >> 1);
    let seconds = node.int("seconds", 1, u64::from(SECONDS_MAX));
    let window = WindowLimit {
        seconds: seconds.and_then(|n| u32::try_from(n).ok()).unwrap_or(60),
        requests: count("requests"),
        tokens: count("tokens"),
    };
    if !node.has("seconds") || window.requests.is_none() && window.tokens.is_none() {
        node.fault("seconds", "a window has seconds, and requests, tokens, or both");
    }
    window
}

fn channels(root: &Node<'_>) -> Vec<NewChannel> {
    let mut out: Vec<NewChannel> = Vec::new();
    for node in root.tables("channels") {
        node.only(&[
            "name",
            "type",
            "key",
            "keys",
            "base_url",
            "models",
            "model_mapping",
            "groups",
            "priority",
            "weight",
            "tags",
            "enabled",
            "system_prompt",
            "proxy",
            "ca",
            "limits",
            "timeouts",
            "headers",
            "params",
            "config",
        ]);
        let name = node.text("name").unwrap_or_default();
        if name.is_empty() {
            node.fault("name", "a channel needs a name");
        }
        if out.iter().any(|other| other.channel.name == name) {
            node.fault("name", format!("the channel {name:?} is declared twice"));
        }
        let kind = kind(&node);
        let base_url = node.text("base_url").unwrap_or_default();
        if !base_url.is_empty() {
            if let Err(what) = check_base(&base_url) {
                node.fault("base_url", what);
            }
        } else if vendors::needs_base_url(kind) {
            node.fault("base_url", "this type needs a base URL");
        }
        let times = node.table("timeouts");
        times.only(&["connect_ms", "first_byte_ms", "idle_ms", "total_ms"]);
        let ms = |key| times.int(key, 1, 86_400_000);
        let models = node.texts("models");
        let model_mapping = node.map("model_mapping");
        if models.is_empty() && model_mapping.is_empty() {
            node.fault("models", "a channel needs models to offer");
        }
        let groups = if node.has("groups") { node.texts("groups") } else { vec!["default".to_owned()] };
        let ca = node.text("ca").map(|text| {
            if text.contains("-----BEGIN") {
                return text;
            }
            std::fs::read_to_string(&text).unwrap_or_else(|error| {
                node.fault("ca", format!("{text} can't be read: {error}"));
                String::new()
            })
        });
        let proxy = node.text("proxy");
        if let Some(url) = &proxy
            && crate::tunnel::Tunnel::new(url, "h", 1, std::time::Duration::ZERO).is_err()
        {
            node.fault("proxy", crate::tunnel::BadProxy);
        }
        let enabled = node.bool("enabled").unwrap_or(true);
        let keys = node.texts("keys");
        if !keys.is_empty() && node.has("key") {
            node.fault("keys", "key and keys are both given; keep one");
        }
        let several = keys.iter().collect::<BTreeSet<_>>().len();
        if several != keys.len() || keys.len() > KEYS_MAX || keys.iter().any(String::is_empty) {
            node.fault("keys", format!("must be different texts, {KEYS_MAX} at most"));
        }
        let one_of = |key: &String| ChannelKey {
            id: 0,
            key: Secret::new(key.as_str()),
            status: ChannelStatus::Enabled,
        };
        out.push(NewChannel {
            other: String::new(),
            channel: Channel {
                id: ChannelId(0),
                kind,
                name,
                status: if enabled { ChannelStatus::Enabled } else { ChannelStatus::Disabled },
                key: Secret::new(node.text("key").unwrap_or_default()),
                key_id: 0,
                keys: keys.iter().map(one_of).collect(),
                base_url,
                models,
                model_mapping,
                groups,
                priority: node.signed("priority").unwrap_or(0),
                weight: node.int("weight", 0, 1_000_000).unwrap_or(0) as u32,
                tags: node.texts("tags"),
                system_prompt: node.text("system_prompt"),
                proxy,
                ca_pem: ca,
                limits: limits(&node, "limits"),
                timeouts: Timeouts {
                    connect_ms: ms("connect_ms"),
                    first_byte_ms: ms("first_byte_ms"),
                    idle_ms: ms("idle_ms"),
                    total_ms: ms("total_ms"),
                },
                headers: node.map("headers"),
                params: node.json("params").and_then(|value| value.as_object().cloned()).unwrap_or_default(),
                config: node.map("config"),
            },
        });
    }
    out
}

/// A type by its number, or by its name without regard to case and punctuation.
fn kind(node: &Node<'_>) -> u16 {
    let plain = |text: &str| {
        text.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase()
    };
    match node.json("type") {
        None => {
            node.fault("type", "a channel needs a type (\"openai\", \"azure\", 50 …)");
            1
        }
        Some(serde_json::Value::Number(number)) => {
            match number.as_u64().and_then(|n| u16::try_from(n).ok()) {
                Some(kind) if vendors::vendor(kind).is_some() => kind,
                _ => {
                    node.fault("type", format!("there is no channel type {number}"));
                    1
                }
            }
        }
        Some(serde_json::Value::String(name)) => {
            let wanted = plain(&name);
            let found = vendors::VENDORS.iter().find(|vendor| plain(vendor.name) == wanted);
            found.map_or_else(
                || {
                    let best = vendors::VENDORS
                        .iter()
                        .min_by_key(|vendor| strsim::damerau_levenshtein(&plain(vendor.name), &wanted))
                        .map_or("", |vendor| vendor.name);
                    node.fault("type", format!("there is no channel type {name:?}, did you mean {best:?}?"));
                    1
                },
                |vendor| vendor.kind,
            )
        }
        Some(_) => {
            node.fault("type", "must be a name or a number");
            1
        }
    }
}

/// Channels may point next door, never at metadata services (SR-25).
pub fn check_base(url: &str) -> Result<(), String> {
    let base = vendors::base(url).map_err(|error| error.message)?;
    let host = base.host.trim_matches(['[', ']']);
    let metadata = match host.parse::<std::net::IpAddr>() {
        Ok(ip) => is_metadata(ip),
        Err(_) => matches!(host, "metadata.google.internal" | "metadata" | "instance-data"),
    };
    if metadata { Err("may not point at a metadata or link-local address".into()) } else { Ok(()) }
}

fn is_metadata(ip: std::net::IpAddr) -> bool {
    match ip.to_canonical() {
        std::net::IpAddr::V4(ip) => ip.is_link_local() || ip.octets() == [100, 100, 100, 200],
        std::net::IpAddr::V6(ip) => ip.is_unicast_link_local() || ip.segments()[..2] == [0xfd00, 0x0ec2],
    }
}

fn quota(node: &Node<'_>) -> Option<Nano> {
    amount(node, "quota", "balance_usd")
}

/// An amount that is given in quota or in dollars.
fn amount(node: &Node<'_>, quota: &str, usd: &str) -> Option<Nano> {
    match (node.number(usd), node.int(quota, 0, (i64::MAX / 2000) as u64)) {
        (Some(_), Some(_)) => {
            node.fault(quota, format!("{quota} and {usd} say the same; keep one"));
            None
        }
        (Some(usd), None) => decimal_to_i64(usd, 1e9).map(Nano),
        (None, Some(quota)) => Some(Nano::from_quota(quota as i64)),
        (None, None) => None,
    }
}

fn users(root: &Node<'_>) -> Vec<OwnedUser> {
    let mut out: Vec<OwnedUser> = Vec::new();
    for node in root.tables("users") {
        node.only(&[
            "name",
            "password",
            "role",
            "group",
            "email",
            "display_name",
            "quota",
            "balance_usd",
            "limits",
        ]);
        let username = node.text("name").unwrap_or_default();
        if username.is_empty() || username.chars().count() > 64 {
            node.fault("name", "a user needs a name of up to 64 characters");
        }
        if out.iter().any(|other| other.username == username) {
            node.fault("name", format!("the user {username:?} is declared twice"));
        }
        let role = match node.text("role").as_deref() {
            None | Some("user") => 1,
            Some("admin") => 10,
            Some(_) => {
                node.fault("role", "must be \"user\" or \"admin\"");
                1
            }
        };
        let password = node.text("password");
        if password
            .as_ref()
            .is_some_and(|text| !magic_store::password::LENGTHS.contains(&text.chars().count()))
        {
            node.fault("password", "must have 8 to 256 characters");
        }
        out.push(OwnedUser {
            username,
            password: password.map(Secret::new),
            role,
            group: node.text("group").unwrap_or_default(),
            email: node.text("email").unwrap_or_default(),
            display_name: node.text("display_name").unwrap_or_default(),
            balance: quota(&node).unwrap_or_default(),
            limits: limits(&node, "limits"),
        });
    }
    out
}

fn tokens(root: &Node<'_>, users: &BTreeSet<String>) -> Vec<OwnedToken> {
    let mut out: Vec<OwnedToken> = Vec::new();
    for node in root.tables("tokens") {
        node.only(&[
            "name",
            "user",
            "key",
            "models",
            "subnets",
            "groups",
            "expires",
            "quota",
            "balance_usd",
            "unlimited",
            "limits",
            "capture",
        ]);
        let user = node.text("user").unwrap_or_default();
        if user != "root" && !users.contains(&user) {
            node.fault("user", format!("{user:?} is no user of this file (nor root)"));
        }
        let key = node.text("key").unwrap_or_default();
        if key.len() < 8 {
            node.fault("key", "a token needs a key of 8 characters or more");
        }
        let subnets = node.list("subnets", |text| {
            let fine = text.parse::<ipnet::IpNet>().is_ok() || text.parse::<std::net::IpAddr>().is_ok();
            if fine { Ok(text.to_owned()) } else { Err(format!("{text:?} is no network (10.0.0.0/8)")) }
        });
        let remain = quota(&node);
        out.push(OwnedToken {
            user,
            token: NewToken {
                name: node.text("name").unwrap_or_default(),
                expired_time: node.signed("expires").unwrap_or(-1),
                unlimited: node.bool("unlimited").unwrap_or(remain.is_none()),
                remain: remain.unwrap_or_default(),
                models: node.texts("models").join(","),
                subnet: subnets.join(","),
                groups: node.texts("groups").join(","),
                limits: limits(&node, "limits"),
                capture: node.bool("capture").unwrap_or(false),
                key: Some(Secret::new(key)),
                ..NewToken::default()
            },
        });
    }
    out
}

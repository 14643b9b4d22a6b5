//! `magic export`: channels, models, groups, prompts and options as a configuration file. Secrets are references to the
//! environment, named at the top; users and tokens stay in the database, which holds no password and no key.

use crate::settings::PRICES;
use magic_domain::channel::{Channel, ChannelStatus, SECRET_CONFIG};
use magic_domain::limits::Limits;
use magic_domain::money::Nano;
use magic_domain::price::{Price, Rates};
use magic_domain::prompt::Numbered;
use magic_store::load::Loaded;
use std::collections::{BTreeMap, BTreeSet};
use toml_edit::{Array, ArrayOfTables, DocumentMut, InlineTable, Item, Table, Value};

/// Collects the names of the environment that the file refers to.
#[derive(Default)]
struct Names(BTreeSet<String>);

impl Names {
    /// A reference under a name that nothing else has.
    fn reference(&mut self, parts: &[&str]) -> Value {
        let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' };
        let base: String = parts.join("_").chars().map(plain).collect();
        let mut name = base.clone();
        let mut number = 2;
        while !self.0.insert(name.clone()) {
            name = format!("{base}_{number}");
            number += 1;
        }
        format!("${{{name}}}").into()
    }
}

/// A text as it stands in the file, where `${` would be a reference.
fn text(text: &str) -> Value {
    text.replace("${", "$${").into()
}

fn list(texts: &[String]) -> Item {
    let mut array = Array::new();
    texts.iter().for_each(|one| array.push(text(one)));
    Item::Value(array.into())
}

fn inline<'a>(members: impl Iterator<Item = (&'a str, Value)>) -> Item {
    let mut table = InlineTable::new();
    for (name, value) in members {
        table.insert(name, value);
    }
    Item::Value(table.into())
}

/// The file.
pub fn toml(loaded: &Loaded) -> String {
    let mut names = Names::default();
    let mut document = DocumentMut::new();
    let mut left_out = Vec::new();
    options(loaded, &mut document, &mut names);
    groups(loaded, &mut document);
    models(loaded, &mut document);
    let mut channels = ArrayOfTables::new();
    let mut taken = BTreeSet::new();
    for channel in &loaded.channels {
        if channel.models.is_empty() && channel.model_mapping.is_empty() {
            left_out.push(format!("it offers no model: the channel {:?}", channel.name));
            continue;
        }
        let mut name =
            if channel.name.is_empty() { format!("channel {}", channel.id) } else { channel.name.clone() };
        if !taken.insert(name.clone()) {
            name = format!("{name} ({})", channel.id);
            taken.insert(name.clone());
        }
        channels.push(self::channel(channel, &name, &mut names));
    }
    if !channels.is_empty() {
        document.insert("channels", Item::ArrayOfTables(channels));
    }
    prompts(loaded, &mut document, &mut left_out);
    let mut head = String::from("# Written by `magic export`. Users and tokens are not in it.\n");
    if !names.0.is_empty() {
        head.push_str("# Set these in the environment:\n");
        names.0.iter().for_each(|name| head.push_str(&format!("#   {name}\n")));
    }
    for what in left_out {
        let what: String = what.chars().filter(|c| !c.is_control()).collect();
        head.push_str(&format!("# Left out, {what}\n"));
    }
    format!("{head}\n{document}")
}

fn options(loaded: &Loaded, document: &mut DocumentMut, names: &mut Names) {
    let mut table = Table::new();
    for (def, value) in loaded.options.iter() {
        if !loaded.options.is_set(def.key) || def.key == "GroupRatio" || value == def.default {
            continue;
        }
        let value = if def.secret { names.reference(&["MAGIC_OPTION", def.key]) } else { text(value) };
        table.insert(def.key, Item::Value(value));
    }
    if !table.is_empty() {
        document.insert("options", Item::Table(table));
    }
}

fn groups(loaded: &Loaded, document: &mut DocumentMut) {
    if !loaded.options.is_set("GroupRatio") {
        return;
    }
    let mut groups = ArrayOfTables::new();
    for (name, ratio) in loaded.options.ratios("GroupRatio") {
        let mut table = Table::new();
        table.insert("name", Item::Value(text(&name)));
        table.insert("ratio", Item::Value(ratio.into()));
        groups.push(table);
    }
    document.insert("groups", Item::ArrayOfTables(groups));
}

fn prices(rates: &Rates) -> impl Iterator<Item = (&'static str, Value)> {
    let known = PRICES.iter().filter_map(|(key, bucket, scale)| {
        rates.0.get(bucket).map(|rate| (*key, Value::from(*rate as f64 / scale)))
    });
    known.collect::<Vec<_>>().into_iter()
}

fn models(loaded: &Loaded, document: &mut DocumentMut) {
    let mut models = ArrayOfTables::new();
    for row in &loaded.models {
        let Price { rates, tiers, max_output } = &row.price;
        let mut table = Table::new();
        table.insert("name", Item::Value(text(&row.name)));
        prices(rates).for_each(|(key, value)| {
            table.insert(key, Item::Value(value));
        });
        if let Some(max) = max_output {
            table.insert("max_output", Item::Value(i64::from(*max).into()));
        }
        if !tiers.is_empty() {
            let mut all = Array::new();
            for tier in tiers {
                let above = Value::from(i64::try_from(tier.above_input).unwrap_or(i64::MAX));
                let mut one = InlineTable::new();
                one.insert("above_input", above);
                prices(&tier.rates).for_each(|(key, value)| {
                    one.insert(key, value);
                });
                all.push(one);
            }
            table.insert("tiers", Item::Value(all.into()));
        }
        models.push(table);
    }
    if !models.is_empty() {
        document.insert("models", Item::ArrayOfTables(models));
    }
}

fn prompts(loaded: &Loaded, document: &mut DocumentMut, left_out: &mut Vec<String>) {
    let mut prompts = ArrayOfTables::new();
    for loaded in &loaded.prompts {
        let Ok(prompt) = loaded.document() else {
            left_out.push(format!("it can't be read: the prompt {}", loaded.name));
            continue;
        };
        let mut table = Table::new();
        table.insert("name", Item::Value(text(&prompt.name)));
        if !prompt.description.is_empty() {
            table.insert("description", Item::Value(text(&prompt.description)));
        }
        if let Some(labels) = serde_json::to_value(&prompt.labels).ok().as_ref().and_then(value)
            && !prompt.labels.is_empty()
        {
            table.insert("labels", Item::Value(labels));
        }
        let mut versions = ArrayOfTables::new();
        prompt.versions.iter().for_each(|numbered| versions.push(version(numbered)));
        table.insert("versions", Item::ArrayOfTables(versions));
        prompts.push(table);
    }
    if !prompts.is_empty() {
        document.insert("prompts", Item::ArrayOfTables(prompts));
    }
}

fn version(Numbered { version, spec }: &Numbered) -> Table {
    let mut table = Table::new();
    table.insert("version", Item::Value((*version).into()));
    if let Some(model) = &spec.model {
        table.insert("model", Item::Value(text(model)));
    }
    let mut messages = Array::new();
    for message in &spec.messages {
        let mut one = InlineTable::new();
        one.insert("role", message.role.name().into());
        one.insert("content", text(&message.content));
        messages.push(one);
    }
    table.insert("messages", Item::Value(messages.into()));
    let parameters =
        (!spec.parameters.is_empty()).then(|| serde_json::Value::Object(spec.parameters.clone()));
    for (key, json) in [("parameters", parameters.as_ref()), ("variables", spec.variables.as_ref())] {
        let Some(json) = json else { continue };
        // As JSON, where TOML can't say it.
        let value = if sayable(json) { value(json) } else { Some(json.to_string().into()) };
        if let Some(value) = value {
            table.insert(key, Item::Value(value));
        }
    }
    table
}

/// Whether TOML can say it as it is: it knows no null and no number beyond 64 bits with a sign.
fn sayable(json: &serde_json::Value) -> bool {
    match json {
        serde_json::Value::Null => false,
        serde_json::Value::Number(number) => number.is_i64() || number.is_f64(),
        serde_json::Value::Array(items) => items.iter().all(sayable),
        serde_json::Value::Object(members) => members.values().all(sayable),
        _ => true,
    }
}

fn channel(channel: &Channel, name: &str, names: &mut Names) -> Table {
    let mut table = Table::new();
    let mut set = |key: &str, value: Value| {
        table.insert(key, Item::Value(value));
    };
    set("name", text(name));
    set("type", i64::from(channel.kind).into());
    if !channel.keys.is_empty() {
        let all = channel.keys.iter().map(|_| names.reference(&["MAGIC_CHANNEL", name, "KEY"]));
        set("keys", Array::from_iter(all).into());
    } else if !channel.key.is_empty() {
        set("key", names.reference(&["MAGIC_CHANNEL", name, "KEY"]));
    }
    if !channel.base_url.is_empty() {
        set("base_url", text(&channel.base_url));
    }
    if channel.status == ChannelStatus::Disabled {
        set("enabled", false.into());
    }
    if channel.priority != 0 {
        set("priority", channel.priority.into());
    }
    if channel.weight != 0 {
        set("weight", i64::from(channel.weight).into());
    }
    if let Some(prompt) = &channel.system_prompt {
        set("system_prompt", text(prompt));
    }
    if channel.proxy.is_some() {
        set("proxy", names.reference(&["MAGIC_CHANNEL", name, "PROXY"]));
    }
    if let Some(ca) = &channel.ca_pem {
        set("ca", text(ca));
    }
    for (key, texts) in [("models", &channel.models), ("groups", &channel.groups), ("tags", &channel.tags)] {
        if !texts.is_empty() {
            table.insert(key, list(texts));
        }
    }
    let plain =
        |map: &BTreeMap<String, String>| inline(map.iter().map(|(name, value)| (name.as_str(), text(value))));
    if !channel.model_mapping.is_empty() {
        table.insert("model_mapping", plain(&channel.model_mapping));
    }
    // Headers are where people put keys.
    let headers: Vec<(&str, Value)> = channel
        .headers
        .keys()
        .map(|header| (header.as_str(), names.reference(&["MAGIC_CHANNEL", name, "HEADER", header])))
        .collect();
    if !headers.is_empty() {
        table.insert("headers", inline(headers.into_iter()));
    }
    let config: Vec<(&str, Value)> = channel
        .config
        .iter()
        .map(|(member, value)| match SECRET_CONFIG.contains(&member.as_str()) && !value.is_empty() {
            true => (member.as_str(), names.reference(&["MAGIC_CHANNEL", name, member])),
            false => (member.as_str(), text(value)),
        })
        .collect();
    if !config.is_empty() {
        table.insert("config", inline(config.into_iter()));
    }
    if !channel.limits.is_none() {
        table.insert("limits", limits(&channel.limits));
    }
    let t = &channel.timeouts;
    let timeouts = [
        ("connect_ms", t.connect_ms),
        ("first_byte_ms", t.first_byte_ms),
        ("idle_ms", t.idle_ms),
        ("total_ms", t.total_ms),
    ];
    let given: Vec<_> = timeouts.iter().filter_map(|(name, n)| n.map(|n| (*name, int(n)))).collect();
    if !given.is_empty() {
        table.insert("timeouts", inline(given.into_iter()));
    }
    if !channel.params.is_empty()
        && let Some(params) = value(&serde_json::Value::Object(channel.params.clone()))
    {
        table.insert("params", Item::Value(params));
    }
    table
}

fn int(n: u64) -> Value {
    Value::from(i64::try_from(n).unwrap_or(i64::MAX))
}

fn limits(limits: &Limits) -> Item {
    let minute = [
        ("rpm", limits.rpm.map(u64::from)),
        ("tpm", limits.tpm),
        ("concurrency", limits.concurrency.map(u64::from)),
    ];
    let given = |members: &[(&'static str, Option<u64>)]| -> Vec<(&'static str, Value)> {
        members.iter().filter_map(|(name, n)| n.map(|n| (*name, int(n)))).collect()
    };
    let mut all = given(&minute);
    if !limits.windows.is_empty() {
        let mut windows = Array::new();
        for window in &limits.windows {
            let members = [
                ("seconds", Some(u64::from(window.seconds))),
                ("requests", window.requests),
                ("tokens", window.tokens),
            ];
            windows.push(InlineTable::from_iter(given(&members)));
        }
        all.push(("windows", windows.into()));
    }
    let quota = |amount: Option<Nano>| amount.and_then(|amount| u64::try_from(amount.to_quota()).ok());
    let budgets = given(&[("day", quota(limits.budgets.day)), ("month", quota(limits.budgets.month))]);
    if !budgets.is_empty() {
        all.push(("budgets", InlineTable::from_iter(budgets).into()));
    }
    inline(all.into_iter())
}

/// JSON as TOML, which knows no null.
fn value(json: &serde_json::Value) -> Option<Value> {
    Some(match json {
        serde_json::Value::Null => return None,
        serde_json::Value::Bool(flag) => (*flag).into(),
        serde_json::Value::Number(number) => match number.as_i64() {
            Some(int) => int.into(),
            None => number.as_f64()?.into(),
        },
        // Texts in `params` are taken as they are.
        serde_json::Value::String(one) => one.as_str().into(),
        serde_json::Value::Array(items) => {
            let mut array = Array::new();
            items.iter().filter_map(value).for_each(|item| array.push(item));
            array.into()
        }
        serde_json::Value::Object(members) => {
            let mut table = InlineTable::new();
            for (name, member) in members {
                if let Some(member) = value(member) {
                    table.insert(name, member);
                }
            }
            table.into()
        }
    })
}

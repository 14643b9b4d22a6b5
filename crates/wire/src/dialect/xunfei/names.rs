//! A model's names: its version, the path of the address, and what the message calls it.

use std::borrow::Cow;

/// Versions with the names of their models, on both of the vendor's interfaces, and their domains.
const KNOWN: &[(&str, &str, &[&str])] = &[
    ("v1.1", "lite", &["spark-lite", "lite"]),
    ("v2.1", "generalv2", &["generalv2"]),
    ("v3.1", "generalv3", &["spark-pro", "generalv3"]),
    ("v3.1-128K", "pro-128k", &["spark-pro-128k", "pro-128k"]),
    ("v3.5", "generalv3.5", &["spark-max", "generalv3.5"]),
    ("v3.5-32K", "max-32k", &["spark-max-32k", "max-32k"]),
    ("v4.0", "4.0Ultra", &["spark-4.0-ultra", "4.0ultra"]),
];

/// The version of a model: the one its name stands for, else what follows the first `-` of the name, else the
/// one the channel is configured with, else the first.
pub fn number<'m>(model: &'m str, configured: Option<&'m str>) -> Cow<'m, str> {
    let small = model.to_lowercase();
    if let Some((version, _, _)) = KNOWN.iter().find(|(_, _, names)| names.contains(&small.as_str())) {
        return Cow::Borrowed(version);
    }
    let told = model.split_once('-').map(|(_, rest)| rest).filter(|rest| !rest.is_empty());
    Cow::Borrowed(told.or(configured.filter(|version| !version.is_empty())).unwrap_or("v1.1"))
}

/// The path of a version's address.
pub fn path_of(number: &str) -> String {
    match number {
        "v3.1-128K" => "/chat/pro-128k".to_owned(),
        "v3.5-32K" => "/chat/max-32k".to_owned(),
        other => format!("/{other}/chat"),
    }
}

/// The path of a model's address.
pub fn version(model: &str) -> String {
    path_of(&number(model, None))
}

/// What the message calls a model.
pub fn domain(model: &str) -> Cow<'static, str> {
    let number = number(model, None);
    let known = KNOWN.iter().find(|(version, _, _)| *version == number);
    known.map_or_else(|| Cow::Owned(format!("general{number}")), |(_, domain, _)| Cow::Borrowed(*domain))
}

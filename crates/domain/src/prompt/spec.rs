//! What a prompt and its versions are made of, as they are kept, shown and taken along.

use super::template::Template;
use super::{MODEL_PREFIX, Target, VERSIONS_MAX, Version, is_label, is_name};
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

/// Bounds of a version.
const MESSAGES_MAX: usize = 128;
const TEXT_MAX: usize = 256 << 10;
const PARAMETERS_MAX: usize = 64 << 10;
const MODEL_MAX: usize = 191;
const DESCRIPTION_MAX: usize = 4096;
const LABELS_MAX: usize = 64;

/// Members of a request that a prompt has places of its own for, or that are the caller's alone.
const RESERVED: &[&str] = &["model", "messages", "prompt", "stream", "stream_options"];

/// Who speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    System,
    Developer,
    User,
    Assistant,
}

impl Role {
    pub const fn name(self) -> &'static str {
        match self {
            Role::System => "system",
            Role::Developer => "developer",
            Role::User => "user",
            Role::Assistant => "assistant",
        }
    }

    /// Instructions rather than a turn of the conversation.
    pub const fn instructs(self) -> bool {
        matches!(self, Role::System | Role::Developer)
    }
}

/// A message with `{{variables}}` in its text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Message {
    pub role: Role,
    pub content: String,
}

/// What a version says. Two versions with the same one are the same.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    pub messages: Vec<Message>,
    /// The model, where the caller names none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Parameters that the caller does not set, named as in Chat Completions.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub parameters: Map<String, Value>,
    /// JSON Schema of the variables together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variables: Option<Value>,
}

impl Spec {
    /// The texts, read; everything about the version but its schema is checked.
    pub(super) fn templates(&self) -> Result<Vec<(Role, Template)>, String> {
        if !(1..=MESSAGES_MAX).contains(&self.messages.len()) {
            return Err(format!("a prompt has 1 to {MESSAGES_MAX} messages"));
        }
        if self.messages.iter().map(|message| message.content.len()).sum::<usize>() > TEXT_MAX {
            return Err(format!("the messages have at most {} KiB together", TEXT_MAX >> 10));
        }
        let mut templates = Vec::with_capacity(self.messages.len());
        let mut talking = false;
        for (at, message) in self.messages.iter().enumerate() {
            if message.content.is_empty() {
                return Err(format!("messages[{at}] has no text"));
            }
            if talking && message.role.instructs() {
                // Not every dialect has a place for them between turns.
                return Err(format!("messages[{at}]: system and developer messages come before all others"));
            }
            talking = !message.role.instructs();
            let text = Template::parse(&message.content).map_err(|what| format!("messages[{at}]: {what}"))?;
            templates.push((message.role, text));
        }
        if let Some(model) = &self.model
            && (model.is_empty() || model.len() > MODEL_MAX || model.starts_with(MODEL_PREFIX))
        {
            return Err(format!("model must be the name of a model, of 1 to {MODEL_MAX} bytes"));
        }
        if let Some(name) = RESERVED.iter().find(|name| self.parameters.contains_key(**name)) {
            return Err(format!("parameters can't set {name}"));
        }
        if self.parameters.values().any(Value::is_null) {
            return Err("parameters can't be null: leave them out".into());
        }
        let parameters: usize =
            self.parameters.iter().map(|(name, value)| name.len() + value.to_string().len()).sum();
        let variables = self.variables.as_ref().map_or(0, |schema| schema.to_string().len());
        if parameters > PARAMETERS_MAX || variables > PARAMETERS_MAX {
            return Err(format!("parameters and variables have at most {} KiB each", PARAMETERS_MAX >> 10));
        }
        Ok(templates)
    }
}

/// A version with its number: `{"version": 3, "messages": …}`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Numbered {
    pub version: i64,
    #[serde(flatten)]
    pub spec: Spec,
}

impl<'de> Deserialize<'de> for Numbered {
    /// By hand: a flattened struct would overlook members that it does not know.
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let mut members = Map::deserialize(from)?;
        let version = members.remove("version").as_ref().and_then(Value::as_i64);
        let version = version.ok_or_else(|| D::Error::custom("version must be a whole number"))?;
        let spec = Spec::deserialize(Value::Object(members)).map_err(D::Error::custom)?;
        Ok(Numbered { version, spec })
    }
}

/// A whole prompt, as it is declared, exported and imported.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Document {
    pub name: String,
    #[serde(default)]
    pub description: String,
    pub versions: Vec<Numbered>,
    #[serde(default)]
    pub labels: BTreeMap<String, Target>,
}

/// What is wrong with a description, if anything.
pub fn check_description(description: &str) -> Result<(), String> {
    match description.len() <= DESCRIPTION_MAX {
        true => Ok(()),
        false => Err(format!("a description has at most {DESCRIPTION_MAX} bytes")),
    }
}

impl Document {
    /// What is wrong with it, if anything; versions that would not compile too.
    pub fn check(&self) -> Result<(), String> {
        if !is_name(&self.name) {
            return Err(format!(
                "{:?} is no name of a prompt: 1 to 64 of a-z, 0-9, '.', '_' and '-'",
                self.name
            ));
        }
        check_description(&self.description)?;
        let mut numbers = BTreeSet::new();
        for Numbered { version, spec } in &self.versions {
            if !(1..=VERSIONS_MAX).contains(version) || !numbers.insert(*version) {
                return Err(format!("versions have different numbers from 1 to {VERSIONS_MAX}"));
            }
            Version::compile(*version, spec).map_err(|what| format!("version {version}: {what}"))?;
        }
        if numbers.is_empty() {
            return Err("a prompt needs a version".into());
        }
        if self.labels.len() > LABELS_MAX {
            return Err(format!("a prompt has at most {LABELS_MAX} labels"));
        }
        for (label, target) in &self.labels {
            if !is_label(label) {
                return Err(format!(
                    "{label:?} is no label: as a prompt's name, but neither a number nor latest"
                ));
            }
            if let Some(number) = target.versions().find(|number| !numbers.contains(number)) {
                return Err(format!("the label {label} points at version {number}, which is not there"));
            }
        }
        Ok(())
    }
}

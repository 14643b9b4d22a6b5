//! What a version is made of, as it is kept, shown and taken along.

use super::MODEL_PREFIX;
use super::template::Template;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Bounds of a version.
const MESSAGES_MAX: usize = 128;
const TEXT_MAX: usize = 256 << 10;
const PARAMETERS_MAX: usize = 64 << 10;
const MODEL_MAX: usize = 191;

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

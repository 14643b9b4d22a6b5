//! Prompts: named texts with variables, in numbered versions that never change, and labels that point at them.
//!
//! A version is kept as its [`Spec`] and called as a [`Version`], which is compiled once. Rendering is pure:
//! what callers fill in is text, looked at by nobody; it can't become a variable or another message.

mod spec;
mod target;
mod template;

pub use spec::{Document, Message, Numbered, Role, Spec, check_description};
pub use target::{Share, Target, choose, is_label};
pub use template::Template;

use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// Versions of one prompt.
pub const VERSIONS_MAX: i64 = 1000;

/// What `model` begins with where it names a prompt.
pub const MODEL_PREFIX: &str = "prompt:";

/// A prompt as it is called: `name`, `name@label`, `name@3`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    pub name: String,
    /// A label, or the number of a version.
    pub version: Option<String>,
}

impl Reference {
    pub fn parse(text: &str) -> Reference {
        match text.split_once('@') {
            Some((name, version)) => Reference { name: name.to_owned(), version: Some(version.to_owned()) },
            None => Reference { name: text.to_owned(), version: None },
        }
    }
}

/// What OpenAI calls the prompts that it keeps itself.
pub const VENDORS_PREFIX: &str = "pmpt_";

/// Words that the management API has in a name's place.
const TAKEN: &[&str] = &["export", "import"];

/// Whether a prompt may be called so: 1 to 64 of `a-z 0-9 . _ -`, and not as a vendor's own.
pub fn is_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._-".contains(&byte);
    (1..=64).contains(&name.len())
        && name.bytes().all(plain)
        && !name.starts_with(VENDORS_PREFIX)
        && !TAKEN.contains(&name)
}

/// A version, ready to be called.
#[derive(Debug)]
pub struct Version {
    pub number: i64,
    /// The model, where the caller names none.
    pub model: Option<String>,
    pub parameters: Map<String, Value>,
    messages: Vec<(Role, Template)>,
    /// Variables that the texts use.
    used: BTreeSet<String>,
    /// Variables that may be given beside those.
    declared: BTreeSet<String>,
    /// Values of variables that are not given.
    defaults: Map<String, Value>,
    schema: Option<jsonschema::Validator>,
}

/// A message with its variables filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    pub role: Role,
    pub text: String,
}

/// Why a prompt can't be rendered with what was given.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unfilled {
    #[error("the prompt needs the variables {}", .0.join(", "))]
    Missing(Vec<String>),
    #[error("the prompt knows no variables {}", .0.join(", "))]
    Extra(Vec<String>),
    #[error("the prompt's variables don't match its schema: {0}")]
    Mismatch(String),
    #[error("the prompt with its variables is longer than {0} bytes")]
    TooLong(usize),
}

/// Characters of a schema's complaint, which repeats what was given.
const COMPLAINT_MAX: usize = 300;

impl Version {
    /// Checks and compiles a version. The error is for whoever writes the prompt.
    pub fn compile(number: i64, spec: &Spec) -> Result<Version, String> {
        let messages = spec.templates()?;
        let used = messages.iter().flat_map(|(_, text)| text.variables()).map(str::to_owned).collect();
        let schema = spec.variables.as_ref().map(compile_schema).transpose()?;
        let properties = spec.variables.as_ref().and_then(|schema| schema["properties"].as_object());
        let with_default =
            |(name, schema): (&String, &Value)| Some((name.clone(), schema.get("default")?.clone()));
        Ok(Version {
            number,
            model: spec.model.clone(),
            parameters: spec.parameters.clone(),
            messages,
            used,
            declared: properties.into_iter().flat_map(Map::keys).cloned().collect(),
            defaults: properties.into_iter().flatten().filter_map(with_default).collect(),
            schema,
        })
    }

    /// The messages with their variables filled in, no longer than `max` bytes together. A variable that is
    /// null is not given. Texts stand as they are, anything else as its JSON.
    pub fn render(&self, mut given: Map<String, Value>, max: usize) -> Result<Vec<Said>, Unfilled> {
        given.retain(|_, value| !value.is_null());
        let unknown = |name: &&String| !self.used.contains(*name) && !self.declared.contains(*name);
        let extra: Vec<String> = given.keys().filter(unknown).cloned().collect();
        if !extra.is_empty() {
            return Err(Unfilled::Extra(extra));
        }
        for (name, value) in &self.defaults {
            if !given.contains_key(name) {
                given.insert(name.clone(), value.clone());
            }
        }
        let missing: Vec<String> =
            self.used.iter().filter(|name| !given.contains_key(*name)).cloned().collect();
        if !missing.is_empty() {
            return Err(Unfilled::Missing(missing));
        }
        let given = Value::Object(given);
        if let Some(schema) = &self.schema
            && let Err(error) = schema.validate(&given)
        {
            let at = error.instance_path().to_string();
            let what = if at.is_empty() { error.to_string() } else { format!("{at}: {error}") };
            return Err(Unfilled::Mismatch(what.chars().take(COMPLAINT_MAX).collect()));
        }
        let mut left = max;
        let mut said = Vec::with_capacity(self.messages.len());
        for (role, text) in &self.messages {
            let text = text.fill(&given, left).ok_or(Unfilled::TooLong(max))?;
            left -= text.len();
            said.push(Said { role: *role, text });
        }
        Ok(said)
    }
}

/// Patterns take time linear in the text, and nothing is fetched for a `$ref`.
fn compile_schema(schema: &Value) -> Result<jsonschema::Validator, String> {
    if !schema.is_object() {
        return Err("variables must be a JSON Schema: an object".into());
    }
    let options = jsonschema::options().with_pattern_options(jsonschema::PatternOptions::regex());
    options.build(schema).map_err(|error| format!("variables is no valid JSON Schema: {error}"))
}

#[cfg(test)]
mod tests;

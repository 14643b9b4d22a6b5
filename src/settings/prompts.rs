//! `[[prompts]]`: prompts that a file declares.

use super::reader::Node;
use magic_domain::prompt::{Document, Message, Numbered, Role, Spec};
use serde_json::{Map, Value};

/// JSON as TOML has it, or as a text where TOML can't say it (null).
fn json(node: &Node<'_>, key: &str) -> Option<Value> {
    match node.json(key)? {
        Value::String(text) => match serde_json::from_str(&text) {
            Ok(value) => Some(value),
            Err(error) => {
                node.fault(key, format!("must be a table, or JSON as text: {error}"));
                None
            }
        },
        other => Some(other),
    }
}

fn message(node: &Node<'_>) -> Message {
    node.only(&["role", "content"]);
    let role = node.text("role").unwrap_or_default();
    let role = serde_json::from_value(Value::String(role)).unwrap_or_else(|_| {
        node.fault("role", "must be system, developer, user or assistant");
        Role::User
    });
    Message { role, content: node.text("content").unwrap_or_default() }
}

fn version(node: &Node<'_>, position: usize) -> Numbered {
    node.only(&["version", "model", "messages", "parameters", "variables"]);
    let parameters = match json(node, "parameters") {
        None => Map::new(),
        Some(Value::Object(parameters)) => parameters,
        Some(_) => {
            node.fault("parameters", "must be a table");
            Map::new()
        }
    };
    let number = node.signed("version").unwrap_or(i64::try_from(position).unwrap_or(i64::MAX));
    let spec = Spec {
        messages: node.tables("messages").iter().map(message).collect(),
        model: node.text("model"),
        parameters,
        variables: json(node, "variables"),
    };
    if let Err(what) = crate::prompts::check(&spec) {
        node.fault("messages", what);
    }
    Numbered { version: number, spec }
}

/// The prompts, checked.
pub fn read(root: &Node<'_>) -> Vec<Document> {
    let mut all: Vec<Document> = Vec::new();
    for node in root.tables("prompts") {
        node.only(&["name", "description", "labels", "versions"]);
        let labels = match node.json("labels").map(serde_json::from_value).transpose() {
            Ok(labels) => labels.unwrap_or_default(),
            Err(error) => {
                node.fault("labels", format!("must be versions, or lists of version and percent: {error}"));
                Default::default()
            }
        };
        let versions = node.tables("versions");
        let document = Document {
            name: node.text("name").unwrap_or_default(),
            description: node.text("description").unwrap_or_default(),
            versions: versions.iter().enumerate().map(|(at, node)| version(node, at + 1)).collect(),
            labels,
        };
        if all.iter().any(|other| other.name == document.name) {
            node.fault("name", format!("the prompt {:?} is declared twice", document.name));
        }
        // What is wrong inside a version has been said with its line.
        if document.versions.iter().all(|version| crate::prompts::check(&version.spec).is_ok())
            && let Err(what) = document.check()
        {
            node.fault("name", what);
        }
        all.push(document);
    }
    all
}

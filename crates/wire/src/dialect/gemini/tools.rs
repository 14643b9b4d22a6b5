//! Tools and which of them may be called.

use super::fields::Fields;
use super::models::Rules;
use super::schema;
use crate::WireError;
use crate::chat::{ChatRequest, Dialect, Losses, Tool, ToolChoice, WebSearch};
use crate::codec::Asked;
use crate::dialect::kit;
use crate::json::{Json, Object, list_of, object};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

/// The longest name of a function.
const LONGEST: usize = 64;

/// The name of a tool as Google takes it: a letter or `_` first, then letters, digits and `_.:-`.
pub fn tool_name(name: &str) -> Cow<'_, str> {
    let fine = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | ':' | '-');
    let starts = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    if starts && name.len() <= LONGEST && name.chars().all(fine) {
        return Cow::Borrowed(name);
    }
    let prefix = if starts { "" } else { "_" };
    let clean = name.chars().map(|c| if fine(c) { c } else { '_' });
    Cow::Owned(prefix.chars().chain(clean).take(LONGEST).collect())
}

/// What the caller calls its tools, by the names that Google was given.
#[derive(Debug, Default)]
pub(super) struct Names {
    others: HashMap<String, String>,
    customs: HashSet<String>,
}

impl Names {
    pub fn of(asked: &Asked) -> Names {
        let tools = asked.request.iter().flat_map(|request| &request.tools);
        let names = tools.filter_map(|tool| match tool {
            Tool::Function { name, .. } | Tool::Custom { name, .. } => Some((tool_name(name), name)),
            Tool::Hosted { .. } => None,
        });
        let others = names.filter(|(clean, name)| clean != *name);
        Names {
            others: others.map(|(clean, name)| (clean.into_owned(), name.clone())).collect(),
            customs: kit::customs(asked),
        }
    }

    /// The caller's name, and whether the tool takes a free text.
    pub fn callers(&self, name: String) -> (String, bool) {
        let name = self.others.get(&name).cloned().unwrap_or(name);
        let custom = self.customs.contains(&name);
        (name, custom)
    }
}

/// Reads `tools`.
pub(super) fn read(entries: Vec<&RawValue>, chat: &mut ChatRequest) -> Result<(), WireError> {
    for (index, entry) in entries.into_iter().enumerate() {
        let path = format!("tools[{index}]");
        let mut fields = Fields::of(entry, path.as_str())?;
        // The members of an entry are tools of their own, in the order they stand there.
        let functions = fields.take("functionDeclarations");
        for (index, function) in functions.and_then(list_of).unwrap_or_default().into_iter().enumerate() {
            let path = format!("{path}.functionDeclarations[{index}]");
            let mut fields = Fields::of(function, path.as_str())?;
            let name = fields.text("name")?;
            let name = name.ok_or_else(|| WireError::at(format!("{path}.name is missing"), path))?;
            let schema = match fields.json("parametersJsonSchema") {
                Some(schema) => Some(schema),
                None => {
                    fields.json("parameters").map(|json| Json::from_text(schema::raise(&json))).transpose()?
                }
            };
            let description = fields.text("description")?;
            chat.tools.push(Tool::Function { name, description, schema, strict: None, cache: None });
        }
        for (name, json) in fields.rest() {
            if name == "googleSearch" || name == "googleSearchRetrieval" {
                chat.web_search = Some(WebSearch::default());
            }
            let json = Json::from_text(object(|o| o.json(&name, &json)))?;
            chat.tools.push(Tool::Hosted { dialect: Dialect::Gemini, json });
        }
    }
    Ok(())
}

/// Reads `functionCallingConfig`.
pub(super) fn read_choice(mut fields: Fields<'_>, chat: &mut ChatRequest) -> Result<(), WireError> {
    let mode = fields.text("mode")?.unwrap_or_default().to_ascii_uppercase();
    let names = fields.texts("allowedFunctionNames")?;
    chat.tool_choice = match (mode.as_str(), names.as_slice()) {
        ("NONE", _) => Some(ToolChoice::None),
        ("ANY", []) => Some(ToolChoice::Required),
        ("ANY", [name]) => Some(ToolChoice::Named(name.clone())),
        ("ANY", _) => Some(ToolChoice::Allowed { names, required: true }),
        ("VALIDATED", []) => {
            // Arguments that are checked against their schema: what others call strict.
            for tool in &mut chat.tools {
                if let Tool::Function { strict, .. } = tool {
                    *strict = Some(true);
                }
            }
            Some(ToolChoice::Auto)
        }
        ("VALIDATED", _) => Some(ToolChoice::Allowed { names, required: false }),
        ("AUTO", _) => Some(ToolChoice::Auto),
        _ => None,
    };
    Ok(())
}

/// Writes `tools`; true when a search was added that the vendor runs.
pub(super) fn write(
    chat: &ChatRequest,
    rules: &Rules,
    o: &mut Object<'_>,
    lost: &mut Losses,
) -> Result<bool, WireError> {
    let mut functions: Vec<String> = Vec::new();
    let mut names: Vec<String> = Vec::new();
    let mut entries: Vec<String> = Vec::new();
    let mut functions_at = None;
    let mut searches = false;
    for (index, tool) in chat.tools.iter().enumerate() {
        let written = match tool {
            Tool::Function { name, description, schema, .. } => {
                (name, function(name, description.as_deref(), schema.as_ref(), rules))
            }
            Tool::Custom { name, description, format } => {
                lost.approximated(format!("tools[{index}]"));
                (name, custom(name, description.as_deref(), format.as_ref(), rules)?)
            }
            Tool::Hosted { dialect: Dialect::Gemini, json } => {
                searches |= json.get().contains("oogleSearch");
                entries.push(json.get().to_owned());
                continue;
            }
            Tool::Hosted { .. } => {
                lost.dropped(format!("tools[{index}]"));
                continue;
            }
        };
        let (name, text) = written;
        let clean = tool_name(name).into_owned();
        if clean != *name {
            lost.approximated(format!("tools[{index}].name"));
        }
        if names.contains(&clean) {
            let path = format!("tools[{index}].name");
            return Err(WireError::at(format!("{path} is there twice: {clean:?}"), path));
        }
        names.push(clean);
        functions_at.get_or_insert(entries.len());
        functions.push(text);
    }
    let mut added = false;
    if chat.web_search.is_some() && !searches {
        // Up to 2.5 a search and functions exclude each other.
        if functions.is_empty() || rules.third {
            added = true;
            entries.push(r#"{"googleSearch":{}}"#.to_owned());
        } else {
            lost.dropped("web_search_options");
        }
    }
    if let Some(at) = functions_at {
        let all = object(|o| {
            o.list("functionDeclarations", |l| functions.iter().for_each(|function| l.item().raw(function)));
        });
        entries.insert(at, all);
    }
    if !entries.is_empty() {
        o.list("tools", |l| entries.iter().for_each(|entry| l.item().raw(entry)));
    }
    Ok(added && !functions.is_empty())
}

fn function(name: &str, description: Option<&str>, schema: Option<&Json>, rules: &Rules) -> String {
    object(|o| {
        o.text("name", &tool_name(name));
        o.opt_text("description", description);
        let Some(schema) = schema else { return };
        if rules.json_schema {
            o.json("parametersJsonSchema", schema);
            return;
        }
        let lowered = schema::lower(schema);
        // A function without parameters must not have an empty object of them.
        if lowered != r#"{"type":"OBJECT"}"# {
            o.key("parameters").raw(&lowered);
        }
    })
}

fn custom(
    name: &str,
    description: Option<&str>,
    format: Option<&Json>,
    rules: &Rules,
) -> Result<String, WireError> {
    let grammar = format.map(|format| format!("The input must be in this format: {}", format.get()));
    let description: Vec<&str> = description.into_iter().chain(grammar.as_deref()).collect();
    let description = description.join("\n");
    let schema = r#"{"type":"object","properties":{"input":{"type":"string"}},"required":["input"]}"#;
    let schema = Json::from_text(schema)?;
    Ok(function(name, Some(&description).filter(|d| !d.is_empty()).map(String::as_str), Some(&schema), rules))
}

/// The members of `functionCallingConfig`: the mode and the names that are allowed.
pub(super) fn choice(chat: &ChatRequest, rules: &Rules) -> Option<(&'static str, Vec<String>)> {
    let functions = |tool: &Tool| matches!(tool, Tool::Function { .. } | Tool::Custom { .. });
    if !chat.tools.iter().any(functions) {
        return None;
    }
    let strict = |tool: &Tool| matches!(tool, Tool::Function { strict: Some(true), .. });
    let clean = |names: &[String]| names.iter().map(|name| tool_name(name).into_owned()).collect();
    match &chat.tool_choice {
        None | Some(ToolChoice::Auto) if rules.json_schema && chat.tools.iter().any(strict) => {
            Some(("VALIDATED", Vec::new()))
        }
        None => None,
        Some(ToolChoice::Auto) => Some(("AUTO", Vec::new())),
        Some(ToolChoice::None) => Some(("NONE", Vec::new())),
        Some(ToolChoice::Required) => Some(("ANY", Vec::new())),
        Some(ToolChoice::Named(name)) => Some(("ANY", vec![tool_name(name).into_owned()])),
        Some(ToolChoice::Allowed { names, required: true }) => Some(("ANY", clean(names))),
        Some(ToolChoice::Allowed { names, required: false }) => Some(("VALIDATED", clean(names))),
    }
}

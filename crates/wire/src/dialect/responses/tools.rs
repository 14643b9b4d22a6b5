//! Tools and the choice among them, flat where chat nests.

use crate::WireError;
use crate::chat::{ChatRequest, Dialect, Tool, ToolChoice, WebSearch};
use crate::json::{Json, List, Members, Object, Out};
use serde_json::value::RawValue;

/// The member of `extra` that holds a search tool which says more than [`WebSearch`] can.
const SEARCH: &str = "tools.web_search";

type Read = (Vec<Tool>, Option<WebSearch>);

pub(super) fn read(m: &mut Members<'_>, extra: &mut Vec<(String, Json)>) -> Result<Read, WireError> {
    let mut tools = Vec::new();
    let mut search = None;
    for (at, raw) in m.list("tools")?.into_iter().enumerate() {
        let path = format!("tools[{at}]");
        let mut tool = Members::of(raw, path.clone())?;
        let kind = tool.text("type")?.unwrap_or_default();
        let mut name = || -> Result<String, WireError> {
            let name = tool.text("name")?.filter(|name| !name.is_empty());
            name.ok_or_else(|| WireError::at(format!("{path}.name is missing"), format!("{path}.name")))
        };
        match kind.as_str() {
            "function" => tools.push(Tool::Function {
                name: name()?,
                description: tool.text("description")?,
                schema: tool.json("parameters"),
                strict: tool.flag("strict")?,
                cache: None,
            }),
            "custom" => tools.push(Tool::Custom {
                name: name()?,
                description: tool.text("description")?,
                format: tool.json("format"),
            }),
            kind if kind.starts_with("web_search") && search.is_none() => {
                let context_size = tool.text("search_context_size")?;
                let location = tool.take("user_location").map(read_location);
                search = Some(WebSearch { context_size, location });
                let more = tool.rest().iter().any(|(_, json)| !json.is_null());
                if more || kind != "web_search" {
                    extra.push((SEARCH.to_owned(), Json::from(raw)));
                }
            }
            "" => return Err(WireError::at(format!("{path}.type is missing"), format!("{path}.type"))),
            _ => tools.push(Tool::Hosted { dialect: Dialect::OpenAiResponses, json: Json::from(raw) }),
        }
    }
    Ok((tools, search))
}

/// Chat, whose words the canonical place is in, nests it in `approximate`.
fn read_location(raw: &RawValue) -> Json {
    let nested =
        Members::of(raw, "user_location").ok().filter(|m| m.peek("approximate").is_none()).and_then(|m| {
            let rest = m.rest();
            let text = crate::json::object(|o| {
                o.text("type", "approximate");
                o.object("approximate", |o| {
                    rest.iter()
                        .filter(|(name, _)| name != "type")
                        .for_each(|(name, json)| o.json(name, json));
                });
            });
            Json::from_text(text).ok()
        });
    nested.unwrap_or_else(|| Json::from(raw))
}

/// `None`: a choice that only this dialect can make.
pub(super) fn read_choice(raw: &RawValue) -> Result<Option<ToolChoice>, WireError> {
    let bad = || WireError::at("tool_choice must be auto, none, required or an object", "tool_choice");
    if let Some(word) = crate::json::text_of(raw) {
        return match word.as_str() {
            "auto" => Ok(Some(ToolChoice::Auto)),
            "none" => Ok(Some(ToolChoice::None)),
            "required" | "any" => Ok(Some(ToolChoice::Required)),
            _ => Err(bad()),
        };
    }
    let mut m = Members::of(raw, "tool_choice")?;
    match m.text("type")?.as_deref() {
        Some("function" | "custom") => Ok(m.text("name")?.map(ToolChoice::Named)),
        Some("allowed_tools") => {
            let required = m.text("mode")?.as_deref() == Some("required");
            let mut names = Vec::new();
            for raw in m.list("tools")? {
                let mut tool = Members::of(raw, "tool_choice.tools")?;
                match (tool.text("type")?.as_deref(), tool.text("name")?) {
                    (Some("function" | "custom"), Some(name)) => names.push(name),
                    _ => return Ok(None),
                }
            }
            Ok(Some(ToolChoice::Allowed { names, required }))
        }
        Some(_) => Ok(None),
        None => Err(bad()),
    }
}

/// Tools for a vendor. One that some other vendor runs can neither be said nor left out.
pub(super) fn check(chat: &ChatRequest) -> Result<(), WireError> {
    for (at, tool) in chat.tools.iter().enumerate() {
        if let Tool::Hosted { dialect, .. } = tool
            && *dialect != Dialect::OpenAiResponses
        {
            let path = format!("tools[{at}]");
            return Err(WireError::at(
                format!("{path} is a tool that this model's vendor does not run"),
                path,
            ));
        }
    }
    Ok(())
}

pub(super) fn write(chat: &ChatRequest, l: &mut List<'_>) {
    let own = chat.origin == Some(Dialect::OpenAiResponses);
    for tool in &chat.tools {
        match tool {
            Tool::Function { name, description, schema, strict, .. } => l.object(|o| {
                o.text("type", "function");
                o.text("name", name);
                o.opt_text("description", description.as_deref());
                match schema {
                    Some(schema) => o.json("parameters", schema),
                    None => o.key("parameters").raw(r#"{"type":"object","properties":{}}"#),
                }
                // Strict is the default here and nowhere else.
                let strict = if own { *strict } else { Some(strict.unwrap_or(false)) };
                o.opt_flag("strict", strict);
            }),
            Tool::Custom { name, description, format } => l.object(|o| {
                o.text("type", "custom");
                o.text("name", name);
                o.opt_text("description", description.as_deref());
                if let Some(format) = format {
                    write_format(format, o);
                }
            }),
            Tool::Hosted { dialect: Dialect::OpenAiResponses, json } => l.item().json(json),
            Tool::Hosted { .. } => {}
        }
    }
    let Some(search) = &chat.web_search else { return };
    let exact = chat.extra.iter().find(|(name, _)| own && name == SEARCH);
    match exact {
        Some((_, json)) => l.item().json(json),
        None => l.object(|o| {
            o.text("type", "web_search");
            o.opt_text("search_context_size", search.context_size.as_deref());
            if let Some(location) = &search.location {
                write_location(location, o);
            }
        }),
    }
}

/// Whether a member of `extra` is written with the tools.
pub(super) fn is_search(name: &str) -> bool {
    name == SEARCH
}

/// Chat nests the grammar in an object of its own.
fn write_format(format: &Json, o: &mut Object<'_>) {
    let flat =
        Members::of_body(format.get().as_bytes()).ok().and_then(|mut m| m.object("grammar").ok().flatten());
    match flat {
        Some(mut grammar) => o.object("format", |o| {
            o.text("type", "grammar");
            o.opt_json("definition", grammar.json("definition").as_ref());
            o.opt_json("syntax", grammar.json("syntax").as_ref());
        }),
        None => o.json("format", format),
    }
}

fn write_location(location: &Json, o: &mut Object<'_>) {
    let inner = Members::of_body(location.get().as_bytes())
        .ok()
        .and_then(|mut m| m.object("approximate").ok().flatten());
    match inner {
        Some(place) => o.object("user_location", |o| {
            o.text("type", "approximate");
            place
                .rest()
                .iter()
                .filter(|(name, _)| name != "type")
                .for_each(|(name, json)| o.json(name, json));
        }),
        None => o.json("user_location", location),
    }
}

pub(super) fn write_choice(chat: &ChatRequest, choice: &ToolChoice, out: Out<'_>) {
    let kind = |name: &str| {
        let custom = chat.tools.iter().any(|tool| matches!(tool, Tool::Custom { name: n, .. } if n == name));
        if custom { "custom" } else { "function" }
    };
    match choice {
        ToolChoice::Auto => out.text("auto"),
        ToolChoice::None => out.text("none"),
        ToolChoice::Required => out.text("required"),
        ToolChoice::Named(name) => out.object(|o| {
            o.text("type", kind(name));
            o.text("name", name);
        }),
        ToolChoice::Allowed { names, required } => out.object(|o| {
            o.text("type", "allowed_tools");
            o.text("mode", if *required { "required" } else { "auto" });
            o.list("tools", |l| {
                for name in names {
                    l.object(|o| {
                        o.text("type", kind(name));
                        o.text("name", name);
                    });
                }
            });
        }),
    }
}

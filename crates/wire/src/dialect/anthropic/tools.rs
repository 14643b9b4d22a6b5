//! Tools and how they are chosen, written; structured output where it has to be a tool.

use super::turns::mark;
use super::{JSON_TOOL, models::Forced, models::Model, schema};
use crate::WireError;
use crate::chat::{ChatRequest, Dialect, Losses, OutputFormat, Tool, ToolChoice, WebSearch};
use crate::json::{self, Json};

/// The tools of a request, with what else they bring about.
#[derive(Default)]
pub(super) struct Tools {
    pub tools: Vec<String>,
    pub choice: Option<String>,
    /// The schema of `output_config.format`.
    pub format: Option<Json>,
    /// What the system prompt has to say besides.
    pub system: Vec<String>,
}

pub(super) fn of(
    chat: &ChatRequest,
    model: &Model,
    thinks: bool,
    lost: &mut Losses,
) -> Result<Tools, WireError> {
    let mut all = Tools::default();
    for (index, tool) in chat.tools.iter().enumerate() {
        let listed = match &chat.tool_choice {
            Some(ToolChoice::Allowed { names, .. }) => name(tool).is_none_or(|name| names.contains(&name)),
            _ => true,
        };
        if listed {
            all.tools.push(write(chat, index, tool, model, lost)?);
        }
    }
    if let Some(search) = &chat.web_search {
        all.tools.push(web_search(search));
        lost.approximated("web_search_options");
    }
    let wanted = output(chat, model, &mut all, lost);
    choice(chat, model, thinks, wanted, &mut all, lost);
    Ok(all)
}

/// The name by which a tool is called.
fn name(tool: &Tool) -> Option<String> {
    match tool {
        Tool::Function { name, .. } | Tool::Custom { name, .. } => Some(name.clone()),
        Tool::Hosted { json, .. } => json.tree().get("name")?.as_str().map(str::to_owned),
    }
}

fn write(
    chat: &ChatRequest,
    index: usize,
    tool: &Tool,
    model: &Model,
    lost: &mut Losses,
) -> Result<String, WireError> {
    let own = chat.origin == Some(Dialect::Anthropic);
    let path = format!("tools[{index}]");
    Ok(match tool {
        Tool::Function { name, description, schema, strict, cache } => {
            let strict = strict.filter(|strict| own || (*strict && model.format));
            let lowered =
                schema.as_ref().filter(|_| strict == Some(true)).map(|s| schema::lower(s, chat.origin));
            let schema = lowered.as_ref().or(schema.as_ref());
            let input = match schema {
                Some(schema) if own => schema.get().to_owned(),
                _ => schema::input(schema).ok_or_else(|| {
                    WireError::at(format!("the parameters of {path} must be an object"), path.as_str())
                })?,
            };
            let prefix = format!("{path}.");
            json::object(|o| {
                o.text("name", name);
                o.opt_text("description", description.as_deref());
                o.key("input_schema").raw(&input);
                o.opt_flag("strict", strict);
                mark(o, *cache);
                if own {
                    let own = chat
                        .extra
                        .iter()
                        .filter_map(|(name, value)| Some((name.strip_prefix(&prefix)?, value)));
                    own.for_each(|(name, value)| o.json(name, value));
                }
            })
        }
        Tool::Custom { name, description, format } => {
            let grammar = format.as_ref().filter(|format| format.tree()["type"] != "text");
            if grammar.is_some() {
                lost.dropped(format!("{path}.format"));
            }
            // The grammar binds no longer; the model can still be told of it.
            let rules =
                grammar.map(|grammar| format!("The input must follow this grammar: {}", grammar.get()));
            let told: Vec<&str> = description.as_deref().into_iter().chain(rules.as_deref()).collect();
            json::object(|o| {
                o.text("name", name);
                if !told.is_empty() {
                    o.text("description", &told.join("\n\n"));
                }
                o.key("input_schema").raw(
                    r#"{"type":"object","properties":{"input":{"type":"string"}},"required":["input"]}"#,
                );
            })
        }
        Tool::Hosted { dialect: Dialect::Anthropic, json } => json.get().to_owned(),
        Tool::Hosted { json, .. } => {
            let tree = json.tree();
            let kind = tree["type"].as_str().unwrap_or("");
            let searches = ["googleSearch", "google_search", "googleSearchRetrieval"];
            if !kind.starts_with("web_search") && !searches.iter().any(|name| tree.get(*name).is_some()) {
                return Err(WireError::at(format!("{path} is a tool that this vendor does not have"), path));
            }
            lost.approximated(path);
            let context_size = tree["search_context_size"].as_str().map(str::to_owned);
            web_search(&WebSearch { context_size, location: tree.get("user_location").map(Json::of) })
        }
    })
}

/// The vendor's own search.
fn web_search(search: &WebSearch) -> String {
    let uses: u64 = match search.context_size.as_deref() {
        Some("low") => 3,
        Some("high") => 8,
        _ => 5,
    };
    json::object(|o| {
        o.text("type", "web_search_20250305");
        o.text("name", "web_search");
        o.int("max_uses", uses);
        let location = search.location.as_ref().map(Json::tree);
        if let Some(location) = location.filter(|location| location.is_object()) {
            let place = location.get("approximate").unwrap_or(&location);
            o.object("user_location", |o| {
                o.text("type", "approximate");
                for name in ["city", "region", "country", "timezone"] {
                    o.opt_text(name, place[name].as_str());
                }
            });
        }
    })
}

/// Structured output. True when the answer has to be a call of our tool.
fn output(chat: &ChatRequest, model: &Model, all: &mut Tools, lost: &mut Losses) -> bool {
    let word = match chat.origin {
        Some(Dialect::Anthropic) => "output_config.format",
        Some(Dialect::OpenAiResponses) => "text.format",
        Some(Dialect::Gemini) => "generationConfig.responseSchema",
        _ => "response_format",
    };
    match &chat.output {
        OutputFormat::Text => false,
        OutputFormat::Json => {
            all.system.push("Answer with one JSON object and nothing else: no words around it.".to_owned());
            lost.approximated(word);
            false
        }
        OutputFormat::Schema { schema, .. } if model.format => {
            all.format = Some(schema::lower(schema, chat.origin));
            false
        }
        OutputFormat::Schema { schema, description, .. } => {
            lost.approximated(word);
            let Some(input) = schema::input(Some(schema)) else {
                // A tool's input is an object; what is none can only be asked for.
                all.system
                    .push(format!("Answer with JSON of this schema and nothing else: {}", schema.get()));
                return false;
            };
            all.tools.push(json::object(|o| {
                o.text("name", JSON_TOOL);
                o.text("description", description.as_deref().unwrap_or("Gives the final answer."));
                o.key("input_schema").raw(&input);
            }));
            true
        }
    }
}

/// How a tool is chosen. `emulated`: the final answer is a call of our tool.
fn choice(
    chat: &ChatRequest,
    model: &Model,
    thinks: bool,
    emulated: bool,
    all: &mut Tools,
    lost: &mut Losses,
) {
    if all.tools.is_empty() {
        return;
    }
    let mut wanted = match &chat.tool_choice {
        None => None,
        Some(ToolChoice::Auto | ToolChoice::Allowed { required: false, .. }) => Some(("auto", None)),
        Some(ToolChoice::Required | ToolChoice::Allowed { required: true, .. }) => Some(("any", None)),
        Some(ToolChoice::None) => Some(("none", None)),
        Some(ToolChoice::Named(name)) => Some(("tool", Some(name.as_str()))),
    };
    if emulated {
        let alone = all.tools.len() == 1;
        wanted = match wanted {
            Some(("tool", name)) => Some(("tool", name)),
            Some(("none", _)) => Some(("tool", Some(JSON_TOOL))),
            _ if alone => Some(("tool", Some(JSON_TOOL))),
            _ => Some(("any", None)),
        };
    }
    let forced = matches!(wanted, Some(("any" | "tool", _)));
    if forced && (model.forced == Forced::No || (model.forced == Forced::UnlessThinking && thinks)) {
        all.system.push(match wanted {
            Some(("tool", Some(name))) => format!("You must call the tool {name:?} now."),
            _ if emulated => format!("Give your final answer by calling the tool {JSON_TOOL:?}."),
            _ => "You must call one of the tools now.".to_owned(),
        });
        wanted = Some(("auto", None));
        if !emulated {
            lost.approximated("tool_choice");
        }
    }
    let single = chat.parallel_tools == Some(false) || emulated;
    let wanted = wanted.or(single.then_some(("auto", None)));
    all.choice = wanted.map(|(kind, name)| {
        json::object(|o| {
            o.text("type", kind);
            o.opt_text("name", name);
            if single && kind != "none" {
                o.flag("disable_parallel_tool_use", true);
            }
        })
    });
}

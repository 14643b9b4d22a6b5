//! Tools and how they are chosen, written; structured output.

use super::model::Family;
use super::turns::cache_point;
use crate::WireError;
use crate::chat::{ChatRequest, Dialect, Losses, OutputFormat, Tool, ToolChoice};
use crate::dialect::anthropic::models::Forced;
use crate::dialect::anthropic::schema;
use crate::json::{self, Json};

/// The tools of a request, with what else they bring about.
#[derive(Default)]
pub(super) struct Tools {
    pub tools: Vec<String>,
    /// The value of `toolChoice`.
    pub choice: Option<String>,
    /// Claude's own tools, which the dialect has no words for.
    pub claudes: Vec<Json>,
    /// The value of `outputConfig.textFormat`.
    pub format: Option<String>,
    /// What the system prompt has to say besides.
    pub system: Vec<String>,
}

/// `called`: the tools of the history, which must be there when the request has none; `thinks`: the model will.
pub(super) fn of(
    chat: &ChatRequest,
    family: &Family,
    called: &[String],
    thinks: bool,
    lost: &mut Losses,
) -> Result<Tools, WireError> {
    let mut all = Tools::default();
    let none = chat.tool_choice == Some(ToolChoice::None);
    // Without calls in the history, leaving the tools out is how none is chosen.
    if !(none && called.is_empty()) {
        for (index, tool) in chat.tools.iter().enumerate() {
            let listed = match (&chat.tool_choice, tool) {
                (
                    Some(ToolChoice::Allowed { names, .. }),
                    Tool::Function { name, .. } | Tool::Custom { name, .. },
                ) => names.contains(name),
                _ => true,
            };
            if listed {
                write(chat, index, tool, family, &mut all, lost)?;
            }
        }
        search(chat, family, &mut all, lost);
    }
    if all.tools.is_empty() && !called.is_empty() {
        // The vendor refuses a history of calls without tools.
        all.tools.extend(called.iter().map(|name| spec(name, None, r#"{"type":"object"}"#, None)));
        lost.approximated("tools");
    }
    output(chat, family, &mut all, lost);
    choice(chat, family, thinks, &mut all, lost);
    Ok(all)
}

fn spec(name: &str, description: Option<&str>, schema: &str, strict: Option<bool>) -> String {
    json::object(|o| {
        o.object("toolSpec", |o| {
            o.text("name", name);
            o.opt_text("description", description.filter(|text| !text.is_empty()));
            o.object("inputSchema", |o| o.key("json").raw(schema));
            o.opt_flag("strict", strict);
        });
    })
}

fn write(
    chat: &ChatRequest,
    index: usize,
    tool: &Tool,
    family: &Family,
    all: &mut Tools,
    lost: &mut Losses,
) -> Result<(), WireError> {
    let path = format!("tools[{index}]");
    match tool {
        Tool::Function { name, description, schema, strict, cache } => {
            let strict = strict.filter(|strict| *strict && family.claude().is_some_and(|model| model.format));
            let lowered = schema.as_ref().filter(|_| strict.is_some()).map(|s| schema::lower(s, chat.origin));
            let input = schema::input(lowered.as_ref().or(schema.as_ref())).ok_or_else(|| {
                WireError::at(format!("the parameters of {path} must be an object"), path.as_str())
            })?;
            all.tools.push(spec(name, description.as_deref(), &input, strict));
            // Of the others that cache, none caches tools.
            if let Some(mark) = cache.filter(|_| family.claude().is_some()) {
                all.tools.push(cache_point(mark, family));
            }
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
            let input = r#"{"type":"object","properties":{"input":{"type":"string"}},"required":["input"]}"#;
            all.tools.push(spec(name, Some(&told.join("\n\n")), input, None));
        }
        Tool::Hosted { dialect: Dialect::BedrockConverse, json } => all.tools.push(json.get().to_owned()),
        Tool::Hosted { dialect, json } => {
            let tree = json.tree();
            let kind = tree["type"].as_str().unwrap_or("");
            let is = |kinds: &[&str]| kinds.iter().any(|known| kind.starts_with(known));
            let searches = is(&["web_search"])
                || ["googleSearch", "google_search", "googleSearchRetrieval"]
                    .iter()
                    .any(|name| tree.get(*name).is_some());
            if *dialect == Dialect::Anthropic
                && family.claude().is_some()
                && is(&["bash_", "text_editor_", "computer_2", "memory_"])
            {
                all.claudes.push(json.clone());
            } else if searches && *family == Family::Nova2 {
                grounding(all);
                lost.approximated(path);
            } else {
                let message = format!("{path} is a tool that this vendor does not have");
                return Err(WireError::at(message, path));
            }
        }
    }
    Ok(())
}

/// Amazon's search, once.
fn grounding(all: &mut Tools) {
    let tool = r#"{"systemTool":{"name":"nova_grounding"}}"#;
    if !all.tools.iter().any(|known| known == tool) {
        all.tools.push(tool.to_owned());
    }
}

fn search(chat: &ChatRequest, family: &Family, all: &mut Tools, lost: &mut Losses) {
    if chat.web_search.is_none() {
        return;
    }
    if *family == Family::Nova2 {
        grounding(all);
        lost.approximated("web_search_options");
    } else {
        lost.dropped("web_search_options");
    }
}

/// Structured output.
fn output(chat: &ChatRequest, family: &Family, all: &mut Tools, lost: &mut Losses) {
    let word = match chat.origin {
        Some(Dialect::Anthropic) => "output_config.format",
        Some(Dialect::OpenAiResponses) => "text.format",
        Some(Dialect::Gemini) => "generationConfig.responseSchema",
        _ => "response_format",
    };
    match &chat.output {
        OutputFormat::Text => {}
        OutputFormat::Json => {
            all.system.push("Answer with one JSON object and nothing else: no words around it.".to_owned());
            lost.approximated(word);
        }
        OutputFormat::Schema { name, description, schema, .. } if family.format() => {
            // Every maker that has structured output wants objects closed.
            let schema = schema::lower(schema, chat.origin);
            all.format = Some(json::object(|o| {
                o.text("type", "json_schema");
                o.object("structure", |o| {
                    o.object("jsonSchema", |o| {
                        o.text("schema", schema.get());
                        o.opt_text("name", name.as_deref());
                        o.opt_text("description", description.as_deref());
                    });
                });
            }));
        }
        OutputFormat::Schema { schema, .. } => {
            lost.approximated(word);
            all.system.push(format!("Answer with JSON of this schema and nothing else: {}", schema.get()));
        }
    }
}

/// How a tool is chosen. The dialect has no word for none of them, nor for one at a time.
fn choice(chat: &ChatRequest, family: &Family, thinks: bool, all: &mut Tools, lost: &mut Losses) {
    if all.tools.is_empty() {
        return;
    }
    if chat.parallel_tools == Some(false) && chat.tool_choice != Some(ToolChoice::None) {
        lost.dropped("parallel_tool_calls");
    }
    let forced = family.claude().map_or(Forced::Yes, |model| model.forced);
    let free = forced == Forced::Yes || (forced == Forced::UnlessThinking && !thinks);
    let named = |name: &str| json::object(|o| o.object("tool", |o| o.text("name", name)));
    let mut asked = |text: String, word: &str| {
        all.system.push(text);
        lost.approximated(word);
    };
    all.choice = match &chat.tool_choice {
        None => None,
        Some(ToolChoice::None) => {
            asked("Call no tool now.".to_owned(), "tool_choice");
            None
        }
        Some(ToolChoice::Auto | ToolChoice::Allowed { required: false, .. }) => {
            Some(r#"{"auto":{}}"#.to_owned())
        }
        Some(ToolChoice::Required | ToolChoice::Allowed { required: true, .. }) if free => {
            Some(r#"{"any":{}}"#.to_owned())
        }
        Some(ToolChoice::Named(name)) if free => Some(named(name)),
        Some(ToolChoice::Named(name)) => {
            asked(format!("You must call the tool {name:?} now."), "tool_choice");
            Some(r#"{"auto":{}}"#.to_owned())
        }
        Some(_) => {
            asked("You must call one of the tools now.".to_owned(), "tool_choice");
            Some(r#"{"auto":{}}"#.to_owned())
        }
    };
}

//! Requests of callers, read. Members that the canonical chat has no place for stand in `extra` under their
//! path (`thinking.block_binding`, `tools[1].input_examples`), and go back there.

use super::blocks::{Blocks, cache_mark};
use crate::WireError;
use crate::chat::{
    ChatRequest, Dialect, Effort, Message, OutputFormat, ReasoningAsk, Role, Sampling, Tool, ToolChoice,
};
use crate::json::{Json, Members};
use serde_json::value::RawValue;

pub(super) fn request(body: &[u8], model: Option<&str>) -> Result<ChatRequest, WireError> {
    let mut body = Members::of_body(body)?;
    let named = body.text("model")?.or_else(|| model.map(str::to_owned));
    let mut chat = ChatRequest {
        model: named.ok_or_else(|| WireError::at("model is missing", "model"))?,
        wants_usage: true,
        origin: Some(Dialect::Anthropic),
        stream: body.flag("stream")?.unwrap_or(false),
        sampling: Sampling {
            max_output: body.count("max_tokens")?,
            temperature: body.number("temperature")?,
            top_p: body.number("top_p")?,
            top_k: body.count("top_k")?,
            stop: body.texts("stop_sequences")?,
            ..Sampling::default()
        },
        ..ChatRequest::default()
    };
    chat.messages = messages(&mut body)?;
    tools(&mut body, &mut chat)?;
    tool_choice(&mut body, &mut chat)?;
    thinking(&mut body, &mut chat)?;
    output_config(&mut body, &mut chat)?;
    if let Some(raw) = body.peek("metadata") {
        let mut metadata = Members::of(raw, "metadata")?;
        chat.end_user = metadata.text("user_id")?;
        if metadata.names().next().is_some() {
            chat.metadata = Some(Json::from(raw));
        }
        body.take("metadata");
    }
    chat.service_tier = body.text("service_tier")?.map(|tier| match tier.as_str() {
        "standard_only" => "default".to_owned(),
        _ => tier,
    });
    chat.extra.extend(body.rest().into_iter().filter(|(_, value)| !value.is_null()));
    Ok(chat)
}

fn messages(body: &mut Members<'_>) -> Result<Vec<Message>, WireError> {
    let mut blocks = Blocks::default();
    let mut messages = Vec::new();
    if let Some(system) = body.take("system") {
        messages.push(Message::new(Role::System, blocks.content(system, "system")?));
    }
    for (index, item) in body.list("messages")?.into_iter().enumerate() {
        let mut message = Members::of(item, format!("messages[{index}]"))?;
        let path = message.at("role");
        let role = match message.text("role")?.as_deref() {
            Some("user") => Role::User,
            Some("assistant") => Role::Assistant,
            Some("system") => Role::System,
            _ => return Err(WireError::at(format!("{path} must be user, assistant or system"), path)),
        };
        let path = message.at("content");
        let content = message.take("content");
        let content = content.ok_or_else(|| WireError::at(format!("{path} is missing"), path.clone()))?;
        messages.push(Message::new(role, blocks.content(content, &path)?));
    }
    Ok(messages)
}

fn tools(body: &mut Members<'_>, chat: &mut ChatRequest) -> Result<(), WireError> {
    for (index, raw) in body.list("tools")?.into_iter().enumerate() {
        let path = format!("tools[{index}]");
        let mut tool = Members::of(raw, path.clone())?;
        if tool.text("type")?.is_some_and(|kind| kind != "custom") {
            chat.tools.push(Tool::Hosted { dialect: Dialect::Anthropic, json: Json::from(raw) });
            continue;
        }
        let at = tool.at("name");
        chat.tools.push(Tool::Function {
            name: tool.text("name")?.ok_or_else(|| WireError::at(format!("{at} is missing"), at))?,
            description: tool.text("description")?,
            schema: tool.json("input_schema"),
            strict: tool.flag("strict")?,
            cache: cache_mark(&mut tool)?,
        });
        keep(&path, tool, &mut chat.extra);
    }
    Ok(())
}

fn tool_choice(body: &mut Members<'_>, chat: &mut ChatRequest) -> Result<(), WireError> {
    let Some(mut choice) = body.object("tool_choice")? else { return Ok(()) };
    chat.tool_choice = Some(match choice.text("type")?.as_deref() {
        Some("auto") => ToolChoice::Auto,
        Some("any") => ToolChoice::Required,
        Some("none") => ToolChoice::None,
        Some("tool") => ToolChoice::Named(choice.text("name")?.unwrap_or_default()),
        _ => {
            return Err(WireError::at(
                "tool_choice.type must be auto, any, tool or none",
                "tool_choice.type",
            ));
        }
    });
    chat.parallel_tools = choice.flag("disable_parallel_tool_use")?.map(|disabled| !disabled);
    Ok(())
}

fn thinking(body: &mut Members<'_>, chat: &mut ChatRequest) -> Result<(), WireError> {
    let Some(raw) = body.peek("thinking") else { return Ok(()) };
    let mut thinking = Members::of(raw, "thinking")?;
    let mut ask = ReasoningAsk::default();
    match thinking.text("type")?.as_deref() {
        Some("enabled") => ask.budget = Some(thinking.int("budget_tokens")?.unwrap_or(1024)),
        Some("adaptive") => ask.budget = Some(-1),
        Some("disabled") => ask.off = true,
        // A kind that only the vendor knows stays in `extra`, whole.
        _ => return Ok(()),
    }
    body.take("thinking");
    if let Some(display) = thinking.peek("display").map(RawValue::get) {
        ask.show = match display {
            r#""summarized""# => Some(true),
            r#""omitted""# => Some(false),
            _ => None,
        };
        if ask.show.is_some() {
            thinking.take("display");
        }
    }
    keep("thinking", thinking, &mut chat.extra);
    chat.reasoning = Some(ask);
    Ok(())
}

fn output_config(body: &mut Members<'_>, chat: &mut ChatRequest) -> Result<(), WireError> {
    let mut format = body.object("output_format")?;
    if let Some(mut config) = body.object("output_config")? {
        let effort = config.peek("effort").and_then(crate::json::text_of);
        if let Some(effort) = effort.as_deref().and_then(Effort::parse) {
            config.take("effort");
            chat.reasoning.get_or_insert_default().effort = Some(effort);
        }
        format = config.object("format")?.or(format);
        keep("output_config", config, &mut chat.extra);
    }
    let Some(mut format) = format else { return Ok(()) };
    match (format.text("type")?.as_deref(), format.json("schema")) {
        (Some("json_schema"), Some(schema)) => {
            chat.output = OutputFormat::Schema { name: None, description: None, schema, strict: Some(true) };
            Ok(())
        }
        _ => Err(WireError::at(
            "the output's format must be a json_schema with a schema",
            "output_config.format",
        )),
    }
}

/// Keeps what has not been taken, under its path.
fn keep(path: &str, members: Members<'_>, extra: &mut Vec<(String, Json)>) {
    let rest = members.rest().into_iter().filter(|(_, value)| !value.is_null());
    extra.extend(rest.map(|(name, value)| (format!("{path}.{name}"), value)));
}

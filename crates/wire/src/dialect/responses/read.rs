//! A caller's request: everything but its items and tools.

use super::{items, tools};
use crate::WireError;
use crate::chat::{ChatRequest, Dialect, Effort, Message, OutputFormat, ReasoningAsk, Role};
use crate::json::{Json, Members, text_of};

pub(super) fn request(body: &[u8], model: Option<&str>) -> Result<ChatRequest, WireError> {
    let mut m = Members::of_body(body)?;
    let mut chat =
        ChatRequest { wants_usage: true, origin: Some(Dialect::OpenAiResponses), ..ChatRequest::default() };
    chat.model = match (m.text("model")?, model) {
        (Some(model), _) => model,
        (None, Some(model)) => model.to_owned(),
        // A stored prompt names its model itself.
        (None, None) if m.peek("prompt").is_some() => String::new(),
        (None, None) => return Err(WireError::at("model is missing", "model")),
    };
    if let Some(text) = m.text("instructions")? {
        chat.messages.push(Message::text(Role::System, text));
    }
    if let Some(raw) = m.take("input") {
        chat.messages.extend(items::read(raw)?);
    }
    (chat.tools, chat.web_search) = tools::read(&mut m, &mut chat.extra)?;
    if let Some(raw) = m.peek("tool_choice") {
        chat.tool_choice = tools::read_choice(raw)?;
        // A choice among the vendor's own tools is no choice that anyone else can make.
        if chat.tool_choice.is_some() {
            m.take("tool_choice");
        }
    }
    chat.parallel_tools = m.flag("parallel_tool_calls")?;

    let sampling = &mut chat.sampling;
    sampling.max_output = m.count("max_output_tokens")?;
    sampling.temperature = m.number("temperature")?;
    sampling.top_p = m.number("top_p")?;
    sampling.top_logprobs = m.count("top_logprobs")?;
    if m.peek("include").is_some_and(|raw| raw.get().contains("\"message.output_text.logprobs\"")) {
        sampling.logprobs = Some(true);
    }
    if let Some(raw) = m.peek("text") {
        let (output, verbosity) = text(&Json::from(raw))?;
        chat.verbosity = verbosity;
        match output {
            Some(output) => {
                m.take("text");
                chat.output = output;
            }
            None => chat.verbosity = None,
        }
    }
    if let Some(raw) = m.peek("reasoning") {
        let (ask, whole) = reasoning(&Json::from(raw))?;
        chat.reasoning = Some(ask);
        if whole {
            m.take("reasoning");
        }
    }
    chat.stream = m.flag("stream")?.unwrap_or(false);
    chat.end_user = m.text("user")?;
    if chat.end_user.is_none()
        && let Some(raw) = m.peek("safety_identifier")
    {
        chat.end_user = text_of(raw);
    }
    chat.metadata = m.json("metadata");
    chat.service_tier = m.text("service_tier")?;
    chat.store = m.flag("store")?;
    chat.cache_key = m.text("prompt_cache_key")?;
    chat.previous_response = m.text("previous_response_id")?;
    let left = m.rest().into_iter().filter(|(_, json)| !json.is_null());
    chat.extra.extend(left);
    Ok(chat)
}

/// The format and the verbosity; no format for one that only this dialect knows.
fn text(json: &Json) -> Result<(Option<OutputFormat>, Option<String>), WireError> {
    let raw = raw(json)?;
    let mut m = Members::of(&raw, "text")?;
    let verbosity = m.text("verbosity")?;
    let Some(mut format) = m.object("format")? else {
        return Ok((Some(OutputFormat::Text), verbosity));
    };
    let output = match format.text("type")?.as_deref() {
        None | Some("text") => OutputFormat::Text,
        Some("json_object") => OutputFormat::Json,
        Some("json_schema") => OutputFormat::Schema {
            name: format.text("name")?,
            description: format.text("description")?,
            schema: format
                .json("schema")
                .ok_or_else(|| WireError::at("text.format.schema is missing", "text.format.schema"))?,
            strict: format.flag("strict")?,
        },
        Some(_) => return Ok((None, verbosity)),
    };
    Ok((Some(output), verbosity))
}

/// What is asked of the reasoning, and whether that is all that the member says.
pub(super) fn reasoning(json: &Json) -> Result<(ReasoningAsk, bool), WireError> {
    let raw = raw(json)?;
    let mut m = Members::of(&raw, "reasoning")?;
    let effort = m.text("effort")?;
    let summary = m.text("summary")?.or(m.text("generate_summary")?);
    let known = effort.as_deref().and_then(Effort::parse);
    let ask = ReasoningAsk {
        effort: known,
        budget: None,
        off: known == Some(Effort::None),
        show: summary.as_ref().map(|_| true),
    };
    let plain = summary.as_deref().is_none_or(|summary| summary == "auto");
    let whole =
        effort.is_some() == known.is_some() && plain && m.rest().iter().all(|(_, json)| json.is_null());
    Ok((ask, whole))
}

fn raw(json: &Json) -> Result<Box<serde_json::value::RawValue>, WireError> {
    serde_json::from_str(json.get()).map_err(|_| WireError::new("malformed JSON"))
}

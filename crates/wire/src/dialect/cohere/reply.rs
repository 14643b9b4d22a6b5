//! Cohere's whole answers.

use super::usage;
use crate::WireError;
use crate::chat::{Annotation, Body, Call, ChatReply, Choice, Part, Reasoning, Stop};
use crate::codec::Asked;
use crate::dialect::kit;
use crate::fault::{VendorFault, read_fault};
use crate::json::{Json, Members, text_of};
use serde_json::Value;
use serde_json::value::RawValue;

pub(super) fn read(body: &[u8], asked: &Asked) -> Result<ChatReply, WireError> {
    let mut m = Members::of_body(body)?;
    if m.peek("message").is_none_or(|raw| !raw.get().starts_with('{')) {
        return Err(WireError::new(read_fault(200, body).message));
    }
    let word = m.text("finish_reason")?.unwrap_or_default();
    let Some(stop) = stop(&word) else { return Err(WireError::new(failed(&word, m.text("error")?).message)) };
    let mut choice = Choice { stop, logprobs: m.take("logprobs").and_then(logprobs), ..Choice::default() };
    if stop == Stop::StopSequence {
        choice.stop_text = kit::only_stop(asked);
    }
    if let Some(mut message) = m.object("message")? {
        choice.parts = parts(&mut message, asked)?;
    }
    if choice.calls() && matches!(stop, Stop::End | Stop::StopSequence) {
        choice.stop = Stop::ToolCalls; // C7
    }
    Ok(ChatReply {
        id: m.text("id")?.unwrap_or_default(),
        model: asked.model.clone(),
        choices: vec![choice],
        usage: kit::lenient::<Value>(m.take("usage")).as_ref().and_then(usage::read),
        ..ChatReply::default()
    })
}

/// A word for the end of an answer; `None` for one that says the vendor failed.
pub(super) fn stop(word: &str) -> Option<Stop> {
    match word {
        "MAX_TOKENS" | "ERROR_LIMIT" => Some(Stop::Length),
        "STOP_SEQUENCE" => Some(Stop::StopSequence),
        "TOOL_CALL" => Some(Stop::ToolCalls),
        "ERROR_TOXIC" => Some(Stop::Filtered),
        "ERROR" | "TIMEOUT" => None,
        _ => Some(Stop::End),
    }
}

/// The error of an answer that ended in one.
pub(super) fn failed(word: &str, told: Option<String>) -> VendorFault {
    let message = told.filter(|told| !told.is_empty());
    let message = message.unwrap_or_else(|| format!("the vendor failed in the middle: {word}"));
    let status = if word == "TIMEOUT" { 504 } else { 500 };
    let body = serde_json::json!({ "message": message, "type": word });
    read_fault(status, body.to_string().as_bytes())
}

fn parts(m: &mut Members<'_>, asked: &Asked) -> Result<Vec<Part>, WireError> {
    // Where the texts of the content are among the parts, and where the plan is.
    let (mut parts, mut places, mut plan_at) = (Vec::new(), Vec::new(), None);
    let mut plan = m.text("tool_plan")?.filter(|text| !text.is_empty());
    let mut add = |parts: &mut Vec<Part>, text: String, place: usize| {
        places.push((place, parts.len()));
        parts.push(Part::text(text));
    };
    if let Some(text) = m.peek("content").and_then(text_of) {
        add(&mut parts, text, 0);
    } else {
        for (index, raw) in m.list("content")?.into_iter().enumerate() {
            let mut item = Members::of(raw, m.at(&format!("content[{index}]")))?;
            match item.text("type")?.as_deref() {
                Some("thinking") => {
                    let text = item.text("thinking")?.unwrap_or_default();
                    parts.push(Part::new(Body::Reasoning(Reasoning { text, ..Reasoning::default() })));
                }
                _ => {
                    if let Some(text) = plan.take() {
                        plan_at = Some(parts.len());
                        parts.push(Part::text(text));
                    }
                    if let Some(text) = item.text("text")?.filter(|text| !text.is_empty()) {
                        add(&mut parts, text, index);
                    }
                }
            }
        }
    }
    if let Some(text) = plan {
        plan_at = Some(parts.len());
        parts.push(Part::text(text));
    }
    for raw in m.list("citations")? {
        let citation = citation(raw)?;
        let at = match citation.place {
            Place::Plan => plan_at,
            Place::Thinking => None,
            Place::Text(None) => places.first().map(|(_, at)| *at),
            Place::Text(Some(place)) => places.iter().find(|(of, _)| *of == place).map(|(_, at)| *at),
        };
        if let Some(Body::Text { annotations, .. }) =
            at.and_then(|at| parts.get_mut(at)).map(|part| &mut part.body)
        {
            annotations.extend(citation.sources);
        }
    }
    let customs = kit::customs(asked);
    for (index, raw) in m.list("tool_calls")?.into_iter().enumerate() {
        let mut call = call(raw, index)?;
        if customs.contains(&call.name) {
            call.custom = true;
            call.arguments = kit::free_text(&call.arguments);
        }
        parts.push(Part::new(Body::Call(call)));
    }
    Ok(parts)
}

/// A call, or the beginning of one.
pub(super) fn call(raw: &RawValue, index: usize) -> Result<Call, WireError> {
    let mut m = Members::of(raw, "tool_calls")?;
    let id = m.text("id")?.filter(|id| !id.is_empty()).unwrap_or_else(|| format!("call_{index}"));
    let (mut name, mut arguments) = (String::new(), String::new());
    if let Some(mut function) = m.object("function")? {
        name = function.text("name")?.unwrap_or_default();
        arguments = function.text("arguments")?.unwrap_or_default();
    }
    Ok(Call { id, name, arguments, custom: false, seal: None })
}

/// A citation: its sources, and what it stands in.
pub(super) struct Citation {
    pub place: Place,
    pub sources: Vec<Annotation>,
}

pub(super) enum Place {
    /// A text, by its place in the content.
    Text(Option<usize>),
    Plan,
    Thinking,
}

pub(super) fn citation(raw: &RawValue) -> Result<Citation, WireError> {
    let mut m = Members::of(raw, "citations")?;
    let index = m.count("content_index")?.and_then(|index| usize::try_from(index).ok());
    let place = match m.text("type")?.as_deref() {
        Some("PLAN") => Place::Plan,
        Some("THINKING_CONTENT") => Place::Thinking,
        _ => Place::Text(index),
    };
    let (start, end) = (m.count("start")?.unwrap_or(0), m.count("end")?.unwrap_or(0));
    let mut sources = Vec::new();
    for raw in m.list("sources")? {
        let source: Value = serde_json::from_str(raw.get()).unwrap_or_default();
        let inner = if source["document"].is_object() { &source["document"] } else { &source["tool_output"] };
        let word = |names: &[&str]| {
            names
                .iter()
                .find_map(|name| inner[*name].as_str())
                .map(str::to_owned)
                .filter(|word| !word.is_empty())
        };
        let title = word(&["title"]).or_else(|| source["id"].as_str().map(str::to_owned));
        let url = word(&["url", "link", "source_url"]).unwrap_or_default();
        sources.push(Annotation { url, title: title.unwrap_or_default(), start, end });
    }
    Ok(Citation { place, sources })
}

/// Cohere's log probabilities in OpenAI's form: a stretch of text with those of its tokens.
pub(super) fn logprobs(raw: &RawValue) -> Option<Json> {
    let tree: Value = serde_json::from_str(raw.get()).ok()?;
    let items = match tree {
        Value::Array(items) => items,
        Value::Object(_) => vec![tree],
        _ => return None,
    };
    let content: Vec<Value> = items
        .iter()
        .filter_map(|item| {
            let text = item["text"].as_str()?;
            let sum: f64 = item["logprobs"].as_array()?.iter().filter_map(Value::as_f64).sum();
            Some(serde_json::json!({
                "token": text, "logprob": sum, "bytes": text.as_bytes(), "top_logprobs": [],
            }))
        })
        .collect();
    (!content.is_empty()).then(|| Json::of(&serde_json::json!({ "content": content, "refusal": null })))
}

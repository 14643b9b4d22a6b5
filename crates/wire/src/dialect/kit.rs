//! What the readers and writers of vendors' own dialects have in common.

use super::gemini;
use crate::WireError;
use crate::chat::{
    Body, Call, ChatRequest, Effort, Losses, Media, OutputFormat, Part, ReasoningAsk, Tool, ToolChoice,
    ToolResult,
};
use crate::codec::Asked;
use crate::json::{Json, object};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::HashSet;

/// The arguments of a custom tool, where there are only functions.
const FREE_TEXT: &str = r#"{"type":"object","properties":{"input":{"type":"string"}},"required":["input"]}"#;
/// Bytes of a call that are held back at most.
pub(super) const HELD_MAX: usize = 4 << 20;

/// Tells of what none of these vendors has a word for; refuses what can't be left out.
pub(super) fn unsaid(chat: &ChatRequest, lost: &mut Losses) -> Result<(), WireError> {
    if chat.previous_response.is_some() {
        let message = "the model keeps no conversations: send the whole history";
        return Err(WireError::at(message, "previous_response_id"));
    }
    if chat.sampling.n.is_some_and(|n| n != 1) {
        return Err(WireError::at("n must be 1 for this model", "n"));
    }
    let tier = chat.service_tier.as_deref().is_some_and(|tier| !matches!(tier, "auto" | "default"));
    let one_call = chat.parallel_tools == Some(false) && !chat.tools.is_empty();
    for (said, path) in [
        (chat.sampling.logit_bias.is_some(), "logit_bias"),
        (chat.web_search.is_some(), "web_search_options"),
        (!chat.modalities.is_empty(), "modalities"),
        (chat.audio.is_some(), "audio"),
        (tier, "service_tier"),
        (chat.verbosity.is_some(), "verbosity"),
        (one_call, "parallel_tool_calls"),
    ] {
        if said {
            lost.dropped(path);
        }
    }
    for (index, message) in chat.messages.iter().enumerate() {
        if message.name.is_some() {
            lost.dropped(format!("messages[{index}].name"));
        }
    }
    Ok(())
}

/// What the model must do about the tools.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Need {
    Free,
    Never,
    Must,
}

/// The tools as functions in OpenAI's words, each with its name: those that may be called.
pub(super) fn functions<'c>(chat: &'c ChatRequest, lost: &mut Losses) -> (Vec<(&'c str, String)>, Need) {
    let mut all = Vec::new();
    for (index, tool) in chat.tools.iter().enumerate() {
        let (name, description, schema) = match tool {
            Tool::Function { name, description, schema, .. } => {
                let schema = schema.as_ref().map_or(r#"{"type":"object","properties":{}}"#, Json::get);
                (name, description.as_deref().map(Cow::Borrowed), schema)
            }
            Tool::Custom { name, description, format } => {
                lost.approximated(format!("tools[{index}]"));
                let format =
                    format.as_ref().map(|f| format!("The input must be in this format: {}", f.get()));
                let lines: Vec<&str> = description.as_deref().into_iter().chain(format.as_deref()).collect();
                (name, (!lines.is_empty()).then(|| Cow::Owned(lines.join("\n"))), FREE_TEXT)
            }
            Tool::Hosted { .. } => {
                lost.dropped(format!("tools[{index}]"));
                continue;
            }
        };
        let text = object(|o| {
            o.text("type", "function");
            o.object("function", |o| {
                o.text("name", name);
                o.opt_text("description", description.as_deref());
                o.key("parameters").raw(schema);
            });
        });
        all.push((name.as_str(), text));
    }
    let need = match &chat.tool_choice {
        None | Some(ToolChoice::Auto) => Need::Free,
        Some(ToolChoice::None) => Need::Never,
        Some(ToolChoice::Required) => Need::Must,
        Some(ToolChoice::Named(wanted)) => {
            lost.approximated("tool_choice");
            all.retain(|(name, _)| name == wanted);
            Need::Must
        }
        Some(ToolChoice::Allowed { names, required }) => {
            lost.approximated("tool_choice");
            all.retain(|(name, _)| names.iter().any(|wanted| wanted == name));
            if *required { Need::Must } else { Need::Free }
        }
    };
    (all, need)
}

/// The arguments of a call as the text of an object, or an error that says where they stand.
pub(super) fn arguments<'c>(call: &'c Call, path: &str) -> Result<Cow<'c, str>, WireError> {
    gemini::arguments(call).ok_or_else(|| {
        let path = format!("{path}.arguments");
        WireError::at(format!("{path} must be the JSON of an object"), path)
    })
}

/// A tool's result as one text, and what of it is no text.
pub(super) fn result(result: &ToolResult) -> (String, Vec<&Part>) {
    let texts: Vec<&str> = result.parts.iter().filter_map(Part::as_text).collect();
    let others: Vec<&Part> = result.parts.iter().filter(|part| part.as_text().is_none()).collect();
    let mut text = texts.join("\n");
    if text.is_empty() && !others.is_empty() {
        text = "(the result is in the next message)".to_owned();
    }
    if result.is_error && !text.to_ascii_lowercase().starts_with("error") {
        text = format!("Error: {text}");
    }
    (text, others)
}

/// A document that is text: its name and what it says. `None` for other kinds.
pub(super) fn document(body: &Body) -> Option<(Option<&str>, Cow<'_, str>)> {
    use base64::Engine as _;
    let Body::File { media, name } = body else { return None };
    let text = match media {
        Media::Text(text) => Cow::Borrowed(text.as_str()),
        Media::Inline { mime, base64 } if mime.starts_with("text/") || mime == "application/json" => {
            let bytes = base64::engine::general_purpose::STANDARD.decode(base64).ok()?;
            Cow::Owned(String::from_utf8(bytes).ok()?)
        }
        _ => return None,
    };
    Some((name.as_deref(), text))
}

/// A document as a stretch of text.
pub(super) fn titled(name: Option<&str>, text: &str) -> String {
    name.map_or_else(|| text.to_owned(), |name| format!("# {name}\n\n{text}"))
}

/// The error for a part that can neither be said nor left out.
pub(super) fn cant(path: &str, what: &str) -> WireError {
    WireError::at(format!("{path}: {what} can't be sent to this model"), path)
}

/// What a part is called in errors.
pub(super) fn kind(body: &Body) -> &'static str {
    match body {
        Body::Image { .. } => "this image",
        Body::Audio(_) => "audio",
        Body::Video(_) => "a video",
        Body::File { .. } => "this kind of document",
        _ => "this part",
    }
}

/// A number within bounds; one beyond them is moved to the nearest.
pub(super) fn bounded(
    number: Option<f64>,
    least: f64,
    most: f64,
    path: &str,
    lost: &mut Losses,
) -> Option<f64> {
    let number = number?;
    let inside = number.max(least).min(most);
    if inside != number {
        lost.clamped(path);
    }
    Some(inside)
}

/// A seed for vendors that take none below zero.
pub(super) fn seed(chat: &ChatRequest, lost: &mut Losses) -> Option<u64> {
    let seed = chat.sampling.seed?;
    if seed < 0 {
        lost.approximated("seed");
    }
    Some(seed.unsigned_abs())
}

/// How much reasoning is asked for: `None` for no word about it, `Some(None)` for none at all, else its tokens
/// where they are named.
pub(super) fn thinking(ask: Option<&ReasoningAsk>) -> Option<Option<Option<u64>>> {
    let ask = ask?;
    if ask.off || ask.effort == Some(Effort::None) || ask.budget == Some(0) {
        return Some(None);
    }
    let budget = ask.budget.or(ask.effort.map(Effort::budget));
    match budget {
        Some(tokens) => Some(Some(u64::try_from(tokens).ok())),
        None => (ask.show == Some(true)).then_some(Some(None)),
    }
}

/// The schema of a formatted answer: `None` for plain text, `Some(None)` for any object.
pub(super) fn schema(output: &OutputFormat) -> Option<Option<&Json>> {
    match output {
        OutputFormat::Text => None,
        OutputFormat::Json => Some(None),
        OutputFormat::Schema { schema, .. } => Some(Some(schema)),
    }
}

/// The caller's only stop sequence: where one was met and the vendor does not say which.
pub(super) fn only_stop(asked: &Asked) -> Option<String> {
    match asked.request.as_ref()?.sampling.stop.as_slice() {
        [only] => Some(only.clone()),
        _ => None,
    }
}

/// The names of the custom tools of a request: the vendor knows them as functions with one argument.
pub(super) fn customs(asked: &Asked) -> HashSet<String> {
    let tools = asked.request.iter().flat_map(|request| &request.tools);
    tools
        .filter_map(|tool| match tool {
            Tool::Custom { name, .. } => Some(name.clone()),
            _ => None,
        })
        .collect()
}

/// A custom tool's text from the arguments of the function that stood for it.
pub(super) fn free_text(arguments: &str) -> String {
    #[derive(serde::Deserialize)]
    struct Wrapped {
        input: String,
    }
    serde_json::from_str::<Wrapped>(arguments).map_or_else(|_| arguments.to_owned(), |whole| whole.input)
}

/// A member of an answer that may hold anything; what has another form is as good as absent.
pub(super) fn lenient<T: serde::de::DeserializeOwned>(raw: Option<&RawValue>) -> Option<T> {
    serde_json::from_str(raw?.get()).ok()
}

#[cfg(test)]
#[path = "kit/tests.rs"]
pub(super) mod tests;

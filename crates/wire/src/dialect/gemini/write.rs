//! A generateContent request for Google.

use super::models::{self, Rules};
use super::{contents, settings, tools};
use crate::WireError;
use crate::chat::{ChatRequest, Dialect, Losses};
use crate::codec::To;
use crate::json::{Json, Members, Object, Out};
use serde_json::value::RawValue;

/// Writes the body; the model and whether the answer streams go into the URL.
pub(super) fn request(chat: &ChatRequest, to: &To<'_>, lost: &mut Losses) -> Result<String, WireError> {
    let rules = models::of(to.model);
    let mut paired = chat.clone();
    paired.pair_calls()?;
    if chat.previous_response.is_some() {
        let message = "the model keeps no conversations: send the whole history";
        return Err(WireError::at(message, "previous_response_id"));
    }
    let contents = contents::write(&paired, &rules, lost)?;
    let mut left = Left::of(chat, lost)?;
    let mut body = String::with_capacity(contents.turns.len() + 1024);
    let mut written = Ok(());
    Out::new(&mut body).object(|o| {
        o.key("contents").raw(&contents.turns);
        if !contents.system.is_empty() {
            o.object("systemInstruction", |o| o.key("parts").raw(&contents.system));
        }
        written = members(chat, &rules, &mut left, o, lost);
    });
    written.map(|()| body)
}

fn members(
    chat: &ChatRequest,
    rules: &Rules,
    left: &mut Left,
    o: &mut Object<'_>,
    lost: &mut Losses,
) -> Result<(), WireError> {
    if tools::write(chat, rules, o, lost)? && !left.tools.iter().any(|(name, _)| name == SERVER_TOOLS) {
        left.tools.push((SERVER_TOOLS.to_owned(), Json::of(&true.into())));
    }
    let choice = tools::choice(chat, rules);
    if choice.is_some() || !left.tools.is_empty() {
        o.object("toolConfig", |o| {
            if let Some((mode, names)) = &choice {
                o.object("functionCallingConfig", |o| {
                    o.text("mode", mode);
                    if !names.is_empty() {
                        o.list("allowedFunctionNames", |l| names.iter().for_each(|name| l.item().text(name)));
                    }
                });
            }
            left.tools.iter().for_each(|(name, json)| o.json(name, json));
        });
    }
    if chat.parallel_tools == Some(false) && !chat.tools.is_empty() {
        lost.dropped("parallel_tool_calls");
    }
    let mut settings = String::new();
    let mut written = Ok(());
    Out::new(&mut settings).object(|o| written = settings::write(chat, rules, &left.settings, o, lost));
    written?;
    if settings != "{}" {
        o.key("generationConfig").raw(&settings);
    }
    match chat.service_tier.as_deref() {
        None | Some("auto") => {}
        Some("default") => o.text("serviceTier", "standard"),
        Some(tier @ ("flex" | "priority")) => o.text("serviceTier", tier),
        Some(_) => lost.dropped("service_tier"),
    }
    left.body.iter().for_each(|(name, json)| o.json(name, json));
    Ok(())
}

/// Functions and hosted tools in one request.
const SERVER_TOOLS: &str = "includeServerSideToolInvocations";

/// Members of the dialect's own that the caller sent, by where they stand.
#[derive(Default)]
struct Left {
    body: Vec<(String, Json)>,
    tools: Vec<(String, Json)>,
    settings: Vec<(String, Json)>,
}

impl Left {
    fn of(chat: &ChatRequest, lost: &mut Losses) -> Result<Left, WireError> {
        let mut left = Left::default();
        for (name, json) in &chat.extra {
            match (name.as_str(), chat.origin) {
                ("toolConfig", Some(Dialect::Gemini)) => left.tools = inside(json, name)?,
                ("generationConfig", Some(Dialect::Gemini)) => left.settings = inside(json, name)?,
                (_, Some(Dialect::Gemini)) => left.body.push((name.clone(), json.clone())),
                ("extra_body", Some(Dialect::OpenAiChat)) => left.google(json, lost)?,
                _ => lost.dropped(name.as_str()),
            }
        }
        Ok(left)
    }

    /// Google's own way to say through OpenAI's dialect what that has no words for: `extra_body.google`.
    fn google(&mut self, json: &Json, lost: &mut Losses) -> Result<(), WireError> {
        for (vendor, json) in inside(json, "extra_body")? {
            if vendor != "google" {
                lost.dropped(format!("extra_body.{vendor}"));
                continue;
            }
            for (name, json) in inside(&json, "extra_body.google")? {
                match super::fields::camel(&name).as_str() {
                    "thinkingConfig" => self.settings.push(("thinkingConfig".to_owned(), json)),
                    "cachedContent" => self.body.push(("cachedContent".to_owned(), json)),
                    "safetySettings" => self.body.push(("safetySettings".to_owned(), json)),
                    _ => lost.dropped(format!("extra_body.google.{name}")),
                }
            }
        }
        Ok(())
    }
}

fn inside(json: &Json, path: &str) -> Result<Vec<(String, Json)>, WireError> {
    let raw: &RawValue =
        serde_json::from_str(json.get()).map_err(|_| WireError::at("malformed JSON", path))?;
    Members::of(raw, path).map(Members::rest)
}

#[cfg(test)]
#[path = "write/tests.rs"]
mod tests;

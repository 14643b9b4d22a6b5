//! The turns of a conversation as Google wants them: roles that alternate, the results of a turn's calls all
//! together and in the order of the calls, signatures on the calls they came with.

use super::models::Rules;
use super::{is_made, parts, signature, tool_name};
use crate::WireError;
use crate::chat::{Body, Call, ChatRequest, Dialect, Losses, Part, Role, ToolResult};
use crate::json::{List, Out, object};
use std::borrow::Cow;

/// What stands for the signature of a call that never had one: base64 of `skip_thought_signature_validator`,
/// as the field is bytes (C11).
pub(super) const SKIP: &str = "c2tpcF90aG91Z2h0X3NpZ25hdHVyZV92YWxpZGF0b3I=";

/// What is written of a request's messages.
pub(super) struct Contents {
    /// The text of the parts of the system prompt; empty without one.
    pub system: String,
    /// The text of the turns.
    pub turns: String,
}

struct Turn<'a> {
    model: bool,
    parts: Vec<(Cow<'a, Part>, String)>,
}

/// Writes the messages of a request whose calls are paired.
pub(super) fn write(chat: &ChatRequest, rules: &Rules, lost: &mut Losses) -> Result<Contents, WireError> {
    let leading = chat.messages.iter().take_while(|message| message.role == Role::System).count();
    let leading = if rules.system { leading } else { 0 };
    let writer = Writer { rules, origin: chat.origin };
    let mut system = String::new();
    let first: Vec<(Cow<'_, Part>, String)> = chat.messages[..leading]
        .iter()
        .enumerate()
        .flat_map(|(at, message)| located(at, &message.parts))
        .filter(|(part, _)| part.as_text() != Some(""))
        .collect();
    if !first.is_empty() {
        let turn = Turn { model: false, parts: first };
        system = writer.parts(&turn, &[])?;
    }
    let mut turns: Vec<Turn<'_>> = Vec::new();
    for (at, message) in chat.messages.iter().enumerate().skip(leading) {
        let mut parts: Vec<(Cow<'_, Part>, String)> = located(at, &message.parts).collect();
        if message.role == Role::System {
            // There is no other place for it; moved to the front it would change what came before (C28).
            lost.approximated(format!("messages[{at}]"));
            for (part, _) in &mut parts {
                if let Some(text) = part.as_text() {
                    *part = Cow::Owned(Part::text(format!("<system>\n{text}\n</system>")));
                }
            }
        }
        parts.retain(|(part, _)| writer.says(&part.body));
        let model = message.role == Role::Assistant;
        match turns.last_mut() {
            _ if parts.is_empty() => {}
            Some(last) if last.model == model => last.parts.extend(parts),
            _ => turns.push(Turn { model, parts }),
        }
    }
    if turns.is_empty() {
        return Err(WireError::at("there is no message for the model to answer", "messages"));
    }
    let mut text = String::new();
    let mut written: Result<(), WireError> = Ok(());
    Out::new(&mut text).list(|l| {
        if turns[0].model {
            l.object(|o| {
                o.text("role", "user");
                o.list("parts", |l| parts::text(l, " "));
            });
        }
        let mut calls: Vec<String> = Vec::new();
        for turn in &turns {
            match writer.parts(turn, &calls) {
                Ok(parts) => l.object(|o| {
                    o.text("role", if turn.model { "model" } else { "user" });
                    o.key("parts").raw(&parts);
                }),
                Err(error) => {
                    written = Err(error);
                    return;
                }
            }
            calls = turn.parts.iter().filter_map(|(part, _)| call_id(&part.body)).collect();
        }
    });
    written.map(|()| Contents { system, turns: text })
}

fn located<'a>(at: usize, parts: &'a [Part]) -> impl Iterator<Item = (Cow<'a, Part>, String)> {
    let path = move |index: usize| format!("messages[{at}].content[{index}]");
    parts.iter().enumerate().map(move |(index, part)| (Cow::Borrowed(part), path(index)))
}

fn call_id(body: &Body) -> Option<String> {
    match body {
        Body::Call(call) => Some(call.id.clone()),
        _ => None,
    }
}

struct Writer<'a> {
    rules: &'a Rules,
    origin: Option<Dialect>,
}

impl Writer<'_> {
    /// Whether a part leaves anything on the wire. Another vendor's reasoning and seals do not (C14).
    fn says(&self, body: &Body) -> bool {
        match body {
            Body::Reasoning(reasoning) => {
                signature(reasoning.seal.as_ref()).is_some()
                    || (self.origin == Some(Dialect::Gemini) && !reasoning.text.is_empty())
            }
            Body::Opaque { dialect, .. } => *dialect == Dialect::Gemini,
            _ => true,
        }
    }

    /// The list of a turn's parts; `calls` are those of the turn before.
    fn parts(&self, turn: &Turn<'_>, calls: &[String]) -> Result<String, WireError> {
        let mut order: Vec<&(Cow<'_, Part>, String)> = turn.parts.iter().collect();
        let place = |body: &Body| match body {
            Body::Result(result) => calls.iter().position(|id| *id == result.call_id).unwrap_or(calls.len()),
            _ => usize::MAX,
        };
        if !turn.model {
            // Stable: results of nothing and everything else stay in their order, after the results.
            order.sort_by_key(|(part, _)| place(&part.body));
        }
        let sealed =
            |body: &Body| matches!(body, Body::Call(call) if signature(call.seal.as_ref()).is_some());
        let mut skip = self.rules.third && !turn.parts.iter().any(|(part, _)| sealed(&part.body));
        let empty = |body: &Body| matches!(body, Body::Text { text, .. } if text.is_empty());
        let only_empty = turn.parts.iter().all(|(part, _)| empty(&part.body));
        let results = order.iter().filter(|(part, _)| matches!(part.body, Body::Result(_))).count();
        let mut buffer = String::new();
        let mut written: Result<(), WireError> = Ok(());
        Out::new(&mut buffer).list(|l| {
            let mut fence: Option<String> = None;
            let mut pictures: Vec<(&Part, &str)> = Vec::new();
            let mut index = 0;
            while let Some((part, path)) = order.get(index) {
                index += 1;
                let next = order.get(index).map(|(part, _)| &part.body);
                let done = match &part.body {
                    Body::Text { text, .. } => {
                        let text = match fence.take() {
                            Some(fence) => text.strip_prefix(fence.as_str()).unwrap_or(text),
                            None => text,
                        };
                        if !text.is_empty() || (only_empty && index == 1) {
                            parts::text(l, text);
                        }
                        Ok(())
                    }
                    Body::Refusal(text) => {
                        parts::text(l, text);
                        Ok(())
                    }
                    Body::Reasoning(reasoning) => {
                        let thought = !reasoning.text.is_empty();
                        parts::reasoning(l, &reasoning.text, signature(reasoning.seal.as_ref()), thought);
                        Ok(())
                    }
                    Body::Call(call) => call_part(l, call, path, std::mem::take(&mut skip)),
                    Body::Result(result) => self.result(l, result, path, &mut pictures),
                    Body::Opaque { json, .. } => {
                        l.item().json(json);
                        fence = parts::shown(json);
                        Ok(())
                    }
                    Body::Image { .. } | Body::Audio(_) | Body::Video(_) | Body::File { .. } => {
                        let seal = next.and_then(riding);
                        index += usize::from(seal.is_some());
                        self.media(l, part, path, seal)
                    }
                };
                // Up to 2.5 a result is text: its pictures follow when all results are there (C20).
                let last_result = matches!(part.body, Body::Result(_)) && index == results;
                let done = done.and_then(|()| match last_result {
                    true => pictures.drain(..).try_for_each(|(part, path)| self.media(l, part, path, None)),
                    false => Ok(()),
                });
                if let Err(error) = done {
                    written = Err(error);
                    return;
                }
            }
        });
        written.map(|()| buffer)
    }

    fn media(&self, l: &mut List<'_>, part: &Part, path: &str, seal: Option<&str>) -> Result<(), WireError> {
        let Some(members) = parts::media_members(&part.body, self.rules.third) else {
            return Err(WireError::at(format!("{path} is a file that only its own vendor has"), path));
        };
        l.object(|o| {
            members(o);
            o.opt_text("thoughtSignature", seal);
        });
        Ok(())
    }

    fn result<'p>(
        &self,
        l: &mut List<'_>,
        result: &'p ToolResult,
        path: &'p str,
        pictures: &mut Vec<(&'p Part, &'p str)>,
    ) -> Result<(), WireError> {
        let texts: Vec<&str> = result.parts.iter().filter_map(Part::as_text).collect();
        let text = texts.join("\n");
        let response = match result.is_error {
            true => object(|o| o.text("error", &text)),
            false if parts::is_object(&text) => text,
            false => object(|o| o.text("output", &text)),
        };
        let media: Vec<&Part> = result.parts.iter().filter(|part| part.as_text().is_none()).collect();
        let inside = self.rules.third && !media.is_empty();
        let mut done = Ok(());
        l.object(|o| {
            o.object("functionResponse", |o| {
                o.opt_text("id", Some(result.call_id.as_str()).filter(|id| !is_made(id)));
                o.text("name", &tool_name(result.name.as_deref().unwrap_or_default()));
                o.key("response").raw(&response);
                if inside {
                    o.list("parts", |l| {
                        done = media.iter().try_for_each(|part| self.media(l, part, path, None));
                    });
                }
            });
        });
        if !inside {
            pictures.extend(media.into_iter().map(|part| (part, path)));
        }
        done
    }
}

/// The signature of a part that is nothing but one: it came on the part before.
fn riding(body: &Body) -> Option<&str> {
    match body {
        Body::Reasoning(reasoning) if reasoning.text.is_empty() => signature(reasoning.seal.as_ref()),
        _ => None,
    }
}

fn call_part(l: &mut List<'_>, call: &Call, path: &str, skip: bool) -> Result<(), WireError> {
    let arguments = arguments(call).ok_or_else(|| {
        let path = format!("{path}.arguments");
        WireError::at(format!("{path} must be the JSON of an object"), path)
    })?;
    let signature = signature(call.seal.as_ref()).or(skip.then_some(SKIP));
    let id = Some(call.id.as_str()).filter(|id| !is_made(id) && !id.is_empty());
    l.object(|o| parts::call(o, id, &tool_name(&call.name), &arguments, signature));
    Ok(())
}

/// The arguments of a call as the text of an object: none are an empty one (C6), and what is malformed is
/// never made up (C42).
pub(in crate::dialect) fn arguments(call: &Call) -> Option<Cow<'_, str>> {
    if call.custom {
        return Some(Cow::Owned(object(|o| o.text("input", &call.arguments))));
    }
    // `null` is how some vendors say that there are none.
    if matches!(call.arguments.trim(), "" | "null") {
        return Some(Cow::Borrowed("{}"));
    }
    parts::is_object(&call.arguments).then_some(Cow::Borrowed(call.arguments.as_str()))
}

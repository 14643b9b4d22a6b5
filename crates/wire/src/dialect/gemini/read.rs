//! A caller's generateContent request.

use super::fields::Fields;
use super::parts::{self, Piece};
use super::{settings, tools};
use crate::WireError;
use crate::chat::{Body, Call, ChatRequest, Dialect, Message, Part, Role};
use crate::json::{Json, list_of, object, text_of};
use serde_json::value::RawValue;

/// Reads the body. Whether the answer streams is told by the URL.
pub(super) fn request(body: &[u8], model: Option<&str>) -> Result<ChatRequest, WireError> {
    let mut fields = Fields::of_body(body)?;
    let named = fields.text("model")?.unwrap_or_default();
    let model = model.unwrap_or_else(|| named.strip_prefix("models/").unwrap_or(&named));
    let mut chat = ChatRequest {
        model: model.to_owned(),
        origin: Some(Dialect::Gemini),
        wants_usage: true,
        ..ChatRequest::default()
    };
    if let Some(raw) = fields.take("systemInstruction") {
        let parts = match text_of(raw) {
            Some(text) => vec![Part::text(text)],
            None => Turns::default().parts(raw, "systemInstruction", 0, false)?,
        };
        if !parts.is_empty() {
            chat.messages.push(Message::new(Role::System, parts));
        }
    }
    let mut turns = Turns::default();
    for (index, raw) in fields.list("contents")?.into_iter().enumerate() {
        let path = format!("contents[{index}]");
        let role = Fields::of(raw, path.as_str())?.text("role")?.unwrap_or_default();
        let role = match role.as_str() {
            "" | "user" | "function" | "tool" => Role::User,
            "model" | "assistant" => Role::Assistant,
            "system" => Role::System,
            _ => {
                return Err(WireError::at(
                    format!("{path}.role must be user or model"),
                    format!("{path}.role"),
                ));
            }
        };
        let parts = turns.parts(raw, &path, index, role == Role::Assistant)?;
        chat.messages.push(Message::new(role, parts));
    }
    tools::read(fields.list("tools")?, &mut chat)?;
    let mut extra: Vec<(String, Json)> = Vec::new();
    if let Some(mut config) = fields.object("toolConfig")? {
        if let Some(choice) = config.object("functionCallingConfig")? {
            tools::read_choice(choice, &mut chat)?;
        }
        let left = config.rest();
        if !left.is_empty() {
            let left = object(|o| left.iter().for_each(|(name, json)| o.json(name, json)));
            extra.push(("toolConfig".to_owned(), Json::from_text(left)?));
        }
    }
    if let Some(config) = fields.object("generationConfig")? {
        let left = settings::read(config, &mut chat)?;
        extra.extend(left.map(|left| ("generationConfig".to_owned(), left)));
    }
    chat.service_tier = match fields.text("serviceTier")?.map(|tier| tier.to_ascii_lowercase()) {
        Some(tier) if tier == "standard" => Some("default".to_owned()),
        other => other,
    };
    extra.extend(fields.rest());
    chat.extra = extra;
    Ok(chat)
}

/// The turns so far: which calls wait for their results.
#[derive(Default)]
struct Turns {
    open: Vec<(String, String)>,
    known: Vec<String>,
}

impl Turns {
    fn parts(
        &mut self,
        raw: &RawValue,
        path: &str,
        turn: usize,
        model: bool,
    ) -> Result<Vec<Part>, WireError> {
        let mut fields = Fields::of(raw, path)?;
        let path = fields.at("parts");
        let all = match fields.take("parts") {
            // One part may stand without a list around it.
            Some(raw) => list_of(raw).unwrap_or_else(|| vec![raw]),
            None => Vec::new(),
        };
        if model {
            self.open.clear();
        }
        let mut parts = Vec::with_capacity(all.len());
        let mut calls = 0;
        for (index, raw) in all.into_iter().enumerate() {
            let path = format!("{path}[{index}]");
            match parts::read(raw, &path)? {
                Piece::Call(call, seal) => {
                    let name = call.name.ok_or_else(|| {
                        WireError::at(format!("{path}.functionCall.name is missing"), path.clone())
                    })?;
                    let id = call.id.filter(|id| !self.known.contains(id));
                    let id = id.unwrap_or_else(|| format!("call_t{turn}_{calls}"));
                    calls += 1;
                    self.known.push(id.clone());
                    self.open.push((id.clone(), name.clone()));
                    let arguments = call.args.map_or("{}", RawValue::get).to_owned();
                    parts.push(Part::new(Body::Call(Call { id, name, arguments, custom: false, seal })));
                }
                Piece::Response { id, mut result } => {
                    result.call_id = self.answered(id, result.name.as_deref());
                    parts.push(Part::new(Body::Result(result)));
                }
                piece => parts::keep(piece, &mut parts),
            }
        }
        Ok(parts)
    }

    /// The call that a result belongs to: by its id, else the first open one of its name (C18).
    fn answered(&mut self, id: Option<String>, name: Option<&str>) -> String {
        let by_id = id.as_ref().and_then(|id| self.open.iter().position(|(open, _)| open == id));
        let found = by_id.or_else(|| self.open.iter().position(|(_, open)| Some(open.as_str()) == name));
        match (found, id) {
            (Some(at), _) => self.open.remove(at).0,
            (None, Some(id)) => id,
            (None, None) => name.unwrap_or_default().to_owned(),
        }
    }
}

#[cfg(test)]
#[path = "read/tests.rs"]
mod tests;

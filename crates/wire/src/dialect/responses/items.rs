//! Input items to turns. What an assistant said, thought and called is one turn, however many items it is.

use super::seal;
use crate::WireError;
use crate::chat::{
    Annotation, Body, CacheMark, Call, Dialect, Media, Message, Part, Reasoning, Role, Seal, SealKind,
    ToolResult,
};
use crate::json::{self, Json, Members, list_of, text_of};
use serde_json::value::RawValue;
use std::collections::{HashMap, HashSet};

pub(super) fn read(input: &RawValue) -> Result<Vec<Message>, WireError> {
    if let Some(text) = text_of(input) {
        return Ok(vec![Message::text(Role::User, text)]);
    }
    let list = list_of(input).ok_or_else(|| WireError::at("input must be text or a list", "input"))?;
    let mut turns = Turns::default();
    for (at, raw) in list.into_iter().enumerate() {
        turns.item(raw, &format!("input[{at}]"))?;
    }
    Ok(turns.messages)
}

#[derive(Default)]
struct Turns {
    messages: Vec<Message>,
    /// Seals of calls that came in reasoning items of ours, by call.
    seals: HashMap<String, Seal>,
    /// Calls without a result so far.
    open: HashSet<String>,
}

impl Turns {
    fn item(&mut self, raw: &RawValue, path: &str) -> Result<(), WireError> {
        let mut m = Members::of(raw, path)?;
        let kind = m.text("type")?;
        match kind.as_deref() {
            Some("message") => self.message(m),
            None if m.peek("role").is_some() => self.message(m),
            Some("reasoning") => self.reasoning(m),
            Some("function_call") => self.call(m, false),
            Some("custom_tool_call") => self.call(m, true),
            Some("function_call_output" | "custom_tool_call_output") => self.result(m),
            None if m.peek("id").is_none() => {
                Err(WireError::at(format!("{path}.type is missing"), format!("{path}.type")))
            }
            other => {
                let kind = other.unwrap_or("item_reference");
                let told = kind.ends_with("_output") || kind.ends_with("_response");
                let role = if told { Role::User } else { Role::Assistant };
                self.add(role, vec![opaque(raw)], false);
                Ok(())
            }
        }
    }

    /// Puts parts where they belong: into the assistant's turn that is being read, among the results before
    /// them, or into a turn of their own.
    fn add(&mut self, role: Role, mut parts: Vec<Part>, speaks: bool) {
        let last = self.messages.last_mut().filter(|last| last.role == role);
        let Some(last) = last else {
            self.messages.push(Message::new(role, parts));
            return;
        };
        let end = last.parts.last().map(|part| &part.body);
        let joins = match role {
            Role::Assistant => {
                let spoke = speaks && matches!(end, Some(Body::Text { .. } | Body::Refusal(_)));
                // Results come after the whole turn: while calls are open it goes on.
                let open = spoke && !self.open.is_empty();
                if open && !matches!(parts.first().map(|part| &part.body), Some(Body::Opaque { .. })) {
                    parts.insert(0, mark(&mut Vec::new(), None));
                }
                !spoke || open
            }
            _ => !speaks && matches!(end, Some(Body::Result(_) | Body::Opaque { .. })),
        };
        if joins {
            last.parts.extend(parts);
        } else {
            self.messages.push(Message::new(role, parts));
        }
    }

    fn message(&mut self, mut m: Members<'_>) -> Result<(), WireError> {
        let path = m.at("role");
        let role = match m.text("role")?.as_deref() {
            Some("user") => Role::User,
            Some("assistant") => Role::Assistant,
            Some("system" | "developer") => Role::System,
            _ => {
                return Err(WireError::at(
                    format!("{path} must be user, assistant, system or developer"),
                    path,
                ));
            }
        };
        let path = m.at("content");
        let mut parts = Vec::new();
        match m.take("content") {
            None => {}
            Some(raw) => match text_of(raw) {
                Some(text) => parts.push(Part::text(text)),
                None => parts = content(raw, &path)?,
            },
        }
        if role == Role::Assistant {
            let status = m.json("status");
            let mut rest = m.rest();
            rest.retain(|(_, json)| !json.is_null());
            if !rest.is_empty() {
                parts.insert(0, mark(&mut rest, status));
            }
        }
        self.add(role, parts, true);
        Ok(())
    }

    fn reasoning(&mut self, mut m: Members<'_>) -> Result<(), WireError> {
        let mut id = m.text("id")?;
        let mut texts: Vec<(String, bool)> = Vec::new();
        for (name, summary) in [("summary", true), ("content", false)] {
            let path = m.at(name);
            for raw in m.list(name)? {
                let text = Members::of(raw, path.clone())?.text("text")?.unwrap_or_default();
                texts.push((text, summary));
            }
        }
        let mut own = None;
        if let Some(encrypted) = m.text("encrypted_content")? {
            let carried = seal::open(encrypted);
            if carried.wrapped {
                id = carried.id;
                // What other dialects show is the reasoning itself; only how it is shown here makes it a summary.
                let foreign = carried.seal.dialect != Dialect::OpenAiResponses;
                texts.iter_mut().for_each(|(_, summary)| *summary &= !foreign);
            }
            match carried.call {
                Some(call) => {
                    self.seals.insert(call, carried.seal);
                    if texts.is_empty() {
                        return Ok(());
                    }
                }
                None => own = Some(carried.seal),
            }
        }
        if id.is_none() {
            // Without an id nothing says that stretches are of one item.
            let summary = texts.iter().all(|(_, summary)| *summary);
            let joined: Vec<String> = texts.into_iter().map(|(text, _)| text).collect();
            texts = vec![(joined.join("\n\n"), summary)];
        } else if texts.is_empty() {
            texts.push((String::new(), true));
        }
        let mut parts: Vec<Part> = texts
            .into_iter()
            .map(|(text, summary)| {
                Part::new(Body::Reasoning(Reasoning { text, seal: None, id: id.clone(), summary }))
            })
            .collect();
        if let Some(Body::Reasoning(last)) = parts.last_mut().map(|part| &mut part.body) {
            last.seal = own;
        }
        self.add(Role::Assistant, parts, false);
        Ok(())
    }

    fn call(&mut self, mut m: Members<'_>, custom: bool) -> Result<(), WireError> {
        let id = required(&mut m, "call_id")?;
        let name = required(&mut m, "name")?;
        let arguments = m.text(if custom { "input" } else { "arguments" })?.unwrap_or_default();
        m.take("status");
        let mut rest = m.rest();
        rest.retain(|(_, json)| !json.is_null());
        // Its id, its namespace: what this dialect's vendor wants back with the call.
        let own = (!rest.is_empty()).then(|| Seal {
            dialect: Dialect::OpenAiResponses,
            kind: SealKind::Signature,
            data: json::object(|o| rest.iter().for_each(|(name, json)| o.json(name, json))),
        });
        let seal = self.seals.remove(&id).or(own);
        self.open.insert(id.clone());
        let call = Call { id, name, arguments, custom, seal };
        self.add(Role::Assistant, vec![Part::new(Body::Call(call))], false);
        Ok(())
    }

    fn result(&mut self, mut m: Members<'_>) -> Result<(), WireError> {
        let call_id = required(&mut m, "call_id")?;
        let path = m.at("output");
        let raw =
            m.take("output").ok_or_else(|| WireError::at(format!("{path} is missing"), path.clone()))?;
        let parts = match text_of(raw) {
            Some(text) => vec![Part::text(text)],
            None => content(raw, &path)?,
        };
        self.open.remove(&call_id);
        let result = ToolResult { call_id, name: None, parts, is_error: false };
        self.add(Role::User, vec![Part::new(Body::Result(result))], false);
        Ok(())
    }
}

fn required(m: &mut Members<'_>, name: &str) -> Result<String, WireError> {
    let path = m.at(name);
    let text = m.text(name)?.filter(|text| !text.is_empty());
    text.ok_or_else(|| WireError::at(format!("{path} is missing"), path))
}

fn opaque(raw: &RawValue) -> Part {
    Part::new(Body::Opaque { dialect: Dialect::OpenAiResponses, json: Json::from(raw) })
}

/// Stands before the text of a message item that has an id, a phase or a neighbour, and says which.
fn mark(rest: &mut Vec<(String, Json)>, status: Option<Json>) -> Part {
    let text = json::object(|o| {
        o.text("type", "message");
        rest.drain(..).for_each(|(name, json)| o.json(&name, &json));
        o.opt_json("status", status.as_ref());
    });
    let json = Json::from_text(text).unwrap_or_else(|_| Json::of(&serde_json::Value::Null));
    Part::new(Body::Opaque { dialect: Dialect::OpenAiResponses, json })
}

fn content(raw: &RawValue, path: &str) -> Result<Vec<Part>, WireError> {
    let list = list_of(raw).ok_or_else(|| WireError::at(format!("{path} must be text or a list"), path))?;
    list.into_iter().enumerate().map(|(at, raw)| part(raw, &format!("{path}[{at}]"))).collect()
}

fn part(raw: &RawValue, path: &str) -> Result<Part, WireError> {
    let mut m = Members::of(raw, path)?;
    let missing = |name: &str| WireError::at(format!("{path}.{name} is missing"), format!("{path}.{name}"));
    let body = match m.text("type")?.as_deref() {
        Some("input_text" | "output_text" | "text") => Body::Text {
            text: m.text("text")?.ok_or_else(|| missing("text"))?,
            annotations: m.list("annotations")?.into_iter().filter_map(annotation).collect(),
        },
        Some("refusal") => Body::Refusal(m.text("refusal")?.unwrap_or_default()),
        Some("input_image") => {
            let media = match (m.take("image_url"), m.text("file_id")?) {
                (Some(raw), _) => from_url(url_of(raw).ok_or_else(|| missing("image_url"))?),
                (None, Some(id)) => Media::FileId(id),
                (None, None) => return Err(missing("image_url")),
            };
            Body::Image { media, detail: m.text("detail")? }
        }
        Some("input_file") => {
            let media = match (m.text("file_data")?, m.text("file_url")?, m.text("file_id")?) {
                (Some(data), _, _) => match from_url(data) {
                    // Some callers send the bare base64.
                    Media::Url { url, .. } => {
                        Media::Inline { mime: "application/octet-stream".to_owned(), base64: url }
                    }
                    inline => inline,
                },
                (None, Some(url), _) => Media::Url { url, mime: None },
                (None, None, Some(id)) => Media::FileId(id),
                (None, None, None) => return Err(missing("file_data")),
            };
            Body::File { media, name: m.text("filename")? }
        }
        Some("input_audio") => {
            let mut audio = m.object("input_audio")?.ok_or_else(|| missing("input_audio"))?;
            let format = audio.text("format")?.unwrap_or_else(|| "wav".to_owned());
            let mime = if format == "mp3" { "audio/mpeg".to_owned() } else { format!("audio/{format}") };
            Body::Audio(Media::Inline { mime, base64: audio.text("data")?.unwrap_or_default() })
        }
        None => return Err(missing("type")),
        Some(_) => return Ok(opaque(raw)),
    };
    let cache = m.peek("prompt_cache_breakpoint").map(|_| CacheMark::Short);
    Ok(Part { body, cache })
}

/// The text of a URL; some callers wrap it as chat does.
fn url_of(raw: &RawValue) -> Option<String> {
    text_of(raw).or_else(|| Members::of(raw, "").ok()?.text("url").ok().flatten())
}

fn from_url(url: String) -> Media {
    let inline = url.strip_prefix("data:").and_then(|rest| rest.split_once(";base64,"));
    match inline {
        // Parameters of the type could not be written back.
        Some((mime, base64)) if !mime.is_empty() && !mime.contains(';') => {
            Media::Inline { mime: mime.to_owned(), base64: base64.to_owned() }
        }
        _ => Media::Url { url, mime: None },
    }
}

/// A source on the web; other kinds name files that only the vendor has.
pub(super) fn annotation(raw: &RawValue) -> Option<Annotation> {
    let mut m = Members::of(raw, "annotation").ok()?;
    if m.text("type").ok()?? != "url_citation" {
        return None;
    }
    Some(Annotation {
        url: m.text("url").ok()??,
        title: m.text("title").ok()?.unwrap_or_default(),
        start: m.count("start_index").ok()?.unwrap_or(0),
        end: m.count("end_index").ok()?.unwrap_or(0),
    })
}

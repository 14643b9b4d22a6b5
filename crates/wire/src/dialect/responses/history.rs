//! Turns to input items: the reverse of what `items` reads.

use super::{fingerprint, kind_of};
use crate::WireError;
use crate::chat::{
    Annotation, Body, CacheMark, Call, ChatRequest, Dialect, Losses, Media, Message, Part, Reasoning, Role,
    SealKind, ToolResult,
};
use crate::json::{self, List, Members, Object};
use std::borrow::Cow;
use std::collections::HashSet;

const LONGEST_ID: usize = 64;

/// Writes every turn from the `skip`-th on as items.
pub(super) fn write(chat: &ChatRequest, skip: usize, lost: &mut Losses) -> Result<Vec<String>, WireError> {
    let own = chat.origin == Some(Dialect::OpenAiResponses);
    let mut items = Items { own, chat, customs: HashSet::new(), out: Vec::new(), lost };
    for (at, message) in chat.messages.iter().enumerate().skip(skip) {
        items.turn(message, at)?;
    }
    Ok(items.out)
}

struct Items<'a> {
    own: bool,
    chat: &'a ChatRequest,
    /// Calls of custom tools: their results are items of another type.
    customs: HashSet<&'a str>,
    out: Vec<String>,
    lost: &'a mut Losses,
}

impl<'a> Items<'a> {
    fn turn(&mut self, message: &'a Message, at: usize) -> Result<(), WireError> {
        let parts = &message.parts;
        let mut mark = None;
        let mut next = 0;
        while let Some(part) = parts.get(next) {
            let path = format!("messages[{at}].content[{next}]");
            let from = next;
            next += 1;
            match &part.body {
                Body::Call(call) => {
                    if call.custom {
                        self.customs.insert(&call.id);
                    }
                    self.out.push(self.call(call));
                }
                Body::Result(result) => self.result(result, &path)?,
                Body::Reasoning(first) => {
                    let same = |part: &&Part| matches!(&part.body, Body::Reasoning(r) if r.id.is_some() && r.id == first.id);
                    next += parts[next..].iter().take_while(same).count();
                    self.reasoning(parts[from..next].iter().filter_map(|part| match &part.body {
                        Body::Reasoning(reasoning) => Some(reasoning),
                        _ => None,
                    }));
                }
                // What another vendor ran itself means nothing to this one.
                Body::Opaque { dialect, json } if *dialect == Dialect::OpenAiResponses => {
                    match kind_of(json.get()).as_deref() {
                        Some("message") => mark = Some(json),
                        kind if kind.is_some_and(|kind| kind.starts_with("input_")) => {
                            next = self.message(message, from, mark.take(), at)?;
                        }
                        _ => self.out.push(json.get().to_owned()),
                    }
                }
                Body::Opaque { .. } => {}
                _ => next = self.message(message, from, mark.take(), at)?,
            }
        }
        Ok(())
    }

    /// Writes the message item that begins with the part `from`; gives where it ends.
    fn message(
        &mut self,
        message: &Message,
        from: usize,
        mark: Option<&json::Json>,
        at: usize,
    ) -> Result<usize, WireError> {
        let speech = |part: &&Part| match &part.body {
            Body::Call(_) | Body::Result(_) | Body::Reasoning(_) => false,
            Body::Opaque { json, .. } => kind_of(json.get()).is_some_and(|kind| kind.starts_with("input_")),
            _ => true,
        };
        let end = from + message.parts[from..].iter().take_while(speech).count();
        let mut content = Vec::new();
        for (number, part) in message.parts[from..end].iter().enumerate() {
            let path = format!("messages[{at}].content[{}]", from + number);
            content.extend(self.content(part, message.role, &path)?);
        }
        if content.is_empty() {
            return Ok(end);
        }
        let role = match message.role {
            Role::System => "system",
            Role::User => "user",
            Role::Assistant => "assistant",
        };
        self.out.push(json::object(|o| {
            o.text("type", "message");
            let more = mark.and_then(|mark| Members::of_body(mark.get().as_bytes()).ok());
            for (name, json) in more.into_iter().flat_map(Members::rest).filter(|(name, _)| name != "type") {
                o.json(&name, &json);
            }
            o.text("role", role);
            o.list("content", |l| raw_items(&content, l));
        }));
        Ok(end)
    }

    fn content(&mut self, part: &Part, role: Role, path: &str) -> Result<Option<String>, WireError> {
        let refuse =
            |what: &str| Err(WireError::at(format!("{path}: this model can't be given {what}"), path));
        let assistant = role == Role::Assistant;
        if assistant && !matches!(part.body, Body::Text { .. } | Body::Refusal(_)) {
            // The assistant's own pictures and sounds have no form in a history.
            self.lost.dropped(path);
            return Ok(None);
        }
        let mark = |o: &mut Object<'_>| {
            // The mark is a hint that few vendors of the dialect know: only who speaks it shall send it on.
            if self.own && part.cache.is_some() {
                o.object("prompt_cache_breakpoint", |o| o.text("mode", "explicit"));
            }
        };
        let text = match &part.body {
            Body::Text { text, .. } if text.is_empty() && !self.own => return Ok(None),
            Body::Text { text, annotations } => json::object(|o| {
                o.text("type", if assistant { "output_text" } else { "input_text" });
                o.text("text", text);
                if !annotations.is_empty() && assistant {
                    o.list("annotations", |l| annotations.iter().for_each(|a| write_annotation(a, l)));
                }
                mark(o);
            }),
            Body::Refusal(text) => json::object(|o| {
                o.text("type", "refusal");
                o.text("refusal", text);
            }),
            Body::Image { media, detail } => {
                if let Media::FileId(_) = media
                    && !self.knows_files()
                {
                    return refuse("a file of another vendor");
                }
                json::object(|o| {
                    o.text("type", "input_image");
                    match media {
                        Media::FileId(id) => o.text("file_id", id),
                        other => o.text("image_url", &url(other)),
                    }
                    o.opt_text("detail", detail.as_deref());
                    mark(o);
                })
            }
            // Plain text needs no file.
            Body::File { media: Media::Text(text), .. } => json::object(|o| {
                o.text("type", "input_text");
                o.text("text", text);
            }),
            Body::File { media, name } => {
                if let Media::FileId(_) = media
                    && !self.knows_files()
                {
                    return refuse("a file of another vendor");
                }
                json::object(|o| {
                    o.text("type", "input_file");
                    match media {
                        Media::FileId(id) => o.text("file_id", id),
                        Media::Url { url, .. } if !url.starts_with("data:") => o.text("file_url", url),
                        other => {
                            o.text("file_data", &url(other));
                            // Data without a name is refused.
                            let name = name.as_deref().or((!self.own).then_some("document.pdf"));
                            o.opt_text("filename", name);
                        }
                    }
                    if !matches!(media, Media::Inline { .. }) {
                        o.opt_text("filename", name.as_deref().filter(|_| self.own));
                    }
                    mark(o);
                })
            }
            Body::Audio(Media::Inline { mime, base64 }) => json::object(|o| {
                o.text("type", "input_audio");
                o.object("input_audio", |o| {
                    o.text("data", base64);
                    let format = mime.strip_prefix("audio/").unwrap_or(mime);
                    let format = format.strip_prefix("x-").unwrap_or(format);
                    o.text("format", if format == "mpeg" { "mp3" } else { format });
                });
            }),
            Body::Audio(_) => return refuse("a sound by its address"),
            Body::Video(_) => return refuse("a video"),
            Body::Opaque { json, .. } => json.get().to_owned(),
            Body::Call(_) | Body::Result(_) | Body::Reasoning(_) => return Ok(None),
        };
        Ok(Some(text))
    }

    /// Ids of files mean something only where both sides are of OpenAI's house.
    fn knows_files(&self) -> bool {
        self.own || matches!(self.chat.origin, None | Some(Dialect::OpenAiChat))
    }

    fn call(&self, call: &Call) -> String {
        json::object(|o| {
            o.text("type", if call.custom { "custom_tool_call" } else { "function_call" });
            let own = call
                .seal
                .as_ref()
                .filter(|seal| seal.dialect == Dialect::OpenAiResponses && seal.kind == SealKind::Signature);
            let more = own.and_then(|seal| Members::of_body(seal.data.as_bytes()).ok());
            for (name, json) in more.into_iter().flat_map(Members::rest) {
                if !["type", "call_id", "name", "arguments", "input"].contains(&name.as_str()) {
                    o.json(&name, &json);
                }
            }
            o.text("call_id", &self.call_id(&call.id));
            o.text("name", &call.name);
            if call.custom {
                o.text("input", &call.arguments);
            } else {
                o.text("arguments", if call.arguments.is_empty() { "{}" } else { &call.arguments });
            }
        })
    }

    /// Ids longer than vendors take are made shorter, a call's and its result's in the same way (C18).
    fn call_id<'i>(&self, id: &'i str) -> Cow<'i, str> {
        if self.own || id.len() <= LONGEST_ID {
            return Cow::Borrowed(id);
        }
        Cow::Owned(format!("call_{}", fingerprint(id)))
    }

    fn result(&mut self, result: &ToolResult, path: &str) -> Result<(), WireError> {
        let parts = if result.is_error { failed(&result.parts) } else { Cow::Borrowed(&result.parts[..]) };
        let mut content = Vec::new();
        for part in parts.iter() {
            content.extend(self.content(part, Role::User, path)?);
        }
        let id = self.call_id(&result.call_id);
        let custom = self.customs.contains(result.call_id.as_str());
        self.out.push(json::object(|o| {
            o.text("type", if custom { "custom_tool_call_output" } else { "function_call_output" });
            o.text("call_id", &id);
            match parts.as_ref() {
                [] => o.text("output", ""),
                [Part { body: Body::Text { text, .. }, cache: None }] => o.text("output", text),
                // Pictures stay pictures (C20).
                _ => o.list("output", |l| raw_items(&content, l)),
            }
        }));
        Ok(())
    }

    /// One item of one or more stretches. Reasoning that no vendor of this dialect sealed is nothing to it.
    fn reasoning<'r>(&mut self, stretches: impl Iterator<Item = &'r Reasoning> + Clone) {
        let Some(last) = stretches.clone().last() else { return };
        let seal = last.seal.as_ref();
        let ours =
            seal.filter(|seal| seal.dialect == Dialect::OpenAiResponses && seal.kind == SealKind::Encrypted);
        if ours.is_none() && (seal.is_some() || !self.own) {
            return;
        }
        self.out.push(json::object(|o| {
            o.text("type", "reasoning");
            // An id is looked up in what the vendor stored; for others nothing was.
            o.opt_text("id", last.id.as_deref().filter(|_| self.own));
            let texts = |summary: bool| {
                let all = stretches.clone().filter(|stretch| !stretch.text.is_empty());
                let own = self.own;
                all.filter(move |stretch| (stretch.summary || !own) == summary)
            };
            o.list("summary", |l| {
                texts(true).for_each(|stretch| text_item("summary_text", &stretch.text, l))
            });
            if texts(false).next().is_some() {
                let each = |l: &mut List<'_>| {
                    texts(false).for_each(|stretch| text_item("reasoning_text", &stretch.text, l));
                };
                o.list("content", each);
            }
            o.opt_text("encrypted_content", ours.map(|seal| seal.data.as_str()));
        }));
    }
}

fn text_item(kind: &str, text: &str, l: &mut List<'_>) {
    l.object(|o| {
        o.text("type", kind);
        o.text("text", text);
    });
}

pub(super) fn raw_items(items: &[String], l: &mut List<'_>) {
    items.iter().for_each(|item| l.item().raw(item));
}

pub(super) fn write_annotation(annotation: &Annotation, l: &mut List<'_>) {
    l.object(|o| annotation_members(annotation, o));
}

pub(super) fn annotation_members(annotation: &Annotation, o: &mut Object<'_>) {
    o.text("type", "url_citation");
    o.text("url", &annotation.url);
    o.text("title", &annotation.title);
    o.int("start_index", annotation.start);
    o.int("end_index", annotation.end);
}

fn url(media: &Media) -> String {
    match media {
        Media::Inline { mime, base64 } => format!("data:{mime};base64,{base64}"),
        Media::Url { url, .. } => url.clone(),
        Media::FileId(id) => id.clone(),
        Media::Text(text) => text.clone(),
    }
}

/// Whether a turn is nothing but one plain text.
pub(super) fn plain(message: &Message) -> Option<&str> {
    match message.parts.as_slice() {
        [Part { body: Body::Text { text, .. }, cache: None::<CacheMark> }] => Some(text),
        _ => None,
    }
}

/// The result of a tool that failed: the dialect has no member that says so, its text does.
fn failed(parts: &[Part]) -> Cow<'_, [Part]> {
    let mut parts = parts.to_vec();
    let said = parts.iter_mut().find_map(|part| match &mut part.body {
        Body::Text { text, .. } => Some(text),
        _ => None,
    });
    match said {
        Some(text) if text.to_ascii_lowercase().starts_with("error") => {}
        Some(text) => text.insert_str(0, "Error: "),
        None => parts.insert(0, Part::text("Error")),
    }
    Cow::Owned(parts)
}

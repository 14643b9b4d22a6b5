//! The history of a request, written: turns that alternate, results first, thinking first, nothing empty.

use super::blocks::exact_block;
use super::{media, models::Model, seal};
use crate::WireError;
use crate::chat::{
    Body, CacheMark, Call, ChatRequest, Dialect, Losses, Message, Part, Reasoning, Role, SealKind, ToolResult,
};
use crate::json::{self, Json, Object};

/// A block, written.
struct Block {
    json: String,
    /// The call that it answers.
    answers: Option<String>,
    thinking: bool,
    call: bool,
    hosted: bool,
}

impl Block {
    fn text(text: &str) -> Block {
        let json = text_block(text, None);
        Block { json, answers: None, thinking: false, call: false, hosted: false }
    }
}

pub(super) struct Turn {
    pub role: &'static str,
    blocks: Vec<Block>,
}

impl Turn {
    pub(super) fn write(&self, o: &mut Object<'_>) {
        o.text("role", self.role);
        o.list("content", |l| self.blocks.iter().for_each(|block| l.item().raw(&block.json)));
    }
}

/// What a history comes to.
pub(super) struct History {
    /// The blocks of the system prompt.
    pub system: Vec<String>,
    pub turns: Vec<Turn>,
}

impl History {
    /// Whether the turn that is to be continued lacks the thinking it must begin with (C12).
    pub(super) fn lost_its_thinking(&self) -> bool {
        let bare = |turn: &Turn| turn.role == "assistant" && !turn.blocks.first().is_some_and(|b| b.thinking);
        match self.turns.as_slice() {
            [.., before, last] if last.blocks.first().is_some_and(|block| block.answers.is_some()) => {
                bare(before) && before.blocks.iter().any(|block| block.call)
            }
            [.., last] => bare(last),
            [] => false,
        }
    }

    /// Whether the assistant is to go on with words of its own. A long turn of hosted tools that paused is no
    /// such thing: every model goes on with it.
    pub(super) fn is_prefilled(&self) -> bool {
        let last = self.turns.last().filter(|turn| turn.role == "assistant");
        last.is_some_and(|turn| !turn.blocks.iter().any(|block| block.hosted))
    }
}

/// Writes the history of a request of the caller's own.
pub(super) fn of(chat: &mut ChatRequest, model: &Model, lost: &mut Losses) -> Result<History, WireError> {
    let origin = chat.origin;
    let leading = chat.messages.iter().take_while(|message| message.role == Role::System).count();
    // The place in the caller's list, for what is said about it; the vendor is told no names.
    for (index, message) in chat.messages.iter_mut().enumerate() {
        message.name = Some(format!("messages[{index}]"));
    }
    answers_first(&mut chat.messages);
    chat.pair_calls()?;
    trim_prefill(&mut chat.messages, origin);
    let mut history = History { system: Vec::new(), turns: Vec::new() };
    for (index, message) in std::mem::take(&mut chat.messages).into_iter().enumerate() {
        let path = message.name.clone().unwrap_or_else(|| "messages".to_owned());
        let inline = message.role == Role::System && index >= leading;
        let wrapped = inline && !model.inline_system;
        let role = match message.role {
            Role::System if wrapped => "user",
            Role::System => "system",
            Role::User => "user",
            Role::Assistant => "assistant",
        };
        let mut writer = Writer { role: message.role, origin, path, lost };
        let mut blocks = writer.blocks(message.parts, wrapped)?;
        if wrapped && !blocks.is_empty() {
            let path = writer.path;
            lost.approximated(path);
        }
        if message.role == Role::System && !inline {
            history.system.extend(blocks.into_iter().map(|block| block.json));
            continue;
        }
        if message.role == Role::Assistant && origin != Some(Dialect::Anthropic) {
            blocks.sort_by_key(|block| !block.thinking);
        }
        match history.turns.last_mut() {
            _ if blocks.is_empty() => {}
            Some(last) if last.role == role => last.blocks.extend(blocks),
            _ => history.turns.push(Turn { role, blocks }),
        }
    }
    for turn in history.turns.iter_mut().filter(|turn| turn.role == "user") {
        // Of several answers to one call the last is the caller's; one that was made up stands before it.
        let last: Vec<Option<String>> = turn.blocks.iter().map(|block| block.answers.clone()).collect();
        let mut index = 0;
        turn.blocks.retain(|block| {
            index += 1;
            block.answers.is_none() || !last[index..].contains(&block.answers)
        });
        turn.blocks.sort_by_key(|block| block.answers.is_none());
    }
    if history.turns.is_empty() {
        return Err(WireError::at("there is no message that says anything", "messages"));
    }
    if origin != Some(Dialect::Anthropic) && history.turns.first().is_some_and(|turn| turn.role != "user") {
        // Older models want to be spoken to first.
        history.turns.insert(0, Turn { role: "user", blocks: vec![Block::text("Continue.")] });
        lost.approximated("messages[0]");
    }
    Ok(history)
}

/// A word of the system between calls and their answers comes after the answers.
pub(in crate::dialect) fn answers_first(messages: &mut [Message]) {
    let has = |message: &Message, wanted: fn(&Body) -> bool| message.parts.iter().any(|p| wanted(&p.body));
    for index in 1..messages.len().saturating_sub(1) {
        if messages[index].role == Role::System
            && has(&messages[index - 1], |body| matches!(body, Body::Call(_) | Body::Result(_)))
            && has(&messages[index + 1], |body| matches!(body, Body::Result(_)))
        {
            messages.swap(index, index + 1);
        }
    }
}

/// The vendor refuses a last turn of the assistant that ends in white space.
pub(in crate::dialect) fn trim_prefill(messages: &mut [Message], origin: Option<Dialect>) {
    let last = messages.last_mut().filter(|last| last.role == Role::Assistant);
    let part = last.and_then(|last| last.parts.last_mut()).filter(|_| origin != Some(Dialect::Anthropic));
    if let Some(Part { body: Body::Text { text, .. }, .. }) = part {
        text.truncate(text.trim_end().len());
    }
}

struct Writer<'a> {
    role: Role,
    origin: Option<Dialect>,
    path: String,
    lost: &'a mut Losses,
}

impl Writer<'_> {
    fn blocks(&mut self, parts: Vec<Part>, wrapped: bool) -> Result<Vec<Block>, WireError> {
        let mut blocks = Vec::with_capacity(parts.len());
        let mut exact: Option<Json> = None;
        for (index, mut part) in parts.into_iter().enumerate() {
            if let Some(block) = exact_block(&part) {
                exact = Some(block);
                continue;
            }
            let path = format!("{}.content[{index}]", self.path);
            if let (true, Body::Text { text, .. }) = (wrapped, &mut part.body) {
                if text.is_empty() {
                    continue;
                }
                *text = format!("<system-reminder>\n{text}\n</system-reminder>");
                exact = None;
            }
            let written = self.block(&part, &path)?;
            let (answers, call) = match &part.body {
                Body::Result(result) => (Some(result.call_id.clone()), false),
                Body::Call(_) => (None, true),
                _ => (None, false),
            };
            let thinking = matches!(part.body, Body::Reasoning(_));
            let hosted = matches!(part.body, Body::Opaque { .. });
            if let Some(json) = written {
                let json = exact
                    .take()
                    .filter(|exact| stands_for(exact, &part))
                    .map_or(json, |exact| exact.get().to_owned());
                blocks.push(Block { json, answers, thinking, call, hosted });
            }
            exact = None;
        }
        Ok(blocks)
    }

    /// A part as a block; `None` for what is left out.
    fn block(&mut self, part: &Part, path: &str) -> Result<Option<String>, WireError> {
        let cache = part.cache;
        Ok(match &part.body {
            Body::Text { text, .. } | Body::Refusal(text) => {
                (!text.is_empty()).then(|| text_block(text, cache))
            }
            Body::Reasoning(reasoning) => thinking(reasoning),
            Body::Opaque { dialect: Dialect::Anthropic, json } => Some(json.get().to_owned()),
            Body::Opaque { .. } => {
                self.lost.dropped(path);
                None
            }
            Body::Call(call) => Some(tool_use(call, cache, path)?),
            Body::Result(result) => Some(self.tool_result(result, cache)?),
            _ if self.role == Role::System => {
                return Err(WireError::at(format!("{path} must be text"), path));
            }
            // The vendor takes no pictures and sounds that the assistant made.
            Body::Image { .. } | Body::Audio(_) | Body::Video(_) if self.role == Role::Assistant => {
                self.lost.dropped(path);
                None
            }
            Body::File { .. } if self.role == Role::Assistant && self.origin != Some(Dialect::Anthropic) => {
                self.lost.dropped(path);
                None
            }
            Body::Image { media, .. } => {
                let source = media::image(media, self.origin);
                Some(media_block("image", source.map_err(|why| refused(path, why))?, None, cache))
            }
            Body::File { media, name } => match media::document(media, self.origin) {
                Ok(source) => Some(media_block("document", source, name.as_deref(), cache)),
                Err(None) => {
                    let source = media::image(media, self.origin).map_err(|why| refused(path, why))?;
                    Some(media_block("image", source, None, cache))
                }
                Err(Some(why)) => return Err(refused(path, why)),
            },
            Body::Audio(_) => return Err(refused(path, "is a sound, which this model can't hear")),
            Body::Video(_) => return Err(refused(path, "is a video, which this model can't see")),
        })
    }

    fn tool_result(&mut self, result: &ToolResult, cache: Option<CacheMark>) -> Result<String, WireError> {
        let inner = self.blocks(result.parts.clone(), false)?;
        Ok(json::object(|o| {
            o.text("type", "tool_result");
            o.text("tool_use_id", &tool_id(&result.call_id));
            if !inner.is_empty() {
                o.list("content", |l| inner.iter().for_each(|block| l.item().raw(&block.json)));
            }
            if result.is_error {
                o.flag("is_error", true);
            }
            mark(o, cache);
        }))
    }
}

fn refused(path: &str, why: &str) -> WireError {
    WireError::at(format!("{path} {why}"), path)
}

/// Whether the exact words may stand for the part: not where something of it had to change.
fn stands_for(exact: &Json, part: &Part) -> bool {
    let ids = match &part.body {
        Body::Call(call) => is_id(&call.id),
        Body::Result(result) => is_id(&result.call_id),
        _ => true,
    };
    // A mark beyond the fourth was taken off.
    ids && (part.cache.is_some() || !exact.get().contains("\"cache_control\""))
}

/// Thinking goes back as it came, also without a text (C13); other dialects' stays out (C14).
fn thinking(reasoning: &Reasoning) -> Option<String> {
    let seal = reasoning.seal.as_ref().filter(|seal| seal.dialect == Dialect::Anthropic)?;
    Some(json::object(|o| match seal.kind {
        SealKind::Signature => {
            o.text("type", "thinking");
            o.text("thinking", &reasoning.text);
            o.text("signature", &seal.data);
        }
        SealKind::Encrypted => {
            o.text("type", "redacted_thinking");
            o.text("data", &seal.data);
        }
    }))
}

fn tool_use(call: &Call, cache: Option<CacheMark>, path: &str) -> Result<String, WireError> {
    let input = input(call).ok_or_else(|| {
        let message =
            format!("the arguments of the call {:?} of {:?} are no JSON object", call.id, call.name);
        WireError::at(message, path)
    })?;
    Ok(json::object(|o| {
        o.text("type", "tool_use");
        o.text("id", &tool_id(&call.id));
        o.text("name", &call.name);
        o.key("input").raw(&input);
        mark(o, cache);
    }))
}

/// The `input` of a call, byte for byte; `None` when it is no object (C6).
pub(in crate::dialect) fn input(call: &Call) -> Option<String> {
    if call.custom {
        return Some(json::object(|o| o.text("input", &call.arguments)));
    }
    // `null` is how some vendors say that there are none.
    if matches!(call.arguments.trim(), "" | "null") {
        return Some("{}".to_owned());
    }
    let json = Json::from_text(call.arguments.as_str()).ok()?;
    json.get().starts_with('{').then(|| json.get().to_owned())
}

pub(super) fn text_block(text: &str, cache: Option<CacheMark>) -> String {
    json::object(|o| {
        o.text("type", "text");
        o.text("text", text);
        mark(o, cache);
    })
}

fn media_block(kind: &str, source: media::Source, title: Option<&str>, cache: Option<CacheMark>) -> String {
    json::object(|o| {
        o.text("type", kind);
        source.write(o);
        o.opt_text("title", title);
        mark(o, cache);
    })
}

pub(super) fn mark(o: &mut Object<'_>, cache: Option<CacheMark>) {
    if let Some(mark) = cache {
        o.object("cache_control", |o| {
            o.text("type", "ephemeral");
            if mark == CacheMark::Long {
                o.text("ttl", "1h");
            }
        });
    }
}

fn is_id(id: &str) -> bool {
    !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
}

/// An id that the vendor takes; the same id always gives the same one (C18).
pub(super) fn tool_id(id: &str) -> String {
    if is_id(id) {
        return id.to_owned();
    }
    format!("toolu_{:016x}{:016x}", seal::hash(id, 0), seal::hash(id, 1))
}

//! The history of a request, written: turns that alternate and begin with the user, results first, nothing
//! blank.

use super::media::{self, Names};
use super::model::Family;
use crate::WireError;
use crate::chat::{
    Body, CacheMark, Call, ChatRequest, Dialect, Losses, Part, Reasoning, Role, Seal, SealKind, ToolResult,
};
use crate::dialect::anthropic::{seal, turns};
use crate::json::{self, List, Object};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Blocks that stay together, written: one, with the cache point after it.
struct Block {
    json: String,
    /// The call that it answers.
    answers: Option<String>,
    thinking: bool,
    call: bool,
    /// Something to read besides documents.
    text: bool,
    document: bool,
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
#[derive(Default)]
pub(super) struct History {
    /// The blocks of the system prompt.
    pub system: Vec<String>,
    pub turns: Vec<Turn>,
    /// The names of the tools that were called, each once.
    pub called: Vec<String>,
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

    pub(super) fn is_prefilled(&self) -> bool {
        self.turns.last().is_some_and(|turn| turn.role == "assistant")
    }
}

/// Writes the history of a request of the caller's own.
pub(super) fn of(chat: &mut ChatRequest, family: &Family, lost: &mut Losses) -> Result<History, WireError> {
    let leading = chat.messages.iter().take_while(|message| message.role == Role::System).count();
    // The place in the caller's list, for what is said about it; the vendor is told no names.
    for (index, message) in chat.messages.iter_mut().enumerate() {
        message.name = Some(format!("messages[{index}]"));
    }
    turns::answers_first(&mut chat.messages);
    chat.pair_calls()?;
    turns::trim_prefill(&mut chat.messages, None);
    let mut history = History::default();
    let mut names = Names::default();
    for (index, message) in std::mem::take(&mut chat.messages).into_iter().enumerate() {
        let path = message.name.clone().unwrap_or_else(|| "messages".to_owned());
        let inline = message.role == Role::System && index >= leading;
        for part in &message.parts {
            if let Body::Call(call) = &part.body
                && !history.called.contains(&call.name)
            {
                history.called.push(call.name.clone());
            }
        }
        let mut writer = Writer { role: message.role, family, path, names: &mut names, lost };
        let mut blocks = writer.blocks(&message.parts, inline)?;
        if inline && !blocks.is_empty() {
            // There is no other place for it; moved to the front it would change what came before (C28).
            let path = writer.path;
            lost.approximated(path);
        }
        if message.role == Role::System && !inline {
            history.system.extend(blocks.into_iter().map(|block| block.json));
            continue;
        }
        let role = if message.role == Role::Assistant { "assistant" } else { "user" };
        if role == "assistant" {
            blocks.sort_by_key(|block| !block.thinking);
        }
        match history.turns.last_mut() {
            _ if blocks.is_empty() => {}
            Some(last) if last.role == role => last.blocks.extend(blocks),
            _ => history.turns.push(Turn { role, blocks }),
        }
    }
    for turn in history.turns.iter_mut().filter(|turn| turn.role == "user") {
        finish(turn);
    }
    if history.turns.is_empty() {
        return Err(WireError::at("there is no message that says anything", "messages"));
    }
    if history.turns.first().is_some_and(|turn| turn.role != "user") {
        history.turns.insert(0, Turn { role: "user", blocks: vec![plain("Continue.")] });
        lost.approximated("messages[0]");
    }
    Ok(history)
}

/// Results first; of several to one call the last is the caller's. A document needs a text beside it.
fn finish(turn: &mut Turn) {
    let answers: Vec<Option<String>> = turn.blocks.iter().map(|block| block.answers.clone()).collect();
    let mut index = 0;
    turn.blocks.retain(|block| {
        index += 1;
        block.answers.is_none() || !answers.iter().skip(index).any(|other| *other == block.answers)
    });
    turn.blocks.sort_by_key(|block| block.answers.is_none());
    let documents = turn.blocks.iter().any(|block| block.document);
    if documents && !turn.blocks.iter().any(|block| block.text) {
        turn.blocks.push(plain("The document is attached."));
    }
}

fn plain(text: &str) -> Block {
    let json = text_block(text);
    Block { json, answers: None, thinking: false, call: false, text: true, document: false }
}

struct Writer<'a> {
    role: Role,
    family: &'a Family,
    path: String,
    names: &'a mut Names,
    lost: &'a mut Losses,
}

impl Writer<'_> {
    fn blocks(&mut self, parts: &[Part], inline: bool) -> Result<Vec<Block>, WireError> {
        let mut blocks = Vec::with_capacity(parts.len());
        for (index, part) in parts.iter().enumerate() {
            let path = format!("{}.content[{index}]", self.path);
            let written = match (&part.body, inline) {
                (Body::Text { text, .. }, true) if !text.trim().is_empty() => {
                    Some(text_block(&format!("<system-reminder>\n{text}\n</system-reminder>")))
                }
                (body, _) => self.block(body, &path)?,
            };
            let Some(mut json) = written else { continue };
            if let Some(mark) = mark_of(part).filter(|_| self.family.is_claude_or_nova()) {
                json.push(',');
                json.push_str(&cache_point(mark, self.family));
            }
            let answers = match &part.body {
                Body::Result(result) => Some(result.call_id.clone()),
                _ => None,
            };
            blocks.push(Block {
                json,
                answers,
                thinking: matches!(part.body, Body::Reasoning(_)),
                call: matches!(part.body, Body::Call(_)),
                text: matches!(part.body, Body::Text { .. } | Body::Refusal(_)),
                document: matches!(part.body, Body::File { .. }),
            });
        }
        Ok(blocks)
    }

    /// A part as a block; `None` for what is left out.
    fn block(&mut self, body: &Body, path: &str) -> Result<Option<String>, WireError> {
        Ok(match body {
            Body::Text { text, .. } | Body::Refusal(text) => {
                (!text.trim().is_empty()).then(|| text_block(text))
            }
            Body::Reasoning(reasoning) => thinking(reasoning, self.family),
            Body::Opaque { dialect: Dialect::BedrockConverse, json } => Some(json.get().to_owned()),
            Body::Opaque { .. } => {
                self.lost.dropped(path);
                None
            }
            Body::Call(call) => Some(tool_use(call, path)?),
            Body::Result(result) => Some(self.tool_result(result, path)?),
            _ if self.role == Role::System => {
                return Err(WireError::at(format!("{path} must be text"), path));
            }
            // Models take no pictures and files that they made themselves.
            _ if self.role == Role::Assistant => {
                self.lost.dropped(path);
                None
            }
            file => Some(self.file(file, path)?),
        })
    }

    fn file(&mut self, body: &Body, path: &str) -> Result<String, WireError> {
        let block = media::block(body, self.family.claude().is_some(), self.names);
        block.map_err(|why| WireError::at(format!("{path} {why}"), path))
    }

    fn tool_result(&mut self, result: &ToolResult, path: &str) -> Result<String, WireError> {
        let mut content = Vec::new();
        for (index, part) in result.parts.iter().enumerate() {
            let path = format!("{path}.content[{index}]");
            match &part.body {
                Body::Text { text, .. } | Body::Refusal(text) if text.trim().is_empty() => {}
                Body::Text { text, .. } | Body::Refusal(text) => content.push(text_block(text)),
                Body::Image { .. } | Body::File { .. } | Body::Video(_) => {
                    content.push(self.file(&part.body, &path)?);
                }
                Body::Opaque { .. } => self.lost.dropped(path),
                _ => return Err(WireError::at(format!("{path} must be text or a file"), path)),
            }
        }
        if content.is_empty() {
            // The vendor refuses a blank text.
            content.push(text_block("(nothing)"));
        }
        let status = result.is_error && self.family.is_claude_or_nova();
        if result.is_error && !status {
            self.lost.approximated(path);
        }
        Ok(json::object(|o| {
            o.object("toolResult", |o| {
                o.text("toolUseId", &tool_id(&result.call_id));
                o.list("content", |l| content.iter().for_each(|block| l.item().raw(block)));
                if status {
                    o.text("status", "error");
                }
            });
        }))
    }
}

/// The mark after a part; those inside a result stand after it.
fn mark_of(part: &Part) -> Option<CacheMark> {
    let inner = match &part.body {
        Body::Reasoning(_) | Body::Opaque { .. } => return None,
        Body::Result(result) => result.parts.iter().rev().find_map(|part| part.cache),
        _ => None,
    };
    part.cache.or(inner)
}

/// A cache point. Only Claude's lasts an hour when told to.
pub(super) fn cache_point(mark: CacheMark, family: &Family) -> String {
    json::object(|o| {
        o.object("cachePoint", |o| {
            o.text("type", "default");
            if mark == CacheMark::Long && family.claude().is_some() {
                o.text("ttl", "1h");
            }
        });
    })
}

pub(super) fn text_block(text: &str) -> String {
    json::object(|o| o.text("text", text))
}

/// Reasoning goes back as it came. Claude's signatures are the same wherever it runs, so its own vendor's do
/// too; others stay out (C14).
fn thinking(reasoning: &Reasoning, family: &Family) -> Option<String> {
    let seal: &Seal = reasoning.seal.as_ref()?;
    let claudes = seal.dialect == Dialect::Anthropic && family.claude().is_some();
    if seal.dialect != Dialect::BedrockConverse && !claudes {
        return None;
    }
    Some(json::object(|o| {
        o.object("reasoningContent", |o| match seal.kind {
            SealKind::Signature => o.object("reasoningText", |o| {
                o.text("text", &reasoning.text);
                o.text("signature", &seal.data);
            }),
            // Bytes here, which are the text there.
            SealKind::Encrypted if claudes => o.text("redactedContent", &STANDARD.encode(&seal.data)),
            SealKind::Encrypted => o.text("redactedContent", &seal.data),
        });
    }))
}

fn tool_use(call: &Call, path: &str) -> Result<String, WireError> {
    let input = turns::input(call).ok_or_else(|| {
        let message =
            format!("the arguments of the call {:?} of {:?} are no JSON object", call.id, call.name);
        WireError::at(message, path)
    })?;
    Ok(json::object(|o| {
        o.object("toolUse", |o| {
            o.text("toolUseId", &tool_id(&call.id));
            o.text("name", &call.name);
            o.key("input").raw(&input);
        });
    }))
}

/// An id that the vendor takes; the same id always gives the same one (C18).
pub(super) fn tool_id(id: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    if (1..=64).contains(&id.len()) && id.bytes().all(plain) {
        return id.to_owned();
    }
    format!("tooluse_{:016x}{:016x}", seal::hash(id, 0), seal::hash(id, 1))
}

/// Writes blocks that were written before.
pub(super) fn raw(l: &mut List<'_>, blocks: &[String]) {
    blocks.iter().for_each(|block| l.item().raw(block));
}

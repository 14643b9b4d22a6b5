//! DeepL's translations as chat: the user's last words are translated into the language that the model's name
//! ends with.

use super::plain::{self, Single};
use crate::WireError;
use crate::chat::{ChatReply, ChatRequest, Choice, Losses, Part, Role};
use crate::codec::{Asked, EventReader, To, VendorCodec};
use crate::fault::read_fault;
use crate::json::{Members, object};
use magic_domain::usage::{Bucket, Usage};
use std::borrow::Cow;

/// Texts that may be translated at once.
const TEXTS: usize = 50;

/// The dialect.
#[derive(Debug, Clone, Copy)]
pub struct DeepL;

impl VendorCodec for DeepL {
    fn write_request(&self, chat: &ChatRequest, to: &To<'_>, lost: &mut Losses) -> Result<String, WireError> {
        plain::unsaid(chat, &[], lost)?;
        let texts = said(chat, lost)?;
        Ok(object(|o| {
            o.list("text", |l| texts.iter().for_each(|text| l.item().text(text)));
            o.text("target_lang", &language(to.model));
            o.flag("show_billed_characters", true);
        }))
    }

    fn read_reply(&self, body: &[u8], asked: &Asked) -> Result<ChatReply, WireError> {
        read(body, asked)
    }

    fn reader(&self, asked: &Asked) -> Box<dyn EventReader> {
        Box::new(Single::new(asked, read))
    }
}

/// The language a model translates into: what follows the first `-` of its name, else Chinese.
pub fn language(model: &str) -> String {
    model
        .split_once('-')
        .map(|(_, language)| language)
        .filter(|name| !name.is_empty())
        .map_or_else(|| "ZH".to_owned(), str::to_uppercase)
}

/// The user's messages at the end, a text each.
fn said(chat: &ChatRequest, lost: &mut Losses) -> Result<Vec<String>, WireError> {
    let last = chat.messages.iter().rev().take_while(|message| message.role == Role::User).count();
    let first = chat.messages.len() - last;
    let mut texts = Vec::new();
    for (at, message) in chat.messages.iter().enumerate() {
        if at < first {
            // A conversation is not translated again, and there is nobody to instruct.
            lost.dropped(format!("messages[{at}]"));
            continue;
        }
        let place = |index| format!("messages[{at}].content[{index}]");
        let parts: Vec<_> =
            message.parts.iter().enumerate().map(|(n, part)| (Cow::Borrowed(part), place(n))).collect();
        texts.push(plain::texts(&parts, lost)?);
    }
    texts.retain(|text| !text.is_empty());
    match texts.len() {
        0 => Err(WireError::at("the last message must be the user's: it is what is translated", "messages")),
        1..=TEXTS => Ok(texts),
        _ => Err(WireError::at(format!("no more than {TEXTS} messages are translated at once"), "messages")),
    }
}

fn read(body: &[u8], asked: &Asked) -> Result<ChatReply, WireError> {
    let mut m = Members::of_body(body)?;
    if m.peek("translations").is_none() {
        return Err(WireError::new(read_fault(200, body).message));
    }
    let mut texts = Vec::new();
    let mut billed = None;
    for raw in m.list("translations")? {
        let mut translation = Members::of(raw, "translations")?;
        texts.push(translation.text("text")?.unwrap_or_default());
        if let Some(characters) = translation.count("billed_characters")? {
            billed = Some(billed.unwrap_or(0u64).saturating_add(characters));
        }
    }
    if texts.is_empty() {
        return Err(WireError::new("the vendor's answer has no translations"));
    }
    let billed = billed.or_else(|| asked.request.as_deref().and_then(characters));
    Ok(ChatReply {
        model: asked.model.clone(),
        choices: vec![Choice { parts: vec![Part::text(texts.join("\n"))], ..Choice::default() }],
        usage: billed.map(|characters| Usage::default().with(Bucket::Character, characters)),
        ..ChatReply::default()
    })
}

/// The characters that were sent: what is billed, where the vendor does not say.
fn characters(chat: &ChatRequest) -> Option<u64> {
    let texts = said(chat, &mut Losses::default()).ok()?;
    Some(texts.iter().map(|text| text.chars().count() as u64).sum())
}

#[cfg(test)]
#[path = "deepl/tests.rs"]
mod tests;

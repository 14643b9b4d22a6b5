//! Google's first chat API, generateMessage of PaLM 2: retired by its maker, still spoken by relays. It has no
//! streams and tells no usage.

use super::plain::{self, Single};
use crate::WireError;
use crate::chat::{Body, ChatReply, ChatRequest, Choice, Losses, Part, Role, Stop};
use crate::codec::{Asked, EventReader, To, VendorCodec};
use crate::fault::read_fault;
use crate::json::{Members, object};

/// Answers that may be asked for at once.
const CANDIDATES: u64 = 8;

/// The dialect.
#[derive(Debug, Clone, Copy)]
pub struct Palm;

impl VendorCodec for Palm {
    fn write_request(
        &self,
        chat: &ChatRequest,
        _to: &To<'_>,
        lost: &mut Losses,
    ) -> Result<String, WireError> {
        let mut paired = chat.clone();
        paired.pair_calls()?;
        let chat = &paired;
        plain::unsaid(chat, &["temperature", "top_p", "top_k", "n"], lost)?;
        let s = &chat.sampling;
        if s.n.is_some_and(|n| !(1..=CANDIDATES).contains(&n)) {
            return Err(WireError::at("n must be between 1 and 8 for this model", "n"));
        }
        let (system, turns) = plain::turns(chat, lost)?;
        plain::last_is_users(&turns)?;
        let mut texts = Vec::new();
        for turn in &turns {
            let author = if turn.role == Role::Assistant { "1" } else { "0" };
            texts.push((author, plain::texts(&turn.parts, lost)?));
        }
        let temperature = plain::clamped("temperature", s.temperature, 0.0, 1.0, lost);
        Ok(object(|o| {
            o.object("prompt", |o| {
                o.opt_text("context", Some(system.as_str()).filter(|text| !text.is_empty()));
                o.list("messages", |l| {
                    for (author, text) in &texts {
                        l.object(|o| {
                            o.text("author", author);
                            o.text("content", text);
                        });
                    }
                });
            });
            o.opt_number("temperature", temperature);
            o.opt_int("candidateCount", s.n);
            o.opt_number("topP", s.top_p);
            o.opt_int("topK", s.top_k);
        }))
    }

    fn read_reply(&self, body: &[u8], asked: &Asked) -> Result<ChatReply, WireError> {
        read(body, asked)
    }

    fn reader(&self, asked: &Asked) -> Box<dyn EventReader> {
        Box::new(Single::new(asked, read))
    }
}

fn read(body: &[u8], asked: &Asked) -> Result<ChatReply, WireError> {
    let mut m = Members::of_body(body)?;
    if m.peek("error").is_some() {
        return Err(WireError::new(read_fault(200, body).message));
    }
    let mut choices = Vec::new();
    for raw in m.list("candidates")? {
        let text = Members::of(raw, "candidates")?.text("content")?.unwrap_or_default();
        choices.push(Choice { parts: vec![Part::text(text)], ..Choice::default() });
    }
    if choices.is_empty() {
        let Some(raw) = m.list("filters")?.into_iter().next() else {
            return Err(WireError::new("the vendor's answer has no candidates"));
        };
        let mut filter = Members::of(raw, "filters")?;
        let reason = filter.text("reason")?.unwrap_or_default();
        let text = filter.text("message")?.filter(|text| !text.is_empty()).unwrap_or(reason);
        let parts = vec![Part::new(Body::Refusal(text))];
        choices.push(Choice { parts, stop: Stop::Filtered, ..Choice::default() });
    }
    Ok(ChatReply { model: asked.model.clone(), choices, ..ChatReply::default() })
}

#[cfg(test)]
#[path = "palm/tests.rs"]
mod tests;

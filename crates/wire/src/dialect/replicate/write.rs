//! Requests: the conversation as one text.

use crate::WireError;
use crate::chat::{Body, ChatRequest, Losses, Role};
use crate::dialect::plain;
use crate::json::object;
use std::fmt::Write;

const SAID: &[&str] =
    &["max_tokens", "temperature", "top_p", "top_k", "stop", "seed", "presence_penalty", "frequency_penalty"];

pub(super) fn request(chat: &ChatRequest, lost: &mut Losses) -> Result<String, WireError> {
    let mut paired = chat.clone();
    paired.pair_calls()?;
    let chat = &paired;
    plain::unsaid(chat, SAID, lost)?;
    let (system, mut turns) = plain::turns(chat, lost)?;
    plain::last_is_users(&turns)?;
    let mut picture = None;
    for turn in &mut turns {
        for (part, path) in &turn.parts {
            let Body::Image { media, .. } = &part.body else { continue };
            if picture.is_some() {
                let message = format!("{path}: this vendor takes one picture per request");
                return Err(WireError::at(message, path.as_str()));
            }
            picture = Some(plain::data_url(media).ok_or_else(|| plain::refuse_media(&part.body, path))?);
        }
        turn.parts.retain(|(part, _)| !matches!(part.body, Body::Image { .. }));
    }
    // The first question stands bare: models put their own words around a prompt, and what was asked before
    // stays the beginning of what is asked next.
    let mut prompt = String::new();
    for (index, turn) in turns.iter().enumerate() {
        let text = plain::texts(&turn.parts, lost)?;
        let role = if turn.role == Role::Assistant { "assistant" } else { "user" };
        let written = match index {
            0 if turn.role == Role::User => write!(prompt, "{text}"),
            0 => write!(prompt, "{role}: {text}"),
            _ => write!(prompt, "\n\n{role}: {text}"),
        };
        // Writing to a text does not fail.
        written.map_err(|_| WireError::new("the prompt can't be written"))?;
    }
    if turns.len() > 1 {
        lost.approximated("messages");
        prompt.push_str("\n\nassistant:");
    }
    let s = &chat.sampling;
    // The list is one text, parted by commas.
    let stop = Some(s.stop.join(",")).filter(|_| !s.stop.is_empty());
    let stop = stop.filter(|_| {
        let sound = !s.stop.iter().any(|text| text.contains(','));
        if !sound {
            lost.dropped("stop");
        }
        sound
    });
    Ok(object(|o| {
        o.object("input", |o| {
            o.text("prompt", &prompt);
            o.opt_text("system_prompt", Some(system.as_str()).filter(|text| !text.is_empty()));
            o.opt_text("image", picture.as_deref());
            o.opt_int("max_tokens", s.max_output);
            o.opt_number("temperature", s.temperature);
            o.opt_number("top_p", s.top_p);
            o.opt_int("top_k", s.top_k);
            o.opt_text("stop_sequences", stop.as_deref());
            o.opt_int("seed", s.seed);
            o.opt_number("presence_penalty", s.presence_penalty);
            o.opt_number("frequency_penalty", s.frequency_penalty);
        });
        if chat.stream {
            o.flag("stream", true);
        }
    }))
}

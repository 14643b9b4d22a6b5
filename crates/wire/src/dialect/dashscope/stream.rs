//! Answers: `output` holds OpenAI's choices with whole messages for deltas.

use crate::WireError;
use crate::chat::Event;
use crate::codec::{Asked, EventReader};
use crate::dialect::{openai_chat, plain};
use crate::fault::read_fault;
use crate::frame::Frame;
use crate::json::{List, Members, Object, list_of, object, text_of};
use serde_json::value::RawValue;

pub(super) struct Reader {
    model: String,
    chunks: openai_chat::Reader,
    failed: bool,
}

impl Reader {
    pub fn new(asked: &Asked) -> Reader {
        Reader { model: asked.model.clone(), chunks: openai_chat::Reader::default(), failed: false }
    }
}

impl EventReader for Reader {
    fn frame(&mut self, frame: &Frame, out: &mut Vec<Event>) -> Result<(), WireError> {
        if self.failed || frame.data.as_ref() == b"[DONE]" {
            return Ok(());
        }
        let mut m = Members::of_body(&frame.data)?;
        let code = m.take("code").filter(|code| code.get() != "\"\"");
        if code.is_some() || frame.name.as_ref() == b"error" {
            self.failed = true;
            let status = status_of(&frame.raw).filter(|status| *status >= 400).unwrap_or(200);
            out.push(Event::Fault(read_fault(status, &frame.data)));
            return Ok(());
        }
        let Some(mut output) = m.object("output")? else { return Ok(()) };
        let (id, usage) = (m.text("request_id")?.unwrap_or_default(), m.take("usage"));
        let choices = output.list("choices")?;
        let mut written = Ok(());
        let chunk = object(|o| {
            o.text("id", &id);
            o.text("model", &self.model);
            o.list("choices", |l| {
                written = match choices.is_empty() {
                    true => text_choice(l, &mut output),
                    false => choices.into_iter().try_for_each(|raw| choice(l, raw)),
                };
            });
            if let Some(usage) = usage {
                o.key("usage").raw(usage.get());
            }
        });
        written?;
        self.chunks.frame(&plain::relabelled(chunk), out)
    }

    fn end(&mut self, out: &mut Vec<Event>) -> bool {
        self.failed || self.chunks.end(out)
    }
}

/// The status that an event's comment tells: `:HTTP_STATUS/400`.
fn status_of(raw: &[u8]) -> Option<u16> {
    let lines = raw.split(|byte| matches!(byte, b'\n' | b'\r'));
    let told = lines.filter_map(|line| line.strip_prefix(b":HTTP_STATUS/")).next()?;
    std::str::from_utf8(told).ok()?.trim().parse().ok()
}

/// Answers in the first format are a text beside the reason of its end.
fn text_choice(l: &mut List<'_>, output: &mut Members<'_>) -> Result<(), WireError> {
    let (text, finish) = (output.text("text")?, output.text("finish_reason")?);
    l.object(|o| {
        o.object("delta", |o| o.opt_text("content", text.as_deref()));
        end(o, finish);
    });
    Ok(())
}

fn choice(l: &mut List<'_>, raw: &RawValue) -> Result<(), WireError> {
    let mut m = Members::of(raw, "output.choices")?;
    let (index, finish) = (m.count("index")?, m.text("finish_reason")?);
    let message = m.object("message")?;
    let logprobs = m.json("logprobs");
    l.object(|o| {
        o.opt_int("index", index);
        o.object("delta", |o| {
            for (name, json) in message.into_iter().flat_map(Members::rest) {
                if name == "content" {
                    let pictures = pictures(json.get());
                    if !pictures.is_empty() {
                        o.list("images", |l| {
                            pictures.iter().for_each(|url| {
                                l.object(|o| o.object("image_url", |o| o.text("url", url)));
                            });
                        });
                    }
                }
                o.json(&name, &json);
            }
        });
        o.opt_json("logprobs", logprobs.as_ref());
        end(o, finish);
    });
    Ok(())
}

/// While an answer goes on, its reason to end is the text "null".
fn end(o: &mut Object<'_>, finish: Option<String>) {
    o.opt_text("finish_reason", finish.as_deref().filter(|word| *word != "null"));
}

/// Pictures among the parts of a content.
fn pictures(content: &str) -> Vec<String> {
    let Ok(raw) = serde_json::from_str::<&RawValue>(content) else { return Vec::new() };
    let parts = list_of(raw).unwrap_or_default();
    let urls = parts.into_iter().filter_map(|raw| Members::of(raw, "content").ok()?.take("image"));
    urls.filter_map(text_of).collect()
}

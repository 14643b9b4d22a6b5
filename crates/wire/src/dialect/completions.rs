//! OpenAI's older text endpoints, completions and edits, for vendors that only chat: the prompt becomes one
//! user message, the answer's text a choice. Vendors that still have them get the caller's own bytes instead.

use super::openai_chat::{word_of, write_usage};
use crate::WireError;
use crate::chat::{ChatReply, ChatRequest, Choice, Dialect, Event, Message, Part, Role, Sampling, Stop};
use crate::codec::{Echo, EventWriter, FaceCodec};
use crate::fault::write_fault_event;
use crate::json::{Members, Object, list_of, object, text_of};
use magic_domain::endpoint::Endpoint;
use magic_domain::fault::{Code, Fault};
use magic_domain::usage::Usage;

/// What a completion has at most where the caller sets no limit: OpenAI's documented default.
const MAX_TOKENS: u64 = 16;

/// `POST /v1/completions`.
pub struct Completions;

/// `POST /v1/edits`.
pub struct Edits;

impl FaceCodec for Completions {
    fn read_request(&self, body: &[u8], _model: Option<&str>) -> Result<ChatRequest, WireError> {
        let mut m = Members::of_body(body)?;
        let prompt = prompt(&mut m)?;
        let mut chat = ChatRequest {
            model: m.text("model")?.unwrap_or_default(),
            origin: Some(Dialect::OpenAiChat),
            messages: vec![Message::text(Role::User, prompt)],
            stream: m.flag("stream")?.unwrap_or(false),
            ..ChatRequest::default()
        };
        let refused =
            |name: &str| Err(WireError::at(format!("{name} is not possible with a chat model"), name));
        if m.text("suffix")?.is_some_and(|suffix| !suffix.is_empty()) {
            return refused("suffix");
        }
        if m.flag("echo")? == Some(true) {
            return refused("echo");
        }
        if m.count("best_of")?.is_some_and(|best| best > 1) {
            return refused("best_of");
        }
        let top = m.count("logprobs")?;
        let (max, newer) = (m.count("max_tokens")?, m.count("max_completion_tokens")?);
        chat.sampling = Sampling {
            max_output: Some(max.or(newer).unwrap_or(MAX_TOKENS)),
            logprobs: top.map(|_| true),
            top_logprobs: top.filter(|top| *top > 0),
            ..sampling(&mut m)?
        };
        finish(chat, m)
    }

    fn write_reply(&self, reply: &ChatReply, echo: &Echo) -> String {
        object(|o| {
            head(o, &reply.id, &reply.model, reply.created, echo);
            o.list("choices", |l| {
                for (index, choice) in reply.choices.iter().enumerate() {
                    l.object(|o| said(o, index as i64, &text_of_choice(choice), Some(choice.stop)));
                }
            });
            if let Some(usage) = &reply.usage {
                o.object("usage", |o| write_usage(o, usage));
            }
        })
    }

    fn writer(&self, echo: Echo) -> Box<dyn EventWriter> {
        Box::new(Writer {
            echo,
            id: String::new(),
            model: String::new(),
            created: 0,
            usage: None,
            failed: false,
        })
    }
}

impl FaceCodec for Edits {
    fn read_request(&self, body: &[u8], _model: Option<&str>) -> Result<ChatRequest, WireError> {
        let mut m = Members::of_body(body)?;
        let instruction = m
            .text("instruction")?
            .filter(|text| !text.is_empty())
            .ok_or_else(|| WireError::at("instruction is missing", "instruction"))?;
        let input = m.text("input")?.unwrap_or_default();
        let task = "Change the text as the instruction says. Answer with the changed text and nothing else.";
        let mut chat = ChatRequest {
            model: m.text("model")?.unwrap_or_default(),
            origin: Some(Dialect::OpenAiChat),
            messages: vec![
                Message::text(Role::System, task),
                Message::text(Role::User, format!("Instruction: {instruction}\n\nText:\n{input}")),
            ],
            ..ChatRequest::default()
        };
        chat.stream = m.flag("stream")?.unwrap_or(false);
        chat.sampling = sampling(&mut m)?;
        chat.sampling.max_output = m.count("max_completion_tokens")?.or(m.count("max_tokens")?);
        finish(chat, m)
    }

    fn write_reply(&self, reply: &ChatReply, echo: &Echo) -> String {
        object(|o| {
            o.text("object", "edit");
            o.int("created", if reply.created > 0 { reply.created } else { echo.created });
            o.list("choices", |l| {
                for (index, choice) in reply.choices.iter().enumerate() {
                    l.object(|o| {
                        o.text("text", &text_of_choice(choice));
                        o.int("index", index as i64);
                    });
                }
            });
            if let Some(usage) = &reply.usage {
                o.object("usage", |o| write_usage(o, usage));
            }
        })
    }

    /// Edits were never streamed: what a caller who asks for it gets is a completion's stream.
    fn writer(&self, echo: Echo) -> Box<dyn EventWriter> {
        Completions.writer(echo)
    }
}

/// What both endpoints read last. What is left is the vendor's, but for members that are written of what was read: a
/// second time in the request, the vendor could take either.
fn finish(mut chat: ChatRequest, mut m: Members<'_>) -> Result<ChatRequest, WireError> {
    for name in ["messages", "top_logprobs"] {
        if m.take(name).is_some() {
            return Err(WireError::at(format!("{name} belongs to /v1/chat/completions"), name));
        }
    }
    if let Some(mut options) = m.object("stream_options")? {
        chat.wants_usage = options.flag("include_usage")?.unwrap_or(false);
    }
    let (user, identifier) = (m.text("user")?, m.text("safety_identifier")?);
    chat.end_user = identifier.or(user);
    chat.extra = m.rest();
    Ok(chat)
}

/// The one prompt. Lists of several are several calls in one, which a chat model does not take.
fn prompt(m: &mut Members<'_>) -> Result<String, WireError> {
    let bad =
        || WireError::at("prompt must be one text: a chat model takes neither lists nor tokens", "prompt");
    let Some(raw) = m.take("prompt") else { return Err(WireError::at("prompt is missing", "prompt")) };
    if let Some(text) = text_of(raw) {
        return Ok(text);
    }
    match list_of(raw).as_deref() {
        Some([only]) => text_of(only).ok_or_else(bad),
        _ => Err(bad()),
    }
}

fn sampling(m: &mut Members<'_>) -> Result<Sampling, WireError> {
    let stop = match m.peek("stop") {
        Some(raw) if raw.get().starts_with('"') => m.text("stop")?.into_iter().collect(),
        _ => m.texts("stop")?,
    };
    Ok(Sampling {
        temperature: m.number("temperature")?,
        top_p: m.number("top_p")?,
        stop,
        seed: m.int("seed")?,
        presence_penalty: m.number("presence_penalty")?,
        frequency_penalty: m.number("frequency_penalty")?,
        n: m.count("n")?,
        logit_bias: m.json("logit_bias"),
        ..Sampling::default()
    })
}

fn text_of_choice(choice: &Choice) -> String {
    choice.parts.iter().filter_map(Part::as_text).collect()
}

fn head(o: &mut Object<'_>, id: &str, model: &str, created: i64, echo: &Echo) {
    let id = if id.is_empty() { echo.request_id.as_str() } else { id };
    let id = ["chatcmpl-", "msg_", "resp_"].iter().find_map(|prefix| id.strip_prefix(prefix)).unwrap_or(id);
    o.text("id", &format!("cmpl-{id}"));
    o.text("object", "text_completion");
    o.int("created", if created > 0 { created } else { echo.created });
    o.text("model", if model.is_empty() { &echo.model } else { model });
}

fn said(o: &mut Object<'_>, index: i64, text: &str, stop: Option<Stop>) {
    o.text("text", text);
    o.int("index", index);
    o.key("logprobs").null();
    match stop {
        // A completion knows no calls.
        Some(Stop::ToolCalls) => o.text("finish_reason", "stop"),
        Some(stop) => o.text("finish_reason", word_of(stop)),
        None => o.key("finish_reason").null(),
    }
}

/// A stream of `text_completion` chunks.
struct Writer {
    echo: Echo,
    id: String,
    model: String,
    created: i64,
    usage: Option<Usage>,
    failed: bool,
}

impl Writer {
    fn chunk(&self, out: &mut Vec<u8>, choices: impl FnOnce(&mut Object<'_>)) {
        let chunk = object(|o| {
            head(o, &self.id, &self.model, self.created, &self.echo);
            choices(o);
        });
        out.extend_from_slice(b"data: ");
        out.extend_from_slice(crate::json::one_line(&chunk).as_bytes());
        out.extend_from_slice(b"\n\n");
    }

    fn choice(&self, out: &mut Vec<u8>, index: u32, text: &str, stop: Option<Stop>) {
        self.chunk(out, |o| {
            o.list("choices", |l| l.object(|o| said(o, index.into(), text, stop)));
        });
    }
}

impl EventWriter for Writer {
    fn event(&mut self, event: &Event, out: &mut Vec<u8>) {
        match event {
            Event::Start { id, model, created, usage } => {
                self.id.clone_from(id);
                self.model.clone_from(model);
                self.created = *created;
                self.usage = *usage;
            }
            Event::Text { choice, text } => self.choice(out, *choice, text, None),
            Event::Stop { choice, stop, .. } => self.choice(out, *choice, "", Some(*stop)),
            Event::Usage(usage) => self.usage = Some(*usage),
            Event::Fault(vendor) => {
                self.failed = true;
                let mut told = Fault::new(Code::UpstreamError, vendor.message.clone());
                told.param.clone_from(&vendor.param);
                let id = &self.echo.request_id;
                let bytes = write_fault_event(Dialect::OpenAiChat, Endpoint::Completions, &told, id);
                out.extend_from_slice(&bytes);
            }
            // Text is all a completion has.
            _ => {}
        }
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        if self.failed {
            return;
        }
        if self.echo.wants_usage
            && let Some(usage) = self.usage
        {
            self.chunk(out, |o| {
                o.list("choices", |_| {});
                o.object("usage", |o| write_usage(o, &usage));
            });
        }
        out.extend_from_slice(b"data: [DONE]\n\n");
    }
}

#[cfg(test)]
mod tests;

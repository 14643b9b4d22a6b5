//! Whole answers: read as the stream they could have been, and the response object that answers and streams
//! end with.

use super::stream_read::Reader;
use super::stream_write::Writer;
use super::{tools, write};
use crate::WireError;
use crate::chat::{ChatReply, ChatRequest, Dialect, Event, Fold, Message, OutputFormat, Role};
use crate::codec::{Echo, EventWriter};
use crate::json::{self, Json, Members, Object};
use magic_domain::usage::{Bucket, Usage};

pub(super) fn read(body: &[u8]) -> Result<ChatReply, WireError> {
    let mut m = Members::of_body(body)?;
    let tier = m.text("service_tier").ok().flatten();
    let mut events = Vec::new();
    let mut reader = Reader::default();
    reader.whole(m, None, &mut events)?;
    let mut fold = Fold::default();
    events.iter().for_each(|event| fold.push(event));
    if let Some(fault) = fold.fault {
        return Err(WireError::new(fault.message));
    }
    let mut reply = fold.finish();
    reply.service_tier = tier;
    Ok(reply)
}

pub(super) fn write(reply: &ChatReply, echo: &Echo) -> String {
    let mut writer = Writer::new(echo.clone());
    let events = reply.events();
    let mut ids = events.iter().filter_map(|event| match event {
        Event::ReasoningEnd { choice: 0, id, .. } => Some(id.clone()),
        _ => None,
    });
    // A stream learns the id of its reasoning at the end, a whole answer has it from the start.
    writer.reasoning_id = ids.next().flatten();
    let mut ignored = Vec::new();
    for event in &events {
        writer.event(event, &mut ignored);
        ignored.clear();
        if matches!(event, Event::ReasoningEnd { choice: 0, .. }) {
            writer.reasoning_id = ids.next().flatten();
        }
    }
    writer.whole(reply.service_tier.as_deref())
}

/// A response object at some moment.
pub(super) struct Snapshot<'a> {
    pub id: &'a str,
    pub created: i64,
    pub model: &'a str,
    pub status: &'a str,
    /// Why the answer is incomplete.
    pub reason: Option<&'a str>,
    /// Code and message.
    pub error: Option<(&'a str, &'a str)>,
    pub output: &'a [String],
    pub usage: Option<&'a Usage>,
    pub tier: Option<&'a str>,
}

impl Snapshot<'_> {
    /// The object, with what it repeats of the request: typed SDKs miss what is not there.
    pub(super) fn write(&self, request: Option<&ChatRequest>) -> String {
        let nothing = ChatRequest::default();
        let chat = request.unwrap_or(&nothing);
        let extra = |name: &str| chat.extra.iter().find(|(key, _)| key == name).map(|(_, json)| json);
        json::object(|o| {
            o.text("id", self.id);
            o.text("object", "response");
            o.int("created_at", self.created);
            o.text("status", self.status);
            o.flag("background", false);
            match self.error {
                Some((code, message)) => o.object("error", |o| {
                    o.text("code", code);
                    o.text("message", message);
                }),
                None => o.key("error").null(),
            }
            match self.reason {
                Some(reason) => o.object("incomplete_details", |o| o.text("reason", reason)),
                None => o.key("incomplete_details").null(),
            }
            or_null(o, "instructions", instructions(chat));
            match chat.sampling.max_output {
                Some(limit) => o.int("max_output_tokens", limit),
                None => o.key("max_output_tokens").null(),
            }
            json_or(o, "max_tool_calls", extra("max_tool_calls"), "null");
            o.text("model", self.model);
            o.list("output", |l| super::history::raw_items(self.output, l));
            o.flag("parallel_tool_calls", chat.parallel_tools.unwrap_or(true));
            or_null(o, "previous_response_id", chat.previous_response.as_deref());
            or_null(o, "prompt_cache_key", chat.cache_key.as_deref());
            reasoning(o, chat, extra("reasoning"));
            or_null(o, "service_tier", self.tier.or(chat.service_tier.as_deref()));
            o.flag("store", chat.store.unwrap_or(true));
            number_or_null(o, "temperature", chat.sampling.temperature);
            match extra("text") {
                Some(json) => o.json("text", json),
                None => o.object("text", |o| {
                    o.object("format", |o| format(&chat.output, o));
                    o.opt_text("verbosity", chat.verbosity.as_deref());
                }),
            }
            match &chat.tool_choice {
                Some(choice) => tools::write_choice(chat, choice, o.key("tool_choice")),
                None => json_or(o, "tool_choice", extra("tool_choice"), "\"auto\""),
            }
            o.list("tools", |l| tools::write(chat, l));
            o.int("top_logprobs", chat.sampling.top_logprobs.unwrap_or(0));
            number_or_null(o, "top_p", chat.sampling.top_p);
            json_or(o, "truncation", extra("truncation"), "\"disabled\"");
            match self.usage {
                Some(usage) => o.object("usage", |o| write_usage(usage, o)),
                None => o.key("usage").null(),
            }
            or_null(o, "user", chat.end_user.as_deref());
            json_or(o, "metadata", chat.metadata.as_ref(), "{}");
        })
    }
}

/// The system prompt, where the caller gave one as such.
fn instructions(chat: &ChatRequest) -> Option<&str> {
    let own = chat.origin == Some(Dialect::OpenAiResponses);
    let first: Option<&Message> = chat.messages.first().filter(|message| own && message.role == Role::System);
    first.and_then(super::history::plain)
}

fn reasoning(o: &mut Object<'_>, chat: &ChatRequest, given: Option<&Json>) {
    if let Some(json) = given {
        return o.json("reasoning", json);
    }
    let ask = chat.reasoning.as_ref();
    o.object("reasoning", |o| {
        or_null(o, "effort", ask.and_then(|ask| ask.effort).map(|effort| effort.name()));
        or_null(o, "summary", ask.and_then(|ask| ask.show).filter(|show| *show).map(|_| "auto"));
    });
}

fn format(output: &OutputFormat, o: &mut Object<'_>) {
    write::format(output, o);
    // Generated SDKs have these two in the class even where a caller left them out.
    if let OutputFormat::Schema { description, strict, .. } = output {
        if description.is_none() {
            o.key("description").null();
        }
        if strict.is_none() {
            o.key("strict").null();
        }
    }
}

fn or_null(o: &mut Object<'_>, name: &str, text: Option<&str>) {
    match text {
        Some(text) => o.text(name, text),
        None => o.key(name).null(),
    }
}

fn number_or_null(o: &mut Object<'_>, name: &str, value: Option<f64>) {
    match value {
        Some(value) => write::number(o, name, value),
        None => o.key(name).null(),
    }
}

fn json_or(o: &mut Object<'_>, name: &str, json: Option<&Json>, other: &str) {
    o.key(name).raw(json.map_or(other, Json::get));
}

/// The inverse of [`crate::usage::read`]: cached tokens are part of the input, reasoning is part of the output.
fn write_usage(usage: &Usage, o: &mut Object<'_>) {
    let some = |o: &mut Object<'_>, name: &str, bucket: Bucket| {
        if usage.get(bucket) > 0 {
            o.int(name, usage.get(bucket));
        }
    };
    let (input, output) = (usage.input_total(), usage.output_total());
    o.int("input_tokens", input);
    o.object("input_tokens_details", |o| {
        o.int("cached_tokens", usage.get(Bucket::CacheRead));
        let written = usage.get(Bucket::CacheWrite5m).saturating_add(usage.get(Bucket::CacheWrite1h));
        o.int("cache_write_tokens", written);
        some(o, "audio_tokens", Bucket::AudioIn);
        some(o, "image_tokens", Bucket::ImageIn);
    });
    o.int("output_tokens", output);
    o.object("output_tokens_details", |o| {
        o.int("reasoning_tokens", usage.get(Bucket::Reasoning));
        some(o, "audio_tokens", Bucket::AudioOut);
        some(o, "image_tokens", Bucket::ImageOut);
    });
    o.int("total_tokens", input.saturating_add(output));
}

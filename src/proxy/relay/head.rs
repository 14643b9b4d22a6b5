//! `upstream_response_filter`: the head of an answer, and what is made of its body.

use super::super::answer;
use super::super::array::{self, Array};
use super::super::context::{Call, Ctx, Hold, Reply};
use super::super::prompt;
use super::super::raw;
use super::super::recode::{Coded, Shape};
use super::super::seats;
use super::super::verdict;
use magic_domain::endpoint::Endpoint;
use magic_domain::health::Outcome;
use magic_domain::ids::RequestId;
use magic_domain::usage::Usage;
use magic_wire::chat::Dialect;
use magic_wire::codec::{Asked, Echo};
use magic_wire::dialect::tgi;
use magic_wire::frame::Framing;
use magic_wire::reply::{JsonReply, StreamOptions, StreamReply};
use magic_wire::vendors::Host;
use pingora_error::Result;
use pingora_http::ResponseHeader;

/// Headers of the vendor that mean something to the caller (SR-26).
const PASSED: &[&str] = &[
    "content-type",
    "content-disposition",
    "content-language",
    "cache-control",
    "openai-version",
    "openai-processing-ms",
    "openai-model",
];

/// Looks at the head of an answer and decides what is made of its body.
pub fn head(ctx: &mut Ctx, head: &mut ResponseHeader) -> Result<()> {
    let id = ctx.id;
    let elapsed = ctx.elapsed_ms();
    // The management service answers.
    let Some(call) = ctx.call.as_deref_mut() else { return answer::identify(head, &id) };
    let status = head.status.as_u16();
    if head.status.is_informational() {
        if call.realtime.is_some() && status == 101 {
            call.status = status;
            verdict::conclude(ctx, status, "", Outcome::Success);
        }
        return Ok(());
    }
    if call.raw.is_some() {
        call.status = status;
        call.timings.connected.get_or_insert(elapsed);
        call.reply = Reply::Opaque { bytes: 0 };
        return raw::answered(head, &id);
    }
    let content_type = head.headers.get("content-type").and_then(|value| value.to_str().ok()).unwrap_or("");
    let sse = content_type.trim_start().to_ascii_lowercase().starts_with("text/event-stream");
    let textual =
        content_type.is_empty() || content_type.contains("json") || content_type.starts_with("text/");
    if status >= 400 {
        let retry_after =
            head.headers.get("retry-after").and_then(|v| v.to_str().ok()).and_then(|v| v.trim().parse().ok());
        let kind = head.headers.get("x-amzn-errortype").and_then(|value| value.to_str().ok());
        let kind = kind.map(|kind| kind.split(':').next().unwrap_or(kind).to_owned());
        call.reply = Reply::Error { status, retry_after, kind, body: Vec::new() };
        call.replay.swallow();
        return Ok(());
    }
    let framed = sse || is_framed(content_type);
    call.reply = if let Some(coded) = coded(call, framed, &id) {
        if call.stream {
            call.array = call.wants_array.then(Array::new);
            call.replay.keep_alive(if call.wants_array { array::PING } else { ping(call.face) });
        }
        Reply::Coded(Box::new(coded))
    } else if call.current.as_ref().is_some_and(|current| !current.passes) {
        Reply::Aside { body: Vec::new() }
    } else if sse {
        call.replay.keep_alive(ping(call.face));
        let options = StreamOptions { strip_usage: call.ask_usage, ..StreamOptions::default() };
        Reply::Stream(Box::new(StreamReply::new(call.endpoint, options)))
    } else if textual && call.endpoint != Endpoint::Speech {
        Reply::Hold(Box::new(Hold {
            meter: JsonReply::new(call.endpoint),
            chunks: Vec::new(),
            held: 0,
            released: false,
            json: !content_type.starts_with("text/"),
        }))
    } else {
        Reply::Opaque { bytes: 0 }
    };
    call.status = status;
    call.told = told_usage(head);
    if let Reply::Coded(coded) = &mut call.reply {
        coded.told = call.told;
    }
    call.timings.connected.get_or_insert(elapsed);
    let mut fresh = ResponseHeader::build_no_case(status, Some(16))?;
    fresh.set_version(head.version);
    for name in PASSED {
        if let Some(value) = head.headers.get(*name) {
            fresh.insert_header(*name, value.clone())?;
        }
    }
    let sse = match &call.reply {
        Reply::Coded(coded) => {
            let events = call.stream && !call.wants_array;
            fresh.insert_header(
                "content-type",
                if events { "text/event-stream" } else { "application/json" },
            )?;
            coded.streams()
        }
        Reply::Aside { .. } => {
            fresh.insert_header("content-type", "application/json")?;
            false
        }
        _ => sse,
    };
    if sse {
        fresh.insert_header("cache-control", "no-cache")?;
        fresh.insert_header("x-accel-buffering", "no")?;
    }
    answer::identify(&mut fresh, &id)?;
    fresh.insert_header("access-control-allow-origin", "*")?;
    seats::tell(&call.ticket.told, &mut fresh)?;
    if call.admin
        && let Some(current) = &call.current
    {
        fresh.insert_header("x-magic-channel", current.channel.id.to_string())?;
        fresh.insert_header("x-magic-attempts", call.tries.to_string())?;
        if !call.ticket.opening.prompt.is_empty() {
            fresh.insert_header(prompt::HEADER, call.ticket.opening.prompt.as_str())?;
        }
    }
    if let Some(warning) = call.current.as_ref().and_then(|current| current.lost.header()) {
        fresh.insert_header("x-magic-warning", warning)?;
    }
    *head = fresh;
    Ok(())
}

/// Usage in the head: TGI's and Bedrock's names for it.
fn told_usage(head: &ResponseHeader) -> Option<Usage> {
    let value = |name: &str| head.headers.get(name)?.to_str().ok();
    let pair = |input: &str, output: &str| tgi::counted(value(input)?, value(output).unwrap_or("0"));
    pair("x-prompt-tokens", "x-generated-tokens")
        .or_else(|| pair("x-amzn-bedrock-input-token-count", "x-amzn-bedrock-output-token-count"))
}

/// Streams that are no server-sent events: JSON lines, AWS's frames.
fn is_framed(content_type: &str) -> bool {
    ["application/x-ndjson", "application/vnd.amazon.eventstream"]
        .iter()
        .any(|kind| content_type.trim_start().to_ascii_lowercase().starts_with(kind))
}

/// What keeps a waiting caller's connection open, in their dialect (vendors' table §0.4).
fn ping(face: Dialect) -> &'static [u8] {
    match face {
        Dialect::Anthropic => b"event: ping\ndata: {\"type\":\"ping\"}\n\n",
        Dialect::Gemini => b": ping\r\n\r\n",
        _ => b": ping\n\n",
    }
}

/// The follower of an answer that OpenAI's own ones are no good for.
fn coded(call: &Call, vendor_streams: bool, id: &RequestId) -> Option<Coded> {
    let current = call.current.as_ref()?;
    let openai = |dialect| matches!(dialect, Dialect::OpenAiChat | Dialect::OpenAiResponses);
    let outbound = current.outbound;
    if !matches!(outbound.endpoint, Endpoint::Chat | Endpoint::Responses)
        || (current.passes && openai(call.face))
    {
        return None;
    }
    let shape = Shape {
        from: outbound.dialect,
        to: call.face,
        endpoint: call.endpoint,
        framing: (outbound.host == Host::Bedrock).then_some(Framing::EventStream),
        passes: current.passes,
        vendor_streams,
        caller_streams: call.stream,
    };
    let echo = Echo {
        model: call.model.clone(),
        request_id: id.to_string(),
        created: call.ticket.opening.at_ms / 1000,
        wants_usage: call.peek.as_ref().is_some_and(|peek| peek.include_usage == Some(true)),
        request: call.chat.clone(),
    };
    let asked = Asked { model: current.upstream_model.clone(), request: call.chat.clone() };
    Coded::new(&shape, asked, echo)
}

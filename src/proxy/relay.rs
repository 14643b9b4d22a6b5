//! `upstream_response_filter` and `upstream_response_body_filter`: the vendor's answer on its way to the
//! caller. Same dialect on both sides: bytes pass as they are, usage is read as they pass.

use super::context::{Call, Ctx, Hold, Reply};
use super::recode::{Coded, Shape};
use super::replay::Late;
use super::settle;
use super::verdict::{self, VENDOR_ERROR};
use bytes::{Bytes, BytesMut};
use futures::FutureExt;
use magic_domain::endpoint::Endpoint;
use magic_domain::health::Outcome;
use magic_domain::ids::RequestId;
use magic_domain::money::Nano;
use magic_domain::usage::Mark;
use magic_wire::chat::Dialect;
use magic_wire::codec::{Asked, Echo};
use magic_wire::fault::{VendorFault, read_fault, write_fault_event};
use magic_wire::reply::{JsonReply, StreamOptions, StreamReply};
use pingora_error::{Error, Result};
use pingora_http::ResponseHeader;

/// Answers up to this size are held until they are whole.
const HOLD_MAX: usize = 2 << 20;
/// An error's body is read this far.
const ERROR_MAX: usize = 64 << 10;
/// Content events between two checkpoints (reliability rule, "gateway crash").
const CHECK_EVERY: u64 = 64;

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
    let Some(call) = ctx.call.as_deref_mut() else { return Ok(()) };
    let status = head.status.as_u16();
    if head.status.is_informational() {
        if call.realtime.is_some() && status == 101 {
            call.status = status;
            verdict::conclude(ctx, status, "", Outcome::Success);
        }
        return Ok(());
    }
    let content_type = head.headers.get("content-type").and_then(|value| value.to_str().ok()).unwrap_or("");
    let sse = content_type.trim_start().to_ascii_lowercase().starts_with("text/event-stream");
    let textual =
        content_type.is_empty() || content_type.contains("json") || content_type.starts_with("text/");
    if status >= 400 {
        let retry_after =
            head.headers.get("retry-after").and_then(|v| v.to_str().ok()).and_then(|v| v.trim().parse().ok());
        call.reply = Reply::Error { status, retry_after, body: Vec::new() };
        call.replay.swallow();
        return Ok(());
    }
    call.reply = if let Some(coded) = coded(call, sse, &id) {
        if call.stream {
            call.replay.keep_alive(ping(call.face));
        }
        Reply::Coded(Box::new(coded))
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
    call.timings.connected.get_or_insert(elapsed);
    let mut fresh = ResponseHeader::build_no_case(status, Some(10))?;
    fresh.set_version(head.version);
    for name in PASSED {
        if let Some(value) = head.headers.get(*name) {
            fresh.insert_header(*name, value.clone())?;
        }
    }
    let sse = match &call.reply {
        Reply::Coded(coded) => {
            let kind = if call.stream { "text/event-stream" } else { "application/json" };
            fresh.insert_header("content-type", kind)?;
            coded.streams()
        }
        _ => sse,
    };
    if sse {
        fresh.insert_header("cache-control", "no-cache")?;
        fresh.insert_header("x-accel-buffering", "no")?;
    }
    let id = id.to_string();
    fresh.insert_header("x-request-id", id.as_str())?;
    fresh.insert_header("x-oneapi-request-id", id.as_str())?;
    fresh.insert_header("access-control-allow-origin", "*")?;
    if call.admin
        && let Some(current) = &call.current
    {
        fresh.insert_header("x-magic-channel", current.channel.id.to_string())?;
        fresh.insert_header("x-magic-attempts", call.tries.to_string())?;
    }
    if let Some(warning) = call.current.as_ref().and_then(|current| current.lost.header()) {
        fresh.insert_header("x-magic-warning", warning)?;
    }
    *head = fresh;
    Ok(())
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
    if !matches!(call.endpoint, Endpoint::Chat | Endpoint::Responses)
        || (current.dialect == call.face && openai(call.face))
    {
        return None;
    }
    let shape = Shape { from: current.dialect, to: call.face, vendor_streams, caller_streams: call.stream };
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

/// A piece of the body. `end` is set with the last one.
pub fn body(ctx: &mut Ctx, data: &mut Option<Bytes>, end: bool) -> Result<()> {
    let elapsed = ctx.elapsed_ms();
    let Some(call) = ctx.call.as_deref_mut() else { return Ok(()) };
    if data.as_ref().is_some_and(|data| !data.is_empty()) {
        call.timings.first_byte.get_or_insert(elapsed);
    }
    if !call.left && call.replay.gone() {
        settle::collect_text(call);
        call.left = true;
    }
    match &mut call.reply {
        Reply::Error { .. } => error(ctx, data, end),
        Reply::Hold(_) => hold(ctx, data, end, elapsed),
        Reply::Stream(_) => stream(ctx, data, end, elapsed),
        Reply::Coded(_) => recoded(ctx, data, end, elapsed),
        Reply::Opaque { bytes } => {
            *bytes += data.as_ref().map_or(0, |data| data.len() as u64);
            if end {
                finish_unreported(ctx, elapsed, Mark::Estimated);
                conclude_success(ctx);
            }
            Ok(())
        }
        Reply::Waiting | Reply::Done => Ok(()),
    }
}

fn error(ctx: &mut Ctx, data: &mut Option<Bytes>, end: bool) -> Result<()> {
    let Some(call) = ctx.call.as_deref_mut() else { return Ok(()) };
    let Reply::Error { status, retry_after, body } = &mut call.reply else { return Ok(()) };
    if let Some(data) = data.take() {
        let room = ERROR_MAX - body.len().min(ERROR_MAX);
        body.extend_from_slice(&data[..data.len().min(room)]);
    }
    if !end && body.len() < ERROR_MAX {
        return Ok(());
    }
    let (status, retry_after) = (*status, *retry_after);
    let fault = read_fault(status, body);
    Err(raise(ctx, status, fault, retry_after))
}

/// Turns a vendor's error into Pingora's, which leads to the next channel or to the caller.
pub fn raise(ctx: &mut Ctx, status: u16, fault: VendorFault, retry_after: Option<u64>) -> Box<Error> {
    let ruling = verdict::vendor_error(ctx, status, fault, retry_after);
    let mut error = Error::explain(VENDOR_ERROR, format!("the vendor answered {status}"));
    error.as_up();
    error.set_retry(ruling.retry);
    error
}

/// An answer with a status of an error and no body at all.
pub fn empty_error(ctx: &mut Ctx) -> Option<Box<Error>> {
    let call = ctx.call.as_deref()?;
    match &call.reply {
        Reply::Error { status, retry_after, body } => {
            let (status, retry_after) = (*status, *retry_after);
            let fault = read_fault(status, body);
            Some(raise(ctx, status, fault, retry_after))
        }
        _ => None,
    }
}

fn hold(ctx: &mut Ctx, data: &mut Option<Bytes>, end: bool, elapsed: u64) -> Result<()> {
    let Some(call) = ctx.call.as_deref_mut() else { return Ok(()) };
    let Reply::Hold(held) = &mut call.reply else { return Ok(()) };
    if call.stream && held.held == 0 && data.as_ref().is_some_and(|chunk| is_events(chunk)) {
        // A stream under another name.
        let options = StreamOptions { strip_usage: call.ask_usage, ..StreamOptions::default() };
        call.reply = Reply::Stream(Box::new(StreamReply::new(call.endpoint, options)));
        call.replay.late_header("content-type", "text/event-stream".to_owned());
        return stream(ctx, data, end, elapsed);
    }
    if let Some(chunk) = data.take().filter(|chunk| !chunk.is_empty()) {
        if held.json {
            held.meter.push(&chunk);
        } else if !call.left {
            let text = String::from_utf8_lossy(&chunk);
            let room = (64usize << 10).saturating_sub(call.text.len());
            if text.len() <= room {
                call.text.push_str(&text);
            } else {
                call.text_overflow += text.len() as u64;
            }
        }
        held.held += chunk.len();
        if held.released {
            *data = Some(chunk);
        } else {
            held.chunks.push(chunk);
            if held.held > HOLD_MAX {
                held.released = true;
                *data = Some(join(std::mem::take(&mut held.chunks)));
            }
        }
    }
    if !end {
        return Ok(());
    }
    let Reply::Hold(held) = std::mem::replace(&mut call.reply, Reply::Done) else { return Ok(()) };
    let Hold { meter, chunks, released, json, .. } = *held;
    let outcome = meter.finish();
    if let Some(fault) = outcome.error.filter(|_| json && !released) {
        // 200 with an error in it: nothing was delivered.
        let status = fault.class.status();
        return Err(raise(ctx, status, fault, None));
    }
    if json && outcome.broken && !released {
        let mut error = Error::explain(VENDOR_ERROR, "the vendor's answer is cut off or no JSON");
        error.as_up();
        return Err(error);
    }
    let reported = outcome.usage.or_else(|| unit_priced(call).then(Default::default));
    let want_header = !released;
    match reported {
        Some(usage) => {
            let cost = settle::reported(call, &ctx.gateway, usage, outcome.images, elapsed);
            if want_header {
                call.replay.late_header("x-magic-cost-usd", cost.usd().to_string());
            }
            wait_for_disk(call, &ctx.gateway);
        }
        None => finish_unreported(ctx, elapsed, Mark::Estimated),
    }
    let Some(call) = ctx.call.as_deref_mut() else { return Ok(()) };
    if !released {
        let whole = join(chunks);
        call.replay.known_length(whole.len());
        *data = Some(whole);
    }
    conclude_success(ctx);
    Ok(())
}

fn is_events(chunk: &[u8]) -> bool {
    [&b"data:"[..], b"event:", b": "].iter().any(|start| chunk.starts_with(start))
}

/// Endpoints whose price does not depend on a report.
fn unit_priced(call: &Call) -> bool {
    matches!(
        call.endpoint,
        Endpoint::Speech
            | Endpoint::ImageGenerations
            | Endpoint::ImageEdits
            | Endpoint::ImageVariations
            | Endpoint::Moderations
    )
}

fn stream(ctx: &mut Ctx, data: &mut Option<Bytes>, end: bool, elapsed: u64) -> Result<()> {
    let Some(call) = ctx.call.as_deref_mut() else { return Ok(()) };
    let Reply::Stream(stream) = &mut call.reply else { return Ok(()) };
    let mut out: Vec<Bytes> = Vec::new();
    let before = stream.state().events;
    if let Some(chunk) = data.take().filter(|chunk| !chunk.is_empty())
        && let Err(error) = stream.push(chunk, &mut out)
    {
        log::warn!("request {}: the vendor's stream can't be read: {}", ctx.id, error.message);
        let mut error = Error::explain(VENDOR_ERROR, "the vendor's stream can't be read");
        error.as_up();
        return Err(error);
    }
    if end {
        stream.finish(&mut out);
    }
    let state = stream.state();
    call.unchecked += state.events - before;
    let (terminal, content, usage) = (state.terminal, state.content, state.usage);
    let failed = state.fault.clone();
    if let Some(fault) = failed
        && !content
        && !call.replay.committed()
    {
        let status = fault.class.status();
        return Err(raise(ctx, status, fault, None));
    }
    let faulty = state.fault.is_some();
    if faulty && !content {
        settle::void(call, &ctx.gateway, "upstream_error", elapsed);
    } else if (terminal || end) && !call.ticket.settled() && !call.settling {
        let truncated = end && !terminal && !faulty;
        match usage {
            Some(usage) => {
                settle::reported(call, &ctx.gateway, usage, 0, elapsed);
            }
            None if truncated && !content => settle::void(call, &ctx.gateway, "upstream_error", elapsed),
            None => {
                let (mark, why) = match truncated || faulty || call.left {
                    true => {
                        (Mark::EstimatedPartial, if call.left { "client_gone" } else { "upstream_error" })
                    }
                    false => (Mark::Estimated, ""),
                };
                let work = settle::estimate(call, &ctx.gateway, mark, why, elapsed);
                call.replay.before_next(work.map(|_: Nano| Late::new()).boxed());
            }
        }
        if truncated {
            let fault = magic_domain::fault::Fault::new(
                magic_domain::fault::Code::UpstreamError,
                "the vendor's stream broke off",
            );
            out.push(write_fault_event(call.face, call.endpoint, &fault, &ctx.id.to_string()));
        }
        wait_for_disk(call, &ctx.gateway);
    } else if call.unchecked >= CHECK_EVERY {
        call.unchecked = 0;
        settle::checkpoint(call, elapsed);
    }
    if !out.is_empty() {
        *data = Some(join(out));
    }
    if terminal || end {
        let outcome = if faulty || !terminal { Outcome::Failure } else { Outcome::Success };
        let why = if outcome == Outcome::Success { "" } else { "the stream broke off" };
        let status = ctx.call.as_deref().map_or(0, |call| call.status);
        verdict::conclude(ctx, status, why, outcome);
    }
    Ok(())
}

/// [`stream`] and [`hold`] for answers that pass through a codec.
fn recoded(ctx: &mut Ctx, data: &mut Option<Bytes>, end: bool, elapsed: u64) -> Result<()> {
    let Some(call) = ctx.call.as_deref_mut() else { return Ok(()) };
    let Reply::Coded(coded) = &mut call.reply else { return Ok(()) };
    let before = coded.events;
    let pushed = match data.take().filter(|chunk| !chunk.is_empty()) {
        Some(chunk) => coded.push(chunk),
        None => Ok(Vec::new()),
    };
    let finished = pushed.and_then(|mut out| {
        if end {
            out.append(&mut coded.finish()?);
        }
        Ok(out)
    });
    let mut out = match finished {
        Ok(out) => out,
        Err(error) => {
            log::warn!("request {}: the vendor's answer can't be read: {}", ctx.id, error.message);
            let mut error = Error::explain(VENDOR_ERROR, "the vendor's answer can't be read");
            error.as_up();
            return Err(error);
        }
    };
    call.unchecked += coded.events - before;
    let (content, usage, whole, streams) = (coded.content, coded.usage, coded.whole, coded.streams());
    let fault = coded.fault.clone();
    let faulty = fault.is_some();
    if let Some(fault) = fault
        && (!content || !streams)
        && !call.replay.committed()
    {
        let status = fault.class.status();
        return Err(raise(ctx, status, fault, None));
    }
    if end && !whole && !faulty && !streams {
        let mut error = Error::explain(VENDOR_ERROR, "the vendor's answer is cut off");
        error.as_up();
        return Err(error);
    }
    if faulty && !content {
        settle::void(call, &ctx.gateway, "upstream_error", elapsed);
    } else if end && !call.ticket.settled() && !call.settling {
        let truncated = !whole && !faulty;
        match usage {
            // What an interrupted stream reported may be its beginning only: the interrupted-stream rule
            // bills what was delivered.
            Some(usage) if whole && !faulty => {
                let cost = settle::reported(call, &ctx.gateway, usage, 0, elapsed);
                if !streams {
                    call.replay.late_header("x-magic-cost-usd", cost.usd().to_string());
                }
            }
            _ if truncated && !content => settle::void(call, &ctx.gateway, "upstream_error", elapsed),
            _ => {
                let cut = truncated || faulty || call.left;
                let mark = if cut { Mark::EstimatedPartial } else { Mark::Estimated };
                let why = match cut {
                    true if call.left => "client_gone",
                    true => "upstream_error",
                    false => "",
                };
                let work = settle::estimate(call, &ctx.gateway, mark, why, elapsed);
                call.replay.before_next(work.map(|_: Nano| Late::new()).boxed());
            }
        }
        if truncated {
            let fault = magic_domain::fault::Fault::new(
                magic_domain::fault::Code::UpstreamError,
                "the vendor's stream broke off",
            );
            let event = write_fault_event(call.face, call.endpoint, &fault, &ctx.id.to_string());
            out.extend_from_slice(&event);
        }
        wait_for_disk(call, &ctx.gateway);
    } else if call.unchecked >= CHECK_EVERY {
        call.unchecked = 0;
        settle::checkpoint(call, elapsed);
    }
    if end && !streams {
        call.replay.known_length(out.len());
    }
    if !out.is_empty() {
        *data = Some(Bytes::from(out));
    }
    if end {
        let outcome = if faulty || !whole { Outcome::Failure } else { Outcome::Success };
        let why = if outcome == Outcome::Success { "" } else { "the stream broke off" };
        let status = ctx.call.as_deref().map_or(0, |call| call.status);
        verdict::conclude(ctx, status, why, outcome);
    }
    Ok(())
}

/// Settles an answer without a report by our own count, before its last bytes leave.
fn finish_unreported(ctx: &mut Ctx, elapsed: u64, mark: Mark) {
    let gateway = ctx.gateway.clone();
    let Some(call) = ctx.call.as_deref_mut() else { return };
    if call.ticket.settled() || call.settling {
        return;
    }
    if unit_priced(call) {
        settle::reported(call, &gateway, Default::default(), 0, elapsed);
        return wait_for_disk(call, &gateway);
    }
    let work = settle::estimate(call, &gateway, mark, "", elapsed);
    call.replay
        .before_next(work.map(|cost: Nano| vec![("x-magic-cost-usd", cost.usd().to_string())]).boxed());
}

/// `[ledger] durability = "fsync"`: the last bytes wait until the closing is on the disk.
fn wait_for_disk(call: &Call, gateway: &crate::gateway::Gateway) {
    if !gateway.tuning.load().fsync {
        return;
    }
    let journal = call.ticket.books().journal().clone();
    call.replay.before_next(
        async move {
            let position = journal.position();
            let _ = tokio::task::spawn_blocking(move || journal.wait_durable(position)).await;
            Late::new()
        }
        .boxed(),
    );
}

fn conclude_success(ctx: &mut Ctx) {
    let status = ctx.call.as_deref().map_or(0, |call| call.status);
    verdict::conclude(ctx, status, "", Outcome::Success);
}

/// One piece of many; a single one is passed as it is.
fn join(mut pieces: Vec<Bytes>) -> Bytes {
    if pieces.len() == 1
        && let Some(only) = pieces.pop()
    {
        return only;
    }
    let mut whole = BytesMut::with_capacity(pieces.iter().map(Bytes::len).sum());
    for piece in pieces {
        whole.extend_from_slice(&piece);
    }
    whole.freeze()
}

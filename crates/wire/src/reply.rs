//! Following a vendor's answer: bytes pass as they are, usage and errors are read as they pass. Memory per
//! answer is bounded whatever its length.

mod chunk;

use crate::WireError;
use crate::fault::{VendorFault, read_value};
use crate::frame::{Caps, Frame, Sse};
use crate::scan::Scan;
use crate::usage;
use bytes::Bytes;
use magic_domain::endpoint::Endpoint;
use magic_domain::usage::{Bucket, Usage};
use serde_json::Value;

/// Values of a JSON answer longer than this are not looked at: none that matters is.
const CAPTURE: usize = 64 << 10;
/// Text kept for a local count of tokens.
const TEXT_MAX: usize = 64 << 10;

/// Follows an answer in one JSON object.
pub struct JsonReply {
    endpoint: Endpoint,
    scan: Scan<'static>,
    /// The scanner gave up: stricter than a reader of answers needs to be.
    odd: bool,
    /// The first byte that is no white space.
    first: Option<u8>,
}

/// What a JSON answer said.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct JsonOutcome {
    pub usage: Option<Usage>,
    pub error: Option<VendorFault>,
    /// Pictures in it.
    pub images: u64,
    pub id: Option<String>,
    /// It is no whole JSON object.
    pub broken: bool,
}

const MEMBERS: &[&str] =
    &["usage", "error", "data", "id", "meta", "duration", "base_resp", "code", "message", "choices"];

impl JsonReply {
    pub fn new(endpoint: Endpoint) -> Self {
        Self {
            endpoint,
            scan: Scan::new(MEMBERS, CAPTURE).without(&["choices", "data"]),
            odd: false,
            first: None,
        }
    }

    pub fn push(&mut self, bytes: &[u8]) {
        if self.first.is_none() {
            self.first = bytes.iter().copied().find(|byte| !byte.is_ascii_whitespace());
        }
        if !self.odd && self.scan.push(bytes).is_err() {
            self.odd = true;
        }
    }

    pub fn finish(self) -> JsonOutcome {
        let value = |name: &str| -> Option<Value> {
            serde_json::from_slice(self.scan.find(name)?.value.as_deref()?).ok()
        };
        let mut outcome = JsonOutcome {
            broken: match self.first {
                Some(b'{') => !self.odd && self.scan.finish().is_err(),
                Some(b'[' | 0xEF) => false,
                _ => true,
            },
            images: self.scan.find("data").map_or(0, |member| member.items),
            id: value("id").and_then(|id| id.as_str().map(str::to_owned)),
            ..JsonOutcome::default()
        };
        outcome.usage = value("usage").and_then(|report| usage::read(self.endpoint, &report));
        if outcome.usage.is_none()
            && let Some(units) = value("meta").as_ref().and_then(|meta| meta.get("billed_units"))
        {
            outcome.usage = billed_units(units);
        }
        if outcome.usage.is_none()
            && matches!(self.endpoint, Endpoint::Transcriptions | Endpoint::Translations)
            && let Some(seconds) = value("duration").and_then(|value| value.as_f64())
            && (0.0..1e9).contains(&seconds)
        {
            outcome.usage = Some(Usage::default().with(Bucket::Second, seconds.ceil() as u64));
        }
        // MiniMax and Spark say 200 and put their refusal in the body.
        let refused = value("base_resp")
            .filter(|base| base.get("status_code").and_then(Value::as_i64).unwrap_or(0) != 0);
        if let Some(base) = refused {
            let message = base.get("status_msg").and_then(Value::as_str).unwrap_or("");
            let code = base.get("status_code").cloned().unwrap_or_default();
            outcome.error =
                read_value(200, &serde_json::json!({"error": {"message": message, "code": code}}));
        } else if value("code").and_then(|code| code.as_i64()).is_some_and(|code| code != 0)
            && self.scan.find("choices").is_none()
            && self.scan.find("usage").is_none()
        {
            outcome.error = read_value(
                200,
                &serde_json::json!({"error": {"message": value("message"), "code": value("code")}}),
            );
        }
        if let Some(error) = value("error").filter(|error| !error.is_null()) {
            let wrapped = serde_json::json!({ "error": error });
            outcome.error = read_value(200, &wrapped).filter(|fault| {
                !fault.message.is_empty() || !fault.code.is_empty() || !fault.kind.is_empty()
            });
        }
        outcome
    }
}

/// Rerankers of Cohere's kind bill searches and tokens in `meta.billed_units`.
fn billed_units(units: &Value) -> Option<Usage> {
    let get = |name: &str| units.get(name).and_then(Value::as_f64).map(|number| number.max(0.0) as u64);
    let tokens = get("total_tokens").or_else(|| get("input_tokens"));
    if tokens.is_none() && get("search_units").is_none() {
        return None;
    }
    Some(
        Usage::default()
            .with(Bucket::Input, tokens.unwrap_or(0))
            .with(Bucket::Output, get("output_tokens").unwrap_or(0)),
    )
}

/// How a stream is followed.
#[derive(Debug, Clone, Copy, Default)]
pub struct StreamOptions {
    /// The usage chunk was asked for by us: it is taken out again.
    pub strip_usage: bool,
    pub caps: Caps,
}

/// What a stream has said so far.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct StreamState {
    pub usage: Option<Usage>,
    /// The stream has said that it is over.
    pub terminal: bool,
    /// Content has passed.
    pub content: bool,
    /// Events with content.
    pub events: u64,
    /// An error in the middle.
    pub fault: Option<VendorFault>,
    /// Bytes of text that passed, and those beyond what was kept.
    pub text_bytes: u64,
    pub text_overflow: u64,
    /// The answer has given a reason for its end; a missing terminator is then no truncation.
    pub finished: bool,
}

/// Follows an answer in events.
pub struct StreamReply {
    endpoint: Endpoint,
    options: StreamOptions,
    sse: Sse,
    frames: Vec<Frame>,
    state: StreamState,
    text: String,
}

impl StreamReply {
    pub fn new(endpoint: Endpoint, options: StreamOptions) -> Self {
        Self {
            endpoint,
            options,
            sse: Sse::new(options.caps),
            frames: Vec::new(),
            state: StreamState::default(),
            text: String::new(),
        }
    }

    pub fn state(&self) -> &StreamState {
        &self.state
    }

    /// The text kept since the last call.
    pub fn take_text(&mut self) -> String {
        std::mem::take(&mut self.text)
    }

    /// Takes the next bytes; what may pass goes to `out`. When they hold the terminator, the state says so
    /// before `out` is sent.
    pub fn push(&mut self, piece: Bytes, out: &mut Vec<Bytes>) -> Result<(), WireError> {
        let mut frames = std::mem::take(&mut self.frames);
        let pushed = self.sse.push(piece, &mut frames);
        self.pass(&mut frames, out);
        self.frames = frames;
        pushed
    }

    /// The end of the body. A reason for the end that was given counts as a terminator.
    pub fn finish(&mut self, out: &mut Vec<Bytes>) {
        let mut frames = std::mem::take(&mut self.frames);
        self.sse.finish(&mut frames);
        // A frame that was cut in the middle would be an event nobody can read.
        frames.retain(|frame| {
            let whole = !frame.has_data || frame.data.as_ref() == b"[DONE]" || frame.data.is_empty();
            whole || serde_json::from_slice::<serde::de::IgnoredAny>(&frame.data).is_ok()
        });
        self.pass(&mut frames, out);
        if self.state.finished {
            self.state.terminal = true;
        }
    }

    fn pass(&mut self, frames: &mut Vec<Frame>, out: &mut Vec<Bytes>) {
        for frame in frames.drain(..) {
            if self.look(&frame) {
                out.push(frame.raw);
            }
        }
    }

    /// False: the frame is taken out.
    fn look(&mut self, frame: &Frame) -> bool {
        let data = frame.data.as_ref();
        if !frame.has_data || data.is_empty() {
            return true;
        }
        if data == b"[DONE]" {
            self.state.terminal = true;
            return true;
        }
        match self.endpoint {
            Endpoint::Chat | Endpoint::Completions | Endpoint::Edits => self.look_chat(data),
            _ => {
                self.look_event(data);
                true
            }
        }
    }

    fn look_chat(&mut self, data: &[u8]) -> bool {
        let Ok(chunk) = serde_json::from_slice::<chunk::Chat<'_>>(data) else {
            return true; // not ours to judge: it passes
        };
        if let Some(error) = chunk.error.filter(|error| error.get() != "null") {
            self.fault(error.get());
        }
        let choices = chunk.choices.as_deref().unwrap_or_default();
        for choice in choices {
            let mut content = false;
            choice.texts(|text| {
                content = true;
                self.state.text_bytes += text.len() as u64;
                if self.text.len() + text.len() <= TEXT_MAX {
                    self.text.push_str(text);
                } else {
                    self.state.text_overflow += text.len() as u64;
                }
            });
            self.state.finished |=
                choice.finish_reason.is_some_and(|reason| !matches!(reason.get(), "null" | "\"\""));
            if content {
                self.state.content = true;
                self.state.events += 1;
            }
        }
        let inside = choices.iter().find_map(|choice| choice.usage);
        let report = chunk
            .usage
            .or(inside)
            .or(chunk.x_groq.and_then(|x| x.usage))
            .filter(|usage| usage.get() != "null");
        let Some(report) = report else { return true };
        if let Ok(report) = serde_json::from_str::<Value>(report.get())
            && let Some(usage) = usage::read(self.endpoint, &report)
        {
            self.state.usage = Some(usage);
        }
        // Only a chunk that carries nothing else may go; Azure's first has no choices but filter results.
        !(self.options.strip_usage
            && choices.is_empty()
            && chunk.usage.is_some()
            && chunk.prompt_filter_results.is_none())
    }

    fn look_event(&mut self, data: &[u8]) {
        let Ok(event) = serde_json::from_slice::<chunk::Event<'_>>(data) else { return };
        let kind = event.kind.as_deref().unwrap_or("");
        let raw = |value: Option<&serde_json::value::RawValue>| {
            value.filter(|value| value.get() != "null").map(|value| value.get().to_owned())
        };
        if kind == "error" || (kind.is_empty() && event.error.is_some_and(|error| error.get() != "null")) {
            let text = raw(event.error).unwrap_or_else(|| String::from_utf8_lossy(data).into_owned());
            self.fault(&text);
        }
        if kind.ends_with(".delta")
            && let Some(delta) = event.delta
        {
            self.state.content = true;
            self.state.events += 1;
            if let Ok(text) = serde_json::from_str::<std::borrow::Cow<'_, str>>(delta.get()) {
                self.state.text_bytes += text.len() as u64;
                if self.text.len() + text.len() <= TEXT_MAX {
                    self.text.push_str(&text);
                } else {
                    self.state.text_overflow += text.len() as u64;
                }
            }
        }
        if kind.ends_with("partial_image") || kind.ends_with("audio.delta") {
            self.state.content = true;
            self.state.events += 1;
        }
        let mut report = raw(event.usage);
        if matches!(
            kind,
            "response.completed" | "response.incomplete" | "response.failed" | "response.cancelled"
        ) {
            self.state.terminal = true;
            if let Some(response) = event.response
                && let Ok(response) = serde_json::from_str::<chunk::Response<'_>>(response.get())
            {
                report = raw(response.usage);
                if kind == "response.failed" {
                    let text = raw(response.error).unwrap_or_default();
                    self.fault(&text);
                }
            }
        }
        if matches!(
            kind,
            "transcript.text.done"
                | "speech.audio.done"
                | "image_generation.completed"
                | "image_edit.completed"
        ) {
            self.state.finished = true;
            self.state.content = true;
        }
        if let Some(report) = report
            && let Ok(report) = serde_json::from_str::<Value>(&report)
            && let Some(usage) = usage::read(self.endpoint, &report)
        {
            self.state.usage = Some(usage);
        }
    }

    fn fault(&mut self, text: &str) {
        let value: Value = serde_json::from_str(text).unwrap_or(Value::Null);
        let wrapped = match value {
            Value::Object(ref object) if object.contains_key("error") => value,
            other => serde_json::json!({ "error": other }),
        };
        let fault = read_value(200, &wrapped).map(|mut fault| {
            if fault.message.is_empty() {
                fault.message = "the vendor reported an error in the middle of its answer".to_owned();
            }
            fault
        });
        self.state.fault = self.state.fault.take().or(fault);
    }
}

#[cfg(test)]
mod tests;

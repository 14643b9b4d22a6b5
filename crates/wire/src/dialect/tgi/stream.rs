//! TGI's answers, whole and streamed.

use super::prompt;
use crate::WireError;
use crate::chat::{ChatReply, Choice, Event, Part, Stop};
use crate::codec::{Asked, EventReader};
use crate::dialect::kit;
use crate::fault::{VendorFault, read_fault};
use crate::frame::Frame;
use crate::json::{Json, Members, list_of, text_of};
use magic_domain::usage::{Bucket, Usage};
use serde_json::value::RawValue;
use serde_json::{Value, json};

/// No honest report of a single call is larger.
const SANE: u64 = 1_000_000_000;

/// Reads a whole answer; the route that serves both kinds gives a list of one.
pub(super) fn reply(body: &[u8], asked: &Asked) -> Result<ChatReply, WireError> {
    if body.trim_ascii_start().starts_with(b"[") {
        let items: Vec<&RawValue> = serde_json::from_slice(body)
            .map_err(|_| WireError::new("the vendor's answer is no valid JSON"))?;
        let one = items.first().ok_or_else(|| WireError::new("the vendor's answer is empty"))?;
        return whole(one.get().as_bytes(), asked);
    }
    whole(body, asked)
}

fn whole(body: &[u8], asked: &Asked) -> Result<ChatReply, WireError> {
    let mut m = Members::of_body(body)?;
    if m.peek("error").is_some() {
        return Err(WireError::new(fault(body).message));
    }
    let Some(text) = m.text("generated_text")? else {
        return Err(WireError::new("the vendor's answer has no generated_text"));
    };
    let mut cutter = Cutter::new(asked);
    let details = m.object("details")?.map(|details| Details::of(details, asked)).transpose()?;
    let details = details.unwrap_or_default();
    let text = cutter.add(&text) + &cutter.rest(details.stop);
    let (stop, stop_text) = cutter.ended(details.stop);
    let parts = if text.is_empty() { Vec::new() } else { vec![Part::text(text)] };
    Ok(ChatReply {
        model: asked.model.clone(),
        choices: vec![Choice { parts, stop, stop_text, logprobs: details.logprobs }],
        usage: details.usage,
        ..ChatReply::default()
    })
}

/// What an answer tells about itself.
#[derive(Default)]
struct Details {
    stop: Stop,
    usage: Option<Usage>,
    logprobs: Option<Json>,
}

impl Details {
    fn of(mut m: Members<'_>, asked: &Asked) -> Result<Details, WireError> {
        let stop = match m.text("finish_reason")?.as_deref() {
            Some("length") => Stop::Length,
            Some("stop_sequence") => Stop::StopSequence,
            _ => Stop::End,
        };
        let prefill = m.take("prefill").and_then(list_of).map(|tokens| tokens.len() as u64);
        let input = m.count("input_length")?.or(prefill.filter(|tokens| *tokens > 0));
        let output = m.count("generated_tokens")?;
        // A prompt of unknown length is not one of no tokens: then somebody else must count.
        let usage = input.zip(output).map(|(input, output)| {
            Usage::default().with(Bucket::Input, input.min(SANE)).with(Bucket::Output, output.min(SANE))
        });
        let tokens: Vec<Value> = kit::lenient(m.take("tokens")).unwrap_or_default();
        let tops: Vec<Value> = kit::lenient(m.take("top_tokens")).unwrap_or_default();
        let tokens = tokens.iter().enumerate().map(|(index, token)| (token, tops.get(index)));
        Ok(Details { stop, usage, logprobs: logprobs(tokens, asked) })
    }
}

/// The probabilities of tokens in OpenAI's form, where they were asked for.
fn logprobs<'t>(tokens: impl Iterator<Item = (&'t Value, Option<&'t Value>)>, asked: &Asked) -> Option<Json> {
    asked.request.as_ref().filter(|request| request.sampling.logprobs == Some(true))?;
    let one = |token: &Value| {
        let text = token["text"].as_str()?;
        Some((text.to_owned(), token["logprob"].as_f64()?))
    };
    let content: Vec<Value> = tokens
        .filter(|(token, _)| token["special"] != true)
        .filter_map(|(token, top)| {
            let (text, logprob) = one(token)?;
            let top = top.and_then(Value::as_array).into_iter().flatten().filter_map(one);
            let top: Vec<Value> = top
                .map(|(text, logprob)| json!({"token": text, "logprob": logprob, "bytes": text.as_bytes()}))
                .collect();
            Some(json!({"token": text, "logprob": logprob, "bytes": text.as_bytes(), "top_logprobs": top}))
        })
        .collect();
    (!content.is_empty()).then(|| Json::of(&json!({"content": content, "refusal": null})))
}

/// An error; its status is in its kind.
fn fault(data: &[u8]) -> VendorFault {
    let tree: Value = serde_json::from_slice(data).unwrap_or_default();
    let told = tree["error"]["http_status_code"].as_u64().and_then(|status| u16::try_from(status).ok());
    let status = match tree["error_type"].as_str().unwrap_or_default() {
        "validation" | "template_error" | "missing_template_variable" | "tool_error" => 422,
        "generation" => 424,
        "overloaded" => 429,
        "healthcheck" => 503,
        kind if kind.starts_with("incomplete_generation") || kind == "stream_serialization_error" => 500,
        _ => told.unwrap_or(200),
    };
    read_fault(status, data)
}

/// Cuts the stop sequence from the end of an answer, and the blank that parts it from the prompt.
#[derive(Default)]
struct Cutter {
    stops: Vec<String>,
    /// The last stop sequence is ours.
    ours: bool,
    /// Nothing has been shown yet, and the prompt was ours.
    first: bool,
    /// What may be the beginning of a stop sequence.
    held: String,
    met: Option<usize>,
}

impl Cutter {
    fn new(asked: &Asked) -> Cutter {
        let Some(request) = &asked.request else { return Cutter::default() };
        let (stops, ours) = prompt::stops(request);
        Cutter { stops, ours, first: true, held: String::new(), met: None }
    }

    /// Takes the next piece; what can be shown by now.
    fn add(&mut self, text: &str) -> String {
        let fresh = if self.first { text.strip_prefix(' ').unwrap_or(text) } else { text };
        self.first &= text.is_empty();
        self.held.push_str(fresh);
        let open = |at: &usize| {
            let tail = self.held.get(*at..).unwrap_or_default();
            self.stops.iter().any(|stop| stop.starts_with(tail))
        };
        let longest = self.stops.iter().map(String::len).max().unwrap_or(0);
        let from = self.held.len().saturating_sub(longest);
        let at = (from..self.held.len()).filter(|at| self.held.is_char_boundary(*at)).find(open);
        let tail = self.held.split_off(at.unwrap_or(self.held.len()));
        std::mem::replace(&mut self.held, tail)
    }

    /// The end: what was held back, without the stop sequence if that ended the answer.
    fn rest(&mut self, stop: Stop) -> String {
        let mut rest = std::mem::take(&mut self.held);
        if stop == Stop::StopSequence {
            let ends = self
                .stops
                .iter()
                .enumerate()
                .filter(|(_, stop)| !stop.is_empty() && rest.ends_with(stop.as_str()));
            if let Some((index, stop)) = ends.max_by_key(|(_, stop)| stop.len()) {
                rest.truncate(rest.len() - stop.len());
                self.met = Some(index);
            }
        }
        rest
    }

    /// How the answer ended for the caller, who knows nothing of a stop sequence of ours.
    fn ended(&self, stop: Stop) -> (Stop, Option<String>) {
        match self.met {
            Some(index) if self.ours && index + 1 == self.stops.len() => (Stop::End, None),
            Some(index) => (stop, self.stops.get(index).cloned()),
            None => (stop, None),
        }
    }
}

/// Follows a stream.
pub(super) struct Reader {
    asked: Asked,
    cutter: Cutter,
    started: bool,
    shown: bool,
    ended: bool,
    failed: bool,
}

impl Reader {
    pub fn new(asked: &Asked) -> Reader {
        let cutter = Cutter::new(asked);
        Reader { asked: asked.clone(), cutter, started: false, shown: false, ended: false, failed: false }
    }

    fn show(&mut self, text: String, out: &mut Vec<Event>) {
        if !text.is_empty() {
            self.shown = true;
            out.push(Event::Text { choice: 0, text });
        }
    }
}

impl EventReader for Reader {
    fn frame(&mut self, frame: &Frame, out: &mut Vec<Event>) -> Result<(), WireError> {
        if self.failed || self.ended || frame.data.trim_ascii() == b"[DONE]" {
            return Ok(());
        }
        let mut m = Members::of_body(&frame.data)?;
        if m.peek("error").is_some() {
            self.failed = true;
            out.push(Event::Fault(fault(&frame.data)));
            return Ok(());
        }
        if m.peek("token").is_none() && m.peek("generated_text").is_none() {
            return Ok(());
        }
        if !std::mem::replace(&mut self.started, true) {
            let model = self.asked.model.clone();
            out.push(Event::Start { id: String::new(), model, created: 0, usage: None });
        }
        if let Some(raw) = m.take("token") {
            let tree: Value = serde_json::from_str(raw.get()).unwrap_or_default();
            if tree["special"] != true {
                let mut token = Members::of(raw, "token")?;
                let text = self.cutter.add(&token.text("text")?.unwrap_or_default());
                self.show(text, out);
            }
            let tops: Option<Value> = kit::lenient(m.take("top_tokens"));
            if let Some(json) = logprobs(std::iter::once((&tree, tops.as_ref())), &self.asked) {
                out.push(Event::Logprobs { choice: 0, json });
            }
        }
        let Some(text) = m.take("generated_text").and_then(text_of) else { return Ok(()) };
        self.ended = true;
        let details = m.object("details")?.map(|details| Details::of(details, &self.asked)).transpose()?;
        let details = details.unwrap_or_default();
        if !self.shown && self.cutter.held.is_empty() {
            // A server that tells no tokens.
            let text = self.cutter.add(&text);
            self.show(text, out);
        }
        let rest = self.cutter.rest(details.stop);
        self.show(rest, out);
        let (stop, stop_text) = self.cutter.ended(details.stop);
        out.push(Event::Stop { choice: 0, stop, stop_text });
        out.extend(details.usage.map(Event::Usage));
        Ok(())
    }

    fn end(&mut self, out: &mut Vec<Event>) -> bool {
        if !self.ended && !self.failed {
            let rest = self.cutter.rest(Stop::End);
            self.show(rest, out);
        }
        self.ended || self.failed
    }
}

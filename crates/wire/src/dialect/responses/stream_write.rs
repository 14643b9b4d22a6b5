//! Events to a caller's stream: the whole life of every item, in the order that typed SDKs rely on.

mod open;

use super::reply::Snapshot;
use super::{base_id, seal};
use crate::chat::{Body, Dialect, Event, Media, Part, Seal, SealKind, Stop};
use crate::codec::{Echo, EventWriter};
use crate::fault::{FaultClass, VendorFault};
use crate::json::{self, Json, Members, Object};
use magic_domain::usage::Usage;
use open::{Open, Speech};

pub(super) struct Writer {
    echo: Echo,
    wire: Wire,
    started: bool,
    over: bool,
    base: String,
    created: i64,
    model: String,
    usage: Option<Usage>,
    stop: Option<Stop>,
    logprobs: Option<Json>,
    /// Elements of them that are in messages already.
    logprobs_told: usize,
    /// Items that are done.
    items: Vec<String>,
    open: Option<Open>,
    /// The id that the next stretch of reasoning has at its vendor, where that is known.
    pub(super) reasoning_id: Option<String>,
}

/// Numbers and frames the events.
#[derive(Default)]
struct Wire {
    next: u64,
}

impl Wire {
    fn send(&mut self, out: &mut Vec<u8>, kind: &str, build: impl FnOnce(&mut Object<'_>)) {
        let data = json::object(|o| {
            o.text("type", kind);
            o.int("sequence_number", self.next);
            build(o);
        });
        self.next += 1;
        for piece in ["event: ", kind, "\ndata: ", &json::one_line(&data), "\n\n"] {
            out.extend_from_slice(piece.as_bytes());
        }
    }
}

impl EventWriter for Writer {
    fn event(&mut self, event: &Event, out: &mut Vec<u8>) {
        if self.over {
            return;
        }
        match event {
            Event::Start { id, model, created, usage } if !self.started => {
                self.base = base_id(id, &self.echo.request_id);
                self.created = if *created == 0 { self.echo.created } else { *created };
                if self.model.is_empty() {
                    self.model.clone_from(model);
                }
                self.usage = *usage;
                self.start(out);
            }
            Event::Usage(usage) => self.usage = Some(*usage),
            Event::Fault(fault) => self.fail(fault, out),
            Event::Stop { choice: 0, stop, .. } => self.stop = Some(*stop),
            Event::Logprobs { choice: 0, json } => self.logprobs = Some(json.clone()),
            Event::Text { choice: 0, text } => self.speak(Speech::Text, text, out),
            Event::Refusal { choice: 0, text } => self.speak(Speech::Refusal, text, out),
            Event::Annotation { choice: 0, annotation } => {
                let at = self.items.len();
                if let Some(open) = &mut self.open {
                    open.annotate(annotation, at, &mut self.wire, out);
                }
            }
            Event::Reasoning { choice: 0, text, .. } => self.think(text, out),
            Event::ReasoningEnd { choice: 0, seal, id } => self.thought(seal.as_ref(), id.as_deref(), out),
            Event::CallStart { choice: 0, id, name, custom, seal, .. } => {
                self.close("completed", out);
                if let Some(seal) = seal.as_ref().filter(|seal| seal.dialect != Dialect::OpenAiResponses) {
                    // A call has no field that comes back: its seal travels in an item of its own.
                    let own = self.id("rs");
                    self.item(reasoning(&own, None, Some(&seal::wrap(seal, None, Some(id)))), out);
                }
                let open = Open::call(self.id(if *custom { "ctc" } else { "fc" }), id, name, *custom);
                self.opened(open, out);
            }
            Event::CallArguments { choice: 0, text, .. } => {
                let at = self.items.len();
                if let Some(open) = &mut self.open {
                    open.arguments(text, at, &mut self.wire, out);
                }
            }
            Event::CallEnd { choice: 0, .. } => {
                if matches!(self.open, Some(Open::Call { .. })) {
                    self.close("completed", out);
                }
            }
            Event::Media { choice: 0, part } => self.media(part, out),
            Event::Opaque { choice: 0, dialect: Dialect::OpenAiResponses, json } => {
                self.close("completed", out);
                self.item(json.get().to_owned(), out);
            }
            // One beginning and one answer per response (C36); what other vendors ran themselves has no form here.
            _ => {}
        }
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        if std::mem::replace(&mut self.over, true) {
            return;
        }
        let Some(stop) = self.stop else {
            // Nobody said that the answer was whole.
            self.over = false;
            let message = "the answer broke off".to_owned();
            let (kind, code) = ("server_error".to_owned(), String::new());
            let class = FaultClass::Server;
            return self.fail(&VendorFault { message, kind, code, param: None, class }, out);
        };
        self.start(out);
        let (status, reason) = ended(stop);
        self.close(status, out);
        let response = self.snapshot(status, reason, None, None);
        self.wire.send(out, &format!("response.{status}"), |o| o.key("response").raw(&response));
    }
}

/// The status and its reason (C10).
fn ended(stop: Stop) -> (&'static str, Option<&'static str>) {
    match stop {
        Stop::Length => ("incomplete", Some("max_output_tokens")),
        Stop::Filtered => ("incomplete", Some("content_filter")),
        Stop::End | Stop::StopSequence | Stop::ToolCalls | Stop::Paused => ("completed", None),
    }
}

impl Writer {
    pub(super) fn new(echo: Echo) -> Writer {
        Writer {
            base: base_id("", &echo.request_id),
            created: echo.created,
            model: echo.model.clone(),
            echo,
            wire: Wire::default(),
            started: false,
            over: false,
            usage: None,
            stop: None,
            logprobs: None,
            logprobs_told: 0,
            items: Vec::new(),
            open: None,
            reasoning_id: None,
        }
    }

    /// The response object of everything so far, for answers that are not streamed.
    pub(super) fn whole(mut self, tier: Option<&str>) -> String {
        let (status, reason) = ended(self.stop.unwrap_or_default());
        self.close(status, &mut Vec::new());
        self.snapshot(status, reason, None, tier)
    }

    fn snapshot(
        &self,
        status: &str,
        reason: Option<&str>,
        error: Option<(&str, &str)>,
        tier: Option<&str>,
    ) -> String {
        let snapshot = Snapshot {
            id: &format!("resp_{}", self.base),
            created: self.created,
            model: &self.model,
            status,
            reason,
            error,
            output: &self.items,
            // What is known at the beginning is not what is billed in the end.
            usage: self.usage.as_ref().filter(|_| status != "in_progress"),
            tier,
        };
        snapshot.write(self.echo.request.as_deref())
    }

    /// Ids of items are made of the answer's and their place.
    fn id(&self, kind: &str) -> String {
        format!("{kind}_{}_{}", self.base, self.items.len())
    }

    fn start(&mut self, out: &mut Vec<u8>) {
        if std::mem::replace(&mut self.started, true) {
            return;
        }
        let response = self.snapshot("in_progress", None, None, None);
        for kind in ["response.created", "response.in_progress"] {
            self.wire.send(out, kind, |o| o.key("response").raw(&response));
        }
    }

    fn opened(&mut self, open: Open, out: &mut Vec<u8>) {
        self.start(out);
        open.added(self.items.len(), &mut self.wire, out);
        self.open = Some(open);
    }

    /// Ends the open item.
    fn close(&mut self, status: &str, out: &mut Vec<u8>) {
        let Some(mut open) = self.open.take() else { return };
        let at = self.items.len();
        let logprobs = if matches!(open, Open::Message { .. }) { self.logprobs() } else { String::new() };
        let item = open.close(status, &logprobs, at, &mut self.wire, out);
        self.done(item, out);
    }

    /// The list of what is new in chat's `logprobs` object, whose elements are the same here.
    fn logprobs(&mut self) -> String {
        let list = self.logprobs.as_ref().and_then(|json| {
            let mut members = Members::of_body(json.get().as_bytes()).ok()?;
            let list = members.list("content").ok()?;
            Some(list.into_iter().map(|raw| raw.get().to_owned()).collect::<Vec<String>>())
        });
        let list = list.unwrap_or_default();
        let new = list.get(self.logprobs_told..).unwrap_or_default().join(",");
        self.logprobs_told = self.logprobs_told.max(list.len());
        format!("[{new}]")
    }

    fn done(&mut self, item: String, out: &mut Vec<u8>) {
        let at = self.items.len() as u64;
        self.wire.send(out, "response.output_item.done", |o| {
            o.int("output_index", at);
            o.key("item").raw(&item);
        });
        self.items.push(item);
    }

    /// An item that comes whole.
    fn item(&mut self, item: String, out: &mut Vec<u8>) {
        self.start(out);
        let at = self.items.len() as u64;
        self.wire.send(out, "response.output_item.added", |o| {
            o.int("output_index", at);
            o.key("item").raw(&item);
        });
        self.done(item, out);
    }

    fn speak(&mut self, speech: Speech, text: &str, out: &mut Vec<u8>) {
        if text.is_empty() {
            return;
        }
        if !matches!(self.open, Some(Open::Message { .. })) {
            self.close("completed", out);
            let open = Open::message(self.id("msg"));
            self.opened(open, out);
        }
        let at = self.items.len();
        if let Some(open) = &mut self.open {
            open.speak(speech, text, at, &mut self.wire, out);
        }
    }

    fn think(&mut self, text: &str, out: &mut Vec<u8>) {
        if text.is_empty() {
            return;
        }
        if !matches!(self.open, Some(Open::Reasoning { .. })) {
            self.close("completed", out);
            let id = self.reasoning_id.take().unwrap_or_else(|| self.id("rs"));
            self.opened(Open::reasoning(id), out);
        }
        let at = self.items.len();
        if let Some(open) = &mut self.open {
            open.think(text, at, &mut self.wire, out);
        }
    }

    fn thought(&mut self, seal: Option<&Seal>, id: Option<&str>, out: &mut Vec<u8>) {
        let shown = match &self.open {
            Some(Open::Reasoning { id, .. }) => Some(id.clone()),
            _ => None,
        };
        let own_id = match (&shown, id) {
            (Some(shown), _) => shown.clone(),
            (None, Some(id)) => id.to_owned(),
            (None, None) => self.id("rs"),
        };
        let encrypted = seal.map(|seal| {
            let native = seal.dialect == Dialect::OpenAiResponses && seal.kind == SealKind::Encrypted;
            // The vendor checks its blob against the item's id.
            if native && id.is_none_or(|id| id == own_id) {
                seal.data.clone()
            } else {
                seal::wrap(seal, id, None)
            }
        });
        match (&mut self.open, encrypted) {
            (Some(Open::Reasoning { encrypted, .. }), blob) => {
                *encrypted = blob;
                self.close("completed", out);
            }
            (_, Some(blob)) => {
                self.close("completed", out);
                self.item(reasoning(&own_id, None, Some(&blob)), out);
            }
            (_, None) => {}
        }
    }

    fn media(&mut self, part: &Part, out: &mut Vec<u8>) {
        if let Body::Image { media: Media::Inline { base64, .. }, .. } = &part.body {
            self.close("completed", out);
            let id = self.id("ig");
            let item = json::object(|o| {
                o.text("id", &id);
                o.text("type", "image_generation_call");
                o.text("status", "completed");
                o.text("result", base64);
            });
            self.item(item, out);
        }
    }

    fn fail(&mut self, fault: &VendorFault, out: &mut Vec<u8>) {
        self.over = true;
        let (code, message) = told(fault);
        if !self.started {
            let param = fault.param.as_deref();
            return self.wire.send(out, "error", |o| {
                o.text("code", code);
                o.text("message", message);
                match param {
                    Some(param) => o.text("param", param),
                    None => o.key("param").null(),
                }
            });
        }
        if let Some(open) = self.open.take() {
            self.items.push(open.item("incomplete"));
        }
        let response = self.snapshot("failed", None, Some((code, message)), None);
        self.wire.send(out, "response.failed", |o| o.key("response").raw(&response));
    }
}

/// What a caller is told of a fault: our accounts at vendors are not theirs.
fn told(fault: &VendorFault) -> (&'static str, &str) {
    match fault.class {
        FaultClass::Auth | FaultClass::Quota => ("server_error", "the vendor refused the call"),
        FaultClass::RateLimit => ("rate_limit_exceeded", &fault.message),
        FaultClass::Overloaded => ("server_is_overloaded", &fault.message),
        FaultClass::ContextLength => ("context_length_exceeded", &fault.message),
        FaultClass::ContentFilter => ("content_filter", &fault.message),
        FaultClass::InvalidRequest => ("invalid_prompt", &fault.message),
        FaultClass::NotFound => ("model_not_found", &fault.message),
        FaultClass::Timeout | FaultClass::Server | FaultClass::Unknown => ("server_error", &fault.message),
    }
}

/// A reasoning item; nothing of it may be shown.
fn reasoning(id: &str, text: Option<&str>, encrypted: Option<&str>) -> String {
    json::object(|o| {
        o.text("id", id);
        o.text("type", "reasoning");
        o.list("summary", |l| {
            if let Some(text) = text {
                l.object(|o| open::summary(text, o));
            }
        });
        o.opt_text("encrypted_content", encrypted);
    })
}

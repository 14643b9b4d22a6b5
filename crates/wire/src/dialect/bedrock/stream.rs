//! The vendor's stream, followed. Blocks come one after another; one that begins before the last has ended is
//! held back until then.

use super::reply::{annotation, image, is_servers, items, seal, stop, stop_text};
use super::usage::read_usage;
use crate::WireError;
use crate::chat::{Dialect, Event, Part, SealKind};
use crate::codec::{Asked, EventReader};
use crate::fault;
use crate::frame::Frame;
use crate::json::{self, Json, Members};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::collections::VecDeque;

/// Blocks that may be open at once.
const OPEN_MAX: usize = 256;
/// Bytes of blocks that may wait for another's end, or for their own.
const HELD_MAX: usize = 32 << 20;

pub(super) struct Reader {
    model: String,
    started: bool,
    /// The stream has said that it is over; only its usage may follow.
    over: bool,
    failed: bool,
    /// The first is the one that is told; the others wait.
    open: VecDeque<Block>,
    /// Bytes that are kept.
    held: usize,
    calls: u32,
    /// Characters of the stretch of text so far.
    run: u64,
}

#[derive(Default)]
struct Block {
    index: u64,
    kind: Kind,
    pieces: VecDeque<Delta>,
    closed: bool,
}

/// What a block is. One that has no start shows it by its first piece.
#[derive(Default)]
enum Kind {
    #[default]
    Unknown,
    /// A call that is yet to be told.
    Calling {
        id: String,
        name: String,
    },
    Call {
        number: u32,
        sent: bool,
    },
    Text {
        start: u64,
        citations: Vec<Json>,
    },
    Reasoning {
        signature: String,
    },
    Image {
        format: String,
        bytes: Vec<u8>,
    },
    /// The vendor's own call or result, with what came in pieces.
    Opaque {
        start: Json,
        input: String,
        content: Vec<Json>,
    },
    Told,
}

enum Delta {
    Text(String),
    Input(String),
    Reasoning(String),
    Signature(String),
    Redacted(String),
    Citation(Json),
    Results(Vec<Json>),
    Image(String),
}

impl Reader {
    pub(super) fn new(asked: &Asked) -> Reader {
        Reader {
            model: asked.model.clone(),
            started: false,
            over: false,
            failed: false,
            open: VecDeque::new(),
            held: 0,
            calls: 0,
            run: 0,
        }
    }
}

impl EventReader for Reader {
    fn frame(&mut self, frame: &Frame, out: &mut Vec<Event>) -> Result<(), WireError> {
        if self.failed || (self.over && frame.name != "metadata") {
            return Ok(());
        }
        let mut event = Members::of_body(&frame.data)?;
        if event.peek("__type").is_some() {
            out.push(Event::Fault(fault::read_fault(200, &frame.data)));
            self.over = true;
            self.failed = true;
            return Ok(());
        }
        match &frame.name[..] {
            b"messageStart" => self.ensure_started(out),
            b"contentBlockStart" => {
                self.ensure_started(out);
                self.block_start(&mut event)?;
                self.advance(false, out);
            }
            b"contentBlockDelta" => {
                self.ensure_started(out);
                self.block_delta(&mut event, frame.data.len())?;
                self.advance(false, out);
                if self.held > HELD_MAX {
                    return Err(WireError::new("too much of the stream waits for its end"));
                }
            }
            b"contentBlockStop" => {
                let index = event.count("contentBlockIndex")?.unwrap_or(0);
                if let Some(block) = self.open.iter_mut().find(|block| block.index == index && !block.closed)
                {
                    block.closed = true;
                }
                self.advance(false, out);
            }
            b"messageStop" => {
                self.ensure_started(out);
                self.advance(true, out);
                let reason = event.text("stopReason")?;
                let stop = stop(reason.as_deref(), self.calls > 0);
                let stop_text = stop_text(event.take("additionalModelResponseFields"));
                out.push(Event::Stop { choice: 0, stop, stop_text });
                self.over = true;
            }
            b"metadata" => {
                let report = event.json("usage").and_then(|report| read_usage(&report.tree()));
                out.extend(report.map(Event::Usage));
            }
            _ => {}
        }
        Ok(())
    }

    fn end(&mut self, _out: &mut Vec<Event>) -> bool {
        self.over
    }
}

impl Reader {
    fn ensure_started(&mut self, out: &mut Vec<Event>) {
        if !std::mem::replace(&mut self.started, true) {
            let model = std::mem::take(&mut self.model);
            out.push(Event::Start { id: String::new(), model, created: 0, usage: None });
        }
    }

    fn keep(&mut self, bytes: usize) {
        self.held = self.held.saturating_add(bytes);
    }

    /// The open block of an index; a new one where there is none.
    fn block(&mut self, index: u64) -> Result<&mut Block, WireError> {
        let at = match self.open.iter().position(|block| block.index == index && !block.closed) {
            Some(at) => at,
            None if self.open.len() >= OPEN_MAX => {
                return Err(WireError::new("too many blocks of the stream are open"));
            }
            None => {
                self.open.push_back(Block { index, ..Block::default() });
                self.open.len() - 1
            }
        };
        self.open.get_mut(at).ok_or_else(|| WireError::new("no such block"))
    }

    fn block_start(&mut self, event: &mut Members<'_>) -> Result<(), WireError> {
        let index = event.count("contentBlockIndex")?.unwrap_or(0);
        let Some(raw) = event.take("start") else { return Ok(()) };
        let mut start = Members::of(raw, "start")?;
        let kind = if let Some(mut call) = start.object("toolUse")? {
            if is_servers(&call) {
                Kind::Opaque { start: Json::from(raw), input: String::new(), content: Vec::new() }
            } else {
                let (id, name) = (call.text("toolUseId")?, call.text("name")?);
                Kind::Calling { id: id.unwrap_or_default(), name: name.unwrap_or_default() }
            }
        } else if let Some(mut picture) = start.object("image")? {
            Kind::Image { format: picture.text("format")?.unwrap_or_default(), bytes: Vec::new() }
        } else if start.peek("toolResult").is_some() {
            Kind::Opaque { start: Json::from(raw), input: String::new(), content: Vec::new() }
        } else {
            Kind::Unknown
        };
        // A second start under an index: the first block has ended without saying so.
        let open = self.open.iter_mut().find(|block| block.index == index && !block.closed);
        if let Some(block) = open.filter(|block| !matches!(block.kind, Kind::Unknown)) {
            block.closed = true;
        }
        self.block(index)?.kind = kind;
        Ok(())
    }

    fn block_delta(&mut self, event: &mut Members<'_>, size: usize) -> Result<(), WireError> {
        let index = event.count("contentBlockIndex")?.unwrap_or(0);
        if self.open.front().is_some_and(|front| front.index != index) {
            self.keep(size);
        }
        let Some(mut delta) = event.object("delta")? else { return Ok(()) };
        let mut pieces = VecDeque::new();
        if let Some(text) = delta.text("text")? {
            pieces.push_back(Delta::Text(text));
        }
        if let Some(mut call) = delta.object("toolUse")? {
            pieces.extend(call.text("input")?.map(Delta::Input));
        }
        if let Some(mut content) = delta.object("reasoningContent")? {
            pieces.extend(content.text("text")?.map(Delta::Reasoning));
            pieces.extend(content.text("signature")?.map(Delta::Signature));
            pieces.extend(content.text("redactedContent")?.map(Delta::Redacted));
        }
        pieces.extend(delta.json("citation").map(Delta::Citation));
        let results = items(delta.take("toolResult"));
        if !results.is_empty() {
            pieces.push_back(Delta::Results(results.into_iter().map(Json::from).collect()));
        }
        if let Some(mut picture) = delta.object("image")?
            && let Some(mut source) = picture.object("source")?
        {
            pieces.extend(source.text("bytes")?.map(Delta::Image));
        }
        self.block(index)?.pieces.append(&mut pieces);
        Ok(())
    }

    /// Tells the first block as far as it is known, and those after it that were waiting for its end. `all`: the
    /// end of the message ends every block.
    fn advance(&mut self, all: bool, out: &mut Vec<Event>) {
        while let Some(mut block) = self.open.pop_front() {
            self.begin(&mut block.kind, out);
            while let Some(delta) = block.pieces.pop_front() {
                self.tell(&mut block.kind, delta, out);
            }
            if !all && !block.closed {
                self.open.push_front(block);
                return;
            }
            self.close(block.kind, out);
        }
        self.held = 0;
    }

    fn begin(&mut self, kind: &mut Kind, out: &mut Vec<Event>) {
        if let Kind::Calling { id, name } = kind {
            let (id, name) = (std::mem::take(id), std::mem::take(name));
            let number = self.calls;
            self.calls += 1;
            self.run = 0;
            let id = if id.is_empty() { format!("tooluse_{number}") } else { id };
            out.push(Event::CallStart { choice: 0, call: number, id, name, custom: false, seal: None });
            *kind = Kind::Call { number, sent: false };
        }
    }

    fn tell(&mut self, kind: &mut Kind, delta: Delta, out: &mut Vec<Event>) {
        if matches!(kind, Kind::Unknown) {
            *kind = match &delta {
                Delta::Text(_) | Delta::Citation(_) => Kind::Text { start: self.run, citations: Vec::new() },
                Delta::Reasoning(_) | Delta::Signature(_) | Delta::Redacted(_) => {
                    Kind::Reasoning { signature: String::new() }
                }
                // Pieces of what was never begun.
                Delta::Input(_) | Delta::Results(_) | Delta::Image(_) => Kind::Told,
            };
        }
        if !matches!(kind, Kind::Text { .. }) {
            self.run = 0;
        }
        match (kind, delta) {
            (Kind::Text { .. }, Delta::Text(text)) if !text.is_empty() => {
                self.run += text.chars().count() as u64;
                out.push(Event::Text { choice: 0, text });
            }
            (Kind::Text { citations, .. }, Delta::Citation(citation)) => {
                self.keep(citation.get().len());
                citations.push(citation);
            }
            (Kind::Reasoning { .. }, Delta::Reasoning(text)) if !text.is_empty() => {
                out.push(Event::Reasoning { choice: 0, text, summary: false });
            }
            (Kind::Reasoning { signature }, Delta::Signature(piece)) => {
                self.keep(piece.len());
                signature.push_str(&piece);
            }
            (kind @ Kind::Reasoning { .. }, Delta::Redacted(data)) => {
                let seal = seal(SealKind::Encrypted, data);
                out.push(Event::ReasoningEnd { choice: 0, seal, id: None });
                *kind = Kind::Told;
            }
            (Kind::Call { number, sent }, Delta::Input(text)) if !text.is_empty() => {
                *sent = true;
                out.push(Event::CallArguments { choice: 0, call: *number, text });
            }
            (Kind::Opaque { input, .. }, Delta::Input(piece)) => {
                self.keep(piece.len());
                input.push_str(&piece);
            }
            (Kind::Opaque { content, .. }, Delta::Results(mut results)) => {
                self.keep(results.iter().map(|result| result.get().len()).sum());
                content.append(&mut results);
            }
            (Kind::Image { bytes, .. }, Delta::Image(base64)) => {
                self.keep(base64.len());
                bytes.extend(STANDARD.decode(base64).unwrap_or_default());
            }
            _ => {}
        }
    }

    fn close(&mut self, kind: Kind, out: &mut Vec<Event>) {
        match kind {
            Kind::Text { start, citations } => {
                let end = self.run;
                let found = citations.iter().filter_map(|citation| {
                    let raw = serde_json::from_str(citation.get()).ok()?;
                    annotation(raw, start, end)
                });
                out.extend(found.map(|annotation| Event::Annotation { choice: 0, annotation }));
            }
            Kind::Reasoning { signature } => {
                let seal = seal(SealKind::Signature, signature);
                out.push(Event::ReasoningEnd { choice: 0, seal, id: None });
            }
            Kind::Call { number, sent } => {
                if !sent {
                    out.push(Event::CallArguments { choice: 0, call: number, text: "{}".to_owned() });
                }
                out.push(Event::CallEnd { choice: 0, call: number });
            }
            Kind::Image { format, bytes } if !bytes.is_empty() => {
                let part = Part::new(image(&format, STANDARD.encode(bytes)));
                out.push(Event::Media { choice: 0, part });
            }
            Kind::Opaque { start, input, content } => {
                self.run = 0;
                let json = complete(&start, &input, &content);
                out.push(Event::Opaque { choice: 0, dialect: Dialect::BedrockConverse, json });
            }
            Kind::Image { .. } | Kind::Unknown | Kind::Calling { .. } | Kind::Told => {}
        }
    }
}

/// A block of the vendor's own as a whole answer would have it.
fn complete(start: &Json, input: &str, content: &[Json]) -> Json {
    let Ok(outer) = Members::of_body(start.get().as_bytes()) else { return start.clone() };
    let text = json::object(|o| {
        for (name, value) in outer.rest() {
            let Ok(inner) = Members::of_body(value.get().as_bytes()) else { continue };
            o.object(&name, |o| {
                inner.rest().iter().for_each(|(name, value)| o.json(name, value));
                if name == "toolUse" {
                    let input = Json::from_text(input).ok();
                    o.key("input").raw(input.as_ref().map_or("{}", Json::get));
                } else {
                    o.list("content", |l| content.iter().for_each(|item| l.item().json(item)));
                }
            });
        }
    });
    Json::from_text(text).unwrap_or_else(|_| start.clone())
}

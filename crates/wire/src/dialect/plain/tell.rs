//! Answers of vendors that give one, without frills.

use crate::WireError;
use crate::chat::{ChatReply, Event, Fold, Media, Stop};
use crate::codec::{Asked, EventReader, Pipe};
use crate::dialect::gemini::hash;
use crate::fault::VendorFault;
use crate::frame::{Caps, Frame, Framing};
use bytes::Bytes;
use magic_domain::usage::{Bucket, Usage};

/// Tells of an answer: stretches one after another, the end after everything else.
#[derive(Default)]
pub struct Teller {
    started: bool,
    thinking: bool,
    /// What ids of calls are made of.
    seed: u64,
    calls: u32,
    open: Option<u32>,
    stop: Option<Stop>,
    usage: Option<Usage>,
    failed: bool,
}

impl Teller {
    /// Comes before everything else; later ones are ignored.
    pub fn start(&mut self, id: &str, model: &str, created: i64, out: &mut Vec<Event>) {
        if !std::mem::replace(&mut self.started, true) {
            self.seed = hash(if id.is_empty() { model.as_bytes() } else { id.as_bytes() });
            out.push(Event::Start { id: id.to_owned(), model: model.to_owned(), created, usage: None });
        }
    }

    pub fn failed(&self) -> bool {
        self.failed
    }

    pub fn text(&mut self, text: &str, out: &mut Vec<Event>) {
        if !text.is_empty() {
            self.close(out);
            out.push(Event::Text { choice: 0, text: text.to_owned() });
        }
    }

    pub fn thought(&mut self, text: &str, out: &mut Vec<Event>) {
        if !text.is_empty() {
            self.close_call(out);
            self.thinking = true;
            out.push(Event::Reasoning { choice: 0, text: text.to_owned(), summary: false });
        }
    }

    /// A call, or a piece of its arguments where it has no name.
    pub fn call(&mut self, name: &str, arguments: &str, out: &mut Vec<Event>) {
        if !name.is_empty() {
            self.close(out);
            let call = self.calls;
            self.calls += 1;
            self.open = Some(call);
            let id = format!("call_{:016x}_{call}", self.seed);
            let name = name.to_owned();
            out.push(Event::CallStart { choice: 0, call, id, name, custom: false, seal: None });
        }
        if let Some(call) = self.open.filter(|_| !arguments.is_empty()) {
            out.push(Event::CallArguments { choice: 0, call, text: arguments.to_owned() });
        }
    }

    pub fn stop(&mut self, stop: Stop) {
        self.stop = Some(stop);
    }

    pub fn usage(&mut self, usage: Option<Usage>) {
        self.usage = usage.or(self.usage);
    }

    /// Nothing is told after it.
    pub fn fail(&mut self, fault: VendorFault, out: &mut Vec<Event>) {
        if !std::mem::replace(&mut self.failed, true) {
            out.push(Event::Fault(fault));
        }
    }

    /// The body has ended; true when the answer was over.
    pub fn end(&mut self, out: &mut Vec<Event>) -> bool {
        if self.failed {
            return true;
        }
        self.close(out);
        let over = self.stop.is_some();
        if let Some(stop) = self.stop.take() {
            // A call means that the turn goes on, whatever the vendor called it (C7).
            let stop = if self.calls > 0 && stop == Stop::End { Stop::ToolCalls } else { stop };
            out.push(Event::Stop { choice: 0, stop, stop_text: None });
        }
        out.extend(self.usage.take().map(Event::Usage));
        over
    }

    fn close(&mut self, out: &mut Vec<Event>) {
        if std::mem::take(&mut self.thinking) {
            out.push(Event::ReasoningEnd { choice: 0, seal: None, id: None });
        }
        self.close_call(out);
    }

    fn close_call(&mut self, out: &mut Vec<Event>) {
        if let Some(call) = self.open.take() {
            out.push(Event::CallEnd { choice: 0, call });
        }
    }
}

/// Tokens of a vendor that tells the prompt and the answer apart, or the prompt and the sum.
pub fn counts(input: Option<u64>, output: Option<u64>, total: Option<u64>) -> Option<Usage> {
    /// No honest report of a single call is larger.
    const SANE: u64 = 1_000_000_000;
    let input_or_zero = input.unwrap_or(0);
    let rest = total.map(|total| total.saturating_sub(input_or_zero)).filter(|_| input.is_some());
    let output = output.max(rest);
    (input.is_some() || output.is_some()).then(|| {
        Usage::default()
            .with(Bucket::Input, input_or_zero.min(SANE))
            .with(Bucket::Output, output.unwrap_or(0).min(SANE))
    })
}

/// Follows a body of one frame: a whole answer of a vendor that has no streams.
pub struct Single {
    asked: Asked,
    read: fn(&[u8], &Asked) -> Result<ChatReply, WireError>,
    over: bool,
}

impl Single {
    pub fn new(asked: &Asked, read: fn(&[u8], &Asked) -> Result<ChatReply, WireError>) -> Single {
        Single { asked: asked.clone(), read, over: false }
    }
}

impl EventReader for Single {
    fn frame(&mut self, frame: &Frame, out: &mut Vec<Event>) -> Result<(), WireError> {
        if !self.over {
            out.extend((self.read)(&frame.data, &self.asked)?.events());
            self.over = true;
        }
        Ok(())
    }

    fn end(&mut self, _out: &mut Vec<Event>) -> bool {
        self.over
    }
}

/// A frame of another dialect's words for what a vendor's frame said.
pub fn relabelled(json: impl Into<Bytes>) -> Frame {
    Frame { raw: Bytes::new(), name: Bytes::new(), data: json.into(), has_data: true }
}

/// The answer that the events of a body of one frame make up.
pub fn fold(mut reader: impl EventReader, body: &[u8]) -> Result<ChatReply, WireError> {
    let mut events = Vec::new();
    reader.frame(&relabelled(body.to_vec()), &mut events)?;
    let whole = reader.end(&mut events);
    folded(&events, whole)
}

/// The answer of a body that is a stream, whoever wanted it whole; errors come as one object all the same.
pub fn whole_or_stream(reader: Box<dyn EventReader>, body: &[u8]) -> Result<ChatReply, WireError> {
    let mut events = Vec::new();
    if body.trim_ascii_start().starts_with(b"{") {
        let mut reader = reader;
        reader.frame(&relabelled(body.to_vec()), &mut events)?;
        let whole = reader.end(&mut events);
        return folded(&events, whole);
    }
    let mut pipe = Pipe::new(reader, Framing::Sse, Caps::default());
    pipe.push(Bytes::copy_from_slice(body), &mut events)?;
    let whole = pipe.end(&mut events)?;
    folded(&events, whole)
}

fn folded(events: &[Event], whole: bool) -> Result<ChatReply, WireError> {
    let mut fold = Fold::default();
    events.iter().for_each(|event| fold.push(event));
    match fold.fault.take() {
        Some(fault) => Err(WireError::new(fault.message)),
        None if !whole => Err(WireError::new("the vendor's answer is no answer, or broke off")),
        None => Ok(fold.finish()),
    }
}

/// Where a picture, a sound or a video is: its address, or itself in one.
pub fn data_url(media: &Media) -> Option<String> {
    match media {
        Media::Inline { mime, base64 } => Some(format!("data:{mime};base64,{base64}")),
        Media::Url { url, .. } => Some(url.clone()),
        Media::FileId(_) | Media::Text(_) => None,
    }
}

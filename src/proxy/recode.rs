//! Answers that are not OpenAI's, or not in the caller's dialect: read by the vendor's codec, and either passed
//! byte for byte (same dialect) or written anew by the caller's. Usage comes from the one reader either way.

use bytes::Bytes;
use magic_domain::endpoint::Endpoint;
use magic_domain::usage::Usage;
use magic_wire::WireError;
use magic_wire::chat::{Body, Dialect, Event, Fold, Stop};
use magic_wire::codec::{Asked, Echo, EventWriter, FaceCodec, Pipe, VendorCodec};
use magic_wire::dialect;
use magic_wire::fault::{VendorFault, hidden};
use magic_wire::frame::{Caps, Frame, Framing};

/// Text kept for a local count of tokens, in case no usage arrives.
const TEXT_MAX: usize = 64 << 10;
/// A whole answer that must be written anew is held up to this size.
const WHOLE_MAX: usize = 64 << 20;

/// Follows an answer in a vendor's dialect on its way to a caller.
pub struct Coded {
    from: &'static dyn VendorCodec,
    to: &'static dyn FaceCodec,
    passing: Passing,
    asked: Asked,
    echo: Echo,
    form: Form,
    pub usage: Option<Usage>,
    /// Usage that stood in the head of the answer, in case its body has none.
    pub told: Option<Usage>,
    pub content: bool,
    /// The stream has said that it is over.
    pub whole: bool,
    /// The vendor has said why it stopped.
    stopped: bool,
    /// The model has called a tool.
    called: bool,
    /// Events with content, for checkpoints.
    pub events: u64,
    pub fault: Option<VendorFault>,
    pub text: String,
    pub text_bytes: u64,
    pub text_overflow: u64,
}

/// What a stream becomes on its way.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Passing {
    /// The caller speaks the vendor's dialect: bytes pass as they are.
    Bytes,
    /// The same, but the vendor's frames are not server-sent events: their contents pass.
    Frames,
    /// Read, and written anew.
    Translated,
}

enum Form {
    /// Events in, events out.
    Stream { pipe: Pipe, writer: Option<Box<dyn EventWriter>>, held: Vec<Event> },
    /// One JSON object, collected; `stream`: the caller wants events all the same.
    Whole { body: Vec<u8>, stream: bool },
    /// A stream that the caller wants as one object.
    Folded { pipe: Pipe, fold: Box<Fold> },
}

/// What an answer is and shall be.
pub struct Shape {
    pub from: Dialect,
    pub to: Dialect,
    /// What the caller asked for.
    pub endpoint: Endpoint,
    /// How the vendor's stream is cut, where that is not its dialect's own way.
    pub framing: Option<Framing>,
    /// The caller's own bytes were sent.
    pub passes: bool,
    /// The vendor streams; the caller wants a stream.
    pub vendor_streams: bool,
    pub caller_streams: bool,
}

impl Coded {
    /// `None` for a dialect that is not spoken.
    pub fn new(shape: &Shape, asked: Asked, echo: Echo) -> Option<Coded> {
        let (from, to) = (dialect::vendor(shape.from)?, dialect::face(shape.to, shape.endpoint)?);
        let framing = shape.framing.unwrap_or_else(|| from.framing());
        let passing = match (shape.passes, framing) {
            (true, Framing::Sse) => Passing::Bytes,
            (true, _) => Passing::Frames,
            (false, _) => Passing::Translated,
        };
        let pipe = || Pipe::new(from.reader(&asked), framing, Caps::default());
        let form = match (shape.vendor_streams, shape.caller_streams) {
            (true, true) => Form::Stream {
                pipe: pipe(),
                writer: (passing == Passing::Translated).then(|| to.writer(echo.clone())),
                held: Vec::new(),
            },
            (true, false) => Form::Folded { pipe: pipe(), fold: Box::default() },
            (false, stream) => Form::Whole { body: Vec::new(), stream },
        };
        Some(Coded {
            from,
            to,
            passing,
            asked,
            echo,
            form,
            usage: None,
            told: None,
            content: false,
            whole: false,
            stopped: false,
            called: false,
            events: 0,
            fault: None,
            text: String::new(),
            text_bytes: 0,
            text_overflow: 0,
        })
    }

    /// Whether the caller gets a stream of events as they come.
    pub fn streams(&self) -> bool {
        matches!(self.form, Form::Stream { .. })
    }

    /// Takes the next bytes of the vendor; what goes out now is returned.
    pub fn push(&mut self, piece: Bytes) -> Result<Bytes, WireError> {
        let mut events = Vec::new();
        let mut out = Vec::new();
        match &mut self.form {
            Form::Stream { pipe, .. } => match self.passing {
                Passing::Bytes => {
                    pipe.push(piece.clone(), &mut events)?;
                    self.note(&events);
                    return Ok(piece);
                }
                Passing::Frames => {
                    pipe.push_seen(piece, &mut events, |frame| event(frame, &mut out))?;
                    self.note(&events);
                }
                Passing::Translated => {
                    pipe.push(piece, &mut events)?;
                    self.note(&events);
                    self.write(events, &mut out);
                }
            },
            Form::Folded { pipe, fold } => {
                pipe.push(piece, &mut events)?;
                events.iter().for_each(|event| fold.push(event));
                self.note(&events);
            }
            Form::Whole { body, .. } => {
                if body.len() + piece.len() > WHOLE_MAX {
                    return Err(WireError::new("the vendor's answer is too long"));
                }
                body.extend_from_slice(&piece);
            }
        }
        Ok(Bytes::from(out))
    }

    /// Events before any content are held back, so that another channel can still be tried when an error
    /// follows instead.
    fn write(&mut self, events: Vec<Event>, out: &mut Vec<u8>) {
        let content = self.content;
        let Form::Stream { writer: Some(writer), held, .. } = &mut self.form else { return };
        if !content {
            held.extend(events);
            return;
        }
        for event in held.drain(..).chain(events) {
            writer.event(&event, out);
        }
    }

    /// The vendor's body has ended; the rest of what goes out.
    pub fn finish(&mut self) -> Result<Bytes, WireError> {
        let mut events = Vec::new();
        let mut out = Vec::new();
        match &mut self.form {
            Form::Stream { pipe, .. } => {
                self.whole = pipe.end(&mut events)?;
                self.note(&events);
                let whole = self.whole;
                if let Form::Stream { writer: Some(writer), held, .. } = &mut self.form {
                    for event in held.drain(..).chain(events) {
                        writer.event(&event, &mut out);
                    }
                    if whole {
                        // Some vendors end a stream properly and never say why they stopped.
                        if !self.stopped && self.fault.is_none() {
                            let stop = if self.called { Stop::ToolCalls } else { Stop::End };
                            writer.event(&Event::Stop { choice: 0, stop, stop_text: None }, &mut out);
                        }
                        if let (None, Some(told)) = (self.usage, self.told) {
                            writer.event(&Event::Usage(told), &mut out);
                        }
                        writer.end(&mut out);
                    }
                }
            }
            Form::Folded { pipe, fold } => {
                let whole = pipe.end(&mut events)?;
                events.iter().for_each(|event| fold.push(event));
                let fold = std::mem::take(fold);
                self.note(&events);
                self.whole = whole;
                if self.fault.is_none() && whole {
                    let mut reply = fold.finish();
                    reply.usage = reply.usage.or(self.told);
                    out = self.to.write_reply(&reply, &self.echo).into_bytes();
                }
            }
            Form::Whole { body, stream } => {
                let (body, stream) = (std::mem::take(body), *stream);
                let mut reply = match self.from.read_reply(&body, &self.asked) {
                    Ok(reply) => reply,
                    Err(error) => {
                        log::debug!("an answer that is none: {error}");
                        self.fault = Some(hidden(&body).ok_or(error)?);
                        return Ok(Bytes::new());
                    }
                };
                self.whole = true;
                reply.usage = reply.usage.or(self.told);
                let events = reply.events();
                self.note(&events);
                self.usage = reply.usage;
                self.content = true;
                out = match (stream, self.passing) {
                    (false, Passing::Translated) => self.to.write_reply(&reply, &self.echo).into_bytes(),
                    (false, _) => body,
                    (true, _) => {
                        let mut writer = self.to.writer(self.echo.clone());
                        events.iter().for_each(|event| writer.event(event, &mut out));
                        writer.end(&mut out);
                        out
                    }
                };
            }
        }
        Ok(Bytes::from(out))
    }

    /// What the books and the counters need of the events.
    fn note(&mut self, events: &[Event]) {
        for event in events {
            match event {
                Event::Start { usage, .. } => self.usage = self.usage.or(*usage),
                Event::Stop { .. } => self.stopped = true,
                Event::Usage(usage) => self.usage = Some(*usage),
                Event::Fault(fault) => self.fault = Some(fault.clone()),
                Event::Text { text, .. }
                | Event::Refusal { text, .. }
                | Event::Reasoning { text, .. }
                | Event::CallArguments { text, .. } => self.keep(text),
                Event::CallStart { name, .. } => {
                    self.called = true;
                    self.keep(name);
                }
                Event::Media { part, .. } => {
                    self.content = true;
                    if let Body::Image { .. } | Body::Audio(_) = part.body {
                        self.events += 1;
                    }
                }
                Event::ReasoningEnd { .. }
                | Event::Annotation { .. }
                | Event::CallEnd { .. }
                | Event::Logprobs { .. }
                | Event::Opaque { .. } => {}
            }
        }
    }

    fn keep(&mut self, text: &str) {
        self.content |= !text.is_empty();
        self.events += 1;
        self.text_bytes += text.len() as u64;
        if self.text.len() + text.len() <= TEXT_MAX {
            self.text.push_str(text);
        } else {
            self.text_overflow += text.len() as u64;
        }
    }
}

/// A frame of another framing as a server-sent event, named like Anthropic's by its own type.
fn event(frame: &Frame, out: &mut Vec<u8>) {
    #[derive(serde::Deserialize)]
    struct Typed {
        r#type: String,
    }
    if let Ok(Typed { r#type }) = serde_json::from_slice(&frame.data) {
        out.extend_from_slice(format!("event: {}\n", r#type.replace(['\r', '\n'], "")).as_bytes());
    }
    out.extend_from_slice(b"data: ");
    out.extend_from_slice(&frame.data);
    out.extend_from_slice(b"\n\n");
}

//! What every chat dialect offers: pure translation between its JSON and the canonical chat. No clock, no
//! socket, no panic, no log.

use crate::WireError;
use crate::chat::{ChatReply, ChatRequest, Event, Losses};
use crate::frame::{Caps, Frame, Framer, Framing};
use bytes::Bytes;

/// Whom a request is written for.
#[derive(Debug, Clone)]
pub struct To<'a> {
    /// The vendor's name for the model.
    pub model: &'a str,
    /// The channel's type.
    pub kind: u16,
    /// What an answer may have where the dialect demands a limit and the caller gave none.
    pub default_max_output: u64,
}

/// What the answer to a caller needs of their request, and of us.
#[derive(Debug, Clone, Default)]
pub struct Echo {
    /// The model as the caller named it.
    pub model: String,
    /// Our id of the call; ids of the answer are made from the vendor's, or from this where it has none.
    pub request_id: String,
    /// Unix seconds, for dialects that tell the time.
    pub created: i64,
    /// A streamed answer ends with a chunk of usage.
    pub wants_usage: bool,
    /// The request in canonical form, for dialects that repeat parts of it (Responses).
    pub request: Option<std::sync::Arc<ChatRequest>>,
}

/// What the reader of an answer may need of the request that was sent.
#[derive(Debug, Clone, Default)]
pub struct Asked {
    /// The vendor's name for the model.
    pub model: String,
    /// The request in canonical form; `None` where the caller's own bytes were sent.
    pub request: Option<std::sync::Arc<ChatRequest>>,
}

/// A dialect that callers speak. Implementations are unit structs, one per dialect.
pub trait FaceCodec: Sync {
    /// Reads a caller's request. `model` is the one in the path, where the dialect has it there.
    fn read_request(&self, body: &[u8], model: Option<&str>) -> Result<ChatRequest, WireError>;

    /// Writes a whole answer for a caller.
    fn write_reply(&self, reply: &ChatReply, echo: &Echo) -> String;

    /// Writes a stream for a caller.
    fn writer(&self, echo: Echo) -> Box<dyn EventWriter>;
}

/// A dialect that vendors speak. Implementations are unit structs, one per dialect.
pub trait VendorCodec: Sync {
    /// Writes a request for a vendor. Errors are faults of the request: what can neither be said nor left out.
    fn write_request(&self, chat: &ChatRequest, to: &To<'_>, lost: &mut Losses) -> Result<String, WireError>;

    /// Reads a vendor's whole answer. An answer that is an error is an error.
    fn read_reply(&self, body: &[u8], asked: &Asked) -> Result<ChatReply, WireError>;

    /// Follows a vendor's stream.
    fn reader(&self, asked: &Asked) -> Box<dyn EventReader>;

    /// Whether the vendor fetches pictures from an address by itself; else it must be given their bytes.
    fn fetches(&self) -> bool {
        true
    }

    /// How the vendor's stream is cut into frames.
    fn framing(&self) -> Framing {
        Framing::Sse
    }
}

/// Turns a vendor's frames into events. Any split of the bytes into frames that the framer makes is the same
/// stream; unknown frames are ignored.
pub trait EventReader: Send + Sync {
    /// Takes the next frame. A frame that can't be read is an error: the answer would be incomplete.
    fn frame(&mut self, frame: &Frame, out: &mut Vec<Event>) -> Result<(), WireError>;

    /// The body has ended. True when the stream had said that it was over: else it was cut off.
    fn end(&mut self, out: &mut Vec<Event>) -> bool;
}

/// Turns events into a caller's stream.
pub trait EventWriter: Send + Sync {
    /// Takes the next event; the bytes it makes are appended to `out`.
    fn event(&mut self, event: &Event, out: &mut Vec<u8>);

    /// The stream is over: writes the terminal event, once. After [`Event::Fault`] there is nothing to write.
    fn end(&mut self, out: &mut Vec<u8>);
}

/// A codec's reader over bytes in pieces of any size.
pub struct Pipe {
    framer: Framer,
    frames: Vec<Frame>,
    reader: Box<dyn EventReader>,
}

impl Pipe {
    pub fn new(reader: Box<dyn EventReader>, framing: Framing, caps: Caps) -> Pipe {
        Pipe { framer: Framer::new(framing, caps), frames: Vec::new(), reader }
    }

    pub fn push(&mut self, piece: Bytes, out: &mut Vec<Event>) -> Result<(), WireError> {
        self.push_seen(piece, out, |_| {})
    }

    /// [`push`](Pipe::push) that shows each frame with data.
    pub fn push_seen(
        &mut self,
        piece: Bytes,
        out: &mut Vec<Event>,
        seen: impl FnMut(&Frame),
    ) -> Result<(), WireError> {
        let cut = self.framer.push(piece, &mut self.frames);
        self.drain(out, seen)?;
        cut
    }

    /// The end of the body; true when the stream was whole.
    pub fn end(&mut self, out: &mut Vec<Event>) -> Result<bool, WireError> {
        self.framer.finish(&mut self.frames);
        // A last frame that was cut in the middle is no frame.
        let tail = self.drain(out, |_| {});
        let whole = self.reader.end(out);
        if whole { Ok(true) } else { tail.map(|()| false).or(Ok(false)) }
    }

    fn drain(&mut self, out: &mut Vec<Event>, mut seen: impl FnMut(&Frame)) -> Result<(), WireError> {
        for frame in self.frames.drain(..) {
            if frame.has_data && !frame.data.is_empty() {
                seen(&frame);
                self.reader.frame(&frame, out)?;
            }
        }
        Ok(())
    }
}

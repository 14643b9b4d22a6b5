//! A vendor's answer, read whole and as a stream, and written for every caller.

use crate::{contract, frames, must_be_json, pieces, written};
use bytes::Bytes;
use magic_domain::endpoint::Endpoint;
use magic_wire::chat::{Dialect, Event};
use magic_wire::codec::{Asked, Echo, Pipe, VendorCodec};
use magic_wire::dialect;
use magic_wire::fault::read_fault;
use magic_wire::frame::{Caps, Framing};

/// The dialects of callers.
pub const FACES: &[(Dialect, Endpoint)] = &[
    (Dialect::OpenAiChat, Endpoint::Chat),
    (Dialect::OpenAiChat, Endpoint::Completions),
    (Dialect::OpenAiChat, Endpoint::Edits),
    (Dialect::OpenAiResponses, Endpoint::Responses),
    (Dialect::Anthropic, Endpoint::Raw),
    (Dialect::Gemini, Endpoint::Raw),
];

fn asked() -> Asked {
    Asked { model: "m".to_owned(), request: None }
}

fn echo() -> Echo {
    Echo {
        model: "asked".to_owned(),
        request_id: "r-1".to_owned(),
        created: 1_700_000_000,
        wants_usage: true,
        request: None,
    }
}

/// What must hold for the bytes of an answer. See [`pieces`] for the layout of an input.
pub fn check(codec: &dyn VendorCodec, data: &[u8]) {
    let Some((body, cut)) = pieces(data) else { return };
    if let Ok(reply) = codec.read_reply(&body, &asked()) {
        assert_eq!(codec.read_reply(&body, &asked()).as_ref(), Ok(&reply), "read twice, read otherwise");
        for (dialect, endpoint) in FACES {
            let Some(face) = dialect::face(*dialect, *endpoint) else { continue };
            let text = face.write_reply(&reply, &echo());
            assert_eq!(text, face.write_reply(&reply, &echo()), "{endpoint:?} wrote it otherwise");
            must_be_json(&text, &format!("{dialect:?} {endpoint:?}"));
        }
        tell(&reply.events(), "a whole answer");
    }
    stream(codec, &body, &cut);
    if codec.framing() == Framing::EventStream {
        // Random bytes have no checksums: the same input as lines of `type payload`.
        let whole = Bytes::from(frames::messages(&body));
        let size = whole.len() / cut.len().max(1) + 1;
        let cut: Vec<Bytes> = whole.chunks(size).map(Bytes::copy_from_slice).collect();
        stream(codec, &whole, &cut);
    }
}

fn stream(codec: &dyn VendorCodec, body: &Bytes, cut: &[Bytes]) {
    let (mut events, end) = follow(codec, std::slice::from_ref(body));
    let (others, other_end) = follow(codec, cut);
    assert_eq!((&events, &end), (&others, &other_end), "the cut stream is another one");
    if end != Ok(true) && !matches!(events.last(), Some(Event::Fault(_))) {
        events.push(Event::Fault(read_fault(502, b"")));
    }
    tell(&events, "a stream");
}

fn follow(codec: &dyn VendorCodec, pieces: &[Bytes]) -> (Vec<Event>, Result<bool, String>) {
    let mut pipe = Pipe::new(codec.reader(&asked()), codec.framing(), Caps::default());
    let mut events = Vec::new();
    for piece in pieces {
        if let Err(error) = pipe.push(piece.clone(), &mut events) {
            return (events, Err(error.message));
        }
    }
    let end = pipe.end(&mut events).map_err(|error| error.message);
    (events, end)
}

fn tell(events: &[Event], what: &str) {
    contract::check(events, what);
    for (dialect, endpoint) in FACES {
        let Some(face) = dialect::face(*dialect, *endpoint) else { continue };
        let mut writer = face.writer(echo());
        let mut out = Vec::new();
        events.iter().for_each(|event| writer.event(event, &mut out));
        writer.end(&mut out);
        written::check(*dialect, *endpoint, &out);
    }
}

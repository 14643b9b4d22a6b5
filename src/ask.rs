//! One chat with a channel outside the proxy's filters, unbilled: what its test and its conformance check are
//! made of. It goes the way a caller's chat would: the same codec, credential, parameters and connection.

use crate::fetch::{self, Exchange, open};
use crate::gateway::Gateway;
use crate::proxy::attempt;
use bytes::Bytes;
use magic_domain::channel::Channel;
use magic_domain::endpoint::Endpoint;
use magic_wire::WireError;
use magic_wire::chat::{ChatReply, ChatRequest, Dialect, Fold, Loss, Losses};
use magic_wire::codec::{Asked, Pipe, VendorCodec};
use magic_wire::dialect;
use magic_wire::fault::{VendorFault, hidden, read_fault};
use magic_wire::frame::{Caps, Framing};
use magic_wire::vendors::{Host, Outbound, outbound, target};

/// Of an answer so many bytes are read.
const ANSWER_MAX: usize = 1 << 20;

/// What came of a chat.
pub struct Told {
    pub reply: ChatReply,
    /// The vendor answered with a stream.
    pub streamed: bool,
    /// The answer ended as its dialect says it should.
    pub whole: bool,
    /// What of the request could not be said to the vendor.
    pub lost: Vec<Loss>,
    /// The request as the vendor got it.
    pub sent: Bytes,
}

/// Why a chat gave nothing.
pub enum Trouble {
    /// The channel's type takes no chats.
    NoChat,
    /// The vendor's dialect has no words for the request.
    Unsayable(String),
    /// The vendor's error and its status; 200 where the error came in place of an answer.
    Refused(u16, Box<VendorFault>),
    /// No answer, or one that can't be read.
    Broken(String),
}

impl std::fmt::Display for Trouble {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Trouble::NoChat => f.write_str("the channel's type can't be tested with a chat call"),
            Trouble::Unsayable(why) | Trouble::Broken(why) => f.write_str(why),
            Trouble::Refused(status, fault) => write!(f, "status {status}: {}", fault.message),
        }
    }
}

/// How chats are put to a channel.
pub fn way(channel: &Channel, upstream_model: &str) -> Option<(Outbound, &'static dyn VendorCodec)> {
    let outbound = outbound(channel.kind, Endpoint::Chat, Dialect::OpenAiChat, upstream_model)?;
    Some((outbound, dialect::vendor(outbound.dialect)?))
}

/// Asks the channel. `upstream_model` is the vendor's name of the model; `max_output` tokens are allowed where
/// the dialect demands a limit. There is no deadline but the connection's own.
///
/// # Errors
/// See [`Trouble`].
pub async fn ask(
    gateway: &Gateway,
    channel: &Channel,
    upstream_model: &str,
    mut chat: ChatRequest,
    max_output: u64,
) -> Result<Told, Trouble> {
    let (outbound, codec) = way(channel, upstream_model).ok_or(Trouble::NoChat)?;
    let unsayable = |error: WireError| Trouble::Unsayable(error.message);
    let broken = |error: WireError| Trouble::Broken(error.message);
    chat.origin = Some(outbound.dialect);
    let mut lost = Losses::default();
    let rope = attempt::written(&chat, channel, upstream_model, outbound, max_output, &mut lost)
        .map_err(unsayable)?;
    let path = crate::proxy::route::canonical_path(outbound.endpoint);
    let mut target = target(channel, outbound, upstream_model, path, chat.stream).map_err(broken)?;
    let signed = crate::credentials::sign(gateway, channel, &target, &rope).await.map_err(Trouble::Broken)?;
    let elsewhere = attempt::moved(&chat, upstream_model, outbound, &target.path_and_query);
    target.headers.extend(signed.headers);
    if let Some(path) = signed.path_and_query.or(elsewhere) {
        target.path_and_query = path;
    }
    let mut headers =
        vec![("accept".to_owned(), if chat.stream { "text/event-stream" } else { "*/*" }.to_owned())];
    if target.bridge {
        headers.push(("x-magic-edge".to_owned(), gateway.edge_secret.clone()));
        headers.push(("x-magic-stream".to_owned(), u8::from(chat.stream).to_string()));
    }
    let sent = rope.concat();
    let ask =
        fetch::Ask { method: http::Method::POST, target: &target, headers: &headers, body: sent.clone() };
    let mut answer = open(gateway, channel, ask).await.map_err(Trouble::Broken)?;
    let framing = match outbound.host {
        Host::Bedrock => Framing::EventStream,
        _ => codec.framing(),
    };
    let streamed = chat.stream && answer.status == 200 && is_stream(&answer);
    let asked = Asked { model: upstream_model.to_owned(), request: Some(std::sync::Arc::new(chat)) };
    let (reply, whole) = match streamed {
        true => follow(&mut answer, Pipe::new(codec.reader(&asked), framing, Caps::default())).await?,
        false => (read(&mut answer, codec, &asked).await?, true),
    };
    Ok(Told { reply, streamed, whole, lost: lost.0, sent })
}

fn is_stream(answer: &Exchange) -> bool {
    let kind = answer.header("content-type").unwrap_or_default().trim_start().to_ascii_lowercase();
    ["text/event-stream", "application/x-ndjson", "application/vnd.amazon.eventstream"]
        .iter()
        .any(|stream| kind.starts_with(stream))
}

async fn read(answer: &mut Exchange, codec: &dyn VendorCodec, asked: &Asked) -> Result<ChatReply, Trouble> {
    let status = answer.status;
    let body = answer.body(ANSWER_MAX).await.map_err(Trouble::Broken)?;
    if status != 200 {
        return Err(Trouble::Refused(status, Box::new(read_fault(status, &body))));
    }
    codec.read_reply(&body, asked).map_err(|error| match hidden(&body) {
        Some(fault) => Trouble::Refused(status, Box::new(fault)),
        None => Trouble::Broken(error.message),
    })
}

/// Reads a stream to its end; false: it was cut off.
async fn follow(answer: &mut Exchange, mut pipe: Pipe) -> Result<(ChatReply, bool), Trouble> {
    let broken = |error: WireError| Trouble::Broken(error.message);
    let mut fold = Fold::default();
    let mut events = Vec::new();
    let mut length = 0;
    while let Some(piece) = answer.piece().await.map_err(Trouble::Broken)? {
        length += piece.len();
        if length > ANSWER_MAX {
            return Err(Trouble::Broken("the answer is too long".into()));
        }
        pipe.push(piece, &mut events).map_err(broken)?;
        events.drain(..).for_each(|event| fold.push(&event));
    }
    let whole = pipe.end(&mut events).map_err(broken)?;
    events.iter().for_each(|event| fold.push(event));
    match fold.fault.take() {
        Some(fault) => Err(Trouble::Refused(200, Box::new(fault))),
        None => Ok((fold.finish(), whole)),
    }
}

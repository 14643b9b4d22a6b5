//! Embeddings and rerank of vendors that have words of their own for them, in the caller's shape.

use super::attempt::embed_ask;
use super::context::Call;
use bytes::Bytes;
use magic_domain::endpoint::Endpoint;
use magic_domain::usage::Usage;
use magic_wire::chat::Dialect;
use magic_wire::{WireError, side};

/// An answer for the caller, and what it used.
pub struct Written {
    pub body: Bytes,
    pub usage: Option<Usage>,
}

/// Reads the vendor's answer and writes the caller's.
pub fn write(call: &Call, body: &[u8]) -> Result<Written, WireError> {
    let unspoken = || WireError::new("the channel's type can't serve this call");
    let current = call.current.as_ref().ok_or_else(unspoken)?;
    let codec = side::side(current.outbound.side.ok_or_else(unspoken)?);
    if call.endpoint == Endpoint::Rerank {
        let ask = side::read_rerank(&call.body)?;
        let ranked = codec.read_ranked(body)?;
        let written = side::write_ranked(&ranked, &ask, &call.model);
        return Ok(Written { body: Bytes::from(written), usage: ranked.usage });
    }
    let ask = embed_ask(call)?;
    let embedded = codec.read_embedded(body)?.checked(ask.inputs.len())?;
    let written = match call.face {
        Dialect::Gemini => side::write_gemini_embedded(&embedded, call.batch),
        _ => side::write_embedded(&embedded, ask.base64, &call.model),
    };
    Ok(Written { body: Bytes::from(written), usage: embedded.usage })
}

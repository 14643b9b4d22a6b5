//! Ollama's `/api/embed`.

use super::{EmbedRequest, Embedded, SideCodec, fault, tokens, unreadable, vector, vectors};
use crate::WireError;
use crate::json::{Members, object};

pub(super) struct Ollama;

impl SideCodec for Ollama {
    fn embed_request(&self, ask: &EmbedRequest, model: &str) -> Result<String, WireError> {
        Ok(object(|o| {
            o.text("model", model);
            o.list("input", |l| ask.inputs.iter().for_each(|text| l.item().text(text)));
            o.opt_int("dimensions", ask.dimensions);
        }))
    }

    fn read_embedded(&self, body: &[u8]) -> Result<Embedded, WireError> {
        let mut m = Members::of_body(body)?;
        let all = match (m.take("embeddings"), m.take("embedding")) {
            (Some(raw), _) => vectors(raw).ok_or_else(unreadable)?,
            // The route that was there before.
            (None, Some(raw)) => vec![vector(raw).ok_or_else(unreadable)?],
            (None, None) => return Err(fault(body)),
        };
        Ok(Embedded {
            vectors: all,
            usage: tokens(m.count("prompt_eval_count")?),
            model: m.text("model")?.unwrap_or_default(),
        })
    }
}

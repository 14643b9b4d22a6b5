//! HuggingFace's text embeddings inference. A server has one model.

use super::{EmbedRequest, Embedded, Ranked, RerankRequest, SideCodec, fault, results, vectors};
use crate::WireError;
use crate::json::object;
use serde_json::value::RawValue;

pub(super) struct Tei;

impl SideCodec for Tei {
    fn embed_request(&self, ask: &EmbedRequest, _model: &str) -> Result<String, WireError> {
        Ok(object(|o| {
            o.list("inputs", |l| ask.inputs.iter().for_each(|text| l.item().text(text)));
            o.opt_int("dimensions", ask.dimensions);
        }))
    }

    fn read_embedded(&self, body: &[u8]) -> Result<Embedded, WireError> {
        let raw: &RawValue = serde_json::from_slice(body).map_err(|_| fault(body))?;
        let vectors = vectors(raw).ok_or_else(|| fault(body))?;
        Ok(Embedded { vectors, ..Embedded::default() })
    }

    fn rerank_request(&self, ask: &RerankRequest, _model: &str) -> Result<String, WireError> {
        Ok(object(|o| {
            o.text("query", &ask.query);
            o.list("texts", |l| ask.documents.iter().for_each(|text| l.item().text(text)));
        }))
    }

    fn read_ranked(&self, body: &[u8]) -> Result<Ranked, WireError> {
        let items: Vec<&RawValue> = serde_json::from_slice(body).map_err(|_| fault(body))?;
        Ok(Ranked { results: results(items, &["score"])?, ..Ranked::default() })
    }
}

//! OpenAI's embeddings; rerankings as Jina, Voyage and their kin have them.

use super::{EmbedRequest, Embedded, Ranked, RerankRequest, SideCodec, fault, in_order, placed, results};
use crate::WireError;
use crate::json::{Members, object};
use magic_domain::endpoint::Endpoint;
use magic_domain::usage::Usage;
use serde_json::value::RawValue;

pub(super) struct OpenAi;

impl SideCodec for OpenAi {
    fn embed_request(&self, ask: &EmbedRequest, model: &str) -> Result<String, WireError> {
        Ok(object(|o| {
            o.text("model", model);
            o.list("input", |l| ask.inputs.iter().for_each(|text| l.item().text(text)));
            o.opt_int("dimensions", ask.dimensions);
            o.text("encoding_format", "float");
            o.opt_text("user", ask.user.as_deref());
        }))
    }

    fn read_embedded(&self, body: &[u8]) -> Result<Embedded, WireError> {
        listed(body, "embedding")
    }

    fn rerank_request(&self, ask: &RerankRequest, model: &str) -> Result<String, WireError> {
        Ok(ranking(ask, Some(model)))
    }

    fn read_ranked(&self, body: &[u8]) -> Result<Ranked, WireError> {
        let mut m = Members::of_body(body)?;
        let name = if m.peek("results").is_some() { "results" } else { "data" };
        if m.peek(name).is_none() {
            return Err(fault(body));
        }
        Ok(Ranked {
            results: results(m.list(name)?, &["relevance_score", "score"])?,
            usage: m.take("usage").and_then(usage),
            id: m.text("id")?.unwrap_or_default(),
            model: m.text("model")?.unwrap_or_default(),
        })
    }
}

/// The body that most rerankers take.
pub(super) fn ranking(ask: &RerankRequest, model: Option<&str>) -> String {
    object(|o| {
        o.opt_text("model", model);
        o.text("query", &ask.query);
        o.list("documents", |l| ask.documents.iter().for_each(|text| l.item().text(text)));
        o.opt_int("top_n", ask.top_n);
    })
}

/// Vectors in a `data` list; `vector` is the name each has there.
pub(super) fn listed(body: &[u8], vector: &str) -> Result<Embedded, WireError> {
    let mut m = Members::of_body(body)?;
    if m.peek("data").is_none() {
        return Err(fault(body));
    }
    let items = m.list("data")?.into_iter().enumerate();
    let all: Result<Vec<_>, WireError> = items.map(|(at, raw)| placed(raw, at, "index", vector)).collect();
    Ok(Embedded {
        vectors: in_order(all?),
        usage: m.take("usage").and_then(usage),
        model: m.text("model")?.unwrap_or_default(),
    })
}

pub(super) fn usage(raw: &RawValue) -> Option<Usage> {
    crate::usage::read(Endpoint::Embeddings, &serde_json::from_str(raw.get()).ok()?)
}

//! DashScope's own routes.

use super::{
    EmbedRequest, Embedded, Ranked, RerankRequest, SideCodec, fault, fits, in_order, openai, placed, results,
};
use crate::WireError;
use crate::json::{Members, object};

pub(super) struct DashScope;

impl SideCodec for DashScope {
    fn most_inputs(&self, model: &str) -> usize {
        if model.ends_with("-v1") || model.ends_with("-v2") { 25 } else { 10 }
    }

    fn embed_request(&self, ask: &EmbedRequest, model: &str) -> Result<String, WireError> {
        fits(ask, self.most_inputs(model))?;
        let kind = match ask.task.as_deref() {
            Some("RETRIEVAL_QUERY" | "QUESTION_ANSWERING" | "FACT_VERIFICATION") => Some("query"),
            Some("RETRIEVAL_DOCUMENT") => Some("document"),
            _ => None,
        };
        Ok(object(|o| {
            o.text("model", model);
            o.object("input", |o| {
                o.list("texts", |l| ask.inputs.iter().for_each(|text| l.item().text(text)));
            });
            if kind.is_some() || ask.dimensions.is_some() {
                o.object("parameters", |o| {
                    o.opt_text("text_type", kind);
                    o.opt_int("dimension", ask.dimensions);
                });
            }
        }))
    }

    fn read_embedded(&self, body: &[u8]) -> Result<Embedded, WireError> {
        let mut m = Members::of_body(body)?;
        let mut output = m.object("output")?.ok_or_else(|| fault(body))?;
        if output.peek("embeddings").is_none() {
            return Err(fault(body));
        }
        let items = output.list("embeddings")?.into_iter().enumerate();
        let all: Result<Vec<_>, WireError> =
            items.map(|(at, raw)| placed(raw, at, "text_index", "embedding")).collect();
        let usage = m.take("usage").and_then(openai::usage);
        Ok(Embedded { vectors: in_order(all?), usage, model: String::new() })
    }

    fn rerank_request(&self, ask: &RerankRequest, model: &str) -> Result<String, WireError> {
        Ok(object(|o| {
            o.text("model", model);
            o.object("input", |o| {
                o.text("query", &ask.query);
                o.list("documents", |l| ask.documents.iter().for_each(|text| l.item().text(text)));
            });
            o.object("parameters", |o| {
                o.opt_int("top_n", ask.top_n);
                // The caller's own documents are at hand.
                o.flag("return_documents", false);
            });
        }))
    }

    fn read_ranked(&self, body: &[u8]) -> Result<Ranked, WireError> {
        let mut m = Members::of_body(body)?;
        let mut output = m.object("output")?.ok_or_else(|| fault(body))?;
        if output.peek("results").is_none() {
            return Err(fault(body));
        }
        Ok(Ranked {
            results: results(output.list("results")?, &["relevance_score"])?,
            usage: m.take("usage").and_then(openai::usage),
            id: m.text("request_id")?.unwrap_or_default(),
            model: String::new(),
        })
    }
}

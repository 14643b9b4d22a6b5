//! Cohere's second version.

use super::{
    EmbedRequest, Embedded, Ranked, RerankRequest, SideCodec, fault, fits, openai, results, unreadable,
    vectors,
};
use crate::WireError;
use crate::json::{Members, Object, object};
use magic_domain::usage::{Bucket, Usage};
use serde_json::value::RawValue;

pub(super) struct Cohere;

impl SideCodec for Cohere {
    fn most_inputs(&self, _model: &str) -> usize {
        96
    }

    fn embed_request(&self, ask: &EmbedRequest, model: &str) -> Result<String, WireError> {
        fits(ask, self.most_inputs(model))?;
        Ok(object(|o| {
            o.text("model", model);
            texts(ask, o);
            o.list("embedding_types", |l| l.item().text("float"));
            o.opt_int("output_dimension", ask.dimensions);
        }))
    }

    fn read_embedded(&self, body: &[u8]) -> Result<Embedded, WireError> {
        read(body)
    }

    fn rerank_request(&self, ask: &RerankRequest, model: &str) -> Result<String, WireError> {
        Ok(openai::ranking(ask, Some(model)))
    }

    fn read_ranked(&self, body: &[u8]) -> Result<Ranked, WireError> {
        let mut m = Members::of_body(body)?;
        if m.peek("results").is_none() {
            return Err(fault(body));
        }
        Ok(Ranked {
            results: results(m.list("results")?, &["relevance_score"])?,
            usage: billed(&mut m)?,
            id: m.text("id")?.unwrap_or_default(),
            model: String::new(),
        })
    }
}

/// The texts and what their vectors are for.
pub(super) fn texts(ask: &EmbedRequest, o: &mut Object<'_>) {
    let kind = match ask.task.as_deref() {
        Some("RETRIEVAL_QUERY" | "QUESTION_ANSWERING" | "FACT_VERIFICATION" | "CODE_RETRIEVAL_QUERY") => {
            "search_query"
        }
        Some("CLASSIFICATION") => "classification",
        Some("CLUSTERING" | "SEMANTIC_SIMILARITY") => "clustering",
        // Without a word about it, vectors are for keeping.
        _ => "search_document",
    };
    o.text("input_type", kind);
    o.list("texts", |l| ask.inputs.iter().for_each(|text| l.item().text(text)));
}

/// Vectors by their types, or as the first version has them.
pub(super) fn read(body: &[u8]) -> Result<Embedded, WireError> {
    let mut m = Members::of_body(body)?;
    let raw = m.take("embeddings").ok_or_else(|| fault(body))?;
    let raw: &RawValue = match raw.get().starts_with('{') {
        true => Members::of(raw, "embeddings")?.take("float").ok_or_else(unreadable)?,
        false => raw,
    };
    Ok(Embedded {
        vectors: vectors(raw).ok_or_else(unreadable)?,
        usage: billed(&mut m)?,
        model: String::new(),
    })
}

fn billed(m: &mut Members<'_>) -> Result<Option<Usage>, WireError> {
    let Some(mut meta) = m.object("meta")? else { return Ok(None) };
    let Some(mut billed) = meta.object("billed_units")? else { return Ok(None) };
    let usage = [
        ("input_tokens", Bucket::Input),
        ("image_tokens", Bucket::ImageIn),
        ("search_units", Bucket::Request),
    ];
    let mut all = None;
    for (name, bucket) in usage {
        if let Some(units) = billed.number(name)?.filter(|units| (0.0..1e9).contains(units)) {
            all = Some(all.unwrap_or(Usage::default()).with(bucket, units as u64));
        }
    }
    Ok(all)
}

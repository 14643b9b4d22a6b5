//! Models of AWS Bedrock that are invoked with bodies of their own. The model stands in the path.

use super::{
    EmbedRequest, Embedded, Ranked, RerankRequest, SideCodec, cohere, fault, fits, one_size, openai, results,
    tokens, unreadable, vector,
};
use crate::WireError;
use crate::json::{Members, object};

pub(super) struct Bedrock;

impl SideCodec for Bedrock {
    fn most_inputs(&self, model: &str) -> usize {
        if model.contains("cohere.embed") { 96 } else { 1 }
    }

    fn embed_request(&self, ask: &EmbedRequest, model: &str) -> Result<String, WireError> {
        fits(ask, self.most_inputs(model))?;
        if model.contains("cohere.embed") {
            // The third generation has one size, and refuses a word about it.
            if model.contains("-v3") {
                one_size(ask)?;
            }
            return Ok(object(|o| {
                cohere::texts(ask, o);
                o.opt_int("output_dimension", ask.dimensions);
            }));
        }
        if !model.contains("titan-embed") {
            return Err(WireError::at("the embeddings of this model are not known", "model"));
        }
        if !model.contains("titan-embed-text-v2") {
            one_size(ask)?;
        }
        let text = ask.inputs.first().map(String::as_str).unwrap_or_default();
        Ok(object(|o| {
            o.text("inputText", text);
            o.opt_int("dimensions", ask.dimensions);
        }))
    }

    fn read_embedded(&self, body: &[u8]) -> Result<Embedded, WireError> {
        let mut m = Members::of_body(body)?;
        let Some(raw) = m.take("embedding") else { return cohere::read(body) };
        let vector = vector(raw).ok_or_else(unreadable)?;
        let usage = tokens(m.count("inputTextTokenCount")?);
        Ok(Embedded { vectors: vec![vector], usage, model: String::new() })
    }

    fn rerank_request(&self, ask: &RerankRequest, model: &str) -> Result<String, WireError> {
        if !model.contains("rerank") {
            return Err(WireError::at("this model ranks no documents", "model"));
        }
        let text = openai::ranking(ask, None);
        if !model.contains("cohere") {
            return Ok(text);
        }
        // Cohere's model asks which of its versions is spoken.
        Ok(format!("{},\"api_version\":2}}", text.strip_suffix('}').unwrap_or(&text)))
    }

    fn read_ranked(&self, body: &[u8]) -> Result<Ranked, WireError> {
        let mut m = Members::of_body(body)?;
        if m.peek("results").is_none() {
            return Err(fault(body));
        }
        let results = results(m.list("results")?, &["relevance_score", "relevanceScore"])?;
        Ok(Ranked { results, ..Ranked::default() })
    }
}

//! Google's: Gemini's batches, and Vertex AI's predictions.

use super::{EmbedRequest, Embedded, SideCodec, fault, fits, placed, tokens, unreadable};
use crate::WireError;
use crate::dialect::gemini::embed::{Ask, Encoding, Vectors};
use crate::json::{Members, object};

pub(super) struct Gemini;

impl SideCodec for Gemini {
    fn most_inputs(&self, _model: &str) -> usize {
        100
    }

    fn embed_request(&self, ask: &EmbedRequest, model: &str) -> Result<String, WireError> {
        fits(ask, self.most_inputs(model))?;
        Ok(googles(ask).gemini_batch(model))
    }

    fn read_embedded(&self, body: &[u8]) -> Result<Embedded, WireError> {
        contents(body)
    }
}

/// Vertex AI's method for a model's embeddings, as it stands at the end of the path.
pub fn vertex_method(model: &str) -> &'static str {
    if model.starts_with("gemini-embedding-") && !model.starts_with("gemini-embedding-001") {
        "embedContent"
    } else {
        "predict"
    }
}

pub(super) struct Vertex;

impl SideCodec for Vertex {
    fn most_inputs(&self, model: &str) -> usize {
        if model.starts_with("gemini-embedding") { 1 } else { 250 }
    }

    fn embed_request(&self, ask: &EmbedRequest, model: &str) -> Result<String, WireError> {
        fits(ask, self.most_inputs(model))?;
        if vertex_method(model) == "embedContent" {
            return Ok(googles(ask).gemini_single().swap_remove(0));
        }
        Ok(object(|o| {
            o.list("instances", |l| {
                for text in &ask.inputs {
                    l.object(|o| {
                        o.text("content", text);
                        o.opt_text("task_type", ask.task.as_deref());
                        o.opt_text("title", ask.title.as_deref());
                    });
                }
            });
            if let Some(dimensions) = ask.dimensions {
                o.object("parameters", |o| o.int("outputDimensionality", dimensions));
            }
        }))
    }

    fn read_embedded(&self, body: &[u8]) -> Result<Embedded, WireError> {
        let mut m = Members::of_body(body)?;
        if m.peek("predictions").is_none() {
            return contents(body);
        }
        let (mut vectors, mut count) = (Vec::new(), None);
        for (at, raw) in m.list("predictions")?.into_iter().enumerate() {
            let raw = Members::of(raw, "predictions")?.take("embeddings").ok_or_else(|| fault(body))?;
            vectors.push(placed(raw, at, "index", "values")?.1);
            if let Some(mut statistics) = Members::of(raw, "embeddings")?.object("statistics")?
                && let Some(tokens) = statistics.count("token_count")?
            {
                count = Some(tokens.saturating_add(count.unwrap_or(0)));
            }
        }
        Ok(Embedded { vectors, usage: tokens(count), model: String::new() })
    }
}

fn googles(ask: &EmbedRequest) -> Ask {
    Ask {
        texts: ask.inputs.clone(),
        dimensions: ask.dimensions,
        encoding: Encoding::Numbers,
        task: ask.task.clone(),
        title: ask.title.clone(),
    }
}

fn contents(body: &[u8]) -> Result<Embedded, WireError> {
    let m = Members::of_body(body)?;
    if m.peek("embeddings").is_none() && m.peek("embedding").is_none() {
        return Err(fault(body));
    }
    let read = Vectors::of_gemini(body)?;
    let number = |text: &String| text.parse::<f32>().ok().filter(|number| number.is_finite());
    let vectors: Option<Vec<Vec<f32>>> =
        read.values.iter().map(|vector| vector.iter().map(number).collect()).collect();
    let vectors = vectors.ok_or_else(unreadable)?;
    Ok(Embedded { vectors, usage: read.usage, model: String::new() })
}

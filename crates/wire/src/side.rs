//! Embeddings and rerankings between dialects: what a caller asks, read once, and what vendors' own routes make
//! of it. Callers speak OpenAI's `/v1/embeddings`, Google's `embedContent`, and `/v1/rerank` as Jina and Cohere
//! have it.

mod alibaba;
mod baidu;
mod bedrock;
mod cohere;
mod face;
mod google;
mod ollama;
mod openai;
mod tei;
mod tencent;

pub use face::{
    read_embed, read_gemini_embed, read_rerank, write_embedded, write_gemini_embedded, write_ranked,
};
pub use google::vertex_method;

use crate::WireError;
use crate::fault::read_fault;
use crate::json::{Members, list_of, text_of};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use magic_domain::usage::{Bucket, Usage};
use serde_json::value::RawValue;

/// A request for embeddings.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct EmbedRequest {
    /// As the caller named it; empty where it stands in the path.
    pub model: String,
    pub inputs: Vec<String>,
    /// Numbers per vector.
    pub dimensions: Option<u64>,
    /// The caller wants base64 instead of numbers.
    pub base64: bool,
    /// What the vectors are for, in Google's words: `RETRIEVAL_QUERY`, `RETRIEVAL_DOCUMENT`, `CLASSIFICATION`,
    /// `CLUSTERING`, `SEMANTIC_SIMILARITY`; others as the caller wrote them.
    pub task: Option<String>,
    pub title: Option<String>,
    pub user: Option<String>,
    /// Names of members that stand for nothing here.
    pub ignored: Vec<String>,
}

/// Vectors, in the order of the inputs.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Embedded {
    pub vectors: Vec<Vec<f32>>,
    pub usage: Option<Usage>,
    /// The vendor's name for the model; empty where it says none.
    pub model: String,
}

impl Embedded {
    /// The answer to so many inputs: an error if there are more or fewer vectors.
    pub fn checked(self, inputs: usize) -> Result<Embedded, WireError> {
        let count = self.vectors.len();
        if count == inputs {
            return Ok(self);
        }
        Err(WireError::new(format!("the vendor's answer has {count} embeddings instead of {inputs}")))
    }
}

/// A request to order documents by how well they answer a query.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RerankRequest {
    pub model: String,
    pub query: String,
    pub documents: Vec<String>,
    /// How many of them are wanted.
    pub top_n: Option<u64>,
    /// The documents shall stand in the answer.
    pub return_documents: bool,
    /// Names of members that stand for nothing here.
    pub ignored: Vec<String>,
}

/// Documents by their place in the request, with their scores.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Ranked {
    pub results: Vec<(usize, f64)>,
    /// Tokens, or with Cohere [`Bucket::Request`]: one for each search of up to 100 documents.
    pub usage: Option<Usage>,
    pub id: String,
    /// The vendor's name for the model; empty where it says none.
    pub model: String,
}

/// A vendor with routes of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SideVendor {
    /// OpenAI's embeddings and Jina's rerankings, for callers who speak Google's dialect.
    OpenAi,
    /// `/v2/embed`, `/v2/rerank`.
    Cohere,
    /// `/api/embed`.
    Ollama,
    /// `:batchEmbedContents`.
    Gemini,
    /// `:predict` or `:embedContent`, see [`vertex_method`].
    Vertex,
    /// `/services/embeddings/text-embedding/text-embedding`, `/services/rerank/text-rerank/text-rerank`.
    DashScope,
    /// Wenxin's first API: `/embeddings/{model}`, `/reranker/{model}`.
    Baidu,
    /// The action `GetEmbedding`.
    Tencent,
    /// `InvokeModel` with Titan's and Cohere's models.
    Bedrock,
    /// HuggingFace's text embeddings inference: `/embed`, `/rerank`.
    Tei,
}

/// How a vendor speaks of vectors and ranks. Implementations are unit structs, one per vendor.
pub trait SideCodec: Sync {
    /// The most inputs of one request.
    fn most_inputs(&self, _model: &str) -> usize {
        usize::MAX
    }

    /// Writes a request for embeddings; `model` is the vendor's name for it.
    fn embed_request(&self, _ask: &EmbedRequest, _model: &str) -> Result<String, WireError> {
        Err(WireError::at("this vendor has no embeddings", "model"))
    }

    /// Reads the answer. One that is an error is an error.
    fn read_embedded(&self, _body: &[u8]) -> Result<Embedded, WireError> {
        Err(WireError::new("this vendor has no embeddings"))
    }

    /// Writes a request for a ranking; `model` is the vendor's name for it.
    fn rerank_request(&self, _ask: &RerankRequest, _model: &str) -> Result<String, WireError> {
        Err(WireError::at("this vendor ranks no documents", "model"))
    }

    /// Reads the answer. One that is an error is an error.
    fn read_ranked(&self, _body: &[u8]) -> Result<Ranked, WireError> {
        Err(WireError::new("this vendor ranks no documents"))
    }
}

/// The codec of a vendor.
pub fn side(vendor: SideVendor) -> &'static dyn SideCodec {
    match vendor {
        SideVendor::OpenAi => &openai::OpenAi,
        SideVendor::Cohere => &cohere::Cohere,
        SideVendor::Ollama => &ollama::Ollama,
        SideVendor::Gemini => &google::Gemini,
        SideVendor::Vertex => &google::Vertex,
        SideVendor::DashScope => &alibaba::DashScope,
        SideVendor::Baidu => &baidu::Baidu,
        SideVendor::Tencent => &tencent::Tencent,
        SideVendor::Bedrock => &bedrock::Bedrock,
        SideVendor::Tei => &tei::Tei,
    }
}

/// Refuses more inputs than one request may have.
fn fits(ask: &EmbedRequest, most: usize) -> Result<(), WireError> {
    if ask.inputs.len() <= most {
        return Ok(());
    }
    let message = match most {
        1 => "this model takes one input per request".to_owned(),
        most => format!("this model takes at most {most} inputs per request"),
    };
    Err(WireError::at(message, "input"))
}

/// Refuses a size of vectors, where the vendor has only one.
fn one_size(ask: &EmbedRequest) -> Result<(), WireError> {
    match ask.dimensions {
        None => Ok(()),
        Some(_) => Err(WireError::at("the dimensions of this model can't be chosen", "dimensions")),
    }
}

/// The error in an answer that has not what it should.
fn fault(body: &[u8]) -> WireError {
    WireError::new(read_fault(200, body).message)
}

/// A list of vectors.
fn vectors(raw: &RawValue) -> Option<Vec<Vec<f32>>> {
    list_of(raw)?.into_iter().map(vector).collect()
}

/// A vector: numbers, or the base64 of them. One that is not finite is none.
fn vector(raw: &RawValue) -> Option<Vec<f32>> {
    let numbers: Vec<f32> = match text_of(raw) {
        Some(text) => {
            let bytes = STANDARD.decode(text).ok()?;
            let (all, rest) = bytes.as_chunks::<4>();
            rest.is_empty().then(|| all.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect())?
        }
        None => serde_json::from_str(raw.get()).ok()?,
    };
    numbers.iter().all(|number| number.is_finite()).then_some(numbers)
}

/// Vectors that tell their places, in that order.
fn in_order(mut all: Vec<(u64, Vec<f32>)>) -> Vec<Vec<f32>> {
    all.sort_by_key(|(index, _)| *index);
    all.into_iter().map(|(_, vector)| vector).collect()
}

/// A vector in an object with its place, under the vendor's names for both.
fn placed(raw: &RawValue, at: usize, index: &str, name: &str) -> Result<(u64, Vec<f32>), WireError> {
    let mut m = Members::of(raw, "the vendor's answer")?;
    let place = m.count(index)?.unwrap_or(at as u64);
    let numbers = m.take(name).and_then(vector);
    numbers.map(|numbers| (place, numbers)).ok_or_else(unreadable)
}

fn unreadable() -> WireError {
    WireError::new("the vectors of the vendor can't be read")
}

/// Results with their scores, under the vendor's names for both.
fn results(items: Vec<&RawValue>, scores: &[&str]) -> Result<Vec<(usize, f64)>, WireError> {
    let one = |raw: &&RawValue| {
        let mut m = Members::of(raw, "the vendor's answer")?;
        let index = m.count("index")?.and_then(|index| usize::try_from(index).ok());
        let mut score = None;
        for name in scores {
            score = score.or(m.number(name)?);
        }
        index.zip(score).ok_or_else(|| WireError::new("a rank of the vendor's can't be read"))
    };
    items.iter().map(one).collect()
}

/// Tokens of an input.
fn tokens(count: Option<u64>) -> Option<Usage> {
    count.map(|count| Usage::default().with(Bucket::Input, count.min(1_000_000_000)))
}

#[cfg(test)]
mod tests;

//! What callers send and get.

use super::{EmbedRequest, Embedded, Ranked, RerankRequest};
use crate::WireError;
use crate::dialect::gemini::embed::{Ask, Vectors};
use crate::json::{List, Members, list_of, object, text_of};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use magic_domain::usage::Bucket;

/// Words for what vectors are for, of Cohere, Voyage and Jina, with Google's.
const TASKS: &[(&str, &str)] = &[
    ("search_query", "RETRIEVAL_QUERY"),
    ("query", "RETRIEVAL_QUERY"),
    ("retrieval.query", "RETRIEVAL_QUERY"),
    ("search_document", "RETRIEVAL_DOCUMENT"),
    ("document", "RETRIEVAL_DOCUMENT"),
    ("passage", "RETRIEVAL_DOCUMENT"),
    ("retrieval.passage", "RETRIEVAL_DOCUMENT"),
    ("classification", "CLASSIFICATION"),
    ("clustering", "CLUSTERING"),
    ("separation", "CLUSTERING"),
    ("text-matching", "SEMANTIC_SIMILARITY"),
];

/// Reads OpenAI's `/embeddings` body. Lists of tokens are refused: they mean nothing to another vendor's model.
pub fn read_embed(body: &[u8]) -> Result<EmbedRequest, WireError> {
    let mut m = Members::of_body(body)?;
    let bad = || WireError::at("input must be a text or a list of texts for this model", "input");
    let raw = m.take("input").ok_or_else(bad)?;
    let inputs = match (text_of(raw), list_of(raw)) {
        (Some(text), _) => vec![text],
        (None, Some(items)) => items.into_iter().map(text_of).collect::<Option<Vec<_>>>().ok_or_else(bad)?,
        (None, None) => return Err(bad()),
    };
    if inputs.is_empty() {
        return Err(bad());
    }
    let base64 = match m.text("encoding_format")?.as_deref() {
        None | Some("float") => false,
        Some("base64") => true,
        Some(_) => return Err(WireError::at("encoding_format must be float or base64", "encoding_format")),
    };
    let mut task = None;
    for name in ["task", "task_type", "input_type"] {
        task = task.or(m.text(name)?);
    }
    Ok(EmbedRequest {
        model: m.text("model")?.unwrap_or_default(),
        inputs,
        dimensions: dimensions(m.count("dimensions")?)?,
        base64,
        task: task.map(|task| {
            let known = TASKS.iter().find(|(word, _)| *word == task);
            known.map_or(task.clone(), |(_, google)| (*google).to_owned())
        }),
        title: None,
        user: m.text("user")?,
        ignored: m.names().map(str::to_owned).collect(),
    })
}

fn dimensions(count: Option<u64>) -> Result<Option<u64>, WireError> {
    match count {
        Some(0) => Err(WireError::at("dimensions must be at least 1", "dimensions")),
        count => Ok(count),
    }
}

/// Writes OpenAI's answer; `model` where the vendor named none.
pub fn write_embedded(embedded: &Embedded, base64: bool, model: &str) -> String {
    object(|o| {
        o.text("object", "list");
        o.list("data", |l| {
            for (index, vector) in embedded.vectors.iter().enumerate() {
                l.object(|o| {
                    o.text("object", "embedding");
                    o.int("index", index as u64);
                    if base64 {
                        let bytes: Vec<u8> = vector.iter().flat_map(|number| number.to_le_bytes()).collect();
                        o.text("embedding", &STANDARD.encode(bytes));
                    } else {
                        o.list("embedding", |l| vector.iter().for_each(|number| write_number(*number, l)));
                    }
                });
            }
        });
        o.text("model", if embedded.model.is_empty() { model } else { &embedded.model });
        let tokens = embedded.usage.map_or(0, |usage| usage.input_total());
        o.object("usage", |o| {
            o.int("prompt_tokens", tokens);
            o.int("total_tokens", tokens);
        });
    })
}

/// The shortest text that is read as the same 32-bit number.
fn write_number(number: f32, l: &mut List<'_>) {
    l.item().raw(&serde_json::to_string(&number).unwrap_or_else(|_| "0".to_owned()));
}

/// Reads Google's `embedContent` body, or with `batch` that of `batchEmbedContents`.
pub fn read_gemini_embed(body: &[u8], batch: bool) -> Result<EmbedRequest, WireError> {
    let ask = Ask::of_gemini(body)?;
    if batch && Members::of_body(body)?.peek("requests").is_none() {
        return Err(WireError::at("requests is missing", "requests"));
    }
    Ok(EmbedRequest {
        inputs: ask.texts,
        dimensions: dimensions(ask.dimensions)?,
        task: ask.task.filter(|task| task != "TASK_TYPE_UNSPECIFIED"),
        title: ask.title,
        ..EmbedRequest::default()
    })
}

/// Writes Google's answer: to a batch, or to a single request.
pub fn write_gemini_embedded(embedded: &Embedded, batch: bool) -> String {
    let text = |number: &f32| serde_json::to_string(number).unwrap_or_else(|_| "0".to_owned());
    let values = embedded.vectors.iter().map(|vector| vector.iter().map(text).collect()).collect();
    Vectors { values, usage: embedded.usage }.gemini(batch)
}

/// Reads a `/rerank` body, as Cohere and Jina have it.
pub fn read_rerank(body: &[u8]) -> Result<RerankRequest, WireError> {
    let mut m = Members::of_body(body)?;
    let query = m.text("query")?.filter(|query| !query.is_empty());
    let mut documents = Vec::new();
    for (index, raw) in m.list("documents")?.into_iter().enumerate() {
        let path = format!("documents[{index}]");
        let text = match text_of(raw) {
            Some(text) => Some(text),
            None => Members::of(raw, path.as_str())?.text("text")?,
        };
        documents.push(text.ok_or_else(|| WireError::at(format!("{path} must be a text"), path))?);
    }
    if documents.is_empty() {
        return Err(WireError::at("documents must not be empty", "documents"));
    }
    // Voyage's word for it.
    let top = match m.count("top_n")? {
        Some(top) => Some(top),
        None => m.count("top_k")?,
    };
    Ok(RerankRequest {
        model: m.text("model")?.unwrap_or_default(),
        query: query.ok_or_else(|| WireError::at("query is missing", "query"))?,
        documents,
        top_n: top,
        return_documents: m.flag("return_documents")?.unwrap_or(false),
        ignored: m.names().map(str::to_owned).collect(),
    })
}

/// Writes the answer to a `/rerank` request, best first and not more than were wanted. It is Jina's and Cohere's
/// at once.
pub fn write_ranked(ranked: &Ranked, ask: &RerankRequest, model: &str) -> String {
    let mut results: Vec<(usize, f64, &str)> = ranked
        .results
        .iter()
        .filter_map(|(index, score)| Some((*index, *score, ask.documents.get(*index)?.as_str())))
        .collect();
    results.sort_by(|(_, a, _), (_, b, _)| b.total_cmp(a));
    let most = ask.top_n.map_or(usize::MAX, |top| usize::try_from(top).unwrap_or(usize::MAX));
    results.truncate(most);
    object(|o| {
        o.opt_text("id", Some(ranked.id.as_str()).filter(|id| !id.is_empty()));
        o.text("object", "list");
        o.text("model", if ranked.model.is_empty() { model } else { &ranked.model });
        o.list("results", |l| {
            for (index, score, document) in results {
                l.object(|o| {
                    o.int("index", index as u64);
                    o.key("relevance_score").number(score);
                    if ask.return_documents {
                        o.object("document", |o| o.text("text", document));
                    }
                });
            }
        });
        let usage = ranked.usage.unwrap_or_default();
        o.object("usage", |o| {
            o.int("prompt_tokens", usage.input_total());
            o.int("total_tokens", usage.input_total());
        });
        let searches = usage.get(Bucket::Request);
        if searches > 0 {
            o.object("meta", |o| o.object("billed_units", |o| o.int("search_units", searches)));
        }
    })
}

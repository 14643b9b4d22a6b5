//! The small endpoints: embeddings, counting, the list of models. Each turns one side's body into the other's.

use super::fields::Fields;
use super::usage;
use crate::WireError;
use crate::json::{List, Object, list_of, object, text_of};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use magic_domain::usage::Usage;
use serde_json::value::RawValue;

/// How vectors are written for a caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Encoding {
    #[default]
    Numbers,
    /// Base64 of 32-bit floats, the least significant byte first.
    Base64,
}

/// A request for embeddings.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Ask {
    pub texts: Vec<String>,
    pub dimensions: Option<u64>,
    pub encoding: Encoding,
    /// Google's: what the vectors are for.
    pub task: Option<String>,
    pub title: Option<String>,
}

/// Vectors as they were written, each the text of a JSON list of numbers.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Vectors {
    pub values: Vec<Vec<String>>,
    pub usage: Option<Usage>,
}

impl Ask {
    /// Reads OpenAI's `/embeddings` body.
    pub fn of_openai(body: &[u8]) -> Result<Ask, WireError> {
        let mut fields = Fields::of_body(body)?;
        let bad = || WireError::at("input must be a text or a list of texts for this model", "input");
        let raw = fields.take("input").ok_or_else(bad)?;
        let texts = match (text_of(raw), list_of(raw)) {
            (Some(text), _) => vec![text],
            // Lists of token ids mean nothing to another vendor's model.
            (None, Some(items)) => {
                items.into_iter().map(text_of).collect::<Option<Vec<_>>>().ok_or_else(bad)?
            }
            (None, None) => return Err(bad()),
        };
        if texts.is_empty() {
            return Err(bad());
        }
        let encoding = match fields.text("encoding_format")?.as_deref() {
            None | Some("float") => Encoding::Numbers,
            Some("base64") => Encoding::Base64,
            Some(_) => {
                return Err(WireError::at("encoding_format must be float or base64", "encoding_format"));
            }
        };
        Ok(Ask { texts, dimensions: fields.count("dimensions")?, encoding, task: None, title: None })
    }

    /// Reads Google's `embedContent` or `batchEmbedContents` body.
    pub fn of_gemini(body: &[u8]) -> Result<Ask, WireError> {
        let mut fields = Fields::of_body(body)?;
        if !fields.has("requests") {
            return Ask::one(&mut fields);
        }
        let mut all: Option<Ask> = None;
        for (index, raw) in fields.list("requests")?.into_iter().enumerate() {
            let path = format!("requests[{index}]");
            let one = Ask::one(&mut Fields::of(raw, path.as_str())?)?;
            match &mut all {
                None => all = Some(one),
                Some(all) if (all.dimensions, &all.task) == (one.dimensions, &one.task) => {
                    all.texts.extend(one.texts);
                }
                Some(_) => {
                    return Err(WireError::at("the requests of a batch must have the same settings", path));
                }
            }
        }
        all.ok_or_else(|| WireError::at("requests is empty", "requests"))
    }

    fn one(fields: &mut Fields<'_>) -> Result<Ask, WireError> {
        let missing = WireError::at("content is missing", fields.at("content"));
        let mut content = fields.object("content")?.ok_or(missing)?;
        let mut text = String::new();
        for raw in content.list("parts")? {
            let path = content.at("parts");
            let part = Fields::of(raw, path.as_str())?.text("text")?;
            text +=
                &part.ok_or_else(|| WireError::at(format!("{path} must be texts for this model"), path))?;
        }
        // Newer models have the settings in an object of their own.
        let mut config = fields.object("embedContentConfig")?;
        let dimensions = fields.count("outputDimensionality")?;
        let inner = config.as_mut().map(|config| config.count("outputDimensionality")).transpose()?.flatten();
        Ok(Ask {
            texts: vec![text],
            dimensions: dimensions.or(inner),
            encoding: Encoding::Numbers,
            task: fields.text("taskType")?,
            title: fields.text("title")?,
        })
    }

    /// As OpenAI's body.
    pub fn openai(&self, model: &str) -> String {
        object(|o| {
            o.text("model", model);
            o.list("input", |l| self.texts.iter().for_each(|text| l.item().text(text)));
            o.opt_int("dimensions", self.dimensions);
            o.text("encoding_format", "float");
        })
    }

    /// As the body of `batchEmbedContents`.
    pub fn gemini_batch(&self, model: &str) -> String {
        let name = model_path(model);
        object(|o| {
            o.list("requests", |l| {
                for text in &self.texts {
                    l.object(|o| {
                        o.text("model", &name);
                        self.content(text, o);
                    });
                }
            });
        })
    }

    /// As the bodies of `embedContent`, one for each text: all that some models and Vertex AI take.
    pub fn gemini_single(&self) -> Vec<String> {
        self.texts.iter().map(|text| object(|o| self.content(text, o))).collect()
    }

    fn content(&self, text: &str, o: &mut Object<'_>) {
        o.object("content", |o| o.list("parts", |l| super::parts::text(l, text)));
        o.opt_text("taskType", self.task.as_deref());
        o.opt_text("title", self.title.as_deref());
        o.opt_int("outputDimensionality", self.dimensions);
    }
}

impl Vectors {
    /// Reads the answer of `embedContent` or `batchEmbedContents`.
    pub fn of_gemini(body: &[u8]) -> Result<Vectors, WireError> {
        let mut fields = Fields::of_body(body)?;
        let mut vectors = Vectors::default();
        let one = fields.take("embedding");
        for (index, raw) in one.into_iter().chain(fields.list("embeddings")?).enumerate() {
            let mut vector = Fields::of(raw, format!("embeddings[{index}]"))?;
            vectors.values.push(numbers(vector.list("values")?)?);
        }
        if vectors.values.is_empty() {
            return Err(WireError::new("the vendor's answer has no embeddings"));
        }
        vectors.usage = fields.take("usageMetadata").and_then(usage::read_usage);
        Ok(vectors)
    }

    /// Reads OpenAI's answer, in either encoding.
    pub fn of_openai(body: &[u8]) -> Result<Vectors, WireError> {
        let mut fields = Fields::of_body(body)?;
        let mut vectors = Vectors::default();
        for (index, raw) in fields.list("data")?.into_iter().enumerate() {
            let mut item = Fields::of(raw, format!("data[{index}]"))?;
            let bad = || WireError::new(format!("data[{index}].embedding can't be read"));
            let raw = item.take("embedding").ok_or_else(bad)?;
            vectors.values.push(match (text_of(raw), list_of(raw)) {
                (Some(text), _) => floats(&text).ok_or_else(bad)?,
                (None, Some(items)) => numbers(items)?,
                (None, None) => return Err(bad()),
            });
        }
        if vectors.values.is_empty() {
            return Err(WireError::new("the vendor's answer has no embeddings"));
        }
        if let Some(raw) = fields.take("usage") {
            let tree = serde_json::from_str(raw.get()).unwrap_or_default();
            vectors.usage = crate::usage::read(magic_domain::endpoint::Endpoint::Embeddings, &tree);
        }
        Ok(vectors)
    }

    /// As OpenAI's answer.
    pub fn openai(&self, model: &str, encoding: Encoding) -> String {
        object(|o| {
            o.text("object", "list");
            o.list("data", |l| {
                for (index, vector) in self.values.iter().enumerate() {
                    l.object(|o| {
                        o.text("object", "embedding");
                        o.int("index", index as u64);
                        match encoding {
                            Encoding::Numbers => o.list("embedding", |l| raw(vector, l)),
                            Encoding::Base64 => o.text("embedding", &packed(vector)),
                        }
                    });
                }
            });
            o.text("model", model);
            let tokens = self.usage.map_or(0, |usage| usage.input_total());
            o.object("usage", |o| {
                o.int("prompt_tokens", tokens);
                o.int("total_tokens", tokens);
            });
        })
    }

    /// As Google's answer: to a batch, or to a single request.
    pub fn gemini(&self, batch: bool) -> String {
        object(|o| {
            if batch {
                o.list("embeddings", |l| {
                    self.values.iter().for_each(|vector| l.object(|o| o.list("values", |l| raw(vector, l))));
                });
            } else if let Some(vector) = self.values.first() {
                o.object("embedding", |o| o.list("values", |l| raw(vector, l)));
            }
            if let Some(usage) = &self.usage {
                o.object("usageMetadata", |o| {
                    o.int("promptTokenCount", usage.input_total());
                    o.int("totalTokenCount", usage.input_total());
                });
            }
        })
    }
}

fn raw(vector: &[String], l: &mut List<'_>) {
    vector.iter().for_each(|number| l.item().raw(number));
}

fn numbers(items: Vec<&RawValue>) -> Result<Vec<String>, WireError> {
    let number = |raw: &RawValue| raw.get().parse::<f64>().ok().map(|_| raw.get().to_owned());
    let all: Option<Vec<String>> = items.into_iter().map(number).collect();
    all.ok_or_else(|| WireError::new("a vector has something that is no number"))
}

fn packed(vector: &[String]) -> String {
    let floats = vector.iter().flat_map(|number| number.parse::<f32>().unwrap_or(0.0).to_le_bytes());
    STANDARD.encode(floats.collect::<Vec<u8>>())
}

fn floats(text: &str) -> Option<Vec<String>> {
    let bytes = STANDARD.decode(text).ok()?;
    let (all, rest) = bytes.as_chunks::<4>();
    let all = all.iter().map(|bytes| f32::from_le_bytes(*bytes));
    let number = |float: f32| serde_json::Number::from_f64(f64::from(float)).map(|number| number.to_string());
    if rest.is_empty() { all.map(number).collect() } else { None }
}

/// Reads the answer of `countTokens`.
pub fn read_count(body: &[u8]) -> Result<u64, WireError> {
    let count = Fields::of_body(body)?.count("totalTokens")?;
    count.ok_or_else(|| WireError::new("the vendor's answer has no totalTokens"))
}

/// Writes the answer of `countTokens`.
pub fn write_count(tokens: u64) -> String {
    object(|o| o.int("totalTokens", tokens))
}

/// The body whose tokens `countTokens` shall count: the whole request, where the caller sent one.
pub fn counted(body: &[u8]) -> Result<String, WireError> {
    let inner = Fields::of_body(body)?.take("generateContentRequest");
    match inner {
        Some(raw) => Ok(raw.get().to_owned()),
        None => Ok(String::from_utf8_lossy(body).into_owned()),
    }
}

/// The names in a list of models, without their prefix.
pub fn read_models(body: &[u8]) -> Result<Vec<String>, WireError> {
    let mut names = Vec::new();
    for (index, raw) in Fields::of_body(body)?.list("models")?.into_iter().enumerate() {
        let name = Fields::of(raw, format!("models[{index}]"))?.text("name")?.unwrap_or_default();
        let name = name.strip_prefix("models/").unwrap_or(&name);
        if !name.is_empty() {
            names.push(name.to_owned());
        }
    }
    Ok(names)
}

/// A list of models for callers who speak Google's dialect.
pub fn write_models(names: &[&str]) -> String {
    object(|o| o.list("models", |l| names.iter().for_each(|name| l.object(|o| write_model(name, o)))))
}

/// The members of one model.
pub fn write_model(name: &str, o: &mut Object<'_>) {
    o.text("name", &model_path(name));
    o.text("displayName", name);
    let embeds = name.contains("embed");
    let methods: &[&str] = match embeds {
        true => &["embedContent", "batchEmbedContents"],
        false => &["generateContent", "streamGenerateContent", "countTokens"],
    };
    o.list("supportedGenerationMethods", |l| methods.iter().for_each(|method| l.item().text(method)));
}

/// The list of models for callers who speak OpenAI's dialect.
pub fn write_openai_models(names: &[&str], created: i64) -> String {
    object(|o| {
        o.text("object", "list");
        o.list("data", |l| {
            for name in names {
                l.object(|o| {
                    o.text("id", name);
                    o.text("object", "model");
                    o.int("created", created);
                    o.text("owned_by", "google");
                });
            }
        });
    })
}

fn model_path(model: &str) -> String {
    if model.contains('/') { model.to_owned() } else { format!("models/{model}") }
}

#[cfg(test)]
#[path = "embed/tests.rs"]
mod tests;

//! Content blocks of a request, read. A block that the canonical chat can say only in part keeps its own words
//! in a part before it ([`EXACT`]), so that it goes back to this dialect as it came.

use super::seal;
use crate::WireError;
use crate::chat::{
    Annotation, Body, CacheMark, Call, Dialect, Media, Part, Reasoning, Seal, SealKind, ToolResult,
};
use crate::json::{Json, Members, list_of, text_of};
use serde_json::value::RawValue;

/// The `type` of an opaque part that holds, as `block`, the exact words of the part after it. Other dialects
/// leave opaque parts of this one out, and say the part after it as they can.
pub(super) const EXACT: &str = "magic.exact";

/// Reads the blocks of one conversation, in order.
#[derive(Default)]
pub(super) struct Blocks {
    /// Seals of calls, which travel in a thinking block before their call.
    seals: Vec<(String, Seal)>,
}

impl Blocks {
    /// Reads a `content`: text, or a list of blocks.
    pub(super) fn content(&mut self, raw: &RawValue, path: &str) -> Result<Vec<Part>, WireError> {
        if let Some(text) = text_of(raw) {
            return Ok(vec![Part::text(text)]);
        }
        let items = list_of(raw)
            .ok_or_else(|| WireError::at(format!("{path} must be text or a list of blocks"), path))?;
        let mut parts = Vec::with_capacity(items.len());
        for (index, item) in items.into_iter().enumerate() {
            self.block(item, format!("{path}[{index}]"), &mut parts)?;
        }
        Ok(parts)
    }

    fn block(&mut self, raw: &RawValue, path: String, out: &mut Vec<Part>) -> Result<(), WireError> {
        let mut block = Members::of(raw, path)?;
        let path = block.at("type");
        let kind = block.text("type")?.ok_or_else(|| WireError::at(format!("{path} is missing"), path))?;
        let mut exact = false;
        let body = match kind.as_str() {
            "text" => {
                let text = block.text("text")?.unwrap_or_default();
                let annotations = match block.peek("citations") {
                    Some(citations) => annotations(citations, text.chars().count() as u64),
                    None => Vec::new(),
                };
                Body::Text { text, annotations }
            }
            "thinking" => {
                let text = block.text("thinking")?.unwrap_or_default();
                match seal::reasoning(text, block.text("signature")?) {
                    Ok(reasoning) => Body::Reasoning(reasoning),
                    Err(of_call) => {
                        self.seals.push(of_call);
                        return Ok(());
                    }
                }
            }
            "redacted_thinking" => Body::Reasoning(redacted(block.text("data")?.unwrap_or_default())),
            "image" => Body::Image { media: self.source(&mut block, &mut exact)?, detail: None },
            "document" => {
                Body::File { media: self.source(&mut block, &mut exact)?, name: block.text("title")? }
            }
            "search_result" => {
                exact = true;
                Body::Text { text: self.search_result(&mut block)?, annotations: Vec::new() }
            }
            "tool_use" => {
                let id = block.text("id")?.unwrap_or_default();
                let seal = self.seals.iter().find(|(call, _)| *call == id).map(|(_, seal)| seal.clone());
                // How the model itself calls; what is said without it means the same.
                if block.peek("caller").is_some_and(is_direct) {
                    block.take("caller");
                }
                Body::Call(Call {
                    id,
                    name: block.text("name")?.unwrap_or_default(),
                    arguments: block.take("input").map_or_else(String::new, |raw| raw.get().to_owned()),
                    custom: false,
                    seal,
                })
            }
            "tool_result" => {
                let path = block.at("content");
                Body::Result(ToolResult {
                    call_id: block.text("tool_use_id")?.unwrap_or_default(),
                    name: None,
                    parts: match block.take("content") {
                        Some(content) => self.content(content, &path)?,
                        None => Vec::new(),
                    },
                    is_error: block.flag("is_error")?.unwrap_or(false),
                })
            }
            _ => {
                out.push(Part::new(Body::Opaque { dialect: Dialect::Anthropic, json: Json::from(raw) }));
                return Ok(());
            }
        };
        let cache = cache_mark(&mut block)?;
        let more = block.rest().iter().any(|(_, value)| !value.is_null() && value.get() != "[]");
        // Thinking may hold a signature of ours, which must not go back as it came.
        if (exact || more) && !matches!(body, Body::Reasoning(_)) {
            out.extend(exactly(raw));
        }
        out.push(Part { body, cache });
        Ok(())
    }

    fn source(&mut self, block: &mut Members<'_>, exact: &mut bool) -> Result<Media, WireError> {
        let path = block.at("source");
        let missing = || WireError::at(format!("{path} is missing"), path.clone());
        let mut source = block.object("source")?.ok_or_else(missing)?;
        let kind = source.text("type")?.unwrap_or_default();
        let mime = source.text("media_type")?;
        let need = |text: Option<String>| {
            text.ok_or_else(|| WireError::at(format!("{path} is incomplete"), path.clone()))
        };
        Ok(match kind.as_str() {
            "base64" => Media::Inline { mime: need(mime)?, base64: need(source.text("data")?)? },
            "text" => Media::Text(need(source.text("data")?)?),
            "url" => Media::Url { url: need(source.text("url")?)?, mime: None },
            "file" => Media::FileId(need(source.text("file_id")?)?),
            "content" => {
                *exact = true;
                let path = source.at("content");
                let parts = match source.take("content") {
                    Some(content) => self.content(content, &path)?,
                    None => Vec::new(),
                };
                Media::Text(lines(&parts))
            }
            other => return Err(WireError::at(format!("{path} has the unknown type {other:?}"), path)),
        })
    }

    /// A result of a search as text, for dialects that have no block for it.
    fn search_result(&mut self, block: &mut Members<'_>) -> Result<String, WireError> {
        let path = block.at("content");
        let title = block.text("title")?.unwrap_or_default();
        let source = block.text("source")?.unwrap_or_default();
        let content = match block.take("content") {
            Some(content) => lines(&self.content(content, &path)?),
            None => String::new(),
        };
        Ok(format!("{title}\n{source}\n\n{content}"))
    }
}

fn lines(parts: &[Part]) -> String {
    parts.iter().filter_map(Part::as_text).collect::<Vec<_>>().join("\n")
}

fn exactly(raw: &RawValue) -> Option<Part> {
    let json = Json::from_text(format!(r#"{{"type":"{EXACT}","block":{}}}"#, raw.get())).ok()?;
    Some(Part::new(Body::Opaque { dialect: Dialect::Anthropic, json }))
}

/// Whether the part only repeats the one after it in this dialect's own words. Other dialects lose nothing when
/// they leave it out, except what they could not say anyway.
pub fn is_exact(part: &Part) -> bool {
    exact_text(part).is_some()
}

fn exact_text(part: &Part) -> Option<&str> {
    let Body::Opaque { dialect: Dialect::Anthropic, json } = &part.body else { return None };
    // Checked before parsing: an opaque part may be long.
    json.get().strip_prefix(r#"{"type":"magic.exact","block":"#)?.strip_suffix('}')
}

/// The exact words of the part after this one.
pub(super) fn exact_block(part: &Part) -> Option<Json> {
    Json::from_text(exact_text(part)?).ok()
}

pub(super) fn redacted(data: String) -> Reasoning {
    let seal = Seal { dialect: Dialect::Anthropic, kind: SealKind::Encrypted, data };
    Reasoning { seal: Some(seal), ..Reasoning::default() }
}

/// Takes `cache_control` out. What else it says (`scope`) is for the vendor's own callers.
pub(super) fn cache_mark(block: &mut Members<'_>) -> Result<Option<CacheMark>, WireError> {
    let Some(mut mark) = block.object("cache_control")? else { return Ok(None) };
    let long = mark.text("ttl")?.is_some_and(|ttl| ttl == "1h");
    Ok(Some(if long { CacheMark::Long } else { CacheMark::Short }))
}

/// The citations of a text that have an address. `chars` is the text's length.
pub(super) fn annotations(citations: &RawValue, chars: u64) -> Vec<Annotation> {
    let items = list_of(citations).unwrap_or_default();
    items.into_iter().filter_map(|item| annotation(item, 0, chars)).collect()
}

/// One citation, of the characters from `start` to `end`.
pub(super) fn annotation(citation: &RawValue, start: u64, end: u64) -> Option<Annotation> {
    let mut citation = Members::of(citation, "citation").ok()?;
    let mut text = |name| citation.text(name).ok().flatten().filter(|text| !text.is_empty());
    let url = text("url").or_else(|| text("source"))?;
    Some(Annotation { url, title: text("title").unwrap_or_default(), start, end })
}

/// Whether a `caller` is the model itself.
fn is_direct(caller: &RawValue) -> bool {
    let kind = Members::of(caller, "caller").and_then(|mut caller| caller.text("type"));
    matches!(kind.ok().flatten().as_deref(), Some("direct"))
}

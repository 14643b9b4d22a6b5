//! Sources of an answer. Google counts bytes of UTF-8, others count characters.

use super::fields::Fields;
use crate::chat::Annotation;
use crate::json::{Object, list_of};
use serde_json::value::RawValue;

/// The sources in a `groundingMetadata`, where they belong in `text`.
pub(super) fn read(raw: &RawValue, text: &str) -> Vec<Annotation> {
    let Ok(mut fields) = Fields::of(raw, "groundingMetadata") else { return Vec::new() };
    let chunks: Vec<Option<(String, String)>> =
        fields.list("groundingChunks").unwrap_or_default().into_iter().map(source).collect();
    let mut cited = vec![false; chunks.len()];
    let mut found = Vec::new();
    for support in fields.list("groundingSupports").unwrap_or_default() {
        let Ok(mut support) = Fields::of(support, "support") else { continue };
        let span = support.object("segment").ok().flatten().and_then(|segment| span(segment, text));
        let (start, end) = span.unwrap_or_default();
        for index in support.take("groundingChunkIndices").and_then(list_of).unwrap_or_default() {
            let Ok(index) = index.get().parse::<usize>() else { continue };
            if let Some(Some((url, title))) = chunks.get(index) {
                cited[index] = true;
                found.push(Annotation { url: url.clone(), title: title.clone(), start, end });
            }
        }
    }
    for (chunk, cited) in chunks.into_iter().zip(cited) {
        if let (Some((url, title)), false) = (chunk, cited) {
            found.push(Annotation { url, title, start: 0, end: 0 });
        }
    }
    found
}

fn source(raw: &RawValue) -> Option<(String, String)> {
    let mut chunk = Fields::of(raw, "chunk").ok()?;
    for kind in ["web", "retrievedContext", "maps", "image"] {
        if let Ok(Some(mut source)) = chunk.object(kind) {
            let url = source.text("uri").ok().flatten()?;
            return Some((url, source.text("title").ok().flatten().unwrap_or_default()));
        }
    }
    None
}

/// Where a segment stands in the text, in characters: where it says, or else where its words are.
fn span(mut segment: Fields<'_>, text: &str) -> Option<(u64, u64)> {
    let start = segment.count("startIndex").ok()?.unwrap_or(0) as usize;
    let end = segment.count("endIndex").ok()?.unwrap_or(0) as usize;
    let words = segment.text("text").ok()?;
    let there = text.get(start..end).filter(|there| words.as_deref().is_none_or(|words| words == *there));
    let (start, end) = match (there, words) {
        (Some(_), _) => (start, end),
        (None, Some(words)) if !words.is_empty() => {
            let at = text.find(&words)?;
            (at, at + words.len())
        }
        _ => return None,
    };
    let characters = |bytes: usize| text.get(..bytes).map(|head| head.chars().count() as u64);
    Some((characters(start)?, characters(end)?))
}

/// Sources that are written at the end of an answer.
#[derive(Debug, Default)]
pub(super) struct Sources {
    chunks: Vec<(String, String)>,
    supports: Vec<(usize, usize, usize, String)>,
}

impl Sources {
    /// Adds a source of a stretch of text.
    pub fn add(&mut self, annotation: &Annotation, text: &str) {
        let source = (annotation.url.clone(), annotation.title.clone());
        let known = self.chunks.iter().position(|chunk| *chunk == source);
        let index = known.unwrap_or_else(|| {
            self.chunks.push(source);
            self.chunks.len() - 1
        });
        let bytes = |characters: u64| {
            let at = text.char_indices().nth(characters as usize).map(|(at, _)| at);
            at.or((characters == text.chars().count() as u64).then_some(text.len()))
        };
        if let (Some(start), Some(end)) = (bytes(annotation.start), bytes(annotation.end))
            && start < end
        {
            self.supports.push((index, start, end, text[start..end].to_owned()));
        }
    }

    /// Writes `groundingMetadata`, when there is any.
    pub fn write(&self, o: &mut Object<'_>) {
        if self.chunks.is_empty() {
            return;
        }
        o.object("groundingMetadata", |o| {
            o.list("groundingChunks", |l| {
                for (url, title) in &self.chunks {
                    l.object(|o| {
                        o.object("web", |o| {
                            o.text("uri", url);
                            o.text("title", title);
                        });
                    });
                }
            });
            if self.supports.is_empty() {
                return;
            }
            o.list("groundingSupports", |l| {
                for (index, start, end, text) in &self.supports {
                    l.object(|o| {
                        o.object("segment", |o| {
                            o.int("startIndex", *start as u64);
                            o.int("endIndex", *end as u64);
                            o.text("text", text);
                        });
                        o.list("groundingChunkIndices", |l| l.item().int(*index as u64));
                    });
                }
            });
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::object;

    #[test]
    fn bytes_become_characters_and_back() {
        let text = "Größe: 5 m. Ende";
        let raw = r#"{"groundingChunks":[{"web":{"uri":"u","title":"t"}},{"web":{"uri":"v"}}],
            "groundingSupports":[{"segment":{"startIndex":9,"endIndex":13,"text":"5 m."},"groundingChunkIndices":[0]}]}"#;
        let raw = RawValue::from_string(raw.to_owned()).unwrap();
        let found = read(&raw, text);
        let expected = [
            Annotation { url: "u".into(), title: "t".into(), start: 7, end: 11 },
            Annotation { url: "v".into(), ..Annotation::default() },
        ];
        assert_eq!(found, expected);
        let mut sources = Sources::default();
        found.iter().for_each(|annotation| sources.add(annotation, text));
        let written = object(|o| sources.write(o));
        let whole: &RawValue = serde_json::from_str(&written).unwrap();
        let mut fields = Fields::of(whole, "").unwrap();
        assert_eq!(read(fields.take("groundingMetadata").unwrap(), text), expected);
    }
}

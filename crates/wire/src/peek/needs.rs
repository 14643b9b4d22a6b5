//! What of a request only some vendors can do, found without a tree.

use crate::scan::Scan;
use memchr::memmem;

/// The value of a member of an object; `None` where the value is none, or has no such member.
fn member<'v>(value: &'v [u8], name: &str) -> Option<&'v [u8]> {
    let names = [name];
    let mut scan = Scan::new(&names, 0);
    scan.push(value).ok()?;
    scan.find(name).map(|member| &value[member.span.clone()])
}

/// Whether the object at `path` below `value` asks for an answer that follows a JSON Schema. Anything else,
/// rubbish too, does not: the vendor says what it thinks of it.
pub(super) fn asks_schema(value: &[u8], path: &[&str]) -> bool {
    let inner = path.iter().try_fold(value, |value, name| member(value, name));
    inner.and_then(|format| member(format, "type")) == Some(b"\"json_schema\"")
}

/// Whether an object has one of these members, and not as null.
pub(super) fn has_any(value: &[u8], names: &[&str]) -> bool {
    let mut scan = Scan::new(names, 0);
    scan.push(value).is_ok() && scan.members().iter().any(|member| &value[member.span.clone()] != b"null")
}

/// Whether a chat in any of the callers' dialects shows a picture: a part whose type, or whose data's type, is
/// one. Reads the whole body; names in texts and schemas are not taken for parts.
pub fn shows_image(body: &[u8]) -> bool {
    memmem::find_iter(body, b"image").any(|at| {
        let start = if body[..at].ends_with(b"input_") { at - 6 } else { at };
        let Some(before) = body[..start].strip_suffix(b"\"") else { return false };
        let Some(before) = before.trim_ascii_end().strip_suffix(b":") else { return false };
        let before = before.trim_ascii_end();
        let value = &body[start..];
        let is = |text: &[u8]| value.starts_with(text);
        if before.ends_with(b"\"type\"") {
            return is(b"image\"") || is(b"image_url\"") || is(b"input_image\"");
        }
        (before.ends_with(b"\"mimeType\"") || before.ends_with(b"\"mime_type\"")) && is(b"image/")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::peek::{peek_gemini, peek_json};
    use magic_domain::endpoint::Endpoint;
    use magic_domain::feature::Feature::{Stream, StructuredOutput, Tools};

    fn needs(endpoint: Endpoint, body: &str) -> Vec<magic_domain::feature::Feature> {
        peek_json(endpoint, body.as_bytes()).unwrap().needs.iter().collect()
    }

    #[test]
    fn every_face_says_what_it_needs() {
        let tools = r#""tools":[{"type":"function","name":"f"}]"#;
        let schema = r#"{"type":"json_schema","schema":{"type":"object"}}"#;
        for (endpoint, body, expected) in [
            (Endpoint::Chat, format!("{{{tools},\"stream\":true}}"), vec![Stream, Tools]),
            (Endpoint::Chat, r#"{"functions":[{"name":"f"}]}"#.to_owned(), vec![Tools]),
            (Endpoint::Chat, r#"{"tools":[],"stream":false}"#.to_owned(), vec![]),
            (Endpoint::Chat, r#"{"tools":null,"response_format":null,"text":5}"#.to_owned(), vec![]),
            (Endpoint::Chat, format!(r#"{{"response_format":{schema}}}"#), vec![StructuredOutput]),
            (Endpoint::Chat, r#"{"response_format":{"type":"json_object"}}"#.to_owned(), vec![]),
            (
                Endpoint::Responses,
                format!(r#"{{"text":{{"verbosity":"low","format":{schema}}}}}"#),
                vec![StructuredOutput],
            ),
            (Endpoint::Responses, r#"{"text":{"format":{"type":"text"}}}"#.to_owned(), vec![]),
            (Endpoint::Chat, format!(r#"{{"output_config":{{"format":{schema}}}}}"#), vec![StructuredOutput]),
            (Endpoint::Chat, format!(r#"{{"output_format":{schema}}}"#), vec![StructuredOutput]),
            (
                Endpoint::Chat,
                r#"{"reasoning_effort":"high","thinking":{"type":"enabled"}}"#.to_owned(),
                vec![],
            ),
            (Endpoint::Embeddings, format!("{{{tools}}}"), vec![]),
        ] {
            assert_eq!(needs(endpoint, &body), expected, "{body}");
        }
    }

    #[test]
    fn gemini_says_it_in_its_own_words() {
        let needs = |body: &str, stream| -> Vec<_> {
            peek_gemini(body.as_bytes(), "m", stream).unwrap().needs.iter().collect()
        };
        assert_eq!(needs(r#"{"tools":[{"functionDeclarations":[]}]}"#, true), [Stream, Tools]);
        assert_eq!(
            needs(r#"{"generationConfig":{"responseSchema":{"type":"OBJECT"}}}"#, false),
            [StructuredOutput]
        );
        assert_eq!(needs(r#"{"generation_config":{"response_json_schema":{}}}"#, false), [StructuredOutput]);
        assert_eq!(needs(r#"{"tools":[],"generationConfig":{"responseSchema":null}}"#, false), []);
    }

    #[test]
    fn pictures_are_parts_and_not_words() {
        for body in [
            r#"{"messages":[{"content":[{"type":"image_url","image_url":{"url":"x"}}]}]}"#,
            r#"{"messages":[{"content":[{"image_url":{"url":"x"}, "type" : "image_url"}]}]}"#,
            r#"{"input":[{"content":[{"type": "input_image","image_url":"x"}]}]}"#,
            r#"{"messages":[{"content":[{"type":"image","source":{}}]}]}"#,
            r#"{"contents":[{"parts":[{"inlineData":{"mimeType":"image/png","data":""}}]}]}"#,
            r#"{"contents":[{"parts":[{"inline_data":{"mime_type": "image/png","data":""}}]}]}"#,
        ] {
            assert!(shows_image(body.as_bytes()), "{body}");
        }
        for body in [
            r#"{"messages":[{"content":"an \"image\", {\"type\":\"image_url\"}"}]}"#,
            r#"{"tools":[{"parameters":{"properties":{"image_url":{"type":"string"}},"required":["image_url"]}}]}"#,
            r#"{"tools":[{"type":"image_generation"}]}"#,
            "image",
            "",
        ] {
            assert!(!shows_image(body.as_bytes()), "{body}");
        }
    }
}

//! What routing and billing need of a request, read in one pass, with the places that may have to change.

mod needs;

use crate::WireError;
pub use crate::multipart::peek_multipart;
pub use crate::rope::Rope;
use crate::scan::{Member, Scan};
pub use crate::splice::{Edits, splice};
use magic_domain::endpoint::Endpoint;
use magic_domain::feature::{Feature, Features};
use needs::asks_schema;
pub use needs::shows_image;
use std::ops::Range;

/// What a request asks for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Peek {
    pub model: Option<String>,
    pub stream: bool,
    /// `stream_options.include_usage`.
    pub include_usage: Option<bool>,
    /// The longest answer allowed, in tokens: the larger of the fields that say so.
    pub max_output: Option<u64>,
    /// Choices or pictures asked for.
    pub n: u32,
    /// Characters to be spoken.
    pub characters: Option<u64>,
    pub size: Option<String>,
    pub quality: Option<String>,
    pub response_format: Option<String>,
    pub previous_response_id: Option<String>,
    /// Bytes of the body that are text: an over-estimate of the prompt.
    pub prompt_bytes: usize,
    /// What a vendor must be able to do for it; pictures are left to [`shows_image`].
    pub needs: Features,
    pub(crate) spans: Spans,
}

impl Peek {
    /// The prompt that a chat asks for, as it stands in its body.
    pub fn prompt<'b>(&self, body: &'b [u8]) -> Option<&'b [u8]> {
        let (member, value) = self.spans.prompt.as_ref()?;
        body.get(*value..member.end)
    }
}

/// Places in the body.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Spans {
    pub model: Option<Range<usize>>,
    pub stream_options: Option<Range<usize>>,
    pub messages: Option<Range<usize>>,
    pub instructions: Option<Range<usize>>,
    /// The member `prompt` of a chat with its name, and where its value begins, if that is an object.
    pub prompt: Option<(Range<usize>, usize)>,
    /// Just after the opening brace, and whether members follow.
    pub open: usize,
    pub any_member: bool,
    pub multipart: bool,
}

const NAMES: &[&str] = &[
    "model",
    "stream",
    "stream_options",
    "max_tokens",
    "max_completion_tokens",
    "max_output_tokens",
    "n",
    "best_of",
    "prompt",
    "input",
    "messages",
    "instructions",
    "size",
    "quality",
    "response_format",
    "previous_response_id",
    "tools",
    "functions",
    "text",
    "output_format",
    "output_config",
];

/// The model one-api takes when a JSON request names none; it is then written into the body. Forms have to name
/// theirs: the vendor's default could be another one.
pub fn default_model(endpoint: Endpoint) -> Option<&'static str> {
    match endpoint {
        Endpoint::Moderations => Some("text-moderation-latest"),
        Endpoint::ImageGenerations => Some("dall-e-2"),
        _ => None,
    }
}

/// Looks into a JSON body.
pub fn peek_json(endpoint: Endpoint, body: &[u8]) -> Result<Peek, WireError> {
    let mut scan = Scan::new(NAMES, 0).folded();
    scan.push(body)?;
    scan.finish()?;
    let get = |name: &str| scan.find(name).map(|member| (member, &body[member.span.clone()]));
    let mut peek = Peek { n: 1, prompt_bytes: scan.text_bytes(), ..Peek::default() };
    if let Some((member, value)) = get("model") {
        peek.model = optional_text("model", value)?;
        peek.spans.model = Some(member.span.clone());
    }
    if let Some((_, value)) = get("stream") {
        peek.stream = match value {
            b"true" => true,
            b"false" | b"null" => false,
            _ => return Err(WireError::at("stream must be true or false", "stream")),
        };
    }
    if let Some((member, value)) = get("stream_options") {
        peek.spans.stream_options = Some(member.span.clone());
        peek.include_usage = include_usage(value)?;
    }
    for name in ["max_tokens", "max_completion_tokens", "max_output_tokens"] {
        if let Some((_, value)) = get(name)
            && let Some(number) = optional_count(name, value)?
        {
            peek.max_output = Some(peek.max_output.unwrap_or(0).max(number));
        }
    }
    for name in ["n", "best_of"] {
        if let Some((_, value)) = get(name)
            && let Some(number) = optional_count(name, value)?
        {
            if number > 128 {
                return Err(WireError::at(format!("{name} may be 128 at most"), name));
            }
            peek.n = peek.n.max(number as u32);
        }
    }
    let pictures = matches!(endpoint, Endpoint::ImageGenerations | Endpoint::ImageEdits);
    for (name, field, wanted) in [
        ("size", &mut peek.size, pictures),
        ("quality", &mut peek.quality, pictures),
        ("previous_response_id", &mut peek.previous_response_id, endpoint == Endpoint::Responses),
    ] {
        if let Some((_, value)) = get(name).filter(|_| wanted) {
            *field = optional_text(name, value)?;
        }
    }
    if endpoint == Endpoint::Completions
        && let Some((member, value)) = get("prompt")
        && matches!(value.get(1..).unwrap_or_default().trim_ascii_start().first(), Some(b'"' | b'['))
    {
        // A list of prompts is answered one by one.
        peek.n = peek.n.saturating_mul(u32::try_from(member.items.max(1)).unwrap_or(u32::MAX));
    }
    if matches!(endpoint, Endpoint::Speech)
        && let Some((_, value)) = get("input")
    {
        let text = optional_text("input", value)?.unwrap_or_default();
        peek.characters = Some(text.chars().count() as u64);
    }
    if matches!(endpoint, Endpoint::Chat | Endpoint::Responses) {
        let listed = |name: &str| scan.find(name).is_some_and(|member| member.items > 0);
        if listed("tools") || listed("functions") {
            peek.needs.insert(Feature::Tools);
        }
        let formats: [(&str, &[&str]); 4] = [
            ("response_format", &[]),
            ("text", &["format"]),
            ("output_format", &[]),
            ("output_config", &["format"]),
        ];
        if formats.iter().any(|(name, path)| get(name).is_some_and(|(_, value)| asks_schema(value, path))) {
            peek.needs.insert(Feature::StructuredOutput);
        }
        if peek.stream {
            peek.needs.insert(Feature::Stream);
        }
    }
    if matches!(endpoint, Endpoint::Chat | Endpoint::Responses) {
        peek.spans.prompt = scan.find("prompt").and_then(|member| prompt_object(member, body));
    }
    let span = |member: &Member| member.span.clone();
    peek.spans.messages = scan.find("messages").map(span);
    peek.spans.instructions = scan.find("instructions").map(span);
    peek.spans.open = memchr::memchr(b'{', body).map_or(0, |at| at + 1);
    peek.spans.any_member = scan.any_member();
    Ok(peek)
}

/// Looks into a body of Gemini's. The model and whether to stream stand in its address.
pub fn peek_gemini(body: &[u8], model: &str, stream: bool) -> Result<Peek, WireError> {
    const CONFIG: &[&str] = &["generationConfig", "generation_config"];
    const NAMES: &[&str] = &["maxOutputTokens", "max_output_tokens", "candidateCount", "candidate_count"];
    const SCHEMAS: &[&str] =
        &["responseSchema", "response_schema", "responseJsonSchema", "response_json_schema"];
    let mut scan = Scan::new(&["generationConfig", "generation_config", "tools", "prompt"], 0);
    scan.push(body)?;
    scan.finish()?;
    let mut peek = Peek {
        n: 1,
        stream,
        model: Some(model.to_owned()),
        prompt_bytes: scan.text_bytes(),
        ..Peek::default()
    };
    peek.spans.prompt = scan.find("prompt").and_then(|member| prompt_object(member, body));
    peek.spans.open = memchr::memchr(b'{', body).map_or(0, |at| at + 1);
    peek.spans.any_member = scan.any_member();
    if scan.find("tools").is_some_and(|member| member.items > 0) {
        peek.needs.insert(Feature::Tools);
    }
    if stream {
        peek.needs.insert(Feature::Stream);
    }
    for name in CONFIG {
        let Some(value) = scan.find(name).map(|member| &body[member.span.clone()]) else { continue };
        if value.first() != Some(&b'{') {
            return Err(WireError::at(format!("{name} must be an object"), *name));
        }
        if needs::has_any(value, SCHEMAS) {
            peek.needs.insert(Feature::StructuredOutput);
        }
        let mut inner = Scan::new(NAMES, 0);
        inner.push(value)?;
        for name in NAMES {
            let Some(member) = inner.find(name) else { continue };
            let Some(number) = optional_count(name, &value[member.span.clone()])? else { continue };
            if name.starts_with("max") {
                peek.max_output = Some(number);
            } else {
                peek.n = u32::try_from(number).unwrap_or(u32::MAX).clamp(1, 128);
            }
        }
    }
    Ok(peek)
}

/// A prompt to be called, unlike the text that OpenAI's first API has under that name.
fn prompt_object(member: &Member, body: &[u8]) -> Option<(Range<usize>, usize)> {
    (body.get(member.span.start) == Some(&b'{')).then_some((member.from..member.span.end, member.span.start))
}

fn optional_text(name: &str, value: &[u8]) -> Result<Option<String>, WireError> {
    if value == b"null" {
        return Ok(None);
    }
    serde_json::from_slice::<String>(value)
        .map(Some)
        .map_err(|_| WireError::at(format!("{name} must be text"), name))
}

/// A whole number of at least zero. `1e2` and `5.0` are numbers some vendors would read otherwise.
fn optional_count(name: &str, value: &[u8]) -> Result<Option<u64>, WireError> {
    if value == b"null" {
        return Ok(None);
    }
    match serde_json::from_slice::<u64>(value) {
        Ok(number) if number <= u64::from(u32::MAX) / 2 => Ok(Some(number)),
        _ => Err(WireError::at(format!("{name} must be a whole number between 0 and 2147483647"), name)),
    }
}

fn include_usage(value: &[u8]) -> Result<Option<bool>, WireError> {
    if value == b"null" {
        return Ok(None);
    }
    let bad = || WireError::at("stream_options must be an object", "stream_options");
    let mut scan = Scan::new(&["include_usage"], 0);
    scan.push(value).map_err(|_| bad())?;
    scan.finish().map_err(|_| bad())?;
    match scan.find("include_usage").map(|member| &value[member.span.clone()]) {
        None | Some(b"null") => Ok(None),
        Some(b"true") => Ok(Some(true)),
        Some(b"false") => Ok(Some(false)),
        Some(_) => Err(WireError::at("include_usage must be true or false", "stream_options.include_usage")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chat(body: &str) -> Result<Peek, WireError> {
        peek_json(Endpoint::Chat, body.as_bytes())
    }

    #[test]
    fn a_chat_request_is_read() {
        let peek = chat(
            r#"{"model":"gpt-4o","stream":true,"max_tokens":5,"max_completion_tokens":9,"n":2,"stream_options":{"include_usage":true},"messages":[]}"#,
        )
        .unwrap();
        assert_eq!(peek.model.as_deref(), Some("gpt-4o"));
        assert_eq!(
            (peek.stream, peek.include_usage, peek.max_output, peek.n),
            (true, Some(true), Some(9), 2)
        );
    }

    #[test]
    fn values_that_could_be_read_two_ways_are_refused() {
        for body in [
            r#"{"stream":"true"}"#,
            r#"{"max_tokens":-1}"#,
            r#"{"max_tokens":1e2}"#,
            r#"{"max_tokens":5.0}"#,
            r#"{"max_tokens":99999999999}"#,
            r#"{"n":1000}"#,
            r#"{"model":5}"#,
            r#"{"model":["a"]}"#,
            r#"{"stream_options":[]}"#,
            r#"{"stream_options":{"include_usage":1}}"#,
            r#"{"stream_options":{"include_usage":true,"include_usage":false}}"#,
        ] {
            assert!(chat(body).is_err(), "{body}");
        }
    }

    #[test]
    fn nulls_are_absent() {
        let peek =
            chat(r#"{"model":null,"stream":null,"max_tokens":null,"n":null,"stream_options":null}"#).unwrap();
        assert_eq!((peek.model, peek.stream, peek.max_output, peek.n), (None, false, None, 1));
    }

    #[test]
    fn speech_counts_characters_not_bytes() {
        let peek =
            peek_json(Endpoint::Speech, "{\"model\":\"tts-1\",\"input\":\"h\u{e9}\u{4e16}\"}".as_bytes())
                .unwrap();
        assert_eq!(peek.characters, Some(3));
    }
}

//! Changing the few spans of a request that must change, and no other byte.

use crate::WireError;
use crate::peek::{Peek, Rope};
use crate::scan::Scan;
use bytes::Bytes;
use serde_json::{Map, Value};
use std::ops::Range;

/// What must change on the way to a channel.
#[derive(Debug, Clone, Copy)]
pub struct Edits<'a> {
    /// The name the vendor knows the model by.
    pub model: Option<&'a str>,
    /// Ask for a usage chunk at the end of the stream.
    pub ask_usage: bool,
    /// The channel's forced system prompt: replaces the first message when that is a system message, else
    /// comes before it; replaces `instructions` of a Responses call.
    pub system_prompt: Option<&'a str>,
    /// Top-level members to set.
    pub params: &'a Map<String, Value>,
}

/// Applies the edits. Without any, the result is the body itself.
pub fn splice(body: &Bytes, peek: &Peek, edits: &Edits<'_>) -> Result<Rope, WireError> {
    let mut cuts: Vec<(Range<usize>, String)> = Vec::new();
    let mut inserts = String::new();
    if peek.spans.multipart {
        if let Some(model) = edits.model
            && let Some(span) = &peek.spans.model
        {
            if model.contains(['\r', '\n']) {
                return Err(WireError::at("the model's name has a line break", "model"));
            }
            cuts.push((span.clone(), model.to_owned()));
        }
        return Ok(apply(body, cuts));
    }
    let mut set = |span: &Option<Range<usize>>,
                   name: &str,
                   value: String,
                   cuts: &mut Vec<(Range<usize>, String)>| match span {
        Some(span) => cuts.push((span.clone(), value)),
        // What was set before stands: a channel's parameters don't replace the model or its prompt.
        None if inserts.contains(&format!("{}:", quote(name))) => {}
        None => {
            inserts.push_str(&quote(name));
            inserts.push(':');
            inserts.push_str(&value);
            inserts.push(',');
        }
    };
    if let Some(model) = edits.model {
        set(&peek.spans.model, "model", quote(model), &mut cuts);
    }
    if edits.ask_usage && peek.include_usage != Some(true) {
        let value = match &peek.spans.stream_options {
            Some(span) => with_usage(&body[span.clone()])?,
            None => r#"{"include_usage":true}"#.to_owned(),
        };
        set(&peek.spans.stream_options, "stream_options", value, &mut cuts);
    }
    if let Some(prompt) = edits.system_prompt {
        match &peek.spans.messages {
            Some(span) => cuts.push(system_message(body, span, prompt)?),
            None => set(&peek.spans.instructions, "instructions", quote(prompt), &mut cuts),
        }
    }
    if !edits.params.is_empty() {
        let names: Vec<&str> = edits.params.keys().map(String::as_str).collect();
        for names in names.chunks(60) {
            let mut scan = Scan::new(names, 0);
            scan.push(body)?;
            for name in names {
                let span = scan.find(name).map(|member| member.span.clone());
                let touches = |span: &Range<usize>| {
                    cuts.iter()
                        .any(|(cut, _)| cut == span || (cut.start < span.end && span.start <= cut.start))
                };
                let already = span.as_ref().is_some_and(touches);
                if let Some(value) = edits.params.get(*name)
                    && !already
                {
                    set(&span, name, value.to_string(), &mut cuts);
                }
            }
        }
    }
    if !inserts.is_empty() {
        if !peek.spans.any_member {
            inserts.pop();
        }
        cuts.push((peek.spans.open..peek.spans.open, inserts));
    }
    Ok(apply(body, cuts))
}

/// The body with spans replaced. They don't overlap; inserts at the same place stay in their order.
pub(crate) fn apply(body: &Bytes, mut cuts: Vec<(Range<usize>, String)>) -> Rope {
    cuts.sort_by_key(|(span, _)| (span.start, span.end));
    let mut rope = Rope::default();
    let mut at = 0;
    for (span, text) in cuts {
        rope.push(body.slice(at..span.start));
        rope.push(Bytes::from(text));
        at = span.end;
    }
    rope.push(body.slice(at..));
    rope
}

pub(crate) fn quote(text: &str) -> String {
    Value::from(text).to_string()
}

/// `stream_options` with `include_usage` set, its other members as they were.
fn with_usage(value: &[u8]) -> Result<String, WireError> {
    let text = std::str::from_utf8(value).map_err(|_| WireError::new("stream_options is no UTF-8"))?;
    if text == "null" {
        return Ok(r#"{"include_usage":true}"#.to_owned());
    }
    let mut scan = Scan::new(&["include_usage"], 0);
    scan.push(value)?;
    if let Some(member) = scan.find("include_usage") {
        return Ok(format!("{}true{}", &text[..member.span.start], &text[member.span.end..]));
    }
    let comma = if scan.any_member() { "," } else { "" };
    Ok(format!("{{\"include_usage\":true{comma}{}", text.trim_start().strip_prefix('{').unwrap_or(text)))
}

/// Where and how the forced system prompt goes into `messages`.
fn system_message(
    body: &Bytes,
    span: &Range<usize>,
    prompt: &str,
) -> Result<(Range<usize>, String), WireError> {
    let list = &body[span.clone()];
    if list.first() != Some(&b'[') {
        return Err(WireError::at("messages must be a list", "messages"));
    }
    let start = 1 + list[1..].iter().take_while(|byte| byte.is_ascii_whitespace()).count();
    let fresh = || format!(r#"{{"role":"system","content":{}}}"#, quote(prompt));
    let insert = |text: String| Ok((span.start + 1..span.start + 1, text));
    match list.get(start) {
        Some(b'{') => {}
        Some(b']') => return insert(fresh()),
        _ => return insert(format!("{},", fresh())),
    }
    let mut scan = Scan::new(&["role", "content"], 0).prefix();
    scan.push(&list[start..])?;
    let role = scan.find("role").map(|member| &list[start..][member.span.clone()]);
    match (role, scan.find("content")) {
        (Some(br#""system""#), Some(content)) => {
            let at = span.start + start;
            Ok((at + content.span.start..at + content.span.end, quote(prompt)))
        }
        _ => insert(format!("{},", fresh())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::peek::peek_json;
    use magic_domain::endpoint::Endpoint;
    use proptest::prelude::*;
    use serde_json::json;

    fn none() -> Map<String, Value> {
        Map::new()
    }

    fn edited(body: &str, edits: &Edits<'_>) -> String {
        let body = Bytes::from(body.to_owned());
        let peek = peek_json(Endpoint::Chat, &body).unwrap();
        String::from_utf8(splice(&body, &peek, edits).unwrap().concat().to_vec()).unwrap()
    }

    #[test]
    fn without_edits_the_body_is_the_same_bytes() {
        let body = Bytes::from_static(br#" { "model" : "a" , "x" : 1.50 } "#);
        let peek = peek_json(Endpoint::Chat, &body).unwrap();
        let params = none();
        let edits = Edits { model: None, ask_usage: false, system_prompt: None, params: &params };
        let rope = splice(&body, &peek, &edits).unwrap();
        assert_eq!(rope.parts().len(), 1);
        assert_eq!(rope.parts()[0].as_ptr(), body.as_ptr());
    }

    #[test]
    fn the_spans_that_must_change_change() {
        let params = none();
        let edits = Edits { model: Some("b\"x"), ask_usage: true, system_prompt: None, params: &params };
        assert_eq!(
            edited(r#"{ "model" : "a", "big": 12345678901234567890 }"#, &edits),
            r#"{"stream_options":{"include_usage":true}, "model" : "b\"x", "big": 12345678901234567890 }"#
        );
        let only_usage = Edits { model: None, ..edits };
        assert_eq!(edited("{}", &only_usage), r#"{"stream_options":{"include_usage":true}}"#);
        assert_eq!(
            edited(r#"{"stream_options":{"include_usage":false,"x":1}}"#, &only_usage),
            r#"{"stream_options":{"include_usage":true,"x":1}}"#
        );
        assert_eq!(
            edited(r#"{"stream_options":{ "x":1}}"#, &only_usage),
            r#"{"stream_options":{"include_usage":true, "x":1}}"#
        );
        assert_eq!(
            edited(r#"{"stream_options":null}"#, &only_usage),
            r#"{"stream_options":{"include_usage":true}}"#
        );
    }

    #[test]
    fn a_forced_prompt_comes_first_and_once() {
        let params = none();
        let edits = Edits { model: None, ask_usage: false, system_prompt: Some("P"), params: &params };
        for (before, after) in [
            (r#"{"messages":[]}"#, r#"{"messages":[{"role":"system","content":"P"}]}"#),
            (
                r#"{"messages":[ {"role":"user","content":"u"}]}"#,
                r#"{"messages":[{"role":"system","content":"P"}, {"role":"user","content":"u"}]}"#,
            ),
            (
                r#"{"messages":[ {"content":"old","role":"system","name":"n"},{"role":"user","content":"u"}]}"#,
                r#"{"messages":[ {"content":"P","role":"system","name":"n"},{"role":"user","content":"u"}]}"#,
            ),
        ] {
            assert_eq!(edited(before, &edits), after);
        }
    }

    #[test]
    fn a_responses_call_gets_instructions() {
        let params = none();
        let edits = Edits { model: None, ask_usage: false, system_prompt: Some("P"), params: &params };
        assert_eq!(edited(r#"{"input":"x"}"#, &edits), r#"{"instructions":"P","input":"x"}"#);
        assert_eq!(edited(r#"{"instructions":"old"}"#, &edits), r#"{"instructions":"P"}"#);
    }

    #[test]
    fn a_channels_parameters_are_set() {
        let params = json!({"temperature": 0.5, "top_k": 3}).as_object().unwrap().clone();
        let edits = Edits { model: None, ask_usage: false, system_prompt: None, params: &params };
        let body: Value = serde_json::from_str(&edited(r#"{"model":"a","temperature":1}"#, &edits)).unwrap();
        assert_eq!(body, json!({"model": "a", "temperature": 0.5, "top_k": 3}));
    }

    /// Google's bodies had no place for inserts: what a channel sets went before the opening brace.
    #[test]
    fn googles_callers_get_a_channels_parameters_too() {
        let params = json!({"safetySettings": []}).as_object().unwrap().clone();
        let edits = Edits { model: None, ask_usage: false, system_prompt: None, params: &params };
        for (body, expected) in [
            (r#" {"contents":[]}"#, r#" {"safetySettings":[],"contents":[]}"#),
            ("{}", r#"{"safetySettings":[]}"#),
        ] {
            let body = Bytes::from(body);
            let peek = crate::peek::peek_gemini(&body, "m", false).unwrap();
            assert_eq!(splice(&body, &peek, &edits).unwrap().concat(), expected);
        }
    }

    #[test]
    fn parameters_and_a_forced_prompt_do_not_collide() {
        let params = json!({"messages": [], "stream_options": {}, "model": "z"}).as_object().unwrap().clone();
        let edits = Edits { model: Some("b"), ask_usage: true, system_prompt: Some("P"), params: &params };
        for body in [
            r#"{"messages":[]}"#,
            r#"{"messages":[{"role":"system","content":"x"}],"model":"a","stream_options":null}"#,
        ] {
            let text = edited(body, &edits);
            let after: Value = serde_json::from_str(&text).unwrap();
            assert_eq!(
                (after["model"].as_str(), after["messages"][0]["content"].as_str()),
                (Some("b"), Some("P")),
                "{text}"
            );
            assert_eq!(text.matches("stream_options").count(), 1, "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_new_model_changes_nothing_else(name in ".{0,20}", key in "[a-z_]{1,8}", number in any::<i64>(), text in ".{0,30}") {
            let mut body = json!({"model": "old", "messages": [{"role": "user", "content": text}], "stream": true});
            body[format!("x_{key}")] = number.into();
            let params = none();
            let edits = Edits { model: Some(&name), ask_usage: true, system_prompt: None, params: &params };
            let after: Value = serde_json::from_str(&edited(&body.to_string(), &edits)).unwrap();
            body["model"] = name.into();
            body["stream_options"] = json!({"include_usage": true});
            prop_assert_eq!(after, body);
        }
    }
}

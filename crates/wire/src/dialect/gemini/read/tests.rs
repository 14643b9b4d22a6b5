use super::*;
use crate::chat::{Media, OutputFormat, Tool, ToolChoice};
use crate::codec::FaceCodec;
use crate::dialect::gemini::Gemini;

fn read(body: &str) -> ChatRequest {
    Gemini.read_request(body.as_bytes(), Some("m")).unwrap()
}

#[test]
fn both_ways_to_write_a_name_are_read() {
    let camel = r#"{"contents":[{"parts":[{"inlineData":{"mimeType":"image/png","data":"aa"}}]}],"systemInstruction":{"parts":[{"text":"s"}]},"generationConfig":{"maxOutputTokens":5,"responseMimeType":"application/json","responseSchema":{"type":"OBJECT"}},"toolConfig":{"functionCallingConfig":{"mode":"ANY"}}}"#;
    let snake = r#"{"contents":[{"parts":[{"inline_data":{"mime_type":"image/png","data":"aa"}}]}],"system_instruction":{"parts":[{"text":"s"}]},"generation_config":{"max_output_tokens":5,"response_mime_type":"application/json","response_schema":{"type":"OBJECT"}},"tool_config":{"function_calling_config":{"mode":"ANY"}}}"#;
    let chat = read(camel);
    assert_eq!(chat, read(snake));
    assert!(!chat.stream && chat.model == "m" && chat.tool_choice == Some(ToolChoice::Required));
    assert!(matches!(&chat.messages[1].parts[0].body, Body::Image { media: Media::Inline { .. }, .. }));
    assert!(
        matches!(&chat.output, OutputFormat::Schema { schema, .. } if schema.get() == r#"{"type":"object"}"#)
    );
}

#[test]
fn c18_results_find_their_calls_by_id_or_by_name_in_order() {
    let chat = read(
        r#"{"contents":[{"role":"user","parts":[{"text":"u"}]},
        {"role":"model","parts":[{"functionCall":{"name":"f","args":{"a": 1.0}}},{"functionCall":{"name":"f"}},{"functionCall":{"id":"x","name":"g"}}]},
        {"role":"function","parts":[{"functionResponse":{"id":"x","name":"g","response":{"output":"o"}}},{"functionResponse":{"name":"f","response":{"n":1}}},{"functionResponse":{"name":"f","response":{"error":"e"}}}]}]}"#,
    );
    let calls: Vec<(&str, &str)> = chat.messages[1]
        .parts
        .iter()
        .filter_map(|part| match &part.body {
            Body::Call(call) => Some((call.id.as_str(), call.arguments.as_str())),
            _ => None,
        })
        .collect();
    assert_eq!(calls, [("call_t1_0", r#"{"a": 1.0}"#), ("call_t1_1", "{}"), ("x", "{}")]);
    let results: Vec<(&str, &str, bool)> = chat.messages[2]
        .parts
        .iter()
        .filter_map(|part| match &part.body {
            Body::Result(r) => Some((r.call_id.as_str(), r.parts[0].as_text().unwrap(), r.is_error)),
            _ => None,
        })
        .collect();
    assert_eq!(results, [("x", "o", false), ("call_t1_0", r#"{"n":1}"#, false), ("call_t1_1", "e", true)]);
}

#[test]
fn what_only_google_knows_is_kept_for_google() {
    let chat = read(
        r#"{"contents":[{"parts":[{"text":"u"},{"fileData":{"fileUri":"u"},"videoMetadata":{"fps":1}}]}],
        "tools":[{"google_search":{"timeRangeFilter":{}}},{"codeExecution":{}}],"safety_settings":[{"category":"c"}],
        "cachedContent":"cachedContents/1","labels":{"a":"b"},"generationConfig":{"speechConfig":{},"mediaResolution":"X"}}"#,
    );
    assert!(matches!(&chat.messages[0].parts[1].body, Body::Opaque { dialect: Dialect::Gemini, .. }));
    let hosted = |tool: &Tool| matches!(tool, Tool::Hosted { dialect: Dialect::Gemini, .. });
    assert!(chat.tools.len() == 2 && chat.tools.iter().all(hosted) && chat.web_search.is_some());
    let names: Vec<&str> = chat.extra.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["generationConfig", "safetySettings", "cachedContent", "labels"]);
    assert_eq!(chat.extra[0].1.get(), r#"{"speechConfig":{},"mediaResolution":"X"}"#);
}

#[test]
fn thinking_is_read_as_it_was_asked() {
    let ask = |config: &str| {
        let body = format!(r#"{{"generationConfig":{{"thinkingConfig":{config}}}}}"#);
        read(&body).reasoning.unwrap()
    };
    assert!(ask(r#"{"thinkingBudget":0}"#).off);
    assert_eq!(ask(r#"{"thinkingBudget":-1}"#).budget, Some(-1));
    let level = ask(r#"{"thinking_level":"HIGH","include_thoughts":true}"#);
    assert_eq!((level.effort, level.show), (Some(crate::chat::Effort::High), Some(true)));
}

#[test]
fn faults_name_their_place() {
    for (body, place) in [
        (r#"{"contents":[{"role":"robot"}]}"#, "contents[0].role"),
        (r#"{"contents":[{"parts":[{"functionCall":{}}]}]}"#, "contents[0].parts[0]"),
        (r#"{"generationConfig":{"topP":"x"}}"#, "generationConfig.topP"),
        (r#"{"contents":{}}"#, "contents"),
    ] {
        let error = Gemini.read_request(body.as_bytes(), None).unwrap_err();
        assert_eq!(error.param.as_deref(), Some(place), "{body}");
    }
}

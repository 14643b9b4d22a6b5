use super::*;
use crate::chat::Stop;
use crate::dialect::plain::testing::*;
use serde_json::json;
use std::sync::Arc;

const WHOLE: &str = r#"{"translations":[{"detected_source_language":"EN","text":"你好","billed_characters":5},
    {"detected_source_language":"EN","text":"世界","billed_characters":6}]}"#;

#[test]
fn the_last_words_of_the_user_are_translated() {
    let body = json!({
        "messages": [
            { "role": "user", "content": "old" }, { "role": "assistant", "content": "alt" },
            { "role": "user", "content": "hello" }, { "role": "user", "content": "world" },
        ],
        "temperature": 0.5,
    });
    let (sent, lost) = written(&DeepL, "deepl-en-us", body);
    assert_eq!(
        sent,
        json!({ "text": ["hello", "world"], "target_lang": "EN-US", "show_billed_characters": true })
    );
    assert_eq!(lost, "dropped=temperature,messages[0],messages[1]");
}

#[test]
fn a_model_names_its_language() {
    for (model, tongue) in [("deepl-zh", "ZH"), ("deepl", "ZH"), ("deepl-", "ZH"), ("deepl-pt-br", "PT-BR")] {
        assert_eq!(language(model), tongue);
    }
}

#[test]
fn what_is_no_text_is_refused() {
    let last = json!([{ "role": "user", "content": "a" }, { "role": "assistant", "content": "b" }]);
    assert_eq!(refused(&DeepL, "deepl-zh", json!({ "messages": last })), "messages");
    let many: Vec<_> = (0..51).map(|_| json!({ "role": "user", "content": "a" })).collect();
    assert_eq!(refused(&DeepL, "deepl-zh", json!({ "messages": many })), "messages");
    let picture = json!([{ "role": "user", "content": [{ "type": "image_url", "image_url": { "url": "https://x" } }] }]);
    assert_eq!(refused(&DeepL, "deepl-zh", json!({ "messages": picture })), "messages[0].content[0]");
}

#[test]
fn characters_are_billed() {
    let reply = DeepL.read_reply(WHOLE.as_bytes(), &asked("m")).unwrap();
    assert_eq!(short(&reply), ("你好\n世界".to_owned(), Stop::End));
    assert_eq!(reply.usage, Some(Usage::default().with(Bucket::Character, 11)));
    // Where the vendor does not say, what was sent is counted.
    let body = r#"{"translations":[{"text":"x"}]}"#.as_bytes();
    assert_eq!(DeepL.read_reply(body, &asked("m")).unwrap().usage, None);
    let request = Arc::new(chat(json!({ "messages": [{ "role": "user", "content": "héllo" }] })));
    let asked = Asked { model: "m".into(), request: Some(request) };
    let usage = DeepL.read_reply(body, &asked).unwrap().usage;
    assert_eq!(usage, Some(Usage::default().with(Bucket::Character, 5)));
}

#[test]
fn errors_are_errors() {
    let error = DeepL.read_reply(br#"{"message":"Quota Exceeded"}"#, &asked("m")).unwrap_err();
    assert_eq!(error.message, "Quota Exceeded");
    assert!(DeepL.read_reply(br#"{"translations":[]}"#, &asked("m")).is_err());
}

#[test]
fn no_bytes_panic() {
    survives(&DeepL, &[WHOLE]);
}

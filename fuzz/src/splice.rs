//! Looking into requests and changing spans of them.

use bytes::Bytes;
use magic_domain::endpoint::Endpoint;
use magic_wire::peek::{Edits, Peek, peek_gemini, peek_json, peek_multipart, splice};
use serde_json::{Map, Value, json};

/// Members that edits set.
const EDITED: &[&str] = &["model", "stream_options", "messages", "instructions", "temperature"];

/// What must hold for the bytes of a request.
pub fn check(data: &[u8]) {
    let body = Bytes::copy_from_slice(data);
    for endpoint in Endpoint::ALL {
        if let Ok(peek) = peek_json(*endpoint, data) {
            as_it_was(&body, &peek);
            edited(&body, &peek);
        }
    }
    if let Ok(peek) = peek_gemini(data, "m", true) {
        as_it_was(&body, &peek);
    }
    let form = peek_multipart(Endpoint::Transcriptions, "multipart/form-data; boundary=X", data);
    if let Ok(peek) = form {
        as_it_was(&body, &peek);
        let none = Map::new();
        let edits = Edits { model: Some("other"), ask_usage: false, system_prompt: None, params: &none };
        let changed = splice(&body, &peek, &edits).expect("a model's name fits a form").concat();
        let again = peek_multipart(Endpoint::Transcriptions, "multipart/form-data; boundary=X", &changed);
        let again = again.expect("a form with another model is a form");
        assert_eq!(again.model.as_deref(), peek.model.as_ref().map(|_| "other"));
    }
    // Whatever the header says.
    if let Some((head, rest)) = data.split_at_checked(80) {
        let _ = peek_multipart(Endpoint::ImageEdits, &String::from_utf8_lossy(head), rest);
    }
}

fn as_it_was(body: &Bytes, peek: &Peek) {
    let none = Map::new();
    let edits = Edits { model: None, ask_usage: false, system_prompt: None, params: &none };
    let rope = splice(body, peek, &edits).expect("nothing to change");
    assert_eq!(&rope.concat(), body);
}

fn edited(body: &Bytes, peek: &Peek) {
    // Half a surrogate pair is no text, but passes.
    let valid = serde_json::from_slice::<Value>(body).is_ok();
    let params = match json!({ "temperature": 0.5, "stream_options": {"a": 1}, "messages": [], "model": "x" })
    {
        Value::Object(params) => params,
        _ => Map::new(),
    };
    let none = Map::new();
    for (ask_usage, system_prompt, params) in [
        (true, None, &none),
        (false, Some("P"), &none),
        (true, Some("P\"\n"), &params),
        (false, None, &params),
    ] {
        let edits = Edits { model: Some("ve\"ndor"), ask_usage, system_prompt, params };
        let Ok(rope) = splice(body, peek, &edits) else { continue };
        let after = rope.concat();
        if !valid {
            continue;
        }
        let read: Result<Value, _> = serde_json::from_slice(&after);
        let after = String::from_utf8_lossy(&after);
        match read {
            Ok(value) => {
                assert_eq!(value["model"], "ve\"ndor", "{after}");
                assert!(!ask_usage || value["stream_options"]["include_usage"] == true, "{after}");
                // One that reads the first of two members alike must see the same. What was there twice before,
                // and is nothing that counts, may stay so.
                let twice = magic_wire::json::Members::of_body(after.as_bytes()).err();
                let twice = twice.and_then(|error| error.param).unwrap_or_default();
                assert!(!EDITED.contains(&twice.as_str()), "{twice}: {after}");
            }
            Err(error) => assert!(error.to_string().contains("recursion"), "{error}: {after}"),
        }
    }
}

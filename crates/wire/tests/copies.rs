//! How much memory a translation takes at its worst: a body of 1 MB with pictures is held three times at most,
//! as it came, as it was read, and as it goes out.

use bytes::Bytes;
use magic_domain::endpoint::Endpoint;
use magic_wire::chat::{Dialect, Losses};
use magic_wire::codec::To;
use magic_wire::dialect;
use magic_wire::lift::Lifted;
use peak_alloc::PeakAlloc;
use serde_json::{Value, json};

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// Four pictures, a quarter of a megabyte each in base64.
fn bodies() -> Vec<(Dialect, Value)> {
    let picture = "iVBORw0KGgo".repeat(24_000);
    let each = |part: &dyn Fn() -> Value| -> Vec<Value> { (0..4).map(|_| part()).collect() };
    let url = format!("data:image/png;base64,{picture}");
    vec![
        (
            Dialect::OpenAiChat,
            json!({ "model": "m", "messages": [{ "role": "user", "content":
                each(&|| json!({ "type": "image_url", "image_url": { "url": url } })) }] }),
        ),
        (
            Dialect::OpenAiResponses,
            json!({ "model": "m", "input": [{ "role": "user", "content":
                each(&|| json!({ "type": "input_image", "image_url": url })) }] }),
        ),
        (
            Dialect::Anthropic,
            json!({ "model": "m", "max_tokens": 9, "messages": [{ "role": "user", "content":
                each(&|| json!({ "type": "image", "source": { "type": "base64", "media_type": "image/png", "data": picture } })) }] }),
        ),
        (
            Dialect::Gemini,
            json!({ "contents": [{ "role": "user", "parts":
                each(&|| json!({ "inlineData": { "mimeType": "image/png", "data": picture } })) }] }),
        ),
    ]
}

#[test]
fn a_body_with_pictures_is_held_three_times_at_most() {
    let to = To { model: "m", kind: 1, default_max_output: 100 };
    let mut worst = 0.0f64;
    for (face, body) in bodies() {
        let body = body.to_string().into_bytes();
        assert!(body.len() > 1_000_000);
        for vendor in [
            Dialect::OpenAiChat,
            Dialect::OpenAiResponses,
            Dialect::Anthropic,
            Dialect::Gemini,
            Dialect::BedrockConverse,
            Dialect::Cohere,
            Dialect::Ollama,
            Dialect::DashScope,
        ] {
            if vendor == face {
                continue;
            }
            let before = MEMORY.current_usage();
            MEMORY.reset_peak_usage();
            let reader = dialect::face(face, Endpoint::Chat).unwrap();
            let mut chat = reader.read_request(&body, Some("m")).unwrap();
            dialect::abroad(&mut chat).unwrap();
            let lifted = Lifted::out_of(&mut chat, 1);
            let codec = dialect::vendor(vendor).unwrap();
            let written = codec.write_request(&chat, &to, &mut Losses::default()).unwrap();
            let sent = lifted.into_place(&Bytes::from(written));
            let peak = MEMORY.peak_usage() - before;
            assert!(sent.len() > 1_000_000, "{face:?} to {vendor:?}");
            // The body itself is the first copy.
            let copies = 1.0 + peak as f64 / body.len() as f64;
            worst = worst.max(copies);
            assert!(copies <= 3.0, "{face:?} to {vendor:?}: {copies:.2} copies");
        }
    }
    eprintln!("at most {worst:.2} copies");
    assert!(worst > 1.5, "the measurement sees nothing: {worst:.2}");
}

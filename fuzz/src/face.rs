//! A caller's request, read and written for every vendor.

use crate::must_be_json;
use magic_wire::chat::Losses;
use magic_wire::codec::{FaceCodec, To};
use magic_wire::dialect;

/// Models and channel types that writers tell apart.
const MODELS: &[(&str, u16)] = &[
    ("m", 1),
    ("gpt-5", 20),
    ("claude-opus-4-6", 14),
    ("anthropic.claude-3-5-haiku-20241022-v1:0", 33),
    ("gemini-2.0-flash", 24),
    ("gemini-3-pro", 24),
    ("deepseek-reasoner", 36),
    ("qwen-vl-max", 17),
];

/// What a read request must be good for.
pub fn check(codec: &dyn FaceCodec, body: &[u8]) {
    let Ok(chat) = codec.read_request(body, Some("path-model")) else { return };
    assert_eq!(
        codec.read_request(body, Some("path-model")).as_ref(),
        Ok(&chat),
        "read twice, read otherwise"
    );
    let mut abroad = chat.clone();
    let portable = dialect::abroad(&mut abroad).is_ok();
    let sum = body.iter().fold(0usize, |sum, byte| sum.wrapping_mul(31).wrapping_add(usize::from(*byte)));
    let (model, kind) = MODELS[sum % MODELS.len()];
    let to = To { model, kind, default_max_output: 4096 };
    for dialect in dialect::VENDOR_DIALECTS {
        let Some(vendor) = dialect::vendor(*dialect) else { continue };
        // At home a request may be one that goes nowhere else.
        let home = chat.origin == Some(*dialect);
        if !home && !portable {
            continue;
        }
        let chat = if home { &chat } else { &abroad };
        let (mut lost, mut again) = (Losses::default(), Losses::default());
        let text = vendor.write_request(chat, &to, &mut lost);
        assert_eq!(text, vendor.write_request(chat, &to, &mut again), "{dialect:?} wrote it otherwise");
        assert_eq!(lost, again, "{dialect:?} lost something else");
        if let Ok(text) = text {
            must_be_json(&text, &format!("{dialect:?}"));
            once(&text, &format!("{dialect:?}"));
        }
    }
}

/// No member of a request is there twice: which one counts would be the vendor's guess.
fn once(text: &str, what: &str) {
    if let Err(error) = magic_wire::json::Members::of_body(text.as_bytes()) {
        panic!("{what}: {error}: {text}");
    }
}

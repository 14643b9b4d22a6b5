//! What holds for all requests and answers, of whatever dialect.
#![expect(clippy::unwrap_used, reason = "a test that can't go on fails")]

#[path = "properties/histories.rs"]
mod histories;
#[path = "properties/requests.rs"]
mod requests;
#[path = "properties/rubbish.rs"]
mod rubbish;
#[path = "properties/usages.rs"]
mod usages;

use magic_wire::chat::{ChatRequest, Dialect, Losses};
use magic_wire::codec::To;
use magic_wire::dialect;
use serde_json::Value;

fn written(dialect: Dialect, chat: &ChatRequest, model: &str) -> (String, Losses) {
    let mut lost = Losses::default();
    let to = To { model, kind: 1, default_max_output: 4096 };
    let text = dialect::vendor(dialect).unwrap().write_request(chat, &to, &mut lost).unwrap();
    assert!(serde_json::from_str::<Value>(&text).is_ok(), "{text}");
    (text, lost)
}

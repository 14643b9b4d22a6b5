//! Counting tokens where the vendor sent no usage. Slow by nature (an encoder takes a quarter of a second to
//! load, a long text milliseconds): never on an event loop.

use magic_domain::endpoint::Endpoint;
use magic_domain::usage::{Bucket, Usage};
use serde_json::Value;

/// The encoder of a model: OpenAI's by name, the newest for everyone else (nearest).
fn encoder(model: &str) -> &'static tiktoken_rs::CoreBPE {
    let base = model.rsplit('/').next().unwrap_or(model);
    let older = ["gpt-3.5", "gpt-4-", "gpt-4", "text-embedding-", "davinci-002", "babbage-002"];
    let newer = ["gpt-4o", "gpt-4.1", "gpt-4.5"];
    if older.iter().any(|prefix| base.starts_with(prefix))
        && !newer.iter().any(|prefix| base.starts_with(prefix))
    {
        tiktoken_rs::cl100k_base_singleton()
    } else {
        tiktoken_rs::o200k_base_singleton()
    }
}

/// How texts are counted: by the model's encoder, or with the option `ApproximateTokenEnabled` by their length.
#[derive(Debug, Clone, Copy)]
pub struct Counter<'a> {
    pub model: &'a str,
    pub approximate: bool,
}

impl Counter<'_> {
    /// Tokens of a text. The approximation is one-api's: 0.38 a byte, rounded down.
    pub fn count(self, text: &str) -> u64 {
        match (text.is_empty(), self.approximate) {
            (true, _) => 0,
            (false, true) => text.len() as u64 * 38 / 100,
            (false, false) => encoder(self.model).encode_ordinary(text).len() as u64,
        }
    }
}

/// A guess that needs no encoder, for places that can't wait (a dropped task, a checkpoint).
pub fn guess(bytes: u64) -> u64 {
    bytes.div_ceil(4)
}

/// Usage of a call by our own count: the prompt from its body, the answer from the collected text.
/// `overflow` are bytes of the answer beyond what was collected.
pub fn usage(endpoint: Endpoint, counter: Counter<'_>, body: &[u8], text: &str, overflow: u64) -> Usage {
    let prompt = match endpoint {
        Endpoint::Transcriptions | Endpoint::Translations => 0,
        _ => match serde_json::from_slice::<Value>(body) {
            Ok(value) => prompt_tokens(endpoint, counter, &value),
            // A body that its vendor took and this parser does not: its length says enough.
            Err(_) => guess(body.len() as u64),
        },
    };
    let answer = counter.count(text) + guess(overflow);
    Usage::default().with(Bucket::Input, prompt).with(Bucket::Output, answer)
}

/// one-api's rule for chat: three tokens a message, its role and its text, three at the end.
fn prompt_tokens(endpoint: Endpoint, counter: Counter<'_>, body: &Value) -> u64 {
    match (endpoint, body.get("messages").and_then(Value::as_array)) {
        (Endpoint::Chat, Some(messages)) => {
            let each = messages.iter().map(|message| 3 + text_tokens(counter, message));
            each.sum::<u64>() + 3 + body.get("tools").map_or(0, |tools| counter.count(&tools.to_string()))
        }
        _ => ["prompt", "input", "instructions", "instruction", "query", "documents"]
            .iter()
            .filter_map(|key| body.get(*key))
            .map(|value| text_tokens(counter, value))
            .sum(),
    }
}

/// Tokens of a prompt in any dialect: every text in what the model reads.
pub fn prompt(counter: Counter<'_>, body: &[u8]) -> u64 {
    let Ok(value) = serde_json::from_slice::<Value>(body) else { return guess(body.len() as u64) };
    let parts =
        ["system", "systemInstruction", "system_instruction", "messages", "contents", "tools", "input"];
    let turns = ["messages", "contents"].iter().filter_map(|key| value.get(*key)?.as_array()).map(Vec::len);
    let each = 3 * turns.sum::<usize>() as u64;
    each + parts.iter().filter_map(|key| value.get(*key)).map(|part| text_tokens(counter, part)).sum::<u64>()
}

/// Tokens of every string in a value; pictures and sounds in it are not text.
fn text_tokens(counter: Counter<'_>, value: &Value) -> u64 {
    match value {
        Value::String(text) if text.starts_with("data:") => 0,
        Value::String(text) => counter.count(text),
        Value::Array(items) if items.iter().all(Value::is_number) => items.len() as u64,
        Value::Array(items) => items.iter().map(|item| text_tokens(counter, item)).sum(),
        Value::Object(members) => members
            .iter()
            .filter(|(key, _)| {
                !matches!(
                    key.as_str(),
                    "type"
                        | "image_url"
                        | "input_audio"
                        | "file_data"
                        | "id"
                        | "data"
                        | "signature"
                        | "inlineData"
                )
            })
            .map(|(_, value)| text_tokens(counter, value))
            .sum(),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exact(model: &str) -> Counter<'_> {
        Counter { model, approximate: false }
    }

    #[test]
    fn openai_texts_are_counted_exactly() {
        assert_eq!(exact("gpt-4o").count("hello world"), 2);
        assert_eq!(exact("gpt-4").count("hello world"), 2);
        assert_eq!(exact("gpt-4o").count(""), 0);
    }

    #[test]
    fn a_chat_prompt_is_counted_as_one_api_counts_it() {
        let body = br#"{"messages":[{"role":"user","content":"hello world"}]}"#;
        let usage = usage(Endpoint::Chat, exact("gpt-4o"), body, "hi", 0);
        assert_eq!(usage.get(Bucket::Input), 3 + 1 + 2 + 3);
        assert_eq!(usage.get(Bucket::Output), 1);
    }

    #[test]
    fn pictures_and_token_arrays_are_no_text() {
        let body = br#"{"input":[1,2,3]}"#;
        assert_eq!(
            usage(Endpoint::Embeddings, exact("text-embedding-3-small"), body, "", 0).get(Bucket::Input),
            3
        );
        let body = br#"{"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA"}}]}]}"#;
        assert_eq!(usage(Endpoint::Chat, exact("gpt-4o"), body, "", 0).get(Bucket::Input), 3 + 1 + 3);
    }

    #[test]
    fn an_approximate_count_is_one_apis() {
        let approximate = Counter { model: "gpt-4o", approximate: true };
        assert_eq!((approximate.count("hello world"), approximate.count("")), (4, 0));
        let body = br#"{"messages":[{"role":"user","content":"hello world"}]}"#;
        let usage = usage(Endpoint::Chat, approximate, body, "hello world", 0);
        assert_eq!((usage.get(Bucket::Input), usage.get(Bucket::Output)), (3 + 1 + 4 + 3, 4));
    }
}

//! What callers ask of speech in OpenAI's words.

use super::Answer;
use serde::Deserialize;
use serde_json::json;

/// `POST /v1/audio/speech`.
#[derive(Deserialize)]
pub struct Wanted {
    #[serde(default)]
    pub input: String,
    #[serde(default)]
    pub voice: String,
    pub instructions: Option<String>,
    pub speed: Option<f64>,
    pub response_format: Option<String>,
}

impl Wanted {
    pub fn read(body: &[u8]) -> Result<Wanted, Box<Answer>> {
        let wanted: Wanted = serde_json::from_slice(body)
            .map_err(|error| Box::new(refusal(&format!("malformed request: {error}"), "")))?;
        match wanted.input.is_empty() {
            true => Err(Box::new(refusal("input is missing", "input"))),
            false => Ok(wanted),
        }
    }
}

/// A request that can't be met, and the member that is why.
pub fn refusal(message: &str, param: &str) -> Answer {
    let told = json!({ "error": { "message": message, "type": "invalid_request_error", "param": param } });
    Answer::Whole { status: 400, body: told.to_string().into_bytes() }
}

//! A prompt's parameters, which are named as in Chat Completions, in the words of the other faces.

use crate::WireError;
use crate::chat::{ChatRequest, Dialect, Losses};
use crate::codec::To;
use crate::dialect;
use magic_domain::endpoint::Endpoint;
use serde_json::{Map, Value, json};

/// Where a dialect has its messages: no parameters.
const SAID: &[&str] =
    &["messages", "system", "input", "instructions", "contents", "systemInstruction", "model", "stream"];

/// The parameters as a face has them, and what it has no words for. An error: they are faulty.
pub fn params(
    face: Dialect,
    parameters: &Map<String, Value>,
    model: &str,
) -> Result<(Map<String, Value>, Losses), WireError> {
    let chat = read(parameters, model)?;
    if face == Dialect::OpenAiChat {
        return Ok((parameters.clone(), Losses::default()));
    }
    // What stands there without any is not of the prompt's making.
    let (without, before) = written(face, read(&Map::new(), model)?, model)?;
    let mut refused = Vec::new();
    let mut sayable = parameters.clone();
    let mut chat = Some(chat);
    let (with, mut lost) = loop {
        let chat = chat.take().map_or_else(|| read(&sayable, model), Ok)?;
        match written(face, chat, model) {
            Ok(done) => break done,
            // A caller would be refused for it; a default that they did not ask for is left out.
            Err(error) => {
                match error.param.as_deref().map(top).filter(|name| sayable.remove(*name).is_some()) {
                    Some(name) => refused.push(name.to_owned()),
                    None => return Err(error),
                }
            }
        }
    };
    let mut ours = beyond(&with, &without);
    if SAID.iter().any(|name| ours.contains_key(*name)) {
        // Said among the messages, for want of a parameter.
        lost.dropped("response_format");
        ours.retain(|name, _| !SAID.contains(&name.as_str()));
    }
    refused.into_iter().for_each(|name| lost.dropped(name));
    lost.0.retain(|loss| !before.0.contains(loss));
    dialect::worth_telling(&mut lost);
    lost.0.iter_mut().for_each(|loss| loss.path = format!("prompt.{}", loss.path));
    Ok((ours, lost))
}

/// The member that a path begins with.
fn top(path: &str) -> &str {
    path.split(['.', '[']).next().unwrap_or(path)
}

/// A chat with these parameters.
fn read(parameters: &Map<String, Value>, model: &str) -> Result<ChatRequest, WireError> {
    let mut request = parameters.clone();
    request.insert("model".into(), model.into());
    request.insert("messages".into(), json!([{ "role": "user", "content": "?" }]));
    let reader = dialect::face(Dialect::OpenAiChat, Endpoint::Chat);
    let reader = reader.ok_or_else(|| WireError::new("no such dialect"))?;
    let mut chat = reader.read_request(Value::Object(request).to_string().as_bytes(), None)?;
    dialect::abroad(&mut chat)?;
    Ok(chat)
}

/// A chat as the face would be written.
fn written(face: Dialect, chat: ChatRequest, model: &str) -> Result<(Map<String, Value>, Losses), WireError> {
    let kind = match face {
        Dialect::Anthropic => 14,
        Dialect::Gemini => 24,
        _ => 1,
    };
    let mut lost = Losses::default();
    let to = To { model, kind, default_max_output: 4096 };
    let codec = dialect::vendor(face).ok_or_else(|| WireError::new("no such dialect"))?;
    let text = codec.write_request(&chat, &to, &mut lost)?;
    let mut whole: Map<String, Value> =
        serde_json::from_str(&text).map_err(|_| WireError::new("the parameters can't be written"))?;
    // Where a limit is demanded, the one that is made up must not be taken for the prompt's.
    if chat.sampling.max_output.is_none() {
        whole.remove("max_tokens");
    }
    Ok((whole, lost))
}

/// What `with` has and `without` has not, one level deep.
fn beyond(with: &Map<String, Value>, without: &Map<String, Value>) -> Map<String, Value> {
    let own = |(name, value): (&String, &Value)| match (value, without.get(name)) {
        (_, None) => Some((name.clone(), value.clone())),
        (value, Some(other)) if value == other => None,
        (Value::Object(value), Some(Value::Object(other))) => {
            let inner = value.iter().filter(|(name, value)| other.get(*name) != Some(*value));
            Some((name.clone(), Value::Object(inner.map(|(k, v)| (k.clone(), v.clone())).collect())))
        }
        (value, Some(_)) => Some((name.clone(), value.clone())),
    };
    with.iter().filter_map(own).collect()
}

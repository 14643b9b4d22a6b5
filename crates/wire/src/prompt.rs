//! A prompt put into a caller's request: its messages before the caller's own, its model and parameters where
//! the caller sets none. Every other byte stays.

mod edit;
mod params;

pub use params::params;

use crate::WireError;
use crate::chat::Dialect;
use crate::peek::{Peek, Rope};
use crate::splice::quote;
use bytes::Bytes;
use edit::Edit;
use magic_domain::prompt::{Role, Said};
use serde_json::{Map, Value};

/// A prompt with its variables filled in, for one call.
#[derive(Debug, Clone, Copy)]
pub struct Filled<'a> {
    pub said: &'a [Said],
    /// The model to be named; `None`: the request says it already, or its address does.
    pub model: Option<&'a str>,
    /// In the words of the caller's dialect.
    pub params: &'a Map<String, Value>,
}

/// The request with the prompt in it and without the member that asked for it.
pub fn put(face: Dialect, body: &Bytes, peek: &Peek, filled: &Filled<'_>) -> Result<Rope, WireError> {
    let names: &[&str] = match face {
        Dialect::OpenAiResponses => &["model", "instructions", "input"],
        Dialect::Anthropic => &["model", "system", "messages"],
        Dialect::Gemini => &["systemInstruction", "system_instruction", "contents"],
        _ => &["model", "messages"],
    };
    let mut edit = Edit::new(body, names, filled.params)?;
    if let Some((member, _)) = &peek.spans.prompt {
        edit.remove(member);
    }
    match face {
        Dialect::OpenAiResponses => {
            edit.before_text("instructions", &system(filled.said))?;
            let bare = (br#"""#.as_slice(), r#"{"type":"message","role":"user","content":"#, "}");
            edit.before_list(
                "input",
                &turns(filled.said, |turn| said("{\"type\":\"message\",", turn)),
                Some(bare),
            )?;
        }
        Dialect::Anthropic => {
            let text = system(filled.said);
            match edit.is_list("system") {
                true if text.is_empty() => {}
                true => edit.before_list("system", &block(&text), None)?,
                false => edit.before_text("system", &text)?,
            }
            edit.before_list("messages", &turns(filled.said, |turn| said("{", turn)), None)?;
        }
        Dialect::Gemini => {
            edit.before_parts(["systemInstruction", "system_instruction"], &system(filled.said))?;
            edit.before_list("contents", &turns(filled.said, content), Some((b"{", "", "")))?;
        }
        _ => edit.before_list("messages", &joined(filled.said.iter().map(|turn| said("{", turn))), None)?,
    }
    if let Some(model) = filled.model {
        edit.set("model", &quote(model));
    }
    edit.params(filled.params)?;
    Ok(edit.finish())
}

/// The instructions as one text, for dialects that have one place for them.
fn system(said: &[Said]) -> String {
    let texts: Vec<&str> =
        said.iter().filter(|said| said.role.instructs()).map(|said| said.text.as_str()).collect();
    texts.join("\n\n")
}

fn joined(items: impl Iterator<Item = String>) -> String {
    items.collect::<Vec<_>>().join(",")
}

/// What is no instruction, as elements of a list.
fn turns(said: &[Said], write: impl Fn(&Said) -> String) -> String {
    joined(said.iter().filter(|said| !said.role.instructs()).map(write))
}

fn said(open: &str, said: &Said) -> String {
    format!(r#"{open}"role":"{}","content":{}}}"#, said.role.name(), quote(&said.text))
}

/// A text as a block of Anthropic's.
fn block(text: &str) -> String {
    format!(r#"{{"type":"text","text":{}}}"#, quote(text))
}

/// A turn as Gemini says it.
fn content(said: &Said) -> String {
    let role = if said.role == Role::Assistant { "model" } else { "user" };
    format!(r#"{{"role":"{role}","parts":[{{"text":{}}}]}}"#, quote(&said.text))
}

#[cfg(test)]
mod tests;

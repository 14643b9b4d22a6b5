//! Messages as one prompt.

use crate::WireError;
use crate::chat::{Body, ChatRequest, Losses, Media, Message, Role};
use crate::dialect::kit;

/// The begin of the user's next turn, which is not the model's to write.
const NEXT: &str = "\nUser:";
/// How many stop sequences a server takes, unless it is set up otherwise.
pub(super) const STOPS: usize = 4;

/// Where the answer stops: the caller's sequences, and last the user's next turn if there is room for it.
pub(super) fn stops(chat: &ChatRequest) -> (Vec<String>, bool) {
    let mut stops: Vec<String> = chat.sampling.stop.iter().take(STOPS).cloned().collect();
    let ours = stops.len() < STOPS && !stops.iter().any(|stop| stop == NEXT);
    if ours {
        stops.push(NEXT.to_owned());
    }
    (stops, ours)
}

pub(super) fn write(chat: &ChatRequest, lost: &mut Losses) -> Result<String, WireError> {
    let mut prompt = String::new();
    for (index, message) in chat.messages.iter().enumerate() {
        turn(message, &format!("messages[{index}]"), &mut prompt, lost)?;
    }
    if prompt.is_empty() {
        return Err(WireError::at("messages must not be empty", "messages"));
    }
    prompt.push_str("Assistant:");
    Ok(prompt)
}

fn turn(message: &Message, path: &str, prompt: &mut String, lost: &mut Losses) -> Result<(), WireError> {
    let mut said: Vec<String> = Vec::new();
    for (index, part) in message.parts.iter().enumerate() {
        let path = format!("{path}.content[{index}]");
        if let Some((name, text)) = kit::document(&part.body) {
            said.push(kit::titled(name, &text));
            continue;
        }
        match &part.body {
            Body::Text { text, .. } | Body::Refusal(text) => said.push(text.clone()),
            Body::Image { .. } => said.push(picture(&part.body, &path)?),
            Body::Call(call) => {
                lost.approximated(path);
                said.push(format!("[called {} with {}]", call.name, call.arguments));
            }
            Body::Result(result) => {
                lost.approximated(path.as_str());
                let (mut text, others) = kit::result(result);
                for other in others {
                    text.push('\n');
                    text.push_str(&picture(&other.body, &path)?);
                }
                let name = result.name.as_deref().unwrap_or_default();
                add(prompt, if name.is_empty() { "Tool" } else { name }, &text);
            }
            Body::Audio(_) | Body::Video(_) | Body::File { .. } => {
                return Err(kit::cant(&path, kit::kind(&part.body)));
            }
            Body::Opaque { .. } => lost.dropped(path),
            Body::Reasoning(_) => {}
        }
    }
    said.retain(|text| !text.is_empty());
    if !said.is_empty() {
        let role = match message.role {
            Role::System => "System",
            Role::User => "User",
            Role::Assistant => "Assistant",
        };
        add(prompt, role, &said.join("\n"));
    }
    Ok(())
}

fn add(prompt: &mut String, role: &str, text: &str) {
    prompt.push_str(role);
    prompt.push_str(": ");
    prompt.push_str(text);
    prompt.push_str("\n\n");
}

/// A picture, as the server finds it in a prompt.
fn picture(body: &Body, path: &str) -> Result<String, WireError> {
    match body {
        Body::Image { media: Media::Inline { mime, base64 }, .. } => {
            Ok(format!("![](data:{mime};base64,{base64})"))
        }
        // What ends the mark early would be read as text.
        Body::Image { media: Media::Url { url, .. }, .. } if !url.contains([')', ' ', '\n']) => {
            Ok(format!("![]({url})"))
        }
        body => Err(kit::cant(path, kit::kind(body))),
    }
}

//! Turns and what they are made of.

use super::Dialect;
use crate::WireError;
use crate::json::Json;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    System,
    User,
    Assistant,
}

/// A turn. Results of tools are parts of a `User` message.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    pub role: Role,
    pub parts: Vec<Part>,
    /// OpenAI's `name`.
    pub name: Option<String>,
}

impl Message {
    pub fn new(role: Role, parts: Vec<Part>) -> Message {
        Message { role, parts, name: None }
    }

    pub fn text(role: Role, text: impl Into<String>) -> Message {
        Message::new(role, vec![Part::text(text)])
    }
}

/// A part of a turn, with a mark where the caller wants the vendor's prompt cache to end.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    pub body: Body,
    pub cache: Option<CacheMark>,
}

impl Part {
    pub fn new(body: Body) -> Part {
        Part { body, cache: None }
    }

    pub fn text(text: impl Into<String>) -> Part {
        Part::new(Body::Text { text: text.into(), annotations: Vec::new() })
    }

    pub fn as_text(&self) -> Option<&str> {
        match &self.body {
            Body::Text { text, .. } => Some(text),
            _ => None,
        }
    }
}

/// A cache breakpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CacheMark {
    /// Five minutes, or however long the vendor keeps it by default.
    Short,
    /// An hour or longer.
    Long,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Body {
    Text {
        text: String,
        annotations: Vec<Annotation>,
    },
    /// What the model says instead of an answer.
    Refusal(String),
    Image {
        media: Media,
        /// OpenAI's `detail`.
        detail: Option<String>,
    },
    Audio(Media),
    Video(Media),
    /// A document.
    File {
        media: Media,
        name: Option<String>,
    },
    Call(Call),
    Result(ToolResult),
    Reasoning(Reasoning),
    /// Something only its own dialect knows (a hosted tool's call, encrypted results): the whole object.
    Opaque {
        dialect: Dialect,
        json: Json,
    },
}

/// Bytes or where they are.
#[derive(Debug, Clone, PartialEq)]
pub enum Media {
    /// Base64, without a `data:` prefix.
    Inline {
        mime: String,
        base64: String,
    },
    Url {
        url: String,
        mime: Option<String>,
    },
    /// An id in a vendor's file store.
    FileId(String),
    /// A document that is plain text.
    Text(String),
}

/// A call of a tool.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    pub id: String,
    pub name: String,
    /// The arguments as their JSON was written; for a custom tool the bare text. Empty means none (C6).
    pub arguments: String,
    pub custom: bool,
    /// What the vendor wants back with the call (Gemini's thought signature).
    pub seal: Option<Seal>,
}

impl Call {
    /// For vendors that parse a call's arguments: an error at `path` where they are no JSON.
    pub fn check_arguments(&self, path: impl std::fmt::Display) -> Result<(), WireError> {
        let free = self.custom || self.arguments.trim().is_empty();
        if free || Json::from_text(self.arguments.as_str()).is_ok() {
            return Ok(());
        }
        let message = format!("the arguments of the call {:?} are no valid JSON", self.id);
        Err(WireError::at(message, path.to_string()))
    }
}

/// What a tool gave.
#[derive(Debug, Clone, PartialEq)]
pub struct ToolResult {
    pub call_id: String,
    /// Known where the dialect says it; else found by the call's id.
    pub name: Option<String>,
    /// Text, images, files.
    pub parts: Vec<Part>,
    pub is_error: bool,
}

/// A stretch of reasoning.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Reasoning {
    pub text: String,
    pub seal: Option<Seal>,
    /// OpenAI Responses: the item's id.
    pub id: Option<String>,
    /// The text is a summary made by the vendor, not the reasoning itself.
    pub summary: bool,
}

/// A signature or an encrypted blob: goes back to its origin byte for byte, and nowhere else (C14).
#[derive(Debug, Clone, PartialEq)]
pub struct Seal {
    pub dialect: Dialect,
    pub kind: SealKind,
    pub data: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SealKind {
    /// Anthropic's `signature`, Gemini's `thoughtSignature`.
    Signature,
    /// Anthropic's `redacted_thinking`, OpenAI's `encrypted_content`: the content itself, unreadable.
    Encrypted,
}

/// A source of a text.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Annotation {
    pub url: String,
    pub title: String,
    /// Characters of the text it belongs to; 0..0 where the vendor does not say.
    pub start: u64,
    pub end: u64,
}

//! Answers, whole and in steps.

use super::{Annotation, Body, Dialect, Part, Seal};
use crate::fault::VendorFault;
use crate::json::Json;
use magic_domain::usage::Usage;

/// Why an answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Stop {
    #[default]
    End,
    /// One of the caller's stop sequences was met.
    StopSequence,
    Length,
    ToolCalls,
    /// Refused or filtered.
    Filtered,
    /// A long turn of hosted tools pauses (Anthropic).
    Paused,
}

/// A whole answer.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ChatReply {
    /// The vendor's id without its prefix.
    pub id: String,
    pub model: String,
    /// Unix seconds; 0 where the vendor does not say.
    pub created: i64,
    pub choices: Vec<Choice>,
    pub usage: Option<Usage>,
    pub service_tier: Option<String>,
    pub fingerprint: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct Choice {
    pub parts: Vec<Part>,
    pub stop: Stop,
    /// The stop sequence that was met, where the vendor says.
    pub stop_text: Option<String>,
    /// OpenAI's `logprobs` object.
    pub logprobs: Option<Json>,
}

impl Choice {
    /// Whether the answer calls tools: then it has not ended, whatever the vendor calls it (C7, C9).
    pub fn calls(&self) -> bool {
        self.parts.iter().any(|part| matches!(part.body, Body::Call(_)))
    }
}

/// A step of a streamed answer. `choice` counts from 0; choices may interleave. Within a choice nothing does:
/// readers give each stretch of reasoning and each call as start (where it has one), pieces and end, one after
/// another, and hold back what a vendor mixes (C5). [`Event::Stop`] comes after all content of its choice.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// Comes once, first.
    Start {
        id: String,
        model: String,
        created: i64,
        /// What is known of the usage already (Anthropic's input).
        usage: Option<Usage>,
    },
    Text {
        choice: u32,
        text: String,
    },
    Refusal {
        choice: u32,
        text: String,
    },
    Annotation {
        choice: u32,
        annotation: Annotation,
    },
    Reasoning {
        choice: u32,
        text: String,
        summary: bool,
    },
    /// The stretch of reasoning is over; its seal, and the id of its item in Responses.
    ReasoningEnd {
        choice: u32,
        seal: Option<Seal>,
        id: Option<String>,
    },
    /// `call` counts the calls of this choice over the whole stream, from 0 (C1).
    CallStart {
        choice: u32,
        call: u32,
        id: String,
        name: String,
        custom: bool,
        seal: Option<Seal>,
    },
    /// A piece of the arguments' text.
    CallArguments {
        choice: u32,
        call: u32,
        text: String,
    },
    CallEnd {
        choice: u32,
        call: u32,
    },
    /// A picture or a sound, whole.
    Media {
        choice: u32,
        part: Part,
    },
    Logprobs {
        choice: u32,
        json: Json,
    },
    Opaque {
        choice: u32,
        dialect: Dialect,
        json: Json,
    },
    /// Once per choice.
    Stop {
        choice: u32,
        stop: Stop,
        stop_text: Option<String>,
    },
    /// Replaces what was known before; never added to it.
    Usage(Usage),
    /// The vendor gave up; nothing follows.
    Fault(VendorFault),
}

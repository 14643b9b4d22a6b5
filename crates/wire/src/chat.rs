//! The canonical chat: a superset of what the dialects can say, so that each needs one reader and one writer
//! instead of one per pair. Only traffic between *different* dialects passes through it; the same dialect on
//! both sides is spliced (`splice`).
//!
//! What a dialect says and another can't is never dropped in silence: writers report it as a [`Loss`].

mod fold;
mod pairs;
mod pieces;

pub use fold::Fold;

use crate::fault::VendorFault;
use crate::json::Json;
use magic_domain::usage::Usage;

/// A way of speaking chat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// OpenAI Chat Completions.
    OpenAiChat,
    OpenAiResponses,
    Anthropic,
    Gemini,
    BedrockConverse,
    Cohere,
    Ollama,
    /// HuggingFace TGI's own `/generate`.
    Tgi,
    /// Alibaba's own `/api/v1/services/aigc`.
    DashScope,
    /// Baidu Wenxin's first API.
    Baidu,
    /// Tencent Hunyuan's own.
    Tencent,
    /// iFlytek Spark's frames, as its WebSocket carries them.
    Xunfei,
    /// Google's first one, retired.
    Palm,
    Coze,
    DeepL,
    Replicate,
    /// AI Proxy's libraries: questions about documents.
    AiProxyLibrary,
}

/// A request.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ChatRequest {
    /// As the caller named it; writers are told the vendor's name for it.
    pub model: String,
    /// In order. System messages stand where the caller put them: those before the first other message are
    /// the system prompt, later ones stay in their place (C28).
    pub messages: Vec<Message>,
    pub tools: Vec<Tool>,
    pub tool_choice: Option<ToolChoice>,
    /// `false`: at most one call per answer.
    pub parallel_tools: Option<bool>,
    pub sampling: Sampling,
    pub output: OutputFormat,
    pub reasoning: Option<ReasoningAsk>,
    pub stream: bool,
    /// The caller wants the usage at the end of a stream (OpenAI's `include_usage`); other dialects always do.
    pub wants_usage: bool,
    /// The caller's own user.
    pub end_user: Option<String>,
    pub metadata: Option<Json>,
    /// In OpenAI's words: `auto`, `default`, `flex`, `priority`.
    pub service_tier: Option<String>,
    pub store: Option<bool>,
    pub cache_key: Option<String>,
    /// `low`, `medium`, `high`.
    pub verbosity: Option<String>,
    pub web_search: Option<WebSearch>,
    /// Kinds of output besides text: `audio`, `image`.
    pub modalities: Vec<String>,
    /// OpenAI's `audio` member: voice and format.
    pub audio: Option<Json>,
    pub previous_response: Option<String>,
    /// Members that no field above stands for, with the dialect whose words they are.
    pub extra: Vec<(String, Json)>,
    pub origin: Option<Dialect>,
}

/// Limits and chance.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Sampling {
    /// The longest answer in tokens, reasoning included.
    pub max_output: Option<u64>,
    pub temperature: Option<f64>,
    pub top_p: Option<f64>,
    pub top_k: Option<u64>,
    pub stop: Vec<String>,
    pub seed: Option<i64>,
    pub presence_penalty: Option<f64>,
    pub frequency_penalty: Option<f64>,
    /// Answers asked for.
    pub n: Option<u64>,
    pub logprobs: Option<bool>,
    pub top_logprobs: Option<u64>,
    pub logit_bias: Option<Json>,
}

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

#[derive(Debug, Clone, PartialEq)]
pub enum Tool {
    Function {
        name: String,
        description: Option<String>,
        /// A JSON Schema, as it was written.
        schema: Option<Json>,
        strict: Option<bool>,
        cache: Option<CacheMark>,
    },
    /// OpenAI's custom tool: free text in, perhaps under a grammar.
    Custom { name: String, description: Option<String>, format: Option<Json> },
    /// A tool that the vendor runs itself, in its own dialect's words.
    Hosted { dialect: Dialect, json: Json },
}

#[derive(Debug, Clone, PartialEq)]
pub enum ToolChoice {
    Auto,
    None,
    /// Some tool must be called.
    Required,
    /// This one must be called.
    Named(String),
    /// One of these; `required`: must be called.
    Allowed {
        names: Vec<String>,
        required: bool,
    },
}

#[derive(Debug, Clone, PartialEq, Default)]
pub enum OutputFormat {
    #[default]
    Text,
    /// Some JSON object.
    Json,
    Schema {
        name: Option<String>,
        description: Option<String>,
        schema: Json,
        strict: Option<bool>,
    },
}

/// How much the model shall reason.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ReasoningAsk {
    pub effort: Option<Effort>,
    /// Tokens; where a dialect counts instead of naming. `Some(-1)`: as much as the model likes.
    pub budget: Option<i64>,
    /// Switched off altogether.
    pub off: bool,
    /// The reasoning (or its summary) shall be shown.
    pub show: Option<bool>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effort {
    None,
    Minimal,
    Low,
    Medium,
    High,
    XHigh,
    Max,
}

impl Effort {
    pub const fn name(self) -> &'static str {
        match self {
            Effort::None => "none",
            Effort::Minimal => "minimal",
            Effort::Low => "low",
            Effort::Medium => "medium",
            Effort::High => "high",
            Effort::XHigh => "xhigh",
            Effort::Max => "max",
        }
    }

    pub fn parse(name: &str) -> Option<Effort> {
        use Effort::*;
        [None, Minimal, Low, Medium, High, XHigh, Max].into_iter().find(|effort| effort.name() == name)
    }

    /// Tokens of reasoning for vendors that count (vendors' table §3.3).
    pub const fn budget(self) -> i64 {
        match self {
            Effort::None => 0,
            Effort::Minimal | Effort::Low => 1024,
            Effort::Medium => 2048,
            Effort::High => 4096,
            Effort::XHigh => 8192,
            Effort::Max => 16384,
        }
    }

    /// The effort that a budget stands for.
    pub fn of_budget(tokens: i64) -> Effort {
        match tokens {
            ..=0 => Effort::None,
            1..=1535 => Effort::Low,
            1536..=3071 => Effort::Medium,
            3072..=6143 => Effort::High,
            6144..=12287 => Effort::XHigh,
            _ => Effort::Max,
        }
    }
}

/// OpenAI's `web_search_options`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct WebSearch {
    /// `low`, `medium`, `high`.
    pub context_size: Option<String>,
    pub location: Option<Json>,
}

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

/// Something of the request that the vendor's dialect can't say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loss {
    /// In the caller's words: `messages[2].content[0]`, `logit_bias`.
    pub path: String,
    pub what: LossKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LossKind {
    /// It changes what is generated or billed, and was left out.
    Dropped,
    /// Said in another way that means about the same.
    Approximated,
    /// A number beyond what the vendor takes was moved to its nearest bound.
    Clamped,
}

/// Losses of a kind that the header names; of others it tells the number.
const HEADER_MAX: usize = 20;

/// A path as a header can hold it: callers name members as they like.
fn visible(path: &str) -> String {
    let plain = |letter: char| if letter.is_ascii_graphic() && letter != ',' { letter } else { '?' };
    path.chars().take(100).map(plain).collect()
}

/// What a writer could not carry over, for the `x-magic-warning` header and strict callers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Losses(pub Vec<Loss>);

impl Losses {
    pub fn dropped(&mut self, path: impl Into<String>) {
        self.add(path, LossKind::Dropped);
    }

    pub fn approximated(&mut self, path: impl Into<String>) {
        self.add(path, LossKind::Approximated);
    }

    pub fn clamped(&mut self, path: impl Into<String>) {
        self.add(path, LossKind::Clamped);
    }

    fn add(&mut self, path: impl Into<String>, what: LossKind) {
        let loss = Loss { path: path.into(), what };
        if !self.0.contains(&loss) {
            self.0.push(loss);
        }
    }

    /// The value of `x-magic-warning`: `dropped=a,b; approximated=c`.
    pub fn header(&self) -> Option<String> {
        let named = |kind: LossKind, name: &str| {
            let all = || self.0.iter().filter(|loss| loss.what == kind);
            let mut paths: Vec<String> = all().take(HEADER_MAX).map(|loss| visible(&loss.path)).collect();
            let more = all().count() - paths.len();
            if more > 0 {
                paths.push(format!("{more} more"));
            }
            (!paths.is_empty()).then(|| format!("{name}={}", paths.join(",")))
        };
        let parts: Vec<String> = [
            named(LossKind::Dropped, "dropped"),
            named(LossKind::Approximated, "approximated"),
            named(LossKind::Clamped, "clamped"),
        ]
        .into_iter()
        .flatten()
        .collect();
        (!parts.is_empty()).then(|| parts.join("; "))
    }
}

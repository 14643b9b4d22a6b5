//! The canonical chat: a superset of what the dialects can say, so that each needs one reader and one writer
//! instead of one per pair. Only traffic between *different* dialects passes through it; the same dialect on
//! both sides is spliced (`splice`).
//!
//! What a dialect says and another can't is never dropped in silence: writers report it as a [`Loss`].

mod answer;
mod fold;
mod loss;
mod message;
mod pairs;
mod pieces;
mod reasoning;
mod request;

pub use answer::{ChatReply, Choice, Event, Stop};
pub use fold::Fold;
pub use loss::{Loss, LossKind, Losses};
pub use message::{
    Annotation, Body, CacheMark, Call, Media, Message, Part, Reasoning, Role, Seal, SealKind, ToolResult,
};
pub use reasoning::{Effort, ReasoningAsk};
pub use request::{ChatRequest, OutputFormat, Sampling, Tool, ToolChoice, WebSearch};

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

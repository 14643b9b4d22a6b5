//! What a caller asks.

use super::{CacheMark, Dialect, Message, ReasoningAsk};
use crate::json::Json;

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

/// OpenAI's `web_search_options`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct WebSearch {
    /// `low`, `medium`, `high`.
    pub context_size: Option<String>,
    pub location: Option<Json>,
}

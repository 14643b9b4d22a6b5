//! The chat dialects, one module each: a reader and a writer of requests, answers and streams.

pub mod aiproxy;
pub mod anthropic;
pub mod baidu;
pub mod bedrock;
pub mod cohere;
pub mod completions;
pub mod coze;
pub mod dashscope;
pub mod deepl;
pub mod gemini;
mod kit;
pub mod ollama;
pub mod openai_chat;
pub mod palm;
mod plain;
pub mod replicate;
pub mod responses;
pub mod tencent;
pub mod tgi;
pub mod xunfei;

use crate::WireError;
use crate::chat::{Body, ChatRequest, Dialect, Losses};
use crate::codec::{FaceCodec, VendorCodec};
use magic_domain::endpoint::Endpoint;

/// The codec of a dialect that callers speak; `None` for one that only vendors do. OpenAI's older endpoints
/// are faces of their own.
pub fn face(dialect: Dialect, endpoint: Endpoint) -> Option<&'static dyn FaceCodec> {
    match dialect {
        Dialect::OpenAiChat if endpoint == Endpoint::Completions => Some(&completions::Completions),
        Dialect::OpenAiChat if endpoint == Endpoint::Edits => Some(&completions::Edits),
        Dialect::OpenAiChat => Some(&openai_chat::OpenAiChat),
        Dialect::OpenAiResponses => Some(&responses::Responses),
        Dialect::Anthropic => Some(&anthropic::Anthropic),
        Dialect::Gemini => Some(&gemini::Gemini),
        _ => None,
    }
}

/// Every dialect that vendors speak.
pub const VENDOR_DIALECTS: &[Dialect] = &[
    Dialect::OpenAiChat,
    Dialect::OpenAiResponses,
    Dialect::Anthropic,
    Dialect::Gemini,
    Dialect::BedrockConverse,
    Dialect::Cohere,
    Dialect::Ollama,
    Dialect::Tgi,
    Dialect::DashScope,
    Dialect::Baidu,
    Dialect::Tencent,
    Dialect::Xunfei,
    Dialect::Palm,
    Dialect::Coze,
    Dialect::DeepL,
    Dialect::Replicate,
    Dialect::AiProxyLibrary,
];

/// The codec of a dialect that vendors speak; `None` for one that this version does not.
pub fn vendor(dialect: Dialect) -> Option<&'static dyn VendorCodec> {
    match dialect {
        Dialect::OpenAiChat => Some(&openai_chat::OpenAiChat),
        Dialect::OpenAiResponses => Some(&responses::Responses),
        Dialect::Anthropic => Some(&anthropic::Anthropic),
        Dialect::Gemini => Some(&gemini::Gemini),
        Dialect::Cohere => Some(&cohere::Cohere),
        Dialect::Ollama => Some(&ollama::Ollama),
        Dialect::Tgi => Some(&tgi::Tgi),
        Dialect::DashScope => Some(&dashscope::DashScope),
        Dialect::Baidu => Some(&baidu::Baidu),
        Dialect::Tencent => Some(&tencent::Tencent),
        Dialect::Xunfei => Some(&xunfei::Xunfei),
        Dialect::Palm => Some(&palm::Palm),
        Dialect::Coze => Some(&coze::Coze),
        Dialect::DeepL => Some(&deepl::DeepL),
        Dialect::Replicate => Some(&replicate::Replicate),
        Dialect::AiProxyLibrary => Some(&aiproxy::AiProxyLibrary),
        Dialect::BedrockConverse => Some(&bedrock::BedrockConverse),
    }
}

/// Makes a request ready for the writers of other dialects: refuses what only the origin's vendor can do,
/// completes calls and results, and leaves out parts that only keep the origin's own words.
pub fn abroad(chat: &mut ChatRequest) -> Result<(), WireError> {
    responses::portable(chat)?;
    gemini::portable(chat)?;
    chat.pair_calls()?;
    for message in &mut chat.messages {
        message.parts.retain(|part| !anthropic::is_exact(part) && !is_mark(&part.body));
    }
    chat.join_pieces();
    Ok(())
}

/// The Responses reader's note of an item's id, before the item's own parts.
fn is_mark(body: &Body) -> bool {
    let Body::Opaque { dialect: Dialect::OpenAiResponses, json } = body else { return false };
    let item: serde_json::Value = serde_json::from_str(json.get()).unwrap_or_default();
    item["type"] == "message"
}

/// Leaves out the losses that change nothing of what is generated.
pub fn worth_telling(lost: &mut Losses) {
    lost.0.retain(|loss| !responses::hint(&loss.path));
}

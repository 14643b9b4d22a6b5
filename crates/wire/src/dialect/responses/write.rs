//! A request for a vendor that speaks Responses.

use super::{history, read, tools};
use crate::WireError;
use crate::chat::{ChatRequest, Dialect, Effort, Losses, OutputFormat, ReasoningAsk, Role};
use crate::codec::To;
use crate::json::{self, Object};

/// The vendor takes no smaller limit.
const LEAST_OUTPUT: u64 = 16;

pub(super) fn request(chat: &ChatRequest, to: &To<'_>, lost: &mut Losses) -> Result<String, WireError> {
    let own = chat.origin == Some(Dialect::OpenAiResponses);
    refuse(chat, lost)?;
    tools::check(chat)?;
    // Elsewhere the system prompt is part of what is remembered, as an item is and `instructions` are not.
    let first = chat.messages.first().filter(|message| own && message.role == Role::System);
    let instructions = first.and_then(history::plain);
    let items = history::write(chat, usize::from(instructions.is_some()), lost)?;
    let limit = limit(chat, own, lost);
    let extra = Extra { chat, own };
    Ok(json::object(|o| {
        o.text("model", to.model);
        o.opt_text("instructions", instructions);
        if !items.is_empty() || !extra.has("prompt") {
            o.list("input", |l| history::raw_items(&items, l));
        }
        if !chat.tools.is_empty() || chat.web_search.is_some() {
            o.list("tools", |l| tools::write(chat, l));
        }
        if let Some(choice) = &chat.tool_choice {
            tools::write_choice(chat, choice, o.key("tool_choice"));
        }
        o.opt_flag("parallel_tool_calls", chat.parallel_tools);
        o.opt_int("max_output_tokens", limit);
        for (name, value) in [("temperature", chat.sampling.temperature), ("top_p", chat.sampling.top_p)] {
            if let Some(value) = value {
                number(o, name, value);
            }
        }
        o.opt_int("top_logprobs", chat.sampling.top_logprobs);
        if !extra.has("text") {
            text(chat, o);
        }
        if let Some(ask) = chat.reasoning.as_ref().filter(|ask| !extra.says_all(ask)) {
            reasoning(ask, to.model, o);
        }
        o.opt_text("previous_response_id", chat.previous_response.as_deref());
        o.opt_json("metadata", chat.metadata.as_ref());
        o.opt_text("service_tier", chat.service_tier.as_deref());
        o.opt_text("prompt_cache_key", chat.cache_key.as_deref());
        if !extra.has("safety_identifier") {
            o.opt_text("user", chat.end_user.as_deref());
        }
        // Kept for thirty days unless told otherwise, which nobody who spoke another dialect has asked for.
        let store = chat.store.or((!own).then_some(false));
        o.opt_flag("store", store);
        if !own {
            include(chat, to.model, store == Some(false), o);
        }
        if chat.stream {
            o.flag("stream", true);
        }
        extra.write(o);
    }))
}

/// What can neither be said nor left out, and what is left out with a word about it.
fn refuse(chat: &ChatRequest, lost: &mut Losses) -> Result<(), WireError> {
    let sampling = &chat.sampling;
    if sampling.n.is_some_and(|n| n > 1) {
        return Err(WireError::at("this model gives one answer per call", "n"));
    }
    if !sampling.stop.is_empty() {
        return Err(WireError::at("this model takes no stop sequences", "stop"));
    }
    if chat.audio.is_some() || chat.modalities.iter().any(|kind| kind == "audio") {
        return Err(WireError::at("this model does not speak", "modalities"));
    }
    for (name, given) in [
        ("top_k", sampling.top_k.is_some()),
        ("seed", sampling.seed.is_some()),
        ("presence_penalty", sampling.presence_penalty.is_some_and(|penalty| penalty != 0.0)),
        ("frequency_penalty", sampling.frequency_penalty.is_some_and(|penalty| penalty != 0.0)),
        ("logit_bias", sampling.logit_bias.as_ref().is_some_and(|bias| bias.get() != "{}")),
        ("modalities", chat.modalities.iter().any(|kind| kind != "text")),
    ] {
        if given {
            lost.dropped(name);
        }
    }
    for (name, _) in &chat.extra {
        if !passes(chat, name) && name != "prediction" {
            lost.dropped(name);
        }
    }
    Ok(())
}

/// Whether a member that nobody knows is one of this dialect.
fn passes(chat: &ChatRequest, name: &str) -> bool {
    match chat.origin {
        Some(Dialect::OpenAiResponses) => true,
        Some(Dialect::OpenAiChat) => matches!(
            name,
            "safety_identifier" | "prompt_cache_options" | "prompt_cache_retention" | "moderation"
        ),
        _ => false,
    }
}

/// The members that no field of the canonical request stands for.
struct Extra<'a> {
    chat: &'a ChatRequest,
    own: bool,
}

impl Extra<'_> {
    fn has(&self, name: &str) -> bool {
        self.chat.extra.iter().any(|(key, _)| key == name && passes(self.chat, key))
    }

    /// Whether the caller's own words on reasoning still say what is asked.
    fn says_all(&self, ask: &ReasoningAsk) -> bool {
        let words = self.chat.extra.iter().find(|(name, _)| self.own && name == "reasoning");
        words.and_then(|(_, json)| read::reasoning(json).ok()).is_some_and(|(read, _)| read == *ask)
    }

    fn write(&self, o: &mut Object<'_>) {
        for (name, json) in &self.chat.extra {
            let elsewhere = match name.as_str() {
                "reasoning" => !self.chat.reasoning.as_ref().is_some_and(|ask| self.says_all(ask)),
                "tool_choice" => self.chat.tool_choice.is_some(),
                name => tools::is_search(name),
            };
            if passes(self.chat, name) && !elsewhere {
                o.json(name, json);
            }
        }
    }
}

fn limit(chat: &ChatRequest, own: bool, lost: &mut Losses) -> Option<u64> {
    let asked = chat.sampling.max_output?;
    if own || asked >= LEAST_OUTPUT {
        return Some(asked);
    }
    lost.clamped(match chat.origin {
        Some(Dialect::OpenAiChat) => "max_completion_tokens",
        Some(Dialect::Anthropic) => "max_tokens",
        Some(Dialect::Gemini) => "generationConfig.maxOutputTokens",
        _ => "max_output_tokens",
    });
    Some(LEAST_OUTPUT)
}

fn text(chat: &ChatRequest, o: &mut Object<'_>) {
    if chat.output == OutputFormat::Text && chat.verbosity.is_none() {
        return;
    }
    o.object("text", |o| {
        if chat.output != OutputFormat::Text {
            o.object("format", |o| format(&chat.output, o));
        }
        o.opt_text("verbosity", chat.verbosity.as_deref());
    });
}

pub(super) fn format(output: &OutputFormat, o: &mut Object<'_>) {
    match output {
        OutputFormat::Text => o.text("type", "text"),
        OutputFormat::Json => o.text("type", "json_object"),
        OutputFormat::Schema { name, description, schema, strict } => {
            o.text("type", "json_schema");
            o.text("name", name.as_deref().unwrap_or("answer"));
            o.opt_text("description", description.as_deref());
            o.json("schema", schema);
            o.opt_flag("strict", *strict);
        }
    }
}

fn reasoning(ask: &ReasoningAsk, model: &str, o: &mut Object<'_>) {
    let effort = ask.effort.or_else(|| match ask.budget {
        _ if ask.off => least_effort(model),
        Some(-1) | None => None,
        Some(tokens) => Some(Effort::of_budget(tokens)),
    });
    let show = ask.show == Some(true);
    if effort.is_none() && !show {
        return;
    }
    o.object("reasoning", |o| {
        o.opt_text("effort", effort.map(Effort::name));
        if show {
            o.text("summary", "auto");
        }
    });
}

/// The nearest to no reasoning that a model takes; nothing where asking for it would be refused (§1.6).
fn least_effort(model: &str) -> Option<Effort> {
    let model = model.rsplit('/').next().unwrap_or(model);
    let version = model.strip_prefix("gpt-5")?;
    match version.as_bytes() {
        [b'.', ..] if !version.contains("-pro") => Some(Effort::None),
        [] | [b'-', ..] if !version.contains("-pro") && !version.contains("-chat") => Some(Effort::Minimal),
        _ => None,
    }
}

/// Models that do not reason refuse to encrypt what they have not.
fn reasons(model: &str) -> bool {
    let model = model.rsplit('/').next().unwrap_or(model);
    let plain = ["gpt-4", "gpt-3.5", "chatgpt-"].iter().any(|name| model.starts_with(name));
    !plain && !model.contains("-chat")
}

fn include(chat: &ChatRequest, model: &str, forgotten: bool, o: &mut Object<'_>) {
    let encrypted = forgotten && reasons(model);
    let logprobs = chat.sampling.logprobs == Some(true);
    if encrypted || logprobs {
        o.list("include", |l| {
            if encrypted {
                l.item().text("reasoning.encrypted_content");
            }
            if logprobs {
                l.item().text("message.output_text.logprobs");
            }
        });
    }
}

/// A number that a caller wrote as `1` is `1` again.
pub(super) fn number(o: &mut Object<'_>, name: &str, value: f64) {
    if value.fract() == 0.0 && value.abs() < 1e15 {
        o.int(name, value as i64);
    } else {
        o.key(name).number(value);
    }
}

//! Requests for the vendor, written. The same request always gives the same bytes: prompt caches and the
//! signatures of thinking hang on them (C37).

use super::thinking::{self, Param, Thinking};
use super::{models, tools, turns};
use crate::WireError;
use crate::chat::{Body, ChatRequest, Dialect, Losses, Part, Tool};
use crate::codec::To;
use crate::json::{self, Json, Object};

/// Cache marks that the vendor takes.
const MARKS: usize = 4;

pub(super) fn request(chat: &ChatRequest, to: &To<'_>, lost: &mut Losses) -> Result<String, WireError> {
    refuse(chat)?;
    leave_out(chat, lost);
    let model = models::of(to.model);
    let mut chat = chat.clone();
    limit_marks(&mut chat);
    let mut history = turns::of(&mut chat, &model, lost)?;
    let bare = history.lost_its_thinking();
    let thinking = thinking::decide(&chat, &model, to.default_max_output, bare, lost);
    if history.is_prefilled() && (!model.prefill || thinking.on) {
        return Err(WireError::at(
            "this model does not continue a turn of the assistant; the last message must be the user's",
            "messages",
        ));
    }
    let tools = tools::of(&chat, &model, thinking.on, lost)?;
    history.system.extend(tools.system.iter().map(|text| turns::text_block(text, None)));
    let stop: Vec<&String> = chat.sampling.stop.iter().filter(|text| !text.trim().is_empty()).collect();
    let own = Own::of(&chat);
    Ok(json::object(|o| {
        o.text("model", to.model);
        o.int("max_tokens", thinking.max_tokens);
        if !history.system.is_empty() {
            o.list("system", |l| history.system.iter().for_each(|block| l.item().raw(block)));
        }
        o.list("messages", |l| history.turns.iter().for_each(|turn| l.object(|o| turn.write(o))));
        if !tools.tools.is_empty() {
            o.list("tools", |l| tools.tools.iter().for_each(|tool| l.item().raw(tool)));
        }
        if let Some(choice) = &tools.choice {
            o.key("tool_choice").raw(choice);
        }
        let show = chat.reasoning.as_ref().and_then(|ask| ask.show);
        if let Some(thinking) = thinking.json(show, &own.under("thinking.")) {
            o.key("thinking").raw(&thinking);
        }
        output_config(&thinking, tools.format.as_ref(), &own, o);
        sampling(&chat, &model, &thinking, lost, o);
        if !stop.is_empty() {
            o.list("stop_sequences", |l| stop.iter().for_each(|text| l.item().text(text)));
        }
        if chat.stream {
            o.flag("stream", true);
        }
        metadata(&chat, o);
        service_tier(&chat, lost, o);
        own.top().for_each(|(name, value)| o.json(name, value));
    }))
}

/// What can neither be said nor left out.
pub(in crate::dialect) fn refuse(chat: &ChatRequest) -> Result<(), WireError> {
    let refused = |path: &str, what: &str| Err(WireError::at(format!("this vendor {what}"), path));
    if chat.sampling.n.is_some_and(|n| n > 1) {
        return refused("n", "gives one answer per request");
    }
    if chat.audio.is_some() {
        return refused("audio", "makes no sounds");
    }
    if chat.modalities.iter().any(|kind| kind != "text") {
        return refused("modalities", "makes nothing but text");
    }
    if chat.previous_response.is_some() {
        return refused("previous_response_id", "keeps no answers to go on from");
    }
    if chat.origin == Some(Dialect::Gemini) && chat.extra.iter().any(|(name, _)| is(name, "cachedContent")) {
        return refused("cachedContent", "does not have the cached content");
    }
    Ok(())
}

fn is(path: &str, name: &str) -> bool {
    path.rsplit('.').next() == Some(name)
}

/// What is left out, and said to be.
fn leave_out(chat: &ChatRequest, lost: &mut Losses) {
    /// Hints and labels, which change nothing of the answer.
    const HINTS: &[&str] = &[
        "prediction",
        "prompt_cache_retention",
        "prompt_cache_options",
        "stream_options",
        "safety_identifier",
        "include",
        "truncation",
        "background",
        "safetySettings",
        "safety_settings",
        "mediaResolution",
        "labels",
    ];
    let sampling = &chat.sampling;
    for (name, penalty) in
        [("frequency_penalty", sampling.frequency_penalty), ("presence_penalty", sampling.presence_penalty)]
    {
        if penalty.is_some_and(|penalty| penalty != 0.0) {
            lost.dropped(name);
        }
    }
    let bias = sampling.logit_bias.as_ref().is_some_and(|bias| bias.get() != "{}" && !bias.is_null());
    let dropped = [
        ("logit_bias", bias),
        ("logprobs", sampling.logprobs == Some(true)),
        ("top_logprobs", sampling.top_logprobs.is_some_and(|top| top > 0)),
        ("store", chat.store == Some(true)),
    ];
    dropped.into_iter().filter(|(_, said)| *said).for_each(|(name, _)| lost.dropped(name));
    if chat.origin != Some(Dialect::Anthropic) {
        let unknown = chat.extra.iter().filter(|(name, _)| !HINTS.iter().any(|hint| is(name, hint)));
        unknown.for_each(|(name, _)| lost.dropped(name));
    }
}

/// Keeps the last cache marks where there are too many (C27). Marks in what is written as it came count too.
pub(in crate::dialect) fn limit_marks(chat: &mut ChatRequest) {
    let own = chat.origin == Some(Dialect::Anthropic);
    let top = usize::from(own && chat.extra.iter().any(|(name, _)| name == "cache_control"));
    let hosted =
        |tool: &Tool| matches!(tool, Tool::Hosted { json, .. } if json.get().contains("\"cache_control\""));
    let fixed = top + chat.tools.iter().filter(|tool| hosted(tool)).count();
    let mut marks = Vec::new();
    for tool in &mut chat.tools {
        if let Tool::Function { cache, .. } = tool {
            marks.push(cache);
        }
    }
    for part in chat.messages.iter_mut().flat_map(|message| &mut message.parts) {
        marks_of(part, &mut marks);
    }
    marks.retain(|mark| mark.is_some());
    let excess = marks.len().saturating_sub(MARKS.saturating_sub(fixed));
    marks.into_iter().take(excess).for_each(|mark| *mark = None);
}

fn marks_of<'a>(part: &'a mut Part, marks: &mut Vec<&'a mut Option<crate::chat::CacheMark>>) {
    match &mut part.body {
        // Neither thinking nor an empty text takes a mark.
        Body::Reasoning(_) | Body::Opaque { .. } => return,
        Body::Text { text, .. } if text.is_empty() => return,
        Body::Result(result) => result.parts.iter_mut().for_each(|part| marks_of(part, marks)),
        _ => {}
    }
    marks.push(&mut part.cache);
}

fn output_config(thinking: &Thinking, format: Option<&Json>, own: &Own<'_>, o: &mut Object<'_>) {
    let more = own.under("output_config.");
    if thinking.effort.is_none() && format.is_none() && more.is_empty() {
        return;
    }
    o.object("output_config", |o| {
        o.opt_text("effort", thinking.effort.map(crate::chat::Effort::name));
        if let Some(schema) = format {
            o.object("format", |o| {
                o.text("type", "json_schema");
                o.json("schema", schema);
            });
        }
        more.iter().for_each(|(name, value)| o.json(name, value));
    });
}

fn sampling(
    chat: &ChatRequest,
    model: &models::Model,
    thinking: &Thinking,
    lost: &mut Losses,
    o: &mut Object<'_>,
) {
    let wanted = &chat.sampling;
    let thinks = matches!(thinking.param, Some(Param::Enabled(_) | Param::Adaptive));
    // While it thinks, a model's temperature is 1.
    let free = model.sampling && !thinks;
    let mut temperature = wanted.temperature;
    if free && temperature.is_some_and(|value| value > 1.0) {
        temperature = Some(1.0);
        lost.clamped("temperature");
    } else if !free && temperature.is_some_and(|value| value != 1.0) {
        temperature = None;
        lost.dropped("temperature");
    }
    temperature = temperature.filter(|_| model.sampling);
    let fits = |value: f64| model.sampling && (!thinks || (0.95..=1.0).contains(&value));
    let top_p = wanted.top_p.filter(|value| fits(*value) && !(model.one_of_two && temperature.is_some()));
    // 1 is what happens anyway.
    if top_p.is_none() && wanted.top_p.is_some_and(|value| value < 1.0) {
        lost.dropped("top_p");
    }
    let mut top_k = wanted.top_k;
    if top_k.is_some() && !free {
        top_k = None;
        lost.dropped("top_k");
    }
    o.opt_number("temperature", temperature);
    o.opt_number("top_p", top_p);
    o.opt_int("top_k", top_k);
}

fn metadata(chat: &ChatRequest, o: &mut Object<'_>) {
    let own = chat.metadata.as_ref().filter(|_| chat.origin == Some(Dialect::Anthropic));
    if let Some(metadata) = own {
        return o.json("metadata", metadata);
    }
    let labelled = chat
        .metadata
        .as_ref()
        .and_then(|metadata| Some(metadata.tree().get("user_id")?.as_str()?.to_owned()));
    let Some(user) = chat.end_user.clone().or(labelled) else { return };
    // The vendor wants no names in it: an address or a telephone number goes as its hash.
    let number = user.len() > 6
        && user.chars().all(|c| c.is_ascii_digit() || matches!(c, '+' | '-' | ' ' | '(' | ')'));
    let hidden = (chat.origin != Some(Dialect::Anthropic) && (user.contains('@') || number))
        .then(|| format!("{:016x}{:016x}", super::seal::hash(&user, 0), super::seal::hash(&user, 1)));
    o.object("metadata", |o| o.text("user_id", hidden.as_deref().unwrap_or(&user)));
}

fn service_tier(chat: &ChatRequest, lost: &mut Losses, o: &mut Object<'_>) {
    match chat.service_tier.as_deref() {
        None => {}
        Some("auto") => o.text("service_tier", "auto"),
        Some("default") => o.text("service_tier", "standard_only"),
        Some("flex") => {
            o.text("service_tier", "standard_only");
            lost.approximated("service_tier");
        }
        Some("priority" | "fast") => {
            o.text("service_tier", "auto");
            lost.approximated("service_tier");
        }
        Some(other) if chat.origin == Some(Dialect::Anthropic) => o.text("service_tier", other),
        Some(_) => lost.dropped("service_tier"),
    }
}

/// Members that only this dialect knows, from a caller who speaks it.
struct Own<'a>(&'a [(String, Json)]);

impl<'a> Own<'a> {
    fn of(chat: &'a ChatRequest) -> Own<'a> {
        Own(if chat.origin == Some(Dialect::Anthropic) { &chat.extra } else { &[] })
    }

    fn under(&self, prefix: &str) -> Vec<(&'a str, &'a Json)> {
        self.0.iter().filter_map(|(name, value)| Some((name.strip_prefix(prefix)?, value))).collect()
    }

    fn top(&self) -> impl Iterator<Item = (&'a str, &'a Json)> {
        let nested =
            |name: &str| ["thinking.", "output_config.", "tools["].iter().any(|at| name.starts_with(at));
        self.0.iter().filter(move |(name, _)| !nested(name)).map(|(name, value)| (name.as_str(), value))
    }
}

//! Requests for the vendor, written. The same request always gives the same bytes: prompt caches and the
//! signatures of thinking hang on them (C37).

use super::model::Family;
use super::{settings, tools, turns};
use crate::WireError;
use crate::chat::{ChatRequest, Dialect, Effort, Losses};
use crate::codec::To;
use crate::dialect::anthropic::write as claude;
use crate::json::{self, Json, Members};
use serde_json::value::RawValue;

/// Members of the dialect's own, which callers of every other may send as they are.
const OWN: &[&str] = &[
    "guardrailConfig",
    "performanceConfig",
    "requestMetadata",
    "promptVariables",
    "additionalModelRequestFields",
    "additionalModelResponseFieldPaths",
];
const FIELDS: &str = "additionalModelRequestFields";
const PATHS: &str = "additionalModelResponseFieldPaths";

/// Members of Claude's own dialect that it takes here too, among the fields of the model.
const CLAUDES: &[&str] = &["anthropic_beta", "context_management"];

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
    "mediaResolution",
    "labels",
    "diagnostics",
    "eager_input_streaming",
];

pub(super) fn request(chat: &ChatRequest, to: &To<'_>, lost: &mut Losses) -> Result<String, WireError> {
    claude::refuse(chat)?;
    let family = Family::of(to.model);
    leave_out(chat, &family, lost);
    let mut chat = chat.clone();
    claude::limit_marks(&mut chat);
    let mut history = turns::of(&mut chat, &family, lost)?;
    let bare = history.lost_its_thinking();
    let mut settings = settings::of(&chat, &family, to.default_max_output, bare, lost);
    let prefill = family.claude().is_none_or(|model| model.prefill && !settings.thinks);
    if history.is_prefilled() && !prefill {
        return Err(WireError::at(
            "this model does not continue a turn of the assistant; the last message must be the user's",
            "messages",
        ));
    }
    let tools = tools::of(&chat, &family, &history.called, settings.thinks, lost)?;
    history.system.extend(tools.system.iter().map(|text| turns::text_block(text)));
    if !tools.claudes.is_empty() {
        let list: Vec<&str> = tools.claudes.iter().map(Json::get).collect();
        settings.fields.push(("tools".to_owned(), format!("[{}]", list.join(","))));
    }
    let is_claude = family.claude().is_some();
    for (name, json) in chat.extra.iter().filter(|(name, _)| is_own(&chat, is_claude, name)) {
        settings.fields.push((name.clone(), json.get().to_owned()));
    }
    // What the caller names among the fields replaces ours.
    for (name, json) in own_fields(&chat)? {
        settings.fields.retain(|(known, _)| *known != name);
        settings.fields.push((name, json.get().to_owned()));
    }
    let stops = settings.inference.iter().any(|(name, _)| *name == "stopSequences");
    Ok(json::object(|o| {
        if !history.system.is_empty() {
            o.list("system", |l| turns::raw(l, &history.system));
        }
        o.list("messages", |l| history.turns.iter().for_each(|turn| l.object(|o| turn.write(o))));
        if !tools.tools.is_empty() {
            o.object("toolConfig", |o| {
                o.list("tools", |l| turns::raw(l, &tools.tools));
                if let Some(choice) = &tools.choice {
                    o.key("toolChoice").raw(choice);
                }
            });
        }
        settings::inference(&settings, o);
        if tools.format.is_some() || settings.effort.is_some() {
            o.object("outputConfig", |o| {
                if let Some(format) = &tools.format {
                    o.key("textFormat").raw(format);
                }
                o.opt_text("effort", settings.effort.map(Effort::name));
            });
        }
        if !settings.fields.is_empty() {
            o.object(FIELDS, |o| settings.fields.iter().for_each(|(name, json)| o.key(name).raw(json)));
        }
        match own(&chat, PATHS) {
            Some(paths) => o.json(PATHS, paths),
            // Which of the sequences was met, only Claude says, and only when asked.
            None if stops && is_claude => o.list(PATHS, |l| l.item().text("/delta/stop_sequence")),
            None => {}
        }
        match chat.service_tier.as_deref() {
            None | Some("auto") => {}
            Some(tier @ ("default" | "flex" | "priority")) => {
                o.object("serviceTier", |o| o.text("type", tier));
            }
            Some(_) => lost.dropped("service_tier"),
        }
        for name in OWN.iter().filter(|name| **name != FIELDS && **name != PATHS) {
            o.opt_json(name, own(&chat, name));
        }
    }))
}

fn own<'a>(chat: &'a ChatRequest, name: &str) -> Option<&'a Json> {
    chat.extra.iter().find(|(known, _)| known == name).map(|(_, json)| json)
}

/// The members of the caller's `additionalModelRequestFields`.
fn own_fields(chat: &ChatRequest) -> Result<Vec<(String, Json)>, WireError> {
    let Some(json) = own(chat, FIELDS) else { return Ok(Vec::new()) };
    let raw: &RawValue =
        serde_json::from_str(json.get()).map_err(|_| WireError::at("malformed JSON", FIELDS))?;
    Members::of(raw, FIELDS).map(Members::rest)
}

fn is_own(chat: &ChatRequest, claude: bool, name: &str) -> bool {
    claude && chat.origin == Some(Dialect::Anthropic) && CLAUDES.contains(&name)
}

/// What is left out, and said to be.
fn leave_out(chat: &ChatRequest, family: &Family, lost: &mut Losses) {
    let sampling = &chat.sampling;
    let penalty = |penalty: Option<f64>| penalty.is_some_and(|penalty| penalty != 0.0);
    let bias = sampling.logit_bias.as_ref().is_some_and(|bias| bias.get() != "{}" && !bias.is_null());
    let dropped = [
        ("frequency_penalty", penalty(sampling.frequency_penalty)),
        ("presence_penalty", penalty(sampling.presence_penalty)),
        ("logit_bias", bias),
        ("logprobs", sampling.logprobs == Some(true)),
        ("top_logprobs", sampling.top_logprobs.is_some_and(|top| top > 0)),
        ("store", chat.store == Some(true)),
    ];
    dropped.into_iter().filter(|(_, said)| *said).for_each(|(name, _)| lost.dropped(name));
    let is_claude = family.claude().is_some();
    for (name, _) in &chat.extra {
        let last = name.rsplit('.').next().unwrap_or(name);
        let thinking = is_claude && chat.origin == Some(Dialect::Anthropic) && name.starts_with("thinking.");
        let said = OWN.contains(&name.as_str()) || is_own(chat, is_claude, name) || thinking;
        if !said && !HINTS.contains(&last) {
            lost.dropped(name.as_str());
        }
    }
}

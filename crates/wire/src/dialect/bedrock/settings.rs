//! Limits, chance and reasoning, written: what every model takes in `inferenceConfig`, the rest in its maker's
//! own words.

use super::model::Family;
use crate::chat::{ChatRequest, Dialect, Effort, Losses};
use crate::dialect::anthropic::thinking::{self, Param, Thinking, word};
use crate::json::{self, Json, Object, Out};

/// What a request's settings come to.
#[derive(Default)]
pub(super) struct Settings {
    /// Members of `inferenceConfig`.
    pub inference: Vec<(&'static str, String)>,
    /// Members of `additionalModelRequestFields`.
    pub fields: Vec<(String, String)>,
    /// `outputConfig.effort`.
    pub effort: Option<Effort>,
    /// The model will think.
    pub thinks: bool,
}

impl Settings {
    fn number(&mut self, name: &'static str, value: Option<f64>) {
        if let Some(value) = value {
            let mut text = String::new();
            Out::new(&mut text).number(value);
            self.inference.push((name, text));
        }
    }

    fn field(&mut self, name: &str, value: impl Into<String>) {
        self.fields.push((name.to_owned(), value.into()));
    }
}

/// `default`: the limit for a model that must have one; `bare`: the turn to be continued lacks its thinking.
pub(super) fn of(
    chat: &ChatRequest,
    family: &Family,
    default: u64,
    bare: bool,
    lost: &mut Losses,
) -> Settings {
    let mut settings = Settings::default();
    let mut limit = chat.sampling.max_output;
    let mut thinks = false;
    if let Some(model) = family.claude() {
        let decided = thinking::decide(chat, model, default, bare, lost);
        if matches!(decided.param, Some(Param::Enabled(_))) {
            limit = Some(decided.max_tokens);
        }
        claude(chat, &decided, &mut settings);
        thinks = matches!(decided.param, Some(Param::Enabled(_) | Param::Adaptive));
        settings.thinks = decided.on;
    } else {
        reason(chat, family, &mut settings, lost);
    }
    if let Some(limit) = limit {
        settings.inference.push(("maxTokens", limit.to_string()));
    }
    chance(chat, family, thinks, &mut settings, lost);
    let claude = family.claude().is_some();
    let stop: Vec<&String> = chat
        .sampling
        .stop
        .iter()
        .filter(|text| if claude { !text.trim().is_empty() } else { !text.is_empty() })
        .collect();
    if !stop.is_empty() {
        let mut text = String::new();
        Out::new(&mut text).list(|l| stop.iter().for_each(|stop| l.item().text(stop)));
        settings.inference.push(("stopSequences", text));
    }
    settings
}

fn claude(chat: &ChatRequest, decided: &Thinking, settings: &mut Settings) {
    settings.effort = decided.effort;
    let own: &[(String, Json)] = if chat.origin == Some(Dialect::Anthropic) { &chat.extra } else { &[] };
    let more: Vec<(&str, &Json)> =
        own.iter().filter_map(|(name, json)| Some((name.strip_prefix("thinking.")?, json))).collect();
    let show = chat.reasoning.as_ref().and_then(|ask| ask.show);
    if let Some(thinking) = decided.json(show, &more) {
        settings.field("thinking", thinking);
    }
}

/// Reasoning of models that have words of their own for it.
fn reason(chat: &ChatRequest, family: &Family, settings: &mut Settings, lost: &mut Losses) {
    let Some(ask) = &chat.reasoning else { return };
    let word = word(chat);
    let counted = ask.budget.filter(|budget| *budget > 0).map(Effort::of_budget);
    let free = ask.budget.is_some_and(|budget| budget < 0);
    let off = ask.off || ask.budget == Some(0) || ask.effort == Some(Effort::None);
    let effort = ask.effort.or(counted).or(free.then_some(Effort::Medium)).filter(|_| !off);
    let name = |effort: Effort| match effort {
        Effort::None | Effort::Minimal | Effort::Low => "low",
        Effort::Medium => "medium",
        Effort::High | Effort::XHigh | Effort::Max => "high",
    };
    match (family, effort) {
        (Family::Nova2, Some(effort)) => {
            let sampling = &chat.sampling;
            let limited =
                sampling.max_output.is_some() || sampling.temperature.is_some() || sampling.top_p.is_some();
            // At its highest the model takes no limits.
            let named = if limited && name(effort) == "high" { "medium" } else { name(effort) };
            if named != effort.name() || counted.is_some() {
                lost.approximated(word);
            }
            settings.field(
                "reasoningConfig",
                json::object(|o| {
                    o.text("type", "enabled");
                    o.text("maxReasoningEffort", named);
                }),
            );
        }
        // Off is what happens anyway.
        (Family::Nova2, None) => {}
        (Family::GptOss, effort) if effort.is_some() || off => {
            let named = effort.map_or("low", name);
            if effort.is_none_or(|effort| named != effort.name()) || counted.is_some() {
                lost.approximated(word);
            }
            settings.field("reasoning_effort", format!("\"{named}\""));
        }
        (_, Some(_)) => lost.dropped(word),
        _ => {}
    }
}

/// `thinks`: the model was asked to think, which leaves its temperature no choice.
fn chance(chat: &ChatRequest, family: &Family, thinks: bool, settings: &mut Settings, lost: &mut Losses) {
    let wanted = &chat.sampling;
    let takes = family.claude().is_none_or(|model| model.sampling);
    let one_of_two = family.claude().is_some_and(|model| model.one_of_two);
    let free = takes && !thinks;
    let mut temperature = wanted.temperature;
    if free && temperature.is_some_and(|value| value > 1.0) {
        temperature = Some(1.0);
        lost.clamped("temperature");
    } else if !free && temperature.is_some_and(|value| value != 1.0) {
        temperature = None;
        lost.dropped("temperature");
    }
    temperature = temperature.filter(|_| takes);
    let fits = |value: f64| takes && (!thinks || (0.95..=1.0).contains(&value));
    let top_p = wanted.top_p.filter(|value| fits(*value) && !(one_of_two && temperature.is_some()));
    // 1 is what happens anyway.
    if top_p.is_none() && wanted.top_p.is_some_and(|value| value < 1.0) {
        lost.dropped("top_p");
    }
    settings.number("temperature", temperature);
    settings.number("topP", top_p);
    let Some(top_k) = wanted.top_k else { return };
    match family {
        Family::Claude(_) if free => settings.field("top_k", top_k.to_string()),
        Family::Mistral => settings.field("top_k", top_k.to_string()),
        Family::Nova | Family::Nova2 => {
            settings.field("inferenceConfig", json::object(|o| o.int("topK", top_k)));
        }
        _ => lost.dropped("top_k"),
    }
}

/// Writes `inferenceConfig`, where there is anything in it.
pub(super) fn inference(settings: &Settings, o: &mut Object<'_>) {
    if !settings.inference.is_empty() {
        o.object("inferenceConfig", |o| {
            settings.inference.iter().for_each(|(name, value)| o.key(name).raw(value));
        });
    }
}

//! How much a model shall think, in the words that it takes (vendors' rules, §3.3).

use super::models::{Kind, Model};
use crate::chat::{ChatRequest, Dialect, Effort, Losses, ReasoningAsk};
use crate::json::{self, Json};

/// The fewest tokens of thinking.
const LEAST: u64 = 1024;

/// What is decided about thinking.
#[derive(Debug, Default, PartialEq)]
pub(in crate::dialect) struct Thinking {
    /// `thinking`.
    pub param: Option<Param>,
    /// `output_config.effort`.
    pub effort: Option<Effort>,
    /// The model will think.
    pub on: bool,
    pub max_tokens: u64,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::dialect) enum Param {
    Enabled(u64),
    Adaptive,
    Disabled,
}

impl Thinking {
    /// The value of `thinking`; `more` are its members that only this dialect knows.
    pub(in crate::dialect) fn json(&self, show: Option<bool>, more: &[(&str, &Json)]) -> Option<String> {
        let param = self.param?;
        Some(json::object(|o| {
            match param {
                Param::Enabled(tokens) => {
                    o.text("type", "enabled");
                    o.int("budget_tokens", tokens);
                }
                Param::Adaptive => o.text("type", "adaptive"),
                Param::Disabled => o.text("type", "disabled"),
            }
            if param != Param::Disabled {
                o.opt_text("display", show.map(|show| if show { "summarized" } else { "omitted" }));
            }
            more.iter().for_each(|(name, value)| o.json(name, value));
        }))
    }
}

/// Decides. `bare`: the turn to be continued lacks its thinking, so a model that counts its thinking can't do
/// any (C12).
pub(in crate::dialect) fn decide(
    chat: &ChatRequest,
    model: &Model,
    default: u64,
    bare: bool,
    lost: &mut Losses,
) -> Thinking {
    let given = chat.sampling.max_output;
    let mut decided = Thinking {
        on: matches!(model.thinking, Kind::Default | Kind::Always),
        max_tokens: given.unwrap_or(default),
        ..Thinking::default()
    };
    let Some(ask) = &chat.reasoning else { return decided };
    let own = chat.origin == Some(Dialect::Anthropic);
    let word = word(chat);
    let off =
        ask.off || (ask.budget == Some(0)) || (ask.effort == Some(Effort::None) && ask.budget.is_none());
    let asked = ask.budget.is_some_and(|budget| budget != 0) || (ask.effort.is_some() && !own);
    if own && let Some(effort) = ask.effort {
        decided.effort = Some(model.effort(effort));
    }
    match model.thinking {
        _ if off => switch_off(&mut decided, model, own, word, lost),
        _ if !asked => {}
        Kind::Never => lost.dropped(word),
        Kind::Either if ask.budget.is_none_or(|budget| budget < 0) => {
            adaptive(&mut decided, model, ask, own, word, lost);
        }
        Kind::Budget | Kind::Either if bare => lost.dropped(word),
        Kind::Budget | Kind::Either => counted(&mut decided, ask, given, word, lost),
        Kind::Adaptive | Kind::Default | Kind::Always => adaptive(&mut decided, model, ask, own, word, lost),
    }
    decided
}

fn switch_off(decided: &mut Thinking, model: &Model, own: bool, word: &str, lost: &mut Losses) {
    match model.thinking {
        Kind::Always => {
            decided.effort = Some(Effort::Low);
            lost.approximated(word);
        }
        Kind::Default => {
            decided.param = Some(Param::Disabled);
            decided.on = false;
        }
        // Off is what happens anyway; a caller of this dialect gets their own words.
        _ if own => decided.param = Some(Param::Disabled),
        _ => {}
    }
}

fn adaptive(
    decided: &mut Thinking,
    model: &Model,
    ask: &ReasoningAsk,
    own: bool,
    word: &str,
    lost: &mut Losses,
) {
    decided.on = true;
    decided.param = Some(Param::Adaptive);
    let counted = ask.budget.filter(|budget| *budget > 0);
    let effort = ask.effort.or_else(|| counted.map(Effort::of_budget));
    if let Some(effort) = effort {
        let taken = model.effort(effort);
        if counted.is_some() || (taken != effort && effort > Effort::Low) {
            lost.approximated(word);
        }
        decided.effort = Some(taken);
    }
    // One that always thinks was not asked to, and needs no saying so.
    if model.thinking == Kind::Always && ask.show.is_none() && !own {
        decided.param = None;
    }
}

/// A budget is at least 1024 and below the limit of the answer (C30).
fn counted(decided: &mut Thinking, ask: &ReasoningAsk, given: Option<u64>, word: &str, lost: &mut Losses) {
    let named = ask.effort.unwrap_or(Effort::High).budget();
    let wanted = ask.budget.filter(|budget| *budget > 0).unwrap_or(named);
    let mut budget = u64::try_from(wanted).unwrap_or(LEAST);
    if budget < LEAST {
        budget = LEAST;
        lost.clamped(word);
    }
    match given {
        Some(limit) if limit <= LEAST => return lost.dropped(word),
        Some(limit) if budget >= limit => {
            budget = limit - 1;
            lost.clamped(word);
        }
        Some(_) => {}
        // Room for an answer after the thinking.
        None => decided.max_tokens = decided.max_tokens.max(budget.saturating_add(LEAST)),
    }
    decided.param = Some(Param::Enabled(budget));
    decided.on = true;
}

/// The caller's word for it.
pub(in crate::dialect) fn word(chat: &ChatRequest) -> &'static str {
    match chat.origin {
        Some(Dialect::Anthropic) => "thinking",
        Some(Dialect::OpenAiChat) => "reasoning_effort",
        Some(Dialect::Gemini) => "generationConfig.thinkingConfig",
        _ => "reasoning",
    }
}

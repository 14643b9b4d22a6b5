//! What Google's models can do, as a table over their names. The first line whose pattern a name fits counts.

use crate::chat::{Effort, ReasoningAsk};

/// How a model is told to think.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Thinking {
    /// Not at all.
    No,
    /// By tokens; `off` where zero is taken.
    Budget { min: i64, max: i64, off: bool },
    /// By name; `minimal` and `xhigh` where the model has them.
    Level { minimal: bool, xhigh: bool },
}

/// What a model can do.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rules {
    pattern: &'static str,
    pub thinking: Thinking,
    /// Takes ordinary JSON Schema (2.5 and later), not only Google's own subset.
    pub json_schema: bool,
    /// Gemini 3 and later: signatures are demanded, tool results carry pictures, a part has its own media
    /// resolution, hosted tools and functions go together, and so do functions and formatted answers.
    pub third: bool,
    /// Has a system prompt.
    pub system: bool,
}

const fn rules(pattern: &'static str, thinking: Thinking, json_schema: bool, third: bool) -> Rules {
    Rules { pattern, thinking, json_schema, third, system: true }
}

const PRO: Thinking = Thinking::Budget { min: 128, max: 32_768, off: false };
const FLASH: Thinking = Thinking::Budget { min: 1, max: 24_576, off: true };
const LITE: Thinking = Thinking::Budget { min: 512, max: 24_576, off: true };
const LEVELS_PRO: Thinking = Thinking::Level { minimal: false, xhigh: false };
const LEVELS: Thinking = Thinking::Level { minimal: true, xhigh: false };

/// `*` stands for any text.
const TABLE: &[Rules] = &[
    Rules { system: false, ..rules("gemma*", Thinking::No, false, false) },
    rules("gemini-1*", Thinking::No, false, false),
    rules("gemini-2.0*", Thinking::No, false, false),
    rules("gemini-2.5*image*", Thinking::No, true, false),
    rules("gemini-2.5*tts*", Thinking::No, true, false),
    rules("gemini-2.5-pro*", PRO, true, false),
    rules("gemini-2.5-flash-lite*", LITE, true, false),
    rules("gemini-2.5*", FLASH, true, false),
    rules("gemini-3*tts*", Thinking::No, true, true),
    rules("gemini-3*pro*", LEVELS_PRO, true, true),
    rules("gemini-3*", LEVELS, true, true),
    rules("gemini-4*pro*", Thinking::Level { minimal: false, xhigh: true }, true, true),
    rules("gemini-4*", Thinking::Level { minimal: true, xhigh: true }, true, true),
    rules("gemini-pro-latest*", LEVELS_PRO, true, true),
    rules("gemini*", LEVELS, true, true),
    rules("learnlm*", Thinking::No, false, false),
    // Models that are tuned or of a name of their own: what every current one can do.
    rules("*", FLASH, true, false),
];

/// The rules of a model, by any of its names: bare, `models/…`, `publishers/google/models/…`, `google/…`.
pub(super) fn of(model: &str) -> Rules {
    let name = model.rsplit('/').next().unwrap_or(model).to_ascii_lowercase();
    let found = TABLE.iter().find(|rules| fits(rules.pattern, &name));
    found.copied().unwrap_or(TABLE[TABLE.len() - 1])
}

fn fits(pattern: &str, name: &str) -> bool {
    let Some((head, tail)) = pattern.split_once('*') else { return pattern == name };
    let Some(rest) = name.strip_prefix(head) else { return false };
    tail.is_empty() || (0..=rest.len()).any(|at| rest.is_char_boundary(at) && fits(tail, &rest[at..]))
}

/// What a request says about thinking, in a model's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Said {
    Nothing,
    Budget(i64),
    Level(&'static str),
}

/// The setting that a wish comes to; `true` when it is not quite what was wished for.
pub(super) fn thinking(rules: &Rules, ask: &ReasoningAsk) -> (Said, bool) {
    let off = ask.off || ask.effort == Some(Effort::None) || (ask.effort.is_none() && ask.budget == Some(0));
    match rules.thinking {
        Thinking::No => (Said::Nothing, !off && (ask.effort.is_some() || ask.budget.is_some())),
        Thinking::Budget { min, max, off: can } => {
            if off {
                return if can { (Said::Budget(0), false) } else { (Said::Budget(min), true) };
            }
            match (ask.budget, ask.effort) {
                (Some(..=-1), _) => (Said::Budget(-1), false),
                (Some(budget), _) => (Said::Budget(budget.clamp(min, max)), !(min..=max).contains(&budget)),
                (None, Some(Effort::Minimal)) => (Said::Budget(min), false),
                (None, Some(effort)) => (Said::Budget(effort.budget().clamp(min, max)), false),
                (None, None) => (Said::Nothing, false),
            }
        }
        Thinking::Level { minimal, xhigh } => {
            let lowest = if minimal { "MINIMAL" } else { "LOW" };
            if off {
                return (Said::Level(lowest), true);
            }
            let effort = match (ask.effort, ask.budget) {
                (Some(effort), _) => effort,
                // As much as the model likes is what it does untold.
                (None, None | Some(..=-1)) => return (Said::Nothing, false),
                (None, Some(budget)) => Effort::of_budget(budget),
            };
            let (level, exact) = match effort {
                Effort::None | Effort::Minimal => (lowest, minimal),
                Effort::Low => ("LOW", true),
                Effort::Medium => ("MEDIUM", true),
                Effort::High => ("HIGH", true),
                Effort::XHigh | Effort::Max if xhigh => ("XHIGH", effort == Effort::XHigh),
                Effort::XHigh | Effort::Max => ("HIGH", false),
            };
            (Said::Level(level), !exact || ask.effort.is_none())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_of_a_model_finds_its_rules() {
        for name in ["gemini-2.5-pro", "models/gemini-2.5-pro-preview-06-05", "google/gemini-2.5-pro"] {
            assert_eq!(of(name).thinking, PRO, "{name}");
        }
        assert_eq!(of("gemini-2.5-flash-image").thinking, Thinking::No);
        assert_eq!(of("gemini-2.5-flash-lite").thinking, LITE);
        assert!(of("gemini-3.1-pro-preview").third && !of("gemini-2.5-flash").third);
        assert!(of("gemini-flash-latest").third && !of("gemma-3-27b-it").system);
        assert!(!of("gemini-2.0-flash-001").json_schema && of("tunedModels/mine").json_schema);
    }

    #[test]
    fn thinking_is_said_in_the_models_way() {
        let effort = |effort| ReasoningAsk { effort: Some(effort), ..ReasoningAsk::default() };
        let budget = |tokens| ReasoningAsk { budget: Some(tokens), ..ReasoningAsk::default() };
        let off = ReasoningAsk { off: true, ..ReasoningAsk::default() };
        for (model, ask, expected) in [
            ("gemini-2.5-flash", off.clone(), (Said::Budget(0), false)),
            ("gemini-2.5-pro", off.clone(), (Said::Budget(128), true)),
            ("gemini-2.5-pro", budget(5), (Said::Budget(128), true)),
            ("gemini-2.5-flash", budget(-1), (Said::Budget(-1), false)),
            ("gemini-2.5-flash", effort(Effort::Minimal), (Said::Budget(1), false)),
            ("gemini-2.5-flash-lite", effort(Effort::Minimal), (Said::Budget(512), false)),
            ("gemini-2.5-flash", effort(Effort::Medium), (Said::Budget(2048), false)),
            ("gemini-3-flash-preview", effort(Effort::Minimal), (Said::Level("MINIMAL"), false)),
            ("gemini-3-pro-preview", effort(Effort::Minimal), (Said::Level("LOW"), true)),
            ("gemini-3-pro-preview", effort(Effort::Max), (Said::Level("HIGH"), true)),
            ("gemini-4-pro", effort(Effort::XHigh), (Said::Level("XHIGH"), false)),
            ("gemini-3-flash-preview", budget(2048), (Said::Level("MEDIUM"), true)),
            ("gemini-3-flash-preview", budget(-1), (Said::Nothing, false)),
            ("gemini-2.0-flash", effort(Effort::High), (Said::Nothing, true)),
        ] {
            assert_eq!(thinking(&of(model), &ask), expected, "{model} {ask:?}");
        }
    }
}

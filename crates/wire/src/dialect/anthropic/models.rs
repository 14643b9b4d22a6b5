//! What the models of the family take and refuse (vendors' rules, §3.3), keyed by a part of their name. A new
//! model is a new row.

use crate::chat::Effort;

/// How a model reasons.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::dialect) enum Kind {
    Never,
    /// When asked, with a number of tokens.
    Budget,
    /// When asked, by number or as it likes.
    Either,
    /// When asked, as it likes.
    Adaptive,
    /// As it likes, unless it is switched off.
    Default,
    Always,
}

/// Whether a call can be forced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::dialect) enum Forced {
    Yes,
    UnlessThinking,
    No,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::dialect) struct Model {
    pub thinking: Kind,
    /// Takes `temperature`, `top_p` and `top_k`.
    pub sampling: bool,
    /// Takes `temperature` or `top_p`, not both.
    pub one_of_two: bool,
    /// Takes a history that ends with the assistant.
    pub prefill: bool,
    pub forced: Forced,
    /// Has `output_config.format` and strict tools.
    pub format: bool,
    /// Takes messages of the system in the middle.
    pub inline_system: bool,
    pub xhigh: bool,
    pub max: bool,
}

impl Model {
    /// The effort in a word that the model knows, which may be one step lower.
    pub(in crate::dialect) fn effort(&self, effort: Effort) -> Effort {
        match effort {
            Effort::None | Effort::Minimal => Effort::Low,
            Effort::XHigh if !self.xhigh => Effort::High,
            Effort::Max if !self.max => Effort::High,
            other => other,
        }
    }
}

const NEWEST: Model = Model {
    thinking: Kind::Adaptive,
    sampling: false,
    one_of_two: true,
    prefill: false,
    forced: Forced::Yes,
    format: true,
    inline_system: true,
    xhigh: true,
    max: true,
};
const ALWAYS: Model = Model { thinking: Kind::Always, ..NEWEST };
const BOUND: Model = Model { forced: Forced::No, ..ALWAYS };
const ON: Model = Model { thinking: Kind::Default, ..NEWEST };
const V4_6: Model = Model {
    thinking: Kind::Either,
    sampling: true,
    forced: Forced::UnlessThinking,
    inline_system: false,
    xhigh: false,
    ..NEWEST
};
const V4_5: Model = Model { thinking: Kind::Budget, prefill: true, max: false, ..V4_6 };
const V4: Model = Model { format: false, one_of_two: false, ..V4_5 };
const V3: Model = Model { thinking: Kind::Never, forced: Forced::Yes, ..V4 };
/// Not of the family, behind an address that speaks like it.
const OTHER: Model = Model { forced: Forced::Yes, ..V4 };

/// The first row whose name is in the model's counts.
const TABLE: &[(&str, Model)] = &[
    ("fable-5-1", BOUND),
    ("fable-5-2", BOUND),
    ("mythos-5-1", BOUND),
    ("mythos-5-2", BOUND),
    ("opus-5-5", BOUND),
    ("sonnet-5-5", BOUND),
    ("haiku-5-5", ON),
    ("fable-5", ALWAYS),
    ("mythos-5", ALWAYS),
    ("opus-5", ON),
    ("sonnet-5", NEWEST),
    ("opus-4-8", NEWEST),
    ("opus-4-7", Model { inline_system: false, ..NEWEST }),
    ("sonnet-4-6", V4_6),
    ("opus-4-6", V4_6),
    ("haiku-4-5", V4_5),
    ("sonnet-4-5", V4_5),
    ("opus-4-5", V4_5),
    ("opus-4-1", Model { one_of_two: true, ..V4 }),
    ("opus-4", V4),
    ("sonnet-4", V4),
    ("claude-3-7", V4),
    ("claude-3", V3),
    ("claude-2", V3),
    ("claude-instant", V3),
    // One that came after this table.
    ("claude", Model { inline_system: false, ..NEWEST }),
];

/// The row of a model, whatever cloud's prefix and date its name has.
pub(in crate::dialect) fn of(name: &str) -> Model {
    let name: String = name
        .to_ascii_lowercase()
        .chars()
        .map(|c| if matches!(c, '.' | '@' | '_') { '-' } else { c })
        .collect();
    let found = TABLE.iter().find(|(part, _)| {
        // `fable-5-2` is not in `fable-5-20260101`.
        name.match_indices(part)
            .any(|(at, _)| !name[at + part.len()..].starts_with(|next: char| next.is_ascii_digit()))
    });
    found.map_or(OTHER, |(_, model)| *model)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_every_cloud_find_their_row() {
        for (name, row) in [
            ("claude-sonnet-4-5-20250929", V4_5),
            ("anthropic/claude-haiku-4.5", V4_5),
            ("us.anthropic.claude-opus-4-6-v1:0", V4_6),
            ("claude-opus-4-8@20260401", NEWEST),
            ("claude-sonnet-4-20250514", V4),
            ("claude-3-7-sonnet-20250219", V4),
            ("claude-3-5-haiku-latest", V3),
            ("claude-fable-5-20260101", ALWAYS),
            ("claude-fable-5-2", BOUND),
            ("claude-opus-5", ON),
            ("claude-opus-5-5", BOUND),
            ("kimi-k2", OTHER),
        ] {
            assert_eq!(of(name), row, "{name}");
        }
        assert_eq!(of("claude-opus-7").thinking, Kind::Adaptive);
    }

    #[test]
    fn efforts_that_a_model_lacks_are_the_next_lower() {
        assert_eq!(V4_6.effort(Effort::XHigh), Effort::High);
        assert_eq!(V4_6.effort(Effort::Max), Effort::Max);
        assert_eq!(NEWEST.effort(Effort::Minimal), Effort::Low);
    }
}

//! How much a model shall reason.

/// How much the model shall reason.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ReasoningAsk {
    pub effort: Option<Effort>,
    /// Tokens; where a dialect counts instead of naming. `Some(-1)`: as much as the model likes.
    pub budget: Option<i64>,
    /// Switched off altogether.
    pub off: bool,
    /// The reasoning (or its summary) shall be shown.
    pub show: Option<bool>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effort {
    None,
    Minimal,
    Low,
    Medium,
    High,
    XHigh,
    Max,
}

impl Effort {
    pub const fn name(self) -> &'static str {
        match self {
            Effort::None => "none",
            Effort::Minimal => "minimal",
            Effort::Low => "low",
            Effort::Medium => "medium",
            Effort::High => "high",
            Effort::XHigh => "xhigh",
            Effort::Max => "max",
        }
    }

    pub fn parse(name: &str) -> Option<Effort> {
        use Effort::*;
        [None, Minimal, Low, Medium, High, XHigh, Max].into_iter().find(|effort| effort.name() == name)
    }

    /// Tokens of reasoning for vendors that count (vendors' table §3.3).
    pub const fn budget(self) -> i64 {
        match self {
            Effort::None => 0,
            Effort::Minimal | Effort::Low => 1024,
            Effort::Medium => 2048,
            Effort::High => 4096,
            Effort::XHigh => 8192,
            Effort::Max => 16384,
        }
    }

    /// The effort that a budget stands for.
    pub fn of_budget(tokens: i64) -> Effort {
        match tokens {
            ..=0 => Effort::None,
            1..=1535 => Effort::Low,
            1536..=3071 => Effort::Medium,
            3072..=6143 => Effort::High,
            6144..=12287 => Effort::XHigh,
            _ => Effort::Max,
        }
    }
}

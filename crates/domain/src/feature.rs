//! What a channel can do with a model: found out by the conformance check, asked for by requests.

use serde::{Deserialize, Serialize};

macro_rules! features {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// Something that a vendor may or may not be able to do with a model.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum Feature { $($(#[$doc])* $name,)* }

        impl Feature {
            /// In the order they are checked and shown.
            pub const ALL: [Feature; [$($text,)*].len()] = [$(Feature::$name,)*];
            /// The name used in the database, the API and messages.
            pub const fn name(self) -> &'static str {
                match self { $(Feature::$name => $text,)* }
            }
            /// The feature of a name; `None` for one that this version does not know.
            pub fn parse(name: &str) -> Option<Feature> {
                Self::ALL.into_iter().find(|feature| feature.name() == name)
            }
        }
    };
}

features! {
    /// A plain question is answered with text.
    Chat = "chat",
    /// The same as a stream.
    Stream = "stream",
    /// A function is called.
    Tools = "tools",
    /// Two calls in one answer.
    ParallelTools = "parallel_tools",
    /// A picture in the request is seen.
    Images = "images",
    /// Thoughts, or tokens billed for them.
    Reasoning = "reasoning",
    /// The answer follows a JSON Schema.
    StructuredOutput = "structured_output",
    /// Marks for the vendor's prompt cache are sent and accepted.
    CacheMarks = "cache_marks",
    /// A system prompt is obeyed.
    SystemPrompt = "system_prompt",
    /// A stop sequence ends the answer.
    Stop = "stop",
}

/// A set of features, one bit each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Features(u16);

impl Features {
    /// Adds a feature.
    pub fn insert(&mut self, feature: Feature) {
        self.0 |= 1 << feature as u16;
    }

    /// The set with one more feature.
    #[must_use]
    pub fn with(mut self, feature: Feature) -> Self {
        self.insert(feature);
        self
    }

    /// Whether a feature is in the set.
    pub fn contains(self, feature: Feature) -> bool {
        self.0 & 1 << feature as u16 != 0
    }

    /// Whether nothing is in the set.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// What is in both.
    #[must_use]
    pub fn both(self, other: Features) -> Features {
        Features(self.0 & other.0)
    }

    /// What is in either.
    #[must_use]
    pub fn either(self, other: Features) -> Features {
        Features(self.0 | other.0)
    }

    /// The features in it, in the order of [`Feature::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Feature> {
        Feature::ALL.into_iter().filter(move |feature| self.contains(*feature))
    }
}

/// What a check of a feature has shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    Yes,
    No,
    /// The vendor was busy, away or too slow: nothing has been shown.
    Unclear,
}

impl Verdict {
    /// The name used in the database and the API.
    pub const fn name(self) -> &'static str {
        match self {
            Verdict::Yes => "yes",
            Verdict::No => "no",
            Verdict::Unclear => "unclear",
        }
    }

    /// The verdict of a name; names nobody knows show nothing.
    pub fn parse(name: &str) -> Verdict {
        match name {
            "yes" => Verdict::Yes,
            "no" => Verdict::No,
            _ => Verdict::Unclear,
        }
    }
}

/// The verdict on one feature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    pub feature: Feature,
    pub verdict: Verdict,
    /// Why, for people: the vendor's own words where it refused, without secrets. Empty for a plain yes.
    pub detail: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back() {
        for feature in Feature::ALL {
            assert_eq!(Feature::parse(feature.name()), Some(feature));
        }
        assert_eq!(Feature::parse("telepathy"), None);
        for verdict in [Verdict::Yes, Verdict::No, Verdict::Unclear] {
            assert_eq!(Verdict::parse(verdict.name()), verdict);
        }
        assert_eq!(Verdict::parse("perhaps"), Verdict::Unclear);
    }

    #[test]
    fn a_set_holds_what_was_put_in() {
        let set = Features::default().with(Feature::Stop).with(Feature::Tools);
        assert_eq!(set.iter().collect::<Vec<_>>(), [Feature::Tools, Feature::Stop]);
        assert!(set.contains(Feature::Tools) && !set.contains(Feature::Chat));
        let other = Features::default().with(Feature::Chat).with(Feature::Tools);
        assert_eq!(set.both(other).iter().collect::<Vec<_>>(), [Feature::Tools]);
        assert_eq!(set.either(other).iter().count(), 3);
        assert!(set.both(Features::default().with(Feature::Chat)).is_empty());
    }
}

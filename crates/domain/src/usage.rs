//! What a call consumed, in disjoint buckets: no unit is counted in two of them.

use serde::{Deserialize, Serialize};

macro_rules! buckets {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// A kind of billable unit. Token buckets are disjoint: cached, written, audio and image tokens are
        /// *not* part of `Input`, reasoning, audio and image tokens not part of `Output`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum Bucket { $($(#[$doc])* $name,)* }

        impl Bucket {
            pub const ALL: [Bucket; BUCKETS] = [$(Bucket::$name,)*];
            /// The name used in configuration, the database and log rows.
            pub const fn name(self) -> &'static str {
                match self { $(Bucket::$name => $text,)* }
            }
            pub fn parse(name: &str) -> Option<Bucket> {
                Self::ALL.into_iter().find(|bucket| bucket.name() == name)
            }
        }
        /// How many buckets there are.
        pub const BUCKETS: usize = [$($text,)*].len();
    };
}

buckets! {
    /// Prompt tokens that are in no other input bucket.
    Input = "input",
    /// Prompt tokens served from the vendor's cache.
    CacheRead = "cache_read",
    /// Prompt tokens written to the vendor's cache for five minutes (or an unnamed time).
    CacheWrite5m = "cache_write_5m",
    /// Prompt tokens written to the vendor's cache for an hour or longer.
    CacheWrite1h = "cache_write_1h",
    /// Generated tokens that are in no other output bucket.
    Output = "output",
    /// Generated tokens of hidden or shown reasoning.
    Reasoning = "reasoning",
    AudioIn = "audio_in",
    AudioOut = "audio_out",
    ImageIn = "image_in",
    ImageOut = "image_out",
    /// One per call.
    Request = "request",
    /// Pictures made.
    Image = "image",
    /// Seconds of audio, rounded up.
    Second = "second",
    /// Characters spoken or translated.
    Character = "character",
}

/// Units per bucket. Fields of a vendor's usage report *replace* earlier ones; they are never summed
/// over the events of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    units: [u64; BUCKETS],
}

impl Usage {
    pub fn get(&self, bucket: Bucket) -> u64 {
        self.units[bucket as usize]
    }

    pub fn set(&mut self, bucket: Bucket, units: u64) {
        self.units[bucket as usize] = units;
    }

    pub fn with(mut self, bucket: Bucket, units: u64) -> Self {
        self.set(bucket, units);
        self
    }

    /// All tokens of the prompt, cached or not: what one-api calls `prompt_tokens`.
    pub fn input_total(&self) -> u64 {
        use Bucket::*;
        self.sum(&[Input, CacheRead, CacheWrite5m, CacheWrite1h, AudioIn, ImageIn])
    }

    /// All tokens generated, reasoning included: what one-api calls `completion_tokens`.
    pub fn output_total(&self) -> u64 {
        use Bucket::*;
        self.sum(&[Output, Reasoning, AudioOut, ImageOut])
    }

    pub fn is_zero(&self) -> bool {
        self.units.iter().all(|units| *units == 0)
    }

    /// The buckets in use, with their units.
    pub fn parts(&self) -> impl Iterator<Item = (Bucket, u64)> + '_ {
        Bucket::ALL.into_iter().map(|bucket| (bucket, self.get(bucket))).filter(|(_, units)| *units > 0)
    }

    fn sum(&self, buckets: &[Bucket]) -> u64 {
        buckets.iter().fold(0u64, |sum, bucket| sum.saturating_add(self.get(*bucket)))
    }
}

impl Serialize for Usage {
    fn serialize<S: serde::Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        out.collect_map(self.parts().map(|(bucket, units)| (bucket.name(), units)))
    }
}

impl<'de> Deserialize<'de> for Usage {
    fn deserialize<D: serde::Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        let map = std::collections::BTreeMap::<String, u64>::deserialize(input)?;
        let mut usage = Usage::default();
        for (name, units) in map {
            // An unknown bucket comes from a newer version of the program; ignoring it would lose money.
            let bucket = Bucket::parse(&name)
                .ok_or_else(|| serde::de::Error::custom(format!("unknown bucket {name}")))?;
            usage.set(bucket, units);
        }
        Ok(usage)
    }
}

/// Where the numbers of a bill come from (reliability rule for interrupted streams).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mark {
    /// The vendor reported them. An explicit zero is zero.
    Reported,
    /// The vendor sent none; counted with a tokenizer over the whole answer.
    Estimated,
    /// The answer was cut; counted over what was delivered.
    EstimatedPartial,
    /// Nothing was delivered; nothing is owed.
    Void,
    /// Rebuilt from the journal after a crash.
    Recovered,
}

impl Mark {
    pub const fn name(self) -> &'static str {
        match self {
            Mark::Reported => "reported",
            Mark::Estimated => "estimated",
            Mark::EstimatedPartial => "estimated_partial",
            Mark::Void => "void",
            Mark::Recovered => "recovered",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_used_buckets_are_written() {
        let usage = Usage::default().with(Bucket::Input, 7).with(Bucket::CacheRead, 3);
        let json = serde_json::to_string(&usage).unwrap();
        assert_eq!(json, r#"{"input":7,"cache_read":3}"#);
        assert_eq!(serde_json::from_str::<Usage>(&json).unwrap(), usage);
    }

    #[test]
    fn an_unknown_bucket_is_an_error() {
        assert!(serde_json::from_str::<Usage>(r#"{"inputs":7}"#).is_err());
    }

    #[test]
    fn totals_count_each_unit_once() {
        let usage = Usage::default()
            .with(Bucket::Input, 10)
            .with(Bucket::CacheRead, 5)
            .with(Bucket::Output, 3)
            .with(Bucket::Reasoning, 2)
            .with(Bucket::Request, 1);
        assert_eq!((usage.input_total(), usage.output_total()), (15, 5));
    }
}

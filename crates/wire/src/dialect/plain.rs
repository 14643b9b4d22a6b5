//! What the small dialects of vendors share: how a request is put where there are few words for it, and how
//! the one answer of a stream is told.

mod ask;
mod tell;
#[cfg(test)]
pub(super) mod testing;

pub(super) use ask::{
    Function, Turn, bounded, clamped, functions, last_is_users, refuse_media, result_text, say, texts, turns,
    unsaid,
};
pub(super) use tell::{Single, Teller, counts, data_url, fold, relabelled, whole_or_stream};

//! What must hold for any bytes, by kind of decoder. A target is one line that names the dialects.

pub mod contract;
pub mod face;
pub mod frames;
pub mod redact;
pub mod reply;
pub mod side;
pub mod splice;
pub mod written;

use bytes::Bytes;

/// A target that reads requests of callers.
#[macro_export]
macro_rules! face_target {
    ($($codec:expr),+) => {
        libfuzzer_sys::fuzz_target!(|data: &[u8]| {
            $($crate::face::check(&$codec, data);)+
        });
    };
}

/// A target that reads answers of vendors.
#[macro_export]
macro_rules! reply_target {
    ($($codec:expr),+) => {
        libfuzzer_sys::fuzz_target!(|data: &[u8]| {
            $($crate::reply::check(&$codec, data);)+
        });
    };
}

/// Bytes of an input that say how the rest is cut.
pub const CUTS: usize = 4;

/// An input's body, whole and in pieces. The first bytes are the cuts: 256 places spread over the body; four
/// zeros cut between all bytes. `None` for an input without a body.
pub fn pieces(data: &[u8]) -> Option<(Bytes, Vec<Bytes>)> {
    let (cuts, body) = data.split_at_checked(CUTS)?;
    let body = Bytes::copy_from_slice(body);
    let mut places: Vec<usize> = match cuts {
        [0, 0, 0, 0] => (1..body.len()).collect(),
        _ => cuts.iter().map(|cut| usize::from(*cut) * body.len() / 255).collect(),
    };
    places.sort_unstable();
    places.push(body.len());
    let mut start = 0;
    let each = places.into_iter().map(|place| body.slice(std::mem::replace(&mut start, place)..place));
    let pieces = each.collect();
    Some((body, pieces))
}

/// Panics where a text is no JSON.
pub fn must_be_json(text: impl AsRef<[u8]>, what: &str) {
    let text = text.as_ref();
    let read: Result<serde::de::IgnoredAny, _> = serde_json::from_slice(text);
    if let Err(error) = read {
        panic!("{what} wrote no JSON ({error}): {}", String::from_utf8_lossy(text));
    }
}

//! Bytes of a segment: a header, then frames of length, checksum and payload.

/// `MAGICJ` and the format's version.
pub(crate) const HEADER: &[u8; 8] = b"MAGICJ\x00\x01";
/// Length and CRC-32C before each payload, little-endian.
pub(crate) const PREFIX: usize = 8;
/// Largest payload.
pub(crate) const PAYLOAD_MAX: usize = 1 << 20;

/// Where a record ends: everything up to here can be forgotten once it has been posted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Position {
    /// The number of the segment, from 1.
    pub segment: u64,
    /// Bytes from its start.
    pub offset: u64,
}

/// Appends a frame to `out`.
pub(crate) fn encode(payload: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(&(payload.len() as u32).to_le_bytes());
    out.extend_from_slice(&crc32c::crc32c(payload).to_le_bytes());
    out.extend_from_slice(payload);
}

/// What stands at the start of some bytes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Frame<'a> {
    /// A whole record, and the length of its frame.
    Whole(&'a [u8], usize),
    /// The bytes end before the record does (or there are none).
    Short,
    /// The checksum or the length is wrong.
    Bad,
}

pub(crate) fn decode(bytes: &[u8]) -> Frame<'_> {
    let Some((prefix, rest)) = bytes.split_at_checked(PREFIX) else { return Frame::Short };
    let word =
        |at: usize| prefix[at..at + 4].iter().rev().fold(0u32, |sum, byte| sum << 8 | u32::from(*byte));
    let (length, checksum) = (word(0) as usize, word(4));
    if length == 0 || length > PAYLOAD_MAX {
        return Frame::Bad;
    }
    match rest.get(..length) {
        None => Frame::Short,
        Some(payload) if crc32c::crc32c(payload) == checksum => Frame::Whole(payload, PREFIX + length),
        Some(_) => Frame::Bad,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_frame_survives_and_any_flipped_bit_is_seen(payload in proptest::collection::vec(any::<u8>(), 1..200), bit in any::<usize>()) {
            let mut bytes = Vec::new();
            encode(&payload, &mut bytes);
            prop_assert_eq!(decode(&bytes), Frame::Whole(&payload, bytes.len()));
            let bit = bit % (bytes.len() * 8);
            bytes[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(!matches!(decode(&bytes), Frame::Whole(..)));
        }

        #[test]
        fn a_cut_frame_is_short(payload in proptest::collection::vec(any::<u8>(), 1..200), cut in any::<usize>()) {
            let mut bytes = Vec::new();
            encode(&payload, &mut bytes);
            bytes.truncate(cut % bytes.len());
            prop_assert_eq!(decode(&bytes), Frame::Short);
        }
    }
}

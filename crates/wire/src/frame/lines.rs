//! Cutting a stream of JSON lines (Ollama's) into frames.

use super::{Caps, Frame};
use crate::WireError;
use bytes::{Bytes, BytesMut};
use memchr::memchr;

/// The cutter. Blank lines are no frames.
#[derive(Debug, Default)]
pub struct Lines {
    caps: Caps,
    pending: BytesMut,
}

impl Lines {
    pub fn new(caps: Caps) -> Self {
        Self { caps, ..Self::default() }
    }

    /// Takes the next piece; the lines it completes go to `out`.
    pub fn push(&mut self, mut piece: Bytes, out: &mut Vec<Frame>) -> Result<(), WireError> {
        while let Some(stop) = memchr(b'\n', &piece) {
            self.check(stop)?;
            let tail = piece.split_to(stop + 1);
            self.emit(tail, out);
        }
        self.check(piece.len())?;
        self.pending.extend_from_slice(&piece);
        Ok(())
    }

    /// The end: what is left is a last line, whole or not.
    pub fn finish(&mut self, out: &mut Vec<Frame>) {
        self.emit(Bytes::new(), out);
    }

    fn check(&self, more: usize) -> Result<(), WireError> {
        if self.pending.len() + more > self.caps.line {
            return Err(WireError::new("an event of the stream is too long"));
        }
        Ok(())
    }

    fn emit(&mut self, tail: Bytes, out: &mut Vec<Frame>) {
        let raw = if self.pending.is_empty() {
            tail
        } else {
            self.pending.extend_from_slice(&tail);
            self.pending.split().freeze()
        };
        let data = raw.slice_ref(raw.trim_ascii());
        if !data.is_empty() {
            out.push(Frame { raw, name: Bytes::new(), data, has_data: true });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn cut(text: &str, cuts: &[usize]) -> Vec<Bytes> {
        let whole = Bytes::copy_from_slice(text.as_bytes());
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (text.len() + 1)).collect();
        cuts.sort_unstable();
        let (mut lines, mut out, mut start) = (Lines::default(), Vec::new(), 0);
        for cut in cuts {
            lines.push(whole.slice(start..cut), &mut out).unwrap();
            start = cut;
        }
        lines.push(whole.slice(start..), &mut out).unwrap();
        lines.finish(&mut out);
        out.into_iter().map(|frame| frame.data).collect()
    }

    #[test]
    fn lines_end_with_or_without_a_carriage_return() {
        assert_eq!(cut("{\"a\":1}\r\n\n{\"b\":2}\n{\"c\"", &[]), ["{\"a\":1}", "{\"b\":2}", "{\"c\""]);
    }

    #[test]
    fn lines_have_a_limit() {
        let mut lines = Lines::new(Caps { line: 10, event: 10 });
        assert!(lines.push(Bytes::from_static(b"0123456789\n0123"), &mut vec![]).is_ok());
        assert!(lines.push(Bytes::from_static(b"4567890"), &mut vec![]).is_err());
    }

    proptest! {
        #[test]
        fn where_bytes_are_cut_makes_no_difference(text in "(\\{\"a\":[0-9]{1,5}\\}(\n|\r\n)){0,6}(\\{)?", cuts in proptest::collection::vec(any::<usize>(), 0..8)) {
            prop_assert_eq!(cut(&text, &[]), cut(&text, &cuts));
        }
    }
}

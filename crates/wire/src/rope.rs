//! A body in pieces: slices of the caller's bytes with small inserts between.

use bytes::{Bytes, BytesMut};

/// Pieces that are sent one after another.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rope {
    parts: Vec<Bytes>,
}

impl Rope {
    pub fn push(&mut self, part: Bytes) {
        if !part.is_empty() {
            self.parts.push(part);
        }
    }

    /// Bytes in all pieces together.
    pub fn len(&self) -> usize {
        self.parts.iter().map(Bytes::len).sum()
    }

    pub fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    pub fn parts(&self) -> &[Bytes] {
        &self.parts
    }

    pub fn into_parts(self) -> Vec<Bytes> {
        self.parts
    }

    /// The pieces as one, copied unless there is only one.
    pub fn concat(&self) -> Bytes {
        match self.parts.as_slice() {
            [only] => only.clone(),
            parts => {
                let mut whole = BytesMut::with_capacity(self.len());
                parts.iter().for_each(|part| whole.extend_from_slice(part));
                whole.freeze()
            }
        }
    }
}

impl From<Bytes> for Rope {
    fn from(bytes: Bytes) -> Self {
        let mut rope = Rope::default();
        rope.push(bytes);
        rope
    }
}

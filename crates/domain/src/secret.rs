//! Text that must never reach a log, an answer or a panic message.

use zeroize::Zeroize;

/// A credential. It has no `Display` and no `Serialize`, its `Debug` shows nothing, and its memory is
/// overwritten when it is dropped (SR-23).
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Secret(String);

impl Secret {
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The one way to the text. Callers hand it straight to the wire or the vault.
    pub fn expose(&self) -> &str {
        &self.0
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The last four characters, for people to tell keys apart; nothing of keys shorter than 12.
    pub fn tail(&self) -> String {
        let chars: Vec<char> = self.0.chars().collect();
        if chars.len() < 12 { String::new() } else { chars[chars.len() - 4..].iter().collect() }
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_nothing() {
        assert_eq!(format!("{:?}", Secret::new("sk-verysecretkey")), "Secret(…)");
    }

    #[test]
    fn short_keys_have_no_tail() {
        assert_eq!(Secret::new("abcd").tail(), "");
        assert_eq!(Secret::new("sk-0123456789").tail(), "6789");
    }
}

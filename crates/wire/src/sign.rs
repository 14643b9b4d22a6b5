//! Signing requests for vendors that want more than a key in a header. The time is passed in; nothing here keeps
//! or prints a secret.

pub mod sigv4;
pub mod spark;
pub mod tc3;
mod time;
pub mod zhipu;

use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};

/// HMAC-SHA256.
fn mac(key: &[u8], text: &[u8]) -> [u8; 32] {
    // A key of any length is a key; the fallback is unreachable.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return [0; 32] };
    mac.update(text);
    mac.finalize().into_bytes().into()
}

fn hex(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from(if nibble < 10 { b'0' + nibble } else { b'a' + nibble - 10 });
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// The SHA-256 of some bytes, in hexadecimal digits.
fn digest(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// A text as it may stand in a query, or as one segment of a path.
pub fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    percent(text.as_bytes(), false, &mut out);
    out
}

/// Percent-encodes all but letters, digits and `-_.~` (and slashes, where a whole path is encoded).
fn percent(bytes: &[u8], slashes: bool, out: &mut String) {
    for byte in bytes {
        if byte.is_ascii_alphanumeric()
            || matches!(byte, b'-' | b'_' | b'.' | b'~')
            || (slashes && *byte == b'/')
        {
            out.push(char::from(*byte));
        } else {
            out.push('%');
            out.push_str(&hex(&[*byte]).to_ascii_uppercase());
        }
    }
}

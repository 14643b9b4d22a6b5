//! Pictures and sounds in a request are most of its bytes and mean nothing to a translation. They are lifted out
//! before a request is written and put back as they are: however a writer builds its text, they are not copied.

use crate::chat::{Body, ChatRequest, Media, Part};
use crate::rope::Rope;
use bytes::Bytes;
use memchr::memmem;

/// Shorter ones are not worth it.
const WORTH: usize = 1024;
/// Characters that stay in their place: writers look at the first bytes to tell a PNG from a JPEG.
const HEAD: usize = 24;
const MARK: &str = "magicmedia";
/// Hexadecimal digits of the number of a lifted text.
const DIGITS: usize = 8;
/// Base64 comes in fours.
const PAD: &str = "AA";

/// What was lifted out of a request.
#[derive(Debug, Clone, Default)]
pub struct Lifted {
    mark: String,
    rest: Vec<Bytes>,
}

impl Lifted {
    /// Takes the long base64 texts out of a request. `nonce` tells its marks from anything a caller can write: it
    /// must not be known beforehand.
    pub fn out_of(chat: &mut ChatRequest, nonce: u128) -> Lifted {
        let mut lifted = Lifted { mark: format!("{MARK}{nonce:032x}"), rest: Vec::new() };
        lifted.more(chat);
        lifted
    }

    /// Takes out what has come in since.
    pub fn more(&mut self, chat: &mut ChatRequest) {
        for part in chat.messages.iter_mut().flat_map(|message| &mut message.parts) {
            self.part(part);
        }
    }

    fn part(&mut self, part: &mut Part) {
        match &mut part.body {
            Body::Image { media, .. } | Body::Audio(media) | Body::Video(media) => self.media(media),
            // Documents of text are read by some writers.
            Body::File { media: media @ Media::Inline { .. }, .. } => {
                let pdf = matches!(media, Media::Inline { base64, .. } if base64.starts_with("JVBERi"));
                if pdf {
                    self.media(media);
                }
            }
            Body::Result(result) => result.parts.iter_mut().for_each(|part| self.part(part)),
            _ => {}
        }
    }

    fn media(&mut self, media: &mut Media) {
        let Media::Inline { base64, .. } = media else { return };
        let plain =
            |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+/=".contains(&byte));
        // What would be escaped in a JSON string could not be put back as it is.
        if base64.len() < WORTH || !plain(base64) {
            return;
        }
        let number = self.rest.len();
        let token = format!("{}{}{number:0DIGITS$x}{PAD}", base64.get(..HEAD).unwrap_or(""), self.mark);
        let whole = Bytes::from(std::mem::replace(base64, token).into_bytes());
        self.rest.push(whole.slice(HEAD..));
    }

    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The text of a request with everything back in its place.
    pub fn into_place(&self, text: &Bytes) -> Rope {
        let mut rope = Rope::default();
        if self.rest.is_empty() {
            rope.push(text.clone());
            return rope;
        }
        let length = self.mark.len() + DIGITS + PAD.len();
        let mut from = 0;
        for at in memmem::find_iter(text, self.mark.as_bytes()) {
            let number = text.get(at + self.mark.len()..at + self.mark.len() + DIGITS);
            let number = number.and_then(|digits| std::str::from_utf8(digits).ok());
            let lifted = number.and_then(|digits| usize::from_str_radix(digits, 16).ok());
            let Some(bytes) = lifted.and_then(|number| self.rest.get(number)) else { continue };
            rope.push(text.slice(from..at));
            rope.push(bytes.clone());
            from = (at + length).min(text.len());
        }
        rope.push(text.slice(from..));
        rope
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::{Losses, Message, Role};
    use crate::codec::To;
    use crate::dialect;

    fn chat(texts: &[String]) -> ChatRequest {
        let image = |base64: &String| {
            let media = Media::Inline { mime: "image/png".into(), base64: base64.clone() };
            Part::new(Body::Image { media, detail: None })
        };
        let mut message = Message::text(Role::User, "");
        message.parts = texts.iter().map(image).collect();
        ChatRequest { messages: vec![message], ..ChatRequest::default() }
    }

    #[test]
    fn what_is_lifted_comes_back_in_every_dialect() {
        let long: Vec<String> = ["aWJr", "iVBORw0KGgo+/v=="].iter().map(|text| text.repeat(600)).collect();
        let texts = [long[0].clone(), "c2hvcnQ=".to_owned(), long[1].clone()];
        let to = To { model: "m", kind: 1, default_max_output: 9 };
        for vendor in dialect::VENDOR_DIALECTS {
            let codec = dialect::vendor(*vendor).unwrap();
            let Ok(plain) = codec.write_request(&chat(&texts), &to, &mut Losses::default()) else { continue };
            let mut lifted_chat = chat(&texts);
            let lifted = Lifted::out_of(&mut lifted_chat, 7);
            let written = codec.write_request(&lifted_chat, &to, &mut Losses::default()).unwrap();
            assert!(!lifted.is_empty() && written.len() < plain.len() / 2, "{vendor:?}");
            let back = lifted.into_place(&Bytes::from(written)).concat();
            assert!(back == plain.as_bytes(), "{vendor:?}: {}", String::from_utf8_lossy(&back));
        }
    }

    #[test]
    fn a_mark_that_stands_for_nothing_is_text() {
        let mut chat = chat(&["QUJD".repeat(1000)]);
        let lifted = Lifted::out_of(&mut chat, 9);
        let text = format!("{MARK}{:032x}{:08x}AA and {MARK}{:032x}", 9, 7, 9);
        assert_eq!(lifted.into_place(&Bytes::from(text.clone())).concat(), text);
    }

    #[test]
    fn text_that_would_be_escaped_stays() {
        let mut odd = chat(&["\"".repeat(2000)]);
        assert!(Lifted::out_of(&mut odd, 1).is_empty());
    }
}

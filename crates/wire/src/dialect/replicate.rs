//! Replicate's predictions: one text in, one text out. A stream is fetched from an address that the prediction
//! names; its events hold bare text.

mod write;

use super::plain::{self, Teller};
use crate::WireError;
use crate::chat::{ChatReply, ChatRequest, Event, Losses, Stop};
use crate::codec::{Asked, EventReader, To, VendorCodec};
use crate::fault::{FaultClass, VendorFault, clean, read_fault};
use crate::frame::Frame;
use crate::json::{Members, list_of, text_of};
use serde_json::value::RawValue;

/// The dialect.
#[derive(Debug, Clone, Copy)]
pub struct Replicate;

impl VendorCodec for Replicate {
    fn write_request(
        &self,
        chat: &ChatRequest,
        _to: &To<'_>,
        lost: &mut Losses,
    ) -> Result<String, WireError> {
        write::request(chat, lost)
    }

    fn read_reply(&self, body: &[u8], asked: &Asked) -> Result<ChatReply, WireError> {
        if !body.trim_ascii_start().starts_with(b"{") {
            return plain::whole_or_stream(self.reader(asked), body);
        }
        plain::fold(Prediction { model: asked.model.clone(), teller: Teller::default() }, body)
    }

    fn reader(&self, asked: &Asked) -> Box<dyn EventReader> {
        Box::new(Reader { model: asked.model.clone(), teller: Teller::default() })
    }
}

/// A failure of the model, in its own words.
fn failure(message: &str) -> VendorFault {
    let small = message.to_ascii_lowercase();
    let refused = ["flagged", "nsfw", "sensitive"].iter().any(|word| small.contains(word));
    let message = if message.is_empty() { "the prediction failed" } else { message };
    VendorFault {
        message: clean(message),
        kind: "upstream_error".to_owned(),
        code: String::new(),
        param: None,
        class: if refused { FaultClass::ContentFilter } else { FaultClass::Server },
    }
}

/// A stream.
struct Reader {
    model: String,
    teller: Teller,
}

impl EventReader for Reader {
    fn frame(&mut self, frame: &Frame, out: &mut Vec<Event>) -> Result<(), WireError> {
        if self.teller.failed() {
            return Ok(());
        }
        let text = String::from_utf8_lossy(&frame.data);
        match frame.name.as_ref() {
            b"output" => {
                self.teller.start("", &self.model, 0, out);
                self.teller.text(&text, out);
            }
            b"error" => {
                let told = Members::of_body(&frame.data).ok().and_then(|mut m| m.take("detail"));
                let message = told.map_or_else(|| text.to_string(), shown);
                self.teller.fail(failure(&message), out);
            }
            b"done" => {
                let reason = Members::of_body(&frame.data).ok().and_then(|mut m| m.take("reason"));
                match reason.and_then(text_of).as_deref() {
                    Some("error") => self.teller.fail(failure(""), out),
                    Some("canceled") => self.teller.fail(failure("the prediction was cancelled"), out),
                    _ => {
                        self.teller.start("", &self.model, 0, out);
                        self.teller.stop(Stop::End);
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn end(&mut self, out: &mut Vec<Event>) -> bool {
        self.teller.end(out)
    }
}

/// A whole prediction.
struct Prediction {
    model: String,
    teller: Teller,
}

impl EventReader for Prediction {
    fn frame(&mut self, frame: &Frame, out: &mut Vec<Event>) -> Result<(), WireError> {
        let mut m = Members::of_body(&frame.data)?;
        let status = m.take("status");
        match status.and_then(text_of).as_deref() {
            Some("succeeded") => {}
            Some("failed" | "canceled" | "aborted") => {
                let error = m.take("error").map(shown).unwrap_or_default();
                self.teller.fail(failure(&error), out);
                return Ok(());
            }
            Some("starting" | "processing" | "queued") => {
                return Err(WireError::new("the prediction is not over yet"));
            }
            _ => {
                // An error of the API itself: its status is a number.
                let code = status.and_then(|raw| raw.get().parse().ok()).unwrap_or(200);
                self.teller.fail(read_fault(code, &frame.data), out);
                return Ok(());
            }
        }
        self.teller.start(&m.text("id")?.unwrap_or_default(), &self.model, 0, out);
        if let Some(output) = m.take("output") {
            match list_of(output) {
                Some(pieces) => pieces.into_iter().for_each(|raw| self.teller.text(&shown(raw), out)),
                None => self.teller.text(&shown(output), out),
            }
        }
        if let Some(mut metrics) = m.object("metrics")? {
            let (input, output) = (metrics.count("input_token_count")?, metrics.count("output_token_count")?);
            self.teller.usage(plain::counts(input, output, None));
        }
        self.teller.stop(Stop::End);
        Ok(())
    }

    fn end(&mut self, out: &mut Vec<Event>) -> bool {
        self.teller.end(out)
    }
}

/// A text as it is, anything else as its JSON.
fn shown(raw: &RawValue) -> String {
    text_of(raw).unwrap_or_else(|| raw.get().to_owned())
}

#[cfg(test)]
#[path = "replicate/tests.rs"]
mod tests;

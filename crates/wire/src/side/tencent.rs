//! Hunyuan's action `GetEmbedding`; there is one model.

use super::{EmbedRequest, Embedded, SideCodec, fits, in_order, one_size, placed, tokens};
use crate::WireError;
use crate::fault::read_fault;
use crate::json::{Members, object};

pub(super) struct Tencent;

impl SideCodec for Tencent {
    fn most_inputs(&self, _model: &str) -> usize {
        200
    }

    fn embed_request(&self, ask: &EmbedRequest, model: &str) -> Result<String, WireError> {
        fits(ask, self.most_inputs(model))?;
        one_size(ask)?;
        Ok(object(|o| o.list("InputList", |l| ask.inputs.iter().for_each(|text| l.item().text(text)))))
    }

    fn read_embedded(&self, body: &[u8]) -> Result<Embedded, WireError> {
        let mut m = Members::of_body(body)?;
        let told = |body: &[u8]| WireError::new(read_fault(200, body).message);
        let mut response = m.object("Response")?.ok_or_else(|| told(body))?;
        if let Some(mut error) = response.object("Error")? {
            let (code, message) = (error.text("Code")?, error.text("Message")?);
            let error = object(|o| {
                o.opt_text("code", code.as_deref());
                o.opt_text("message", message.as_deref());
            });
            return Err(told(error.as_bytes()));
        }
        if response.peek("Data").is_none() {
            return Err(WireError::new("the vendor's answer has no embeddings"));
        }
        let items = response.list("Data")?.into_iter().enumerate();
        let all: Result<Vec<_>, WireError> =
            items.map(|(at, raw)| placed(raw, at, "Index", "Embedding")).collect();
        let count = match response.object("Usage")? {
            Some(mut usage) => usage.count("TotalTokens")?,
            None => None,
        };
        Ok(Embedded { vectors: in_order(all?), usage: tokens(count), model: String::new() })
    }
}

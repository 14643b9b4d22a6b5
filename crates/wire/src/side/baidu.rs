//! Wenxin's first API; the model stands in the path.

use super::{EmbedRequest, Embedded, Ranked, RerankRequest, SideCodec, fits, one_size, openai};
use crate::WireError;
use crate::json::object;

pub(super) struct Baidu;

impl SideCodec for Baidu {
    fn most_inputs(&self, _model: &str) -> usize {
        16
    }

    fn embed_request(&self, ask: &EmbedRequest, model: &str) -> Result<String, WireError> {
        fits(ask, self.most_inputs(model))?;
        one_size(ask)?;
        Ok(object(|o| {
            o.list("input", |l| ask.inputs.iter().for_each(|text| l.item().text(text)));
            o.opt_text("user_id", ask.user.as_deref());
        }))
    }

    fn read_embedded(&self, body: &[u8]) -> Result<Embedded, WireError> {
        openai::listed(body, "embedding")
    }

    fn rerank_request(&self, ask: &RerankRequest, _model: &str) -> Result<String, WireError> {
        Ok(openai::ranking(ask, None))
    }

    fn read_ranked(&self, body: &[u8]) -> Result<Ranked, WireError> {
        openai::OpenAi.read_ranked(body)
    }
}

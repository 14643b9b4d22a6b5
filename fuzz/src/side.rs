//! Embeddings and rerankings.

use crate::must_be_json;
use magic_wire::side::{self, RerankRequest, SideVendor};

const VENDORS: &[SideVendor] = &[
    SideVendor::OpenAi,
    SideVendor::Cohere,
    SideVendor::Ollama,
    SideVendor::Gemini,
    SideVendor::Vertex,
    SideVendor::DashScope,
    SideVendor::Baidu,
    SideVendor::Tencent,
    SideVendor::Bedrock,
    SideVendor::Tei,
];

const MODELS: &[&str] =
    &["m", "cohere.embed-english-v3", "amazon.titan-embed-text-v2:0", "gemini-embedding-001"];

/// What must hold for the bytes of a request or an answer.
pub fn check(body: &[u8]) {
    for ask in
        [side::read_embed(body), side::read_gemini_embed(body, false), side::read_gemini_embed(body, true)]
            .into_iter()
            .flatten()
    {
        for (vendor, model) in
            VENDORS.iter().flat_map(|vendor| MODELS.iter().map(move |model| (*vendor, *model)))
        {
            let codec = side::side(vendor);
            let text = codec.embed_request(&ask, model);
            assert_eq!(text, codec.embed_request(&ask, model), "{vendor:?} wrote it otherwise");
            if let Ok(text) = text {
                must_be_json(&text, &format!("{vendor:?}"));
            }
        }
    }
    if let Ok(ask) = side::read_rerank(body) {
        for vendor in VENDORS {
            if let Ok(text) = side::side(*vendor).rerank_request(&ask, MODELS[0]) {
                must_be_json(&text, &format!("{vendor:?}"));
            }
        }
    }
    let ask = RerankRequest {
        documents: vec!["a".to_owned(), "b".to_owned()],
        return_documents: true,
        top_n: Some(1),
        ..RerankRequest::default()
    };
    for vendor in VENDORS {
        let codec = side::side(*vendor);
        if let Ok(embedded) = codec.read_embedded(body) {
            for flag in [false, true] {
                must_be_json(side::write_embedded(&embedded, flag, "m"), "embeddings");
                must_be_json(side::write_gemini_embedded(&embedded, flag), "Google's embeddings");
            }
        }
        if let Ok(ranked) = codec.read_ranked(body) {
            must_be_json(side::write_ranked(&ranked, &ask, "m"), "ranks");
        }
    }
}

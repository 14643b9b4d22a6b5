use super::*;

fn ranking(top_n: Option<u64>, return_documents: bool) -> RerankRequest {
    let documents = ["x", "y", "z"].map(str::to_owned).to_vec();
    RerankRequest {
        model: "m".into(),
        query: "q".into(),
        documents,
        top_n,
        return_documents,
        ignored: Vec::new(),
    }
}

#[test]
fn a_rerank_request_is_read() {
    let body =
        br#"{"model":"m","query":"q","documents":["x",{"text":"y"},"z"],"top_n":2,"return_documents":true}"#;
    assert_eq!(read_rerank(body).unwrap(), ranking(Some(2), true));
    let body = br#"{"model":"m","query":"q","documents":["x"],"top_k":1,"max_tokens_per_doc":5}"#;
    let read = read_rerank(body).unwrap();
    assert_eq!((read.top_n, read.ignored), (Some(1), vec!["max_tokens_per_doc".to_owned()]));
    for (body, name) in [
        (r#"{"documents":["x"]}"#, "query"),
        (r#"{"query":"","documents":["x"]}"#, "query"),
        (r#"{"query":"q","documents":[]}"#, "documents"),
        (r#"{"query":"q"}"#, "documents"),
        (r#"{"query":"q","documents":[{"title":"x"}]}"#, "documents[0]"),
        (r#"{"query":"q","documents":[7]}"#, "documents[0]"),
    ] {
        assert_eq!(param(read_rerank(body.as_bytes()).unwrap_err()), name);
    }
}

#[test]
fn every_reranker_has_its_own_words() {
    let written = |vendor, model: &str| -> Value {
        serde_json::from_str(&side(vendor).rerank_request(&ranking(Some(2), true), model).unwrap()).unwrap()
    };
    let plain = json!({"model": "m", "query": "q", "documents": ["x", "y", "z"], "top_n": 2});
    let mut nameless = plain.clone();
    nameless.as_object_mut().unwrap().remove("model");
    let mut versioned = nameless.clone();
    versioned["api_version"] = json!(2);
    assert_eq!(written(SideVendor::OpenAi, "m"), plain);
    assert_eq!(written(SideVendor::Cohere, "m"), plain);
    assert_eq!(written(SideVendor::Baidu, "m"), nameless);
    assert_eq!(written(SideVendor::Bedrock, "amazon.rerank-v1:0"), nameless);
    assert_eq!(written(SideVendor::Bedrock, "cohere.rerank-v3-5:0"), versioned);
    assert_eq!(written(SideVendor::Tei, "m"), json!({"query": "q", "texts": ["x", "y", "z"]}));
    let own = json!({"model": "m", "input": {"query": "q", "documents": ["x", "y", "z"]}, "parameters": {"top_n": 2, "return_documents": false}});
    assert_eq!(written(SideVendor::DashScope, "m"), own);
    for vendor in [SideVendor::Ollama, SideVendor::Gemini, SideVendor::Vertex, SideVendor::Tencent] {
        assert_eq!(param(side(vendor).rerank_request(&ranking(None, false), "m").unwrap_err()), "model");
        assert!(side(vendor).read_ranked(br#"{"results":[]}"#).is_err());
    }
    assert_eq!(
        param(side(SideVendor::Bedrock).rerank_request(&ranking(None, false), "amazon.nova").unwrap_err()),
        "model"
    );
}

#[test]
fn ranks_are_read_and_written_best_first() {
    for (vendor, body, usage) in [
        (
            SideVendor::OpenAi,
            json!({"results": [{"index": 2, "relevance_score": 0.1}, {"index": 0, "relevance_score": 0.9}], "usage": {"total_tokens": 5}}),
            tokens(Some(5)),
        ),
        (
            SideVendor::OpenAi,
            json!({"data": [{"index": 2, "relevance_score": 0.1}, {"index": 0, "relevance_score": 0.9}]}),
            None,
        ),
        (
            SideVendor::Cohere,
            json!({"results": [{"index": 2, "relevance_score": 0.1}, {"index": 0, "relevance_score": 0.9}], "meta": {"billed_units": {"search_units": 1}}}),
            Some(Usage::default().with(Bucket::Request, 1)),
        ),
        (
            SideVendor::DashScope,
            json!({"output": {"results": [{"index": 2, "relevance_score": 0.1}, {"index": 0, "relevance_score": 0.9}]}, "usage": {"total_tokens": 5}}),
            tokens(Some(5)),
        ),
        (
            SideVendor::Bedrock,
            json!({"results": [{"index": 2, "relevanceScore": 0.1}, {"index": 0, "relevance_score": 0.9}]}),
            None,
        ),
        (SideVendor::Tei, json!([{"index": 2, "score": 0.1}, {"index": 0, "score": 0.9}]), None),
    ] {
        let ranked = side(vendor).read_ranked(body.to_string().as_bytes()).unwrap();
        assert_eq!((ranked.results, ranked.usage), (vec![(2, 0.1), (0, 0.9)], usage), "{vendor:?}");
    }
    let usage = Some(Usage::default().with(Bucket::Input, 5).with(Bucket::Request, 1));
    let results = vec![(2, 0.1), (9, 2.0), (0, 0.9), (1, 0.5)];
    let ranked = Ranked { results, usage, id: "1".into(), model: String::new() };
    let text: Value = serde_json::from_str(&write_ranked(&ranked, &ranking(Some(2), true), "m")).unwrap();
    let expected = json!({
        "id": "1", "object": "list", "model": "m",
        "results": [
            {"index": 0, "relevance_score": 0.9, "document": {"text": "x"}},
            {"index": 1, "relevance_score": 0.5, "document": {"text": "y"}},
        ],
        "usage": {"prompt_tokens": 5, "total_tokens": 5},
        "meta": {"billed_units": {"search_units": 1}},
    });
    assert_eq!(text, expected);
    let text: Value = serde_json::from_str(&write_ranked(&ranked, &ranking(None, false), "m")).unwrap();
    assert_eq!(
        text["results"],
        json!([
            {"index": 0, "relevance_score": 0.9}, {"index": 1, "relevance_score": 0.5}, {"index": 2, "relevance_score": 0.1},
        ])
    );
}

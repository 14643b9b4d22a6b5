use super::*;
use magic_domain::usage::{Bucket, Usage};
use magic_testkit::corpus::exchanges;
use magic_wire::side::{
    EmbedRequest, RerankRequest, SideVendor, read_embed, read_gemini_embed, read_rerank, side,
    write_embedded, write_gemini_embedded, write_ranked,
};
use serde_json::json;

/// Lists of numbers, wherever they stand: the vectors of an answer.
fn vectors(value: &Value, out: &mut Vec<Vec<f32>>) {
    match value {
        Value::Array(items) if !items.is_empty() && items.iter().all(Value::is_number) => {
            out.push(items.iter().map(|number| number.as_f64().unwrap() as f32).collect());
        }
        Value::Array(items) => items.iter().for_each(|item| vectors(item, out)),
        Value::Object(members) => members.values().for_each(|value| vectors(value, out)),
        _ => {}
    }
}

fn input(tokens: &Value) -> Option<Usage> {
    tokens.as_u64().map(|tokens| Usage::default().with(Bucket::Input, tokens))
}

/// Members without a value, and names of Google's in the other style, are the same request.
fn normal(body: &Value) -> Value {
    match body {
        Value::Object(members) => {
            let kept = members.iter().filter(|(_, value)| !value.is_null());
            let renamed = kept.map(|(name, value)| {
                let name = if name == "output_dimensionality" { "outputDimensionality" } else { name };
                (name.to_owned(), normal(value))
            });
            renamed.collect::<serde_json::Map<String, Value>>().into()
        }
        Value::Array(items) => items.iter().map(normal).collect(),
        other => other.clone(),
    }
}

fn of(endpoint: &str) -> Vec<Exchange> {
    exchanges(|exchange| exchange.endpoint == endpoint)
}

fn texts(list: &Value) -> Vec<String> {
    list.as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect()
}

#[test]
fn recorded_embeddings_are_read_as_they_stand() {
    let mut seen = 0;
    for (endpoint, vendor, usage) in [
        ("cohere.v2.embed", SideVendor::Cohere, "/meta/billed_units/input_tokens"),
        ("ollama.api.embeddings", SideVendor::Ollama, "/prompt_eval_count"),
        ("gemini.batchEmbedContents", SideVendor::Gemini, "/usageMetadata/promptTokenCount"),
        ("vertex.embedContent", SideVendor::Vertex, "/usageMetadata/promptTokenCount"),
        ("vertex.predict", SideVendor::Vertex, "/predictions/0/embeddings/statistics/token_count"),
        ("ali.dashscope.embeddings", SideVendor::DashScope, "/usage/total_tokens"),
        ("bedrock.invoke.titan", SideVendor::Bedrock, "/inputTextTokenCount"),
        ("bedrock.invoke.cohere", SideVendor::Bedrock, "/none"),
        ("openai.embeddings", SideVendor::OpenAi, "/usage/prompt_tokens"),
    ] {
        for exchange in of(endpoint) {
            let answer = exchange.answer().unwrap();
            let whole: Value = serde_json::from_slice(&answer).unwrap();
            let read = side(vendor).read_embedded(&answer);
            let mut expected = Vec::new();
            vectors(&whole, &mut expected);
            // Titan tells its vector twice.
            expected.dedup();
            if expected.is_empty() && !whole["data"].is_array() {
                assert!(read.is_err(), "{}", exchange.id);
                continue;
            }
            let read = read.unwrap();
            if expected.is_empty() {
                // Base64.
                assert_eq!(read.vectors.len(), whole["data"].as_array().unwrap().len(), "{}", exchange.id);
            } else {
                assert_eq!(read.vectors, expected, "{}", exchange.id);
            }
            let tokens = whole.pointer(usage).unwrap_or(&Value::Null);
            assert_eq!(read.usage.map(|usage| usage.input_total()), tokens.as_u64(), "{}", exchange.id);
            for base64 in [false, true] {
                let written = write_embedded(&read, base64, "m");
                let again = side(SideVendor::OpenAi).read_embedded(written.as_bytes()).unwrap();
                assert_eq!(again.vectors, read.vectors, "{}", exchange.id);
            }
            let again = side(SideVendor::Gemini).read_embedded(write_gemini_embedded(&read, true).as_bytes());
            assert_eq!(again.unwrap().vectors, read.vectors, "{}", exchange.id);
            seen += 1;
        }
    }
    eprintln!("embeddings: {seen}");
}

#[test]
fn recorded_requests_for_embeddings_are_what_we_write() {
    let mut seen = 0;
    let mut check = |vendor, ask: &EmbedRequest, model: &str, body: &Value, id: &str| {
        let written: Value = serde_json::from_str(&side(vendor).embed_request(ask, model).unwrap()).unwrap();
        assert_eq!(written, normal(body), "{id}");
        seen += 1;
    };
    for exchange in of("gemini.batchEmbedContents") {
        let body = exchange.body().unwrap();
        match read_gemini_embed(body.to_string().as_bytes(), true) {
            Ok(ask) => {
                let model = body["requests"][0]["model"].as_str().unwrap();
                check(SideVendor::Gemini, &ask, model, body, &exchange.id);
            }
            // A picture.
            Err(error) => assert!(body.to_string().contains("inline_data"), "{}: {error}", exchange.id),
        }
    }
    for exchange in of("vertex.embedContent") {
        let body = exchange.body().unwrap();
        let ask = read_gemini_embed(body.to_string().as_bytes(), false).unwrap();
        check(SideVendor::Vertex, &ask, "gemini-embedding-2", body, &exchange.id);
    }
    for exchange in of("vertex.predict") {
        let body = exchange.body().unwrap();
        let ask = EmbedRequest {
            inputs: vec![body["instances"][0]["content"].as_str().unwrap().to_owned()],
            dimensions: body["parameters"]["outputDimensionality"].as_u64(),
            ..EmbedRequest::default()
        };
        check(SideVendor::Vertex, &ask, "text-embedding-004", body, &exchange.id);
    }
    for exchange in of("cohere.v2.embed") {
        let mut body = exchange.body().unwrap().clone();
        let task =
            if body["input_type"] == "search_query" { Some("RETRIEVAL_QUERY".to_owned()) } else { None };
        let ask = EmbedRequest { inputs: texts(&body["texts"]), task, ..EmbedRequest::default() };
        // What happens to a text that is too long is left to the vendor.
        body.as_object_mut().unwrap().remove("truncate");
        // Floats are what comes without a word about it.
        body["embedding_types"] = json!(["float"]);
        let model = body["model"].as_str().unwrap().to_owned();
        check(SideVendor::Cohere, &ask, &model, &body, &exchange.id);
    }
    for exchange in of("ali.dashscope.embeddings") {
        let body = exchange.body().unwrap();
        let ask = EmbedRequest {
            inputs: texts(&body["input"]["texts"]),
            dimensions: body["parameters"]["dimension"].as_u64(),
            ..EmbedRequest::default()
        };
        check(SideVendor::DashScope, &ask, "text-embedding-v1", body, &exchange.id);
    }
    for exchange in of("openai.embeddings") {
        let body = exchange.body().unwrap();
        let tokens = body["input"][0].is_number() || body["input"][0].is_array();
        match read_embed(body.to_string().as_bytes()) {
            Ok(ask) => {
                assert!(!tokens, "{}", exchange.id);
                assert_eq!(ask.base64, body["encoding_format"] == "base64", "{}", exchange.id);
                assert_eq!(ask.dimensions, body["dimensions"].as_u64(), "{}", exchange.id);
            }
            Err(error) => assert!(tokens && error.param.as_deref() == Some("input"), "{}", exchange.id),
        }
    }
    eprintln!("requests for embeddings: {seen}");
}

#[test]
fn recorded_rankings_are_read_and_asked_for() {
    let mut seen = 0;
    for (endpoint, vendor, list) in [
        ("cohere.v2.rerank", SideVendor::Cohere, "/results"),
        ("ali.dashscope.rerank", SideVendor::DashScope, "/output/results"),
        ("bedrock.rerank", SideVendor::Bedrock, "/results"),
        ("llamacpp.rerank", SideVendor::OpenAi, "/results"),
        ("voyage.rerank", SideVendor::OpenAi, "/data"),
        ("openrouter.rerank", SideVendor::OpenAi, "/results"),
        ("together.rerank", SideVendor::OpenAi, "/results"),
    ] {
        for exchange in of(endpoint) {
            let answer = exchange.answer().unwrap();
            let whole: Value = serde_json::from_slice(&answer).unwrap();
            let read = side(vendor).read_ranked(&answer);
            let Some(items) = whole.pointer(list).and_then(Value::as_array) else {
                assert!(read.is_err(), "{}", exchange.id);
                continue;
            };
            let read = read.unwrap();
            let score =
                |item: &Value| item["relevance_score"].as_f64().or(item["relevanceScore"].as_f64()).unwrap();
            let expected: Vec<(usize, f64)> =
                items.iter().map(|item| (item["index"].as_u64().unwrap() as usize, score(item))).collect();
            assert_eq!(read.results, expected, "{}", exchange.id);
            let billed = whole["meta"]["billed_units"]["search_units"].as_u64();
            let searches = billed.map(|units| Usage::default().with(Bucket::Request, units));
            assert_eq!(read.usage, input(&whole["usage"]["total_tokens"]).or(searches), "{}", exchange.id);
            seen += 1;
            let Some(body) = exchange.body() else { continue };
            let asked = if body["input"].is_object() { &body["input"] } else { body };
            let ask = RerankRequest {
                query: asked["query"].as_str().unwrap().to_owned(),
                documents: texts(&asked["documents"]),
                top_n: body["top_n"].as_u64().or(body["parameters"]["top_n"].as_u64()),
                ..RerankRequest::default()
            };
            if vendor != SideVendor::DashScope {
                let read = read_rerank(body.to_string().as_bytes()).unwrap();
                assert_eq!((&read.query, &read.documents), (&ask.query, &ask.documents), "{}", exchange.id);
                assert_eq!(read.top_n, ask.top_n.or(body["top_k"].as_u64()), "{}", exchange.id);
            }
            let model = body["model"].as_str().unwrap();
            let written = side(vendor).rerank_request(&ask, model).unwrap();
            let written: Value = serde_json::from_str(&written).unwrap();
            let mut body = normal(body);
            if vendor == SideVendor::DashScope {
                body["parameters"]["return_documents"] = json!(false);
            }
            for extra in ["top_k", "truncation", "max_tokens_per_doc"] {
                body.as_object_mut().unwrap().remove(extra);
            }
            assert_eq!(written, body, "{}", exchange.id);
            let shown: Value = serde_json::from_str(&write_ranked(&read, &ask, model)).unwrap();
            let places: Vec<u64> = shown["results"]
                .as_array()
                .unwrap()
                .iter()
                .map(|item| item["index"].as_u64().unwrap())
                .collect();
            let expected: Vec<u64> = expected.iter().map(|(index, _)| *index as u64).collect();
            assert_eq!(places, expected, "{}: vendors give the best first", exchange.id);
        }
    }
    eprintln!("rankings: {seen}");
}

mod ranks;

use super::*;
use proptest::prelude::*;
use serde_json::{Value, json};

const ALL: [SideVendor; 10] = [
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

fn ask(inputs: &[&str]) -> EmbedRequest {
    let inputs = inputs.iter().map(|text| (*text).to_owned()).collect();
    EmbedRequest { inputs, user: Some("u".into()), ..EmbedRequest::default() }
}

fn embed(vendor: SideVendor, ask: &EmbedRequest, model: &str) -> Value {
    serde_json::from_str(&side(vendor).embed_request(ask, model).unwrap()).unwrap()
}

fn param(error: WireError) -> String {
    error.param.unwrap()
}

#[test]
fn openais_request_is_read() {
    let body = br#"{"model":"m","input":["a","b"],"dimensions":3,"encoding_format":"base64","user":"u","input_type":"search_query","x":1}"#;
    let expected = EmbedRequest {
        model: "m".into(),
        inputs: vec!["a".into(), "b".into()],
        dimensions: Some(3),
        base64: true,
        task: Some("RETRIEVAL_QUERY".into()),
        title: None,
        user: Some("u".into()),
        ignored: vec!["x".into()],
    };
    assert_eq!(read_embed(body).unwrap(), expected);
    assert_eq!(read_embed(br#"{"input":"a","task":"odd"}"#).unwrap().task.as_deref(), Some("odd"));
    for input in ["[1,2]", "[[1,2]]", "[]", "7", "null", "[\"a\",1]"] {
        let error = read_embed(format!(r#"{{"input":{input}}}"#).as_bytes()).unwrap_err();
        assert_eq!(param(error), "input", "{input}");
    }
    for (body, name) in [
        (r#"{"input":"a","encoding_format":"int8"}"#, "encoding_format"),
        (r#"{"input":"a","dimensions":0}"#, "dimensions"),
        (r#"{"input":"a","dimensions":-1}"#, "dimensions"),
    ] {
        assert_eq!(param(read_embed(body.as_bytes()).unwrap_err()), name);
    }
}

#[test]
fn openais_answer_is_numbers_or_their_base64() {
    let usage = Some(Usage::default().with(Bucket::Input, 7));
    let embedded = Embedded { vectors: vec![vec![0.1, -2.5], vec![4.6e-5]], usage, model: String::new() };
    let text = write_embedded(&embedded, false, "m");
    assert!(text.contains(r#""embedding":[0.1,-2.5]"#), "{text}");
    let expected = json!({
        "object": "list",
        "data": [
            {"object": "embedding", "index": 0, "embedding": [0.1, -2.5]},
            {"object": "embedding", "index": 1, "embedding": [4.6e-5]},
        ],
        "model": "m", "usage": {"prompt_tokens": 7, "total_tokens": 7},
    });
    assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), expected);
    let packed: Value = serde_json::from_str(&write_embedded(&embedded, true, "m")).unwrap();
    // 0.1 and -2.5, the least significant byte first.
    assert_eq!(packed["data"][0]["embedding"], "zczMPQAAIMA=");
    let named = Embedded { model: "v".into(), ..embedded };
    assert!(write_embedded(&named, false, "m").contains(r#""model":"v""#));
    for base64 in [false, true] {
        let again =
            side(SideVendor::OpenAi).read_embedded(write_embedded(&named, base64, "m").as_bytes()).unwrap();
        assert_eq!(again, named);
    }
    assert!(named.clone().checked(2).is_ok() && named.checked(3).is_err());
}

#[test]
fn googles_face_is_read_and_written() {
    let batch = json!({"requests": [
        {"model": "models/m", "content": {"parts": [{"text": "a"}]}, "outputDimensionality": 8, "taskType": "CLUSTERING"},
        {"model": "models/m", "content": {"parts": [{"text": "b"}]}, "outputDimensionality": 8, "taskType": "CLUSTERING"},
    ]});
    let read = read_gemini_embed(batch.to_string().as_bytes(), true).unwrap();
    assert_eq!((read.inputs.len(), read.dimensions, read.task.as_deref()), (2, Some(8), Some("CLUSTERING")));
    assert_eq!(embed(SideVendor::Gemini, &read, "m"), batch);
    let single = json!({"content": {"parts": [{"text": "a"}]}, "title": "t"});
    let read = read_gemini_embed(single.to_string().as_bytes(), false).unwrap();
    assert_eq!((read.inputs[0].as_str(), read.title.as_deref()), ("a", Some("t")));
    assert_eq!(param(read_gemini_embed(single.to_string().as_bytes(), true).unwrap_err()), "requests");
    let usage = Some(Usage::default().with(Bucket::Input, 7));
    let embedded = Embedded { vectors: vec![vec![0.1], vec![2.5]], usage, ..Embedded::default() };
    let text: Value = serde_json::from_str(&write_gemini_embedded(&embedded, true)).unwrap();
    assert_eq!(text["embeddings"], json!([{"values": [0.1]}, {"values": [2.5]}]));
    assert_eq!(text["usageMetadata"]["promptTokenCount"], 7);
    let text: Value = serde_json::from_str(&write_gemini_embedded(&embedded, false)).unwrap();
    assert_eq!(text["embedding"], json!({"values": [0.1]}));
}

#[test]
fn every_vendor_has_its_own_words_for_embeddings() {
    let mut request = ask(&["a", "b"]);
    request.dimensions = Some(8);
    request.task = Some("RETRIEVAL_QUERY".into());
    for (vendor, model, expected) in [
        (
            SideVendor::OpenAi,
            "m",
            json!({"model": "m", "input": ["a", "b"], "dimensions": 8, "encoding_format": "float", "user": "u"}),
        ),
        (
            SideVendor::Cohere,
            "embed-v4.0",
            json!({"model": "embed-v4.0", "input_type": "search_query", "texts": ["a", "b"], "embedding_types": ["float"], "output_dimension": 8}),
        ),
        (SideVendor::Ollama, "m", json!({"model": "m", "input": ["a", "b"], "dimensions": 8})),
        (
            SideVendor::Vertex,
            "text-embedding-005",
            json!({
                "instances": [{"content": "a", "task_type": "RETRIEVAL_QUERY"}, {"content": "b", "task_type": "RETRIEVAL_QUERY"}],
                "parameters": {"outputDimensionality": 8},
            }),
        ),
        (
            SideVendor::DashScope,
            "text-embedding-v4",
            json!({"model": "text-embedding-v4", "input": {"texts": ["a", "b"]}, "parameters": {"text_type": "query", "dimension": 8}}),
        ),
        (
            SideVendor::Bedrock,
            "us.cohere.embed-v4:0",
            json!({"input_type": "search_query", "texts": ["a", "b"], "output_dimension": 8}),
        ),
        (SideVendor::Tei, "m", json!({"inputs": ["a", "b"], "dimensions": 8})),
    ] {
        assert_eq!(embed(vendor, &request, model), expected, "{vendor:?}");
    }
    for (vendor, model) in [
        (SideVendor::Baidu, "bge_large_zh"),
        (SideVendor::Tencent, "hunyuan-embedding"),
        (SideVendor::Bedrock, "cohere.embed-english-v3"),
    ] {
        assert_eq!(
            param(side(vendor).embed_request(&request, model).unwrap_err()),
            "dimensions",
            "{vendor:?}"
        );
    }
    let plain = ask(&["a"]);
    assert_eq!(embed(SideVendor::Baidu, &plain, "m"), json!({"input": ["a"], "user_id": "u"}));
    assert_eq!(embed(SideVendor::Tencent, &plain, "m"), json!({"InputList": ["a"]}));
    assert_eq!(embed(SideVendor::Bedrock, &plain, "amazon.titan-embed-text-v1"), json!({"inputText": "a"}));
    let sized = EmbedRequest { dimensions: Some(256), ..plain.clone() };
    assert_eq!(
        embed(SideVendor::Bedrock, &sized, "amazon.titan-embed-text-v2:0"),
        json!({"inputText": "a", "dimensions": 256})
    );
    assert_eq!(
        param(side(SideVendor::Bedrock).embed_request(&sized, "amazon.titan-embed-text-v1").unwrap_err()),
        "dimensions"
    );
    assert_eq!(
        param(side(SideVendor::Bedrock).embed_request(&plain, "amazon.nova-lite").unwrap_err()),
        "model"
    );
    assert_eq!(embed(SideVendor::Cohere, &plain, "m")["input_type"], "search_document");
    assert_eq!(
        embed(SideVendor::Vertex, &plain, "gemini-embedding-2"),
        json!({"content": {"parts": [{"text": "a"}]}})
    );
    assert_eq!(
        (vertex_method("gemini-embedding-001"), vertex_method("gemini-embedding-2")),
        ("predict", "embedContent")
    );
}

#[test]
fn more_inputs_than_a_request_may_have_are_refused() {
    for (vendor, model, most) in [
        (SideVendor::Cohere, "m", 96),
        (SideVendor::Gemini, "m", 100),
        (SideVendor::Vertex, "text-embedding-005", 250),
        (SideVendor::Vertex, "gemini-embedding-001", 1),
        (SideVendor::DashScope, "text-embedding-v4", 10),
        (SideVendor::DashScope, "text-embedding-v2", 25),
        (SideVendor::Baidu, "m", 16),
        (SideVendor::Tencent, "m", 200),
        (SideVendor::Bedrock, "amazon.titan-embed-text-v2:0", 1),
        (SideVendor::Bedrock, "cohere.embed-english-v3", 96),
    ] {
        let codec = side(vendor);
        assert_eq!(codec.most_inputs(model), most);
        assert!(codec.embed_request(&ask(&vec!["a"; most]), model).is_ok());
        let error = codec.embed_request(&ask(&vec!["a"; most + 1]), model).unwrap_err();
        assert!(error.message.contains(if most == 1 { "one input" } else { "inputs" }));
        assert_eq!(param(error), "input");
    }
}

#[test]
fn every_vendors_vectors_are_read_in_the_order_of_the_inputs() {
    let told = |vendor, body: Value| side(vendor).read_embedded(body.to_string().as_bytes()).unwrap();
    let vectors = vec![vec![1.0_f32, 2.0], vec![3.0, 4.0]];
    for (vendor, body, tokens) in [
        (
            SideVendor::Cohere,
            json!({"embeddings": {"float": vectors}, "meta": {"billed_units": {"input_tokens": 5}}}),
            Some(5),
        ),
        (SideVendor::Ollama, json!({"model": "", "embeddings": vectors, "prompt_eval_count": 5}), Some(5)),
        (SideVendor::Gemini, json!({"embeddings": [{"values": [1, 2]}, {"values": [3, 4]}]}), None),
        (
            SideVendor::Vertex,
            json!({"predictions": [
                {"embeddings": {"values": [1, 2], "statistics": {"token_count": 2}}},
                {"embeddings": {"values": [3, 4], "statistics": {"token_count": 3}}},
            ]}),
            Some(5),
        ),
        (
            SideVendor::DashScope,
            json!({"output": {"embeddings": [
            {"text_index": 1, "embedding": [3, 4]}, {"text_index": 0, "embedding": [1, 2]},
        ]}, "usage": {"total_tokens": 5}}),
            Some(5),
        ),
        (
            SideVendor::Baidu,
            json!({"data": [{"index": 1, "embedding": [3, 4]}, {"index": 0, "embedding": [1, 2]}], "usage": {"prompt_tokens": 5, "total_tokens": 5}}),
            Some(5),
        ),
        (
            SideVendor::Tencent,
            json!({"Response": {"Data": [{"Embedding": [3, 4], "Index": 1}, {"Embedding": [1, 2], "Index": 0}], "Usage": {"TotalTokens": 5}}}),
            Some(5),
        ),
        (SideVendor::Bedrock, json!({"embeddings": vectors, "response_type": "embeddings_floats"}), None),
        (SideVendor::Tei, json!(vectors), None),
    ] {
        let expected =
            Embedded { vectors: vectors.clone(), usage: super::tokens(tokens), model: String::new() };
        assert_eq!(told(vendor, body), expected, "{vendor:?}");
    }
    let one = told(SideVendor::Bedrock, json!({"embedding": [1, 2], "inputTextTokenCount": 3}));
    assert_eq!((one.vectors, one.usage), (vec![vec![1.0, 2.0]], super::tokens(Some(3))));
}

#[test]
fn errors_are_errors_for_every_vendor() {
    for (vendor, body, message) in [
        (SideVendor::OpenAi, r#"{"error":{"message":"m"}}"#, "m"),
        (SideVendor::Cohere, r#"{"id":"1","message":"m"}"#, "m"),
        (SideVendor::Ollama, r#"{"error":"m"}"#, "m"),
        (SideVendor::Gemini, r#"{"error":{"code":400,"message":"m"}}"#, "m"),
        (SideVendor::Vertex, r#"{"error":{"code":400,"message":"m"}}"#, "m"),
        (SideVendor::DashScope, r#"{"code":"InvalidParameter","message":"m","request_id":"1"}"#, "m"),
        (SideVendor::Baidu, r#"{"error_code":110,"error_msg":"m"}"#, "m"),
        (
            SideVendor::Tencent,
            r#"{"Response":{"Error":{"Code":"AuthFailure","Message":"m"},"RequestId":"1"}}"#,
            "m",
        ),
        (SideVendor::Bedrock, r#"{"message":"m"}"#, "m"),
        (SideVendor::Tei, r#"{"error":"m","error_type":"Overloaded"}"#, "m"),
    ] {
        assert_eq!(side(vendor).read_embedded(body.as_bytes()).unwrap_err().message, message, "{vendor:?}");
        assert!(side(vendor).read_ranked(body.as_bytes()).is_err());
    }
    // A number too large for its bits is no number.
    assert!(side(SideVendor::Tei).read_embedded(b"[[1e39]]").is_err());
    assert!(side(SideVendor::OpenAi).read_embedded(br#"{"data":[{"index":0,"embedding":"AAA="}]}"#).is_err());
}

proptest! {
    #[test]
    fn numbers_survive_both_encodings(vector in proptest::collection::vec(any::<f32>().prop_filter("finite", |n| n.is_finite()), 0..8)) {
        let embedded = Embedded { vectors: vec![vector], ..Embedded::default() };
        for base64 in [false, true] {
            let text = write_embedded(&embedded, base64, "m");
            let again = side(SideVendor::OpenAi).read_embedded(text.as_bytes()).unwrap();
            prop_assert_eq!(&again.vectors, &embedded.vectors);
        }
    }

    #[test]
    fn no_input_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200), text in "\\PC{0,60}") {
        let inner = Value::from(text.as_str());
        let mut bodies = vec![bytes, text.clone().into_bytes()];
        for name in ["embeddings", "embedding", "data", "predictions", "output", "Response", "results", "meta", "usage"] {
            bodies.push(format!("{{\"{name}\":{text}}}").into_bytes());
            bodies.push(format!("{{\"{name}\":[{inner}],\"data\":{inner}}}").into_bytes());
        }
        for body in &bodies {
            let _ = (read_embed(body), read_rerank(body), read_gemini_embed(body, true), read_gemini_embed(body, false));
            for vendor in ALL {
                let _ = (side(vendor).read_embedded(body), side(vendor).read_ranked(body));
            }
        }
    }
}

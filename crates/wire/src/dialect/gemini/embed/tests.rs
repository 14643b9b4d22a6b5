use super::*;
use magic_domain::usage::Bucket;
use proptest::prelude::*;

#[test]
fn openais_request_becomes_a_batch() {
    let body = br#"{"model":"m","input":["a","b"],"dimensions":3,"encoding_format":"base64","user":"u"}"#;
    let ask = Ask::of_openai(body).unwrap();
    assert_eq!(ask.encoding, Encoding::Base64);
    assert_eq!(
        ask.gemini_batch("gemini-embedding-001"),
        r#"{"requests":[{"model":"models/gemini-embedding-001","content":{"parts":[{"text":"a"}]},"outputDimensionality":3},{"model":"models/gemini-embedding-001","content":{"parts":[{"text":"b"}]},"outputDimensionality":3}]}"#
    );
    assert_eq!(ask.gemini_single()[1], r#"{"content":{"parts":[{"text":"b"}]},"outputDimensionality":3}"#);
    let again = Ask::of_gemini(ask.gemini_batch("m").as_bytes()).unwrap();
    assert_eq!(again, Ask { encoding: Encoding::Numbers, ..ask });
}

#[test]
fn token_ids_are_refused() {
    for input in ["[1,2]", "[[1,2]]", "[]", "7", "null"] {
        let error = Ask::of_openai(format!(r#"{{"input":{input}}}"#).as_bytes()).unwrap_err();
        assert_eq!(error.param.as_deref(), Some("input"), "{input}");
    }
}

#[test]
fn googles_request_becomes_openais() {
    let body = br#"{"requests":[{"model":"models/m","content":{"parts":[{"text":"a"}]},"output_dimensionality":8,"taskType":"CLASSIFICATION"}]}"#;
    let ask = Ask::of_gemini(body).unwrap();
    assert_eq!(ask.openai("x"), r#"{"model":"x","input":["a"],"dimensions":8,"encoding_format":"float"}"#);
    assert!(Ask::of_gemini(br#"{"content":{"parts":[{"inlineData":{}}]}}"#).is_err());
}

#[test]
fn answers_keep_their_digits() {
    let body = br#"{"embeddings":[{"values":[0.1,-2.50,4.6e-05]}],"usageMetadata":{"promptTokenCount":4}}"#;
    let vectors = Vectors::of_gemini(body).unwrap();
    assert_eq!(vectors.usage, Some(Usage::default().with(Bucket::Input, 4)));
    let openai = vectors.openai("m", Encoding::Numbers);
    assert!(openai.contains(r#""embedding":[0.1,-2.50,4.6e-05]"#) && openai.contains(r#""prompt_tokens":4"#));
    assert_eq!(Vectors::of_openai(openai.as_bytes()).unwrap(), vectors);
    assert!(vectors.gemini(true).starts_with(r#"{"embeddings":[{"values":[0.1,-2.50,4.6e-05]}]"#));
    assert!(vectors.gemini(false).starts_with(r#"{"embedding":{"values":[0.1"#));
}

#[test]
fn base64_is_the_floats_least_byte_first() {
    let vectors = Vectors { values: vec![vec!["1".into(), "-2.5".into()]], usage: None };
    let body = vectors.openai("m", Encoding::Base64);
    assert!(body.contains(r#""embedding":"AACAPwAAIMA=""#), "{body}");
    let again = Vectors::of_openai(body.as_bytes()).unwrap();
    assert_eq!(again.values, [vec!["1.0".to_owned(), "-2.5".to_owned()]]);
}

#[test]
fn counts_and_models_have_their_shapes() {
    assert_eq!(write_count(7), r#"{"totalTokens":7}"#);
    assert_eq!(read_count(br#"{"totalTokens":61,"promptTokensDetails":[]}"#).unwrap(), 61);
    assert_eq!(counted(br#"{"generateContentRequest":{"contents":[]}}"#).unwrap(), r#"{"contents":[]}"#);
    let list = write_models(&["gemini-2.5-pro", "gemini-embedding-001"]);
    assert!(list.starts_with(r#"{"models":[{"name":"models/gemini-2.5-pro""#));
    assert_eq!(read_models(list.as_bytes()).unwrap(), ["gemini-2.5-pro", "gemini-embedding-001"]);
    assert_eq!(
        write_openai_models(&["g"], 5),
        r#"{"object":"list","data":[{"id":"g","object":"model","created":5,"owned_by":"google"}]}"#
    );
}

proptest! {
    #[test]
    fn no_bytes_break_a_reader(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
        let _ = Ask::of_openai(&bytes);
        let _ = Ask::of_gemini(&bytes);
        let _ = Vectors::of_openai(&bytes);
        let _ = Vectors::of_gemini(&bytes);
        let _ = read_models(&bytes);
    }
}

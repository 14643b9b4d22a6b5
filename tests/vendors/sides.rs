//! Embeddings, rerank and pictures of vendors that have words of their own for them.

use crate::harness::World;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use magic_testkit::process::ROOT_KEY;
use magic_testkit::vendor::{Proto, Script, Seen, Vendor};
use serde_json::{Value, json};

/// One channel of a type, and its vendor.
async fn world(kind: u16, key: &str, model: &str, answer: fn(&Seen) -> Value) -> (World, Vendor) {
    let vendor = Vendor::start(Proto::H1, move |seen| match seen.path.contains("/oauth/") {
        true => Script::json(200, json!({ "access_token": "t", "expires_in": 3600 }).to_string()),
        false => Script::json(200, answer(seen).to_string()),
    });
    let config = format!(
        "[[channels]]\nname = \"a\"\ntype = {kind}\nbase_url = \"{}\"\nkey = '''{key}'''\n[channels.model_mapping]\n\"m\" = \"{model}\"\n",
        vendor.base_url()
    );
    (World::new(config), vendor)
}

fn vectors(body: &Value) -> Vec<Vec<f64>> {
    let data = body["data"].as_array().unwrap();
    data.iter()
        .map(|row| {
            row["embedding"].as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect()
        })
        .collect()
}

#[tokio::test]
async fn embeddings_are_asked_for_in_each_vendors_words() {
    let two = json!([[0.5, -1.0], [2.0, 0.25]]);
    type Row = (u16, &'static str, &'static str, &'static str, fn(&Seen) -> Value);
    let rows: &[Row] = &[
        (35, "k", "embed-v4", "/v2/embed", |_| {
            json!({ "id": "1", "embeddings": { "float": [[0.5, -1.0], [2.0, 0.25]] },
                "meta": { "billed_units": { "input_tokens": 7 } } })
        }),
        (
            30,
            "",
            "nomic",
            "/api/embed",
            |_| json!({ "model": "nomic", "embeddings": [[0.5, -1.0], [2.0, 0.25]], "prompt_eval_count": 7 }),
        ),
        (
            24,
            "k",
            "gemini-embedding-001",
            "/v1beta/models/gemini-embedding-001:batchEmbedContents",
            |_| json!({ "embeddings": [{ "values": [0.5, -1.0] }, { "values": [2.0, 0.25] }] }),
        ),
        (17, "k", "text-embedding-v4", "/api/v1/services/embeddings/text-embedding/text-embedding", |_| {
            json!({ "output": { "embeddings": [{ "text_index": 1, "embedding": [2.0, 0.25] },
                { "text_index": 0, "embedding": [0.5, -1.0] }] }, "usage": { "total_tokens": 7 }, "request_id": "r" })
        }),
        (
            15,
            "ak|sk",
            "bge-large-zh",
            "/rpc/2.0/ai_custom/v1/wenxinworkshop/embeddings/bge_large_zh?access_token=t",
            |_| {
                json!({ "id": "1", "object": "embedding_list", "data": [
                { "object": "embedding", "index": 0, "embedding": [0.5, -1.0] },
                { "object": "embedding", "index": 1, "embedding": [2.0, 0.25] }],
                "usage": { "prompt_tokens": 7, "total_tokens": 7 } })
            },
        ),
        (23, "1|sid|skey", "hunyuan-embedding", "/", |_| {
            json!({ "Response": { "Data": [{ "Index": 0, "Embedding": [0.5, -1.0] }, { "Index": 1, "Embedding": [2.0, 0.25] }],
                "Usage": { "PromptTokens": 7, "TotalTokens": 7 }, "RequestId": "r" } })
        }),
        (52, "", "tei", "/embed", |_| json!([[0.5, -1.0], [2.0, 0.25]])),
    ];
    for (kind, key, model, path, answer) in rows {
        let (world, vendor) = world(*kind, key, model, *answer).await;
        let body = json!({ "model": "m", "input": ["a", "b"] });
        let told = world.post("/v1/embeddings", ROOT_KEY, &[], body.to_string().as_bytes()).await;
        assert_eq!(told.status, 200, "{kind}: {}", told.text());
        assert_eq!(json!(vectors(&told.json())), two, "{kind}");
        assert_eq!(vendor.seen().pop().unwrap().path, *path, "{kind}");
        // OpenAI's own SDK asks for base64 unless told otherwise.
        let body = json!({ "model": "m", "input": ["a", "b"], "encoding_format": "base64" });
        let told = world.post("/v1/embeddings", ROOT_KEY, &[], body.to_string().as_bytes()).await.json();
        let bytes = STANDARD.decode(told["data"][1]["embedding"].as_str().unwrap()).unwrap();
        assert_eq!(bytes, [2.0f32.to_le_bytes(), 0.25f32.to_le_bytes()].concat(), "{kind}");
        let rows = world.logs(2).await;
        assert!(rows[0]["prompt_tokens"].as_u64().unwrap() > 0, "{kind}: {}", rows[0]);
        world.verify();
    }
}

#[tokio::test]
async fn googles_callers_embed_with_any_vendor() {
    let vendor = Vendor::start(Proto::H1, |seen| {
        let count = seen.json()["input"].as_array().map_or(1, Vec::len);
        let row = |index| json!({ "object": "embedding", "index": index, "embedding": [0.5, 1.0] });
        let data: Vec<Value> = (0..count).map(row).collect();
        let usage = json!({ "prompt_tokens": 3, "total_tokens": 3 });
        Script::json(200, json!({ "object": "list", "model": "m", "data": data, "usage": usage }).to_string())
    });
    let world = World::new(crate::harness::channel("a", &vendor, ""));
    let model = crate::harness::MODEL;
    let content = |text: &str| json!({ "content": { "parts": [{ "text": text }] } });
    let one = format!("/v1beta/models/{model}:embedContent");
    let told = world.post(&one, ROOT_KEY, &[], content("a").to_string().as_bytes()).await;
    assert_eq!(told.status, 200, "{}", told.text());
    assert_eq!(told.json()["embedding"]["values"], json!([0.5, 1.0]));
    let many = format!("/v1beta/models/{model}:batchEmbedContents");
    let body = json!({ "requests": [content("a"), content("b")] });
    let told = world.post(&many, ROOT_KEY, &[], body.to_string().as_bytes()).await;
    assert_eq!(told.json()["embeddings"].as_array().unwrap().len(), 2, "{}", told.text());
    assert_eq!(vendor.seen().pop().unwrap().json()["input"], json!(["a", "b"]));
}

#[tokio::test]
async fn documents_are_ranked_in_each_vendors_words() {
    type Row = (u16, &'static str, fn(&Seen) -> Value);
    let rows: &[Row] = &[
        (17, "/api/v1/services/rerank/text-rerank/text-rerank", |_| {
            json!({ "output": { "results": [{ "index": 1, "relevance_score": 0.9 }, { "index": 0, "relevance_score": 0.1 }] },
                "usage": { "total_tokens": 9 }, "request_id": "r" })
        }),
        (35, "/v2/rerank", |_| {
            json!({ "id": "1", "results": [{ "index": 1, "relevance_score": 0.9 }, { "index": 0, "relevance_score": 0.1 }],
                "meta": { "billed_units": { "search_units": 1 } } })
        }),
        (52, "/rerank", |_| json!([{ "index": 1, "score": 0.9 }, { "index": 0, "score": 0.1 }])),
    ];
    for (kind, path, answer) in rows {
        let (world, vendor) = world(*kind, "k", "rank", *answer).await;
        let body = json!({ "model": "m", "query": "q", "documents": ["a", "b"], "top_n": 2 });
        let told = world.post("/v1/rerank", ROOT_KEY, &[], body.to_string().as_bytes()).await;
        assert_eq!(told.status, 200, "{kind}: {}", told.text());
        let results = &told.json()["results"];
        assert_eq!(
            (&results[0]["index"], &results[0]["relevance_score"]),
            (&json!(1), &json!(0.9)),
            "{kind}"
        );
        assert_eq!(vendor.seen().pop().unwrap().path, *path);
        world.verify();
    }
}

#[tokio::test]
async fn pictures_of_vendors_with_tasks_are_waited_for() {
    // Both vendors are asked, looked at, and give addresses; a caller who wants the bytes gets them.
    fn dashscope(seen: &Seen) -> Value {
        let host = &seen.headers["host"];
        match seen.method.as_str() {
            "POST" => json!({ "output": { "task_id": "t-1", "task_status": "PENDING" }, "request_id": "r" }),
            _ if seen.path.contains("/tasks/") => {
                json!({ "output": { "task_id": "t-1", "task_status": "SUCCEEDED",
                "results": [{ "url": format!("http://{host}/picture") }] }, "usage": { "image_count": 1 } })
            }
            _ => json!("the picture"),
        }
    }
    fn replicate(seen: &Seen) -> Value {
        let host = &seen.headers["host"];
        let status = if seen.method == "POST" { "processing" } else { "succeeded" };
        match seen.path.as_str() {
            "/picture" => json!("the picture"),
            _ => json!({ "id": "1", "status": status, "output": [format!("http://{host}/picture")],
                "urls": { "get": format!("http://{host}/v1/predictions/1") } }),
        }
    }
    for (kind, model, answer) in
        [(17, "wanx-v1", dashscope as fn(&Seen) -> Value), (46, "black-forest-labs/flux-schnell", replicate)]
    {
        let (world, vendor) = world(kind, "k", model, answer).await;
        let body = json!({ "model": "m", "prompt": "a tea pot", "n": 1, "size": "512x256", "response_format": "b64_json" });
        let told = world.post("/v1/images/generations", ROOT_KEY, &[], body.to_string().as_bytes()).await;
        assert_eq!(told.status, 200, "{kind}: {}", told.text());
        let picture = STANDARD.decode(told.json()["data"][0]["b64_json"].as_str().unwrap()).unwrap();
        assert_eq!(picture, b"\"the picture\"", "{kind}");
        let seen = vendor.seen();
        let fetched = seen.iter().find(|seen| seen.path == "/picture").unwrap();
        assert!(!fetched.headers.contains_key("authorization"), "the credential stays with the vendor");
        let asked = seen[0].json();
        match kind {
            17 => assert_eq!(asked["parameters"]["size"], "512*256"),
            _ => assert_eq!(
                (&asked["input"]["width"], &asked["input"]["num_outputs"]),
                (&json!(512), &json!(1))
            ),
        }
        assert_eq!(world.logs(1).await[0]["endpoint"], "image_generations");
        world.verify();
    }
}

/// Runs openssl, which makes the one kind of key that our own crates don't.
fn openssl(args: &[&str], input: &[u8]) -> Vec<u8> {
    use std::io::Write;
    use std::process::{Command, Stdio};
    let mut child = Command::new("openssl")
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    child.wait_with_output().unwrap().stdout
}

fn account(pem: &str) -> String {
    json!({ "type": "service_account", "client_email": "a@b", "private_key": pem, "private_key_id": "kid1", "project_id": "p" })
        .to_string()
}

#[tokio::test]
async fn a_service_account_is_exchanged_for_a_token_once() {
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use ring::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
    let pem = openssl(&["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"], b"");
    let public = openssl(&["rsa", "-RSAPublicKey_out", "-outform", "DER"], &pem);
    let vendor = Vendor::start(Proto::H1, |seen| {
        match seen.path.as_str() {
        "/token" => Script::json(200, json!({ "access_token": "ya29.x", "expires_in": 3599 }).to_string()),
        _ => Script::json(200, json!({ "candidates": [{ "content": { "role": "model", "parts": [{ "text": "hello" }] },
            "finishReason": "STOP" }], "usageMetadata": { "promptTokenCount": 1, "candidatesTokenCount": 1 } }).to_string()),
    }
    });
    let base = vendor.base_url();
    let world = World::new(format!(
        "[[channels]]\nname = \"a\"\ntype = 42\nbase_url = \"{base}\"\nkey = '''{}'''\nmodels = [\"gemini-x\"]\n[channels.config]\nregion = \"us-central1\"\ntoken_url = \"{base}/token\"\n",
        account(std::str::from_utf8(&pem).unwrap()),
    ));
    let body = json!({ "model": "gemini-x", "messages": [{ "role": "user", "content": "hi" }] });
    for _ in 0..3 {
        let told = world.chat(&body).await;
        assert_eq!(told.status, 200, "{}", told.text());
    }
    let seen = vendor.seen();
    let tokens: Vec<&Seen> = seen.iter().filter(|seen| seen.path == "/token").collect();
    assert_eq!((tokens.len(), seen.len()), (1, 4));
    assert_eq!(seen[1].headers["authorization"], "Bearer ya29.x");
    let form = std::str::from_utf8(&tokens[0].body).unwrap();
    let claim = form.split_once("assertion=").unwrap().1;
    let (text, signature) = claim.rsplit_once('.').unwrap();
    let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
    UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, public).verify(text.as_bytes(), &signature).unwrap();
    let claims: Value =
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text.split_once('.').unwrap().1).unwrap()).unwrap();
    assert_eq!((&claims["iss"], &claims["aud"]), (&json!("a@b"), &json!(format!("{base}/token"))));
}

#[tokio::test]
async fn a_key_that_is_none_is_refused_without_being_shown() {
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
    let (world, vendor) = world(42, &account(&key.serialize_pem()), "gemini-x", |_| json!({})).await;
    let body = json!({ "model": "m", "messages": [{ "role": "user", "content": "hi" }] });
    let told = world.chat(&body).await;
    assert_eq!(told.status, 503, "{}", told.text());
    assert!(!told.text().contains("PRIVATE"), "{}", told.text());
    assert!(vendor.seen().is_empty());
}

#[tokio::test]
async fn a_stream_without_events_is_one_array() {
    let vendor = crate::harness::good(Proto::H1);
    let world = World::new(crate::harness::channel("a", &vendor, ""));
    let path = format!("/v1beta/models/{}:streamGenerateContent", crate::harness::MODEL);
    let body = json!({ "contents": [{ "role": "user", "parts": [{ "text": "hi" }] }] }).to_string();
    let told = world.post(&path, ROOT_KEY, &[], body.as_bytes()).await;
    assert_eq!((told.status, told.headers["content-type"].as_str()), (200, "application/json"));
    let pieces = told.json();
    let pieces = pieces.as_array().unwrap();
    let text: String = pieces
        .iter()
        .filter_map(|piece| piece["candidates"][0]["content"]["parts"][0]["text"].as_str())
        .collect();
    assert_eq!(text, "t0 t1 t2 t3 t4 ");
    assert_eq!(pieces.last().unwrap()["usageMetadata"]["promptTokenCount"], 10);
    world.verify();
}

#[tokio::test]
async fn googles_models_draw() {
    fn google(seen: &Seen) -> Value {
        match seen.path.contains(":predict") {
            true => json!({ "predictions": [{ "bytesBase64Encoded": "aW1n", "mimeType": "image/png" }] }),
            false => json!({ "candidates": [{ "content": { "role": "model", "parts": [{ "text": "Here:" },
                { "inlineData": { "mimeType": "image/png", "data": "aW1n" } }] }, "finishReason": "STOP" }],
                "usageMetadata": { "promptTokenCount": 5, "candidatesTokenCount": 1290, "totalTokenCount": 1295 } }),
        }
    }
    for (model, path, count) in [
        ("imagen-4.0-generate-001", "/v1beta/models/imagen-4.0-generate-001:predict", 1),
        ("gemini-2.5-flash-image", "/v1beta/models/gemini-2.5-flash-image:generateContent", 2),
    ] {
        let (world, vendor) = world(24, "k", model, google).await;
        let body = json!({ "model": "m", "prompt": "a tea pot", "n": count, "size": "1024x1536" });
        let told = world.post("/v1/images/generations", ROOT_KEY, &[], body.to_string().as_bytes()).await;
        assert_eq!(told.status, 200, "{}", told.text());
        assert_eq!(told.json()["data"].as_array().unwrap().len(), count);
        assert_eq!(told.json()["data"][0]["b64_json"], "aW1n");
        let seen = vendor.seen().pop().unwrap();
        assert_eq!((seen.path.as_str(), seen.headers["x-goog-api-key"].as_str()), (path, "k"));
        assert!(seen.json().to_string().contains("3:4"), "{}", seen.json());
        let row = &world.logs(1).await[0];
        if count == 2 {
            assert_eq!(
                (&row["prompt_tokens"], &row["completion_tokens"]),
                (&json!(10), &json!(2580)),
                "{row}"
            );
        }
        world.verify();
    }
}

#[tokio::test]
async fn minimax_speaks() {
    fn minimax(seen: &Seen) -> Value {
        match seen.json()["text"] == "bad" {
            true => json!({ "base_resp": { "status_code": 1026, "status_msg": "input sensitive" } }),
            false => {
                json!({ "data": { "audio": "4944330a" }, "base_resp": { "status_code": 0, "status_msg": "" } })
            }
        }
    }
    let (world, vendor) = world(27, "k", "speech-2.8-hd", minimax).await;
    let ask = async |input: &str| {
        let body = json!({ "model": "m", "input": input, "voice": "male-qn", "speed": 1.5 });
        world.post("/v1/audio/speech", ROOT_KEY, &[], body.to_string().as_bytes()).await
    };
    let told = ask("hello").await;
    assert_eq!((told.status, told.body.as_slice()), (200, &b"ID3\n"[..]));
    assert_eq!(told.headers["content-type"], "audio/mpeg");
    let seen = vendor.seen().pop().unwrap();
    assert_eq!((seen.path.as_str(), &seen.json()["voice_setting"]["speed"]), ("/v1/t2a_v2", &json!(1.5)));
    let refused = ask("bad").await;
    assert_eq!(refused.status, 400, "{}", refused.text());
    assert!(refused.text().contains("input sensitive"), "{}", refused.text());
    // What was refused is written down, and free.
    assert_eq!(world.logs(2).await[0]["quota"], 0);
    world.verify();
}

/// One web server: a picture, one that moves to it, one that moves into our own network, and something else.
fn web() -> Vendor {
    Vendor::start(Proto::H1, |seen| {
        let moved = |to: &str| Script::Whole {
            status: 302,
            headers: vec![("location", to.to_owned())],
            body: "".into(),
        };
        match seen.path.as_str() {
            "/fox.png?size=1" => Script::Whole {
                status: 200,
                headers: vec![("content-type", "text/plain".into())],
                body: b"\x89PNG\r\n\x1a\nrest".to_vec().into(),
            },
            "/moved" => moved("/fox.png?size=1"),
            "/inside" => moved("http://169.254.169.254/latest/meta-data/"),
            "/round" => moved("/round"),
            _ => Script::json(200, "{\"secret\":1}"),
        }
    })
}

fn look(url: &str) -> Value {
    json!({ "model": "m", "messages": [{ "role": "user", "content": [
        { "type": "text", "text": "what is it?" }, { "type": "image_url", "image_url": { "url": url } }] }] })
}

#[tokio::test]
async fn c21_pictures_are_fetched_for_vendors_that_take_only_bytes() {
    let (ollama, web) = (
        Vendor::start(Proto::H1, |_| {
            Script::json(
                200,
                json!({ "model": "m", "created_at": "",
        "message": { "role": "assistant", "content": "a fox" }, "done": true, "done_reason": "stop",
        "prompt_eval_count": 1, "eval_count": 1 })
                .to_string(),
            )
        }),
        web(),
    );
    let config = format!(
        "[server]\negress_allow = [\"127.0.0.0/8\"]\n[[channels]]\nname = \"a\"\ntype = 30\nbase_url = \"{}\"\nmodels = [\"m\"]\n",
        ollama.base_url()
    );
    let world = World::new(config);
    for path in ["/fox.png?size=1", "/moved"] {
        let told = world.chat(&look(&format!("{}{path}", web.base_url()))).await;
        assert_eq!(told.status, 200, "{path}: {}", told.text());
        let sent = ollama.seen().pop().unwrap().json();
        assert_eq!(
            sent["messages"][0]["images"],
            json!([STANDARD.encode(b"\x89PNG\r\n\x1a\nrest")]),
            "{path}"
        );
    }
    assert!(web.seen().iter().all(|seen| !seen.headers.contains_key("authorization")));
    let asked = ollama.seen().len();
    for (path, why) in [
        ("/inside", "not one of the public web"),
        ("/round", "moves on and on"),
        ("/other", "neither a picture nor a PDF"),
    ] {
        let told = world.chat(&look(&format!("{}{path}", web.base_url()))).await;
        assert_eq!(
            (told.status, told.json()["error"]["param"].as_str()),
            (400, Some("messages[0].content[1]")),
            "{path}"
        );
        assert!(told.text().contains(why) && !told.text().contains("secret"), "{}", told.text());
    }
    assert_eq!(ollama.seen().len(), asked, "the vendor is not asked");
    world.verify();
}

#[tokio::test]
async fn c21_our_own_network_is_not_the_web() {
    let ollama = Vendor::start(Proto::H1, |_| Script::json(200, "{}"));
    let web = web();
    let world = World::new(format!(
        "[[channels]]\nname = \"a\"\ntype = 30\nbase_url = \"{}\"\nmodels = [\"m\"]\n",
        ollama.base_url()
    ));
    let port = web.address.port();
    for url in [
        format!("http://127.0.0.1:{port}/fox.png?size=1"),
        format!("http://localhost:{port}/fox.png?size=1"),
        format!("http://2130706433:{port}/"),
        format!("http://[::ffff:127.0.0.1]:{port}/"),
        "http://0.0.0.0/".to_owned(),
        "http://[::1]/".to_owned(),
        "http://8.8.8.8:22/".to_owned(),
        "http://user@127.0.0.1/".to_owned(),
        "http://169.254.169.254/latest/".to_owned(),
    ] {
        let told = world.chat(&look(&url)).await;
        assert_eq!(told.status, 400, "{url}: {}", told.text());
    }
    assert!(web.seen().is_empty() && ollama.seen().is_empty());
    world.verify();
}

#[tokio::test]
async fn gemini_speaks() {
    fn gemini(_: &Seen) -> Value {
        let audio =
            json!({ "mimeType": "audio/L16;codec=pcm;rate=24000", "data": STANDARD.encode([1u8, 2, 3, 4]) });
        json!({ "candidates": [{ "content": { "role": "model", "parts": [{ "inlineData": audio }] },
            "finishReason": "STOP" }], "usageMetadata": { "promptTokenCount": 5, "candidatesTokenCount": 20 } })
    }
    let (world, vendor) = world(24, "k", "gemini-2.5-flash-preview-tts", gemini).await;
    let ask = async |format: &str| {
        let body = json!({ "model": "m", "input": "hello", "voice": "Kore", "instructions": "Say it kindly",
            "response_format": format });
        world.post("/v1/audio/speech", ROOT_KEY, &[], body.to_string().as_bytes()).await
    };
    let wav = ask("wav").await;
    assert_eq!((wav.status, wav.headers["content-type"].as_str()), (200, "audio/wav"), "{}", wav.text());
    assert_eq!((wav.body.len(), &wav.body[..4], &wav.body[44..]), (48, &b"RIFF"[..], &[1u8, 2, 3, 4][..]));
    let seen = vendor.seen().pop().unwrap();
    assert_eq!(seen.path, "/v1beta/models/gemini-2.5-flash-preview-tts:generateContent");
    let config = &seen.json()["generationConfig"];
    assert_eq!(config["speechConfig"]["voiceConfig"]["prebuiltVoiceConfig"]["voiceName"], "Kore");
    assert_eq!(seen.json()["contents"][0]["parts"][0]["text"], "Say it kindly: hello");
    assert_eq!(ask("pcm").await.body, [1, 2, 3, 4]);
    let mp3 = ask("mp3").await;
    assert_eq!((mp3.status, &mp3.json()["error"]["param"]), (400, &json!("response_format")));
    world.verify();
}

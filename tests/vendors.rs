//! Every channel type, 1 to 62: each is asked through each of the faces, streamed and whole, and answers in its
//! own dialect at its own address.

mod answers;
mod framed;
mod sides;

use crate::harness::World;
use answers::{Kind, kinds};
use magic_testkit::client::{Answer, h1};
use magic_testkit::process::ROOT_KEY;
use magic_testkit::vendor::{Proto, Script, Seen, Step, Vendor};
use serde_json::{Value, json};
use std::sync::Arc;

/// The vendor of all types: the base URL of each channel begins with its number.
pub fn vendor() -> Vendor {
    let all = Arc::new(kinds());
    Vendor::start(Proto::H1, move |seen| {
        let number = seen.path.trim_start_matches("/k").split('/').next().unwrap_or("");
        let kind = all.iter().find(|kind| kind.number.to_string() == number);
        kind.map_or_else(|| Script::json(404, "{}"), |kind| answer(kind, seen))
    })
}

fn answer(kind: &Kind, seen: &Seen) -> Script {
    if let Some(script) = kind.other.and_then(|other| other(seen)) {
        return script;
    }
    if kind.streams_at(seen) {
        let (content_type, body) = &kind.stream;
        let steps = vec![Step::Send(body.clone().into())];
        return Script::Pieces { status: 200, content_type, steps };
    }
    Script::json(200, kind.whole.to_string())
}

pub fn config(vendor: &Vendor) -> String {
    let all = kinds();
    let channels = all.iter().map(|kind| {
        let settings: String =
            kind.config.iter().map(|(name, value)| format!("{name} = \"{value}\"\n")).collect();
        format!(
            "[[channels]]\nname = \"k{n}\"\ntype = {n}\nbase_url = \"{base}/k{n}{below}\"\nkey = '''{key}'''\n[channels.model_mapping]\n\"m{n}\" = \"{model}\"\n[channels.config]\n{settings}",
            n = kind.number,
            base = vendor.base_url(),
            below = kind.below,
            key = kind.key,
            model = kind.model,
        )
    });
    channels.collect()
}

/// The faces: address, body, what the answer's text is found by.
pub fn faces(model: &str, stream: bool) -> Vec<(&'static str, String, Value)> {
    let turns = json!([{ "role": "user", "content": "hi" }]);
    let method = if stream { "streamGenerateContent?alt=sse" } else { "generateContent" };
    vec![
        (
            "chat",
            "/v1/chat/completions".into(),
            json!({ "model": model, "messages": turns, "stream": stream }),
        ),
        (
            "completions",
            "/v1/completions".into(),
            json!({ "model": model, "prompt": "hi", "stream": stream }),
        ),
        ("responses", "/v1/responses".into(), json!({ "model": model, "input": "hi", "stream": stream })),
        (
            "anthropic",
            "/v1/messages".into(),
            json!({ "model": model, "messages": turns, "max_tokens": 50, "stream": stream }),
        ),
        (
            "gemini",
            format!("/v1beta/models/{model}:{method}"),
            json!({ "contents": [{ "role": "user", "parts": [{ "text": "hi" }] }] }),
        ),
    ]
}

/// The text of an answer in any face, streamed or not.
pub fn said(face: &str, stream: bool, answer: &Answer) -> String {
    let pieces: Vec<Value> = match stream {
        false => vec![answer.json()],
        true => answer
            .text()
            .lines()
            .filter_map(|line| serde_json::from_str(line.strip_prefix("data: ")?).ok())
            .collect(),
    };
    let texts = pieces.iter().filter_map(|piece| {
        let found = match (face, stream) {
            ("chat", false) => &piece["choices"][0]["message"]["content"],
            ("chat", true) => &piece["choices"][0]["delta"]["content"],
            ("completions", _) => &piece["choices"][0]["text"],
            ("responses", true) => match piece["type"] == "response.output_text.delta" {
                true => &piece["delta"],
                false => &Value::Null,
            },
            ("responses", false) => {
                let items = piece["output"].as_array()?;
                &items.iter().find(|item| item["type"] == "message")?["content"][0]["text"]
            }
            ("anthropic", false) => &piece["content"][0]["text"],
            ("anthropic", true) => &piece["delta"]["text"],
            _ => &piece["candidates"][0]["content"]["parts"][0]["text"],
        };
        found.as_str()
    });
    texts.collect()
}

#[tokio::test]
async fn every_type_answers_every_face() {
    let vendor = vendor();
    let world = World::with(config(&vendor), false, vec![("MAX_TOKENS", "100".into())]);
    let bearer = format!("Bearer {ROOT_KEY}");
    let mut faults = Vec::new();
    for kind in kinds() {
        for stream in [false, true] {
            for (face, path, body) in faces(&format!("m{}", kind.number), stream) {
                if !kind.serves(face) {
                    continue;
                }
                let fields = [("authorization", bearer.as_str()), ("content-type", "application/json")];
                let body = body.to_string();
                let answer = h1(world.gateway.address, "POST", &path, &fields, body.as_bytes()).await;
                let text = if answer.status == 200 { said(face, stream, &answer) } else { String::new() };
                if answer.status != 200 || !text.starts_with("hello") {
                    faults.push(format!(
                        "{} {face} stream={stream}: {} {}",
                        kind.number,
                        answer.status,
                        answer.text()
                    ));
                }
            }
        }
        let seen = vendor.seen();
        let asked: Vec<&str> = seen
            .iter()
            .map(|seen| seen.path.as_str())
            .filter(|path| path.starts_with(&format!("/k{}/", kind.number)))
            .collect();
        for path in kind.paths {
            if !asked.iter().any(|asked| asked.strip_prefix(&format!("/k{}", kind.number)) == Some(path)) {
                faults.push(format!("{}: never asked at {path}, but {:?}", kind.number, asked.first()));
            }
        }
        for (name, value) in kind.headers {
            let sent = seen.iter().rfind(|seen| seen.path.starts_with(&format!("/k{}/", kind.number)));
            let sent = sent.and_then(|seen| seen.headers.get(*name)).map_or("", String::as_str);
            if !sent.starts_with(value) {
                faults.push(format!("{}: the header {name} is {sent:?}", kind.number));
            }
        }
    }
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
    world.verify();
}

#[tokio::test]
async fn an_administrator_passes_requests_on_as_they_are() {
    let vendor = Vendor::start(Proto::H1, |seen| Script::Whole {
        status: 418,
        headers: vec![("content-type", "text/plain".into()), ("x-vendor", seen.method.clone())],
        body: "short and stout".into(),
    });
    let channel = format!(
        "[[channels]]\nname = \"p\"\ntype = 43\nbase_url = \"{}/base\"\nkey = \"raw key\"\nmodels = [\"x\"]\n",
        vendor.base_url()
    );
    let world = World::new(format!("{channel}{}", crate::harness::customer(1.0)));
    let address = world.gateway.address;
    let ask = async |key: &str, path: &str| {
        let bearer = format!("Bearer {key}");
        let fields = [("authorization", bearer.as_str()), ("x-mine", "1"), ("cookie", "c")];
        h1(address, "PUT", path, &fields, b"not json").await
    };
    let answer = ask(ROOT_KEY, "/v1/oneapi/proxy/1/tea/pot?size=2").await;
    assert_eq!((answer.status, answer.text().as_str()), (418, "short and stout"));
    assert_eq!(answer.headers["x-vendor"], "PUT");
    let seen = vendor.seen().pop().unwrap();
    assert_eq!((seen.path.as_str(), &seen.body[..]), ("/base/tea/pot?size=2", &b"not json"[..]));
    assert_eq!((seen.headers["authorization"].as_str(), seen.headers["x-mine"].as_str()), ("raw key", "1"));
    assert!(!seen.headers.contains_key("cookie"));
    assert_eq!(ask(crate::harness::CUSTOMER_KEY, "/v1/oneapi/proxy/1/tea").await.status, 403);
    assert_eq!(ask(ROOT_KEY, "/v1/oneapi/proxy/9/tea").await.status, 400);
    assert_eq!(vendor.seen().len(), 1);
    let row = &world.logs(1).await[0];
    assert_eq!((&row["endpoint"], &row["quota"]), (&json!("raw"), &json!(0)));
    world.verify();
}

#[tokio::test]
async fn a_channel_of_any_type_can_be_tested() {
    let vendor = vendor();
    let world = World::with(config(&vendor), false, vec![("GLOBAL_API_RATE_LIMIT", "0".into())]);
    let cookie = world.cookie().await;
    for (at, kind) in kinds().iter().enumerate() {
        let path = format!("/api/channel/test/{}", at + 1);
        let told = h1(world.gateway.address, "GET", &path, &[("cookie", &cookie)], b"").await.json();
        assert_eq!(told["success"], true, "{}: {told}", kind.number);
    }
}

#[tokio::test]
async fn an_error_of_aws_is_known_by_its_head() {
    let vendor = Vendor::start(Proto::H1, |_| Script::Whole {
        status: 400,
        headers: vec![
            ("content-type", "application/json".into()),
            ("x-amzn-errortype", "ServiceQuotaExceededException:http://internal.amazon.com/".into()),
        ],
        body: json!({ "message": "too much" }).to_string().into(),
    });
    let spare = crate::harness::good(Proto::H1);
    let aws = format!(
        "[[channels]]\nname = \"aws\"\ntype = 56\nbase_url = \"{}\"\nkey = \"k\"\npriority = 1\nmodels = [\"{}\"]\n",
        vendor.base_url(),
        crate::harness::MODEL
    );
    let world = World::new(format!("{aws}{}", crate::harness::channel("b", &spare, "")));
    // A bad request would not be tried elsewhere; this one is.
    let told = world.chat(&crate::harness::request(false)).await;
    assert_eq!(told.status, 200, "{}", told.text());
    assert_eq!((vendor.seen().len(), spare.seen().len()), (1, 1));
    world.verify();
}

#[tokio::test]
async fn a_callers_betas_reach_claude_in_the_cloud() {
    let vendor = vendor();
    let world = World::new(config(&vendor));
    let body = r#"{"model":"m33","max_tokens":9,"messages":[{"role":"user","content":"hi"}],"unknown":{"kept":1.50}}"#;
    let fields = [("anthropic-beta", "context-1m-2025-08-07, other-beta")];
    let told = world.post("/v1/messages", ROOT_KEY, &fields, body.as_bytes()).await;
    assert_eq!(told.status, 200, "{}", told.text());
    let sent = vendor.seen().pop().unwrap();
    let body = sent.json();
    assert_eq!(body["anthropic_version"], "bedrock-2023-05-31");
    assert_eq!(body["anthropic_beta"], json!(["context-1m-2025-08-07", "other-beta"]));
    assert!(body.get("model").is_none() && sent.body.windows(4).any(|part| part == b"1.50"));
}

//! Bodies of calls are kept where an operator and a token's owner want it: nowhere else, redacted, for their owner,
//! and for a time.

use crate::harness::{World, answer, channel, chunk, good, request};
use crate::vendors;
use magic_testkit::client::{Answer, H1, h1};
use magic_testkit::db::{Database, Engine, database, sql};
use magic_testkit::process::{ROOT_KEY, ROOT_PASSWORD};
use magic_testkit::relay::Relay;
use magic_testkit::vendor::{Gate, Proto, Script, Step, Vendor};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// Somebody with a session, and a token whose calls they want kept.
struct Person<'a> {
    world: &'a World,
    cookie: String,
    key: String,
    token: i64,
}

impl<'a> Person<'a> {
    async fn of(world: &'a World, name: &str, password: &str) -> Person<'a> {
        let body = json!({ "username": name, "password": password }).to_string();
        let answer = h1(world.gateway.address, "POST", "/api/user/login", &[], body.as_bytes()).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let cookie = answer.headers["set-cookie"].split(';').next().unwrap().to_owned();
        let mut person = Person { world, cookie, key: String::new(), token: 0 };
        (person.token, person.key) = person.token(true).await;
        person
    }

    async fn root(world: &'a World) -> Person<'a> {
        Person::of(world, "root", ROOT_PASSWORD).await
    }

    async fn call(&self, method: &str, path: &str, body: Value) -> Answer {
        let text = if body.is_null() { String::new() } else { body.to_string() };
        h1(self.world.gateway.address, method, path, &[("cookie", &self.cookie)], text.as_bytes()).await
    }

    async fn done(&self, method: &str, path: &str, body: Value) -> Value {
        let answer = self.call(method, path, body).await;
        assert_eq!(answer.status, 200, "{method} {path}: {}", answer.text());
        answer.json()["data"].clone()
    }

    /// Another token.
    async fn token(&self, capture: bool) -> (i64, String) {
        let body = json!({ "name": "t", "unlimited_quota": true, "capture": capture });
        let made = self.done("POST", "/api/token", body).await;
        assert_eq!(made["capture"], capture);
        (made["id"].as_i64().unwrap(), made["key"].as_str().unwrap().to_owned())
    }

    async fn option(&self, key: &str, value: &str) {
        self.done("PUT", "/api/option", json!({ "key": key, "value": value })).await;
    }

    async fn chat(&self, body: &Value) -> String {
        let answer = self.world.chat_as(&self.key, body).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.headers["x-request-id"].clone()
    }

    async fn captures(&self) -> Vec<String> {
        let rows = self.done("GET", "/api/capture?page_size=100", Value::Null).await;
        rows.as_array().unwrap().iter().map(|row| row["request_id"].as_str().unwrap().to_owned()).collect()
    }

    async fn read(&self, id: &str) -> Answer {
        self.call("GET", &format!("/api/capture/{id}"), Value::Null).await
    }

    /// The capture of a request, once it is written.
    async fn capture(&self, id: &str) -> Value {
        let end = Instant::now() + Duration::from_secs(20);
        loop {
            let answer = self.read(id).await;
            if answer.status == 200 {
                return answer.json()["data"].clone();
            }
            assert!(answer.status == 404 && Instant::now() < end, "{}", answer.text());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

const USERS: &str = "[[users]]\nname = \"alice\"\npassword = \"a password 1\"\nbalance_usd = 1\n\
    [[users]]\nname = \"adam\"\npassword = \"a password 1\"\nrole = \"admin\"\nbalance_usd = 1\n";

fn world(vendor: &Vendor) -> World {
    World::new([channel("a", vendor, "").as_str(), USERS].concat())
}

#[tokio::test]
async fn both_keys_have_to_turn() {
    let vendor = good(Proto::H1);
    let world = world(&vendor);
    let mut alice = Person::of(&world, "alice", "a password 1").await;
    let (wanted, unwanted) = ((alice.token, alice.key.clone()), alice.token(false).await);
    let root = Person::root(&world).await;
    let mut asked = Vec::new();
    for (option, token) in [
        ("false", &wanted),
        ("false", &unwanted),
        ("true", &unwanted),
        ("true", &wanted),
        ("false", &wanted),
        ("true", &wanted),
    ] {
        root.option("BodyCaptureEnabled", option).await;
        (alice.token, alice.key) = token.clone();
        asked.push(alice.chat(&request(false)).await);
        if asked.len() == 4 {
            alice.capture(&asked[3]).await;
        }
    }
    // They are written in the order of the calls: what is not there now never comes.
    alice.capture(&asked[5]).await;
    assert_eq!(alice.captures().await, [asked[5].clone(), asked[3].clone()]);
    // The owner turns theirs back.
    let change = json!({ "id": wanted.0, "capture": false });
    assert_eq!(alice.done("PUT", "/api/token", change).await["capture"], false);
    alice.chat(&request(false)).await;
    alice.done("PUT", "/api/token", json!({ "id": wanted.0, "capture": true })).await;
    let last = alice.chat(&request(false)).await;
    alice.capture(&last).await;
    assert_eq!(alice.captures().await.len(), 3);
    assert_eq!(root.captures().await.len(), 0);
    let refused = root.call("PUT", "/api/option", json!({ "key": "BodyCaptureDays", "value": "0" })).await;
    assert_eq!(refused.status, 422, "{}", refused.text());
}

#[tokio::test]
async fn a_token_of_the_file_is_captured() {
    let vendor = good(Proto::H1);
    let token = "[[tokens]]\nname = \"t\"\nuser = \"root\"\nkey = \"sk-fromthefile123\"\ncapture = true\n\
        [options]\nBodyCaptureEnabled = true\n";
    let world = World::new([channel("a", &vendor, "").as_str(), token].concat());
    let mut root = Person::root(&world).await;
    root.key = "sk-fromthefile123".into();
    let id = root.chat(&request(true)).await;
    root.capture(&id).await;
}

/// Every face, to vendors that speak it and vendors that don't, streamed and whole.
#[tokio::test]
async fn what_is_kept_is_what_was_sent_and_what_went_out() {
    let vendor = vendors::vendor();
    let world = World::with(vendors::config(&vendor), false, vec![("MAX_TOKENS", "100".into())]);
    let root = Person::root(&world).await;
    root.option("BodyCaptureEnabled", "true").await;
    let mut asked = Vec::new();
    for kind in [1, 14, 24] {
        for stream in [false, true] {
            for (face, path, body) in vendors::faces(&format!("m{kind}"), stream) {
                let body = body.to_string();
                let answer = world.post(&path, &root.key, &[], body.as_bytes()).await;
                assert_eq!(answer.status, 200, "{kind} {face}: {}", answer.text());
                asked.push((format!("{kind} {face} {stream}"), body, answer));
            }
        }
    }
    // An error is an answer too.
    let body =
        json!({ "model": "m14", "messages": [{ "role": "user", "content": "hi" }], "x": 1 }).to_string();
    let answer = world.post("/v1/messages", &root.key, &[("x-magic-strict", "1")], body.as_bytes()).await;
    asked.push(("strict".into(), body, answer));
    assert_eq!(asked.len(), 31);
    for (which, body, answer) in asked {
        let kept = root.capture(&answer.headers["x-request-id"]).await;
        assert_eq!(
            kept["request"],
            json!({ "body": body, "bytes": body.len(), "truncated": false }),
            "{which}"
        );
        let told = answer.text();
        assert!(!told.is_empty());
        assert_eq!(
            kept["response"],
            json!({ "body": told, "bytes": told.len(), "truncated": false }),
            "{which}"
        );
        assert_eq!(kept["token_id"], root.token);
    }
}

#[tokio::test]
async fn secrets_are_not_kept_and_nothing_lies_open() {
    let pieces = ["Ask ja", "ne@exam", "ple.com or use sk", "-abcdefghij", "klmnop there"];
    let vendor = Vendor::start(Proto::H1, move |seen| match seen.json()["stream"] == true {
        true => Script::sse(pieces.iter().map(|piece| chunk(piece)).chain(["[DONE]".into()])),
        false => answer("the token is Bearer abcdef1234567890", 10, 5),
    });
    let world = world(&vendor);
    let alice = Person::of(&world, "alice", "a password 1").await;
    let root = Person::root(&world).await;
    root.option("BodyCaptureEnabled", "true").await;
    let picture = "iVBORw0KGgo9Aa".repeat(100);
    let mut body = request(true);
    body["messages"][0]["content"] = json!([
        { "type": "text", "text": format!("UNMISTAKABLE my key {} mail jane@example.com card 4111 1111 1111 1111", alice.key) },
        { "type": "image_url", "image_url": { "url": format!("data:image/png;base64,{picture}") } },
    ]);
    let kept = alice.capture(&alice.chat(&body).await).await;
    let asked: Value = serde_json::from_str(kept["request"]["body"].as_str().unwrap()).unwrap();
    let said = "UNMISTAKABLE my key [key] mail [e-mail] card [card number]";
    assert_eq!(asked["messages"][0]["content"][0]["text"], said);
    let url = "data:image/png;base64,[image/png, 1050 bytes]";
    assert_eq!(asked["messages"][0]["content"][1]["image_url"]["url"], url);
    let told = kept["response"]["body"].as_str().unwrap().to_owned();
    let told: String = told
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line.strip_prefix("data: ")?).ok())
        .filter_map(|event| Some(event["choices"][0]["delta"]["content"].as_str()?.to_owned()))
        .collect();
    assert_eq!(told, "Ask [e-mail] or use [key] there");

    root.option("BodyCaptureRedact", "false").await;
    body["stream"] = false.into();
    let kept = alice.capture(&alice.chat(&body).await).await;
    let asked = kept["request"]["body"].as_str().unwrap();
    assert!(asked.contains("my key [key] mail jane@example.com card 4111 1111 1111 1111"), "{asked}");
    assert!(kept["response"]["body"].as_str().unwrap().contains("Bearer [token]"), "{kept}");

    for file in std::fs::read_dir(world.dir.path().join("data")).unwrap().flatten() {
        let bytes = std::fs::read(file.path()).unwrap_or_default();
        let open = bytes.windows(12).any(|window| window == b"UNMISTAKABLE");
        assert!(!open, "{} holds what should be sealed", file.path().display());
    }
}

#[tokio::test]
async fn what_is_too_long_is_cut() {
    let (long, gate) = ("word ".repeat(2000), Gate::new());
    let (told, opened) = (long.clone(), gate.clone());
    let vendor = Vendor::start(Proto::H1, move |seen| match seen.json()["stream"] == true {
        true => {
            let event = |text: &str| Step::Send(format!("data: {}\n\n", chunk(text)).into());
            let steps = vec![
                event("one"),
                Step::Wait(opened.clone()),
                event(&told),
                Step::Send("data: [DONE]\n\n".into()),
            ];
            Script::Pieces { status: 200, content_type: "text/event-stream", steps }
        }
        false => answer(&told, 10, 5),
    });
    let world = world(&vendor);
    let root = Person::root(&world).await;
    root.option("BodyCaptureEnabled", "true").await;
    root.option("BodyCaptureMaxBytes", "2048").await;
    gate.open();
    for stream in [false, true] {
        let mut body = request(stream);
        body["messages"][0]["content"] = long.clone().into();
        let body = body.to_string();
        let answer = world.post("/v1/chat/completions", &root.key, &[], body.as_bytes()).await;
        let kept = root.capture(&answer.headers["x-request-id"]).await;
        for (part, whole) in [("request", body.as_str()), ("response", answer.text().as_str())] {
            assert_eq!(kept[part]["truncated"], true, "{part}");
            assert_eq!(kept[part]["bytes"], whole.len(), "{part} {stream}");
            let kept = kept[part]["body"].as_str().unwrap();
            assert!(
                whole.starts_with(kept) && (2040..=2048).contains(&kept.len()),
                "{part} {stream}: {kept}"
            );
        }
    }
}

#[tokio::test]
async fn captures_are_their_owners() {
    let vendor = good(Proto::H1);
    let world = world(&vendor);
    let root = Person::root(&world).await;
    root.option("BodyCaptureEnabled", "true").await;
    let alice = Person::of(&world, "alice", "a password 1").await;
    let adam = Person::of(&world, "adam", "a password 1").await;
    let id = alice.chat(&request(false)).await;
    alice.capture(&id).await;
    let entries = async || {
        let rows = root.done("GET", "/api/audit?path=/api/capture", Value::Null).await;
        rows.as_array().unwrap().clone()
    };
    // An administrator sees that there is one, not what is in it, and can't take it away.
    let explained = async |person: &Person<'_>| {
        person.call("GET", &format!("/api/log/explain/{id}"), Value::Null).await.json()["data"]["captured"]
            .clone()
    };
    world.logs(1).await;
    assert_eq!((explained(&alice).await, explained(&adam).await), (json!(true), json!(true)));
    assert_eq!(adam.read(&id).await.status, 404);
    assert_eq!(adam.call("DELETE", &format!("/api/capture/{id}"), Value::Null).await.status, 404);
    assert_eq!(adam.done("DELETE", "/api/capture", Value::Null).await, 0);
    let foreign = format!("/api/capture?token_id={}", alice.token);
    assert_eq!(adam.done("DELETE", &foreign, Value::Null).await, 0);
    assert!(adam.done("GET", &foreign, Value::Null).await.as_array().unwrap().is_empty());
    // A slip in the number does not mean all.
    assert_eq!(alice.call("DELETE", "/api/capture?token_id=x", Value::Null).await.status, 400);
    alice.capture(&id).await;
    let before = entries().await;
    assert!(
        before.iter().all(|entry| entry["method"] == "DELETE"),
        "one's own is read without an entry: {before:?}"
    );
    // Root reads anybody's, on record.
    let read = root.read(&id).await;
    assert_eq!(
        (read.status, &read.json()["data"]["request"]["body"]),
        (200, &json!(request(false).to_string()))
    );
    let after = entries().await;
    assert_eq!(after.len(), before.len() + 1);
    let path = format!("/api/capture/{id}");
    assert_eq!(
        (&after[0]["method"], &after[0]["path"], &after[0]["username"]),
        (&json!("GET"), &json!(path), &json!("root"))
    );
    assert!(!after[0].to_string().contains("\"hi\""));
    assert_eq!(root.done("GET", "/api/audit/verify", Value::Null).await["ok"], true);

    // The owner purges: one, those of a token, all.
    alice.done("DELETE", &path, Value::Null).await;
    assert_eq!((alice.read(&id).await.status, explained(&alice).await), (404, json!(false)));
    let (second, third) = (alice.token(true).await, alice.token(true).await);
    let call = async |key: &str| {
        let answer = world.chat_as(key, &request(false)).await;
        let id = answer.headers["x-request-id"].clone();
        alice.capture(&id).await;
        id
    };
    let (a, b, c) = (call(&alice.key).await, call(&second.1).await, call(&third.1).await);
    assert_eq!(alice.captures().await, [c.clone(), b.clone(), a.clone()]);
    assert_eq!(alice.done("DELETE", &format!("/api/capture?token_id={}", second.0), Value::Null).await, 1);
    assert_eq!(alice.captures().await, [c, a.clone()]);
    // A token takes its captures with it.
    alice.done("DELETE", &format!("/api/token/{}", third.0), Value::Null).await;
    assert_eq!(alice.captures().await, [a]);
    assert_eq!(alice.done("DELETE", "/api/capture", Value::Null).await, 1);
    // So does the log.
    call(&alice.key).await;
    let now = chrono::Utc::now().timestamp() + 1;
    root.done("DELETE", &format!("/api/log?target_timestamp={now}"), Value::Null).await;
    assert!(alice.captures().await.is_empty());
    world.verify();
}

#[tokio::test]
async fn captures_expire() {
    let vendor = good(Proto::H1);
    let mut world = world(&vendor);
    let (old, young) = {
        let root = Person::root(&world).await;
        root.option("BodyCaptureEnabled", "true").await;
        let (old, young) = (root.chat(&request(false)).await, root.chat(&request(false)).await);
        root.capture(&old).await;
        root.capture(&young).await;
        (old, young)
    };
    world.gateway.kill();
    let file = Database {
        dsn: format!("sqlite:{}", world.dir.path().join("data/magic.db").display()),
        engine: Engine::Sqlite,
        dir: tempfile::tempdir().unwrap(),
    };
    let change =
        format!("UPDATE magic_captures SET created_at = created_at - 8 * 86400 WHERE request_id = '{old}'");
    sql(&file, &change).await;
    world.restart();
    let root = Person::root(&world).await;
    assert_eq!(root.read(&old).await.status, 404, "its time is over, whether it is deleted yet or not");
    assert_eq!(root.captures().await, vec![young.clone()]);
    // The job deletes before it writes: once there is another, the old one is gone for good.
    let next = root.chat(&request(false)).await;
    root.capture(&next).await;
    root.option("BodyCaptureDays", "365").await;
    assert_eq!(root.captures().await, [next, young]);
}

/// The last captures are written before the process ends. Large ones: looking through them takes longer than the calls.
#[tokio::test]
async fn an_orderly_end_loses_none() {
    let vendor = good(Proto::H1);
    let mut world = world(&vendor);
    let mut asked = Vec::new();
    {
        let root = Person::root(&world).await;
        root.option("BodyCaptureEnabled", "true").await;
        let mut body = request(true);
        body["messages"][0]["content"] = "a few words 1234 ".repeat(5000).into();
        for _ in 0..10 {
            asked.insert(0, root.chat(&body).await);
        }
    }
    world.gateway.signal("TERM");
    assert_eq!(world.gateway.wait(), Some(0));
    world.restart();
    let root = Person::root(&world).await;
    assert_eq!(root.captures().await, asked);
}

/// Two things only the seat between us and the caller knows: keep-alives, and where an answer broke off.
#[tokio::test]
async fn what_the_seat_writes_is_captured_too() {
    let gate = Gate::new();
    let steps =
        vec![Step::Wait(gate.clone()), Step::Send(format!("data: {}\n\n", chunk("hello")).into()), Step::Cut];
    let script = Script::Pieces { status: 200, content_type: "text/event-stream", steps };
    let vendor = Vendor::start(Proto::H1, move |_| script.clone());
    let config = format!("[server]\ntimeouts = {{ keepalive_ms = 50 }}\n{}", channel("a", &vendor, ""));
    let world = World::new(config);
    let root = Person::root(&world).await;
    root.option("BodyCaptureEnabled", "true").await;
    let mut client = H1::connect(world.gateway.address).await;
    let bearer = format!("Bearer {}", root.key);
    let fields = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    client.send("POST", "/v1/chat/completions", &fields, request(true).to_string().as_bytes()).await;
    assert!(client.read_until(": ping\n\n").await);
    gate.open();
    assert!(client.read_until("upstream_error").await);
    let id = world.logs(1).await[0]["request_id"].as_str().unwrap().to_owned();
    let kept = root.capture(&id).await["response"]["body"].as_str().unwrap().to_owned();
    let order: Vec<Option<usize>> =
        [": ping\n\n", "\"hello\"", "upstream_error"].iter().map(|part| kept.find(part)).collect();
    assert!(order.iter().all(Option::is_some) && order.is_sorted(), "{kept}");
}

#[tokio::test]
async fn a_database_that_goes_away_costs_captures_and_no_calls() {
    let database = database(Engine::MySql);
    let (relay, dsn) = Relay::before(&database.dsn);
    let vendor = good(Proto::H1);
    let env = vec![("SQL_DSN", dsn)];
    let world = World::with(channel("a", &vendor, ""), false, env);
    let root = Person::root(&world).await;
    root.option("BodyCaptureEnabled", "true").await;
    root.capture(&root.chat(&request(false)).await).await;
    let address = world.gateway.address;
    let count = async |outcome: &str| -> u64 {
        let bearer = format!("Bearer {ROOT_KEY}");
        let text = h1(address, "GET", "/metrics", &[("authorization", &bearer)], b"").await.text();
        let name = format!("magic_captures_total{{outcome=\"{outcome}\"}} ");
        text.lines().find_map(|line| line.strip_prefix(&name)?.parse().ok()).unwrap_or(0)
    };
    assert_eq!((count("kept").await, count("dropped").await), (1, 0));
    relay.cut();
    for stream in [false, true] {
        for _ in 0..10 {
            root.chat(&request(stream)).await;
        }
    }
    let end = Instant::now() + Duration::from_secs(60);
    while count("dropped").await < 20 {
        assert!(Instant::now() < end, "{}", count("dropped").await);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    relay.mend();
    while h1(address, "GET", "/readyz", &[], b"").await.json()["status"] != "ok" {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let root = Person::root(&world).await;
    root.capture(&root.chat(&request(false)).await).await;
    assert_eq!(count("kept").await, 2);
    assert_eq!(vendor.hits(), 22);
}

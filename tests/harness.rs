//! Starting a gateway in front of scripted vendors, and asking it things.

use magic_testkit::client::{Answer, h1};
use magic_testkit::process::{Gateway, ROOT_KEY, ROOT_PASSWORD, Setup};
use magic_testkit::vendor::{Proto, Script, Vendor, ca_pem};
use serde_json::{Value, json};
use std::sync::Mutex;
use std::time::{Duration, Instant};
use tempfile::TempDir;

pub const MODEL: &str = "gpt-4o-mini";

/// A gateway with its folder.
pub struct World {
    pub gateway: Gateway,
    pub dir: TempDir,
    config: String,
    tls: bool,
    listeners: String,
    env: Vec<(&'static str, String)>,
    /// Root's session: signing in is limited.
    session: Mutex<Option<String>>,
}

/// A channel of the configuration.
pub fn channel(name: &str, vendor: &Vendor, more: &str) -> String {
    channel_at(name, &vendor.base_url(), more)
}

pub fn channel_at(name: &str, base_url: &str, more: &str) -> String {
    let ca = if base_url.starts_with("https") { format!("ca = '''{}'''\n", ca_pem()) } else { String::new() };
    format!(
        "[[channels]]\nname = \"{name}\"\ntype = \"custom\"\nbase_url = \"{base_url}\"\nkey = \"sk-vendor-key-0123456789\"\nmodels = [\"{MODEL}\"]\n{ca}{more}\n"
    )
}

/// Who may spend how much: a user with a token of their own.
pub fn customer(usd: f64) -> String {
    format!(
        "[[users]]\nname = \"customer\"\nbalance_usd = {usd:.9}\n[[tokens]]\nname = \"t\"\nuser = \"customer\"\nkey = \"{CUSTOMER_KEY}\"\nunlimited = true\n"
    )
}

pub const CUSTOMER_KEY: &str = "sk-customerkey0123456789";

impl World {
    pub fn new(config: impl Into<String>) -> World {
        Self::with(config, false, vec![])
    }

    pub fn with(config: impl Into<String>, tls: bool, env: Vec<(&'static str, String)>) -> World {
        Self::listening(config, tls, env, "")
    }

    /// With more listeners, each with a comma in front.
    pub fn listening(
        config: impl Into<String>,
        tls: bool,
        env: Vec<(&'static str, String)>,
        listeners: &str,
    ) -> World {
        let (dir, config, listeners) = (tempfile::tempdir().unwrap(), config.into(), listeners.to_owned());
        let gateway = start(&dir, &config, (tls, &listeners), &env);
        World { gateway, dir, config, tls, listeners, env, session: Mutex::default() }
    }

    /// Starts it again on the same data, after its end.
    pub fn restart(&mut self) {
        self.gateway.kill();
        self.gateway = start(&self.dir, &self.config, (self.tls, &self.listeners), &self.env);
    }

    /// The same in another environment.
    pub fn restart_with(&mut self, env: Vec<(&'static str, String)>) {
        self.env = env;
        self.restart();
    }

    pub async fn chat(&self, body: &Value) -> Answer {
        self.chat_as(ROOT_KEY, body).await
    }

    pub async fn chat_as(&self, key: &str, body: &Value) -> Answer {
        self.post("/v1/chat/completions", key, &[], body.to_string().as_bytes()).await
    }

    pub async fn post(&self, path: &str, key: &str, fields: &[(&str, &str)], body: &[u8]) -> Answer {
        let bearer = format!("Bearer {key}");
        let mut all = vec![("authorization", bearer.as_str()), ("content-type", "application/json")];
        all.extend_from_slice(fields);
        h1(self.gateway.address, "POST", path, &all, body).await
    }

    /// Signs root in; the cookie.
    pub async fn cookie(&self) -> String {
        let body = json!({ "username": "root", "password": ROOT_PASSWORD }).to_string();
        let answer = h1(self.gateway.address, "POST", "/api/user/login", &[], body.as_bytes()).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.headers["set-cookie"].split(';').next().unwrap().to_owned()
    }

    /// Asks as root, in one session for as long as it is good.
    pub async fn api(&self, method: &str, path: &str, body: Option<Value>) -> Answer {
        let body = body.map(|body| body.to_string()).unwrap_or_default();
        let known = self.session.lock().unwrap().clone();
        if let Some(cookie) = known {
            let answer =
                h1(self.gateway.address, method, path, &[("cookie", &cookie)], body.as_bytes()).await;
            if answer.status != 401 {
                return answer;
            }
        }
        let cookie = self.cookie().await;
        *self.session.lock().unwrap() = Some(cookie.clone());
        h1(self.gateway.address, method, path, &[("cookie", &cookie)], body.as_bytes()).await
    }

    /// The log rows of calls, newest first, once there are `count` of them.
    pub async fn logs(&self, count: usize) -> Vec<Value> {
        let until = Instant::now() + Duration::from_secs(20);
        loop {
            let answer = self.api("GET", "/api/log/?type=2&page_size=100", None).await;
            let rows = answer.json()["data"].as_array().unwrap().clone();
            if rows.len() >= count {
                return rows;
            }
            assert!(Instant::now() < until, "{} of {count} rows: {rows:?}", rows.len());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// `magic ledger verify`, which must find nothing.
    pub fn verify(&self) {
        let (code, out, err) = magic_testkit::process::run(
            env!("CARGO_BIN_EXE_magic"),
            self.dir.path(),
            &["ledger", "verify"],
            &self.env_refs(),
        );
        assert_eq!(code, 0, "{out}{err}");
    }

    pub fn env_refs(&self) -> Vec<(&str, &str)> {
        self.env.iter().map(|(name, value)| (*name, value.as_str())).collect()
    }
}

fn start(
    dir: &TempDir,
    config: &str,
    (tls, listeners): (bool, &str),
    env: &[(&'static str, String)],
) -> Gateway {
    // Another build of the same, for measurements.
    let binary =
        std::env::var("MAGIC_TEST_BINARY").unwrap_or_else(|_| env!("CARGO_BIN_EXE_magic").to_owned());
    Gateway::start(&Setup {
        binary: &binary,
        dir: dir.path(),
        config: config.to_owned(),
        tls,
        listeners: listeners.to_owned(),
        env: env.to_vec(),
    })
}

/// A chat request.
pub fn request(stream: bool) -> Value {
    json!({ "model": MODEL, "stream": stream, "messages": [{ "role": "user", "content": "hi" }], "max_tokens": 100 })
}

/// A whole answer with usage.
pub fn answer(text: &str, input: u64, output: u64) -> Script {
    Script::json(200, completion(text, input, output).to_string())
}

pub fn completion(text: &str, input: u64, output: u64) -> Value {
    json!({
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": MODEL,
        "choices": [{ "index": 0, "message": { "role": "assistant", "content": text }, "finish_reason": "stop" }],
        "usage": { "prompt_tokens": input, "completion_tokens": output, "total_tokens": input + output },
        "x_unknown": { "kept": 1.50 },
    })
}

/// A chunk of a streamed answer.
pub fn chunk(text: &str) -> String {
    json!({ "id": "c", "object": "chat.completion.chunk", "created": 1, "model": MODEL,
        "choices": [{ "index": 0, "delta": { "content": text }, "finish_reason": null }] })
    .to_string()
}

pub fn usage_chunk(input: u64, output: u64) -> String {
    json!({ "id": "c", "object": "chat.completion.chunk", "created": 1, "model": MODEL, "choices": [],
        "usage": { "prompt_tokens": input, "completion_tokens": output, "total_tokens": input + output } })
    .to_string()
}

/// A vendor that answers chats, streamed or not, ten tokens in and five out.
pub fn good(proto: Proto) -> Vendor {
    Vendor::start(proto, |seen| {
        let body = seen.json();
        if body["stream"] == true {
            let mut events: Vec<String> = (0..5).map(|n| chunk(&format!("t{n} "))).collect();
            if body["stream_options"]["include_usage"] == true {
                events.push(usage_chunk(10, 5));
            }
            events.push("[DONE]".into());
            return Script::sse(events);
        }
        answer("hello", 10, 5)
    })
}

/// What ten tokens in and five out of the model cost, in quota (rounded up) and in dollars.
pub const GOOD_COST_USD: &str = "0.000004500";

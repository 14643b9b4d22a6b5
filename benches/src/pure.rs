//! Instructions of the pure functions a request passes, counted by callgrind: the same number every time,
//! whatever else the machine is doing.

use crate::measure::have;
use crate::say;
use bytes::Bytes;
use magic::principals::Principals;
use magic_domain::books::{Closing, Record};
use magic_domain::channel::{Channel, ChannelStatus};
use magic_domain::endpoint::Endpoint;
use magic_domain::feature::Feature;
use magic_domain::health::Verdict;
use magic_domain::ids::{ChannelId, RequestId, TokenId, UserId};
use magic_domain::money::Nano;
use magic_domain::price::{Price, bill};
use magic_domain::principal::Token;
use magic_domain::secret::Secret;
use magic_domain::select::{Live, select};
use magic_domain::table::Table;
use magic_domain::usage::{Bucket, Mark, Usage};
use magic_wire::peek::{Edits, peek_json, splice};
use magic_wire::reply::{JsonReply, StreamOptions, StreamReply};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::hint::black_box;
use std::process::Command;
use std::sync::Arc;

/// A function with what it is called on.
type Case = (&'static str, fn(u64));

/// Every counted function. Each makes its inputs once and then runs `times` times.
const CASES: &[Case] = &[
    ("token look-up among 10,000", look_up),
    ("route pick among 100 channels", pick),
    ("request read, model replaced (300 B)", rewrite_small),
    ("request read, model replaced (1 MB)", rewrite_big),
    ("answer read for its usage (700 B)", answer),
    ("stream of 100 events followed", stream),
    ("price of a call", price),
    ("ledger record written", record),
];

fn look_up(times: u64) {
    let principals = Principals::default();
    let hash = |n: u64| -> [u8; 32] { Sha256::digest(format!("key{n}")).into() };
    let token = |n: u64| Token {
        id: TokenId(n as i64),
        user_id: UserId(1),
        name: String::new(),
        status: 1,
        expired_time: -1,
        unlimited_quota: true,
        models: vec![],
        subnets: vec![],
        groups: vec![],
        limits: Default::default(),
        old_key: None,
        capture: false,
    };
    principals.load().finish(vec![], (0..10_000).map(|n| (hash(n), token(n))).collect());
    for _ in 0..times {
        let key: [u8; 32] = Sha256::digest(black_box("key4711").as_bytes()).into();
        black_box(principals.token(&key));
    }
}

struct AllWell;

impl Live for AllWell {
    fn verdict(&self, _channel: &Channel) -> (Verdict, Option<&'static str>) {
        (Verdict::Ready, None)
    }
    fn full(&self, _channel: &Channel) -> bool {
        false
    }
    fn capable(&self, _channel: &Channel) -> bool {
        true
    }
    fn lacks(&self, _channel: &Channel) -> Option<Feature> {
        None
    }
}

fn channel(id: i64) -> Channel {
    Channel {
        id: ChannelId(id),
        kind: 1,
        name: String::new(),
        status: ChannelStatus::Enabled,
        key: Secret::default(),
        key_id: 0,
        keys: vec![],
        base_url: String::new(),
        models: vec![if id % 10 == 0 { "gpt-4o".into() } else { format!("model-{id}") }],
        model_mapping: BTreeMap::new(),
        groups: vec!["default".into()],
        priority: id % 2,
        weight: 1,
        tags: vec![],
        system_prompt: None,
        proxy: None,
        ca_pem: None,
        limits: Default::default(),
        timeouts: Default::default(),
        headers: BTreeMap::new(),
        params: Default::default(),
        config: BTreeMap::new(),
    }
}

fn pick(times: u64) {
    let channels = (0..100).map(channel).collect();
    let table = Table::build(1, channels, BTreeMap::new(), Arc::default(), Arc::default());
    for draw in 0..times {
        black_box(select(&table, &AllWell, "default", black_box("gpt-4o"), draw));
    }
}

fn rewrite(times: u64, filler: &str) {
    let text = format!(
        r#"{{"model":"gpt-4o-mini","stream":true,"max_tokens":100,"temperature":0.7,"messages":[{{"role":"system","content":"You are brief."}},{{"role":"user","content":"{filler}"}}]}}"#
    );
    let body = Bytes::from(text);
    let params = serde_json::Map::new();
    let edits = Edits {
        model: Some("gpt-4o-mini-2024-07-18"),
        ask_usage: true,
        system_prompt: None,
        params: &params,
    };
    for _ in 0..times {
        let Ok(peek) = peek_json(Endpoint::Chat, black_box(&body)) else { return };
        black_box(splice(&body, &peek, &edits).ok());
    }
}

fn rewrite_small(times: u64) {
    rewrite(times, "Say something about foxes, in one sentence, please. And then about hounds.");
}

fn rewrite_big(times: u64) {
    rewrite(times, &"lorem ipsum dolor sit amet ".repeat(38_836));
}

const ANSWER: &str = r#"{"id":"chatcmpl-1","object":"chat.completion","created":1,"model":"gpt-4o-mini","choices":[{"index":0,"message":{"role":"assistant","content":"The quick brown fox jumps over the lazy dog. The quick brown fox jumps over the lazy dog. The quick brown fox jumps over the lazy dog. The quick brown fox jumps over the lazy dog. The quick brown fox jumps over the lazy dog. The quick brown fox jumps over the lazy dog. The quick brown fox jumps over the lazy dog."},"finish_reason":"stop"}],"usage":{"prompt_tokens":20,"completion_tokens":70,"total_tokens":90,"prompt_tokens_details":{"cached_tokens":0}}}"#;

fn answer(times: u64) {
    for _ in 0..times {
        let mut reply = JsonReply::new(Endpoint::Chat);
        reply.push(black_box(ANSWER.as_bytes()));
        black_box(reply.finish());
    }
}

fn stream(times: u64) {
    let event = r#"data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"gpt-4o-mini","choices":[{"index":0,"delta":{"content":" word"},"finish_reason":null}]}"#;
    let last = r#"data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"gpt-4o-mini","choices":[],"usage":{"prompt_tokens":20,"completion_tokens":100,"total_tokens":120}}"#;
    let event = Bytes::from(format!("{event}\n\n"));
    let tail = Bytes::from(format!("{last}\n\ndata: [DONE]\n\n"));
    for _ in 0..times {
        let mut reply =
            StreamReply::new(Endpoint::Chat, StreamOptions { strip_usage: true, ..StreamOptions::default() });
        let mut out = Vec::new();
        for _ in 0..100 {
            let _ = reply.push(black_box(event.clone()), &mut out);
            out.clear();
        }
        let _ = reply.push(tail.clone(), &mut out);
        reply.finish(&mut out);
        black_box(reply.state());
    }
}

fn usage() -> Usage {
    Usage::default()
        .with(Bucket::Input, 20)
        .with(Bucket::CacheRead, 5)
        .with(Bucket::Output, 70)
        .with(Bucket::Request, 1)
}

fn price(times: u64) {
    let price = Price::from_ratio(0.075, 4.0);
    for _ in 0..times {
        let usage = black_box(usage());
        black_box(bill(price.rates_for(usage.input_total()), &usage, 1_000_000));
    }
}

fn record(times: u64) {
    let closing = Closing {
        id: RequestId(1 << 100),
        at_ms: 1_790_000_000_000,
        channel_id: Some(ChannelId(7)),
        model: "gpt-4o-mini".into(),
        mark: Mark::Reported,
        usage: usage(),
        rates: Price::from_ratio(0.075, 4.0).rates,
        price_version: 12,
        unpriced: false,
        cost: Nano(45_000),
        status: 200,
        error: String::new(),
        attempts: vec![],
        timings: Default::default(),
        system_prompt_reset: false,
        key_id: 0,
        budgets: vec![],
        day: Default::default(),
    };
    let record = Record::Close(closing);
    for _ in 0..times {
        black_box(black_box(&record).encode().ok());
    }
}

/// Runs one function; what callgrind is started on.
pub fn once(name: &str, times: u64) -> Result<(), String> {
    let case = CASES.iter().find(|(case, _)| *case == name).ok_or("there is no such function")?;
    case.1(times);
    Ok(())
}

/// Instructions of a whole run.
fn counted(name: &str, times: u64) -> Result<u64, String> {
    let own = std::env::current_exe().map_err(|error| error.to_string())?;
    let out = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(own)
        .args(["pure-once", name, &times.to_string()])
        .output()
        .map_err(|error| format!("valgrind: {error}"))?;
    let text = String::from_utf8_lossy(&out.stderr);
    let line = text.lines().find_map(|line| line.split_once("Collected : "));
    line.and_then(|(_, count)| count.trim().parse().ok()).ok_or_else(|| format!("valgrind said:\n{text}"))
}

/// The table. The difference of two runs leaves the program's start out.
pub fn run() -> Result<(), String> {
    if !have("valgrind") {
        return Err("valgrind is not installed (Debian: apt-get install valgrind)".into());
    }
    say("| function | instructions |");
    say("|---|---|");
    for (name, _) in CASES {
        let (few, many) = (10, 30);
        let difference = counted(name, many)?.saturating_sub(counted(name, few)?);
        say(&format!("| {name} | {} |", difference / (many - few)));
    }
    Ok(())
}

//! A new master key, on each engine: what nodes with both keys see, and what opens with the new one alone.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that can't go on fails")]

mod common;

use common::{config, page};
use magic_domain::channel::{Channel, ChannelKey, ChannelStatus};
use magic_domain::ids::{ChannelId, UserId};
use magic_domain::money::Nano;
use magic_domain::secret::Secret;
use magic_store::captures::{Body, NewCapture};
use magic_store::channels::NewChannel;
use magic_store::tokens::NewToken;
use magic_store::vault::KeySources;
use magic_store::vouchers::{NewVouchers, VoucherFilter};
use magic_store::{Config, Store};
use magic_testkit::db::{Database, ENGINES, database};
use std::collections::BTreeMap;

const OLD: &str = "the old master key";
const NEW: &str = "the new master key";

fn with(database: &Database, master: &str, next: Option<&str>) -> Config {
    let keys = KeySources {
        master_key: Some(Secret::new(master)),
        next_key: next.map(Secret::new),
        ..KeySources::default()
    };
    Config { keys, ..config(database) }
}

fn channel(key: &str, keys: &[&str]) -> NewChannel {
    let several =
        keys.iter().map(|key| ChannelKey { id: 0, key: Secret::new(*key), status: ChannelStatus::Enabled });
    let channel = Channel {
        id: ChannelId(0),
        kind: 1,
        name: "a".into(),
        status: ChannelStatus::Enabled,
        key: Secret::new(key),
        key_id: 0,
        keys: several.collect(),
        base_url: "https://api.example.com/v1".into(),
        models: vec!["gpt-4o".into()],
        model_mapping: BTreeMap::new(),
        groups: vec!["default".into()],
        priority: 0,
        weight: 0,
        tags: vec![],
        system_prompt: None,
        proxy: Some("http://u:p@proxy:1".into()),
        ca_pem: None,
        limits: Default::default(),
        timeouts: Default::default(),
        headers: BTreeMap::new(),
        params: Default::default(),
        config: BTreeMap::from([
            ("region".to_owned(), "eu".to_owned()),
            ("sk".to_owned(), "aws secret".to_owned()),
        ]),
    };
    NewChannel { channel, other: String::new() }
}

/// Every secret that the store gives away, as it is told them.
async fn secrets(store: &Store) -> Vec<String> {
    let loaded = store.load().await.unwrap();
    let mut all: Vec<String> = Vec::new();
    for channel in &loaded.channels {
        all.push(channel.key.expose().to_owned());
        all.extend(channel.keys.iter().map(|key| key.key.expose().to_owned()));
        all.push(channel.proxy.clone().unwrap_or_default());
        all.push(channel.config["sk"].clone());
    }
    all.push(loaded.options.text("SMTPToken").to_owned());
    let (vouchers, _) = store.vouchers(page(), VoucherFilter::default()).await.unwrap();
    all.extend(
        vouchers.iter().map(|row| row.code.as_ref().map_or("closed".into(), |code| code.expose().to_owned())),
    );
    let factor = store.totp(UserId(1)).await.unwrap().unwrap();
    all.push(factor.secret.expose().to_owned());
    if let Some(capture) = store.capture("r1", UserId(1)).await.unwrap() {
        all.extend([capture.request.text, capture.answer.text]);
    }
    all.sort();
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_master_key_while_nodes_run() {
    for engine in ENGINES {
        let database = database(*engine);
        let node = Store::open(with(&database, OLD, Some(NEW))).await.unwrap();
        node.create_channels(vec![channel("sk-one", &[]), channel("", &["sk-a", "sk-b"])]).await.unwrap();
        node.set_option("SMTPToken", "mail secret").await.unwrap();
        let vouchers = |name: &str| NewVouchers {
            user_id: UserId(1),
            name: name.into(),
            amount: Nano(1_000_000),
            count: 3,
            expired_time: -1,
            idempotency_key: None,
        };
        node.create_vouchers(vouchers("before")).await.unwrap();
        node.totp_begin(UserId(1), Secret::new("ABCDEFGH")).await.unwrap();
        let token = NewToken { user_id: UserId(1), capture: true, ..NewToken::default() };
        let token = node.create_token(token).await.unwrap().0.id;
        let body = |text: &str| Body { text: text.into(), bytes: 5, truncated: false };
        let capture = NewCapture {
            request_id: "r1".into(),
            user: UserId(1),
            token,
            at: 1,
            request: body("asked"),
            answer: body("told"),
        };
        assert!(node.keep_capture(capture).await.unwrap());
        let before = secrets(&node).await;
        assert!(
            before.iter().all(|secret| secret != "closed")
                && ["sk-b", "told"].iter().all(|secret| before.contains(&(*secret).to_owned())),
            "{before:?}"
        );

        let tool = Store::open(with(&database, OLD, Some(NEW))).await.unwrap();
        // Three keys, and the proxies and configs of two channels, an option, three vouchers, a second factor,
        // and the two bodies of a capture.
        assert_eq!(tool.rotate_master_key().await.unwrap(), 14, "{engine:?}");
        assert_eq!(secrets(&node).await, before, "{engine:?}: a node with both keys");
        // It has heard of the change: what it seals now opens with the new key alone.
        node.create_vouchers(vouchers("after")).await.unwrap();
        let now = secrets(&node).await;
        assert_eq!(tool.rotate_master_key().await.unwrap(), 0, "{engine:?}: nothing is left");
        let fresh = Store::open(with(&database, NEW, None)).await.unwrap();
        assert_eq!(secrets(&fresh).await, now, "{engine:?}: the new key alone");
        assert!(fresh.rotate_master_key().await.is_err(), "there is no key to come");
        let Err(error) = Store::open(with(&database, OLD, None)).await else {
            panic!("the old key still opens")
        };
        assert!(error.to_string().contains("none of the master keys"), "{error}");
        for store in [node, tool, fresh] {
            store.close().await;
        }
    }
}

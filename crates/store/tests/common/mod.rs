//! A store on each engine; the books are proved after each test.
#![allow(dead_code, reason = "each test file uses its part")]

use magic_domain::books::{Closing, Opening, Settlement};
use magic_domain::endpoint::Endpoint;
use magic_domain::ids::{ChannelId, RequestId, TokenId, UserId};
use magic_domain::money::Nano;
use magic_domain::price::Rates;
use magic_domain::secret::Secret;
use magic_domain::usage::{Bucket, Mark, Usage};
use magic_store::users::Page;
use magic_store::vault::KeySources;
use magic_store::{Bootstrap, Config, Dsn, Redis, RedisAt, Store};
use magic_testkit::db::{Database, ENGINES, database};
use std::path::Path;

pub fn config(database: &Database) -> Config {
    Config {
        dsn: Dsn::parse(&database.dsn, Path::new("unused")).unwrap(),
        log_dsn: None,
        max_connections: 10,
        redis: None,
        follower: false,
        keys: KeySources { file: Some(database.dir.path().join("master.key")), ..KeySources::default() },
        bootstrap: Bootstrap { root_token: Some(Secret::new("sk-initialroottoken")), ..Bootstrap::default() },
    }
}

pub fn redis(url: &str) -> Redis {
    Redis { at: RedisAt::Server(Secret::new(url)), ca: None }
}

pub async fn each(test: impl AsyncFn(Store, &Database)) {
    for engine in ENGINES {
        let database = database(*engine);
        let store =
            Store::open(config(&database)).await.unwrap_or_else(|error| panic!("{engine:?}: {error}"));
        test(store.clone(), &database).await;
        let faults: Vec<_> = store.verify().await.unwrap().into_iter().filter(|check| !check.ok).collect();
        assert!(faults.is_empty(), "{engine:?}: {faults:?}");
        store.close().await;
    }
}

pub fn page() -> Page {
    Page { offset: 0, limit: 10, order: String::new() }
}

/// A finished call of a user.
pub fn call(id: u128, user: UserId, reserved: i64, cost: i64, mark: Mark) -> Settlement {
    let rates = Rates::default().with(Bucket::Output, 1_000_000);
    Settlement {
        opening: Opening {
            id: RequestId(id),
            at_ms: 1_700_000_000_000,
            user_id: user,
            username: "u".into(),
            token_id: TokenId(1),
            token_name: "t".into(),
            token_limited: false,
            group: "default".into(),
            ratio: 1_000_000,
            endpoint: Endpoint::Chat,
            model: "m".into(),
            stream: true,
            reserved: Nano(reserved),
            ip: String::new(),
            prompt: String::new(),
        },
        closing: Closing {
            id: RequestId(id),
            at_ms: 1_700_000_000_500,
            channel_id: Some(ChannelId(1)),
            model: "m-upstream".into(),
            mark,
            usage: Usage::default().with(Bucket::Output, cost as u64),
            rates,
            price_version: 3,
            unpriced: false,
            cost: Nano(if mark == Mark::Void { 0 } else { cost }),
            status: 200,
            error: String::new(),
            attempts: vec![],
            timings: Default::default(),
            system_prompt_reset: false,
            key_id: 0,
            budgets: vec![],
            day: Default::default(),
        },
    }
}

//! One-api's management API from outside, route by route, on every engine (oneapi.md §2, §3.13 and §9): what its
//! scripts and pages rely on holds here, except where product.md §7 deliberately does otherwise.

mod accounts;
mod channels;
mod logs;
mod options;
mod site;
mod tokens;
mod users;
mod vouchers;

use crate::harness::{World, channel, request};
use magic_testkit::client::{Answer, h1};
use magic_testkit::db::{Database, Engine, database};
use magic_testkit::vendor::Vendor;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

pub const PASSWORD: &str = "password 1";

/// An installation on an engine.
pub struct House {
    pub world: World,
    /// Root's session.
    pub root: String,
    pub database: Database,
}

impl House {
    /// Starts one in front of `vendor`, with a channel of the management API's own making.
    pub async fn open(engine: Engine, vendor: &Vendor) -> House {
        let house = House::with(engine, "").await;
        house.make_channel("main", vendor, json!({})).await;
        house
    }

    pub async fn with(engine: Engine, config: &str) -> House {
        let database = database(engine);
        let env = vec![("SQL_DSN", database.dsn.clone()), ("SESSION_SECRET", "a secret".to_owned())];
        let world = World::with(config, false, env);
        let root = world.cookie().await;
        House { world, root, database }
    }

    /// A call by a session (`session=…`), an access token, a relay key, or nobody (empty).
    pub async fn call(&self, by: &str, method: &str, path: &str, body: Value) -> Answer {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let name = if by.starts_with("session=") { "cookie" } else { "authorization" };
        let fields: &[(&str, &str)] = if by.is_empty() { &[] } else { &[(name, by)] };
        h1(self.world.gateway.address, method, path, fields, body.as_bytes()).await
    }

    /// A call that must succeed, in one-api's envelope; its data.
    pub async fn done(&self, by: &str, method: &str, path: &str, body: Value) -> Value {
        self.whole(by, method, path, body).await["data"].clone()
    }

    /// [`House::done`], with the members beside the data.
    pub async fn whole(&self, by: &str, method: &str, path: &str, body: Value) -> Value {
        let answer = self.call(by, method, path, body.clone()).await;
        assert_eq!(answer.status, 200, "{method} {path} {body}: {}", answer.text());
        let told = answer.json();
        assert_eq!(
            (&told["success"], told["message"].is_string(), told.get("data").is_some()),
            (&json!(true), true, true),
            "{method} {path}: {told}"
        );
        told
    }

    pub async fn get(&self, by: &str, path: &str) -> Value {
        self.done(by, "GET", path, Value::Null).await
    }

    /// A call that must fail with this status and code, in the same envelope.
    pub async fn refused(&self, by: &str, method: &str, path: &str, body: Value, why: (u16, &str)) {
        let answer = self.call(by, method, path, body.clone()).await;
        let told = answer.json();
        assert_eq!(
            (answer.status, &told["success"], told["code"].as_str()),
            (why.0, &json!(false), Some(why.1)),
            "{method} {path} {body}: {told}"
        );
        assert!(told["message"].as_str().is_some_and(|message| !message.is_empty()), "{told}");
    }

    pub async fn option(&self, key: &str, value: &str) {
        self.done(&self.root, "PUT", "/api/option/", json!({ "key": key, "value": value })).await;
    }

    /// Makes a channel in front of a vendor; its id.
    pub async fn make_channel(&self, name: &str, vendor: &Vendor, more: Value) -> i64 {
        let mut new = json!({ "type": 8, "name": name, "key": "sk-vendor-key-0123456789",
            "models": crate::harness::MODEL, "group": "default", "base_url": vendor.base_url() });
        for (key, value) in more.as_object().into_iter().flatten() {
            new[key] = value.clone();
        }
        self.done(&self.root, "POST", "/api/channel/", new).await["ids"][0].as_i64().unwrap()
    }

    /// Makes an account; its id.
    pub async fn make_user(&self, name: &str) -> i64 {
        let new =
            json!({ "username": name, "password": PASSWORD, "display_name": format!("{name} the user") });
        self.done(&self.root, "POST", "/api/user/", new).await["id"].as_i64().unwrap()
    }

    /// Signs somebody in; the session.
    pub async fn login(&self, name: &str) -> String {
        let body = json!({ "username": name, "password": PASSWORD });
        let answer = self.call("", "POST", "/api/user/login", body).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.headers["set-cookie"].split(';').next().unwrap().to_owned()
    }

    /// Makes a token; its id and whole key.
    pub async fn make_token(&self, by: &str, new: Value) -> (i64, String) {
        let made = self.done(by, "POST", "/api/token/", new).await;
        (made["id"].as_i64().unwrap(), made["key"].as_str().unwrap().to_owned())
    }

    /// Asks for a chat; the status, and the code of a refusal.
    pub async fn chat(&self, key: &str) -> (u16, String) {
        let answer = self.world.chat_as(key, &request(false)).await;
        (answer.status, if answer.status == 200 { String::new() } else { answer.code() })
    }

    /// A call that succeeds, and is in the books.
    pub async fn billed_chat(&self, key: &str) {
        let before = self.calls().await;
        assert_eq!(self.chat(key).await, (200, String::new()));
        let end = Instant::now() + Duration::from_secs(20);
        while self.calls().await == before {
            assert!(Instant::now() < end, "the call is not posted");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    async fn calls(&self) -> i64 {
        let rows = self.get(&self.root, "/api/user/?page_size=100").await;
        rows.as_array().unwrap().iter().filter_map(|row| row["request_count"].as_i64()).sum()
    }

    /// Ends it as an operator does, and proves its books.
    pub fn close(mut self) {
        self.world.gateway.signal("TERM");
        assert_eq!(self.world.gateway.wait(), Some(0));
        self.world.verify();
    }
}

/// Every key of a shape of oneapi.md §2.10 is there; more may be.
pub fn has_keys(value: &Value, keys: &[&str]) {
    let there: BTreeSet<&str> = value.as_object().unwrap().keys().map(String::as_str).collect();
    let missing: Vec<_> = keys.iter().filter(|key| !there.contains(**key)).collect();
    assert!(missing.is_empty(), "{missing:?} missing in {value}");
}

/// One member of every row of a list.
pub fn column<'a>(rows: &'a Value, key: &str) -> Vec<&'a Value> {
    rows.as_array().unwrap().iter().map(|row| &row[key]).collect()
}

/// Numbers fall, or stay, from row to row.
pub fn falls(rows: &Value, key: &str) -> bool {
    column(rows, key).windows(2).all(|pair| pair[0].as_i64() >= pair[1].as_i64())
}

/// A configured channel, for what a file declares.
pub fn declared(vendor: &Vendor) -> String {
    channel("declared", vendor, "")
}

//! Nodes that share a database, and sometimes a Redis.

mod changes;
mod kinds;
mod limits;
mod losses;
mod money;
mod outage;

use crate::harness::{CUSTOMER_KEY, World};
use magic_testkit::client::{Answer, h1};
use magic_testkit::db::{Database, Engine, database};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// The engines that several nodes can share.
const SHARED: [Engine; 2] = [Engine::MySql, Engine::Postgres];

/// Nodes on one database.
struct Fleet {
    nodes: Vec<World>,
    database: Database,
}

impl Fleet {
    fn open(engine: Engine, config: &str, redis: Option<&str>, count: usize) -> Fleet {
        let database = database(engine);
        let nodes = (0..count).map(|_| node(&database, config, redis, &[])).collect();
        Fleet { nodes, database }
    }

    /// Asks one node as root; the data of an answer that must be good.
    async fn done(&self, at: usize, method: &str, path: &str, body: Value) -> Value {
        let body = (!body.is_null()).then_some(body);
        let answer = self.nodes[at].api(method, path, body).await;
        assert_eq!(answer.status, 200, "{method} {path}: {}", answer.text());
        answer.json()["data"].clone()
    }

    /// Waits until a node answers a call as wanted: `200` or an error's code. How long that took.
    async fn until(&self, at: usize, body: &Value, wanted: &str) -> Duration {
        let began = Instant::now();
        loop {
            let answer = self.nodes[at].chat_as(CUSTOMER_KEY, body).await;
            let code = if answer.status == 200 { "200".to_owned() } else { answer.code() };
            if code == wanted {
                return began.elapsed();
            }
            assert!(began.elapsed() < Duration::from_secs(20), "node {at}: {code} instead of {wanted}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// [`Fleet::until`] of all nodes at once; the slowest.
    async fn everywhere(&self, body: &Value, wanted: &str) -> Duration {
        let all = (0..self.nodes.len()).map(|at| self.until(at, body, wanted));
        futures::future::join_all(all).await.into_iter().max().unwrap_or_default()
    }

    /// What a user has, in quota.
    async fn quota(&self, name: &str) -> i64 {
        let path = format!("/api/user/search?keyword={name}");
        self.done(0, "GET", &path, Value::Null).await[0]["quota"].as_i64().unwrap()
    }

    async fn listed(&self) -> Vec<Value> {
        self.done(0, "GET", "/api/node", Value::Null).await.as_array().unwrap().clone()
    }

    /// The nodes as the first one lists them, once they are as wanted.
    async fn until_listed(&self, what: &str, wanted: impl Fn(&[Value]) -> bool) -> Vec<Value> {
        let end = Instant::now() + Duration::from_secs(60);
        loop {
            let all = self.listed().await;
            if wanted(&all) {
                return all;
            }
            assert!(Instant::now() < end, "{what}: {all:?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

fn node(database: &Database, config: &str, redis: Option<&str>, more: &[(&'static str, &str)]) -> World {
    let mut env =
        vec![("SQL_DSN", database.dsn.clone()), ("SESSION_SECRET", "a secret of all nodes".to_owned())];
    env.extend(redis.map(|url| ("REDIS_CONN_STRING", url.to_owned())));
    env.extend(more.iter().map(|(name, value)| (*name, (*value).to_owned())));
    World::with(config, false, env)
}

/// A session of a node; the cookie.
async fn login(world: &World, name: &str, password: &str) -> String {
    let body = json!({ "username": name, "password": password }).to_string();
    let answer = h1(world.gateway.address, "POST", "/api/user/login", &[], body.as_bytes()).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.headers["set-cookie"].split(';').next().unwrap().to_owned()
}

async fn ask(world: &World, cookie: &str, method: &str, path: &str, body: &Value) -> Answer {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    h1(world.gateway.address, method, path, &[("cookie", cookie)], body.as_bytes()).await
}

//! Two nodes on one database.

use crate::harness::{CUSTOMER_KEY, MODEL, World, customer, good, request};
use magic_testkit::client::h1;
use magic_testkit::db::{Engine, database, redis};
use magic_testkit::smtp::MailServer;
use magic_testkit::vendor::Proto;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// Asks a node until it answers as wanted: what another node has changed is in force here soon.
async fn until(world: &World, wanted: &str) {
    until_answered(world, &request(false), wanted).await;
}

async fn until_answered(world: &World, body: &Value, wanted: &str) {
    let end = Instant::now() + Duration::from_secs(20);
    loop {
        let answer = world.chat_as(CUSTOMER_KEY, body).await;
        let code = if answer.status == 200 { "200".to_owned() } else { answer.code() };
        if code == wanted {
            return;
        }
        assert!(Instant::now() < end, "{code} instead of {wanted}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// A code that one node has sent is good at the other.
#[tokio::test]
async fn a_mailed_code_is_good_on_every_node() {
    let server = MailServer::start(false);
    let database = database(Engine::Postgres);
    let env =
        vec![("SQL_DSN", database.dsn.clone()), ("SESSION_SECRET", "a secret of both nodes".to_owned())];
    let (one, other) = (World::with("", false, env.clone()), World::with("", false, env));
    let port = server.address.port().to_string();
    for (key, value) in [
        ("SMTPServer", "localhost"),
        ("SMTPPort", port.as_str()),
        ("SMTPFrom", "noreply@example.com"),
        ("EmailVerificationEnabled", "true"),
    ] {
        let set = one.api("PUT", "/api/option/", Some(json!({ "key": key, "value": value }))).await;
        assert_eq!(set.status, 200, "{}", set.text());
    }
    let asked = h1(one.gateway.address, "GET", "/api/verification?email=a@example.com", &[], b"").await;
    assert_eq!(asked.status, 200, "{}", asked.text());
    let code = server.take("a@example.com").await.code();
    let body = json!({ "username": "alice", "password": "password 1", "email": "a@example.com",
        "verification_code": code });
    let path = "/api/user/register";
    let made = h1(other.gateway.address, "POST", path, &[], body.to_string().as_bytes()).await;
    assert_eq!(made.status, 200, "{}", made.text());
    other.verify();
}

#[tokio::test]
async fn what_one_node_changes_the_other_serves() {
    for engine in [Engine::MySql, Engine::Postgres] {
        for with_redis in [false, true] {
            let database = database(engine);
            let mut env = vec![
                ("SQL_DSN", database.dsn.clone()),
                ("SESSION_SECRET", "a secret of both nodes".to_owned()),
            ];
            if with_redis {
                env.push(("REDIS_CONN_STRING", redis().to_owned()));
            }
            let vendor = good(Proto::H1);
            let one = World::with(customer(1.0), false, env.clone());
            let other = World::with(customer(1.0), false, env);
            until(&other, "model_not_found").await;
            let channel = json!({ "type": 8, "name": "m", "key": "sk-a", "models": MODEL, "base_url": vendor.base_url() });
            assert_eq!(one.api("POST", "/api/channel/", Some(channel)).await.status, 200);
            until(&one, "200").await;
            until(&other, "200").await;
            let called = json!({ "model": "prompt:p", "messages": [] });
            assert_eq!(other.chat_as(CUSTOMER_KEY, &called).await.code(), "prompt_not_found");
            let prompt =
                json!({ "name": "p", "model": MODEL, "messages": [{ "role": "user", "content": "x" }] });
            assert_eq!(one.api("POST", "/api/prompt", Some(prompt)).await.status, 200);
            until_answered(&other, &called, "200").await;
            let ban = json!({ "username": "customer", "action": "disable" });
            assert_eq!(one.api("POST", "/api/user/manage", Some(ban)).await.status, 200);
            until(&other, "user_banned").await;
            one.logs(3).await;
            one.verify();
        }
    }
}

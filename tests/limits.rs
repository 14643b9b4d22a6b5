//! Limits of tokens, users, groups, models and channels, and budgets, from outside.

use crate::harness::{CUSTOMER_KEY, MODEL, World, answer, channel, customer, good, request};
use magic_testkit::client::{Answer, h1};
use magic_testkit::db::{ENGINES, Engine, database};
use magic_testkit::vendor::{Gate, Proto, Script, Step, Vendor};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// A model that costs a cent a call, with more of its table.
fn priced(more: &str) -> String {
    format!("[[models]]\nname = \"{MODEL}\"\nper_request = 0.01\n{more}\n")
}

/// A customer whose account and token have what is said.
fn limited(user: &str, token: &str) -> String {
    format!(
        "[[users]]\nname = \"customer\"\nbalance_usd = 9\n{user}\n[[tokens]]\nname = \"t\"\nuser = \"customer\"\nkey = \"{CUSTOMER_KEY}\"\nunlimited = true\n{token}\n"
    )
}

fn retry_after(answer: &Answer) -> u64 {
    answer.headers["retry-after"].parse().unwrap()
}

/// The code and what it says of a refusal.
fn refusal(answer: &Answer) -> (u16, String, String) {
    let message = answer.json()["error"]["message"].as_str().unwrap().to_owned();
    (answer.status, answer.code(), message)
}

async fn call(world: &World) -> Answer {
    world.chat_as(CUSTOMER_KEY, &request(false)).await
}

#[tokio::test]
async fn every_object_has_its_limit_and_a_refusal_names_it() {
    let one = "limits = { rpm = 1 }";
    let group = |kind: &str| format!("[[groups]]\nname = \"default\"\n{kind} = {{ rpm = 1 }}\n");
    for (config, named) in [
        (
            [priced(""), limited("", one)].concat(),
            "this API key has reached its limit of 1 requests per minute",
        ),
        ([priced(""), limited(one, "")].concat(), "your account has reached"),
        ([priced(""), limited("", ""), group("limits")].concat(), "the group default has reached"),
        (
            [priced(""), limited("", ""), group("user_limits")].concat(),
            "your account in the group default has",
        ),
        ([priced(one), limited("", "")].concat(), "the model gpt-4o-mini has reached"),
    ] {
        let vendor = good(Proto::H1);
        let world = World::new([channel("a", &vendor, ""), config].concat());
        let first = call(&world).await;
        assert_eq!(first.status, 200, "{named}: {}", first.text());
        assert_eq!(first.headers["x-ratelimit-limit-requests"], "1", "{named}");
        assert_eq!(first.headers["x-ratelimit-remaining-requests"], "0", "{named}");
        assert!(first.headers["x-ratelimit-reset-requests"].starts_with("1m"), "{named}");
        for _ in 0..3 {
            let second = call(&world).await;
            let (status, code, message) = refusal(&second);
            assert_eq!((status, code.as_str()), (429, "rate_limit_exceeded"), "{named}");
            assert!(message.contains(named), "{named}: {message}");
            assert!((57..=63).contains(&retry_after(&second)), "{named}: {}", retry_after(&second));
        }
        assert_eq!(vendor.hits(), 1, "{named}");
        world.logs(1).await;
        world.verify();
    }
}

#[tokio::test]
async fn a_full_channel_leads_to_the_next() {
    let (narrow, wide) = (good(Proto::H1), good(Proto::H1));
    let limits = "priority = 1\nlimits = { windows = [{ seconds = 3600, requests = 2 }] }";
    let world = World::new([channel("a", &narrow, limits), channel("b", &wide, "")].concat());
    for _ in 0..5 {
        assert_eq!(world.chat(&request(false)).await.status, 200);
    }
    assert_eq!((narrow.hits(), wide.hits()), (2, 3));
    let told = world.api("GET", "/api/limits?scope=channel", None).await.json();
    assert_eq!(told["total"], 1);
    let gauge = &told["data"][0]["windows"][0];
    assert_eq!((&gauge["seconds"], &gauge["requests"]["used"]), (&json!(3600), &json!(2)));
}

/// Ten tokens in and five out; the channel counts them, though nobody but the channel is limited.
#[tokio::test]
async fn tokens_are_counted_for_keys_and_channels() {
    for (channel_more, token_more, status) in
        [("limits = { tpm = 20 }", "", 503), ("", "limits = { tpm = 20 }", 429)]
    {
        let vendor = good(Proto::H1);
        let world = World::new([channel("a", &vendor, channel_more), limited("", token_more)].concat());
        for stream in [true, false] {
            let answer = world.chat_as(CUSTOMER_KEY, &request(stream)).await;
            assert_eq!(answer.status, 200, "{}", answer.text());
        }
        assert_eq!(call(&world).await.status, status);
        assert_eq!(vendor.hits(), 2);
    }
}

#[tokio::test]
async fn calls_in_flight_are_limited_until_they_end() {
    let gate = Gate::new();
    let held = gate.clone();
    let vendor = Vendor::start(Proto::H1, move |_| Script::Pieces {
        status: 200,
        content_type: "application/json",
        steps: vec![
            Step::Wait(held.clone()),
            Step::Send(crate::harness::completion("x", 1, 1).to_string().into()),
        ],
    });
    let world = World::new([channel("a", &vendor, ""), limited("", "limits = { concurrency = 1 }")].concat());
    let running = call(&world);
    let rest = async {
        while vendor.hits() == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let second = call(&world).await;
        let told = world.api("GET", "/api/limits?scope=token", None).await.json();
        gate.open();
        (second, told)
    };
    let (first, (second, told)) = tokio::join!(running, rest);
    assert_eq!(first.status, 200, "{}", first.text());
    assert!(refusal(&second).2.contains("1 calls in flight"), "{}", second.text());
    assert_eq!((retry_after(&second), &told["data"][0]["in_flight"]), (1, &json!(1)));
    assert_eq!(call(&world).await.status, 200);
}

/// Whatever refuses a call: it has used up nothing of any limit.
#[tokio::test]
async fn a_refused_call_uses_up_nothing() {
    let vendor = Vendor::start(Proto::H1, |_| answer("x", 1, 1));
    let poor = limited("limits = { rpm = 5 }", "").replace("balance_usd = 9", "balance_usd = 0");
    let group = "[[groups]]\nname = \"default\"\nlimits = { rpm = 5 }\n";
    let world = World::new([priced(""), channel("a", &vendor, ""), poor, group.into()].concat());
    for _ in 0..7 {
        assert_eq!(refusal(&call(&world).await).1, "insufficient_user_quota");
    }
    for scope in ["user", "group"] {
        let told = world.api("GET", &format!("/api/limits?scope={scope}"), None).await.json();
        assert_eq!(told["data"][0]["windows"][0]["requests"]["used"], 0, "{told}");
    }
}

#[tokio::test]
async fn budgets_refuse_and_outlive_a_kill() {
    for engine in ENGINES {
        let database = database(*engine);
        let vendor = good(Proto::H1);
        let token = "limits = { budgets = { day_usd = 0.025, month_usd = 5 } }";
        let config = [priced(""), channel("a", &vendor, ""), limited("", token)].concat();
        let mut world = World::with(config, false, vec![("SQL_DSN", database.dsn.clone())]);
        for _ in 0..2 {
            assert_eq!(call(&world).await.status, 200, "{engine:?}");
        }
        let refused = |answer: Answer| {
            let (status, code, message) = refusal(&answer);
            assert_eq!((status, code.as_str()), (429, "rate_limit_exceeded"), "{engine:?}");
            let said = "this API key has a budget of $0.025000000 for the day: $0.020000000 are spent";
            assert!(message.contains(said), "{message}");
            assert!((1..=90_000).contains(&retry_after(&answer)));
        };
        refused(call(&world).await);
        world.restart();
        refused(call(&world).await);
        let told = world.api("GET", "/api/limits?scope=token", None).await.json();
        let budgets = &told["data"][0]["budgets"];
        assert_eq!((&budgets[0]["used"], &budgets[0]["limit"]), (&json!(10_000), &json!(12_500)));
        assert_eq!((&budgets[1]["period"], &budgets[1]["used"]), (&json!("month"), &json!(10_000)));
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
        assert!(budgets[0]["resets_at"].as_u64().unwrap() > now);
        assert_eq!(vendor.hits(), 2, "{engine:?}");
        world.verify();
    }
}

#[tokio::test]
async fn every_object_has_a_budget() {
    let cent = "limits = { budgets = { month_usd = 0.01 } }";
    let group =
        |kind: &str| format!("[[groups]]\nname = \"default\"\n{kind} = {{ budgets = {{ month = 5000 }} }}\n");
    let token = |user: &str| [priced(""), limited(user, "")].concat();
    for (channel_more, config, named) in [
        ("", token(cent), "your account has a budget"),
        ("", token("") + &group("limits"), "the group default has a budget"),
        ("", token("") + &group("user_limits"), "your account in the group default has a budget"),
        ("", [priced(cent), limited("", "")].concat(), "the model gpt-4o-mini has a budget"),
        (cent, token(""), "no channel can take a call"),
    ] {
        let vendor = good(Proto::H1);
        let mut world = World::new([channel("a", &vendor, channel_more), config].concat());
        assert_eq!(call(&world).await.status, 200, "{named}");
        for restart in [false, true] {
            if restart {
                world.logs(1).await;
                world.restart();
            }
            let answer = call(&world).await;
            let (status, _, message) = refusal(&answer);
            assert!(message.contains(named), "{message}");
            assert_eq!(status, if channel_more.is_empty() { 429 } else { 503 });
        }
        assert_eq!(vendor.hits(), 1, "{named}");
    }
}

/// What another node has spent is known here soon.
#[tokio::test]
async fn nodes_share_a_budget() {
    let database = database(Engine::Postgres);
    let env =
        vec![("SQL_DSN", database.dsn.clone()), ("SESSION_SECRET", "a secret of both nodes".to_owned())];
    let vendor = good(Proto::H1);
    let config =
        [priced(""), channel("a", &vendor, ""), limited("", "limits = { budgets = { day_usd = 0.02 } }")]
            .concat();
    let one = World::with(config.clone(), false, env.clone());
    let other = World::with(config, false, env);
    for _ in 0..2 {
        assert_eq!(call(&one).await.status, 200);
    }
    let end = Instant::now() + Duration::from_secs(20);
    // One session for all: signing in is limited.
    let cookie = other.cookie().await;
    loop {
        let fields = [("cookie", cookie.as_str())];
        let told = h1(other.gateway.address, "GET", "/api/limits?scope=token", &fields, b"").await.json();
        if told["data"][0]["budgets"][0]["used"] == 10_000 {
            break;
        }
        assert!(Instant::now() < end, "{told}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(call(&other).await.status, 429);
}

async fn set(world: &World, path: &str, body: Value) -> Answer {
    world.api("PUT", path, Some(body)).await
}

#[tokio::test]
async fn limits_are_set_checked_and_shown_by_the_management_api() {
    let vendor = good(Proto::H1);
    let world = World::new([channel("a", &vendor, ""), customer(1.0)].concat());
    let limits = json!({ "rpm": 2, "windows": [{ "seconds": 3600, "requests": 3, "tokens": 900 }], "budgets": { "month": 500_000 } });
    let made = json!({ "username": "bob", "password": "password 1", "limits": limits });
    let bob = world.api("POST", "/api/user/", Some(made)).await.json()["data"].clone();
    assert_eq!(bob["limits"]["windows"][0]["tokens"], 900, "{bob}");
    for bad in [
        json!({ "rps": 1 }),
        json!({ "windows": [{ "seconds": 60 }] }),
        json!({ "windows": [{ "seconds": 100_000, "requests": 1 }] }),
        json!({ "budgets": { "day": -1 } }),
    ] {
        let answer = set(&world, "/api/user/", json!({ "id": bob["id"], "limits": bad })).await;
        assert_eq!(answer.status, 422, "{bad}: {}", answer.text());
        let option = json!({ "key": "ModelLimits", "value": json!({ "m": bad }).to_string() });
        let answer = set(&world, "/api/option/", option).await;
        assert_eq!(answer.status, 422, "{bad}: {}", answer.text());
    }
    let group =
        json!({ "key": "GroupLimits", "value": json!({ "default": { "total": { "rpm": 9 } } }).to_string() });
    assert_eq!(set(&world, "/api/option/", group).await.status, 200);
    let told = world.api("GET", "/api/limits?scope=group&id=default", None).await.json();
    assert_eq!(told["data"][0]["limits"]["rpm"], 9, "{told}");

    let key = bob["default_token"].as_str().unwrap().to_owned();
    assert_eq!(world.api("GET", "/api/limits?scope=user&id=999", None).await.status, 404);
    let body = json!({ "username": "bob", "password": "password 1" }).to_string();
    let login = h1(world.gateway.address, "POST", "/api/user/login", &[], body.as_bytes()).await;
    let cookie = login.headers["set-cookie"].split(';').next().unwrap().to_owned();
    let as_bob = |path: &'static str| {
        let cookie = cookie.clone();
        let address = world.gateway.address;
        async move { h1(address, "GET", path, &[("cookie", &cookie)], b"").await }
    };
    assert_eq!(world.chat_as(&key, &request(false)).await.code(), "insufficient_user_quota");
    let own = as_bob("/api/limits").await.json();
    assert_eq!((&own["total"], &own["data"][0]["scope"]), (&json!(1), &json!("user")), "{own}");
    assert_eq!(own["data"][0]["windows"][0]["requests"]["remaining"], 2);
    for (path, status) in [
        ("/api/limits?scope=user&id=1", 404),
        ("/api/limits?scope=group&id=default", 404),
        ("/api/limits?scope=token", 403),
        ("/api/limits?scope=nothing&id=1", 400),
    ] {
        assert_eq!(as_bob(path).await.status, status, "{path}");
    }
}

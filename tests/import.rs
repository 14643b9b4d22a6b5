//! A one-api database moves in: passwords, keys, channels, vouchers, balances, options and logs go on working.

use crate::harness::{MODEL, World, good, request};
use crate::oneapi::House;
use magic_testkit::client::{Answer, h1};
use magic_testkit::db::{Database, ENGINES, Engine, database, locked, sql};
use magic_testkit::process::run;
use magic_testkit::vendor::{Proto, Vendor};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

const ALICE_KEY: &str = "AliceKey0000000000000000000000000000000000000001";
const ROOT_KEY: &str = "RootKey00000000000000000000000000000000000000001";
const ACCESS: &str = "0123456789abcdef0123456789abcdef";
const VOUCHER: &str = "vvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvv";

/// A database as one-api leaves it (with a fork's column, NULLs, and some faults), in an engine's own types.
fn old_installation(engine: Engine, vendor: &Vendor) -> String {
    let (q, bool_, text, float) = match engine {
        Engine::Sqlite => ('"', "numeric", "text", "real"),
        Engine::MySql => ('`', "tinyint(1)", "longtext", "double"),
        Engine::Postgres => ('"', "boolean", "text", "decimal"),
    };
    let t = if engine == Engine::Postgres { ("true", "false") } else { ("1", "0") };
    let hash = |password: &str| bcrypt::hash(password, 4).unwrap();
    let url = vendor.base_url();
    format!(
        "CREATE TABLE users (id bigint PRIMARY KEY, username varchar(191), password varchar(191) NOT NULL, display_name varchar(191), role int, status int, \
           email varchar(191), github_id varchar(191), wechat_id varchar(191), lark_id varchar(191), access_token char(32), quota bigint, used_quota bigint, \
           request_count int, {q}group{q} varchar(32), aff_code varchar(32), inviter_id bigint, setting {text});
         CREATE TABLE tokens (id bigint PRIMARY KEY, user_id bigint, {q}key{q} char(48), status bigint, name varchar(191), created_time bigint, \
           accessed_time bigint, expired_time bigint, remain_quota bigint, unlimited_quota {bool_}, used_quota bigint, models {text}, subnet varchar(191));
         CREATE TABLE channels (id bigint PRIMARY KEY, type bigint, {q}key{q} {text}, status bigint, name varchar(191), weight bigint, created_time bigint, \
           test_time bigint, response_time bigint, base_url varchar(191), other {text}, balance {float}, balance_updated_time bigint, models {text}, \
           {q}group{q} varchar(32), used_quota bigint, model_mapping varchar(1024), priority bigint, config {text}, system_prompt {text});
         CREATE TABLE redemptions (id bigint PRIMARY KEY, user_id bigint, {q}key{q} char(32), status bigint, name varchar(191), quota bigint, \
           created_time bigint, redeemed_time bigint);
         CREATE TABLE options ({q}key{q} varchar(191) PRIMARY KEY, value {text});
         CREATE TABLE logs (id bigint PRIMARY KEY, user_id bigint, created_at bigint, type bigint, content {text}, username varchar(191), token_name varchar(191), \
           model_name varchar(191), quota bigint, prompt_tokens bigint, completion_tokens bigint, channel_id bigint, request_id varchar(191), elapsed_time bigint, \
           is_stream {bool_}, system_prompt_reset {bool_});
         INSERT INTO users VALUES (1, 'root', '{root}', 'Root User', 100, 1, '', '', '', NULL, '{ACCESS}', 500000000000000, 0, 0, 'default', '', 0, NULL),
           (7, 'alice', '{alice}', 'Alice', 1, 1, 'Alice@Example.com', 'alice-hub', '', NULL, NULL, 1000000, 250, 3, 'vip', 'aB3x', 1, 'x'),
           (9, 'bob', '', NULL, 10, 2, NULL, '', '', NULL, '11111111111111111111111111111111', -5, NULL, NULL, NULL, 'cD4y', 0, NULL);
         INSERT INTO users (id, username, password, role, status, quota, aff_code, inviter_id) VALUES (4, 'dora', '', 1, 1, 5, 'd4', 6), \
           (5, 'emil', '', 1, 1, 6, 'e5', 0), (6, 'fay', '', 1, 1, 7, 'f6', 0);
         INSERT INTO tokens VALUES (3, 7, '{ALICE_KEY}', 1, 'laptop', 1700000000, 1700000001, -1, 500000, {f}, 10, NULL, NULL),
           (4, 1, '{ROOT_KEY}', 1, 'root', 1700000000, 1700000001, -1, 0, {t_}, 0, '', ''),
           (5, 99, 'orphankey', 1, 'orphan', 0, 0, -1, 0, {t_}, 0, NULL, NULL);
         INSERT INTO channels VALUES (42, 8, 'sk-vendor', 1, 'main', 5, 1700000000, 0, 0, '{url}', NULL, 1.5, 0, '{MODEL}', 'default,vip', 77, '', 3, '', NULL),
           (43, 3, 'azure-key', 2, 'azure', NULL, 0, 0, 0, 'https://x.example.com', '2024-03-01-preview', NULL, 0, 'gpt-4', NULL, 0, '{{not json', NULL, '{{}}', NULL),
           (44, 999, 'k', 1, 'strange', 0, 0, 0, 0, '', '', 0, 0, 'm', 'default', 0, '', 0, '', '');
         CREATE TABLE abilities ({q}group{q} varchar(32), model varchar(191), channel_id bigint, enabled {bool_}, priority bigint, \
           PRIMARY KEY ({q}group{q}, model, channel_id));
         INSERT INTO abilities VALUES ('default', '{MODEL}', 42, {t_}, 3), ('vip', '{MODEL}', 42, {t_}, 9), ('vip', 'by-hand', 42, {t_}, 3), ('default', 'm', 77, {t_}, 0);
         INSERT INTO redemptions VALUES (1, 1, '{VOUCHER}', 1, 'promo', 250000, 1700000000, 0), \
           (2, 1, 'uuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuu', 3, 'used', 100, 1700000000, 1700000009);
         INSERT INTO options VALUES ('SystemName', 'Old House'), ('GroupRatio', '{{\"default\":1,\"vip\":0.5}}'), ('SMTPToken', 'smtp-secret'), \
           ('RegisterEnabled', 'yes'), ('SomeForkThing', '1'), ('RetryTimes', 'many');
         INSERT INTO logs VALUES (1, 7, 1700000000, 2, 'old call', 'alice', 'laptop', '{MODEL}', 250, 10, 5, 42, '2023x', 120, {t_}, {f}), \
           (2, 7, 1700000100, 1, 'topped up', 'alice', '', '', 1000, 0, 0, 0, '', 0, {f}, {f});",
        root = hash("root password"),
        alice = hash("alice password"),
        t_ = t.0,
        f = t.1,
    )
}

fn import(world: &World, from: &Database, more: &[&str]) -> Value {
    let mut args = vec!["import", "one-api", "--from", from.dsn.as_str(), "--format", "json"];
    args.extend(more);
    let (code, out, err) = run(env!("CARGO_BIN_EXE_magic"), world.dir.path(), &args, &world.env_refs());
    assert_eq!(code, 0, "{out}{err}");
    assert!(!out.contains("sk-vendor") && !out.contains(ALICE_KEY) && !out.contains(VOUCHER), "{out}");
    serde_json::from_str(&out).unwrap()
}

async fn login(world: &World, name: &str, password: &str) -> Answer {
    let body = json!({ "username": name, "password": password }).to_string();
    h1(world.gateway.address, "POST", "/api/user/login", &[], body.as_bytes()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_one_api_installation_moves_in() {
    for engine in ENGINES {
        let vendor = good(Proto::H1);
        let (old, new) = (database(*engine), database(*engine));
        sql(&old, &old_installation(*engine, &vendor)).await;
        // No password and no key of our own: root is still to be set up.
        let env = vec![
            ("SQL_DSN", new.dsn.clone()),
            ("SESSION_SECRET", "s".into()),
            ("INITIAL_ROOT_PASSWORD", String::new()),
            ("INITIAL_ROOT_TOKEN", String::new()),
        ];
        let mut world = World::with("", false, env);

        let dry = import(&world, &old, &["--dry-run"]);
        assert_eq!(dry["counts"]["user"]["imported"], 6, "{dry}");
        assert_eq!(login(&world, "alice", "alice password").await.status, 401, "a dry run writes nothing");

        let report = import(&world, &old, &[]);
        assert_eq!(report["counts"], dry["counts"], "a dry run foretells");
        assert_eq!(
            report["findings"].as_array().map(Vec::len),
            dry["findings"].as_array().map(Vec::len),
            "{report}"
        );
        let text = report.to_string();
        for what in [
            "below zero",
            "its user 99",
            "model mapping",
            "type 999",
            "SomeForkThing",
            "RetryTimes",
            "by-hand of group vip",
            "the channel's 3, which holds here",
            "gone had abilities: 77",
        ] {
            assert!(text.contains(what), "{what}: {report}");
        }
        assert_eq!(
            report["counts"]["token"],
            json!({ "found": 3, "imported": 2, "already": 0, "skipped": 1 })
        );
        world.restart();

        // Twice: the bcrypt hash is replaced at the first.
        for _ in 0..2 {
            assert_eq!(login(&world, "alice", "alice password").await.status, 200);
        }
        assert_eq!(login(&world, "root", "root password").await.json()["data"]["role"], 100);
        assert_eq!(login(&world, "root", "123456").await.status, 401);
        let me = async || {
            let token = format!("Bearer {ACCESS}");
            let answer =
                h1(world.gateway.address, "GET", "/api/user/7", &[("authorization", &token)], b"").await;
            answer.json()["data"].clone()
        };
        let alice = me().await;
        assert_eq!(
            (&alice["username"], &alice["quota"], &alice["group"]),
            (&json!("alice"), &json!(1_000_000), &json!("vip"))
        );
        assert_eq!(
            (&alice["email"], &alice["aff_code"], &alice["inviter_id"]),
            (&json!("alice@example.com"), &json!("aB3x"), &json!(1))
        );

        let answer = world.chat_as(&format!("sk-{ALICE_KEY}"), &request(false)).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(vendor.seen()[0].headers["authorization"], "Bearer sk-vendor");
        // A key that pins a channel names it by its old number.
        assert_eq!(world.chat_as(&format!("sk-{ROOT_KEY}-42"), &request(false)).await.status, 200);

        let cookie = login(&world, "alice", "alice password").await.headers["set-cookie"]
            .split(';')
            .next()
            .unwrap()
            .to_owned();
        let redeem = async |code: &str| {
            let body = json!({ "key": code }).to_string();
            h1(world.gateway.address, "POST", "/api/user/topup", &[("cookie", &cookie)], body.as_bytes())
                .await
        };
        assert_eq!(redeem(VOUCHER).await.json()["data"], 250_000);
        assert_eq!(redeem("uuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuu").await.status, 409);

        let asked = async |path: &str| {
            let token = format!("Bearer {ACCESS}");
            h1(world.gateway.address, "GET", path, &[("authorization", &token)], b"").await
        };
        let end = std::time::Instant::now() + std::time::Duration::from_secs(20);
        let logs = loop {
            let logs = asked("/api/log/?page_size=100&username=alice").await.json();
            if logs["data"].as_array().is_some_and(|rows| rows.len() >= 4) {
                break logs;
            }
            assert!(std::time::Instant::now() < end, "{logs}");
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        };
        let rows = logs["data"].as_array().unwrap();
        assert_eq!(
            (&rows[3]["request_id"], &rows[3]["quota"], &rows[3]["is_stream"]),
            (&json!("2023x"), &json!(250), &json!(true)),
            "{logs}"
        );
        let dora = asked("/api/user/4").await.json()["data"].clone();
        assert_eq!(
            (&dora["username"], &dora["inviter_id"]),
            (&json!("dora"), &json!(6)),
            "ids are kept: {dora}"
        );
        let azure = asked("/api/channel/43").await.json()["data"].clone();
        assert_eq!(
            (&azure["status"], azure["config"].as_str().unwrap().contains("2024-03-01-preview")),
            (&json!(2), true)
        );
        let status = h1(world.gateway.address, "GET", "/api/status", &[], b"").await.json();
        assert_eq!(status["data"]["system_name"], "Old House");

        // What was made here since must not collide with what kept its number, and a second run changes nothing.
        let spent = me().await["quota"].clone();
        let again = import(&world, &old, &[]);
        for (kind, count) in again["counts"].as_object().unwrap() {
            assert_eq!(count["imported"], 0, "{kind}: {again}");
        }
        assert_eq!(me().await["quota"], spent);
        let account = json!({ "username": "carol", "password": "password 1" }).to_string();
        let token = format!("Bearer {ACCESS}");
        let made =
            h1(world.gateway.address, "POST", "/api/user/", &[("authorization", &token)], account.as_bytes())
                .await;
        assert_eq!(made.status, 200, "{engine:?}: {}", made.text());
        world.verify();
    }
}

/// What is taken out with `magic export` is a file that another installation starts from.
#[tokio::test]
async fn an_export_is_a_configuration() {
    let vendor = good(Proto::H1);
    let world = World::new("");
    let channel = json!({
        "type": 8, "name": "main \"eu\"", "key": "sk-vendor-1", "models": MODEL, "base_url": vendor.base_url(), "priority": 2,
        "model_mapping": { "alias": MODEL }, "headers": { "x-team": "header-secret" }, "group": "default,vip",
        "params": { "temperature": 0.5, "stop": ["a", "${b}"] }, "limits": { "rpm": 60 }, "system_prompt": "cost: ${x}",
    });
    assert_eq!(world.api("POST", "/api/channel/", Some(channel)).await.status, 200);
    let price =
        json!({ "model": "own", "price": { "rates": { "input": 1_500_000_000, "output": 2 }, "tiers": [] } });
    let priced = world.api("PUT", "/api/price", Some(price)).await;
    assert_eq!(priced.status, 200, "{}", priced.text());
    for (key, value) in
        [("SystemName", "Ours"), ("SMTPToken", "smtp-secret"), ("GroupRatio", "{\"default\":1,\"vip\":0.25}")]
    {
        let body = json!({ "key": key, "value": value });
        assert_eq!(world.api("PUT", "/api/option/", Some(body)).await.status, 200);
    }
    let binary = env!("CARGO_BIN_EXE_magic");
    let (code, out, err) = run(binary, world.dir.path(), &["export", "--format", "toml"], &world.env_refs());
    assert_eq!(code, 0, "{err}");
    for secret in ["sk-vendor-1", "header-secret", "smtp-secret"] {
        assert!(!out.contains(secret), "{out}");
    }
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("magic.toml"), &out).unwrap();
    let env: Vec<(String, String)> = out
        .lines()
        .filter_map(|line| line.strip_prefix("#   "))
        .map(|name| (name.to_owned(), if name.ends_with("_KEY") { "sk-vendor-1" } else { "s" }.to_owned()))
        .collect();
    assert_eq!(env.len(), 3, "{out}");
    let env: Vec<(&str, &str)> = env.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let (code, said, err) = run(binary, dir.path(), &["check-config"], &env);
    assert_eq!(code, 0, "{said}{err}\n{out}");
    let owned: Vec<(&'static str, String)> =
        env.iter().map(|(name, value)| (&*name.to_string().leak(), value.to_string())).collect();
    let other = World::with(out, false, owned);
    assert_eq!(other.chat(&request(false)).await.status, 200);
    let sent = vendor.seen().last().unwrap().clone();
    assert_eq!(
        (sent.headers["authorization"].as_str(), sent.json()["stop"][1].as_str()),
        ("Bearer sk-vendor-1", Some("${b}"))
    );
    let prices = other.api("GET", "/api/price", None).await.json();
    assert_eq!(
        prices["data"]["models"][0]["price"]["rates"],
        json!({ "input": 1_500_000_000, "output": 2 }),
        "{prices}"
    );
    let groups = other.api("GET", "/api/group/", None).await.json();
    assert_eq!(groups["data"], json!(["default", "vip"]));
}

/// Installations of one-api in a file, with one user who has money and a token.
async fn small(path: &std::path::Path, key: &str, state: &str) -> Database {
    let file = Database {
        dsn: format!("sqlite:{}", path.display()),
        engine: Engine::Sqlite,
        dir: tempfile::tempdir().unwrap(),
    };
    let statements = format!(
        "CREATE TABLE users (id integer PRIMARY KEY, username text, password text, role int, status int, access_token text, quota integer);
         CREATE TABLE tokens (id integer PRIMARY KEY, user_id integer, key text, status integer, name text, expired_time integer, unlimited_quota numeric);
         CREATE TABLE channels (id integer PRIMARY KEY, type integer, key text, status integer, name text, models text);
         CREATE TABLE logs (id integer PRIMARY KEY, user_id integer, created_at integer, type integer, content text);
         INSERT INTO users VALUES (1, 'root', '', 100, 1, '{ACCESS}', 100), (2, 'ann', '', 1, 1, '{key}', 5000);
         INSERT INTO tokens VALUES (2, 2, '{key}', 1, 't', -1, 1);
         INSERT INTO channels VALUES (1, 1, 'k', {state}, 'c', 'm');
         INSERT INTO logs VALUES (1, 2, 1700000000, 2, 'x');"
    );
    sql(&file, &statements).await;
    file
}

#[tokio::test]
async fn one_installation_under_two_addresses_is_one() {
    let world = World::new("");
    let one = small(&world.dir.path().join("one.db"), "firstinstallation", "NULL").await;
    let report = import(&world, &one, &[]);
    assert_eq!(
        (&report["counts"]["user"]["imported"], &report["counts"]["log"]["imported"]),
        (&json!(2), &json!(1))
    );
    assert!(
        report.to_string().contains("taken as disabled"),
        "one-api calls no channel without a state: {report}"
    );
    std::fs::copy(world.dir.path().join("one.db"), world.dir.path().join("moved.db")).unwrap();
    let moved = Database {
        dsn: format!("sqlite:{}", world.dir.path().join("moved.db").display()),
        engine: Engine::Sqlite,
        dir: tempfile::tempdir().unwrap(),
    };
    let again = import(&world, &moved, &[]);
    for (kind, count) in again["counts"].as_object().unwrap() {
        assert_eq!((&count["imported"], &count["already"]), (&json!(0), &count["found"]), "{kind}: {again}");
    }
    // Made from the same template, and yet another: it has to be said.
    let other = small(&world.dir.path().join("other.db"), "secondinstallation", "1").await;
    sql(&other, "DELETE FROM tokens; DELETE FROM users WHERE id = 2").await;
    let args = ["import", "one-api", "--from", other.dsn.as_str()];
    let (code, _, err) = run(env!("CARGO_BIN_EXE_magic"), world.dir.path(), &args, &world.env_refs());
    assert!(code == 1 && err.contains("--another"), "{err}");
    assert_eq!(import(&world, &other, &["--another"])["counts"]["user"]["imported"], 1);
    world.verify();
}

/// The first start and the old installation were given the same access token: root keeps it.
#[tokio::test]
async fn root_keeps_an_access_token_that_both_were_given() {
    let env = vec![
        ("INITIAL_ROOT_PASSWORD", String::new()),
        ("INITIAL_ROOT_TOKEN", String::new()),
        ("INITIAL_ROOT_ACCESS_TOKEN", ACCESS.to_owned()),
    ];
    let world = World::with("", false, env);
    let old = small(&world.dir.path().join("one.db"), "firstinstallation", "1").await;
    import(&world, &old, &[]);
    let bearer = format!("Bearer {ACCESS}");
    let me = h1(world.gateway.address, "GET", "/api/user/self", &[("authorization", &bearer)], b"").await;
    assert_eq!((me.status, me.json()["data"]["quota"].as_i64()), (200, Some(100)), "{}", me.text());
    world.verify();
}

/// The import's state, once it is over.
async fn over(house: &House) -> Value {
    let end = Instant::now() + Duration::from_secs(60);
    loop {
        let told = house.get(&house.root, "/api/import").await;
        if told["state"] != "running" {
            return told;
        }
        assert!(Instant::now() < end, "{told}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn count(told: &Value, kind: &str) -> Value {
    let counts = told["report"]["counts"].as_array().unwrap();
    counts.iter().find(|count| count["kind"] == kind).unwrap()["imported"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn root_moves_an_installation_in_while_everything_runs() {
    for engine in ENGINES {
        let vendor = good(Proto::H1);
        let old = database(*engine);
        sql(&old, &old_installation(*engine, &vendor)).await;
        let house = House::with(*engine, "").await;
        let root = house.root.clone();
        assert_eq!(house.get(&root, "/api/import").await["state"], "idle");
        let wish = |dry_run| json!({ "from": old.dsn, "dry_run": dry_run });

        let begun = house.done(&root, "POST", "/api/import", wish(true)).await;
        assert!(begun["state"] == "running" || begun["state"] == "done", "{begun}");
        let looked = over(&house).await;
        assert_eq!((&looked["state"], &looked["dry_run"]), (&json!("done"), &json!(true)), "{looked}");
        assert_eq!(count(&looked, "log"), 2, "{looked}");
        assert!(looked["report"]["all_findings"].as_u64().unwrap() > 5, "{looked}");
        assert_eq!(login(&house.world, "alice", "alice password").await.status, 401, "nothing was written");

        // Kept from under way by a lock: others are told so.
        if *engine != Engine::Sqlite {
            let lock = locked(&old, "users").await;
            house.done(&root, "POST", "/api/import", wish(true)).await;
            house.refused(&root, "POST", "/api/import", wish(true), (409, "conflict")).await;
            assert_eq!(house.get(&root, "/api/import").await["state"], "running");
            drop(lock);
            assert_eq!(over(&house).await["state"], "done");
        }

        house.done(&root, "POST", "/api/import", wish(false)).await;
        let done = over(&house).await;
        assert_eq!((&done["state"], &done["dry_run"]), (&json!("done"), &json!(false)), "{done}");
        assert_eq!(done["report"]["counts"], looked["report"]["counts"], "a look foretells");
        assert!(done["ended"].as_i64() >= done["started"].as_i64(), "{done}");
        // In force at once: the password, the key, the channel.
        assert_eq!(login(&house.world, "alice", "alice password").await.status, 200);
        let answer = house.world.chat_as(&format!("sk-{ALICE_KEY}"), &request(false)).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let again = house.done(&root, "POST", "/api/import", wish(false)).await;
        assert_eq!(again["report"], Value::Null);
        assert_eq!(count(&over(&house).await, "user"), 0);
        house.world.logs(2).await;
        house.world.verify();
    }
}

/// Whatever becomes of an import, the password of where it comes from is told to nobody.
#[tokio::test(flavor = "multi_thread")]
async fn passwords_of_sources_are_kept_nowhere() {
    let old = database(Engine::MySql);
    let house = House::with(Engine::MySql, "").await;
    let root = house.root.clone();
    let (_, place) = old.dsn.rsplit_once('@').unwrap();
    let (address, name) = place.split_once('/').unwrap();
    let from = format!("root:hunter2+@tcp({address})/{name}");
    house.done(&root, "POST", "/api/import", json!({ "from": from, "logs_from": from })).await;
    let failed = over(&house).await;
    assert_eq!((&failed["state"], &failed["from"]), (&json!("failed"), &json!(format!("mysql://{place}"))));
    assert!(failed["error"].as_str().unwrap().contains("denied"), "{failed}");
    let trail = house.get(&root, "/api/audit?page_size=100").await;
    let entry = trail.as_array().unwrap().iter().find(|entry| entry["path"] == "/api/import").unwrap();
    assert_eq!(entry["status"], 200);
    for told in [failed.to_string(), trail.to_string()] {
        assert!(!told.contains("hunter2"), "{told}");
    }
    for wrong in ["nonsense", "/nowhere/one-api.db", "sqlite:/nowhere.db", "user:hunter2@tcp(db"] {
        let answer = house.call(&root, "POST", "/api/import", json!({ "from": wrong })).await;
        assert!(answer.status == 422 && !answer.text().contains("hunter2"), "{wrong}: {}", answer.text());
    }
}

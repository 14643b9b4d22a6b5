//! Who may do what to whose objects, generated from the OpenAPI document: no route escapes these matrices by being
//! new. Roles × routes, other people's ids (IDOR), members that a body does not declare (mass assignment).

use crate::harness::{CUSTOMER_KEY, World, answer, channel, customer, request};
use magic_testkit::client::{Answer, h1};
use magic_testkit::passkey::Authenticator;
use magic_testkit::vendor::{Proto, Vendor};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

/// An operation of the document.
struct Operation {
    method: String,
    path: String,
    role: String,
    id: String,
    /// Members of its body, if it has one.
    takes: Option<BTreeSet<String>>,
    /// Members of what it answers with.
    gives: BTreeSet<String>,
}

struct Document(Value);

impl Document {
    async fn of(world: &World) -> Document {
        let answer = h1(world.gateway.address, "GET", "/api/openapi.json", &[], b"").await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        Document(answer.json())
    }

    /// The members of a schema, through references, lists and combinations.
    fn members(&self, schema: &Value, into: &mut BTreeSet<String>) {
        if let Some(name) = schema["$ref"].as_str().and_then(|path| path.rsplit('/').next()) {
            return self.members(&self.0["components"]["schemas"][name], into);
        }
        for (name, member) in schema["properties"].as_object().into_iter().flatten() {
            if into.insert(name.clone()) {
                self.members(member, into);
            }
        }
        for part in ["allOf", "oneOf", "anyOf"].iter().filter_map(|key| schema[*key].as_array()).flatten() {
            self.members(part, into);
        }
        if schema["items"].is_object() {
            self.members(&schema["items"], into);
        }
    }

    fn operations(&self) -> Vec<Operation> {
        let mut all = Vec::new();
        for (path, item) in self.0["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap() {
                let body = &operation["requestBody"]["content"]["application/json"]["schema"];
                let takes = body.is_object().then(|| {
                    let mut names = BTreeSet::new();
                    self.members(body, &mut names);
                    names
                });
                let mut gives = BTreeSet::new();
                let content = operation["responses"]["200"]["content"].as_object().into_iter().flatten();
                content.for_each(|(_, content)| self.members(&content["schema"], &mut gives));
                ["success", "message", "data", "total"].iter().for_each(|name| _ = gives.remove(*name));
                all.push(Operation {
                    method: method.to_uppercase(),
                    path: path.clone(),
                    role: operation["x-role"].as_str().unwrap().to_owned(),
                    id: operation["operationId"].as_str().unwrap().to_owned(),
                    takes,
                    gives,
                });
            }
        }
        all
    }

    /// Every member that any schema has, and columns that the database has besides.
    fn every_member(&self) -> BTreeSet<String> {
        let columns =
            ["balance", "grp", "epoch", "must_change", "password_hash", "is_admin", "key_hash", "hash"];
        let mut names: BTreeSet<String> = columns.iter().map(ToString::to_string).collect();
        for schema in self.0["components"]["schemas"].as_object().unwrap().values() {
            self.members(schema, &mut names);
        }
        names
    }
}

/// Somebody with a session.
struct Person<'a> {
    world: &'a World,
    cookie: String,
    id: i64,
}

impl<'a> Person<'a> {
    async fn sign_in(world: &'a World, name: &str, password: &str) -> Person<'a> {
        let body = json!({ "username": name, "password": password }).to_string();
        let answer = h1(world.gateway.address, "POST", "/api/user/login", &[], body.as_bytes()).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let cookie = answer.headers["set-cookie"].split(';').next().unwrap().to_owned();
        Person { world, cookie, id: answer.json()["data"]["id"].as_i64().unwrap() }
    }

    async fn new(world: &'a World, root: &Person<'_>, name: &str, role: i64) -> Person<'a> {
        let body = json!({ "username": name, "password": "a password", "role": role });
        let made = root.call("POST", "/api/user", &body).await;
        assert_eq!(made.status, 200, "{}", made.text());
        Person::sign_in(world, name, "a password").await
    }

    async fn call(&self, method: &str, path: &str, body: &Value) -> Answer {
        let text = if body.is_null() { String::new() } else { body.to_string() };
        h1(self.world.gateway.address, method, path, &[("cookie", &self.cookie)], text.as_bytes()).await
    }

    async fn data(&self, path: &str) -> Value {
        let answer = self.call("GET", path, &Value::Null).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        answer.json()["data"].clone()
    }
}

fn world() -> (Vendor, World) {
    let vendor = Vendor::start(Proto::H1, move |_| answer("hello", 10, 5));
    let world = World::with(
        channel("a", &vendor, "") + &customer(5.0) + "capture = true\n",
        false,
        vec![("GLOBAL_API_RATE_LIMIT", "0".into())],
    );
    (vendor, world)
}

async fn root(world: &World) -> Person<'_> {
    Person::sign_in(world, "root", magic_testkit::process::ROOT_PASSWORD).await
}

/// Review this file's difference like code: it says who may call what, and which members go in and out.
/// `MAGIC_BLESS=1` writes it anew.
#[tokio::test]
async fn the_permissions_are_those_that_were_reviewed() {
    let (_vendor, world) = world();
    let mut lines = Vec::new();
    for operation in Document::of(&world).await.operations() {
        let list = |names: &BTreeSet<String>| names.iter().cloned().collect::<Vec<_>>().join(",");
        let takes = operation.takes.as_ref().map(list).unwrap_or_default();
        lines.push(format!(
            "{} {} {}\n  < {takes}\n  > {}",
            operation.role,
            operation.method,
            operation.path,
            list(&operation.gives)
        ));
    }
    lines.sort();
    let now = lines.join("\n").lines().map(str::trim_end).collect::<Vec<_>>().join("\n") + "\n";
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/permissions.txt");
    if std::env::var_os("MAGIC_BLESS").is_some() {
        std::fs::write(path, &now).unwrap();
    }
    let reviewed = std::fs::read_to_string(path).unwrap_or_default();
    for (now, then) in now.lines().zip(reviewed.lines()) {
        assert_eq!(now, then, "tests/golden/permissions.txt: review, then MAGIC_BLESS=1");
    }
    assert_eq!(now.lines().count(), reviewed.lines().count());
}

#[tokio::test]
async fn nobody_reaches_what_is_above_them() {
    let (_vendor, world) = world();
    let root = root(&world).await;
    let (user, admin) =
        (Person::new(&world, &root, "alice", 1).await, Person::new(&world, &root, "adam", 10).await);
    let (mut refused, rank) =
        (0, |role: &str| ["public", "token", "user", "admin", "root"].iter().position(|r| *r == role));
    for operation in Document::of(&world).await.operations() {
        let path = operation.path.replace("{id}", "1").replace("{key}", "1");
        for (person, name) in [(&user, "user"), (&admin, "admin")] {
            if operation.role == "token" || rank(&operation.role) <= rank(name) {
                continue;
            }
            let answer = person.call(&operation.method, &path, &json!({})).await;
            assert_eq!(answer.status, 403, "{name}: {} {path}: {}", operation.method, answer.text());
            refused += 1;
        }
    }
    assert!(refused > 50, "{refused}");
}

/// Everybody and everything, as root sees it.
async fn everything(root: &Person<'_>) -> BTreeMap<&'static str, Value> {
    let mut all = BTreeMap::new();
    for path in [
        "/api/user?page_size=100",
        "/api/channel?page_size=100",
        "/api/redemption?page_size=100",
        "/api/price",
    ] {
        all.insert(path, root.data(path).await);
    }
    all
}

#[tokio::test]
async fn other_peoples_ids_open_nothing() {
    let (_vendor, world) = world();
    let root = root(&world).await;
    let victim = Person::new(&world, &root, "alice", 1).await;
    let thief = Person::new(&world, &root, "mallory", 1).await;
    let (admin, peer) =
        (Person::new(&world, &root, "adam", 10).await, Person::new(&world, &root, "eve", 10).await);
    let token =
        victim.call("POST", "/api/token", &json!({ "name": "t", "unlimited_quota": true })).await.json();
    let token = token["data"]["id"].clone();
    let session = victim.data("/api/user/sessions").await[0]["id"].clone();
    let option = json!({ "key": "BodyCaptureEnabled", "value": "true" });
    assert_eq!(root.call("PUT", "/api/option", &option).await.status, 200);
    assert_eq!(world.chat_as(CUSTOMER_KEY, &request(false)).await.status, 200);
    let asked = world.logs(1).await[0]["request_id"].clone();
    let capture = format!("/api/capture/{}", asked.as_str().unwrap());
    let end = Instant::now() + Duration::from_secs(20);
    while root.call("GET", &capture, &Value::Null).await.status != 200 {
        assert!(Instant::now() < end, "the call is not captured");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    for (key, value) in [
        ("EpayAddress", "http://127.0.0.1:1"),
        ("EpayId", "1"),
        ("EpayKey", "k"),
        ("EpayPrice", "7"),
        ("ServerAddress", "https://gate.example.com"),
    ] {
        assert_eq!(root.call("PUT", "/api/option", &json!({ "key": key, "value": value })).await.status, 200);
    }
    let wish = json!({ "provider": "epay", "amount_usd": 1, "method": "alipay" });
    let order = victim.call("POST", "/api/pay", &wish).await.json()["data"]["order"]["id"].clone();
    let proof = json!({ "password": "a password" });
    let begun = victim.call("POST", "/api/user/self/passkeys/begin", &proof).await.json();
    let (_, made) = Authenticator::create(&begun["data"]["publicKey"], "https://gate.example.com");
    let kept =
        victim.call("POST", "/api/user/self/passkeys/finish", &json!({ "passkey": made })).await.json();
    let passkey = kept["data"]["id"].clone();
    // Whose id stands for an operation of users: of the victim's object.
    let owned = |path: &str| match path {
        path if path.starts_with("/api/token") => token.clone(),
        path if path.starts_with("/api/user/sessions") => session.clone(),
        path if path.starts_with("/api/user/self/passkeys") => passkey.clone(),
        path if path.starts_with("/api/log/explain") => asked.clone(),
        path if path.starts_with("/api/capture") => asked.clone(),
        path if path.starts_with("/api/pay/order") => order.clone(),
        other => panic!("whose ids does {other} take? say so here"),
    };
    let text = |id: &Value| id.as_str().map_or_else(|| id.to_string(), str::to_owned);
    let document = Document::of(&world).await;
    let all = async || {
        let mut own = Vec::new();
        for path in ["/api/token", "/api/user/sessions", "/api/user/self/passkeys"] {
            own.push(victim.data(path).await);
        }
        (everything(&root).await, own)
    };
    let before = all().await;
    let mut tried = 0;
    for operation in document.operations() {
        let takes_id = operation.takes.as_ref().is_some_and(|names| names.contains("id"));
        if !(takes_id && operation.method != "POST" || operation.path.contains("{id}")) {
            continue;
        }
        match operation.role.as_str() {
            "user" => {
                let id = owned(&operation.path);
                let body = json!({ "id": id, "name": "stolen", "status": 2 });
                let path = operation.path.replace("{id}", &text(&id)).replace("{key}", "1");
                let answer = thief.call(&operation.method, &path, &body).await;
                let idempotent = operation.path.starts_with("/api/user/sessions");
                assert!(answer.status == 404 || idempotent, "{} {path}: {}", operation.method, answer.text());
                tried += 1;
            }
            // Accounts are the only objects of administrators that are not everybody's.
            "admin" if operation.path.starts_with("/api/user") => {
                for id in [root.id, peer.id] {
                    let body =
                        json!({ "id": id, "display_name": "stolen", "status": 2, "password": "another one" });
                    let path = operation.path.replace("{id}", &id.to_string()).replace("{key}", "1");
                    let answer = admin.call(&operation.method, &path, &body).await;
                    assert_eq!(answer.status, 403, "{} {path}: {}", operation.method, answer.text());
                    tried += 1;
                }
            }
            _ => {}
        }
    }
    assert!(tried >= 12, "{tried}");
    assert_eq!(before, all().await);
    assert_eq!(root.call("GET", &capture, &Value::Null).await.status, 200);
    world.verify();
}

/// Bodies that an operation carries out, so that what is added to them could do harm.
fn base(id: &str, own: &Map<String, Value>, count: usize) -> Value {
    let member = |name: &str| own.get(name).cloned().unwrap_or_default();
    match id {
        "put_user_self" => json!({ "display_name": "same" }),
        "post_token" => json!({ "name": "t", "unlimited_quota": false, "remain_quota": 0 }),
        "put_token" => json!({ "id": member("token"), "name": "t" }),
        "put_user" => json!({ "id": member("user"), "display_name": "same" }),
        "put_channel" => json!({ "id": member("channel"), "priority": 0 }),
        "post_channel" => json!({ "name": "c", "models": "m", "base_url": "http://127.0.0.1:1" }),
        "put_redemption" => json!({ "id": member("voucher"), "name": "v" }),
        "post_redemption" => json!({ "name": "v", "quota": 5, "count": 1 }),
        "post_user" | "post_user_register" => {
            json!({ "username": format!("{id}{count}"), "password": "a password" })
        }
        // The rest is tried without a body of its own: it is refused, or changes nothing.
        _ => json!({}),
    }
}

/// What differs between two objects that were made alike.
const OWN: &[&str] = &[
    "id",
    "username",
    "display_name",
    "aff_code",
    "key",
    "created_time",
    "accessed_time",
    "batch",
    "seen_time",
];

fn without_own(value: &Value) -> Value {
    match value {
        Value::Object(members) => Value::Object(
            members
                .iter()
                .filter(|(name, _)| !OWN.contains(&name.as_str()))
                .map(|(name, value)| (name.clone(), without_own(value)))
                .collect(),
        ),
        Value::Array(items) => Value::Array(items.iter().map(without_own).collect()),
        other => other.clone(),
    }
}

#[tokio::test]
async fn members_that_a_body_does_not_declare_change_nothing() {
    let (_vendor, world) = world();
    let root = root(&world).await;
    let user = Person::new(&world, &root, "alice", 1).await;
    let admin = Person::new(&world, &root, "adam", 10).await;
    let victim = Person::new(&world, &root, "bob", 1).await;
    let document = Document::of(&world).await;
    let every = document.every_member();
    let mut own = Map::new();
    own.insert("user".into(), victim.id.into());
    let voucher = admin.call("POST", "/api/redemption", &base("post_redemption", &own, 0)).await;
    assert_eq!(voucher.status, 200, "{}", voucher.text());
    own.insert("voucher".into(), admin.data("/api/redemption").await[0]["id"].clone());
    let made = admin.call("POST", "/api/channel", &base("post_channel", &own, 0)).await.json();
    own.insert("channel".into(), made["data"]["ids"][0].clone());
    let mut tried = 0;
    for (person, role) in [(&user, "user"), (&admin, "admin")] {
        let token = person.call("POST", "/api/token", &base("post_token", &own, 0)).await.json();
        own.insert("token".into(), token["data"]["id"].clone());
        for operation in document.operations() {
            let Some(takes) = operation.takes else { continue };
            // Of those for everybody, only one makes something.
            let reachable = match operation.role.as_str() {
                "public" => operation.path == "/api/user/register",
                other => other == "user" || other == role,
            };
            if !reachable || operation.path.contains("/totp") {
                continue;
            }
            let path = operation.path.replace("{id}", &own["channel"].to_string()).replace("{key}", "1");
            // Once as it should be: what is made then is the measure of what is made with more.
            person.call(&operation.method, &path, &base(&operation.id, &own, tried)).await;
            let before = (
                without_own(&json!(everything(&root).await)),
                without_own(&person.data("/api/token?page_size=100").await),
            );
            let undeclared: Vec<&String> = every.difference(&takes).collect();
            // Each on its own, and all at once in three kinds.
            let each = undeclared.iter().map(|name| (std::slice::from_ref(name), json!(100)));
            let all = [json!(100), json!("root"), json!(true)].map(|value| (undeclared.as_slice(), value));
            for (names, value) in each.chain(all) {
                let mut body = base(&operation.id, &own, tried + 1000);
                names.iter().for_each(|name| body[name.as_str()] = value.clone());
                person.call(&operation.method, &path, &body).await;
                tried += 1;
            }
            let after = (
                without_own(&json!(everything(&root).await)),
                without_own(&person.data("/api/token?page_size=100").await),
            );
            for (kind, before, after) in [
                ("tokens", &before.1, &after.1),
                ("accounts", &before.0["/api/user?page_size=100"], &after.0["/api/user?page_size=100"]),
                ("channels", &before.0["/api/channel?page_size=100"], &after.0["/api/channel?page_size=100"]),
                (
                    "vouchers",
                    &before.0["/api/redemption?page_size=100"],
                    &after.0["/api/redemption?page_size=100"],
                ),
            ] {
                // What was made looks like something that was there before.
                let known = before.as_array().unwrap();
                for row in after.as_array().unwrap() {
                    assert!(known.contains(row), "{role}: {} {path} changed {kind}: {row}", operation.method);
                }
            }
        }
    }
    assert!(tried > 1000, "{tried}");
    world.verify();
}

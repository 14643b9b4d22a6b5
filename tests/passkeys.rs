//! Passkeys from outside, with an authenticator of software: made, kept, signed in with, refused.

use crate::harness::World;
use crate::signin::{flow, others, world_of};
use magic_testkit::client::{Answer, H1, h1, h2};
use magic_testkit::db::{ENGINES, database};
use magic_testkit::passkey::Authenticator;
use serde_json::{Value, json};

const ADDRESS: &str = "https://gate.example.com/";
const ORIGIN: &str = "https://gate.example.com";
const PASSKEYS: &str = "/api/user/self/passkeys";

async fn send(world: &World, method: &str, path: &str, cookie: &str, body: &Value) -> Answer {
    let body = body.to_string();
    h1(world.gateway.address, method, path, &[("cookie", cookie)], body.as_bytes()).await
}

async fn set(world: &World, key: &str, value: &str) {
    let answer = world.api("PUT", "/api/option/", Some(json!({ "key": key, "value": value }))).await;
    assert_eq!(answer.status, 200, "{key}: {}", answer.text());
}

async fn world() -> World {
    let world = World::new("");
    set(&world, "ServerAddress", ADDRESS).await;
    world
}

fn cookie_of(answer: &Answer) -> String {
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.headers["set-cookie"].split(';').next().unwrap().to_owned()
}

fn login_of(name: &str, more: &Value) -> Value {
    let mut body = json!({ "username": name, "password": "password 1" });
    for (name, value) in more.as_object().unwrap() {
        body[name] = value.clone();
    }
    body
}

async fn login(world: &World, name: &str, more: Value) -> Answer {
    send(world, "POST", "/api/user/login", "", &login_of(name, &more)).await
}

/// A new account: its id and a session.
async fn person(world: &World, name: &str) -> (i64, String) {
    let made = world.api("POST", "/api/user/", Some(login_of(name, &json!({})))).await;
    let session = cookie_of(&login(world, name, json!({})).await);
    (made.json()["data"]["id"].as_i64().unwrap(), session)
}

/// What is asked of an authenticator.
fn asked(answer: &Answer) -> Value {
    let asked = answer.json()["data"]["publicKey"].clone();
    assert!(asked["challenge"].is_string(), "{}", answer.text());
    asked
}

async fn begin(world: &World, session: &str, proof: Value) -> Answer {
    send(world, "POST", &format!("{PASSKEYS}/begin"), session, &proof).await
}

async fn finish(world: &World, session: &str, passkey: Value) -> Answer {
    let body = json!({ "name": "laptop", "passkey": passkey });
    send(world, "POST", &format!("{PASSKEYS}/finish"), session, &body).await
}

/// Makes a first passkey; the device, and what the last answer tells.
async fn register(world: &World, session: &str) -> (Authenticator, Value) {
    let begun = begin(world, session, json!({ "password": "password 1" })).await;
    let (device, made) = Authenticator::create(&asked(&begun), ORIGIN);
    let kept = finish(world, session, made).await;
    assert_eq!(kept.status, 200, "{}", kept.text());
    (device, kept.json()["data"].clone())
}

async fn question(world: &World) -> Value {
    asked(&send(world, "POST", "/api/user/passkey/login/begin", "", &json!({})).await)
}

async fn answer(world: &World, passkey: &Value) -> Answer {
    send(world, "POST", "/api/user/passkey/login/finish", "", &json!({ "passkey": passkey })).await
}

async fn sign_in(world: &World, device: &mut Authenticator) -> Answer {
    let asked = question(world).await;
    answer(world, &device.sign(&asked)).await
}

/// Every refusal of a sign-in looks like this, whatever is wrong.
fn assert_refused(answer: &Answer, why: &str) {
    let told = answer.json();
    assert_eq!((answer.status, &told["code"]), (401, &json!("passkey_wrong")), "{why}: {}", answer.text());
    assert_eq!(told["message"], "the passkey was not accepted; begin again", "{why}");
    assert!(!answer.headers.contains_key("set-cookie") && told["data"].is_null(), "{why}");
}

#[tokio::test]
async fn a_passkey_is_made_named_used_and_taken_away() {
    let world = world().await;
    let (id, session) = person(&world, "alice").await;
    let begun = begin(&world, &session, json!({ "password": "password 1" })).await;
    let options = asked(&begun);
    assert_eq!(
        (&options["rp"]["id"], &options["user"]["name"]),
        (&json!("gate.example.com"), &json!("alice"))
    );
    assert_eq!(options["authenticatorSelection"]["residentKey"], "required");
    assert_eq!(options["authenticatorSelection"]["userVerification"], "required");
    assert_eq!(options["timeout"], 300_000);
    let (mut device, made) = register(&world, &session).await;
    assert_eq!(made["recovery_codes"].as_array().unwrap().len(), 10);
    let list = async || send(&world, "GET", PASSKEYS, &session, &json!({})).await.json()["data"].clone();
    let one = list().await[0].clone();
    assert_eq!(
        (&one["name"], &one["site"], &one["synced"], &one["used_time"]),
        (&json!("laptop"), &json!("gate.example.com"), &json!(false), &json!(0))
    );
    assert!(one["created_time"].as_i64().unwrap() > 0);

    let asked = question(&world).await;
    assert_eq!(
        (&asked["rpId"], &asked["userVerification"]),
        (&json!("gate.example.com"), &json!("required"))
    );
    assert_eq!(asked["allowCredentials"], json!([]), "it tells of nobody");
    let signed = device.sign(&asked);
    let welcome = answer(&world, &signed).await;
    assert_eq!(welcome.json()["data"]["id"], id, "{}", welcome.text());
    let me = send(&world, "GET", "/api/user/self", &cookie_of(&welcome), &json!({})).await;
    assert_eq!(me.json()["data"]["username"], "alice");
    assert!(list().await[0]["used_time"].as_i64().unwrap() > 0);
    assert_refused(&answer(&world, &signed).await, "the same answer again");
    device.counter = None;
    assert_refused(&sign_in(&world, &mut device).await, "it no longer counts");
    device.counter = Some(7);
    cookie_of(&sign_in(&world, &mut device).await);

    let path = format!("{PASSKEYS}/{}", one["id"]);
    for (name, status) in [("", 422), ("a\nb", 422), (&"x".repeat(65), 422), ("  phone ", 200)] {
        let renamed = send(&world, "PUT", &path, &session, &json!({ "name": name })).await;
        assert_eq!(renamed.status, status, "{name}: {}", renamed.text());
    }
    assert_eq!(list().await[0]["name"], "phone");
    let (_, other) = person(&world, "mallory").await;
    let proof = json!({ "password": "password 1" });
    assert_eq!(send(&world, "PUT", &path, &other, &json!({ "name": "mine" })).await.status, 404);
    assert_eq!(send(&world, "DELETE", &path, &other, &proof).await.status, 404);
    let refusal = send(&world, "DELETE", &path, &session, &proof).await;
    assert_eq!(refusal.json()["code"], "passkey_required", "a password is not enough: {}", refusal.text());
    let proof = json!({ "passkey": device.sign(&self::asked(&refusal)) });
    assert_eq!(send(&world, "DELETE", &path, &session, &proof).await.status, 200);
    assert_eq!(list().await, json!([]));
    assert_refused(&sign_in(&world, &mut device).await, "taken away");
    cookie_of(&login(&world, "alice", json!({})).await);
    world.verify();
}

/// Begins to make another passkey, with a proof by one that is there.
async fn begin_with(world: &World, session: &str, device: &mut Authenticator) -> Answer {
    let refusal = begin(world, session, json!({ "password": "password 1" })).await;
    assert_eq!(refusal.status, 401, "a password is not enough: {}", refusal.text());
    begin(world, session, json!({ "passkey": device.sign(&asked(&refusal)) })).await
}

#[tokio::test]
async fn only_what_the_owner_has_signed_here_and_now_signs_in() {
    let world = world().await;
    let (_, session) = person(&world, "alice").await;
    let (mut device, _) = register(&world, &session).await;

    for origin in
        ["https://gate.example.com.evil.example", "http://gate.example.com", "https://gate.example.com:8443"]
    {
        device.origin = origin.into();
        assert_refused(&sign_in(&world, &mut device).await, origin);
    }
    device.origin = ORIGIN.into();
    device.rp_id = "example.com".into();
    assert_refused(&sign_in(&world, &mut device).await, "another host's");
    device.rp_id = "gate.example.com".into();
    device.verified = false;
    assert_refused(&sign_in(&world, &mut device).await, "nobody has proved to be its owner");
    device.verified = true;
    let own = device.handle.replace(vec![7; 64]);
    assert_refused(&sign_in(&world, &mut device).await, "it says that it is another's");
    device.handle = None;
    assert_refused(&sign_in(&world, &mut device).await, "it does not say whose it is");
    device.handle = own;

    let mut invented = question(&world).await;
    invented["challenge"] = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY".into();
    assert_refused(&answer(&world, &device.sign(&invented)).await, "a challenge of its own");
    let factor = asked(&login(&world, "alice", json!({})).await);
    assert_refused(&answer(&world, &device.sign(&factor)).await, "a second factor's challenge");
    let another = asked(&begin_with(&world, &session, &mut device).await);
    assert_refused(&answer(&world, &device.sign(&another)).await, "a new passkey's challenge");

    for part in ["signature", "authenticatorData"] {
        let mut signed = device.sign(&question(&world).await);
        let mut text = signed["response"][part].as_str().unwrap().to_owned().into_bytes();
        // Inside the signature's number; inside the host's digest and the counter.
        for at in [20, 46] {
            text[at] = if text[at] == b'A' { b'B' } else { b'A' };
            signed["response"][part] = String::from_utf8(text.clone()).unwrap().into();
        }
        assert_refused(&answer(&world, &signed).await, part);
    }
    let (mut stranger, _) = Authenticator::create(&another, ORIGIN);
    assert_refused(&sign_in(&world, &mut stranger).await, "nobody has it");
    let mut signed = stranger.sign(&question(&world).await);
    let known = device.sign(&question(&world).await);
    for id in ["id", "rawId"] {
        signed[id] = known[id].clone();
    }
    assert_refused(&answer(&world, &signed).await, "another key's signature");
    for malformed in [json!("text"), json!({}), json!({ "rawId": "AA", "response": {} }), Value::Null] {
        assert_eq!(answer(&world, &malformed).await.status, 400, "{malformed}");
    }
    let mut long = device.sign(&question(&world).await);
    long["more"] = "x".repeat(40_000).into();
    assert_eq!(answer(&world, &long).await.status, 400);
    let from_elsewhere = json!({ "passkey": device.sign(&question(&world).await) }).to_string();
    let path = "/api/user/passkey/login/finish";
    let fields = [("sec-fetch-site", "cross-site"), ("origin", "https://evil.example")];
    let posted = h1(world.gateway.address, "POST", path, &fields, from_elsewhere.as_bytes()).await;
    assert_eq!(posted.status, 403, "{}", posted.text());
    cookie_of(&sign_in(&world, &mut device).await);

    for (action, why) in [("disable", "disabled"), ("delete", "deleted")] {
        let manage = json!({ "username": "alice", "action": action });
        assert_eq!(world.api("POST", "/api/user/manage", Some(manage)).await.status, 200);
        assert_refused(&sign_in(&world, &mut device).await, why);
    }
    world.verify();
}

#[tokio::test]
async fn a_counter_that_goes_backwards_is_refused_and_on_record() {
    let world = world().await;
    let (id, session) = person(&world, "alice").await;
    let (mut device, _) = register(&world, &session).await;
    device.counter = Some(40);
    cookie_of(&sign_in(&world, &mut device).await);
    for before in [40, 5] {
        device.counter = Some(before);
        assert_refused(&sign_in(&world, &mut device).await, "a copy");
    }
    let mut forged = device.sign(&question(&world).await);
    forged["response"]["signature"] = "MAYCAQECAQE".into();
    assert_refused(&answer(&world, &forged).await, "nobody's signature");
    let trail = world.api("GET", "/api/audit?path=/api/user/passkey", None).await.json()["data"].clone();
    let notes: Vec<&Value> = trail.as_array().unwrap().iter().filter(|row| row["status"] == 401).collect();
    // What nobody has signed is no sign of a copy.
    assert_eq!(notes.len(), 2, "{trail}");
    assert_eq!(
        (&notes[1]["user_id"], &notes[1]["detail"]["counter"], &notes[1]["detail"]["last"]),
        (&json!(id), &json!(41), &json!(41)),
        "{}",
        notes[1]
    );
    assert_eq!((&notes[0]["detail"]["counter"], &notes[0]["detail"]["last"]), (&json!(6), &json!(41)));
    device.counter = Some(41);
    cookie_of(&sign_in(&world, &mut device).await);
    world.verify();
}

#[tokio::test]
async fn after_a_password_it_is_the_second_factor() {
    let world = world().await;
    let (_, session) = person(&world, "alice").await;
    let (_, others) = person(&world, "bob").await;
    let (mut device, made) = register(&world, &session).await;
    let (mut bobs, _) = register(&world, &others).await;
    let refusal = async || {
        let refusal = login(&world, "alice", json!({})).await;
        assert_eq!((refusal.status, refusal.json()["code"].as_str()), (401, Some("passkey_required")));
        assert_eq!(refusal.json()["data"]["factors"], json!(["passkey"]));
        assert!(!refusal.headers.contains_key("set-cookie"));
        asked(&refusal)
    };
    let question = refusal().await;
    let offered = question["allowCredentials"].as_array().unwrap().clone();
    let signed = device.sign(&question);
    assert_eq!((offered.len(), &offered[0]["id"]), (1, &signed["rawId"]));
    let wrong = json!({ "username": "alice", "password": "wrong", "passkey": signed });
    let wrong = send(&world, "POST", "/api/user/login", "", &wrong).await;
    assert_eq!((wrong.status, wrong.json()["code"].as_str()), (401, Some("unauthenticated")));
    cookie_of(&login(&world, "alice", json!({ "passkey": signed })).await);
    assert_refused(&login(&world, "alice", json!({ "passkey": signed })).await, "again");
    // After the password it is enough that somebody is there, and the account is known already.
    (device.verified, device.handle) = (false, None);
    cookie_of(&login(&world, "alice", json!({ "passkey": device.sign(&refusal().await) })).await);
    device.origin = "https://evil.example".into();
    assert_refused(
        &login(&world, "alice", json!({ "passkey": device.sign(&refusal().await) })).await,
        "elsewhere",
    );
    device.origin = ORIGIN.into();

    assert_refused(&login(&world, "alice", json!({ "passkey": bobs.sign(&refusal().await) })).await, "bob's");
    let bobs_question = asked(&login(&world, "bob", json!({})).await);
    let signed = device.sign(&bobs_question);
    assert_refused(&login(&world, "alice", json!({ "passkey": signed })).await, "bob's challenge");
    let anybody = self::question(&world).await;
    assert_refused(
        &login(&world, "alice", json!({ "passkey": device.sign(&anybody) })).await,
        "a sign-in's challenge",
    );

    // A recovery code opens once; so does none that is not the account's.
    let codes = made["recovery_codes"].as_array().unwrap();
    cookie_of(&login(&world, "alice", json!({ "totp": codes[0] })).await);
    for (name, code) in [("alice", codes[0].clone()), ("bob", codes[1].clone()), ("alice", json!("123456"))] {
        let refused = login(&world, name, json!({ "totp": code })).await;
        assert_eq!((refused.status, refused.json()["code"].as_str()), (401, Some("totp_wrong")), "{code}");
    }
    let status = send(&world, "GET", "/api/user/totp", &session, &json!({})).await.json()["data"].clone();
    assert_eq!(status, json!({ "active": false, "passkeys": 1, "recovery_codes": 9 }));

    // A second kind is not set up by the password alone; then either of them opens.
    let totp = async |proof: Value| send(&world, "POST", "/api/user/totp", &session, &proof).await;
    assert_eq!(totp(json!({ "password": "password 1" })).await.json()["code"], "passkey_required");
    let seed = totp(json!({ "totp": codes[1] })).await.json()["data"]["secret"].as_str().unwrap().to_owned();
    let code = json!({ "code": crate::signin::code(&seed, 0) });
    let confirmed = send(&world, "POST", "/api/user/totp/confirm", &session, &code).await;
    assert_eq!(confirmed.status, 200, "{}", confirmed.text());
    let refusal = login(&world, "alice", json!({})).await;
    assert_eq!(refusal.json()["code"], "totp_required");
    assert_eq!(refusal.json()["data"]["factors"], json!(["totp", "passkey"]));
    cookie_of(&login(&world, "alice", json!({ "passkey": device.sign(&asked(&refusal)) })).await);
    cookie_of(&login(&world, "alice", json!({ "totp": crate::signin::code(&seed, 1) })).await);
    assert_eq!(
        login(&world, "alice", json!({ "totp": codes[2] })).await.status,
        401,
        "new codes, old ones are dead"
    );

    // The codes stay as long as there is something to recover.
    let fresh = confirmed.json()["data"]["recovery_codes"].clone();
    let gone = send(&world, "DELETE", "/api/user/totp", &session, &json!({ "recovery": fresh[0] })).await;
    assert_eq!(gone.status, 200, "{}", gone.text());
    cookie_of(&login(&world, "alice", json!({ "totp": fresh[1] })).await);
    world.verify();
}

#[tokio::test]
async fn a_new_passkey_needs_a_session_a_proof_and_its_own_challenge() {
    let world = world().await;
    let (id, session) = person(&world, "alice").await;
    let (_, others) = person(&world, "bob").await;
    let proof = json!({ "password": "password 1" });
    let create = |begun: &Answer| Authenticator::create(&asked(begun), ORIGIN);
    assert_eq!(begin(&world, &session, json!({})).await.status, 403);
    assert_eq!(begin(&world, &session, json!({ "password": "wrong" })).await.status, 403);
    assert_eq!(begin(&world, "", proof.clone()).await.status, 401);
    let token = send(&world, "POST", "/api/user/token", &session, &json!({})).await.json()["data"].clone();
    let machine = [("authorization", token.as_str().unwrap())];
    let path = format!("{PASSKEYS}/begin");
    let by_machine = h1(world.gateway.address, "POST", &path, &machine, proof.to_string().as_bytes()).await;
    assert_eq!(by_machine.status, 403, "{}", by_machine.text());

    let begun = begin(&world, &session, proof.clone()).await;
    let (_, made) = create(&begun);
    assert_eq!(finish(&world, &others, made.clone()).await.status, 403, "another's challenge");
    assert_eq!(finish(&world, &session, made).await.status, 403, "and gone with it");
    let spoilt = async |spoil: &dyn Fn(&mut Authenticator)| {
        let asked = asked(&begin(&world, &session, proof.clone()).await);
        let (mut device, _) = Authenticator::create(&asked, ORIGIN);
        spoil(&mut device);
        finish(&world, &session, device.register(&asked)).await.status
    };
    assert_eq!(spoilt(&|device| device.origin = "https://evil.example".into()).await, 422);
    assert_eq!(spoilt(&|device| device.rp_id = "evil.example".into()).await, 422);
    assert_eq!(spoilt(&|device| device.verified = false).await, 422);
    let asked_of = question(&world).await;
    let mut anybody = asked(&begin(&world, &session, proof.clone()).await);
    anybody["challenge"] = asked_of["challenge"].clone();
    let (_, made) = Authenticator::create(&anybody, ORIGIN);
    assert_eq!(finish(&world, &session, made).await.status, 403, "a sign-in's challenge");
    let (mut device, made) = create(&begin(&world, &session, proof.clone()).await);
    assert_eq!(finish(&world, &session, made.clone()).await.status, 200);
    assert_eq!(finish(&world, &session, made).await.status, 403, "again");

    // Nobody gets a credential that another has.
    let theirs = asked(&begin(&world, &others, proof.clone()).await);
    let stolen = finish(&world, &others, device.register(&theirs)).await;
    assert_eq!(stolen.status, 409, "{}", stolen.text());
    // All of an account's are known by one name, and those that are there are not made again.
    let second = begin_with(&world, &session, &mut device).await;
    assert_eq!(asked(&second)["excludeCredentials"].as_array().unwrap().len(), 1);
    let (another, made) = create(&second);
    assert_eq!(another.handle, device.handle);
    let kept = finish(&world, &session, made).await;
    assert_eq!(kept.json()["data"]["recovery_codes"], json!([]), "{}", kept.text());
    for _ in 2..20 {
        let (_, made) = create(&begin_with(&world, &session, &mut device).await);
        assert_eq!(finish(&world, &session, made).await.status, 200);
    }
    let (_, made) = create(&begin_with(&world, &session, &mut device).await);
    assert_eq!(finish(&world, &session, made).await.status, 409, "twenty are enough");

    let path = format!("/api/user/{id}/passkeys");
    assert_eq!(send(&world, "DELETE", &path, &others, &json!({})).await.status, 403);
    assert_eq!(world.api("DELETE", &path, None).await.status, 200);
    assert_eq!(world.api("DELETE", &path, None).await.status, 404);
    cookie_of(&login(&world, "alice", json!({})).await);
    assert_refused(&sign_in(&world, &mut device).await, "reset by an administrator");
    // A new password leaves what was begun before it behind.
    let begun = begin(&world, &others, proof.clone()).await;
    let change = json!({ "password": "password 2" });
    let changed = send(&world, "PUT", "/api/user/self", &others, &change).await;
    let (_, made) = create(&begun);
    assert_eq!(finish(&world, &cookie_of(&changed), made).await.status, 403);
    world.verify();
}

/// A request by a name of the gateway's.
async fn at(world: &World, host: &str, path: &str, cookie: &str, body: &Value) -> Answer {
    let mut client = H1::connect(world.gateway.address).await;
    let body = body.to_string();
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: {host}\r\ncookie: {cookie}\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    client.write(head.as_bytes()).await;
    client.answer().await.unwrap()
}

#[tokio::test]
async fn passkeys_belong_to_a_host_with_a_name() {
    let world = World::new("");
    let (_, session) = person(&world, "alice").await;
    let login_begin = "/api/user/passkey/login/begin";
    let begin = async |host: &str| at(&world, host, login_begin, "", &json!({})).await;
    for (address, host) in [
        ("", "gate.example.com"),
        ("http://localhost:3000", "gate.example.com"),
        ("http://gate.example.com", "gate.example.com"),
        ("https://192.0.2.7", "192.0.2.7"),
        ("https://[2001:db8::7]", "[2001:db8::7]"),
        ("not an address", "127.0.0.1:3000"),
    ] {
        set(&world, "ServerAddress", address).await;
        let refused = begin(host).await;
        assert_eq!((refused.status, refused.json()["code"].as_str()), (409, Some("server_address_needed")));
        assert!(refused.json()["message"].as_str().unwrap().contains("ServerAddress"), "{}", refused.text());
        let status = h1(world.gateway.address, "GET", "/api/status", &[], b"").await;
        assert_eq!(status.json()["data"]["passkey_login"], false, "{address}");
        assert_eq!(asked(&begin("localhost:4000").await)["rpId"], "localhost", "{address}");
    }
    // On the machine itself, a whole way.
    let proof = json!({ "password": "password 1" });
    let begun = at(&world, "localhost:4000", &format!("{PASSKEYS}/begin"), &session, &proof).await;
    let (mut device, made) = Authenticator::create(&asked(&begun), "http://localhost:4000");
    let body = json!({ "passkey": made });
    let kept = at(&world, "localhost:4000", &format!("{PASSKEYS}/finish"), &session, &body).await;
    assert_eq!(kept.json()["data"]["name"], "Passkey", "{}", kept.text());
    let finish = "/api/user/passkey/login/finish";
    let signed = json!({ "passkey": device.sign(&asked(&begin("localhost:4000").await)) });
    cookie_of(&at(&world, "localhost:4000", finish, "", &signed).await);
    let signed = json!({ "passkey": device.sign(&asked(&begin("localhost:4000").await)) });
    assert_refused(&at(&world, "localhost:4001", finish, "", &signed).await, "another port");
    // Where they can't be used they are asked for all the same, and recovery codes are the way in.
    let refusal = login(&world, "alice", json!({})).await;
    assert_eq!(refusal.json()["code"], "passkey_required", "{}", refusal.text());
    assert_eq!(refusal.json()["data"], json!({ "factors": ["passkey"] }));
    assert!(refusal.json()["message"].as_str().unwrap().contains("ServerAddress"));
    cookie_of(&login(&world, "alice", json!({ "totp": kept.json()["data"]["recovery_codes"][0] })).await);

    set(&world, "ServerAddress", "https://gate.example.com:8443/magic/").await;
    assert_eq!(asked(&begin("localhost:4000").await)["rpId"], "gate.example.com");
    let status = h1(world.gateway.address, "GET", "/api/status", &[], b"").await;
    assert_eq!(status.json()["data"]["passkey_login"], true);
    device.rp_id = "gate.example.com".into();
    device.origin = "https://gate.example.com:8443".into();
    cookie_of(&sign_in(&world, &mut device).await);
    world.verify();
}

/// A provider's word needs the second factor too; the question comes with the ticket.
#[tokio::test]
async fn after_a_provider_it_is_the_second_factor() {
    let vendor = others();
    let world = world_of(&vendor).await;
    set(&world, "ServerAddress", ADDRESS).await;
    let (id, session) = person(&world, "alice").await;
    let (mut device, _) = register(&world, &session).await;
    assert_eq!(flow(&world, "github", "n7", &session).await.json()["message"], "bind");
    let vouched = flow(&world, "github", "n7", "").await;
    assert_eq!((vouched.status, vouched.json()["code"].as_str()), (401, Some("passkey_required")));
    let browser = vouched.headers["set-cookie"].split(';').next().unwrap();
    let redeem = async |browser: &str, passkey: &Value| {
        let body = json!({ "ticket": vouched.json()["data"]["ticket"], "passkey": passkey });
        send(&world, "POST", "/api/oauth/totp", browser, &body).await
    };
    let signed = device.sign(&asked(&vouched));
    assert_eq!(redeem("", &signed).await.status, 403, "another browser");
    let elsewhere = device.sign(&question(&world).await);
    assert_refused(&redeem(browser, &elsewhere).await, "another question's answer");
    let done = redeem(browser, &signed).await;
    assert_eq!(done.json()["data"]["id"], id, "{}", done.text());
    assert_eq!(redeem(browser, &signed).await.status, 403, "the ticket is used");

    // An account without a password: what there is to show is the passkey.
    let new = cookie_of(&flow(&world, "github", "n9", "").await);
    let begun = begin(&world, &new, json!({})).await;
    let (mut device, made) = Authenticator::create(&asked(&begun), ORIGIN);
    assert_eq!(finish(&world, &new, made).await.status, 200);
    assert_eq!(begin(&world, &new, json!({})).await.json()["code"], "passkey_required");
    cookie_of(&sign_in(&world, &mut device).await);
    world.verify();
}

/// Over TLS and HTTP/2, where the host is no header.
#[tokio::test]
async fn the_machine_itself_may_be_asked_over_tls() {
    let world = World::with("", true, vec![]);
    let tls = world.gateway.tls.unwrap();
    let (_, session) = person(&world, "alice").await;
    let post = async |path: &str, body: Value| {
        let fields = [("cookie", session.as_str()), ("content-type", "application/json")];
        h2(tls, path, &fields, body.to_string().as_bytes()).await
    };
    let begun = post(&format!("{PASSKEYS}/begin"), json!({ "password": "password 1" })).await;
    let (mut device, made) = Authenticator::create(&asked(&begun), "https://localhost");
    let kept = post(&format!("{PASSKEYS}/finish"), json!({ "passkey": made })).await;
    assert_eq!(kept.json()["data"]["site"], "localhost", "{}", kept.text());
    let finish = "/api/user/passkey/login/finish";
    for (origin, status) in [("http://localhost", 401), ("https://localhost", 200)] {
        device.origin = origin.into();
        let asked = asked(&post("/api/user/passkey/login/begin", json!({})).await);
        let welcome = post(finish, json!({ "passkey": device.sign(&asked) })).await;
        assert_eq!(welcome.status, status, "{origin}: {}", welcome.text());
    }
}

/// Pages that open don't use up what sign-ins are counted by; a flood of them ends.
#[tokio::test]
async fn questions_are_bounded_apart_from_sign_ins() {
    let world = world().await;
    let (_, session) = person(&world, "alice").await;
    let (mut device, _) = register(&world, &session).await;
    let path = "/api/user/passkey/login/begin";
    let first = question(&world).await;
    let mut asked = 1;
    let last = loop {
        let answer = send(&world, "POST", path, "", &json!({})).await;
        if answer.status != 200 {
            break answer;
        }
        asked += 1;
    };
    assert_eq!((asked, last.status), (120, 429), "{}", last.text());
    cookie_of(&answer(&world, &device.sign(&first)).await);
    let trail = world.api("GET", "/api/audit?path=/api/user/passkey", None).await.json()["data"].clone();
    assert_eq!(trail.as_array().unwrap().len(), 1, "questions are no changes: {trail}");
}

/// What one node asks is answered to another, on every engine that several can share.
#[tokio::test]
async fn a_challenge_of_one_node_is_good_at_the_other() {
    for engine in ENGINES {
        let database = database(*engine);
        let env = vec![("SQL_DSN", database.dsn.clone()), ("SESSION_SECRET", "a secret of both".to_owned())];
        let (one, other) = (World::with("", false, env.clone()), World::with("", false, env));
        set(&one, "ServerAddress", ADDRESS).await;
        let (id, session) = person(&one, "alice").await;
        let begun = begin(&one, &session, json!({ "password": "password 1" })).await;
        let (mut device, made) = Authenticator::create(&asked(&begun), ORIGIN);
        let kept = finish(&other, &session, made).await;
        assert_eq!(kept.status, 200, "{engine:?}: {}", kept.text());
        let signed = device.sign(&question(&one).await);
        let (first, second) = tokio::join!(answer(&other, &signed), answer(&one, &signed));
        let welcome: Vec<&Answer> =
            [&first, &second].into_iter().filter(|answer| answer.status == 200).collect();
        assert_eq!(welcome.len(), 1, "{engine:?}: {} {}", first.text(), second.text());
        assert_eq!(welcome[0].json()["data"]["id"], id);
        one.verify();
    }
}

//! Accounts from outside: registration, addresses, new passwords, invitations, sessions, lockout; with a real
//! mail server.

use crate::harness::{World, channel, customer, good, request};
use magic_testkit::client::{Answer, h1};
use magic_testkit::smtp::{Mail, MailServer};
use magic_testkit::vendor::{Proto, Script, Vendor, ca_pem};
use serde_json::{Value, json};

/// A gateway that sends its mail to `server`.
async fn mailing(server: &MailServer, config: &str, env: Vec<(&'static str, String)>) -> (World, String) {
    let world = World::with(config, false, env);
    let cookie = world.cookie().await;
    for (key, value) in [
        ("SMTPServer", "localhost"),
        ("SMTPPort", &server.address.port().to_string()),
        ("SMTPFrom", "noreply@example.com"),
        ("ServerAddress", "https://gate.example.com/"),
    ] {
        option(&world, &cookie, key, value).await;
    }
    (world, cookie)
}

async fn option(world: &World, cookie: &str, key: &str, value: &str) {
    let answer = call(world, cookie, "PUT", "/api/option/", json!({ "key": key, "value": value })).await;
    assert_eq!(answer.status, 200, "{key}: {}", answer.text());
}

/// A call with a cookie, or without one where it is empty.
async fn call(world: &World, cookie: &str, method: &str, path: &str, body: Value) -> Answer {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let fields: &[(&str, &str)] = if cookie.is_empty() { &[] } else { &[("cookie", cookie)] };
    h1(world.gateway.address, method, path, fields, body.as_bytes()).await
}

async fn get(world: &World, cookie: &str, path: &str) -> Answer {
    call(world, cookie, "GET", path, Value::Null).await
}

async fn login(world: &World, name: &str, password: &str) -> Answer {
    call(world, "", "POST", "/api/user/login", json!({ "username": name, "password": password })).await
}

fn cookie_of(answer: &Answer) -> String {
    answer.headers["set-cookie"].split(';').next().unwrap().to_owned()
}

/// The token of the link.
fn token(mail: &Mail) -> String {
    let text = mail.text();
    let at = text.find("&token=").unwrap() + 7;
    text[at..].chars().take_while(char::is_ascii_hexdigit).collect()
}

/// Another code than that.
fn wrong(code: &str) -> &'static str {
    if code == "000000" { "000001" } else { "000000" }
}

#[tokio::test]
async fn a_proven_address_makes_an_account_and_gets_back_into_it() {
    let server = MailServer::start(true);
    let ca = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(ca.path(), ca_pem()).unwrap();
    let env = vec![("SSL_CERT_FILE", ca.path().to_str().unwrap().to_owned())];
    let vendor = good(Proto::H1);
    let (world, root) = mailing(&server, &channel("a", &vendor, ""), env).await;
    option(&world, &root, "EmailVerificationEnabled", "true").await;
    option(&world, &root, "SMTPAccount", "account").await;
    option(&world, &root, "SMTPToken", "mail secret").await;
    option(&world, &root, "QuotaForNewUser", "500000").await;
    let mail_to = async |path: &str, to: &str| {
        let answer = get(&world, "", &format!("{path}?email={to}")).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        server.take(to).await
    };
    let mail = mail_to("/api/verification", "alice@example.com").await;
    assert!(mail.tls, "STARTTLS was offered");
    assert_eq!(mail.auth.as_deref(), Some("account:mail secret"));
    assert_eq!(mail.from, "noreply@example.com");
    let right = mail.code();
    let register = async |name: &str, code: &str| {
        let body = json!({ "username": name, "password": "password 1", "email": "Alice@Example.com",
            "verification_code": code });
        call(&world, "", "POST", "/api/user/register", body).await
    };
    assert_eq!(register("alice", wrong(&right)).await.status, 422);
    assert_eq!(register("alice", "").await.status, 422);
    assert_eq!(register("root", &right).await.status, 409, "names are public");
    assert_eq!(register("a@b.com", &right).await.status, 422);
    let made = register("alice", &right).await;
    assert_eq!(made.status, 200, "{}", made.text());
    assert_eq!(register("alice2", &right).await.status, 422, "a code works once");
    // The first token is live at once.
    let key = made.json()["data"]["default_token"].as_str().unwrap().to_owned();
    assert_eq!(world.chat_as(&key, &request(false)).await.status, 200);
    let session = cookie_of(&login(&world, "ALICE@example.com", "password 1").await);
    assert_eq!(get(&world, &session, "/api/user/self").await.json()["data"]["email"], "alice@example.com");

    // A new password, once made for her and once her own.
    let reset = async |token: &str, password: Option<&str>| {
        let body = json!({ "email": "alice@example.com", "token": token, "password": password });
        call(&world, "", "POST", "/api/user/reset", body).await
    };
    let mail = mail_to("/api/reset_password", "alice@example.com").await;
    assert!(mail.text().contains("https://gate.example.com/user/reset?email=alice%40example.com&token="));
    let first = token(&mail);
    let second = token(&mail_to("/api/reset_password", "alice@example.com").await);
    assert_eq!(reset(&first, None).await.status, 422, "the newer one replaces it");
    assert_eq!(reset(&second, Some("short")).await.status, 422);
    let answer = reset(&second, None).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let generated = answer.json()["data"].as_str().unwrap().to_owned();
    assert_eq!(get(&world, &session, "/api/user/self").await.status, 401, "every session has ended");
    assert_eq!(login(&world, "alice", "password 1").await.status, 401);
    assert_eq!(login(&world, "alice", &generated).await.status, 200);
    assert_eq!(reset(&second, None).await.status, 422, "a token works once");
    let third = token(&mail_to("/api/reset_password", "alice@example.com").await);
    assert_eq!(reset(&third, Some("password 3")).await.status, 200);
    assert_eq!(login(&world, "alice", "password 3").await.status, 200);
    world.logs(1).await;
    world.verify();
}

#[tokio::test]
async fn no_answer_tells_whether_an_address_is_known() {
    let server = MailServer::start(false);
    let (world, root) = mailing(&server, "", vec![]).await;
    let body = json!({ "username": "alice", "password": "password 1", "email": "Known@Example.com" });
    assert_eq!(call(&world, &root, "POST", "/api/user/", body).await.status, 200);
    option(&world, &root, "EmailVerificationEnabled", "true").await;
    let same = |one: &Answer, other: &Answer| {
        assert_eq!((one.status, one.text()), (other.status, other.text()));
    };
    let verification = async |to: &str| get(&world, "", &format!("/api/verification?email={to}")).await;
    let (known, unknown) =
        (verification("known@example.com").await, verification("unknown@example.com").await);
    assert_eq!(known.status, 200, "{}", known.text());
    same(&known, &unknown);
    let notice = server.take("known@example.com").await;
    assert!(notice.text().contains("has an account already"), "{}", notice.text());
    assert!(!notice.tls && notice.auth.is_none());
    let right = server.take("unknown@example.com").await.code();
    let register = async |to: &str, code: &str| {
        let body =
            json!({ "username": "bob", "password": "password 1", "email": to, "verification_code": code });
        call(&world, "", "POST", "/api/user/register", body).await
    };
    same(&register("known@example.com", "123").await, &register("unknown@example.com", "123").await);
    same(&register("known@example.com", &right).await, &register("unknown@example.com", "123").await);
    let reset = async |to: &str| get(&world, "", &format!("/api/reset_password?email={to}")).await;
    same(&reset("nobody@example.com").await, &reset("known@example.com").await);
    server.take("known@example.com").await;
    let take = async |to: &str| {
        let body = json!({ "email": to, "token": "0".repeat(64) });
        call(&world, "", "POST", "/api/user/reset", body).await
    };
    same(&take("known@example.com").await, &take("nobody@example.com").await);
    assert_eq!(server.count(), 0, "nobody got a mail");
    // Five mails in ten minutes, for either.
    for to in ["known@example.com", "nobody@example.com"] {
        let mut last = reset(to).await;
        for _ in 0..5 {
            last = reset(to).await;
        }
        assert_eq!(last.status, 429);
        assert!(last.headers.contains_key("retry-after"));
    }
    // Neither does signing in.
    for _ in 0..5 {
        same(&login(&world, "alice", "wrong").await, &login(&world, "nobody", "wrong").await);
    }
    assert_eq!(login(&world, "alice", "wrong").await.status, 429);
    assert_eq!(login(&world, "nobody", "wrong").await.status, 429);
    for bad in ["", "bob", "a@localhost", "a@x.com;b@x.com"] {
        assert_eq!(verification(bad).await.status, 422, "{bad}");
    }
    option(&world, &root, "EmailDomainWhitelist", "ok.com").await;
    option(&world, &root, "EmailDomainRestrictionEnabled", "true").await;
    assert_eq!(verification("c@notok.com").await.status, 422);
    assert_eq!(verification("c@OK.com").await.status, 200);
    server.take("c@ok.com").await;
}

#[tokio::test]
async fn an_address_is_bound_by_its_code() {
    let server = MailServer::start(false);
    let (world, root) = mailing(&server, "", vec![]).await;
    let mut cookies = Vec::new();
    for name in ["alice", "bob"] {
        let body = json!({ "username": name, "password": "password 1" });
        assert_eq!(call(&world, &root, "POST", "/api/user/", body).await.status, 200);
        cookies.push(cookie_of(&login(&world, name, "password 1").await));
    }
    let ask = async |to: &str| {
        assert_eq!(get(&world, "", &format!("/api/verification?email={to}")).await.status, 200);
        server.take(to).await
    };
    let path = |to: &str, code: &str| format!("/api/oauth/email/bind?email={to}&code={code}");
    let right = ask("alice@example.com").await.code();
    let foreign = [("cookie", cookies[0].as_str()), ("sec-fetch-site", "none")];
    let at = path("alice@example.com", &right);
    assert_eq!(h1(world.gateway.address, "GET", &at, &foreign, b"").await.status, 403, "a link in a mail");
    for _ in 0..5 {
        let answer = get(&world, &cookies[0], &path("alice@example.com", wrong(&right))).await;
        assert_eq!(answer.status, 422);
    }
    assert_eq!(get(&world, &cookies[0], &at).await.status, 422, "five guesses are all");
    let right = ask("alice@example.com").await.code();
    assert_eq!(get(&world, &cookies[0], &path("alice@example.com", &right)).await.status, 200);
    assert_eq!(get(&world, &cookies[0], "/api/user/self").await.json()["data"]["email"], "alice@example.com");
    // Bob can't have it: the owner is told, and there is no code.
    assert!(ask("alice@example.com").await.text().contains("has an account already"));
    // Another address: the old one is told.
    let right = ask("new@example.com").await.code();
    assert_eq!(get(&world, &cookies[0], &path("new@example.com", &right)).await.status, 200);
    assert!(server.take("alice@example.com").await.text().contains("another e-mail address"));
    assert_eq!(get(&world, &cookies[1], &path("new@example.com", &right)).await.status, 422);
}

#[tokio::test]
async fn invitations_are_paid_once_and_exactly() {
    let world = World::new(customer(1.0));
    let root = world.cookie().await;
    for (key, value) in [("QuotaForNewUser", "100"), ("QuotaForInvitee", "30"), ("QuotaForInviter", "7")] {
        option(&world, &root, key, value).await;
    }
    let before = get(&world, &root, "/api/user/self").await.json()["data"]["quota"].as_i64().unwrap();
    let aff = get(&world, &root, "/api/user/aff").await.json()["data"].as_str().unwrap().to_owned();
    assert_eq!(get(&world, &root, "/api/user/aff").await.json()["data"], aff.as_str());
    let register = async |name: &str, aff: &str| {
        let body = json!({ "username": name, "password": "password 1", "aff_code": aff, "email": "x@example.com",
            "role": 100, "quota": 1_000_000, "group": "svip" });
        call(&world, "", "POST", "/api/user/register", body).await
    };
    assert_eq!(register("invited", &aff).await.status, 200);
    assert_eq!(register("invited", &aff).await.status, 409);
    assert_eq!(register("alone", "nobody's").await.status, 200);
    for (name, quota) in [("invited", 130), ("alone", 100)] {
        let session = cookie_of(&login(&world, name, "password 1").await);
        let me = get(&world, &session, "/api/user/self").await.json()["data"].clone();
        assert_eq!((me["quota"].as_i64(), me["role"].as_i64()), (Some(quota), Some(1)), "{me}");
        assert_eq!((me["email"].as_str(), me["group"].as_str()), (Some(""), Some("default")), "unproven");
        let tokens = get(&world, &session, "/api/token/").await.json()["data"].clone();
        assert_eq!(
            (tokens[0]["name"].as_str(), tokens[0]["unlimited_quota"].as_bool()),
            (Some("default"), Some(true))
        );
    }
    let after = get(&world, &root, "/api/user/self").await.json()["data"]["quota"].as_i64().unwrap();
    assert_eq!(after - before, 7);
    for switch in ["PasswordRegisterEnabled", "RegisterEnabled"] {
        option(&world, &root, switch, "false").await;
        assert_eq!(register("late", "").await.status, 403);
    }
    world.verify();
}

#[tokio::test]
async fn turnstile_guards_and_fails_closed() {
    let cloudflare = Vendor::start(Proto::H1, |seen| {
        // A form has two words for a space.
        let body = String::from_utf8_lossy(&seen.body).replace('+', "%20");
        let good = body.contains("secret=the%20secret") && body.contains("response=good");
        Script::json(200, json!({ "success": good }).to_string())
    });
    let server = MailServer::start(false);
    let env = vec![("TURNSTILE_VERIFY_URL", format!("{}/siteverify", cloudflare.base_url()))];
    let (world, root) = mailing(&server, "", env).await;
    option(&world, &root, "TurnstileSiteKey", "site").await;
    option(&world, &root, "TurnstileSecretKey", "the secret").await;
    option(&world, &root, "TurnstileCheckEnabled", "true").await;
    let body = json!({ "username": "alice", "password": "password 1" });
    for (answer, wanted) in [("", 403), ("&turnstile=bad", 403), ("&turnstile=good", 200)] {
        for route in ["verification", "reset_password"] {
            let path = format!("/api/{route}?email=a@example.com{answer}");
            assert_eq!(get(&world, "", &path).await.status, wanted, "{path}");
        }
        let path = format!("/api/user/register?x=1{answer}");
        assert_eq!(call(&world, "", "POST", &path, body.clone()).await.status, wanted, "{path}");
    }
    assert_eq!(login(&world, "alice", "password 1").await.status, 200, "signing in is not guarded");
    drop(cloudflare);
    let answer = get(&world, "", "/api/verification?email=a@example.com&turnstile=good").await;
    assert_eq!(answer.status, 503, "{}", answer.text());
}

#[tokio::test]
async fn wrong_passwords_make_an_account_wait() {
    let world = World::new("");
    let root = world.cookie().await;
    for name in ["alice", "bob"] {
        let body = json!({ "username": name, "password": "password 1" });
        assert_eq!(call(&world, &root, "POST", "/api/user/", body).await.status, 200);
    }
    for _ in 0..4 {
        assert_eq!(login(&world, "alice", "wrong").await.status, 401);
    }
    assert_eq!(login(&world, "alice", "password 1").await.status, 200, "four are forgiven");
    for _ in 0..5 {
        assert_eq!(login(&world, "alice", "wrong").await.status, 401);
    }
    for name in ["alice", "Alice"] {
        let answer = login(&world, name, "password 1").await;
        assert_eq!(answer.status, 429, "{}", answer.text());
        assert!(answer.headers["retry-after"].parse::<u64>().unwrap() <= 6);
    }
    assert_eq!(login(&world, "bob", "password 1").await.status, 200);
}

#[tokio::test]
async fn sessions_are_listed_and_ended() {
    let world = World::new("");
    let root = world.cookie().await;
    let body = json!({ "username": "alice", "password": "password 1" });
    let made = call(&world, &root, "POST", "/api/user/", body).await.json();
    let id = made["data"]["id"].as_i64().unwrap();
    let mut cookies = Vec::new();
    for _ in 0..4 {
        cookies.push(cookie_of(&login(&world, "alice", "password 1").await));
    }
    let list = get(&world, &cookies[0], "/api/user/sessions").await.json()["data"].clone();
    let list = list.as_array().unwrap();
    assert_eq!(list.len(), 4);
    assert_eq!(list.iter().filter(|row| row["current"] == true).count(), 1);
    assert_eq!(list[0]["ip"], "127.0.0.1");
    let secret = cookies[0].split_once('=').unwrap().1;
    assert!(!list.iter().any(|row| row["id"] == secret[..16]), "an id is no part of the cookie");
    let theirs = get(&world, &cookies[1], "/api/user/sessions").await.json()["data"].clone();
    let theirs = theirs.as_array().unwrap().iter().find(|row| row["current"] == true).unwrap()["id"].clone();
    let path = format!("/api/user/sessions/{}", theirs.as_str().unwrap());
    assert_eq!(call(&world, &root, "DELETE", &path, Value::Null).await.status, 404, "only one's own");
    assert_eq!(call(&world, &cookies[0], "DELETE", &path, Value::Null).await.status, 200);
    assert_eq!(get(&world, &cookies[1], "/api/user/self").await.status, 401);
    assert_eq!(get(&world, &cookies[2], "/api/user/self").await.status, 200);
    let ended = call(&world, &cookies[0], "DELETE", "/api/user/sessions", Value::Null).await;
    assert_eq!(ended.json()["data"], 2, "{}", ended.text());
    assert_eq!(get(&world, &cookies[2], "/api/user/self").await.status, 401);
    assert_eq!(get(&world, &cookies[0], "/api/user/self").await.status, 200);

    let access = call(&world, &cookies[0], "POST", "/api/user/token", Value::Null).await.json();
    let bearer = access["data"].as_str().unwrap().to_owned();
    let with_token = async || {
        let fields = [("authorization", bearer.as_str())];
        h1(world.gateway.address, "GET", "/api/user/self", &fields, b"").await.status
    };
    assert_eq!(with_token().await, 200);
    assert_eq!(call(&world, &cookies[0], "DELETE", "/api/user/token", Value::Null).await.status, 200);
    assert_eq!(with_token().await, 401);

    let ban = json!({ "id": id, "status": 2 });
    assert_eq!(call(&world, &root, "PUT", "/api/user/", ban).await.status, 200);
    assert!(get(&world, &cookies[0], "/api/user/self").await.status >= 401, "a ban bites at once");
    let unban = json!({ "id": id, "status": 1 });
    assert_eq!(call(&world, &root, "PUT", "/api/user/", unban).await.status, 200);
    assert_eq!(get(&world, &cookies[0], "/api/user/self").await.status, 401, "the session stays dead");
}

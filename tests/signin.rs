//! Signing in by others, and second factors, against providers on real sockets.

use crate::harness::World;
use magic_testkit::client::{Answer, h1};
use magic_testkit::oidc::{CLIENT, Grant, Oidc, SECRET, decode};
use magic_testkit::vendor::{Proto, Script, Vendor};
use serde_json::{Value, json};

/// A cookie that an answer sets, as `name=value`.
fn cookie_of(answer: &Answer) -> String {
    answer.headers["set-cookie"].split(';').next().unwrap().to_owned()
}

async fn get(world: &World, path: &str, cookie: &str) -> Answer {
    h1(world.gateway.address, "GET", path, &[("cookie", cookie)], b"").await
}

async fn send(world: &World, method: &str, path: &str, cookie: &str, body: Value) -> Answer {
    let body = body.to_string();
    h1(world.gateway.address, method, path, &[("cookie", cookie)], body.as_bytes()).await
}

async fn set(world: &World, options: &[(&str, &str)]) {
    let cookie = world.cookie().await;
    for (key, value) in options {
        let answer = send(world, "PUT", "/api/option/", &cookie, json!({ "key": key, "value": value })).await;
        assert_eq!(answer.status, 200, "{key}: {}", answer.text());
    }
}

/// A whole flow whose URL the client builds, in a browser that has `session` (or nothing).
pub async fn flow(world: &World, provider: &str, code: &str, session: &str) -> Answer {
    let begun = get(world, "/api/oauth/state", session).await;
    assert_eq!(begun.status, 200, "{}", begun.text());
    let state = begun.json()["data"].as_str().unwrap().to_owned();
    let cookies = format!("{}; {session}", cookie_of(&begun));
    get(world, &format!("/api/oauth/{provider}?code={code}&state={state}"), &cookies).await
}

/// A provider whose codes are `n<number>`: the account of that number; Lark and WeChat alike.
pub fn others() -> Vendor {
    Vendor::start(Proto::H1, |seen| {
        let bearer = seen.headers.get("authorization").cloned().unwrap_or_default();
        let number = bearer.trim_start_matches("Bearer n").parse::<u64>().unwrap_or(0);
        let body = match seen.path.split('?').next().unwrap() {
            "/gh/token" | "/lark/token" => {
                let body = seen.json();
                assert_eq!(body["client_secret"], "s3");
                json!({ "access_token": body["code"] })
            }
            "/gh/user" => json!({ "id": number, "login": format!("octo-{number}"), "name": "Octo" }),
            "/gh/user/emails" => json!([
                { "email": format!("n{number}@octo.example"), "primary": true, "verified": number != 8 }]),
            "/lark/user" => json!({ "open_id": format!("ou_{number}"), "name": "Lark" }),
            "/api/wechat/user" => {
                assert_eq!(bearer, "wx-token");
                let code = seen.path.split("code=").nth(1).unwrap();
                json!({ "success": true, "message": "", "data": if code == "bad" { "" } else { code } })
            }
            other => return Script::json(404, json!({ "unknown": other }).to_string()),
        };
        Script::json(200, body.to_string())
    })
}

pub async fn world_of(vendor: &Vendor) -> World {
    let base = vendor.base_url();
    let world = World::with(
        "",
        false,
        vec![
            ("GITHUB_TOKEN_URL", format!("{base}/gh/token")),
            ("GITHUB_USER_URL", format!("{base}/gh/user")),
            ("LARK_TOKEN_URL", format!("{base}/lark/token")),
            ("LARK_USERINFO_URL", format!("{base}/lark/user")),
        ],
    );
    set(
        &world,
        &[
            ("GitHubClientId", "gh"),
            ("GitHubClientSecret", "s3"),
            ("LarkClientId", "lk"),
            ("LarkClientSecret", "s3"),
            ("WeChatServerAddress", &base),
            ("WeChatServerToken", "wx-token"),
            ("QuotaForNewUser", "1000"),
            ("GitHubOAuthEnabled", "true"),
            ("WeChatAuthEnabled", "true"),
        ],
    )
    .await;
    world
}

#[tokio::test]
async fn a_provider_makes_finds_and_binds_accounts() {
    let vendor = others();
    let world = world_of(&vendor).await;
    let first = flow(&world, "github", "n7", "").await;
    assert_eq!(first.status, 200, "{}", first.text());
    let session = cookie_of(&first);
    let me = get(&world, "/api/user/self", &session).await.json()["data"].clone();
    assert_eq!(me["github_id"], "id:7");
    assert_eq!(me["quota"], 1000);
    assert_eq!(me["email"], "n7@octo.example");
    assert!(me["username"].as_str().unwrap().starts_with("github_"));
    assert_eq!(flow(&world, "github", "n7", "").await.json()["data"]["id"], me["id"]);
    let unverified = flow(&world, "github", "n8", "").await;
    let other = get(&world, "/api/user/self", &cookie_of(&unverified)).await.json()["data"].clone();
    assert_ne!(other["id"], me["id"]);
    assert_eq!(other["email"], "");

    // Bound to an account that is signed in; what another has is refused.
    let bound = flow(&world, "lark", "n3", &session).await;
    assert_eq!(bound.json()["message"], "bind", "{}", bound.text());
    assert_eq!(flow(&world, "lark", "n3", "").await.json()["data"]["id"], me["id"]);
    assert_eq!(flow(&world, "github", "n8", &session).await.status, 409);
    let wechat = get(&world, "/api/oauth/wechat/bind?code=wx1", &session).await;
    assert_eq!(wechat.json()["message"], "bind", "{}", wechat.text());
    assert_eq!(get(&world, "/api/oauth/wechat?code=wx1", "").await.json()["data"]["id"], me["id"]);
    assert_eq!(get(&world, "/api/oauth/wechat?code=bad", "").await.status, 403);
    let theirs = h1(
        world.gateway.address,
        "GET",
        "/api/oauth/wechat?code=wx1",
        &[("sec-fetch-site", "cross-site")],
        b"",
    );
    assert_eq!(theirs.await.status, 403);

    // A state is one browser's, and good once.
    let begun = get(&world, "/api/oauth/state", "").await;
    let path = format!("/api/oauth/github?code=n7&state={}", begun.json()["data"].as_str().unwrap());
    assert_eq!(get(&world, &path, "").await.status, 403);
    assert_eq!(get(&world, &path, &format!("oauth={}", "0".repeat(64))).await.status, 403);
    assert_eq!(get(&world, "/api/oauth/github?code=n7&state=x", &cookie_of(&begun)).await.status, 403);
    assert_eq!(get(&world, &path, &cookie_of(&begun)).await.status, 200);
    assert_eq!(get(&world, &path, &cookie_of(&begun)).await.status, 403);

    set(&world, &[("RegisterEnabled", "false")]).await;
    assert_eq!(flow(&world, "github", "n9", "").await.status, 403);
    let ban = json!({ "username": me["username"], "action": "disable" });
    assert_eq!(world.api("POST", "/api/user/manage", Some(ban)).await.status, 200);
    let banned = flow(&world, "github", "n7", "").await;
    assert_eq!(banned.status, 403);
    assert!(!banned.headers.contains_key("set-cookie"));
    world.verify();
}

#[tokio::test]
async fn oidc_is_validated() {
    let provider = Oidc::start();
    let world = World::new("");
    let well_known = format!("{}/.well-known/openid-configuration", provider.vendor.base_url());
    set(
        &world,
        &[
            ("OidcEnabled", "true"),
            ("OidcClientId", CLIENT),
            ("OidcClientSecret", SECRET),
            ("OidcWellKnown", &well_known),
        ],
    )
    .await;
    let grant = |claims: Value| Grant { claims, challenge: None, forged: false };
    // Begun by us: the nonce and the challenge are the URL's.
    let started = async |change: &dyn Fn(&mut Grant)| {
        let begun = get(&world, "/api/oauth/oidc/start", "").await;
        assert_eq!(begun.status, 200, "{}", begun.text());
        let url = begun.json()["data"]["url"].as_str().unwrap().to_owned();
        let query = |name: &str| {
            let text = url.split(&format!("{name}=")).nth(1).unwrap();
            decode(text.split('&').next().unwrap())
        };
        assert_eq!(query("code_challenge_method"), "S256");
        let mut grant = grant(json!({ "sub": "a", "nonce": query("nonce"), "preferred_username": "ann",
            "email": "ann@corp.example", "email_verified": true }));
        grant.challenge = Some(query("code_challenge"));
        change(&mut grant);
        provider.issue("c1", grant);
        get(&world, &format!("/api/oauth/oidc?code=c1&state={}", query("state")), &cookie_of(&begun)).await
    };
    let first = started(&|_| ()).await;
    assert_eq!(first.json()["data"]["username"], "ann", "{}", first.text());
    assert_eq!(started(&|_| ()).await.json()["data"]["id"], first.json()["data"]["id"]);
    let refusals: [&dyn Fn(&mut Grant); 6] = [
        &|grant| grant.claims["aud"] = json!("another-client"),
        &|grant| grant.claims["nonce"] = json!("another"),
        &|grant| grant.claims["iss"] = json!("http://another.example"),
        &|grant| grant.claims["exp"] = json!(1000),
        &|grant| grant.forged = true,
        &|grant| grant.challenge = Some("another".into()),
    ];
    for (number, change) in refusals.iter().enumerate() {
        let answer = started(change).await;
        assert_eq!(answer.status, 403, "{number}: {}", answer.text());
        assert!(!answer.headers.contains_key("set-cookie"), "{number}");
    }
    // One-api's clients build the URL themselves, with the state alone.
    provider.issue("plain", grant(json!({ "sub": "a" })));
    assert_eq!(flow(&world, "oidc", "plain", "").await.json()["data"]["username"], "ann");
    assert_eq!(flow(&world, "oidc", "unknown", "").await.status, 403);
    world.verify();
}

/// The code of a time, `steps` away from now.
pub fn code(secret: &str, steps: i64) -> String {
    let seed = totp_rs::Secret::try_from_base32(secret).unwrap();
    let totp = totp_rs::Builder::new()
        .with_algorithm(totp_rs::Algorithm::SHA1)
        .with_secret(seed)
        .with_account_name("a")
        .build()
        .unwrap();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    totp.generate(now.checked_add_signed(steps * 30).unwrap()).to_string()
}

#[tokio::test]
async fn passwords_are_guessed_as_slowly_where_a_factor_is_set_up() {
    let world = World::new("");
    let account = json!({ "username": "alice", "password": "password 1" });
    assert_eq!(world.api("POST", "/api/user/", Some(account.clone())).await.status, 200);
    let session = cookie_of(&send(&world, "POST", "/api/user/login", "", account).await);
    let begin = async |password: &str| {
        send(&world, "POST", "/api/user/totp", &session, json!({ "password": password })).await
    };
    for _ in 0..5 {
        assert_eq!(begin("guessed").await.status, 403);
    }
    let waiting = begin("password 1").await;
    assert_eq!(waiting.status, 429, "{}", waiting.text());
    assert!(waiting.headers["retry-after"].parse::<u64>().unwrap() > 0);
}

#[tokio::test]
async fn a_second_factor_is_asked_for_and_each_code_counts_once() {
    let vendor = others();
    let world = world_of(&vendor).await;
    let new = json!({ "username": "alice", "password": "password 1" });
    let id = world.api("POST", "/api/user/", Some(new)).await.json()["data"]["id"].clone();
    let login = async |more: Value| {
        let mut body = json!({ "username": "alice", "password": "password 1" });
        for (name, value) in more.as_object().unwrap() {
            body[name] = value.clone();
        }
        send(&world, "POST", "/api/user/login", "", body).await
    };
    let session = cookie_of(&login(json!({})).await);
    assert_eq!(flow(&world, "github", "n7", &session).await.json()["message"], "bind");
    let refused = send(&world, "POST", "/api/user/totp", &session, json!({ "password": "wrong" })).await;
    assert_eq!(refused.status, 403);
    let begun = send(&world, "POST", "/api/user/totp", &session, json!({ "password": "password 1" })).await;
    let secret = begun.json()["data"]["secret"].as_str().unwrap().to_owned();
    assert!(begun.json()["data"]["url"].as_str().unwrap().starts_with("otpauth://totp/"));
    assert_eq!(login(json!({})).await.status, 200, "not active yet");
    let confirm = async |code: String| {
        send(&world, "POST", "/api/user/totp/confirm", &session, json!({ "code": code })).await
    };
    assert_eq!(confirm(code(&secret, -9)).await.status, 401);
    let used = code(&secret, 0);
    let confirmed = confirm(used.clone()).await;
    assert_eq!(confirmed.status, 200, "{}", confirmed.text());
    let recovery = confirmed.json()["data"]["recovery_codes"].clone();
    assert_eq!(recovery.as_array().unwrap().len(), 10);

    let asked = login(json!({})).await;
    assert_eq!((asked.status, asked.json()["code"].as_str()), (401, Some("totp_required")));
    assert!(!asked.headers.contains_key("set-cookie"));
    assert_eq!(asked.json()["data"], json!({ "factors": ["totp"] }));
    assert_eq!(login(json!({ "totp": used })).await.status, 401, "used to confirm");
    let next = code(&secret, 1);
    assert_eq!(login(json!({ "totp": next })).await.status, 200);
    assert_eq!(login(json!({ "totp": next })).await.json()["code"], "totp_wrong");
    assert_eq!(login(json!({ "totp": recovery[0] })).await.status, 200);
    assert_eq!(login(json!({ "totp": recovery[0] })).await.status, 401);

    // By a provider: a ticket first, good in that browser.
    let vouched = flow(&world, "github", "n7", "").await;
    assert_eq!((vouched.status, vouched.json()["code"].as_str()), (401, Some("totp_required")));
    let finish = json!({ "ticket": vouched.json()["data"]["ticket"], "totp": recovery[1] });
    assert_eq!(send(&world, "POST", "/api/oauth/totp", "", finish.clone()).await.status, 403);
    let done = send(&world, "POST", "/api/oauth/totp", &cookie_of(&vouched), finish.clone()).await;
    assert_eq!(done.json()["data"]["id"], id, "{}", done.text());
    assert_eq!(send(&world, "POST", "/api/oauth/totp", &cookie_of(&vouched), finish).await.status, 403);

    let mut last = 0;
    for _ in 0..6 {
        last = login(json!({ "totp": "000000" })).await.status;
    }
    assert_eq!(last, 429);
    assert_eq!(login(json!({ "totp": recovery[2] })).await.status, 200, "a recovery code still opens");
    let gone = send(&world, "DELETE", "/api/user/totp", &session, json!({ "recovery": recovery[3] })).await;
    assert_eq!(gone.status, 200, "{}", gone.text());
    assert_eq!(login(json!({})).await.status, 200);
    let path = format!("/api/user/{id}/totp");
    assert_eq!(world.api("DELETE", &path, None).await.status, 404);
    send(&world, "POST", "/api/user/totp", &session, json!({ "password": "password 1" })).await;
    assert_eq!(world.api("DELETE", &path, None).await.status, 200);
    world.verify();
}

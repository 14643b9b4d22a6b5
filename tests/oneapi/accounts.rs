//! The own account: how it is made, changed, paid for, and left (oneapi.md §2.6 "Session and own account", §2.7).

use super::{House, PASSWORD, column, has_keys};
use crate::harness::{MODEL, good};
use magic_testkit::client::h1;
use magic_testkit::db::ENGINES;
use magic_testkit::vendor::Proto;
use serde_json::{Value, json};

pub const USER: &[&str] = &[
    "id",
    "username",
    "password",
    "display_name",
    "role",
    "status",
    "email",
    "github_id",
    "wechat_id",
    "lark_id",
    "oidc_id",
    "verification_code",
    "access_token",
    "quota",
    "used_quota",
    "request_count",
    "group",
    "aff_code",
    "inviter_id",
];

#[tokio::test(flavor = "multi_thread")]
async fn a_person_signs_up_by_invitation_and_leaves() {
    for engine in ENGINES {
        let vendor = good(Proto::H1);
        let house = House::open(*engine, &vendor).await;
        let root = house.root.clone();
        for (key, quota) in
            [("QuotaForNewUser", "1000"), ("QuotaForInvitee", "200"), ("QuotaForInviter", "300")]
        {
            house.option(key, quota).await;
        }
        let invitation = house.get(&root, "/api/user/aff").await;
        assert!(invitation.as_str().is_some_and(|code| code.len() >= 4), "{invitation}");
        assert_eq!(house.get(&root, "/api/user/aff").await, invitation, "made once");
        let before = house.get(&root, "/api/user/self").await["quota"].as_i64().unwrap();

        let new = json!({ "username": "alice", "password": PASSWORD, "aff_code": invitation, "unknown": 1 });
        let register = async |body: &Value| house.call("", "POST", "/api/user/register", body.clone()).await;
        assert_eq!(register(&json!({ "username": "", "password": PASSWORD })).await.status, 422);
        assert_eq!(register(&json!({ "username": "alice", "password": "short" })).await.status, 422);
        for switch in ["RegisterEnabled", "PasswordRegisterEnabled"] {
            house.option(switch, "false").await;
            assert_eq!(register(&new).await.status, 403, "{switch}");
            house.option(switch, "true").await;
        }
        let made = register(&new).await;
        assert_eq!((made.status, &made.json()["success"]), (200, &json!(true)), "{}", made.text());
        assert!(!made.headers.contains_key("set-cookie"), "signing up does not sign in");
        assert_eq!(register(&new).await.status, 409);

        let wrong = json!({ "username": "alice", "password": "password 2" });
        house.refused("", "POST", "/api/user/login", wrong, (401, "unauthenticated")).await;
        let right = json!({ "username": "alice", "password": PASSWORD });
        let told = house.done("", "POST", "/api/user/login", right.clone()).await;
        has_keys(&told, &["id", "username", "display_name", "role", "status"]);
        assert_eq!((&told["role"], &told["status"]), (&json!(1), &json!(1)));
        let alice = house.login("alice").await;
        let me = house.get(&alice, "/api/user/self").await;
        has_keys(&me, USER);
        assert_eq!((&me["password"], &me["access_token"]), (&json!(""), &json!("")));
        assert_eq!(
            (&me["quota"], &me["inviter_id"], &me["group"], &me["display_name"]),
            (&json!(1200), &json!(1), &json!("default"), &json!("alice"))
        );
        let after = house.get(&root, "/api/user/self").await["quota"].as_i64().unwrap();
        assert_eq!(after - before, 300);
        // The gifts are in the log, and the first token is there.
        let gifts = house.get(&alice, "/api/log/self/?type=4").await;
        assert_eq!(column(&gifts, "quota"), [200, 1000]);
        assert_eq!(column(&house.get(&root, "/api/log/self?type=4").await, "quota"), [300]);
        let tokens = house.get(&alice, "/api/token/?p=0").await;
        assert_eq!(
            (column(&tokens, "name"), column(&tokens, "expired_time")),
            (vec![&json!("default")], vec![&json!(-1)])
        );
        assert_eq!(column(&tokens, "unlimited_quota"), [true]);

        house.option("PasswordLoginEnabled", "false").await;
        assert_eq!(house.call("", "POST", "/api/user/login", right).await.status, 403);
        house.option("PasswordLoginEnabled", "true").await;

        // Blank members change nothing; a new password ends the other sessions and goes on with a new one.
        let change = json!({ "username": "", "password": "", "display_name": "Alice A." });
        let changed = house.done(&alice, "PUT", "/api/user/self", change).await;
        assert_eq!((&changed["username"], &changed["display_name"]), (&json!("alice"), &json!("Alice A.")));
        let other = house.login("alice").await;
        let answer = house.call(&alice, "PUT", "/api/user/self", json!({ "password": PASSWORD })).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let alice = answer.headers["set-cookie"].split(';').next().unwrap().to_owned();
        assert_eq!(house.call(&other, "GET", "/api/user/self", Value::Null).await.status, 401);

        // What she may call, and what she has called.
        assert_eq!(house.get(&alice, "/api/user/available_models").await, json!([MODEL]));
        assert_eq!(house.get(&alice, "/api/user/dashboard").await, Value::Null, "null, not a list");
        let (_, key) = house.make_token(&alice, json!({ "name": "t", "unlimited_quota": true })).await;
        house.billed_chat(&key).await;
        let days = house.get(&alice, "/api/user/dashboard").await;
        let day = &days[0];
        assert_eq!(
            (&day["ModelName"], &day["RequestCount"], &day["PromptTokens"], &day["CompletionTokens"]),
            (&json!(MODEL), &json!(1), &json!(10), &json!(5)),
            "{days}"
        );
        assert_eq!((day["Day"].as_str().map(str::len), &day["Quota"]), (Some(10), &json!(3)));

        // Leaving: the account is a tombstone, its sessions and keys are dead, its name is free.
        house.refused(&root, "DELETE", "/api/user/self", Value::Null, (403, "forbidden")).await;
        house.done(&alice, "DELETE", "/api/user/self", Value::Null).await;
        assert_eq!(house.call(&alice, "GET", "/api/user/self", Value::Null).await.status, 401);
        assert_eq!(house.chat(&key).await, (403, "user_banned".to_owned()));
        assert_eq!(register(&new).await.status, 200);
        house.close();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_access_token_is_made_anew_by_a_get() {
    for engine in ENGINES {
        let house = House::with(*engine, "").await;
        let root = house.root.clone();
        let first = house.get(&root, "/api/user/token").await.as_str().unwrap().to_owned();
        assert_eq!(first.len(), 32);
        for form in [first.clone(), format!("Bearer {first}")] {
            let me = house.get(&form, "/api/user/self").await;
            assert_eq!((&me["username"], &me["access_token"]), (&json!("root"), &json!("")));
            assert!(me["access_token_tail"].as_str().is_some_and(|tail| first.ends_with(tail)));
        }
        // One-api's GET changes something: another site's page must not be able to send it.
        let fields = [("cookie", root.as_str()), ("sec-fetch-site", "cross-site")];
        let forged = h1(house.world.gateway.address, "GET", "/api/user/token", &fields, b"").await;
        assert_eq!(forged.status, 403);
        let second = house.get(&first, "/api/user/token").await.as_str().unwrap().to_owned();
        assert_eq!(house.call(&first, "GET", "/api/user/self", Value::Null).await.status, 401);
        house.get(&second, "/api/user/self").await;
        let shown = house.call(&second, "GET", "/api/user/", Value::Null).await.text();
        assert!(!shown.contains(&second), "no list holds an access token: {shown}");
        house.done(&root, "GET", "/api/user/logout", Value::Null).await;
        assert_eq!(house.call(&root, "GET", "/api/user/self", Value::Null).await.status, 401);
        house.close();
    }
}

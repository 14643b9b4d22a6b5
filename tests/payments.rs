//! Payments: Stripe and Epay as servers on sockets that say what the real ones do, and forgers beside them.

use crate::harness::World;
use magic_testkit::client::{Answer, h1};
use magic_testkit::db::{Database, ENGINES, Engine, database};
use magic_testkit::vendor::{Proto, Script, Vendor};
use md5::{Digest, Md5};
use parking_lot::Mutex;
use ring::hmac;
use serde_json::{Value, json};
use std::sync::Arc;

const SECRET: &str = "whsec_test_secret";

/// A Stripe that has one session, and an Epay that has one order; `paid` says whether they are paid.
#[derive(Default)]
struct Shop {
    session: Mutex<Value>,
    epay: Mutex<Value>,
}

fn shop(state: &Arc<Shop>) -> Vendor {
    let state = state.clone();
    Vendor::start(Proto::H1, move |seen| {
        let text = String::from_utf8_lossy(&seen.body).into_owned();
        if seen.path.starts_with("/v1/checkout/sessions") && seen.method == "POST" {
            let form: std::collections::BTreeMap<String, String> = text
                .split('&')
                .filter_map(|pair| pair.split_once('='))
                .map(|(a, b)| (a.to_owned(), b.to_owned()))
                .collect();
            let session = json!({
                "id": "cs_test_1", "url": "https://checkout.example/cs_test_1", "payment_status": "unpaid",
                "client_reference_id": form["client_reference_id"], "currency": "eur",
                "amount_total": form["line_items%5B0%5D%5Bprice_data%5D%5Bunit_amount%5D"].parse::<i64>().unwrap(),
            });
            *state.session.lock() = session.clone();
            return Script::json(200, session.to_string());
        }
        if seen.path.starts_with("/v1/checkout/sessions/cs_test_1") {
            return Script::json(200, state.session.lock().to_string());
        }
        if seen.path.starts_with("/api.php") {
            return Script::json(200, state.epay.lock().to_string());
        }
        Script::json(404, "{}")
    })
}

struct Bench {
    world: World,
    vendor: Vendor,
    _database: Option<Database>,
    state: Arc<Shop>,
    root: String,
    alice: String,
}

impl Bench {
    async fn new(engine: Option<Engine>) -> Bench {
        let state = Arc::new(Shop::default());
        let vendor = shop(&state);
        let mut env = vec![("STRIPE_API_URL", vendor.base_url()), ("GLOBAL_API_RATE_LIMIT", "0".into())];
        let database = engine.map(database);
        if let Some(database) = &database {
            env.push(("SQL_DSN", database.dsn.clone()));
            env.push(("SESSION_SECRET", "s".into()));
        }
        let world = World::with("", false, env);
        let root = world.cookie().await;
        let account = json!({ "username": "alice", "password": "password 1" });
        assert_eq!(world.api("POST", "/api/user/", Some(account.clone())).await.status, 200);
        let signed =
            h1(world.gateway.address, "POST", "/api/user/login", &[], account.to_string().as_bytes()).await;
        let alice = signed.headers["set-cookie"].split(';').next().unwrap().to_owned();
        let bench = Bench { world, vendor, _database: database, state, root, alice };
        bench.check_nothing_is_there_before_it_is_configured().await;
        for (key, value) in [
            ("StripeSecretKey", "sk_test_1"),
            ("StripeWebhookSecret", SECRET),
            ("StripeCurrency", "EUR"),
            ("StripePrice", "0.9"),
            ("EpayAddress", bench.vendor.base_url().as_str()),
            ("EpayId", "1001"),
            ("EpayKey", "epaykey"),
            ("EpayPrice", "7.3"),
        ] {
            let body = json!({ "key": key, "value": value });
            assert_eq!(bench.ask(&bench.root, "PUT", "/api/option", body).await.status, 200);
        }
        bench
    }

    async fn ask(&self, cookie: &str, method: &str, path: &str, body: Value) -> Answer {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        h1(self.world.gateway.address, method, path, &[("cookie", cookie)], body.as_bytes()).await
    }

    async fn check_nothing_is_there_before_it_is_configured(&self) {
        assert_eq!(self.notify_stripe(&event("evt", &json!({})), None).await.status, 404);
        for method in ["GET", "POST"] {
            let answer =
                h1(self.world.gateway.address, method, "/api/pay/epay?out_trade_no=x", &[], b"").await;
            assert_eq!(answer.status, 404);
        }
        let begun =
            self.ask(&self.alice, "POST", "/api/pay", json!({ "provider": "stripe", "amount_usd": 5 })).await;
        assert_eq!(begun.status, 404, "{}", begun.text());
        let offers = self.ask(&self.alice, "GET", "/api/pay", Value::Null).await.json();
        assert_eq!(offers["data"]["providers"], json!([]));
    }

    async fn balance(&self) -> i64 {
        self.ask(&self.alice, "GET", "/api/user/self", Value::Null).await.json()["data"]["quota"]
            .as_i64()
            .unwrap()
    }

    async fn begin(&self, body: Value) -> Value {
        let begun = self.ask(&self.alice, "POST", "/api/pay", body).await;
        assert_eq!(begun.status, 200, "{}", begun.text());
        begun.json()["data"].clone()
    }

    async fn notify_stripe(&self, body: &str, signature: Option<&str>) -> Answer {
        let own = sign(SECRET, chrono::Utc::now().timestamp(), body);
        let signature = signature.unwrap_or(&own);
        let fields = [("stripe-signature", signature), ("content-type", "application/json")];
        h1(self.world.gateway.address, "POST", "/api/pay/stripe", &fields, body.as_bytes()).await
    }

    async fn refusals(&self) -> usize {
        let rows =
            self.ask(&self.root, "GET", "/api/audit?page_size=100&path=/api/pay", Value::Null).await.json();
        rows["data"].as_array().unwrap().iter().filter(|row| row["detail"]["refused"].is_string()).count()
    }
}

fn sign(secret: &str, at: i64, body: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let tag = hmac::sign(&key, format!("{at}.{body}").as_bytes());
    let hex: String = tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("t={at},v1={hex}")
}

fn event(id: &str, session: &Value) -> String {
    json!({ "id": id, "type": "checkout.session.completed", "data": { "object": session } }).to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn stripe_pays_once_and_forgers_never() {
    for engine in ENGINES {
        let bench = Bench::new(Some(*engine)).await;
        let begun = bench.begin(json!({ "provider": "stripe", "amount_usd": 12.5 })).await;
        assert_eq!(begun["url"], "https://checkout.example/cs_test_1");
        assert_eq!(
            (begun["order"]["price"].as_str(), begun["order"]["currency"].as_str()),
            (Some("11.25"), Some("eur"))
        );
        let number = begun["order"]["id"].as_str().unwrap().to_owned();
        let mut paid = bench.state.session.lock().clone();
        paid["payment_status"] = "paid".into();
        let (before, now) = (bench.balance().await, chrono::Utc::now().timestamp());
        let changed = |key: &str, value: Value| {
            let mut session = paid.clone();
            session[key] = value;
            event("evt_forged", &session)
        };
        let good = event("evt_1", &paid);
        // What a forger, another shop or an old tape would send.
        let mut tried = 0;
        for (body, signature) in [
            (good.clone(), Some("".to_owned())),
            (good.clone(), Some(sign("", now, &good))),
            (good.clone(), Some(sign("whsec_other", now, &good))),
            (good.clone(), Some(sign(SECRET, now - 301, &good))),
            (good.clone(), Some(sign(SECRET, now + 400, &good))),
            (good.replace("12", "13"), Some(sign(SECRET, now, &(good.clone() + " ")))),
            (changed("amount_total", json!(1126)), None),
            (changed("amount_total", json!(1)), None),
            (changed("currency", json!("jpy")), None),
            (changed("id", json!("cs_test_2")), None),
            (changed("client_reference_id", json!("m0")), None),
        ] {
            let answer = bench.notify_stripe(&body, signature.as_deref()).await;
            assert_eq!(answer.status, 400, "{body} {signature:?}: {}", answer.text());
            tried += 1;
            assert_eq!(bench.refusals().await, tried);
        }
        let query = h1(bench.world.gateway.address, "GET", "/api/pay/stripe", &[], good.as_bytes()).await;
        assert_eq!(query.status, 404);
        // True, and no payment.
        assert_eq!(bench.notify_stripe(&changed("payment_status", json!("unpaid")), None).await.status, 200);
        let other = good.replace("checkout.session.completed", "checkout.session.expired");
        assert_eq!(bench.notify_stripe(&other, None).await.status, 200);
        assert_eq!(bench.balance().await, before);
        // The true one, a hundred times, twenty at once.
        for _ in 0..5 {
            let all = (0..20).map(|_| bench.notify_stripe(&good, None));
            for answer in futures::future::join_all(all).await {
                assert_eq!(answer.status, 200, "{}", answer.text());
            }
        }
        assert_eq!(bench.balance().await, before + 6_250_000);
        let order =
            bench.ask(&bench.alice, "GET", &format!("/api/pay/order/{number}"), Value::Null).await.json();
        assert_eq!(order["data"]["status"], 1, "{order}");
        // The same event for another order, and the paid session for another order.
        let second = bench.begin(json!({ "provider": "stripe", "amount_usd": 12.5 })).await;
        let mut again = paid.clone();
        again["client_reference_id"] = second["order"]["id"].clone();
        assert_eq!(bench.notify_stripe(&event("evt_1", &again), None).await.status, 400);
        assert_eq!(bench.balance().await, before + 6_250_000);
        bench.world.verify();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_whose_notification_got_lost_is_asked_about() {
    let bench = Bench::new(None).await;
    let begun = bench.begin(json!({ "provider": "stripe", "amount_usd": 1 })).await;
    let path = format!("/api/pay/order/{}", begun["order"]["id"].as_str().unwrap());
    let (before, look) =
        (bench.balance().await, async || bench.ask(&bench.alice, "GET", &path, Value::Null).await.json());
    assert_eq!(look().await["data"]["status"], 0);
    bench.state.session.lock()["payment_status"] = "paid".into();
    assert_eq!(look().await["data"]["status"], 1);
    assert_eq!(look().await["data"]["status"], 1);
    assert_eq!(bench.balance().await, before + 500_000);
    assert_eq!(bench.ask(&bench.root, "GET", &path, Value::Null).await.status, 404, "an order is its user's");
    let all = bench.ask(&bench.root, "GET", "/api/pay/all", Value::Null).await.json();
    assert_eq!(all["total"], 1);
    bench.world.verify();
}

/// A notification as Epay signs it.
fn told(number: &str, change: &[(&str, &str)], key: &str) -> String {
    let mut all: std::collections::BTreeMap<&str, &str> = [
        ("pid", "1001"),
        ("trade_no", "T1"),
        ("out_trade_no", number),
        ("type", "alipay"),
        ("money", "36.50"),
        ("trade_status", "TRADE_SUCCESS"),
    ]
    .into();
    all.extend(change.iter().copied());
    let text = all.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&");
    let digest = Md5::digest(format!("{text}{key}").as_bytes());
    let sign: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{text}&sign={sign}&sign_type=MD5")
}

#[tokio::test(flavor = "multi_thread")]
async fn epay_pays_once_and_its_get_is_not_believed() {
    let bench = Bench::new(None).await;
    for (body, status) in [
        (json!({ "provider": "epay", "amount_usd": 5 }), 422),
        (json!({ "provider": "epay", "amount_usd": 5, "method": "cash" }), 422),
        (json!({ "provider": "epay", "amount_usd": 0.5, "method": "alipay" }), 422),
        (json!({ "provider": "epay", "amount_usd": 1.005, "method": "alipay" }), 422),
        (json!({ "provider": "epay", "amount_usd": 1e12, "method": "alipay" }), 422),
        (json!({ "provider": "epay", "amount_usd": -5, "method": "alipay" }), 422),
        (json!({ "provider": "paypal", "amount_usd": 5 }), 404),
    ] {
        assert_eq!(bench.ask(&bench.alice, "POST", "/api/pay", body.clone()).await.status, status, "{body}");
    }
    let begun = bench.begin(json!({ "provider": "epay", "amount_usd": 5, "method": "alipay" })).await;
    let number = begun["order"]["id"].as_str().unwrap();
    let url = begun["url"].as_str().unwrap();
    assert!(url.contains("/submit.php?") && url.contains("money=36.50") && url.contains("pid=1001"), "{url}");
    assert!(!url.contains("epaykey"), "{url}");
    let before = bench.balance().await;
    let send = async |method: &str, form: &str| {
        let (path, body) = match method {
            "GET" => (format!("/api/pay/epay?{form}"), ""),
            _ => ("/api/pay/epay".to_owned(), form),
        };
        let kind = [("content-type", "application/x-www-form-urlencoded")];
        h1(bench.world.gateway.address, method, &path, &kind, body.as_bytes()).await
    };
    let stripe = bench.begin(json!({ "provider": "stripe", "amount_usd": 5 })).await;
    for form in [
        told(number, &[], "other"),
        told(number, &[], ""),
        told(number, &[("money", "0.01")], "epaykey"),
        told(number, &[("pid", "1002")], "epaykey"),
        told("m0", &[], "epaykey"),
        // Another provider's order.
        told(stripe["order"]["id"].as_str().unwrap(), &[], "epaykey"),
        told(number, &[], "epaykey").replace("36.50", "36.51"),
    ] {
        assert_eq!(send("POST", &form).await.status, 400, "{form}");
    }
    assert_eq!(send("POST", &told(number, &[("trade_status", "WAIT")], "epaykey")).await.text(), "success");
    // A `GET` with a right signature credits nothing while the shop does not say so itself.
    assert_eq!(send("GET", &told(number, &[], "epaykey")).await.status, 400);
    *bench.state.epay.lock() =
        json!({ "code": 1, "status": 1, "out_trade_no": number, "money": "0.01", "trade_no": "T1" });
    assert_eq!(send("GET", &told(number, &[], "epaykey")).await.status, 400);
    assert_eq!(bench.balance().await, before);
    bench.state.epay.lock()["money"] = "36.50".into();
    assert_eq!(send("GET", &told(number, &[], "epaykey")).await.text(), "success");
    assert_eq!(bench.balance().await, before + 2_500_000);
    for method in ["GET", "POST"] {
        assert_eq!(send(method, &told(number, &[], "epaykey")).await.text(), "success");
    }
    assert_eq!(bench.balance().await, before + 2_500_000);
    let second = bench.begin(json!({ "provider": "epay", "amount_usd": 5, "method": "wxpay" })).await;
    let number = second["order"]["id"].as_str().unwrap();
    assert_eq!(send("POST", &told(number, &[("trade_no", "T2")], "epaykey")).await.text(), "success");
    assert_eq!(bench.balance().await, before + 5_000_000);
    bench.world.verify();
}

#[tokio::test]
async fn the_shop_outside_is_told_who_comes() {
    let world = World::new("");
    assert_eq!(world.api("GET", "/api/user/topup_link", None).await.status, 404);
    for (link, wanted) in [
        ("https://shop.example/buy", "https://shop.example/buy?username=root&user_id=1&transaction_id="),
        (
            "https://shop.example/?a=b#top",
            "https://shop.example/?a=b&username=root&user_id=1&transaction_id=",
        ),
    ] {
        let set = json!({ "key": "TopUpLink", "value": link });
        assert_eq!(world.api("PUT", "/api/option", Some(set)).await.status, 200);
        let told = world.api("GET", "/api/user/topup_link", None).await.json();
        let (url, id) =
            (told["data"]["url"].as_str().unwrap(), told["data"]["transaction_id"].as_str().unwrap());
        assert!(url.starts_with(&format!("{wanted}{id}")), "{url}");
    }
}

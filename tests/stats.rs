//! The sums of the log: whatever part of it is summed up already, an answer is what the rows themselves add up to.

use crate::harness::{MODEL, good};
use crate::oneapi::House;
use magic_domain::books::{Closing, Opening, Settlement};
use magic_domain::endpoint::Endpoint;
use magic_domain::ids::{ChannelId, RequestId, TokenId, UserId};
use magic_domain::money::Nano;
use magic_domain::price::Rates;
use magic_domain::secret::Secret;
use magic_domain::usage::{Bucket, Mark, Usage};
use magic_store::logs::LogFilter;
use magic_store::stats::{By, Chart, DAY, HOUR};
use magic_store::users::NewUser;
use magic_store::vault::KeySources;
use magic_store::{Bootstrap, Config, Dsn, Store};
use magic_testkit::db::{ENGINES, database};
use magic_testkit::vendor::Proto;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;

async fn store(dsn: &str) -> Store {
    let config = Config {
        dsn: Dsn::parse(dsn, Path::new("")).unwrap(),
        log_dsn: None,
        max_connections: 4,
        redis: None,
        follower: false,
        keys: KeySources {
            session_secret: Some(Secret::new("a secret of some length")),
            ..KeySources::default()
        },
        bootstrap: Bootstrap { root_password: None, root_access_token: None, root_token: None },
    };
    Store::open(config).await.unwrap()
}

/// Numbers that look like chance and are the same every time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: i64) -> i64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        i64::try_from((self.0 >> 33) % below.unsigned_abs()).unwrap()
    }

    fn call(&mut self, number: u128, users: &[UserId], at: i64) -> Settlement {
        let user = users[self.roll(3) as usize];
        let mark = if self.roll(5) == 0 { Mark::Void } else { Mark::Reported };
        let output = if mark == Mark::Void { 0 } else { self.roll(1000) as u64 };
        let id = RequestId(number);
        let opening = Opening {
            id,
            at_ms: at * 1000 - 7,
            user_id: user,
            username: format!("user{}", user.0),
            token_id: TokenId(1),
            token_name: ["ci", "laptop"][self.roll(2) as usize].into(),
            token_limited: false,
            group: ["default", "vip"][self.roll(2) as usize].into(),
            ratio: 1_000_000,
            endpoint: Endpoint::Chat,
            model: "asked".into(),
            stream: false,
            reserved: Nano::ZERO,
            ip: String::new(),
            prompt: Default::default(),
        };
        let closing = Closing {
            id,
            at_ms: at * 1000,
            channel_id: Some(ChannelId(self.roll(3) + 1)),
            model: ["small", "Large", "large"][self.roll(3) as usize].into(),
            mark,
            usage: Usage::default().with(Bucket::Output, output),
            rates: Rates::default().with(Bucket::Output, 1_000_000),
            price_version: 1,
            unpriced: false,
            cost: Nano(output as i64),
            status: 200,
            error: String::new(),
            attempts: vec![],
            timings: Default::default(),
            system_prompt_reset: false,
            budgets: Default::default(),
            day: Default::default(),
            key_id: Default::default(),
        };
        Settlement { opening, closing }
    }
}

fn wanted(filter: &LogFilter, call: &Settlement) -> bool {
    let (opening, closing, at) = (&call.opening, &call.closing, call.closing.at_ms / 1000);
    filter.user_id.is_none_or(|user| user == opening.user_id)
        && (filter.start == 0 || at >= filter.start)
        && (filter.end == 0 || at <= filter.end)
        && (filter.token_name.is_empty() || filter.token_name == opening.token_name)
        && (filter.model_name.is_empty() || filter.model_name == closing.model)
        && (filter.channel == 0 || Some(ChannelId(filter.channel)) == closing.channel_id)
}

fn filters(users: &[UserId]) -> Vec<LogFilter> {
    let none = LogFilter::default;
    let own = || LogFilter { user_id: Some(users[1]), ..none() };
    vec![
        none(),
        own(),
        LogFilter { token_name: "ci".into(), ..own() },
        LogFilter { model_name: "Large".into(), ..own() },
        LogFilter { model_name: "large".into(), token_name: "ci".into(), ..own() },
        LogFilter { model_name: "small".into(), ..none() },
        LogFilter { model_name: "nothing".into(), ..none() },
        LogFilter { token_name: "laptop".into(), ..none() },
        LogFilter { channel: 2, ..none() },
        LogFilter { channel: 2, model_name: "large".into(), ..none() },
    ]
}

async fn equal(store: &Store, calls: &[Settlement], users: &[UserId], dice: &mut Dice, now: i64, why: &str) {
    let moment = |dice: &mut Dice| match dice.roll(4) {
        0 => 0,
        1 => now - dice.roll(120 * DAY),
        2 => (now - dice.roll(120 * DAY)) / DAY * DAY,
        _ => (now - dice.roll(5 * DAY)) / HOUR * HOUR - 1,
    };
    for filter in filters(users) {
        for _ in 0..6 {
            let (start, end) = (moment(dice), moment(dice));
            let filter = LogFilter { start, end, ..filter.clone() };
            let rows: i64 =
                calls.iter().filter(|call| wanted(&filter, call)).map(|call| call.closing.cost.0).sum();
            assert_eq!(store.log_cost(filter.clone()).await.unwrap(), Nano(rows), "{why}: {filter:?}");
        }
    }
    let since = now / DAY * DAY - 6 * DAY;
    let mut days: BTreeMap<(i64, &str), (i64, i64)> = BTreeMap::new();
    for call in
        calls.iter().filter(|call| call.opening.user_id == users[1] && call.closing.mark != Mark::Void)
    {
        let at = call.closing.at_ms / 1000;
        if at >= since {
            let day = days.entry((at / DAY, call.closing.model.as_str())).or_default();
            *day = (day.0 + 1, day.1 + call.closing.cost.0);
        }
    }
    let told = store.usage_by_day(users[1], since).await.unwrap();
    let told: Vec<_> =
        told.iter().map(|(_, model, calls, cost, ..)| (model.as_str(), *calls, cost.0)).collect();
    let rows: Vec<_> = days.into_iter().map(|((_, model), (calls, cost))| (model, calls, cost)).collect();
    assert_eq!(told, rows, "{why}");
}

#[tokio::test(flavor = "multi_thread")]
async fn sums_are_what_the_rows_add_up_to() {
    for engine in ENGINES {
        let database = database(*engine);
        let store = store(&database.dsn).await;
        let mut users = Vec::new();
        for name in ["a", "b", "c"] {
            let new = NewUser { username: name.into(), balance: Nano(10_000_000), ..NewUser::default() };
            users.push(store.create_user(new).await.unwrap());
        }
        let now = chrono::Utc::now().timestamp();
        let mut dice = Dice(7);
        let mut calls: Vec<Settlement> = Vec::new();
        for number in 1..=400 {
            let back = [120 * DAY, 3 * DAY, 3 * HOUR][dice.roll(3) as usize];
            let at = now - dice.roll(back);
            calls.push(dice.call(number, &users, at));
        }
        store.post("e", calls.clone()).await.unwrap();
        equal(&store, &calls, &users, &mut dice, now, "nothing is summed up").await;
        let head = store.log_head().await.unwrap();
        assert_eq!(store.sum_up(head, 170).await.unwrap(), 170);
        equal(&store, &calls, &users, &mut dice, now, "a part is summed up").await;
        while store.sum_up(head, 100).await.unwrap() > 0 {}
        assert_eq!(store.sum_up(head, 100).await.unwrap(), 0, "once");
        equal(&store, &calls, &users, &mut dice, now, "all is summed up").await;
        store.prune_sums().await.unwrap();
        equal(&store, &calls, &users, &mut dice, now, "old hours are gone").await;

        // A chart by anything holds every call of its time.
        for by in [By::Model, By::User, By::Token, By::Channel, By::Group] {
            let from = (now - 30 * DAY) / DAY * DAY;
            for (step, top) in [(DAY, 100), (HOUR, 100)] {
                let chart = Chart { by, step, from, to: now + 1, top, own: None };
                let (points, whole) = store.chart(chart).await.unwrap();
                let rows = calls.iter().filter(|call| call.closing.at_ms / 1000 >= from);
                let (count, cost) = rows.fold((0, 0), |sum, call| (sum.0 + 1, sum.1 + call.closing.cost.0));
                assert!(whole);
                assert_eq!(points.iter().map(|point| point.sums.calls).sum::<i64>(), count, "{by:?} {step}");
                assert_eq!(points.iter().map(|point| point.sums.cost.0).sum::<i64>(), cost, "{by:?} {step}");
            }
        }
        let chart = Chart { by: By::Model, step: DAY, from: 0, to: now + 1, top: 1, own: Some(users[1]) };
        let (points, _) = store.chart(chart).await.unwrap();
        let models: std::collections::BTreeSet<_> = points.iter().map(|point| point.name.as_str()).collect();
        assert_eq!(models.len(), 1, "the dearest alone");

        // What is cleared from the log is not in its sums, and what comes in later from before that is.
        let middle = now - 40 * DAY - 12_345;
        store.delete_logs(middle).await.unwrap();
        store.delete_logs(middle - 10 * DAY).await.unwrap();
        calls.retain(|call| call.closing.at_ms / 1000 >= middle);
        equal(&store, &calls, &users, &mut dice, now, "the log is cleared").await;
        let late: Vec<_> = (1000..1040)
            .map(|n| {
                let at = now - dice.roll(100 * DAY);
                dice.call(n, &users, at)
            })
            .collect();
        store.post("e", late.clone()).await.unwrap();
        calls.extend(late);
        equal(&store, &calls, &users, &mut dice, now, "late rows are there").await;
        let head = store.log_head().await.unwrap();
        while store.sum_up(head, 1000).await.unwrap() > 0 {}
        equal(&store, &calls, &users, &mut dice, now, "late rows are summed up").await;
        store.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn charts_are_for_those_they_are_of() {
    for engine in ENGINES {
        let vendor = good(Proto::H1);
        let house = House::open(*engine, &vendor).await;
        let root = house.root.clone();
        let id = house.make_user("alice").await;
        house.done(&root, "POST", "/api/topup", json!({ "user_id": id, "quota": 500_000 })).await;
        let alice = house.login("alice").await;
        let (_, key) = house.make_token(&alice, json!({ "name": "ci", "unlimited_quota": true })).await;
        for _ in 0..2 {
            house.billed_chat(&key).await;
        }
        house.billed_chat(magic_testkit::process::ROOT_KEY).await;
        for (by, id, name, username) in [
            ("model", 0, MODEL, ""),
            ("user", id, "alice", "alice"),
            ("token", id, "ci", "alice"),
            ("channel", 1, "main", ""),
            ("group", 0, "default", ""),
        ] {
            for step in ["minute", "hour", "day"] {
                let told =
                    house.whole(&root, "GET", &format!("/api/stats?by={by}&step={step}"), Value::Null).await;
                assert_eq!(told["whole"], true);
                let rows = told["data"].as_array().unwrap();
                let own: Vec<_> = rows.iter().filter(|row| row["name"] == name).collect();
                let calls: i64 = own.iter().filter_map(|row| row["calls"].as_i64()).sum();
                let count = if matches!(by, "user" | "token") { 2 } else { 3 };
                assert_eq!(calls, count, "{by} {step}: {told}");
                let row = own[0];
                assert_eq!(
                    (&row["id"], &row["username"], &row["failed"]),
                    (&json!(id), &json!(username), &json!(0))
                );
                assert_eq!(row["prompt_tokens"].as_i64().unwrap() % 10, 0, "{row}");
            }
        }
        let own = house.get(&alice, "/api/stats?by=token&step=day").await;
        assert_eq!(
            (own[0]["name"].as_str(), own[0]["cost_usd"].as_str()),
            (Some("ci"), Some("0.000009000")),
            "{own}"
        );
        assert_eq!(own.as_array().map(Vec::len), Some(1));
        for by in ["user", "channel", "group", "nothing"] {
            house.refused(&alice, "GET", &format!("/api/stats?by={by}"), Value::Null, (422, "invalid")).await;
        }
        house.refused(&root, "GET", "/api/stats?step=week", Value::Null, (422, "invalid")).await;
        house.refused(&root, "GET", "/api/stats?from=yesterday", Value::Null, (422, "invalid")).await;
        assert_eq!(house.get(&root, "/api/stats?from=0&to=1000").await, json!([]));
        house.close();
    }
}

//! What is told to those who watch: metrics, traces, log lines.

mod logs;
mod metrics;
mod traces;

use crate::harness::{World, channel, good};
use magic_testkit::client::h1;
use magic_testkit::process::ROOT_KEY;
use magic_testkit::vendor::{Proto, Script, Vendor};
use serde_json::json;
use std::time::{Duration, Instant};

/// A scrape of the gateway, with root's token.
pub async fn scrape(world: &World) -> String {
    let bearer = format!("Bearer {ROOT_KEY}");
    let answer = h1(world.gateway.address, "GET", "/metrics", &[("authorization", &bearer)], b"").await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.text()
}

/// The value of a series, as a scrape has it.
pub fn value(page: &str, series: &str) -> Option<f64> {
    page.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' ')?.parse().ok())
}

/// Scrapes until a series is as wanted.
async fn until(world: &World, series: &str, wanted: impl Fn(f64) -> bool) -> String {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let page = scrape(world).await;
        if value(&page, series).is_some_and(&wanted) {
            return page;
        }
        assert!(Instant::now() < deadline, "{series}: {:?}", value(&page, series));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Two channels: the first one fails with a text, the second one answers.
struct Pair {
    broken: Vendor,
    fine: Vendor,
}

fn pair(says: &str) -> Pair {
    let error = json!({ "error": { "message": says, "type": "t", "code": "c" } }).to_string();
    let broken = Vendor::start(Proto::H1, move |_| Script::json(500, error.clone()));
    Pair { broken, fine: good(Proto::H1) }
}

impl Pair {
    fn config(&self, more: &str) -> String {
        let channels =
            [channel("broken", &self.broken, "priority = 9"), channel("fine", &self.fine, "priority = 1")];
        format!("{more}{}", channels.concat())
    }
}

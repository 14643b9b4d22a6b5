//! More calls than there are places, and less memory than is needed: who waits, who is refused, who is always answered.

use crate::harness::{CUSTOMER_KEY, World, answer, channel, customer, request};
use magic_testkit::client::h1;
use magic_testkit::process::ROOT_KEY;
use magic_testkit::vendor::{Gate, Proto, Script, Step, Vendor};
use std::time::{Duration, Instant};

/// A vendor that answers once its gate is open.
fn gated(gate: &Gate) -> Vendor {
    let gate = gate.clone();
    Vendor::start(Proto::H1, move |_| {
        let Script::Whole { body, .. } = answer("hello", 10, 5) else { unreachable!() };
        let steps = vec![Step::Wait(gate.clone()), Step::Send(body)];
        Script::Pieces { status: 200, content_type: "application/json", steps }
    })
}

#[tokio::test]
async fn calls_beyond_their_places_wait_a_moment() {
    let gate = Gate::new();
    let vendor = gated(&gate);
    let limits = "[server]\n[server.limits]\ncalls = 3\n";
    let world = World::new([limits.to_owned(), channel("a", &vendor, ""), customer(10.0)].concat());
    let body = request(false);
    let first = futures::future::join_all((0..3).map(|_| world.chat(&body)));
    let rest = async {
        vendor_has(&vendor, 3).await;
        let begun = Instant::now();
        let refused = world.chat_as(CUSTOMER_KEY, &body).await;
        assert_eq!((refused.status, refused.code().as_str()), (503, "overloaded"), "{}", refused.text());
        assert!(refused.headers.contains_key("retry-after"));
        assert!(begun.elapsed() >= Duration::from_millis(900), "it has waited for a place");
        assert_eq!(h1(world.gateway.address, "GET", "/healthz", &[], b"").await.status, 200);
        assert_eq!(world.api("GET", "/api/status", None).await.status, 200);
        // Who waits when places become free is served.
        let waiting = futures::future::join_all((0..6).map(|_| world.chat_as(CUSTOMER_KEY, &body)));
        let opening = async {
            tokio::time::sleep(Duration::from_millis(200)).await;
            gate.open();
        };
        let (waiting, ()) = tokio::join!(waiting, opening);
        assert!(waiting.iter().all(|answer| answer.status == 200));
    };
    let (first, ()) = tokio::join!(first, rest);
    assert!(first.iter().all(|answer| answer.status == 200));
    assert_eq!(vendor.hits(), 9);
    world.logs(9).await;
    world.verify();
}

async fn vendor_has(vendor: &Vendor, count: usize) {
    let until = Instant::now() + Duration::from_secs(20);
    while vendor.hits() < count {
        assert!(Instant::now() < until, "{} of {count}", vendor.hits());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// With less memory than the process has already, calls are refused, and health and management answered.
#[tokio::test]
async fn without_memory_calls_are_refused_and_people_are_not() {
    let vendor = crate::harness::good(Proto::H1);
    let calm = World::new(channel("a", &vendor, ""));
    let file = calm.dir.path().join("magic.toml");
    assert_eq!(calm.chat(&request(false)).await.status, 200);
    let set = |more: &str| {
        let text = std::fs::read_to_string(&file).unwrap();
        let text = text.replace("[server.limits]\nmemory_bytes = 67108864\n", "");
        std::fs::write(&file, text.replace("[[channels]]", &format!("{more}[[channels]]"))).unwrap();
    };
    // A debug build with its tokenizers has more than 64 MiB.
    set("[server.limits]\nmemory_bytes = 67108864\n");
    let until = Instant::now() + Duration::from_secs(20);
    let refused = loop {
        let answer = calm.chat(&request(false)).await;
        if answer.status != 200 {
            break answer;
        }
        assert!(Instant::now() < until, "calls still go through");
    };
    assert_eq!((refused.status, refused.code().as_str()), (503, "overloaded"), "{}", refused.text());
    let asked = |path: &'static str| h1(calm.gateway.address, "GET", path, &[], b"");
    assert_eq!((asked("/healthz").await.status, asked("/readyz").await.status), (200, 200));
    let bearer = format!("Bearer {ROOT_KEY}");
    let models = h1(calm.gateway.address, "GET", "/v1/models", &[("authorization", &bearer)], b"").await;
    assert_eq!(models.status, 200);
    assert_eq!(calm.api("GET", "/api/status", None).await.status, 200);
    set("");
    let until = Instant::now() + Duration::from_secs(20);
    while calm.chat(&request(false)).await.status != 200 {
        assert!(Instant::now() < until, "calls are still refused");
    }
    calm.verify();
}

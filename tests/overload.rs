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

/// A control group with so much memory, of either version; `None` where none can be made.
struct Group(std::path::PathBuf);

impl Group {
    fn new(bytes: u64) -> Option<Group> {
        let name = format!("magic-test-{}", std::process::id());
        for (root, limit) in
            [("/sys/fs/cgroup/memory", "memory.limit_in_bytes"), ("/sys/fs/cgroup", "memory.max")]
        {
            let dir = std::path::Path::new(root).join(&name);
            if std::fs::create_dir(&dir).is_err() {
                continue;
            }
            let group = Group(dir);
            if std::fs::write(group.0.join(limit), bytes.to_string()).is_ok() {
                return Some(group);
            }
        }
        None
    }

    fn take(&self, pid: u32) {
        std::fs::write(self.0.join("cgroup.procs"), pid.to_string()).unwrap();
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir(&self.0);
    }
}

/// F31: callers want several times the memory that there is, at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bodies_beyond_the_memory_wait_or_are_refused() {
    const MEMORY: u64 = 512 << 20;
    let Some(group) = Group::new(MEMORY) else {
        return println!("skipped: no control group can be made here");
    };
    // What a vendor takes its time for is in memory meanwhile.
    let vendor = Vendor::start(Proto::H1, |_| {
        let Script::Whole { body, .. } = answer("hello", 10, 5) else { unreachable!() };
        let steps = vec![Step::Pause(Duration::from_millis(500)), Step::Send(body)];
        Script::Pieces { status: 200, content_type: "application/json", steps }
    });
    let limits = format!("[server]\n[server.limits]\nmemory_bytes = {MEMORY}\n");
    let mut world = World::new([limits, channel("a", &vendor, ""), customer(10.0)].concat());
    group.take(world.gateway.pid());
    let (at, mut large) = (world.gateway.address, request(false));
    large["messages"][0]["content"] = "x".repeat(2 << 20).into();
    let large = std::sync::Arc::new(large.to_string());
    let end = Instant::now() + Duration::from_secs(8);
    let callers = (0..600).map(|_| {
        let large = large.clone();
        tokio::spawn(async move {
            let (mut served, mut refused) = (0, 0);
            while Instant::now() < end {
                let bearer = format!("Bearer {CUSTOMER_KEY}");
                let fields = [("authorization", bearer.as_str()), ("content-type", "application/json")];
                let answer = h1(at, "POST", "/v1/chat/completions", &fields, large.as_bytes()).await;
                match answer.status {
                    200 => served += 1,
                    503 => {
                        refused += 1;
                        tokio::time::sleep(Duration::from_millis(200)).await;
                    }
                    other => panic!("{other}: {}", answer.text()),
                }
            }
            (served, refused)
        })
    });
    let told = futures::future::join_all(callers).await;
    assert!(!world.gateway.has_ended(), "it was killed");
    let sum = told.into_iter().map(Result::unwrap).fold((0, 0), |a, b| (a.0 + b.0, a.1 + b.1));
    println!("{} served, {} refused", sum.0, sum.1);
    assert!(sum.0 > 50 && sum.1 > 0, "{sum:?}");
    // Afterwards it is as before.
    let until = Instant::now() + Duration::from_secs(5);
    while world.chat_as(CUSTOMER_KEY, &request(false)).await.status != 200 {
        assert!(Instant::now() < until, "calls are still refused");
    }
    world.verify();
}

//! A new process takes over from a running one: nothing is dropped, refused or paid twice; one that fails changes
//! nothing.

use crate::harness::{CUSTOMER_KEY, World, channel, chunk, customer, good, request, usage_chunk};
use magic_testkit::client::H1;
use magic_testkit::db::{Engine, database};
use magic_testkit::process::is_running;
use magic_testkit::vendor::{Gate, Proto, Script, Step, Vendor};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

const BEARER: (&str, &str) = ("authorization", "Bearer sk-roottoken0123456789");

/// A vendor whose streams wait in their middle, and whose other answers come at once.
fn vendor(gate: &Gate) -> Vendor {
    let gate = gate.clone();
    vendor_with(move || gate.clone())
}

/// The same, with a gate that is asked for at each call.
fn vendor_with(gate: impl Fn() -> Gate + Send + Sync + 'static) -> Vendor {
    Vendor::start(Proto::H1, move |seen| {
        if seen.json()["stream"] != true {
            return crate::harness::answer("hello", 10, 5);
        }
        let event = |text: String| Step::Send(format!("data: {text}\n\n").into());
        let mut steps: Vec<Step> = (0..20).map(|n| event(chunk(&format!("before {n} ")))).collect();
        steps.push(Step::Wait(gate()));
        steps.extend((0..20).map(|n| event(chunk(&format!("after {n} ")))));
        steps.extend([event(usage_chunk(10, 5)), event("[DONE]".into())]);
        Script::Pieces { status: 200, content_type: "text/event-stream", steps }
    })
}

/// What every stream of it brings.
fn whole() -> Vec<u8> {
    let event = |text: String| format!("data: {text}\n\n");
    let before = (0..20).map(|n| event(chunk(&format!("before {n} "))));
    let after = (0..20).map(|n| event(chunk(&format!("after {n} "))));
    let all: String = before.chain(after).chain([event("[DONE]".into())]).collect();
    all.into_bytes()
}

/// Calls one after the other until told to stop, over a connection for each call or one for as many as it serves. How
/// many there were; one that goes wrong is a panic.
async fn caller(address: SocketAddr, keep: bool, pause: Option<Duration>, stop: Arc<AtomicBool>) -> usize {
    let body = request(false).to_string();
    let (mut calls, mut client) = (0, H1::connect(address).await);
    while !stop.load(Ordering::Relaxed) {
        client.send("POST", "/v1/chat/completions", &[BEARER], body.as_bytes()).await;
        let answer = client.answer().await.unwrap();
        assert_eq!(answer.status, 200, "{}", answer.text());
        calls += 1;
        if let Some(pause) = pause {
            tokio::time::sleep(pause).await;
        }
        if !keep || answer.headers.get("connection").is_some_and(|value| value == "close") {
            client = H1::connect(address).await;
        }
    }
    calls
}

async fn gone(pid: u32) {
    let until = Instant::now() + Duration::from_secs(20);
    while is_running(pid) {
        assert!(Instant::now() < until, "process {pid} does not end");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn number(name: &str, default: usize) -> usize {
    std::env::var(name).map_or(default, |text| text.parse().unwrap())
}

/// `MAGIC_TEST_STREAMS`, `MAGIC_TEST_ROUNDS` and `MAGIC_TEST_RATE` (calls a second; without, as fast as they go) make it
/// larger.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_dropped_while_another_process_takes_over() {
    let (many, rounds) = (number("MAGIC_TEST_STREAMS", 50), number("MAGIC_TEST_ROUNDS", 2));
    let rate = number("MAGIC_TEST_RATE", 0);
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let database = database(engine);
        let gates = Arc::new(parking_lot::Mutex::new(Vec::<Gate>::new()));
        let current = gates.clone();
        let vendor = vendor_with(move || current.lock().last().cloned().unwrap());
        let env = vec![("SQL_DSN", database.dsn.clone())];
        let mut world = World::with(channel("a", &vendor, ""), false, env);
        let address = world.gateway.address;
        let stop = Arc::new(AtomicBool::new(false));
        let pause = (rate > 0).then(|| Duration::from_secs_f64(6.0 / rate as f64));
        let callers: Vec<_> =
            (0..6).map(|n| tokio::spawn(caller(address, n % 2 == 0, pause, stop.clone()))).collect();
        let (mut waiting, mut left) = (Vec::new(), Vec::new());
        for round in 0..rounds {
            let gate = Gate::new();
            gates.lock().push(gate.clone());
            let mut streams = Vec::new();
            for _ in 0..many {
                let mut client = H1::connect(address).await;
                let body = request(true).to_string();
                client.send("POST", "/v1/chat/completions", &[BEARER], body.as_bytes()).await;
                streams.push(client);
            }
            for client in &mut streams {
                assert!(client.read_until("before 19").await);
            }
            let old = world.gateway.pid();
            let (code, out, err) = tokio::task::block_in_place(|| world.gateway.upgrade(&[]));
            assert_eq!(code, 0, "{out}{err}");
            assert_ne!(world.gateway.pid(), old);
            assert!(is_running(old), "its streams are open");
            waiting.push((old, gate, streams));
            // The first streams outlive two upgrades.
            if round > 0 || rounds == 1 {
                for (old, gate, streams) in waiting.drain(..) {
                    gate.open();
                    for mut client in streams {
                        let answer = client.answer().await.unwrap();
                        assert!(answer.body == whole(), "{}", answer.text());
                    }
                    let ended = Instant::now();
                    gone(old).await;
                    left.push(ended.elapsed());
                }
            }
        }
        stop.store(true, Ordering::Relaxed);
        let mut calls = 0;
        for caller in callers {
            calls += caller.await.unwrap();
        }
        assert!(calls > 20, "{calls}");
        eprintln!(
            "{engine:?}: {rounds} upgrades under {many} streams and {calls} calls, none failed; the old process was gone {:?} after its last stream at most",
            left.iter().max().unwrap()
        );
        world.gateway.signal("TERM");
        gone(world.gateway.pid()).await;
        world.restart();
        let stat = world.api("GET", "/api/log/stat", None).await.json();
        let nano: usize = (calls + rounds * many) * 4500;
        let cost = format!("{}.{:09}", nano / 1_000_000_000, nano % 1_000_000_000);
        assert_eq!(stat["data"]["cost_usd"], cost, "{engine:?}: {calls} calls");
        world.verify();
    }
}

/// A balancer hears of the end before it comes, and the service manager of the beginning and the end.
#[tokio::test]
async fn the_end_is_told_before_it_comes() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("notify");
    let told = std::os::unix::net::UnixDatagram::bind(&path).unwrap();
    told.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let heard = || {
        let mut bytes = [0; 256];
        let read = told.recv(&mut bytes).unwrap();
        String::from_utf8_lossy(&bytes[..read]).into_owned()
    };
    let env = vec![("NOTIFY_SOCKET", path.to_str().unwrap().to_owned())];
    let mut world = World::with("[server]\ndrain_delay_seconds = 2\n", false, env);
    let pid = world.gateway.pid();
    let ready = heard();
    assert!(ready.contains("READY=1") && ready.contains(&format!("MAINPID={pid}")), "{ready}");
    let (code, _, err) = world.gateway.upgrade(&[]);
    assert_eq!(code, 0, "{err}");
    let ready = heard();
    assert!(
        ready.contains(&format!("MAINPID={}", world.gateway.pid())) && world.gateway.pid() != pid,
        "{ready}"
    );
    gone(pid).await;
    let at = world.gateway.address;
    world.gateway.signal("TERM");
    assert!(heard().contains("STOPPING=1"));
    let begun = Instant::now();
    // New connections are still served, and told that no more should come.
    let answer = magic_testkit::client::h1(at, "GET", "/readyz", &[], b"").await;
    assert_eq!((answer.status, answer.json()["status"].as_str()), (503, Some("draining")));
    let answer = magic_testkit::client::h1(at, "GET", "/healthz", &[], b"").await;
    assert_eq!(answer.status, 200);
    gone(world.gateway.pid()).await;
    assert!(begun.elapsed() >= Duration::from_millis(1500), "{:?}", begun.elapsed());
    assert!(tokio::net::TcpStream::connect(at).await.is_err());
}

/// A process that leaves keeps of a balance what its open calls hold, and gives the rest to its heir at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_balance_moves_with_the_sockets() {
    let gate = Gate::new();
    let vendor = vendor(&gate);
    let mut world = World::new([channel("a", &vendor, ""), customer(0.001)].concat());
    assert_eq!(world.chat_as(CUSTOMER_KEY, &request(false)).await.status, 200);
    let bearer = format!("Bearer {CUSTOMER_KEY}");
    let mut open = H1::connect(world.gateway.address).await;
    let body = request(true).to_string();
    let fields = [("authorization", bearer.as_str())];
    open.send("POST", "/v1/chat/completions", &fields, body.as_bytes()).await;
    assert!(open.read_until("before 19").await);
    let old = world.gateway.pid();
    let (code, out, err) = tokio::task::block_in_place(|| world.gateway.upgrade(&[]));
    assert_eq!(code, 0, "{out}{err}");
    for _ in 0..5 {
        let answer = world.chat_as(CUSTOMER_KEY, &request(false)).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
    gate.open();
    assert!(open.read_until("[DONE]").await);
    gone(old).await;
    // What the old process still held comes back: the whole balance can be spent, and no more.
    let mut spent = 7;
    let until = Instant::now() + Duration::from_secs(20);
    loop {
        let answer = world.chat_as(CUSTOMER_KEY, &request(false)).await;
        if answer.status == 200 {
            spent += 1;
            continue;
        }
        assert_eq!(answer.code(), "insufficient_user_quota");
        let left = 0.001 - 0.000_004_5 * f64::from(spent);
        // A call reserves some 136 µ$: 100 tokens of answer, and 500 of prompt to be safe.
        if left < 0.000_14 {
            break;
        }
        assert!(Instant::now() < until, "{left} can't be spent");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    world.logs(100).await;
    world.verify();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_process_that_fails_changes_nothing() {
    let vendor = good(Proto::H1);
    let mut world = World::new(channel("a", &vendor, ""));
    let stop = Arc::new(AtomicBool::new(false));
    let caller = tokio::spawn(caller(world.gateway.address, false, None, stop.clone()));
    let old = world.gateway.pid();
    let script = |name: &str, text: &str| {
        let path = world.dir.path().join(name);
        std::fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let crashing = script("crashing", "echo something is broken >&2; exit 3");
    let hanging = script("hanging", "exec sleep 60");
    let file = world.dir.path().join("magic.toml");
    let sound = std::fs::read_to_string(&file).unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let conflict = sound
        .replace("listen = [", &format!("listen = [{{ address = \"{}\" }}, ", taken.local_addr().unwrap()));
    for (flags, config, said) in [
        (vec!["--binary", &crashing], &sound, "something is broken"),
        (vec!["--binary", &hanging, "--wait", "1"], &sound, "is not ready after 1 seconds"),
        (vec!["--binary", "/nonexistent"], &sound, "can't be started"),
        (vec![], &sound.replace("name", "nam"), "unknown key"),
        (vec![], &conflict, "can't be listened on"),
    ] {
        std::fs::write(&file, config).unwrap();
        let (code, out, err) = tokio::task::block_in_place(|| world.gateway.upgrade(&flags));
        assert_eq!(code, 1, "{flags:?}: {out}{err}");
        assert!(err.contains(said), "{flags:?}: {err}");
        assert_eq!(world.gateway.pid(), old);
    }
    // What the file declares is in force with the new process, not before.
    let more = [sound.as_str(), &channel("later", &vendor, "")].concat();
    std::fs::write(&file, &more).unwrap();
    let channels = "/api/channel/search?keyword=later";
    assert_eq!(world.api("GET", channels, None).await.json()["data"].as_array().map(Vec::len), Some(0));
    stop.store(true, Ordering::Relaxed);
    assert!(caller.await.unwrap() > 10);
    let (code, out, err) = tokio::task::block_in_place(|| world.gateway.upgrade(&[]));
    assert_eq!(code, 0, "{out}{err}");
    gone(old).await;
    assert_eq!(world.chat(&request(false)).await.status, 200);
    assert_eq!(world.api("GET", channels, None).await.json()["data"][0]["name"], "later");
    world.gateway.kill();
    let (code, _, err) = world.gateway.upgrade(&[]);
    assert!(code == 1 && err.contains("no process of MAGIC answers"), "{err}");
}

/// Three processes at once, the first two with calls that are open: whichever of them ends, what the others have set aside
/// stays theirs. It was given back once, by whoever had waited for that end, and could have been spent twice.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_end_of_one_process_takes_nothing_from_the_others() {
    for first in [0, 1] {
        let gates: Arc<parking_lot::Mutex<Vec<Gate>>> = Arc::default();
        let newest = gates.clone();
        let vendor = vendor_with(move || newest.lock().last().unwrap().clone());
        let mut world = World::new([channel("a", &vendor, ""), customer(10.0)].concat());
        let bearer = format!("Bearer {CUSTOMER_KEY}");
        let mut open = Vec::new();
        for _ in 0..2 {
            let gate = Gate::new();
            gates.lock().push(gate.clone());
            let mut client = H1::connect(world.gateway.address).await;
            let (body, fields) = (request(true).to_string(), [("authorization", bearer.as_str())]);
            client.send("POST", "/v1/chat/completions", &fields, body.as_bytes()).await;
            assert!(client.read_until("before 19").await);
            open.push((world.gateway.pid(), gate, client));
            let (code, out, err) = tokio::task::block_in_place(|| world.gateway.upgrade(&[]));
            assert_eq!(code, 0, "{out}{err}");
        }
        assert_eq!(world.chat_as(CUSTOMER_KEY, &request(false)).await.status, 200);
        let holders = async || {
            let nodes = world.api("GET", "/api/node", None).await.json()["data"].clone();
            let holds = |node: &&serde_json::Value| node["leased_usd"].as_str().unwrap() != "0.000000000";
            nodes.as_array().unwrap().iter().filter(holds).count()
        };
        let until = Instant::now() + Duration::from_secs(20);
        while holders().await != 3 {
            assert!(Instant::now() < until, "{} of them have something set aside", holders().await);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let (pid, gate, mut client) = open.remove(first);
        gate.open();
        assert!(client.read_until("[DONE]").await);
        gone(pid).await;
        for _ in 0..20 {
            assert_eq!(holders().await, 2, "the {first}th has ended");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let (pid, gate, mut client) = open.remove(0);
        gate.open();
        assert!(client.read_until("[DONE]").await);
        gone(pid).await;
        world.logs(3).await;
        world.verify();
    }
}

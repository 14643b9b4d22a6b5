//! Which site answers, and what is said at the door: hosts and paths, changes while it runs, HTTPS, the log.

use super::{ask, files, get};
use crate::harness::{World, channel, good, request};
use magic_testkit::client::h2_as;
use magic_testkit::process::ROOT_KEY;
use magic_testkit::vendor::Proto;
use std::path::Path;
use std::time::{Duration, Instant};

fn site(root: &Path, name: &str, rest: &str) -> String {
    let root = root.join(name);
    std::fs::create_dir_all(&root).unwrap();
    std::fs::write(root.join("index.html"), name).unwrap();
    format!("[[server.sites]]\nroot = {root:?}\n{rest}\n")
}

#[tokio::test]
async fn hosts_and_paths_choose_the_site() {
    let dir = files(&[]);
    let vendor = good(Proto::H1);
    let of = |name: &str, rest: &str| site(dir.path(), name, rest);
    let config = [
        "[server]\n".to_owned(),
        of("docs", "hosts = [\"docs.example\"]"),
        of("deep", "hosts = [\"docs.example\"]\npath = \"/v1\""),
        of("wild", "hosts = [\"*.example\"]"),
        of("below", "path = \"/below\""),
        "[[server.sites]]\nhosts = [\"old.test\"]\nredirect = \"https://new.test/base/\"\nstatus = 301\n"
            .to_owned(),
        channel("a", &vendor, ""),
    ]
    .concat();
    let world = World::new(config);
    let at = world.gateway.address;
    for (host, path, wanted) in [
        ("docs.example", "/", "docs"),
        ("DOCS.example:3000", "/", "docs"),
        ("docs.example.", "/", "docs"),
        ("docs.example", "/v1/", "deep"),
        ("other.example", "/", "wild"),
        ("a.b.example", "/", "wild"),
        ("elsewhere", "/below/", "below"),
        ("example", "/below/", "below"),
    ] {
        let answer = ask(at, "GET", path, host, &[]).await;
        assert_eq!((answer.status, answer.text().as_str()), (200, wanted), "{host}{path}");
    }
    // A named host is its site's, also where the gateway has a path of its own; others are the gateway's.
    let bearer = format!("Bearer {ROOT_KEY}");
    let fields = [("authorization", bearer.as_str())];
    assert_eq!(ask(at, "GET", "/v1/models", "docs.example", &fields).await.status, 404);
    assert_eq!(ask(at, "GET", "/healthz", "docs.example", &[]).await.status, 404);
    assert_eq!(ask(at, "GET", "/v1/models", "elsewhere", &fields).await.status, 200);
    assert_eq!(ask(at, "GET", "/healthz", "elsewhere", &[]).await.status, 200);
    let page = ask(at, "GET", "/", "elsewhere", &[]).await;
    assert!(page.text().contains("MAGIC") && page.status == 200);
    assert_eq!(world.chat(&request(false)).await.status, 200);
    let moved = ask(at, "GET", "/a/b?c=d", "old.test", &[]).await;
    assert_eq!((moved.status, moved.headers["location"].as_str()), (301, "https://new.test/base/a/b?c=d"));
    // The target's own host counts, not the header's.
    let absolute = ask(at, "GET", "http://docs.example/", "elsewhere", &[]).await;
    assert!(absolute.status == 400 || absolute.text() == "docs", "{} {}", absolute.status, absolute.text());
}

#[tokio::test]
async fn a_site_for_every_host_hides_the_dashboard_and_no_more() {
    let dir = files(&[]);
    let vendor = good(Proto::H1);
    let world = World::new(["[server]\n", &site(dir.path(), "all", ""), &channel("a", &vendor, "")].concat());
    assert_eq!(get(&world, "/", &[]).await.text(), "all");
    assert_eq!(get(&world, "/login", &[]).await.status, 404);
    assert_eq!(world.chat(&request(false)).await.status, 200);
    assert_eq!(get(&world, "/api/status", &[]).await.json()["success"], true);
    assert_eq!(get(&world, "/healthz", &[]).await.json()["status"], "ok");
    assert_eq!(get(&world, "/readyz", &[]).await.status, 200);
    assert_eq!(get(&world, "/metrics", &[]).await.status, 401);
    assert_eq!(get(&world, "/v1beta/models", &[]).await.status, 401);
    assert_ne!(get(&world, "/dashboard/billing/subscription", &[]).await.status, 404);
}

#[tokio::test]
async fn sites_come_and_go_while_it_runs() {
    let dir = files(&[]);
    let world = World::new("");
    let file = world.dir.path().join("magic.toml");
    let before = std::fs::read_to_string(&file).unwrap();
    assert!(get(&world, "/new/", &[]).await.text().contains("MAGIC"));
    std::fs::write(&file, format!("{before}{}", site(dir.path(), "new", "path = \"/new\""))).unwrap();
    let answer = world.api("POST", "/api/config/reload", None).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(get(&world, "/new/", &[]).await.text(), "new");
    // A file with a fault changes nothing.
    std::fs::write(&file, format!("{before}[[server.sites]]\nroot = \"/nowhere/at/all\"\nrot = 1\n"))
        .unwrap();
    let refused = world.api("POST", "/api/config/reload", None).await;
    assert!(
        refused.status >= 400
            && refused.text().contains("is no folder")
            && refused.text().contains("did you mean root"),
        "{}",
        refused.text()
    );
    assert_eq!(get(&world, "/new/", &[]).await.text(), "new");
    std::fs::write(&file, before).unwrap();
    assert_eq!(world.api("POST", "/api/config/reload", None).await.status, 200);
    assert!(get(&world, "/new/", &[]).await.text().contains("MAGIC"));
}

#[tokio::test]
async fn plain_listeners_can_send_everybody_to_https() {
    let dir = files(&[]);
    let world = World::with(
        "[server]\nhsts_seconds = 300\n".to_owned() + &site(dir.path(), "tls", "hosts = [\"localhost\"]"),
        true,
        vec![],
    );
    let tls = world.gateway.tls.unwrap();
    // The harness writes plain listeners: this one is made to redirect.
    let file = world.dir.path().join("magic.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let port = magic_testkit::db::free_port();
    let more = format!("listen = [{{ address = \"127.0.0.1:{port}\", redirect_https = true }}, ");
    std::fs::write(&file, text.replacen("listen = [", &more, 1)).unwrap();
    let mut world = world;
    world.gateway.kill();
    let child = std::process::Command::new(env!("CARGO_BIN_EXE_magic"))
        .current_dir(world.dir.path())
        .spawn()
        .unwrap();
    struct End(std::process::Child);
    impl Drop for End {
        fn drop(&mut self) {
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }
    let _end = End(child);
    let at = ([127, 0, 0, 1], port).into();
    let deadline = Instant::now() + Duration::from_secs(60);
    while tokio::net::TcpStream::connect(at).await.is_err()
        || tokio::net::TcpStream::connect(tls).await.is_err()
    {
        assert!(Instant::now() < deadline, "it does not start");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let there = format!("https://api.example:{}", tls.port());
    for (method, host, path) in [
        ("GET", "api.example", "/a?b=c%2F"),
        ("POST", "api.example:80", "/v1/chat/completions"),
        ("HEAD", "api.example", "/"),
    ] {
        let answer = ask(at, method, path, host, &[]).await;
        assert_eq!(
            (answer.status, answer.headers["location"].clone()),
            (308, format!("{there}{path}")),
            "{method} {path}"
        );
        assert!(!answer.headers.contains_key("strict-transport-security"));
    }
    for host in ["evil/x", "a b", "a@b", "", "x:y"] {
        assert_eq!(ask(at, "GET", "/", host, &[]).await.status, 400, "{host:?}");
    }
    assert_eq!(ask(at, "GET", "/healthz", "x", &[]).await.status, 200);
    assert_eq!(ask(at, "GET", "/readyz", "x", &[]).await.status, 200);
    assert_ne!(ask(at, "GET", "/.well-known/acme-challenge/token", "x", &[]).await.status, 308);
    for path in ["/", "/nothing"] {
        let page = h2_as(tls, "GET", &format!("https://localhost{path}"), &[], b"").await;
        assert_eq!(
            page.headers.get("strict-transport-security").map(String::as_str),
            (path == "/").then_some("max-age=300")
        );
    }
    let dashboard = h2_as(tls, "GET", "https://gateway.test/login", &[], b"").await;
    assert_eq!(
        (dashboard.status, dashboard.headers["strict-transport-security"].as_str()),
        (200, "max-age=300")
    );
}

#[tokio::test]
async fn requests_of_sites_are_in_the_log() {
    let dir = files(&[]);
    let config =
        "[server]\nlog_dir = \"logs\"\n".to_owned() + &site(dir.path(), "home", "hosts = [\"a.test\"]");
    let world = World::with(config, false, vec![("RUST_LOG", "info".into())]);
    ask(world.gateway.address, "GET", "/?secret=1", "a.test", &[]).await;
    ask(world.gateway.address, "GET", "/healthz", "a.test", &[]).await;
    ask(world.gateway.address, "GET", "/gone", "a.test", &[]).await;
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        let mut text = String::new();
        for file in std::fs::read_dir(world.dir.path().join("logs")).unwrap() {
            text += &std::fs::read_to_string(file.unwrap().path()).unwrap_or_default();
        }
        let lines: Vec<&str> = text.lines().filter(|line| line.contains("magic::access")).collect();
        if let [first, second] = lines.as_slice() {
            for part in ["method=GET", "host=a.test", "path=/ ", "status=200", "bytes=4", "client=127.0.0.1"]
            {
                assert!(first.contains(part), "{part} in {first}");
            }
            assert!(second.contains("path=/gone") && second.contains("status=404"));
            assert!(!text.contains("secret"));
            return;
        }
        assert!(Instant::now() < deadline && lines.len() < 2, "{text}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

//! Log lines: their form, their files, and a disk that does not take them (F15).

use super::{scrape, until, value};
use crate::harness::{MODEL, World, channel, good, request};
use magic_testkit::process::{ROOT_KEY, STDERR};
use magic_testkit::vendor::Proto;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

fn info() -> Vec<(&'static str, String)> {
    vec![("RUST_LOG", "info".into())]
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir.join("logs")).into_iter().flatten().flatten();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(|path| path.is_file()).collect();
    files.sort();
    files
}

/// All log files of a gateway's folder, once they are as wanted.
pub(super) async fn lines(dir: &Path, wanted: impl Fn(&str) -> bool) -> String {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let text: String = files(dir).iter().filter_map(|file| std::fs::read_to_string(file).ok()).collect();
        if wanted(&text) {
            return text;
        }
        assert!(Instant::now() < deadline, "{text}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn today() -> String {
    chrono::Local::now().format("magic-%Y%m%d.log").to_string()
}

#[tokio::test]
async fn a_request_is_one_object_with_members() {
    let vendor = good(Proto::H1);
    let config =
        format!("[server]\nlog_dir = \"logs\"\nlog_format = \"json\"\n{}", channel("c", &vendor, ""));
    let world = World::with(config, false, info());
    let answer = world.chat(&request(true)).await;
    let key = "sk-canary-of-the-caller-0123";
    world.chat_as(key, &request(false)).await;
    let odd =
        serde_json::json!({ "model": "a \"b\"\n{\"level\":\"FAKE\"} sk-canary0123456789", "messages": [] });
    world.chat(&odd).await;
    let text = lines(world.dir.path(), |text| text.matches("magic::request").count() >= 3).await;
    let events: Vec<serde_json::Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .filter(|event: &serde_json::Value| event["target"] == "magic::request")
        .collect();
    let event =
        events.iter().find(|event| event["request.id"] == answer.headers["x-request-id"].as_str()).unwrap();
    for (name, wanted) in [
        ("endpoint", "chat".into()),
        ("model", MODEL.into()),
        ("stream", true.into()),
        ("status", 200.into()),
        ("input_tokens", 10.into()),
        ("output_tokens", 5.into()),
        ("cost_usd", serde_json::json!(0.000_004_5)),
        ("user.id", 1.into()),
        ("channel.id", 1.into()),
        ("tries", 1.into()),
        ("error", "".into()),
        ("level", "INFO".into()),
    ] {
        assert_eq!(event[name], wanted, "{name} in {event}");
    }
    assert!(
        event["duration_ms"].is_u64() && event["ttft_ms"].is_u64() && event["time"].is_string(),
        "{event}"
    );
    assert!(events.iter().any(|event| event["error"] == "invalid_api_key" && event["status"] == 401));
    assert!(!text.contains("canary") && !text.contains(ROOT_KEY), "{text}");
}

#[tokio::test]
async fn text_is_one_line_each_and_files_follow_each_other() {
    let vendor = good(Proto::H1);
    let config = format!(
        "[server]\nlog_dir = \"logs\"\nlog_max_bytes = 4096\nlog_keep_bytes = 12000\n{}",
        channel("c", &vendor, "")
    );
    let world = World::with(config, false, info());
    for _ in 0..80 {
        assert_eq!(world.chat(&request(false)).await.status, 200);
    }
    let page = until(&world, "magic_queue_length{queue=\"log\"}", |count| count == 0.0).await;
    assert_eq!(value(&page, "magic_log_lines_dropped_total"), Some(0.0));
    let found = files(world.dir.path());
    let sizes: Vec<u64> = found.iter().map(|file| file.metadata().unwrap().len()).collect();
    assert!(found.len() >= 2 && sizes.iter().all(|bytes| *bytes <= 4096), "{found:?} {sizes:?}");
    assert!(sizes.iter().sum::<u64>() <= 12_000 + 4096, "{sizes:?}");
    assert!(!found.iter().any(|file| file.ends_with(today())), "the oldest went: {found:?}");
    let text = lines(world.dir.path(), |_| true).await;
    assert!(
        text.lines().any(|line| line.contains(" INFO  magic::request request.id=")
            && line.contains(&format!("model={MODEL}"))),
        "{text}"
    );
    assert!(text.lines().all(|line| line.starts_with("20")), "{text}");

    // Somebody moves the files away: SIGHUP opens new ones.
    for file in &found {
        std::fs::remove_file(file).unwrap();
    }
    world.gateway.signal("HUP");
    lines(world.dir.path(), |text| text.contains("SIGHUP")).await;
}

/// F15: the disk is full. `/dev/full` fails like one.
#[tokio::test]
async fn a_full_disk_costs_lines_and_nothing_else() {
    let vendor = good(Proto::H1);
    let dir = tempfile::tempdir().unwrap();
    let logs = dir.path().join("logs");
    std::fs::create_dir(&logs).unwrap();
    std::os::unix::fs::symlink("/dev/full", logs.join(today())).unwrap();
    let stderr = dir.path().join("stderr");
    let mut env = info();
    env.push((STDERR, stderr.to_str().unwrap().to_owned()));
    let config = format!("[server]\nlog_dir = {logs:?}\n{}", channel("c", &vendor, ""));
    let world = World::with(config, false, env);
    for n in 0..20 {
        let answer = world.chat(&request(n % 2 == 0)).await;
        assert_eq!((answer.status, answer.whole), (200, true));
    }
    until(&world, "magic_log_lines_dropped_total", |count| count >= 20.0).await;
    world.logs(20).await;
    world.verify();
    // There is room again.
    std::fs::remove_file(logs.join(today())).unwrap();
    let deadline = Instant::now() + Duration::from_secs(20);
    while std::fs::read_to_string(logs.join(today())).map_or(true, |text| !text.contains("magic::request")) {
        assert!(Instant::now() < deadline, "lines are written again");
        world.chat(&request(false)).await;
    }
    // The file has its first line before standard error is told so.
    let mut told = std::fs::read_to_string(&stderr).unwrap();
    while !told.contains("log files are written again") {
        assert!(Instant::now() < deadline, "{told}");
        tokio::time::sleep(Duration::from_millis(20)).await;
        told = std::fs::read_to_string(&stderr).unwrap();
    }
    assert_eq!(told.matches("can't be written, lines are dropped").count(), 1, "{told}");
    assert!(told.contains("magic::request"), "they were on standard error all the time");
}

/// A disk that takes nothing and says nothing: a pipe that nobody reads.
#[tokio::test]
async fn a_disk_that_hangs_holds_nobody_up() {
    let vendor = good(Proto::H1);
    let dir = tempfile::tempdir().unwrap();
    let logs = dir.path().join("logs");
    std::fs::create_dir(&logs).unwrap();
    assert!(Command::new("mkfifo").arg(logs.join(today())).status().unwrap().success());
    let env = vec![
        ("RUST_LOG", "trace,pingora_core=trace,pingora_proxy=trace,sqlx=trace".to_owned()),
        (STDERR, "/dev/null".to_owned()),
    ];
    let config = format!("[server]\nlog_dir = {logs:?}\n{}", channel("c", &vendor, ""));
    let world = World::with(config, false, env);
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        for _ in 0..20 {
            assert_eq!(world.chat(&request(false)).await.status, 200);
        }
        let page = scrape(&world).await;
        if value(&page, "magic_log_lines_dropped_total").unwrap() > 0.0 {
            assert!(value(&page, "magic_queue_length{queue=\"log\"}").unwrap() <= 8250.0);
            break;
        }
        assert!(Instant::now() < deadline, "{:?}", value(&page, "magic_queue_length{queue=\"log\"}"));
    }
}

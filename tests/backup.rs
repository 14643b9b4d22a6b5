//! What root takes along: the configuration, and SQLite's database while everything goes on.

use crate::harness::{World, channel, good, request};
use crate::oneapi::House;
use magic_testkit::client::h1;
use magic_testkit::db::{Engine, sql};
use magic_testkit::process::run;
use magic_testkit::vendor::Proto;
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

async fn download(world: &World, cookie: &str, what: &str) -> magic_testkit::client::Answer {
    let path = format!("/api/backup/{what}");
    h1(world.gateway.address, "GET", &path, &[("cookie", cookie)], b"").await
}

/// Copies that are still in the folder.
fn left(world: &World) -> Vec<String> {
    let entries = std::fs::read_dir(world.dir.path().join("data")).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned());
    names.filter(|name| name.starts_with("magic-backup")).collect()
}

async fn readings(world: &World, what: &str) -> usize {
    let rows = world.api("GET", &format!("/api/audit?path=/api/backup/{what}&page_size=100"), None).await;
    rows.json()["data"].as_array().unwrap().len()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_configuration_is_what_the_command_writes() {
    let vendor = good(Proto::H1);
    let world = World::new(channel("a", &vendor, "") + "[options]\nSystemName = \"A house\"\n");
    let answer = download(&world, &world.cookie().await, "config").await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let (code, out, err) = run(env!("CARGO_BIN_EXE_magic"), world.dir.path(), &["export"], &[]);
    assert_eq!((code, out.trim()), (0, answer.text().trim()), "{err}");
    assert!(answer.text().contains("A house") && !answer.text().contains("sk-vendor"), "{}", answer.text());
    let named = &answer.headers["content-disposition"];
    assert!(named.starts_with("attachment; filename=\"magic-") && named.ends_with(".toml\""), "{named}");
    assert_eq!(readings(&world, "config").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_is_whole_and_leaves_nothing_behind() {
    let vendor = good(Proto::H1);
    let world = World::new(channel("a", &vendor, ""));
    assert_eq!(world.chat(&request(false)).await.status, 200);
    world.logs(1).await;
    let cookie = world.cookie().await;
    let offer = world.api("GET", "/api/backup", None).await.json()["data"].clone();
    assert_eq!((&offer["engine"], &offer["separate_logs"]), (&json!("sqlite"), &json!(false)));
    assert!(offer["database_bytes"].as_u64().unwrap() > 4096, "{offer}");
    let key = world.dir.path().join("data/master.key");
    assert_eq!(offer["master_key"], key.to_str().unwrap());

    // A process that died in the middle of a copy has left this.
    std::fs::write(world.dir.path().join("data/magic-backup-0.db"), "old").unwrap();
    let answer = download(&world, &cookie, "database").await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.headers["content-length"], answer.body.len().to_string());
    assert!(answer.body.starts_with(b"SQLite format 3\0"));
    let sealed = !answer.body.windows(20).any(|bytes| bytes == b"sk-vendor-key-012345");
    assert!(sealed, "a vendor's key is in the copy");
    assert_eq!((left(&world), readings(&world, "database").await), (vec![], 1));

    // With the master key it is the same installation elsewhere.
    let elsewhere = tempfile::tempdir().unwrap();
    std::fs::create_dir(elsewhere.path().join("data")).unwrap();
    std::fs::write(elsewhere.path().join("data/magic.db"), &answer.body).unwrap();
    std::fs::copy(key, elsewhere.path().join("data/master.key")).unwrap();
    for args in [&["ledger", "verify"][..], &["export"]] {
        let (code, out, err) = run(env!("CARGO_BIN_EXE_magic"), elsewhere.path(), args, &[]);
        assert_eq!(code, 0, "{out}{err}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_who_stalls_keeps_others_out_until_they_leave() {
    let house = House::with(Engine::Sqlite, "").await;
    // More than the buffers on the way hold.
    let filler = "CREATE TABLE filler (b BLOB); WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 40) \
         INSERT INTO filler SELECT randomblob(1000000) FROM n;";
    sql(&house.database, filler).await;
    let mut stalled = TcpStream::connect(house.world.gateway.address).await.unwrap();
    let head = format!("GET /api/backup/database HTTP/1.1\r\nhost: x\r\ncookie: {}\r\n\r\n", house.root);
    stalled.write_all(head.as_bytes()).await.unwrap();
    let mut first = [0u8; 16];
    stalled.read_exact(&mut first).await.unwrap();
    assert_eq!(&first[..12], b"HTTP/1.1 200");
    let root = house.root.clone();
    house.refused(&root, "GET", "/api/backup/database", Value::Null, (409, "conflict")).await;
    // Calls of the API go on meanwhile, also those that write.
    house.make_user("alice").await;
    assert_eq!(left(&house.world), Vec::<String>::new());
    drop(stalled);
    let end = Instant::now() + Duration::from_secs(20);
    loop {
        let answer = download(&house.world, &root, "database").await;
        if answer.status == 200 {
            assert!(answer.body.len() > 40_000_000);
            break;
        }
        assert!(answer.status == 409 && Instant::now() < end, "{}", answer.text());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(left(&house.world), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_are_copied_by_their_own_tools() {
    for (engine, name, tool) in
        [(Engine::MySql, "mysql", "mysqldump"), (Engine::Postgres, "postgres", "pg_dump")]
    {
        let house = House::with(engine, "").await;
        let root = house.root.clone();
        let offer = house.get(&root, "/api/backup").await;
        assert_eq!((&offer["engine"], &offer["database_bytes"]), (&json!(name), &Value::Null));
        assert_eq!(offer["master_key"], "SESSION_SECRET");
        let answer = house.call(&root, "GET", "/api/backup/database", Value::Null).await;
        assert!(answer.status == 409 && answer.text().contains(tool), "{}", answer.text());
        assert_eq!(readings(&house.world, "database").await, 0, "nothing was read");
        let config = house.call(&root, "GET", "/api/backup/config", Value::Null).await;
        assert_eq!(config.status, 200, "{}", config.text());
    }
}

//! `magic rotate-master-key` beside a running gateway.

use crate::harness::{MODEL, World, good, request};
use magic_testkit::process::ROOT_KEY;
use magic_testkit::vendor::Proto;
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

#[tokio::test(flavor = "multi_thread")]
async fn no_call_fails_while_the_master_key_is_replaced() {
    let vendor = good(Proto::H1);
    let both = vec![
        ("MAGIC_MASTER_KEY", "the old master key".to_owned()),
        ("MAGIC_MASTER_KEY_NEXT", "the new master key".to_owned()),
    ];
    let mut world = World::with("", false, both);
    let new =
        json!({ "type": 8, "name": "a", "key": "sk-kept", "models": MODEL, "base_url": vendor.base_url() });
    assert_eq!(world.api("POST", "/api/channel/", Some(new)).await.status, 200);
    let (done, asked) = (Arc::new(AtomicBool::new(false)), std::sync::atomic::AtomicUsize::new(0));
    let calls = async {
        while !done.load(Ordering::SeqCst) {
            let answer = world.chat_as(ROOT_KEY, &request(false)).await;
            assert_eq!(answer.status, 200, "{}", answer.text());
            asked.fetch_add(1, Ordering::SeqCst);
        }
    };
    let rotation = async {
        let (dir, env) = (world.dir.path().to_owned(), world.env_refs().into_iter());
        let env: Vec<(String, String)> = env.map(|(a, b)| (a.to_owned(), b.to_owned())).collect();
        let run = move || {
            let env: Vec<(&str, &str)> = env.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
            magic_testkit::process::run(env!("CARGO_BIN_EXE_magic"), &dir, &["rotate-master-key"], &env)
        };
        let ended = tokio::task::spawn_blocking(run).await.unwrap();
        done.store(true, Ordering::SeqCst);
        ended
    };
    let ((code, out, err), ()) = tokio::join!(rotation, calls);
    assert_eq!(code, 0, "{out}{err}");
    assert!(out.contains("1 secrets"), "{out}");
    assert!(asked.load(Ordering::SeqCst) > 0);
    world.restart_with(vec![("MAGIC_MASTER_KEY", "the new master key".to_owned())]);
    assert_eq!(world.chat_as(ROOT_KEY, &request(false)).await.status, 200);
    assert_eq!(vendor.seen().last().unwrap().headers["authorization"], "Bearer sk-kept");
}

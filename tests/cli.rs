//! What can be wrong at the start: one clear line, the right exit code, nothing half-written.

use magic_testkit::process::run;
use std::net::TcpListener;

const MAGIC: &str = env!("CARGO_BIN_EXE_magic");

fn magic(args: &[&str], env: &[(&str, &str)], file: &str) -> (i32, String, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    if !file.is_empty() {
        std::fs::write(dir.path().join("magic.toml"), file).unwrap();
    }
    let (code, _, err) = run(MAGIC, dir.path(), args, env);
    (code, err, dir)
}

fn only_line(text: &str) -> &str {
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 1, "{text}");
    lines[0]
}

#[test]
fn wrong_flags() {
    let (code, err, _) = magic(&["--prot", "3000"], &[], "");
    assert_eq!(code, 2);
    assert!(err.contains("--port"), "{err}");
    assert_eq!(magic(&["nonsense"], &[], "").0, 2);
}

#[test]
fn a_taken_port() {
    let taken = TcpListener::bind("0.0.0.0:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let (code, err, dir) = magic(&["--port", &port], &[], "");
    assert_eq!(code, 1);
    assert!(only_line(&err).contains(&port), "{err}");
    assert!(!dir.path().join("data/magic.db").exists());
}

#[test]
fn an_unwritable_directory() {
    let (code, err, _) = magic(&["--data-dir", "/proc/nowhere"], &[], "");
    assert_eq!(code, 1);
    assert!(only_line(&err).contains("/proc/nowhere"), "{err}");
}

#[test]
fn an_unreachable_database() {
    let port = magic_testkit::db::free_port().to_string();
    for dsn in ["postgres://u:hunter2@127.0.0.1:1/d", "u:hunter2@tcp(127.0.0.1:1)/d", "nonsense"] {
        let (code, err, _) = magic(&["--port", &port], &[("SQL_DSN", dsn)], "");
        assert_eq!(code, 1);
        assert!(!err.contains("hunter2") && !only_line(&err).is_empty(), "{err}");
    }
}

#[test]
fn a_bad_configuration() {
    let file = "[server]\nthreds = 2\n[[channels]]\nname = \"a\"\ntype = \"openai\"\n";
    for args in [&["check-config"][..], &["serve"][..]] {
        let (code, err, dir) = magic(args, &[], file);
        assert_eq!(code, 1);
        assert!(err.contains("magic.toml:2: server.threds: unknown key, did you mean threads?"), "{err}");
        assert!(err.contains("channels[0].models"), "{err}");
        assert!(!dir.path().join("data").exists());
    }
    let (code, err, _) = magic(&["--config", "missing.toml"], &[], "");
    assert_eq!(code, 1);
    assert!(only_line(&err).contains("missing.toml"));
}

#[test]
fn a_sound_configuration_and_the_version() {
    let (code, err, _) = magic(&["check-config"], &[], "[server]\nthreads = 2\n");
    assert_eq!((code, err.as_str()), (0, ""));
    assert_eq!(magic(&["--version"], &[], "").0, 0);
}

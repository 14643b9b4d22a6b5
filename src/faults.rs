//! Faults on demand, for tests of what must survive them. Compiled into debug builds only.

/// Panics when `MAGIC_FAULT=panic` is set and the request asks for this point with `x-fault: <point>`.
#[cfg(debug_assertions)]
#[expect(clippy::panic, reason = "this is what it is for")]
pub fn point(name: &str, asked: Option<&str>) {
    if asked == Some(name) && std::env::var("MAGIC_FAULT").is_ok_and(|armed| armed == "panic") {
        panic!("a fault on demand");
    }
}

/// Waits a moment when `MAGIC_FAULT=stall` is set: what others do meanwhile has happened before the next step.
#[cfg(debug_assertions)]
pub async fn stall() {
    if std::env::var("MAGIC_FAULT").is_ok_and(|armed| armed == "stall") {
        pingora_timeout::sleep(std::time::Duration::from_millis(50)).await;
    }
}

/// Nothing, in release builds.
#[cfg(not(debug_assertions))]
pub async fn stall() {}

/// Nothing, in release builds.
#[cfg(not(debug_assertions))]
pub fn point(_name: &str, _asked: Option<&str>) {}

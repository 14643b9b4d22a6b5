//! Faults on demand, for tests of what must survive them. Compiled into debug builds only.

/// Panics when `MAGIC_FAULT=panic` is set and the request asks for this point with `x-fault: <point>`.
#[cfg(debug_assertions)]
#[expect(clippy::panic, reason = "this is what it is for")]
pub fn point(name: &str, asked: Option<&str>) {
    if asked == Some(name) && std::env::var("MAGIC_FAULT").is_ok_and(|armed| armed == "panic") {
        panic!("a fault on demand");
    }
}

/// Nothing, in release builds.
#[cfg(not(debug_assertions))]
pub fn point(_name: &str, _asked: Option<&str>) {}

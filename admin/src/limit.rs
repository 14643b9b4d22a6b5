//! Limits per address: all of the API, and the critical routes (sign-in) more strictly. State is capped.

use parking_lot::Mutex;
use std::collections::HashMap;
use std::time::Instant;

/// Addresses kept at most; beyond that the oldest windows are forgotten.
const KEYS_MAX: usize = 100_000;

/// What is limited, and for whom.
type Key = (&'static str, String);

/// Counts per key in fixed windows.
#[derive(Default)]
pub struct Limiter {
    windows: Mutex<HashMap<Key, (Instant, u32)>>,
}

impl Limiter {
    /// Counts a call; `Err` holds the seconds until the window ends.
    pub fn take(&self, mark: &'static str, key: &str, max: u32, seconds: u64) -> Result<(), u64> {
        if max == 0 {
            return Ok(());
        }
        let mut windows = self.windows.lock();
        if windows.len() >= KEYS_MAX {
            windows.retain(|_, (start, _)| start.elapsed().as_secs() < 60);
            if windows.len() >= KEYS_MAX {
                windows.clear();
            }
        }
        let (start, count) = windows.entry((mark, key.to_owned())).or_insert_with(|| (Instant::now(), 0));
        if start.elapsed().as_secs() >= seconds {
            (*start, *count) = (Instant::now(), 0);
        }
        if *count >= max {
            return Err(seconds.saturating_sub(start.elapsed().as_secs()).max(1));
        }
        *count += 1;
        Ok(())
    }
}

/// The network of an address that limits count by: a /24 or a /64 shares one.
pub fn network(ip: &str) -> String {
    match ip.parse::<std::net::IpAddr>() {
        Ok(std::net::IpAddr::V4(ip)) => format!("{}.{}.{}.0", ip.octets()[0], ip.octets()[1], ip.octets()[2]),
        Ok(std::net::IpAddr::V6(ip)) => {
            let s = ip.segments();
            format!("{:x}:{:x}:{:x}:{:x}::", s[0], s[1], s[2], s[3])
        }
        Err(_) => "unknown".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_fills_up() {
        let limiter = Limiter::default();
        assert!((0..3).all(|_| limiter.take("a", "k", 3, 60).is_ok()));
        assert!(limiter.take("a", "k", 3, 60).is_err());
        assert!(limiter.take("a", "other", 3, 60).is_ok());
        assert!(limiter.take("b", "k", 3, 60).is_ok());
    }
}

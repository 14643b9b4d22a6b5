//! How many connections there may be: in all, so that files and memory are left for the work itself, and from one
//! address, so that nobody takes them all (SR-04).

use ipnet::IpNet;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Connections of one address where the configuration says nothing.
pub const PER_ADDRESS: usize = 256;
/// What a connection is taken to cost when the memory is shared out.
const BYTES_EACH: u64 = 128 << 10;
/// Open files that the database, the journal and the rest of the process need.
const FILES_KEPT: u64 = 256;

/// The connections that are open.
#[derive(Default)]
pub struct Places {
    open: AtomicUsize,
    by_address: Mutex<HashMap<IpAddr, usize>>,
}

/// A connection's place; free again when this is dropped.
pub struct Place {
    places: Arc<Places>,
    address: Option<IpAddr>,
}

impl Places {
    /// How many connections are open.
    pub fn open(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    /// A place that is counted in all, but for no address yet.
    pub fn take(self: &Arc<Self>) -> Place {
        self.open.fetch_add(1, Ordering::Relaxed);
        Place { places: self.clone(), address: None }
    }
}

impl Place {
    /// Counts the connection for an address as well. False when that has `most` already.
    pub fn for_address(&mut self, address: IpAddr, most: usize) -> bool {
        let address = network(address);
        let mut by_address = self.places.by_address.lock();
        let count = by_address.entry(address).or_default();
        if *count >= most {
            return false;
        }
        *count += 1;
        drop(by_address);
        self.address = Some(address);
        true
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(address) = self.address {
            let mut by_address = self.places.by_address.lock();
            if let Some(count) = by_address.get_mut(&address) {
                *count -= 1;
                if *count == 0 {
                    by_address.remove(&address);
                }
            }
        }
        self.places.open.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Who has one IPv6 address has its /64.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        v4 => v4,
    }
}

/// How many connections an address may have. Trusted proxies speak for many. Neighbours on this machine are not
/// counted unless the operator has set a number.
pub fn allowed(address: IpAddr, set: Option<usize>, trusted: &[IpNet]) -> usize {
    let address = address.to_canonical();
    if trusted.iter().any(|net| net.contains(&address)) || (set.is_none() && address.is_loopback()) {
        return usize::MAX;
    }
    match set {
        Some(0) => usize::MAX,
        Some(most) => most,
        None => PER_ADDRESS,
    }
}

/// How many connections the process takes where the configuration says nothing: a call needs a file towards the
/// caller and one towards the vendor, and half of the memory is for connections. Raises the soft limit of open
/// files to the hard one.
pub fn by_resources() -> usize {
    let by_files = open_files().saturating_sub(FILES_KEPT) / 2;
    let by_memory = crate::memory::limit().map_or(u64::MAX, |bytes| bytes / 2 / BYTES_EACH);
    usize::try_from(by_files.min(by_memory).clamp(64, 1 << 20)).unwrap_or(64)
}

fn open_files() -> u64 {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let raised = rustix::process::Rlimit { current: limit.maximum, ..limit };
    let raised = setrlimit(Resource::Nofile, raised).map_or(limit, |()| raised);
    raised.current.unwrap_or(1 << 20)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn an_address_has_its_places_and_gives_them_back() {
        let places = Arc::new(Places::default());
        let take = |address: &str| {
            let mut place = places.take();
            place.for_address(ip(address), 2).then_some(place)
        };
        let (one, _two) = (take("2001:db8::1").unwrap(), take("2001:db8::2").unwrap());
        assert!(take("2001:db8::3").is_none(), "one /64 is one address");
        assert!(take("2001:db8:0:1::3").is_some());
        assert_eq!(places.open(), 2, "who is refused holds nothing");
        drop(one);
        assert!(take("2001:db8::3").is_some());
        assert_eq!(places.by_address.lock().len(), 1);
    }

    #[test]
    fn neighbours_and_proxies_are_not_counted() {
        let trusted = ["10.0.0.0/8".parse().unwrap()];
        assert_eq!(allowed(ip("192.0.2.1"), None, &trusted), PER_ADDRESS);
        assert_eq!(allowed(ip("127.0.0.1"), None, &trusted), usize::MAX);
        assert_eq!(allowed(ip("127.0.0.1"), Some(3), &trusted), 3);
        assert_eq!(allowed(ip("10.1.1.1"), Some(3), &trusted), usize::MAX);
        assert_eq!(allowed(ip("192.0.2.1"), Some(0), &trusted), usize::MAX);
        assert!(by_resources() >= 64);
    }
}

//! The HTTP servers of a site: which of them is asked, and which are left alone for a while.

use super::conf::{Balance, ServerConf, ServersConf};
use pingora_core::protocols::tls::CaType;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::time::Instant;

/// Servers a site can have: those that were asked in vain are bits of a number.
pub const SERVERS_MAX: usize = 64;

/// See the module's text.
pub struct Servers {
    pub conf: ServersConf,
    pub list: Vec<Server>,
    /// Certificates that are believed instead of the system's.
    pub roots: Option<Arc<CaType>>,
    /// Connections are shared with nobody who trusts others.
    pub group: u64,
    next: AtomicUsize,
    born: Instant,
}

/// A server with what is known of it.
pub struct Server {
    pub conf: ServerConf,
    pub authority: String,
    /// Requests under way to it.
    busy: AtomicUsize,
    /// It could not be connected to, and is left alone until then (milliseconds of [`Servers::born`]).
    rests_until: AtomicU64,
    /// Its checks fail.
    sick: AtomicBool,
    /// Checks in a row that say the opposite of `sick`.
    against: AtomicU32,
}

impl Servers {
    pub fn new(conf: &ServersConf) -> Servers {
        use std::hash::{DefaultHasher, Hash, Hasher};
        let server = |conf: &ServerConf| Server {
            conf: conf.clone(),
            authority: conf.authority(),
            busy: AtomicUsize::new(0),
            rests_until: AtomicU64::new(0),
            sick: AtomicBool::new(false),
            against: AtomicU32::new(0),
        };
        let mut hasher = DefaultHasher::new();
        ("site", &conf.ca).hash(&mut hasher);
        Servers {
            list: conf.servers.iter().take(SERVERS_MAX).map(server).collect(),
            roots: conf.ca.as_deref().and_then(crate::tls::roots),
            group: hasher.finish(),
            conf: conf.clone(),
            next: AtomicUsize::new(0),
            born: Instant::now(),
        }
    }

    fn now_ms(&self) -> u64 {
        self.born.elapsed().as_millis() as u64
    }

    /// The next server to ask, and the request counts as under way to it. One that is well if there is one; where
    /// none is, one that has not been tried: asking it costs less than refusing everybody.
    pub fn pick(&self, tried: u64) -> Option<usize> {
        let turn = self.next.fetch_add(1, Ordering::Relaxed);
        let now = self.now_ms();
        let untried = |at: &usize| tried & (1 << at) == 0;
        let in_turn =
            (0..self.list.len()).map(|step| turn.wrapping_add(step) % self.list.len()).filter(untried);
        let well = in_turn.clone().filter(|at| self.list.get(*at).is_some_and(|server| server.well(now)));
        let best = match self.conf.balance {
            Balance::RoundRobin => well.clone().next(),
            Balance::LeastConnections => well
                .min_by_key(|at| self.list.get(*at).map_or(0, |server| server.busy.load(Ordering::Relaxed))),
        };
        let at = best.or_else(|| in_turn.clone().next())?;
        self.list.get(at)?.busy.fetch_add(1, Ordering::Relaxed);
        Some(at)
    }

    /// The server could not be connected to.
    pub fn rest(&self, at: usize) {
        let Some(server) = self.list.get(at) else { return };
        let until = self.now_ms() + self.conf.rest.as_millis() as u64;
        if server.rests_until.swap(until, Ordering::Relaxed) < self.now_ms() && self.list.len() > 1 {
            log::warn!(target: "magic::sites", "the server {} of a site can't be reached; others are asked", server.authority);
        }
    }

    /// What a check has found.
    pub fn checked(&self, at: usize, fine: bool) {
        let Some(server) = self.list.get(at) else { return };
        let sick = server.sick.load(Ordering::Relaxed);
        if sick != fine {
            return server.against.store(0, Ordering::Relaxed);
        }
        let needed = if fine { self.conf.health_up } else { self.conf.health_down };
        if server.against.fetch_add(1, Ordering::Relaxed) + 1 < needed {
            return;
        }
        server.against.store(0, Ordering::Relaxed);
        server.sick.store(!fine, Ordering::Relaxed);
        if fine {
            server.rests_until.store(0, Ordering::Relaxed);
        }
        let word = if fine { "is well again" } else { "fails its checks, and is not asked" };
        log::warn!(target: "magic::sites", "the server {} of a site {word}", server.authority);
    }
}

impl Server {
    fn well(&self, now_ms: u64) -> bool {
        !self.sick.load(Ordering::Relaxed) && self.rests_until.load(Ordering::Relaxed) <= now_ms
    }

    /// A request to it is over.
    pub fn leave(&self) {
        self.busy.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use std::time::Duration;

    pub fn conf(count: u16, balance: Balance) -> ServersConf {
        let server = |n| ServerConf { tls: false, host: "127.0.0.1".into(), port: 1000 + n };
        ServersConf {
            servers: (0..count).map(server).collect(),
            balance,
            health: None,
            health_every: Duration::from_secs(5),
            health_down: 2,
            health_up: 2,
            rest: Duration::from_secs(10),
            strip_path: false,
            keep_host: true,
            headers: Vec::new(),
            ca: None,
            body_bytes: 1 << 20,
            connect: Duration::from_secs(1),
            idle: Duration::from_secs(1),
        }
    }

    #[test]
    fn servers_take_turns_and_rest() {
        let servers = Servers::new(&conf(3, Balance::RoundRobin));
        let picks: Vec<usize> = (0..6).filter_map(|_| servers.pick(0)).collect();
        assert_eq!(picks, [0, 1, 2, 0, 1, 2]);
        servers.rest(1);
        assert!((0..6).all(|_| servers.pick(0) != Some(1)));
        // Whoever has tried all others gets the one that rests.
        assert_eq!(servers.pick(0b101), Some(1));
        assert_eq!(servers.pick(0b111), None);
    }

    #[test]
    fn the_least_busy_is_asked() {
        let servers = Servers::new(&conf(2, Balance::LeastConnections));
        let first = servers.pick(0).unwrap();
        let second = servers.pick(0).unwrap();
        assert_ne!(first, second);
        servers.list[second].leave();
        assert_eq!(servers.pick(0), Some(second));
        servers.list[first].leave();
        servers.list[second].leave();
    }

    #[test]
    fn checks_need_several_in_a_row() {
        let servers = Servers::new(&conf(2, Balance::RoundRobin));
        let asked = || (0..4).any(|_| servers.pick(0) == Some(0));
        servers.checked(0, false);
        assert!(asked());
        servers.checked(0, true);
        servers.checked(0, false);
        assert!(asked());
        servers.checked(0, false);
        assert!(!asked());
        servers.checked(0, true);
        assert!(!asked());
        servers.checked(0, true);
        assert!(asked());
    }
}

//! Notices between the nodes of a fleet: "something has changed, look at the database now". Hints and nothing more:
//! nodes that hear none look every second anyway, and no money ever depends on one.

mod postgres;
mod redis;

pub(crate) use self::postgres::{CHANNEL as POSTGRES_CHANNEL, run as run_postgres};
pub(crate) use self::redis::run as run_redis;

use magic_domain::secret::Secret;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::{Mutex, Notify, mpsc};

/// Where Redis is.
#[derive(Debug, Clone)]
pub struct Redis {
    pub at: RedisAt,
    /// A PEM file's text: the authorities that its certificates are checked with, instead of the system's.
    pub ca: Option<Vec<u8>>,
}

/// One server, or those that know which server it is now.
#[derive(Debug, Clone)]
pub enum RedisAt {
    /// `redis://…` or `rediss://…`
    Server(Secret),
    Sentinels {
        /// `host:port` each.
        addresses: Vec<String>,
        /// What they call the server.
        master: String,
        /// The server's, not theirs.
        password: Option<Secret>,
        sentinel_password: Option<Secret>,
        tls: bool,
    },
}

/// Counts of a node that wait to be sent, or of others that wait to be taken over. What does not fit is lost: the
/// limits they are for err by that much.
const WAITING: usize = 256;

/// What a node says and hears.
#[derive(Clone)]
pub(crate) struct Bells {
    /// What a node's own notices are known by.
    pub node: Arc<str>,
    /// Rung when it has changed something.
    pub changed: Arc<Notify>,
    /// Rung when it hears that another has.
    pub heard: Arc<Notify>,
    /// Redis is meant to be there and is not.
    pub redis_away: Arc<AtomicBool>,
    /// Counts for the other nodes, and theirs.
    pub counts: Counts,
}

#[derive(Clone)]
pub(crate) struct Counts {
    pub say: mpsc::Sender<Vec<u8>>,
    pub said: Arc<Mutex<mpsc::Receiver<Vec<u8>>>>,
    pub hear: mpsc::Sender<Vec<u8>>,
    pub heard: Arc<Mutex<mpsc::Receiver<Vec<u8>>>>,
}

impl Default for Bells {
    fn default() -> Self {
        let ((say, said), (hear, heard)) = (mpsc::channel(WAITING), mpsc::channel(WAITING));
        let counts =
            Counts { say, said: Arc::new(Mutex::new(said)), hear, heard: Arc::new(Mutex::new(heard)) };
        Bells {
            node: crate::random_id().into(),
            changed: Arc::default(),
            heard: Arc::default(),
            redis_away: Arc::default(),
            counts,
        }
    }
}

/// One log line per change of state.
struct Told {
    away: bool,
    what: &'static str,
}

impl Told {
    fn new(what: &'static str) -> Told {
        Told { away: false, what }
    }

    fn back(&mut self) {
        self.away = false;
        log::info!("{} carries notices of changes", self.what);
    }

    fn gone(&mut self, why: &str) {
        if !std::mem::replace(&mut self.away, true) {
            log::warn!("{} is away, changes of other nodes are seen within a second: {why}", self.what);
        }
    }
}

impl Bells {
    fn redis(&self, there: bool) {
        self.redis_away.store(!there, Ordering::Relaxed);
    }
}

//! The configuration: flags over environment over file over defaults, checked as a whole. Every fault is
//! reported at once, with its key and line.

mod acme;
mod fleet;
mod listen;
mod owned;
mod prompts;
mod reader;
mod sites;
mod sockets;
mod tuning;
mod watch;

pub use acme::{Acme, Challenge};
pub use listen::{Listen, Pair, Tls};
pub use owned::PRICES;
pub use owned::check_base as check_base_url;
pub use reader::Faults;
pub use sockets::{socket_path, sweep};
pub use watch::{Logs, Telemetry};

use crate::cli::Common;
use crate::tuning::Tuning;
use ipnet::IpNet;
use magic_domain::secret::Secret;
use magic_store::owned::Owned;
use magic_store::vault::KeySources;
use magic_store::{Bootstrap, Dsn};
use reader::Walk;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What a call is taken to need when the memory is shared out; measured: 64 KiB for an idle stream.
const CALL_BYTES: u64 = 128 << 10;

/// Everything the process is started with.
#[derive(Debug, Clone)]
pub struct Settings {
    pub listen: Vec<Listen>,
    /// Certificates that are shown by name.
    pub certificates: Vec<Pair>,
    /// Certificates that are ordered.
    pub acme: Option<Acme>,
    /// Other sites behind the same door.
    pub sites: Vec<crate::sites::conf::Conf>,
    /// Connections that may be open at once; by the machine where nothing is said.
    pub connections: Option<usize>,
    /// Calls that may be under way at once, and memory that may be used (bytes); by the machine where nothing is said.
    pub calls: Option<usize>,
    pub memory: Option<u64>,
    pub threads: usize,
    pub drain: Duration,
    /// How long connections are still accepted after the signal to end.
    pub drain_delay: Duration,
    pub data_dir: PathBuf,
    pub log_dir: Option<PathBuf>,
    pub logs: Logs,
    pub telemetry: Telemetry,
    /// Where metrics and health are told without a token.
    pub admin_listen: Option<SocketAddr>,
    pub tuning: Tuning,
    pub dsn: Dsn,
    pub log_dsn: Option<Dsn>,
    pub max_connections: u32,
    /// A database that is not there at the start is waited for.
    pub database_wait: bool,
    /// Where nodes tell each other of changes; off without.
    pub redis: Option<magic_store::Redis>,
    /// Follows the others: makes no schema and no first account, and does nothing that is done once for all.
    pub follower: bool,
    /// Where browsers are sent that ask a follower for the dashboard.
    pub frontend: Option<String>,
    pub keys: KeySources,
    pub bootstrap: Bootstrap,
    /// The longest that anything which is polled may be old.
    pub sync: Duration,
    pub segment_bytes: u64,
    pub fsync_every: Duration,
    pub reserve_bytes: u64,
    /// Between two checks of the books' invariants; zero: none.
    pub verify_every: Duration,
    /// Requests to the management API per address and three minutes; 0: no limit.
    pub api_rate: u32,
    /// Minutes between two rounds of tests, and of balances; off without.
    pub test_minutes: Option<u64>,
    pub balance_minutes: Option<u64>,
    /// Between two channels of a round.
    pub polling_interval: Duration,
    pub owned: Owned,
    /// The file it was read from.
    pub file: Option<PathBuf>,
}

/// What reads an environment variable.
pub type Env<'e> = &'e dyn Fn(&str) -> Option<String>;

/// Reads flags, environment and file.
pub fn load(common: &Common, env: Env<'_>) -> Result<Settings, Faults> {
    let file = match &common.config {
        Some(file) => Some(file.clone()),
        None => Some(PathBuf::from("magic.toml")).filter(|file| file.exists()),
    };
    let text = match &file {
        Some(file) => std::fs::read_to_string(file)
            .map_err(|error| Faults::one(file, format!("can't be read: {error}")))?,
        None => String::new(),
    };
    let name = file.clone().unwrap_or_else(|| PathBuf::from("magic.toml"));
    let document =
        toml_edit::Document::parse(text.as_str()).map_err(|error| Faults::syntax(&name, &text, &error))?;
    let walk = Walk::new(&name, &text, env);
    let mut settings = read(&walk, document.as_table(), common, env);
    settings.file = file;
    walk.finish(settings)
}

fn read(walk: &Walk<'_>, root: &toml_edit::Table, common: &Common, env: Env<'_>) -> Settings {
    let set = |name: &str| env(name).filter(|value| !value.is_empty());
    let number = |name: &str| set(name).and_then(|value| value.trim().parse::<u64>().ok());
    let root = walk.root(root);

    let server = root.table("server");
    let data_dir =
        common.data_dir.clone().or_else(|| server.path("data_dir")).unwrap_or_else(|| "data".into());
    let log_dir = common.log_dir.clone().or_else(|| server.path("log_dir"));
    let threads = server
        .int("threads", 1, 256)
        .unwrap_or_else(|| std::thread::available_parallelism().map_or(2, |count| count.get() as u64));
    let drain = Duration::from_secs(server.int("drain_seconds", 0, 86_400).unwrap_or(3600));
    let network = |text: &str| {
        text.parse::<IpNet>()
            .or_else(|_| text.parse::<std::net::IpAddr>().map(IpNet::from))
            .map_err(|_| "must be addresses or networks (10.0.0.0/8)".to_owned())
    };
    let trusted_proxies = server.list("trusted_proxies", network);
    let egress_allow = server.list("egress_allow", network);
    let mut listen = listen::listen(&server);
    let certificates = listen::certificates(&server);
    let acme = acme::acme(&server);
    let (sites, compression) = (sites::sites(&server), sites::compression(&server));
    let hsts_seconds = server.int("hsts_seconds", 0, 63_072_000).unwrap_or(0);
    let drain_delay = server.int("drain_delay_seconds", 0, 600);
    let drain_delay = Duration::from_secs(number("MAGIC_DRAIN_DELAY").or(drain_delay).unwrap_or(0).min(600));
    let limits = server.table("limits");
    let connections = limits.int("connections", 16, 1 << 20).map(|most| most as usize);
    let calls = limits.int("calls", 1, 1 << 20).map(|most| most as usize);
    let memory = limits.int("memory_bytes", 64 << 20, 1 << 50);
    let logs = watch::logs(&server, env);
    let admin_listen = watch::admin_listen(&server);
    let follower = fleet::follower(&server, env);
    let frontend = fleet::frontend(&server, env, follower);
    let own = [
        "listen",
        "node_type",
        "frontend_base_url",
        "certificates",
        "acme",
        "hsts_seconds",
        "sites",
        "compression",
        "compression_min_bytes",
        "gzip_level",
        "brotli_level",
        "zstd_level",
        "threads",
        "drain_seconds",
        "drain_delay_seconds",
        "trusted_proxies",
        "egress_allow",
        "data_dir",
        "log_dir",
        "limits",
        "timeouts",
        "admin_listen",
    ];
    server.only(&[own.as_slice(), &watch::LOG_KEYS].concat());
    // Flags beat the environment, which beats the file.
    let port = common.port.or_else(|| number("PORT").and_then(|port| u16::try_from(port).ok()));
    if let Some(port) = port {
        listen = vec![Listen::plain(SocketAddr::from(([0, 0, 0, 0], port)))];
    }
    if listen.is_empty() {
        listen.push(Listen::plain(SocketAddr::from(([0, 0, 0, 0], 3000))));
    }

    watch::keep_apart(&server, admin_listen, &listen);
    let https_port = listen.iter().find(|listen| listen.tls.is_some()).map_or(443, |l| l.address.port());
    let tuning = tuning::read(
        &server,
        tuning::Networks { trusted_proxies, egress_allow },
        set("RELAY_TIMEOUT").is_some().then(|| number("RELAY_TIMEOUT")).flatten(),
        memory.or_else(crate::memory::limit),
    );
    let default_file = set("SQLITE_PATH").map_or_else(|| data_dir.join("magic.db"), PathBuf::from);
    let database = root.table("database");
    let dsn = |walked: Option<String>, variable: &str, key: &str| {
        let text = set(variable).or(walked).unwrap_or_default();
        Dsn::parse(&text, &default_file).unwrap_or_else(|error| {
            database.fault(key, error.to_string());
            Dsn::Sqlite(default_file.clone())
        })
    };
    let main = dsn(database.text("dsn"), "SQL_DSN", "dsn");
    let log_text = database.text("log_dsn");
    let has_logs = log_text.is_some() || set("LOG_SQL_DSN").is_some();
    let log_dsn = has_logs.then(|| dsn(log_text, "LOG_SQL_DSN", "log_dsn"));
    let max_connections = number("SQL_MAX_OPEN_CONNS")
        .or_else(|| database.int("max_connections", 1, 1000))
        .unwrap_or(20)
        .clamp(1, 100);
    let staleness =
        database.int("max_staleness_seconds", 0, 86_400).map_or(tuning.staleness, Duration::from_secs);
    let waits = database.bool("wait");
    let waits = set("MAGIC_DATABASE_WAIT").map(|text| text == "true").or(waits);
    database.only(&["dsn", "log_dsn", "max_connections", "max_staleness_seconds", "wait"]);

    let redis = fleet::redis(&root.table("redis"), env);

    let ledger = root.table("ledger");
    let fsync = match ledger.text("durability").as_deref() {
        None | Some("journal") => false,
        Some("fsync") => true,
        Some(_) => {
            ledger.fault("durability", "must be \"journal\" or \"fsync\"");
            false
        }
    };
    let segment_bytes = ledger.int("segment_bytes", 1 << 16, 1 << 32).unwrap_or(64 << 20);
    let fsync_every = Duration::from_millis(ledger.int("fsync_ms", 1, 1000).unwrap_or(20));
    let reserve_bytes = ledger.int("reserve_bytes", 0, 1 << 32).unwrap_or(64 << 20);
    let verify_every = Duration::from_secs(ledger.int("verify_seconds", 0, 31_536_000).unwrap_or(3600));
    ledger.only(&["durability", "segment_bytes", "fsync_ms", "reserve_bytes", "verify_seconds"]);

    let security = root.table("security");
    let secret = |variable: &str, key: &str| {
        let from_file = security.text(key);
        set(variable).or(from_file).map(Secret::new)
    };
    let session_secret =
        secret("SESSION_SECRET", "session_secret").filter(|secret| secret.expose() != "random_string");
    let master_key = secret("MAGIC_MASTER_KEY", "master_key");
    let next_key = secret("MAGIC_MASTER_KEY_NEXT", "master_key_next");
    let bootstrap = Bootstrap {
        root_password: secret("INITIAL_ROOT_PASSWORD", "initial_root_password"),
        root_token: secret("INITIAL_ROOT_TOKEN", "initial_root_token"),
        root_access_token: secret("INITIAL_ROOT_ACCESS_TOKEN", "initial_root_access_token"),
    };
    security.only(&[
        "session_secret",
        "master_key",
        "master_key_next",
        "initial_root_password",
        "initial_root_token",
        "initial_root_access_token",
    ]);

    let telemetry = watch::telemetry(&root.table("telemetry"), env);
    let owned = owned::read(walk, &root);
    root.only(&[
        "server",
        "database",
        "redis",
        "ledger",
        "security",
        "options",
        "groups",
        "models",
        "channels",
        "users",
        "tokens",
        "prompts",
        "telemetry",
    ]);
    Settings {
        listen,
        certificates,
        acme,
        sites,
        connections,
        calls,
        memory,
        threads: threads as usize,
        drain,
        drain_delay,
        log_dir,
        logs,
        telemetry,
        admin_listen,
        tuning: Tuning { fsync, staleness, hsts_seconds, https_port, compression, ..tuning },
        dsn: main,
        log_dsn,
        max_connections: max_connections as u32,
        database_wait: waits.unwrap_or(false),
        redis,
        follower,
        frontend,
        keys: KeySources { master_key, next_key, session_secret, file: Some(data_dir.join("master.key")) },
        bootstrap,
        sync: Duration::from_secs(number("SYNC_FREQUENCY").unwrap_or(600).max(1)),
        segment_bytes,
        fsync_every,
        reserve_bytes,
        verify_every,
        test_minutes: number("CHANNEL_TEST_FREQUENCY"),
        balance_minutes: number("CHANNEL_UPDATE_FREQUENCY"),
        polling_interval: Duration::from_secs(number("POLLING_INTERVAL").unwrap_or(0)),
        api_rate: number("GLOBAL_API_RATE_LIMIT").map_or(480, |rate| u32::try_from(rate).unwrap_or(u32::MAX)),
        owned,
        file: None,
        data_dir,
    }
}

impl Settings {
    /// How many calls may be under way at once, and the memory that the process may use, in bytes.
    pub fn capacity(&self) -> (usize, Option<u64>) {
        let memory = self.memory.or_else(crate::memory::limit);
        let by_memory = memory.map_or(1 << 20, |bytes| bytes / 2 / CALL_BYTES);
        let calls = self.calls.unwrap_or_else(|| usize::try_from(by_memory.clamp(64, 1 << 20)).unwrap_or(64));
        (calls, memory)
    }

    /// What differs from `new` and can't be changed while the process runs.
    pub fn restart_needed(&self, new: &Settings) -> Vec<&'static str> {
        let mut needed = Vec::new();
        let mut check = |same: bool, what| {
            if !same {
                needed.push(what);
            }
        };
        check(self.listen == new.listen, "server.listen");
        check(self.threads == new.threads, "server.threads");
        check(self.admin_listen == new.admin_listen, "server.admin_listen");
        check(self.log_dir == new.log_dir && self.logs == new.logs, "server.log_dir, server.log_…");
        check(self.telemetry == new.telemetry, "telemetry");
        check(self.data_dir == new.data_dir, "server.data_dir");
        check(self.dsn == new.dsn && self.log_dsn == new.log_dsn, "database");
        needed
    }

    pub fn journal_dir(&self) -> PathBuf {
        self.data_dir.join("journal")
    }
}

/// Variables of one-api that are accepted and change nothing here, with the reason.
pub const WITHOUT_EFFECT: &[(&str, &str)] = &[
    ("BATCH_UPDATE_ENABLED", "updates are always batched"),
    ("MEMORY_CACHE_ENABLED", "routing is always in memory"),
    ("SQL_MAX_IDLE_CONNS", "the pool sizes itself"),
    ("SQL_MAX_LIFETIME", "the pool sizes itself"),
    ("SQLITE_BUSY_TIMEOUT", "one connection writes"),
    ("ENFORCE_INCLUDE_USAGE", "usage is always asked for, and taken out again where the caller did not ask"),
    ("TIKTOKEN_CACHE_DIR", "the encoders are built in"),
];

/// The directory must exist, or be made, and be written to; said before anything else is begun.
pub fn prepare_dir(path: &Path) -> Result<(), String> {
    // In a container it is often a folder of the host, which belongs to somebody else.
    let whose = |error: &std::io::Error| match error.kind() {
        std::io::ErrorKind::PermissionDenied => {
            let user = rustix::process::geteuid().as_raw();
            format!(" (this process is user {user}: chown -R {user} the folder, or run as its owner)")
        }
        _ => String::new(),
    };
    let said = |what: &str, error: std::io::Error| {
        format!("the directory {} can't be {what}: {error}{}", path.display(), whose(&error))
    };
    std::fs::create_dir_all(path).map_err(|error| said("made", error))?;
    let probe = path.join(".write-test");
    std::fs::write(&probe, b"").map_err(|error| said("written to", error))?;
    let _ = std::fs::remove_file(probe);
    Ok(())
}

/// Options as they are stored.
type Options = BTreeMap<String, String>;

#[cfg(test)]
mod tests;

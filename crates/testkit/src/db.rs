//! Private database servers on free ports: started once per test process (or given by the environment, as
//! `cargo xtask test` does), a fresh database for every test, everything gone at the end.

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, Connection, MySqlConnection, PgConnection, SqliteConnection};
use std::io::Write;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::str::FromStr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// The engines every statement runs on.
pub const ENGINES: &[Engine] = &[Engine::Sqlite, Engine::MySql, Engine::Postgres];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    Sqlite,
    MySql,
    Postgres,
}

/// A database of one test. SQLite's file goes with it.
pub struct Database {
    pub dsn: String,
    pub engine: Engine,
    pub dir: tempfile::TempDir,
}

static COUNT: AtomicU32 = AtomicU32::new(0);

/// Makes a fresh database.
pub fn database(engine: Engine) -> Database {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let name = format!("t{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::SeqCst));
    let dsn = match engine {
        Engine::Sqlite => format!("sqlite:{}", dir.path().join("magic.db").display()),
        Engine::MySql => {
            let server = mysql();
            run(Command::new("mariadb")
                .args(client_args(server))
                .args(["-e", &format!("CREATE DATABASE {name}")]));
            format!("{server}/{name}")
        }
        Engine::Postgres => {
            let server = postgres();
            run(Command::new("psql").args([
                &format!("{server}/postgres"),
                "-qc",
                &format!("CREATE DATABASE {name}"),
            ]));
            format!("{server}/{name}")
        }
    };
    Database { dsn, engine, dir }
}

pub(crate) fn client_args(server: &str) -> Vec<String> {
    // mysql://root@127.0.0.1:PORT
    let address = server.rsplit('@').next().expect("an address");
    let (host, port) = address.split_once(':').expect("a port");
    vec!["-uroot".into(), format!("-h{host}"), format!("-P{port}"), "--skip-ssl".into()]
}

/// `mysql://root@127.0.0.1:port` of the private MariaDB.
pub fn mysql() -> &'static str {
    static SERVER: OnceLock<(String, Option<Server>)> = OnceLock::new();
    &SERVER.get_or_init(|| start("MAGIC_TEST_MYSQL", start_mysql)).0
}

/// `postgres://postgres@127.0.0.1:port` of the private PostgreSQL.
pub fn postgres() -> &'static str {
    static SERVER: OnceLock<(String, Option<Server>)> = OnceLock::new();
    &SERVER.get_or_init(|| start("MAGIC_TEST_POSTGRES", start_postgres)).0
}

/// `redis://127.0.0.1:port` of the private Redis.
pub fn redis() -> &'static str {
    static SERVER: OnceLock<(String, Option<Server>)> = OnceLock::new();
    &SERVER.get_or_init(|| start("MAGIC_TEST_REDIS", || redis_on(free_port()))).0
}

/// A Redis of the caller's own: gone when the handle is dropped.
pub fn redis_on(port: u16) -> (String, Server) {
    (format!("redis://127.0.0.1:{port}"), redis_with(port, &format!("--port {port}"), &[]))
}

/// A Redis that follows another.
pub fn redis_replica(port: u16, of: u16) -> Server {
    redis_with(port, &format!("--port {port} --replicaof 127.0.0.1 {of}"), &[])
}

/// A Redis that speaks TLS alone, with a certificate for `localhost`.
pub fn redis_tls(port: u16, cert: &str, key: &str) -> Server {
    let files = [("cert.pem", cert), ("key.pem", key)];
    let args = format!(
        "--port 0 --tls-port {port} --tls-cert-file cert.pem --tls-key-file key.pem --tls-ca-cert-file cert.pem \
         --tls-auth-clients no"
    );
    redis_with(port, &args, &files)
}

/// A sentinel that watches one server under a name, and puts a replica in its place after a second.
pub fn redis_sentinel(port: u16, name: &str, master: u16) -> Server {
    let conf = format!(
        "port {port}\nbind 127.0.0.1\nsentinel monitor {name} 127.0.0.1 {master} 1\n\
         sentinel down-after-milliseconds {name} 1000\nsentinel failover-timeout {name} 3000\n"
    );
    redis_with(port, "sentinel.conf --sentinel", &[("sentinel.conf", &conf)])
}

/// Starts a Redis with arguments, in a folder with files.
fn redis_with(port: u16, args: &str, files: &[(&str, &str)]) -> Server {
    let dir = tempfile::Builder::new().prefix("magic-redis").tempdir().expect("a folder");
    let log = dir.path().join("log");
    for (name, text) in files {
        std::fs::write(dir.path().join(name), text).expect("a file");
    }
    let as_user = unprivileged(dir.path());
    let program = find(&["redis-server", "valkey-server"]);
    let common = match args.ends_with("--sentinel") {
        true => "",
        false => " --bind 127.0.0.1 --save '' --appendonly no",
    };
    let command =
        format!("true ; cd {0} ; {as_user}{1} {args}{common}", dir.path().display(), program.display());
    let guardian = guarded(dir.path(), &log, &command);
    wait_until("Redis", &log, || std::net::TcpStream::connect(("127.0.0.1", port)).is_ok());
    Server { _guardian: guardian, _dir: dir }
}

/// Another server of the caller's own: `command` runs in a shell until the handle is dropped.
pub fn guarded_server(prefix: &str, environment: &str, command: &str, ready: &dyn Fn() -> bool) -> Server {
    let dir = tempfile::Builder::new().prefix(prefix).tempdir().expect("a folder");
    let log = dir.path().join("log");
    let guardian = guarded(dir.path(), &log, &format!("{environment} {command}"));
    wait_until(prefix, &log, ready);
    Server { _guardian: guardian, _dir: dir }
}

fn start(variable: &str, begin: fn() -> (String, Server)) -> (String, Option<Server>) {
    match std::env::var(variable) {
        Ok(url) if !url.is_empty() => (url, None),
        _ => {
            let (url, server) = begin();
            (url, Some(server))
        }
    }
}

/// A server that dies with this process: a shell waits for its standard input to close, then kills it.
pub struct Server {
    _guardian: Child,
    _dir: tempfile::TempDir,
}

impl Server {
    /// Sends the server a signal by name: `STOP` and `CONT` pause it.
    pub fn signal(&self, name: &str) {
        let pid = std::fs::read_to_string(self._dir.path().join("pid")).expect("a process id");
        run(Command::new("kill").args([&format!("-{name}"), pid.trim()]));
    }
}

impl Drop for Server {
    /// Gone means gone: its port is free when this returns.
    fn drop(&mut self) {
        drop(self._guardian.stdin.take());
        let _ = self._guardian.wait();
    }
}

/// A port that is free now.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address").port()
}

fn guarded(dir: &Path, log: &Path, command: &str) -> Child {
    let script = format!(
        "cd / ; {command} >{} 2>&1 & pid=$!; echo $pid >{1}/pid; cat >/dev/null; kill -9 $pid; wait $pid; rm -rf {1}",
        log.display(),
        dir.display()
    );
    Command::new("sh")
        .args(["-c", &script])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .expect("a shell")
}

fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|out| out.stdout.starts_with(b"0\n"))
}

/// The unprivileged account that servers run as when the tests run as root.
fn unprivileged(dir: &Path) -> &'static str {
    if !is_root() {
        return "";
    }
    run(Command::new("chown").args(["-R", "nobody", &dir.display().to_string()]));
    "setpriv --reuid=nobody --regid=nogroup --clear-groups "
}

fn wait_until(what: &str, log: &Path, mut ready: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !ready() {
        if Instant::now() > deadline {
            let text = std::fs::read_to_string(log).unwrap_or_default();
            panic!("{what} does not start:\n{text}");
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn find(candidates: &[&str]) -> PathBuf {
    let on_path = std::env::var("PATH").unwrap_or_default();
    for candidate in candidates {
        if candidate.contains('/') {
            if Path::new(candidate).exists() {
                return candidate.into();
            }
            continue;
        }
        for dir in on_path.split(':') {
            let path = Path::new(dir).join(candidate);
            if path.exists() {
                return path;
            }
        }
    }
    panic!("none of {candidates:?} is installed; `cargo xtask test` installs what is missing")
}

/// PostgreSQL's programs are outside the PATH on Debian.
pub(crate) fn postgres_program(name: &str) -> PathBuf {
    let mut versions: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
        .map(|entries| entries.flatten().map(|entry| entry.path().join("bin").join(name)).collect())
        .unwrap_or_default();
    versions.sort();
    let newest = versions.into_iter().rev().find(|path| path.exists());
    newest.unwrap_or_else(|| find(&[name]))
}

fn start_mysql() -> (String, Server) {
    let dir = tempfile::Builder::new().prefix("magic-mysql").tempdir().expect("a folder");
    let data = dir.path().join("data");
    std::fs::create_dir(&data).expect("a folder");
    let log = dir.path().join("log");
    // A server that starts removes the temporary tables it finds, those of another that shares the folder as well.
    let tmp = dir.path().join("tmp");
    std::fs::create_dir(&tmp).expect("a folder");
    let as_user = unprivileged(dir.path());
    let installer = find(&["mariadb-install-db", "mysql_install_db"]);
    run(Command::new("sh").args([
        "-c",
        &format!(
            "{as_user}{} --no-defaults --datadir={} --tmpdir={} --auth-root-authentication-method=normal --skip-test-db",
            installer.display(),
            data.display(),
            tmp.display()
        ),
    ]));
    let port = free_port();
    let program = find(&["mariadbd", "/usr/sbin/mariadbd", "mysqld", "/usr/sbin/mysqld"]);
    let guardian = guarded(
        dir.path(),
        &log,
        &format!(
            "{as_user}{} --no-defaults --datadir={} --tmpdir={} --socket={}/s --port={port} --bind-address=127.0.0.1 --skip-name-resolve \
             --innodb-flush-log-at-trx-commit=0 --innodb-buffer-pool-size=64M --max-connections=500 --performance-schema=off",
            program.display(),
            data.display(),
            tmp.display(),
            dir.path().display()
        ),
    );
    let url = format!("mysql://root@127.0.0.1:{port}");
    let args = client_args(&url);
    wait_until("MariaDB", &log, || {
        let mut ping = Command::new("mariadb");
        ping.args(&args).args(["-e", "SELECT 1"]).stdout(Stdio::null()).stderr(Stdio::null());
        ping.status().is_ok_and(|status| status.success())
    });
    (url, Server { _guardian: guardian, _dir: dir })
}

fn start_postgres() -> (String, Server) {
    let dir = tempfile::Builder::new().prefix("magic-postgres").tempdir().expect("a folder");
    let log = dir.path().join("log");
    let as_user = unprivileged(dir.path());
    let data = dir.path().join("data");
    run(Command::new("sh").args([
        "-c",
        &format!(
            "{as_user}{} -D {} -U postgres --auth=trust --no-sync",
            postgres_program("initdb").display(),
            data.display()
        ),
    ]));
    let port = free_port();
    let guardian = guarded(
        dir.path(),
        &log,
        &format!(
            "{as_user}{} -D {} -p {port} -h 127.0.0.1 -k {} -c fsync=off -c max_connections=500",
            postgres_program("postgres").display(),
            data.display(),
            dir.path().display()
        ),
    );
    let url = format!("postgres://postgres@127.0.0.1:{port}");
    wait_until("PostgreSQL", &log, || {
        let mut ping = Command::new("psql");
        ping.args([&format!("{url}/postgres"), "-qc", "SELECT 1"])
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        ping.status().is_ok_and(|status| status.success())
    });
    (url, Server { _guardian: guardian, _dir: dir })
}

pub(crate) fn run(command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    if !output.status.success() {
        let mut err = std::io::stderr();
        let _ = err.write_all(&output.stdout);
        let _ = err.write_all(&output.stderr);
        panic!("{command:?} failed");
    }
}

/// What somebody with the database's password does behind our back: statements, one after another.
pub async fn sql(database: &Database, statements: &str) {
    let query = || sqlx::raw_sql(AssertSqlSafe(statements.to_owned()));
    match database.engine {
        Engine::Sqlite => {
            let options =
                SqliteConnectOptions::from_str(&database.dsn).expect("a DSN").create_if_missing(true);
            let mut on = SqliteConnection::connect_with(&options).await.expect("a connection");
            query().execute(&mut on).await.expect("a statement");
        }
        Engine::MySql => {
            let mut on = MySqlConnection::connect(&database.dsn).await.expect("a connection");
            query().execute(&mut on).await.expect("a statement");
        }
        Engine::Postgres => {
            let mut on = PgConnection::connect(&database.dsn).await.expect("a connection");
            query().execute(&mut on).await.expect("a statement");
        }
    }
}

/// A table that nobody else reads or writes while this is there. Of a server: SQLite has no such lock.
pub struct Locked {
    _on: Box<dyn std::any::Any + Send>,
}

/// The first column of the first row of a query on PostgreSQL, as text.
pub async fn text(database: &Database, query: &str) -> Option<String> {
    use sqlx::{AssertSqlSafe, Connection, Row};
    let mut connection = sqlx::PgConnection::connect(&database.dsn).await.expect("the database");
    let row = sqlx::query(AssertSqlSafe(query.to_owned()))
        .fetch_optional(&mut connection)
        .await
        .expect("an answer");
    row.map(|row| row.get::<String, _>(0))
}

/// Locks a table against everybody else.
pub async fn locked(database: &Database, table: &str) -> Locked {
    let query = |text: String| sqlx::raw_sql(AssertSqlSafe(text));
    match database.engine {
        Engine::Sqlite => panic!("SQLite has no locks of tables"),
        Engine::MySql => {
            let mut on = MySqlConnection::connect(&database.dsn).await.expect("a connection");
            query(format!("LOCK TABLES {table} WRITE")).execute(&mut on).await.expect("a lock");
            Locked { _on: Box::new(on) }
        }
        Engine::Postgres => {
            let mut on = PgConnection::connect(&database.dsn).await.expect("a connection");
            let text = format!("BEGIN; LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE");
            query(text).execute(&mut on).await.expect("a lock");
            Locked { _on: Box::new(on) }
        }
    }
}

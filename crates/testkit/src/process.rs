//! The program under test as a process: started with a configuration, awaited until ready, killed at will.

use crate::db::free_port;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

/// A key that every started gateway knows: root's first token.
pub const ROOT_KEY: &str = "sk-roottoken0123456789";
pub const ROOT_PASSWORD: &str = "root password";

/// In [`Setup::env`]: the file that standard error goes to instead of the test's own.
pub const STDERR: &str = "MAGIC_TEST_STDERR";

/// A running gateway.
pub struct Gateway {
    pub address: SocketAddr,
    pub tls: Option<SocketAddr>,
    pub dir: PathBuf,
    child: Child,
    binary: String,
    env: Vec<(&'static str, String)>,
    /// The process that has taken over from `child`, or from the heir before.
    heir: Option<u32>,
}

/// How a gateway is started.
pub struct Setup<'a> {
    pub binary: &'a str,
    pub dir: &'a Path,
    /// The configuration without its listeners.
    pub config: String,
    /// Besides plain HTTP, TLS with the testkit's certificate.
    pub tls: bool,
    /// More listeners, each with a comma in front.
    pub listeners: String,
    pub env: Vec<(&'static str, String)>,
}

impl Gateway {
    pub fn start(setup: &Setup<'_>) -> Gateway {
        let (plain, tls) = (free_port(), free_port());
        let address: SocketAddr = ([127, 0, 0, 1], plain).into();
        let tls_address: SocketAddr = ([127, 0, 0, 1], tls).into();
        let mut listen = format!("[server]\nlisten = [{{ address = \"{address}\" }}");
        if setup.tls {
            let (cert, key) = (setup.dir.join("cert.pem"), setup.dir.join("key.pem"));
            std::fs::write(&cert, crate::vendor::ca_pem()).expect("a file");
            std::fs::write(&key, crate::vendor::key_pem()).expect("a file");
            listen.push_str(&format!(
                ", {{ address = \"{tls_address}\", tls = {{ cert = {cert:?}, key = {key:?} }} }}"
            ));
        }
        listen.push_str(&setup.listeners);
        listen.push_str("]\n");
        let config = if let Some(rest) = setup.config.strip_prefix("[server]\n") {
            format!("{listen}{rest}")
        } else {
            format!("{listen}{}", setup.config)
        };
        std::fs::write(setup.dir.join("magic.toml"), config).expect("a file");
        let mut command = command(setup.binary, setup.dir, &setup.env);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::inherit());
        if let Some((_, file)) = setup.env.iter().find(|(name, _)| *name == STDERR) {
            command.stderr(std::fs::File::create(file).expect("a file"));
        }
        let mut child = command.spawn().expect("the program starts");
        let stdout = child.stdout.take().expect("its output");
        let (sender, receiver) = mpsc::channel();
        std::thread::spawn(move || {
            let mut reader = BufReader::new(stdout);
            let mut line = String::new();
            while reader.read_line(&mut line).is_ok_and(|read| read > 0) {
                if line.starts_with("MAGIC ready") {
                    let _ = sender.send(());
                }
                line.clear();
            }
        });
        if receiver.recv_timeout(Duration::from_secs(60)).is_err() {
            let _ = child.kill();
            panic!("the gateway does not become ready");
        }
        Gateway {
            address,
            tls: setup.tls.then_some(tls_address),
            dir: setup.dir.to_owned(),
            child,
            binary: setup.binary.to_owned(),
            env: setup.env.clone(),
            heir: None,
        }
    }

    pub fn pid(&self) -> u32 {
        self.heir.unwrap_or_else(|| self.child.id())
    }

    /// `magic upgrade` with more flags: exit code, standard output, standard error. What is done to the gateway later is
    /// done to the process that serves then.
    pub fn upgrade(&mut self, flags: &[&str]) -> (i32, String, String) {
        let mut command = command(&self.binary, &self.dir, &self.env);
        command.arg("upgrade").args(flags);
        let (code, out, err) = outcome(command);
        if let Some((_, rest)) = out.split_once("(process ") {
            self.heir = rest.split(')').next().and_then(|pid| pid.parse().ok());
        }
        (code, out, err)
    }

    /// Sends a signal by name.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([format!("-{name}"), self.pid().to_string()]).status();
        assert!(sent.is_ok_and(|status| status.success()), "the signal is sent");
    }

    /// Kills it and waits for its end.
    pub fn kill(&mut self) {
        if let Some(heir) = self.heir.take() {
            let _ = Command::new("kill").args(["-KILL", &heir.to_string()]).status();
            while is_running(heir) {
                std::thread::sleep(Duration::from_millis(5));
            }
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Waits for its end; the exit code.
    pub fn wait(&mut self) -> Option<i32> {
        self.child.wait().ok().and_then(|status| status.code())
    }

    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().ok().flatten().is_some()
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Whether a process lives; a dead one that nobody has asked after does not.
pub fn is_running(pid: u32) -> bool {
    let Ok(stat) = std::fs::read_to_string(format!("/proc/{pid}/stat")) else { return false };
    let dead = stat.rsplit_once(')').is_none_or(|(_, rest)| rest.trim_start().starts_with(['Z', 'X']));
    // The first thread can be dead while others still hold sockets.
    let threads = std::fs::read_dir(format!("/proc/{pid}/task")).map_or(0, Iterator::count);
    !dead || threads > 1
}

/// The program in the environment of a test.
fn command(binary: &str, dir: &Path, env: &[(&'static str, String)]) -> Command {
    let mut command = Command::new(binary);
    command
        .current_dir(dir)
        .env_clear()
        .env("PATH", std::env::var("PATH").unwrap_or_default())
        .env("INITIAL_ROOT_TOKEN", ROOT_KEY)
        .env("INITIAL_ROOT_PASSWORD", ROOT_PASSWORD)
        .env("GLOBAL_API_RATE_LIMIT", "0")
        .env("RUST_LOG", std::env::var("MAGIC_TEST_LOG").unwrap_or_else(|_| "warn".into()))
        .envs(env.iter().map(|(name, value)| (*name, value)));
    command
}

/// Runs the program to its end: exit code, standard output, standard error.
pub fn run(binary: &str, dir: &Path, args: &[&str], env: &[(&str, &str)]) -> (i32, String, String) {
    let mut command = Command::new(binary);
    command
        .current_dir(dir)
        .args(args)
        .env_clear()
        .env("PATH", std::env::var("PATH").unwrap_or_default())
        .envs(env.iter().copied());
    outcome(command)
}

fn outcome(mut command: Command) -> (i32, String, String) {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the program starts");
    let (mut out, mut err) = (String::new(), String::new());
    child.stdout.take().expect("output").read_to_string(&mut out).expect("text");
    child.stderr.take().expect("errors").read_to_string(&mut err).expect("text");
    let status = child.wait().expect("an end");
    (status.code().unwrap_or(-1), out, err)
}

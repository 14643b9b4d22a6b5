//! Other sites behind the same door: folders, HTTP servers, redirects; real files, sockets and servers.

mod coding;
mod door;
mod files;
mod servers;
mod traversal;

use crate::harness::World;
use magic_testkit::client::{Answer, H1};
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A site for every host, with a folder.
fn folder(root: &Path, more: &str) -> String {
    format!("[server]\n[[server.sites]]\nroot = {root:?}\n{more}\n")
}

/// A site for every host, with servers.
fn servers(addresses: &[SocketAddr], more: &str) -> String {
    let list: Vec<String> = addresses.iter().map(|address| format!("\"http://{address}\"")).collect();
    format!("[server]\n[[server.sites]]\nupstreams = [{}]\n{more}\n", list.join(", "))
}

/// A folder with files.
fn files(list: &[(&str, &[u8])]) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, content) in list {
        put(dir.path(), name, content);
    }
    dir
}

fn put(root: &Path, name: &str, content: &[u8]) {
    let path = root.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, content).unwrap();
}

/// A request with everything as given, over a new connection. The body of a HEAD, of 204 and 304 is not waited for.
async fn ask(at: SocketAddr, method: &str, target: &str, host: &str, fields: &[(&str, &str)]) -> Answer {
    let mut client = H1::connect(at).await;
    let mut head = format!("{method} {target} HTTP/1.1\r\nhost: {host}\r\n");
    for (name, value) in fields {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    client.write(format!("{head}\r\n").as_bytes()).await;
    if method == "HEAD" || fields.iter().any(|(name, _)| name.starts_with("if-")) {
        let (status, headers) = client.head().await.unwrap();
        if method == "HEAD" || status == 304 {
            return Answer { status, headers, body: Vec::new(), whole: true };
        }
        return ask_whole(at, method, target, host, fields).await;
    }
    client.answer().await.unwrap()
}

async fn ask_whole(
    at: SocketAddr,
    method: &str,
    target: &str,
    host: &str,
    fields: &[(&str, &str)],
) -> Answer {
    let mut client = H1::connect(at).await;
    let fields: String = fields.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    client.write(format!("{method} {target} HTTP/1.1\r\nhost: {host}\r\n{fields}\r\n").as_bytes()).await;
    client.answer().await.unwrap()
}

async fn get(world: &World, target: &str, fields: &[(&str, &str)]) -> Answer {
    ask(world.gateway.address, "GET", target, "site.test", fields).await
}

/// Asks until the answer is as wanted.
async fn until(world: &World, target: &str, wanted: impl Fn(&Answer) -> bool) -> Answer {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let answer = get(world, target, &[]).await;
        if wanted(&answer) {
            return answer;
        }
        assert!(Instant::now() < deadline, "{target}: {} {}", answer.status, answer.text());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Resident memory of the gateway in KiB.
fn rss(world: &World) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{}/status", world.gateway.pid())).unwrap();
    let line = text.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Bytes that don't repeat soon.
fn noise(size: usize) -> Vec<u8> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut bytes = Vec::with_capacity(size + 8);
    while bytes.len() < size {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(size);
    bytes
}

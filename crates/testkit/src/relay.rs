//! What stands between two processes in tests: a plain relay whose connections can be cut, and proxies of the
//! kinds a channel may be reached through.

use parking_lot::Mutex;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// Milliseconds.
type Slowness = Arc<AtomicU64>;

/// How the other side is found.
#[derive(Debug, Clone)]
enum Kind {
    /// Always the same address.
    Plain(String),
    /// HTTP `CONNECT`.
    Http,
    /// SOCKS 5.
    Socks5,
}

/// A relay on a port of its own. It ends with its handle.
pub struct Relay {
    pub address: SocketAddr,
    /// Cut: connections end, and new ones are closed at once.
    cut: Arc<watch::Sender<bool>>,
    /// Stalled: connections stay, new ones come about, and nothing is said on them.
    stalled: Arc<watch::Sender<bool>>,
    /// How often all connections of a moment were stranded.
    stranded: Arc<watch::Sender<u64>>,
    /// How long answers are held back.
    slowness: Slowness,
    /// What was asked of a proxy: `user:password@host:port`.
    asked: Arc<Mutex<Vec<String>>>,
    runtime: Option<tokio::runtime::Runtime>,
}

impl Drop for Relay {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Relay {
    /// In front of `host:port`.
    pub fn to(target: &str) -> Relay {
        Self::start(Kind::Plain(target.to_owned()))
    }

    /// In front of a database's server, with the DSN that leads through it.
    pub fn before(dsn: &str) -> (Relay, String) {
        let server = dsn.split('@').nth(1).and_then(|rest| rest.split('/').next()).expect("a server");
        let relay = Relay::to(server);
        let through = dsn.replace(server, &relay.address.to_string());
        (relay, through)
    }

    pub fn http_proxy() -> Relay {
        Self::start(Kind::Http)
    }

    pub fn socks5_proxy() -> Relay {
        Self::start(Kind::Socks5)
    }

    pub fn cut(&self) {
        self.cut.send_replace(true);
    }

    /// Answers come so much later from now on.
    pub fn slow(&self, by: Duration) {
        self.slowness.store(by.as_millis() as u64, Ordering::Relaxed);
    }

    pub fn stall(&self) {
        self.stalled.send_replace(true);
    }

    /// Nothing is said any more on the connections there are; new ones are served. As where a firewall has forgotten them.
    pub fn strand(&self) {
        self.stranded.send_modify(|times| *times += 1);
    }

    pub fn mend(&self) {
        self.cut.send_replace(false);
        self.stalled.send_replace(false);
    }

    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().clone()
    }

    fn start(kind: Kind) -> Relay {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.expect("a runtime");
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        listener.set_nonblocking(true).expect("a listener that does not block");
        let (cut, asked) = (Arc::new(watch::channel(false).0), Arc::new(Mutex::new(Vec::new())));
        let stalled = Arc::new(watch::channel(false).0);
        let stranded = Arc::new(watch::channel(0).0);
        let strand = stranded.clone();
        let (state, record, still) = (cut.clone(), asked.clone(), stalled.clone());
        let slowness = Slowness::default();
        let slow = slowness.clone();
        runtime.spawn(async move {
            let listener = TcpListener::from_std(listener).expect("a listener");
            loop {
                let Ok((stream, _)) = listener.accept().await else { return };
                if *state.borrow() {
                    continue;
                }
                let (kind, record, mut until) = (kind.clone(), record.clone(), state.subscribe());
                let (still, left, slow) = (still.subscribe(), strand.subscribe(), slow.clone());
                tokio::spawn(async move {
                    tokio::select! {
                        _ = until.wait_for(|cut| *cut) => {}
                        () = unless_stalled(relay(stream, kind, &record, &slow), still, left) => {}
                    }
                });
            }
        });
        Relay { address, cut, stalled, stranded, slowness, asked, runtime: Some(runtime) }
    }
}

/// Works on while nobody says that it shall not.
async fn unless_stalled(
    work: impl Future<Output = std::io::Result<()>>,
    mut stalled: watch::Receiver<bool>,
    mut stranded: watch::Receiver<u64>,
) {
    let mut work = std::pin::pin!(work);
    let mut left = false;
    loop {
        let still = *stalled.borrow_and_update();
        tokio::select! {
            _ = &mut work, if !still && !left => return,
            _ = stranded.changed(), if !left => left = true,
            changed = stalled.changed() => if changed.is_err() { return },
        }
    }
}

async fn relay(
    mut near: TcpStream,
    kind: Kind,
    record: &Mutex<Vec<String>>,
    slow: &AtomicU64,
) -> std::io::Result<()> {
    near.set_nodelay(true)?;
    let target = match kind {
        Kind::Plain(target) => target,
        Kind::Http => connect(&mut near, record).await?,
        Kind::Socks5 => socks(&mut near, record).await?,
    };
    let mut far = TcpStream::connect(target).await?;
    far.set_nodelay(true)?;
    let ((mut near_read, mut near_write), (mut far_read, mut far_write)) = (near.split(), far.split());
    let there = async {
        tokio::io::copy(&mut near_read, &mut far_write).await?;
        far_write.shutdown().await
    };
    let back = async {
        let mut piece = vec![0; 64 << 10];
        loop {
            let read = far_read.read(&mut piece).await?;
            let by = slow.load(Ordering::Relaxed);
            if by > 0 {
                tokio::time::sleep(Duration::from_millis(by)).await;
            }
            if read == 0 {
                return near_write.shutdown().await;
            }
            near_write.write_all(&piece[..read]).await?;
        }
    };
    tokio::try_join!(there, back).map(|_| ())
}

async fn connect(near: &mut TcpStream, record: &Mutex<Vec<String>>) -> std::io::Result<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(near.read_u8().await?);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let target = head.split(' ').nth(1).unwrap_or("").to_owned();
    let login = head.lines().find_map(|line| line.strip_prefix("Proxy-Authorization: Basic "));
    record.lock().push(format!("{}@{target}", login.unwrap_or("")));
    near.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await?;
    Ok(target)
}

async fn socks(near: &mut TcpStream, record: &Mutex<Vec<String>>) -> std::io::Result<String> {
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    let mut head = [0u8; 2];
    near.read_exact(&mut head).await?;
    let mut methods = vec![0u8; usize::from(head[1])];
    near.read_exact(&mut methods).await?;
    let mut login = String::new();
    if methods.contains(&2) {
        near.write_all(&[5, 2]).await?;
        let _version = near.read_u8().await?;
        let mut parts = Vec::new();
        for _ in 0..2 {
            let mut part = vec![0u8; usize::from(near.read_u8().await?)];
            near.read_exact(&mut part).await?;
            parts.push(text(part));
        }
        login = parts.join(":");
        near.write_all(&[1, 0]).await?;
    } else {
        near.write_all(&[5, 0]).await?;
    }
    let mut request = [0u8; 4];
    near.read_exact(&mut request).await?;
    let host = match request[3] {
        1 => {
            let mut ip = [0u8; 4];
            near.read_exact(&mut ip).await?;
            std::net::Ipv4Addr::from(ip).to_string()
        }
        _ => {
            let mut name = vec![0u8; usize::from(near.read_u8().await?)];
            near.read_exact(&mut name).await?;
            text(name)
        }
    };
    let port = near.read_u16().await?;
    record.lock().push(format!("{login}@{host}:{port}"));
    near.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0]).await?;
    Ok(format!("{host}:{port}"))
}

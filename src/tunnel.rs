//! Per-channel proxies: `http://` (CONNECT) and `socks5://`, with optional credentials. The dialled stream is
//! handed to Pingora, which runs TLS and HTTP/2 over it as over any other.

use async_trait::async_trait;
use base64::Engine as _;
use magic_domain::secret::Secret;
use pingora_core::connectors::l4::Connect;
use pingora_core::protocols::l4::socket::SocketAddr;
use pingora_core::protocols::l4::stream::Stream;
use pingora_error::{Error, ErrorType, OrErr, Result};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// How a proxy is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Http,
    Socks5,
}

/// A proxy and the host to reach through it. The host's name is resolved by the proxy.
#[derive(Debug, Clone)]
pub struct Tunnel {
    kind: Kind,
    proxy: (String, u16),
    login: Option<(Secret, Secret)>,
    target: (String, u16),
    deadline: Duration,
}

/// A proxy URL that can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the proxy must be http://[user:password@]host:port or socks5://…")]
pub struct BadProxy;

impl Tunnel {
    /// Reads a proxy URL. The URL never appears in errors: it may hold a password.
    pub fn new(
        url: &str,
        target_host: &str,
        target_port: u16,
        deadline: Duration,
    ) -> Result<Tunnel, BadProxy> {
        let (scheme, rest) = url.split_once("://").ok_or(BadProxy)?;
        let (kind, default_port) = match scheme {
            "http" => (Kind::Http, 80),
            "socks5" | "socks5h" => (Kind::Socks5, 1080),
            _ => return Err(BadProxy),
        };
        let authority = rest.split(['/', '?', '#']).next().unwrap_or(rest);
        let (login, host_port) = match authority.rsplit_once('@') {
            Some((login, host)) => {
                let (user, password) = login.split_once(':').unwrap_or((login, ""));
                if user.len() > 255 || password.len() > 255 {
                    return Err(BadProxy);
                }
                (Some((Secret::new(user), Secret::new(password))), host)
            }
            None => (None, authority),
        };
        let (host, port) = match host_port.rsplit_once(':') {
            Some((host, port)) if !host.is_empty() && !port.contains(']') => {
                (host, port.parse().map_err(|_| BadProxy)?)
            }
            _ => (host_port, default_port),
        };
        let host = host.trim_matches(['[', ']']);
        if host.is_empty() || target_host.len() > 255 {
            return Err(BadProxy);
        }
        let target = (target_host.trim_matches(['[', ']']).to_owned(), target_port);
        Ok(Tunnel { kind, proxy: (host.to_owned(), port), login, target, deadline })
    }

    /// What tells connections through this proxy apart from others in the pool.
    pub fn identity(&self) -> u64 {
        use std::hash::{DefaultHasher, Hash, Hasher};
        let mut hasher = DefaultHasher::new();
        (self.kind as u8, &self.proxy, &self.target).hash(&mut hasher);
        if let Some((user, password)) = &self.login {
            (user.expose(), password.expose()).hash(&mut hasher);
        }
        hasher.finish()
    }

    async fn dial(&self) -> Result<TcpStream> {
        let mut stream = TcpStream::connect((self.proxy.0.as_str(), self.proxy.1))
            .await
            .or_err(ErrorType::ConnectError, "the channel's proxy can't be reached")?;
        stream.set_nodelay(true).or_err(ErrorType::ConnectError, "nodelay")?;
        match self.kind {
            Kind::Http => self.connect_http(&mut stream).await?,
            Kind::Socks5 => self.connect_socks(&mut stream).await?,
        }
        Ok(stream)
    }

    async fn connect_http(&self, stream: &mut TcpStream) -> Result<()> {
        let host =
            if self.target.0.contains(':') { format!("[{}]", self.target.0) } else { self.target.0.clone() };
        let target = format!("{host}:{}", self.target.1);
        let mut head = format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n");
        if let Some((user, password)) = &self.login {
            let login = format!("{}:{}", user.expose(), password.expose());
            let login = base64::engine::general_purpose::STANDARD.encode(login);
            head.push_str(&format!("Proxy-Authorization: Basic {login}\r\n"));
        }
        head.push_str("\r\n");
        stream.write_all(head.as_bytes()).await.or_err(ErrorType::ConnectError, "the proxy hung up")?;
        let mut answer = Vec::with_capacity(256);
        // Byte by byte: what follows the head belongs to the tunnel.
        while !answer.ends_with(b"\r\n\r\n") {
            if answer.len() >= 8192 {
                return refused("its answer to CONNECT is too long");
            }
            let byte = stream.read_u8().await.or_err(ErrorType::ConnectError, "the proxy hung up")?;
            answer.push(byte);
        }
        let status = answer.split(|byte| *byte == b' ').nth(1);
        match status {
            Some(status) if status.starts_with(b"2") => Ok(()),
            Some(b"407") => refused("it wants other credentials"),
            _ => refused("it refuses the connection"),
        }
    }

    async fn connect_socks(&self, stream: &mut TcpStream) -> Result<()> {
        let io = |what| move |error| Error::because(ErrorType::ConnectError, what, error);
        let method = if self.login.is_some() { 2 } else { 0 };
        stream.write_all(&[5, 1, method]).await.map_err(io("the proxy hung up"))?;
        let mut choice = [0u8; 2];
        stream.read_exact(&mut choice).await.map_err(io("the proxy hung up"))?;
        if choice != [5, method] {
            return refused("it offers no way to sign in that the channel has");
        }
        if let Some((user, password)) = &self.login {
            let (user, password) = (user.expose().as_bytes(), password.expose().as_bytes());
            let mut login = vec![1, user.len() as u8];
            login.extend_from_slice(user);
            login.push(password.len() as u8);
            login.extend_from_slice(password);
            stream.write_all(&login).await.map_err(io("the proxy hung up"))?;
            let mut answer = [0u8; 2];
            stream.read_exact(&mut answer).await.map_err(io("the proxy hung up"))?;
            if answer[1] != 0 {
                return refused("it wants other credentials");
            }
        }
        let mut request = vec![5, 1, 0];
        match self.target.0.parse::<std::net::IpAddr>() {
            Ok(std::net::IpAddr::V4(ip)) => {
                request.push(1);
                request.extend_from_slice(&ip.octets());
            }
            Ok(std::net::IpAddr::V6(ip)) => {
                request.push(4);
                request.extend_from_slice(&ip.octets());
            }
            Err(_) => {
                request.extend_from_slice(&[3, self.target.0.len() as u8]);
                request.extend_from_slice(self.target.0.as_bytes());
            }
        }
        request.extend_from_slice(&self.target.1.to_be_bytes());
        stream.write_all(&request).await.map_err(io("the proxy hung up"))?;
        let mut head = [0u8; 4];
        stream.read_exact(&mut head).await.map_err(io("the proxy hung up"))?;
        if head[1] != 0 {
            return refused("it can't reach the vendor");
        }
        let rest = match head[3] {
            1 => 4 + 2,
            4 => 16 + 2,
            3 => usize::from(stream.read_u8().await.map_err(io("the proxy hung up"))?) + 2,
            _ => return refused("its answer is malformed"),
        };
        let mut bound = vec![0u8; rest];
        stream.read_exact(&mut bound).await.map_err(io("the proxy hung up"))?;
        Ok(())
    }
}

fn refused<T>(why: &'static str) -> Result<T> {
    Error::e_explain(ErrorType::ConnectProxyFailure, format!("the channel's proxy: {why}"))
}

#[async_trait]
impl Connect for Tunnel {
    async fn connect(&self, _address: &SocketAddr) -> Result<Stream> {
        match tokio::time::timeout(self.deadline, self.dial()).await {
            Ok(stream) => stream.map(Stream::from),
            Err(_) => {
                Error::e_explain(ErrorType::ConnectTimedout, "the channel's proxy does not answer in time")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tunnel(url: &str) -> Result<Tunnel, BadProxy> {
        Tunnel::new(url, "api.example.com", 443, Duration::from_secs(5))
    }

    #[test]
    fn urls_are_read() {
        let http = tunnel("http://user:pa:ss@proxy.local:8080/").unwrap();
        assert_eq!((http.kind, http.proxy.clone()), (Kind::Http, ("proxy.local".into(), 8080)));
        assert_eq!(http.login.as_ref().unwrap().1.expose(), "pa:ss");
        assert_eq!(tunnel("socks5://[::1]:9").unwrap().proxy, ("::1".into(), 9));
        assert_eq!(tunnel("socks5://host").unwrap().proxy.1, 1080);
        for bad in ["proxy:80", "ftp://host:1", "http://", "http://host:99999"] {
            assert_eq!(tunnel(bad).unwrap_err(), BadProxy, "{bad}");
        }
    }

    #[test]
    fn debug_does_not_show_the_password() {
        let text = format!("{:?}", tunnel("http://user:hunter22@proxy:1").unwrap());
        assert!(!text.contains("hunter22"));
    }

    #[test]
    fn other_credentials_are_another_connection() {
        let a = tunnel("http://a:1@proxy:1").unwrap().identity();
        assert_ne!(a, tunnel("http://b:1@proxy:1").unwrap().identity());
        assert_eq!(a, tunnel("http://a:1@proxy:1").unwrap().identity());
    }
}

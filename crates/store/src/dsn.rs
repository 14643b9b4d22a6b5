//! Names of databases: one-api's Go-style MySQL DSN, URLs, and a path for SQLite.

use std::fmt;
use std::path::{Path, PathBuf};

/// Which engine, and how to reach it. `Debug` and `Display` never show a password.
#[derive(Clone, PartialEq, Eq)]
pub enum Dsn {
    Sqlite(PathBuf),
    /// A `mysql://` URL.
    MySql(String),
    /// A `postgres://` URL.
    Postgres(String),
}

/// A DSN that can't be read. Says nothing of its text: it may hold a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the database DSN must be user:pass@tcp(host:3306)/db, mysql://…, postgres://… or sqlite:path")]
pub struct BadDsn;

impl Dsn {
    /// Reads a DSN; an empty one is the SQLite file `default`.
    pub fn parse(text: &str, default: &Path) -> Result<Dsn, BadDsn> {
        let text = text.trim();
        if text.is_empty() {
            return Ok(Dsn::Sqlite(default.to_owned()));
        }
        if let Some(path) = text.strip_prefix("sqlite:") {
            let path = path.strip_prefix("//").unwrap_or(path);
            return if path.is_empty() { Err(BadDsn) } else { Ok(Dsn::Sqlite(path.into())) };
        }
        for scheme in ["postgres://", "postgresql://"] {
            if let Some(rest) = text.strip_prefix(scheme) {
                return Ok(Dsn::Postgres(format!("postgres://{rest}")));
            }
        }
        if text.starts_with("mysql://") {
            return Ok(Dsn::MySql(text.to_owned()));
        }
        go_mysql(text).map(Dsn::MySql).ok_or(BadDsn)
    }

    pub const fn engine(&self) -> &'static str {
        match self {
            Dsn::Sqlite(_) => "sqlite",
            Dsn::MySql(_) => "mysql",
            Dsn::Postgres(_) => "postgres",
        }
    }
}

/// `user:pass@tcp(host:port)/db?params` or `…@unix(/path)/db`. The password may hold any character: the
/// address is found from the right.
fn go_mysql(text: &str) -> Option<String> {
    let slash = text.rfind('/')?;
    let (head, tail) = text.split_at(slash);
    let database = tail[1..].split('?').next()?;
    let open = head.rfind('(')?;
    let address = head[open + 1..].strip_suffix(')')?;
    let (login, network) = match head[..open].rsplit_once('@') {
        Some((login, network)) => (login, network),
        None => ("", &head[..open]),
    };
    let (user, password) = login.split_once(':').unwrap_or((login, ""));
    let login =
        if password.is_empty() { encode(user) } else { format!("{}:{}", encode(user), encode(password)) };
    match network {
        "tcp" | "tcp6" | "" => {
            let address = if address.is_empty() { "127.0.0.1:3306" } else { address };
            Some(format!("mysql://{login}@{address}/{}", encode(database)))
        }
        "unix" => Some(format!("mysql://{login}@localhost/{}?socket={}", encode(database), encode(address))),
        _ => None,
    }
}

fn encode(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => char::from(byte).to_string(),
            _ => format!("%{byte:02X}"),
        })
        .collect()
}

/// A part of a URL as it was before it was encoded; what is no encoding stays.
pub fn decode(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut left = text.as_bytes();
    while let Some((first, rest)) = left.split_first() {
        let code = rest.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
        match code.filter(|_| *first == b'%').and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                out.push(byte);
                left = rest.get(2..).unwrap_or_default();
            }
            None => {
                out.push(*first);
                left = rest;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

impl fmt::Display for Dsn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Dsn::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            Dsn::MySql(url) | Dsn::Postgres(url) => {
                let host = url.rsplit_once('@').map_or(url.as_str(), |(_, host)| host);
                let host = host.split('?').next().unwrap_or(host);
                write!(f, "{}://{}", self.engine(), host.rsplit("://").next().unwrap_or(host))
            }
        }
    }
}

impl fmt::Debug for Dsn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Dsn, BadDsn> {
        Dsn::parse(text, Path::new("/d/magic.db"))
    }

    #[test]
    fn every_form_is_read() {
        assert_eq!(parse("").unwrap(), Dsn::Sqlite("/d/magic.db".into()));
        assert_eq!(parse("sqlite:a.db").unwrap(), Dsn::Sqlite("a.db".into()));
        assert_eq!(parse("postgresql://u@h/d").unwrap(), Dsn::Postgres("postgres://u@h/d".into()));
        assert_eq!(
            parse("root:p@ss/w:d@tcp(db:3306)/one?charset=utf8").unwrap(),
            Dsn::MySql("mysql://root:p%40ss%2Fw%3Ad@db:3306/one".into())
        );
        assert_eq!(
            parse("u@unix(/run/m.sock)/d").unwrap(),
            Dsn::MySql("mysql://u@localhost/d?socket=%2Frun%2Fm.sock".into())
        );
        assert_eq!(parse("nonsense"), Err(BadDsn));
    }

    #[test]
    fn what_was_encoded_is_read_back() {
        for text in ["p@ss/w:d%", "", "100%", "ü"] {
            assert_eq!(decode(&encode(text)), text);
        }
        assert_eq!(decode("%zz%4"), "%zz%4");
    }

    #[test]
    fn passwords_are_not_shown() {
        for text in ["u:hunter2@tcp(h:1)/d", "postgres://u:hunter2@h/d"] {
            assert!(!format!("{:?} {}", parse(text).unwrap(), parse(text).unwrap()).contains("hunter2"));
        }
    }
}

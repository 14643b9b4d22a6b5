//! A mail server: real sockets, ESMTP with STARTTLS and AUTH PLAIN, which keeps what it is given.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio::sync::watch;

/// A mail as it was delivered.
#[derive(Debug, Clone)]
pub struct Mail {
    pub from: String,
    pub to: Vec<String>,
    /// What was given to AUTH PLAIN, as `account:secret`.
    pub auth: Option<String>,
    pub tls: bool,
    /// Head and body, dots unstuffed.
    pub data: String,
}

impl Mail {
    /// The part for readers without HTML, decoded (as it is, or quoted-printable).
    pub fn text(&self) -> String {
        let part = self.data.find("Content-Type: text/plain").expect("a plain part");
        let (head, rest) = self.data[part..].split_once("\r\n\r\n").expect("a head");
        let body = rest.split("\r\n--").next().unwrap_or(rest);
        if head.contains("quoted-printable") { unquote(body) } else { body.to_owned() }
    }

    /// The six digits that stand on a line of their own.
    pub fn code(&self) -> String {
        let text = self.text();
        let mut lines = text.lines().map(str::trim);
        let digits = |line: &&str| line.len() == 6 && line.bytes().all(|byte| byte.is_ascii_digit());
        lines.find(digits).expect("a code").to_owned()
    }
}

fn unquote(text: &str) -> String {
    let joined = text.replace("=\r\n", "");
    let (mut out, mut rest) = (Vec::new(), joined.as_bytes());
    while let Some((first, after)) = rest.split_first() {
        let hex = after.get(..2).and_then(|pair| std::str::from_utf8(pair).ok());
        match hex.and_then(|pair| u8::from_str_radix(pair, 16).ok()).filter(|_| *first == b'=') {
            Some(byte) => {
                out.push(byte);
                rest = &after[2..];
            }
            None => {
                out.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// A running mail server.
pub struct MailServer {
    pub address: SocketAddr,
    mails: Arc<watch::Sender<Vec<Mail>>>,
    runtime: Option<tokio::runtime::Runtime>,
}

impl MailServer {
    /// Starts one; `starttls`: it offers STARTTLS with the testkit's certificate.
    pub fn start(starttls: bool) -> MailServer {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime");
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        listener.set_nonblocking(true).expect("non-blocking");
        let address = listener.local_addr().expect("an address");
        let mails = Arc::new(watch::channel(Vec::new()).0);
        let keep = mails.clone();
        runtime.spawn(async move {
            let listener = TcpListener::from_std(listener).expect("a listener");
            loop {
                let Ok((stream, _)) = listener.accept().await else { continue };
                let keep = keep.clone();
                tokio::spawn(async move {
                    let mut stream = BufReader::new(stream);
                    let _ = stream.write_all(b"220 localhost ESMTP\r\n").await;
                    if talk(&mut stream, starttls, false, &keep).await == Some(End::Upgrade) {
                        let acceptor = crate::vendor::acceptor(b"smtp");
                        if let Ok(secure) = acceptor.accept(stream.into_inner()).await {
                            talk(&mut BufReader::new(secure), false, true, &keep).await;
                        }
                    }
                });
            }
        });
        MailServer { address, mails, runtime: Some(runtime) }
    }

    /// How many mails have come and were not taken.
    pub fn count(&self) -> usize {
        self.mails.borrow().len()
    }

    /// Waits for a mail to an address and takes it out.
    pub async fn take(&self, to: &str) -> Mail {
        let mut receiver = self.mails.subscribe();
        let place = |mails: &Vec<Mail>| mails.iter().position(|mail| mail.to.iter().any(|one| one == to));
        let waiting = receiver.wait_for(|mails| place(mails).is_some());
        drop(
            tokio::time::timeout(Duration::from_secs(30), waiting)
                .await
                .expect("a mail comes")
                .expect("alive"),
        );
        let mut taken = None;
        self.mails.send_modify(|mails| taken = place(mails).map(|at| mails.remove(at)));
        taken.expect("the mail that came")
    }
}

impl Drop for MailServer {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

#[derive(PartialEq)]
enum End {
    Closed,
    Upgrade,
}

/// The address between `<` and `>`.
fn path(line: &str) -> String {
    line.split_once('<').and_then(|(_, rest)| rest.split_once('>')).map_or("", |(path, _)| path).to_owned()
}

async fn talk<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut BufReader<S>,
    starttls: bool,
    tls: bool,
    keep: &watch::Sender<Vec<Mail>>,
) -> Option<End> {
    let mut auth = None;
    let (mut from, mut to) = (String::new(), Vec::new());
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await.ok()? == 0 {
            return Some(End::Closed);
        }
        let line = line.trim_end();
        let verb = line.split([' ', ':']).next().unwrap_or("").to_ascii_uppercase();
        let answer: String = match verb.as_str() {
            "EHLO" => {
                let more = if starttls { "250-STARTTLS\r\n" } else { "" };
                format!("250-localhost\r\n{more}250-AUTH PLAIN\r\n250 8BITMIME\r\n")
            }
            "STARTTLS" if starttls => {
                stream.write_all(b"220 go ahead\r\n").await.ok()?;
                stream.flush().await.ok()?;
                return Some(End::Upgrade);
            }
            "AUTH" => {
                let plain = line.rsplit(' ').next().and_then(unbase64).unwrap_or_default();
                let parts: Vec<String> = plain
                    .split(|byte| *byte == 0)
                    .map(|part| String::from_utf8_lossy(part).into_owned())
                    .collect();
                auth = Some(parts.into_iter().skip(1).collect::<Vec<_>>().join(":"));
                "235 welcome\r\n".into()
            }
            "MAIL" => {
                from = path(line);
                "250 ok\r\n".into()
            }
            "RCPT" => {
                to.push(path(line));
                "250 ok\r\n".into()
            }
            "DATA" => {
                stream.write_all(b"354 go ahead\r\n").await.ok()?;
                stream.flush().await.ok()?;
                let data = data(stream).await?;
                let mail = Mail {
                    from: std::mem::take(&mut from),
                    to: std::mem::take(&mut to),
                    auth: auth.clone(),
                    tls,
                    data,
                };
                keep.send_modify(|mails| mails.push(mail));
                "250 kept\r\n".into()
            }
            "QUIT" => {
                let _ = stream.write_all(b"221 bye\r\n").await;
                let _ = stream.flush().await;
                return Some(End::Closed);
            }
            "RSET" | "NOOP" => "250 ok\r\n".into(),
            _ => "502 what?\r\n".into(),
        };
        stream.write_all(answer.as_bytes()).await.ok()?;
        stream.flush().await.ok()?;
    }
}

async fn data<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut BufReader<S>) -> Option<String> {
    let mut all = String::new();
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await.ok()? == 0 {
            return None;
        }
        if line == ".\r\n" {
            return Some(all);
        }
        all.push_str(line.strip_prefix('.').unwrap_or(&line));
    }
}

fn unbase64(text: &str) -> Option<Vec<u8>> {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let (mut out, mut bits, mut held) = (Vec::new(), 0u32, 0u32);
    for byte in text.bytes().filter(|byte| *byte != b'=') {
        let value = ALPHABET.iter().position(|known| *known == byte)?;
        bits = (bits << 6) | u32::try_from(value).ok()?;
        held += 6;
        if held >= 8 {
            held -= 8;
            out.push(u8::try_from((bits >> held) & 0xff).ok()?);
        }
    }
    Some(out)
}

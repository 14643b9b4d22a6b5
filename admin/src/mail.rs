//! Mail: one template, built and sent from the options in force (oneapi.md §2.9).

use lettre::message::{Mailbox, Mailboxes, MultiPart, header};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::{Address, AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use magic_domain::options::Options;
use magic_store::Store;
use std::fmt::Write;
use std::time::Duration;

/// Connecting, TLS and the whole conversation together take this long at most.
const DEADLINE: Duration = Duration::from_secs(15);
/// Recipients of one mail at most.
const RECIPIENTS_MAX: usize = 20;
/// Longest address that is taken, in bytes.
pub const ADDRESS_MAX: usize = 100;

/// A part of a mail's body. All of it is text: the template escapes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    Text(String),
    /// Shown large and on a line of its own.
    Code(String),
    /// A button; the address is written out beneath for those who don't trust buttons.
    Link {
        label: String,
        url: String,
    },
}

/// A mail without its envelope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// The subject, and the heading.
    pub title: String,
    pub parts: Vec<Part>,
}

/// Why a mail was not sent. Names no address and nothing of the mail: it is fit for the log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MailError {
    #[error("no mail server is set (SMTPServer)")]
    NotConfigured,
    #[error("SMTPFrom (or SMTPAccount, where it is empty) is no e-mail address")]
    BadSender,
    #[error("the recipient is no e-mail address")]
    BadRecipient,
    #[error("the mail can't be built")]
    Build,
    #[error("the mail server did not finish within {} s", DEADLINE.as_secs())]
    TooSlow,
    #[error("the mail server: {0}")]
    Server(String),
    #[error("the options can't be read: {0}")]
    Options(String),
}

/// Sends mail as the options say at that moment. Cheap to clone.
#[derive(Clone)]
pub struct Mailer {
    store: Store,
}

impl Mailer {
    pub fn new(store: Store) -> Self {
        Self { store }
    }

    /// Sends a letter to one address, or to several separated by `;`, within 15 seconds.
    ///
    /// # Errors
    /// [`MailError`]: nothing was accepted by the server, or it is not known whether it was.
    pub async fn send(&self, to: &str, letter: &Letter) -> Result<(), MailError> {
        let (options, _) =
            self.store.options().await.map_err(|error| MailError::Options(error.to_string()))?;
        send(&options, to, letter).await
    }
}

async fn send(options: &Options, to: &str, letter: &Letter) -> Result<(), MailError> {
    let message = build(options, to, letter)?;
    let sending = async {
        let transport = transport(options).await?;
        transport.send(message).await.map_err(|error| MailError::Server(reason(&error)))
    };
    tokio::time::timeout(DEADLINE, sending).await.map_err(|_| MailError::TooSlow)?.map(|_| ())
}

/// What went wrong, without the server's words: they often hold the recipient's address.
fn reason(error: &lettre::transport::smtp::Error) -> String {
    let kind = match () {
        () if error.is_permanent() => "it refused the mail or the account",
        () if error.is_transient() => "it refused the mail for now",
        () if error.is_timeout() => "no answer in time",
        () if error.is_tls() => "TLS failed",
        () if error.is_response() => "its answer was not understood",
        () if error.is_client() => "it offers neither STARTTLS nor a way of signing in that we know",
        () => "no connection",
    };
    error.status().map_or_else(|| kind.to_owned(), |code| format!("{kind} ({code})"))
}

/// How a connection to the mail server is kept from being listened to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shield {
    /// TLS from the first byte: port 465.
    Wrapped,
    /// STARTTLS, or no mail: passwords and codes don't go over a network in the clear.
    Required,
    /// STARTTLS where it is offered: a relay that wants no password, or this machine's own.
    Offered,
}

fn shield(server: &str, port: u16, signs_in: bool) -> Shield {
    let own = server.eq_ignore_ascii_case("localhost")
        || server.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
    match (port, signs_in) {
        (465, _) => Shield::Wrapped,
        (_, true) if !own => Shield::Required,
        (587, false) if !own => Shield::Required,
        _ => Shield::Offered,
    }
}

/// The certificate has to be good wherever there is TLS. One-api verifies none.
async fn transport(options: &Options) -> Result<AsyncSmtpTransport<Tokio1Executor>, MailError> {
    let server = options.text("SMTPServer").trim().to_owned();
    if server.is_empty() {
        return Err(MailError::NotConfigured);
    }
    let port = u16::try_from(options.int("SMTPPort")).unwrap_or(587);
    let name = server.clone();
    // It reads the machine's certificates: files.
    let tls = tokio::task::spawn_blocking(move || TlsParameters::new(name)).await;
    let tls = tls
        .map_err(|_| MailError::Build)?
        .map_err(|_| MailError::Server("its name or the machine's certificates can't be used".into()))?;
    let (account, token) = (options.text("SMTPAccount"), options.text("SMTPToken"));
    let signs_in = !account.is_empty() || !token.is_empty();
    let tls = match shield(&server, port, signs_in) {
        Shield::Wrapped => Tls::Wrapper(tls),
        Shield::Required => Tls::Required(tls),
        Shield::Offered => Tls::Opportunistic(tls),
    };
    let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(server)
        .port(port)
        .tls(tls)
        .timeout(Some(DEADLINE));
    if signs_in {
        builder = builder.credentials(Credentials::new(account.to_owned(), token.to_owned()));
    }
    Ok(builder.build())
}

fn build(options: &Options, to: &str, letter: &Letter) -> Result<Message, MailError> {
    let system = one_line(options.text("SystemName"));
    let from = match options.text("SMTPFrom").trim() {
        "" => options.text("SMTPAccount").trim(),
        from => from,
    };
    let from: Address = from.parse().map_err(|_| MailError::BadSender)?;
    let mut recipients = Mailboxes::new();
    for (count, address) in to.split(';').map(str::trim).filter(|part| !part.is_empty()).enumerate() {
        if count == RECIPIENTS_MAX {
            return Err(MailError::BadRecipient);
        }
        recipients.push(Mailbox::new(None, address.parse().map_err(|_| MailError::BadRecipient)?));
    }
    if recipients.iter().next().is_none() {
        return Err(MailError::BadRecipient);
    }
    let id = format!("<{}@{}>", uuid::Uuid::new_v4(), from.domain());
    let name = (!system.is_empty()).then(|| system.clone());
    Message::builder()
        .from(Mailbox::new(name, from))
        .mailbox(header::To::from(recipients))
        .subject(one_line(&letter.title))
        .message_id(Some(id))
        .date_now()
        .multipart(MultiPart::alternative_plain_html(plain(letter, &system), html(letter, &system)))
        .map_err(|_| MailError::Build)
}

const AUTOMATIC: &str = "This mail was sent automatically; nobody reads answers to it.";

fn one_line(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(200).collect()
}

fn plain(letter: &Letter, system: &str) -> String {
    let mut out = format!("{}\r\n\r\n", one_line(&letter.title));
    for part in &letter.parts {
        let _ = match part {
            Part::Text(text) => write!(out, "{text}\r\n\r\n"),
            Part::Code(code) => write!(out, "    {code}\r\n\r\n"),
            Part::Link { label, url } => write!(out, "{label}:\r\n{url}\r\n\r\n"),
        };
    }
    let _ = write!(out, "-- \r\n{AUTOMATIC}\r\n{system}\r\n");
    out
}

fn html(letter: &Letter, system: &str) -> String {
    let title = escape(&one_line(&letter.title));
    let mut body = String::new();
    for part in &letter.parts {
        let _ = match part {
            Part::Text(text) => write!(body, "<p>{}</p>\r\n", escape(text).replace('\n', "<br>\r\n")),
            Part::Code(code) => write!(
                body,
                "<p style=\"font-size:28px;letter-spacing:4px;font-family:monospace\">{}</p>\r\n",
                escape(code)
            ),
            Part::Link { label, url } => {
                let url = escape(url);
                write!(
                    body,
                    "<p><a href=\"{url}\"\r\n style=\"background:#1f2937;color:#fff;padding:10px 18px;border-radius:6px;text-decoration:none\">{}</a></p>\r\n\
                     <p style=\"font-size:13px;color:#555\">{url}</p>\r\n",
                    escape(label)
                )
            }
        };
    }
    format!(
        "<!doctype html>\r\n<html><head><meta charset=\"utf-8\"><title>{title}</title></head>\r\n\
         <body style=\"margin:0;padding:24px;background:#f3f4f6;font:16px/1.5 sans-serif;color:#111\">\r\n\
         <div style=\"max-width:560px;margin:auto;background:#fff;border-radius:8px;padding:24px\">\r\n\
         <h1 style=\"font-size:20px\">{title}</h1>\r\n{body}\
         <hr style=\"border:none;border-top:1px solid #ddd\">\r\n\
         <p style=\"font-size:12px;color:#777\">{AUTOMATIC}<br>\r\n{}</p>\r\n</div></body></html>\r\n",
        escape(system)
    )
}

fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}

/// An address as accounts keep it: trimmed, in lower case. `None`: it is none, is longer than 100 bytes, or its
/// domain has no dot.
pub fn address(text: &str) -> Option<String> {
    let text = text.trim().to_lowercase();
    let bad = |c: char| c.is_control() || c.is_whitespace() || matches!(c, ';' | ',' | '"' | '<' | '>');
    if text.len() > ADDRESS_MAX || text.chars().any(bad) {
        return None;
    }
    let parsed: Address = text.parse().ok()?;
    (parsed.domain().contains('.') && !parsed.domain().starts_with('[')).then_some(text)
}

/// Whether the domain of an address is in a comma-separated list.
pub fn domain_allowed(address: &str, list: &str) -> bool {
    let domain = address.rsplit_once('@').map_or("", |(_, domain)| domain);
    magic_store::split_list(list).iter().any(|allowed| allowed.eq_ignore_ascii_case(domain))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn options(pairs: &[(&str, &str)]) -> Options {
        Options::new(
            pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect::<BTreeMap<_, _>>(),
        )
    }

    #[test]
    fn a_password_goes_over_no_network_in_the_clear() {
        for (server, port, signs_in, wanted) in [
            ("smtp.example.com", 465, true, Shield::Wrapped),
            ("smtp.example.com", 587, true, Shield::Required),
            ("smtp.example.com", 25, true, Shield::Required),
            ("smtp.example.com", 587, false, Shield::Required),
            ("relay.internal", 25, false, Shield::Offered),
            ("127.0.0.1", 2525, true, Shield::Offered),
            ("LOCALHOST", 587, true, Shield::Offered),
            ("127.0.0.1.example.com", 2525, true, Shield::Required),
        ] {
            assert_eq!(shield(server, port, signs_in), wanted, "{server}:{port}");
        }
    }

    #[test]
    fn nothing_in_a_letter_can_become_markup_or_a_header() {
        let letter = Letter {
            title: "hi\r\nBcc: victim@x.com <b>".into(),
            parts: vec![
                Part::Text("<script>1</script>".into()),
                Part::Link { label: "<i>".into(), url: "https://x/?a=1&b=\"><img>".into() },
            ],
        };
        let set = options(&[("SMTPFrom", "noreply@x.com"), ("SystemName", "<Evil>\r\nX: y")]);
        let bytes = build(&set, "a@x.com; b@x.com;", &letter).unwrap().formatted();
        let text = String::from_utf8(bytes).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(!head.lines().any(|line| line.starts_with("Bcc") || line.starts_with("X:")), "{head}");
        assert!(head.contains("a@x.com, b@x.com"), "{head}");
        let html = &body[body.find("text/html").unwrap()..];
        assert!(!html.contains("<script>") && !html.contains("<img>") && !html.contains("<i>"), "{html}");
        assert!(html.contains("&lt;script&gt;") && html.contains("&lt;Evil&gt;"), "{html}");
    }

    #[test]
    fn addresses_are_checked() {
        assert_eq!(address(" Bob@Example.COM ").as_deref(), Some("bob@example.com"));
        for bad in
            ["", "bob", "bob@", "@x.com", "bob@localhost", "a@x.com;b@x.com", "a b@x.com", "a@[1.2.3.4]"]
        {
            assert_eq!(address(bad), None, "{bad}");
        }
        assert_eq!(address(&format!("{}@x.com", "a".repeat(100))), None);
        assert!(domain_allowed("a@gmail.com", "x.com, Gmail.com"));
        assert!(!domain_allowed("a@evilgmail.com", "gmail.com"));
    }

    #[test]
    fn a_sender_is_needed() {
        let letter = Letter { title: "t".into(), parts: vec![] };
        assert_eq!(build(&options(&[]), "a@x.com", &letter).unwrap_err(), MailError::BadSender);
        let account = options(&[("SMTPAccount", "me@x.com")]);
        assert!(build(&account, "a@x.com", &letter).is_ok());
        assert_eq!(build(&account, " ; ", &letter).unwrap_err(), MailError::BadRecipient);
    }
}

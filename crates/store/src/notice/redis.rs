//! Notices, and counts for limits, over Redis: publishing and subscribing alone, so that nothing which is in it or
//! gone from it can matter.

use super::{Bells, Redis, RedisAt, Told};
use futures::StreamExt;
use magic_domain::secret::Secret;
use redis::aio::MultiplexedConnection;
use redis::{Client, ConnectionAddr, ConnectionInfo, IntoConnectionInfo, TlsCertificates};
use std::time::Duration;

/// What all nodes listen to.
const CHANGES: &str = "magic:changes";
/// Where nodes tell what they have counted for limits.
const COUNTS: &str = "magic:counts";
/// Connecting, with TLS and a sentinel's advice, may take this long.
const CONNECT: Duration = Duration::from_secs(2);
/// A command has this long: the driver would wait for ever.
const DEADLINE: Duration = Duration::from_millis(700);
/// Between two attempts to reach it.
const PAUSE: Duration = Duration::from_millis(500);
/// A connection that is silent for so long is asked whether it lives: together with the deadline a second at most.
const PULSE: Duration = Duration::from_millis(300);

/// Keeps a connection for as long as the process lives.
pub(crate) async fn run(redis: Redis, bells: Bells) {
    let mut told = Told::new("Redis");
    loop {
        let ended = match open(&redis).await {
            Ok(connected) => {
                told.back();
                bells.redis(true);
                // What was said while nobody listened.
                bells.heard.notify_one();
                serve(connected, &bells).await
            }
            Err(error) => error,
        };
        bells.redis(false);
        told.gone(&ended);
        tokio::time::sleep(PAUSE).await;
    }
}

struct Connected {
    listening: redis::aio::PubSub,
    speaking: MultiplexedConnection,
    /// A sentinel said where it is: it may become a replica while we are connected.
    watched: bool,
}

async fn timely<T>(
    deadline: Duration,
    work: impl Future<Output = redis::RedisResult<T>>,
) -> Result<T, String> {
    match tokio::time::timeout(deadline, work).await {
        Ok(done) => done.map_err(|error| error.to_string()),
        Err(_) => Err("no answer in time".into()),
    }
}

fn client(info: ConnectionInfo, ca: Option<&Vec<u8>>) -> Result<Client, String> {
    let certificates = TlsCertificates { client_tls: None, root_cert: ca.cloned() };
    let built = match (info.addr(), ca) {
        (ConnectionAddr::TcpTls { .. }, Some(_)) => Client::build_with_tls(info, certificates),
        _ => Client::open(info),
    };
    built.map_err(|error| error.to_string())
}

/// The way to a host, with a password.
fn info(address: &str, tls: bool, password: Option<&Secret>) -> Result<ConnectionInfo, String> {
    let (host, port) = address.rsplit_once(':').unwrap_or((address, "26379"));
    let host = host.trim_matches(['[', ']']).to_owned();
    let port: u16 = port.parse().map_err(|_| format!("{address} is no address"))?;
    let addr = match tls {
        true => ConnectionAddr::TcpTls { host, port, insecure: false, tls_params: None },
        false => ConnectionAddr::Tcp(host, port),
    };
    let info = addr.into_connection_info().map_err(|error| error.to_string())?;
    let settings = info.redis_settings().clone();
    Ok(match password {
        Some(password) => info.set_redis_settings(settings.set_password(password.expose())),
        None => info,
    })
}

async fn open(redis: &Redis) -> Result<Connected, String> {
    let ca = redis.ca.as_ref();
    let (client, watched) = match &redis.at {
        RedisAt::Server(url) => {
            // The URL holds a password: it never appears in an error.
            let info = url.expose().into_connection_info();
            let info = info.map_err(|_| "REDIS_CONN_STRING is no redis URL".to_owned())?;
            (client(info, ca)?, false)
        }
        RedisAt::Sentinels { addresses, master, password, sentinel_password, tls } => {
            let mut why = "no sentinel is configured".to_owned();
            let mut found = None;
            for sentinel in addresses {
                let asked = async {
                    let sentinel = client(info(sentinel, *tls, sentinel_password.as_ref())?, ca)?;
                    let master = timely(CONNECT, master_of(&sentinel, master)).await?;
                    let address = master.ok_or("it knows no master of that name")?;
                    client(info(&address, *tls, password.as_ref())?, ca)
                };
                match asked.await {
                    Ok(client) => {
                        found = Some(client);
                        break;
                    }
                    Err(error) => why = format!("sentinel {sentinel}: {error}"),
                }
            }
            (found.ok_or(why)?, true)
        }
    };
    let mut speaking = timely(CONNECT, client.get_multiplexed_async_connection()).await?;
    if watched {
        is_master(&mut speaking).await?;
    }
    let mut listening = timely(CONNECT, client.get_async_pubsub()).await?;
    timely(CONNECT, listening.subscribe(&[CHANGES, COUNTS])).await?;
    Ok(Connected { listening, speaking, watched })
}

async fn master_of(sentinel: &Client, name: &str) -> redis::RedisResult<Option<String>> {
    let mut on = sentinel.get_multiplexed_async_connection().await?;
    let mut command = redis::cmd("SENTINEL");
    let found: Option<(String, String)> =
        command.arg("get-master-addr-by-name").arg(name).query_async(&mut on).await?;
    Ok(found.map(|(host, port)| format!("{host}:{port}")))
}

/// A server that a sentinel has replaced still answers; what is said to it nobody hears.
async fn is_master(on: &mut MultiplexedConnection) -> Result<(), String> {
    let role = timely(DEADLINE, redis::cmd("ROLE").query_async::<Vec<redis::Value>>(on)).await?;
    match role.first() {
        Some(redis::Value::BulkString(role)) if role == b"master" => Ok(()),
        _ => Err("it is not the master any more".into()),
    }
}

/// Runs until something breaks; what that was.
async fn serve(connected: Connected, bells: &Bells) -> String {
    let Connected { listening, mut speaking, watched } = connected;
    let mut messages = listening.into_on_message();
    let mut said = bells.counts.said.lock().await;
    let node = bells.node.as_bytes();
    let mut asked = tokio::time::Instant::now();
    loop {
        let mut command = redis::cmd("PUBLISH");
        tokio::select! {
            message = messages.next() => match message {
                Some(message) => {
                    let payload = message.get_payload_bytes();
                    if message.get_channel_name() == COUNTS {
                        if let Some(counts) = foreign(payload, node) {
                            let _ = bells.counts.hear.try_send(counts.to_vec());
                        }
                    } else if payload != node {
                        bells.heard.notify_one();
                    }
                    continue;
                }
                None => return "it hung up".into(),
            },
            () = bells.changed.notified() => {
                command.arg(CHANGES).arg(node);
            }
            Some(counts) = said.recv() => {
                command.arg(COUNTS).arg([node, counts.as_slice()].concat());
            }
            () = tokio::time::sleep_until(asked + PULSE) => {
                asked = tokio::time::Instant::now();
                if watched {
                    if let Err(error) = is_master(&mut speaking).await {
                        return error;
                    }
                    continue;
                }
                command = redis::cmd("PING");
            }
        }
        if let Err(error) = timely(DEADLINE, command.query_async::<redis::Value>(&mut speaking)).await {
            return error;
        }
    }
}

/// What another node has counted; `None` for our own.
fn foreign<'p>(payload: &'p [u8], node: &[u8]) -> Option<&'p [u8]> {
    let (who, counts) = payload.split_at_checked(node.len())?;
    (who != node).then_some(counts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_counts_are_no_news() {
        assert_eq!(foreign(b"aa1", b"bb"), Some(&b"1"[..]));
        assert_eq!((foreign(b"bb1", b"bb"), foreign(b"b", b"bb")), (None, None));
    }

    #[test]
    fn sentinels_have_names_addresses_and_ports() {
        let at = |text: &str| info(text, false, None).map(|info| info.addr().to_string());
        assert_eq!(at("10.0.0.1:26380").unwrap(), "10.0.0.1:26380");
        assert_eq!(at("[::1]:1").unwrap(), "::1:1");
        assert_eq!(at("sentinel").unwrap(), "sentinel:26379");
        assert!(at("a:b").is_err());
    }
}

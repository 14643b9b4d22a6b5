//! Notices between the nodes of a fleet over Redis: "something has changed, look at the database now". A hint
//! and nothing more: nodes that hear none look every second anyway, and no money ever depends on one.

use futures::StreamExt;
use redis::aio::MultiplexedConnection;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::Notify;

/// The Redis channel all nodes listen on.
const CHANNEL: &str = "magic:changes";
/// Every call to Redis has this long: its driver would wait for ever.
const DEADLINE: Duration = Duration::from_secs(2);
/// Between two attempts to reach it.
const PAUSE: Duration = Duration::from_secs(1);
/// A connection that is silent for so long is asked whether it lives.
const PULSE: Duration = Duration::from_secs(15);

/// The two bells of a node: rung when it has changed something, and when it hears that another has.
#[derive(Clone, Default)]
pub(crate) struct Bells {
    pub changed: Arc<Notify>,
    pub heard: Arc<Notify>,
    /// Redis answers.
    pub connected: Arc<AtomicBool>,
}

/// Keeps a connection for as long as the process lives. One log line per change of state.
pub(crate) async fn run(url: String, bells: Bells) {
    let node = crate::random_id();
    let mut told = false;
    loop {
        let ended = match open(&url).await {
            Ok(connected) => {
                log::info!("redis carries notices of changes");
                told = false;
                bells.connected.store(true, Ordering::Relaxed);
                // What was said while nobody listened.
                bells.heard.notify_one();
                serve(connected, &node, &bells).await
            }
            Err(error) => error,
        };
        bells.connected.store(false, Ordering::Relaxed);
        if !std::mem::replace(&mut told, true) {
            log::warn!("redis is away, changes of other nodes are seen within a second: {ended}");
        }
        tokio::time::sleep(PAUSE).await;
    }
}

type Connected = (redis::aio::PubSub, MultiplexedConnection);

async fn timely<T>(work: impl Future<Output = redis::RedisResult<T>>) -> Result<T, String> {
    match tokio::time::timeout(DEADLINE, work).await {
        Ok(done) => done.map_err(|error| error.to_string()),
        Err(_) => Err("no answer in time".into()),
    }
}

async fn open(url: &str) -> Result<Connected, String> {
    // The URL holds a password: it never appears in an error.
    let client = redis::Client::open(url).map_err(|_| "REDIS_CONN_STRING is no redis URL".to_owned())?;
    let mut listening = timely(client.get_async_pubsub()).await?;
    timely(listening.subscribe(CHANNEL)).await?;
    let speaking = timely(client.get_multiplexed_async_connection()).await?;
    Ok((listening, speaking))
}

/// Runs until something breaks; what that was.
async fn serve((listening, mut speaking): Connected, node: &str, bells: &Bells) -> String {
    let mut messages = listening.into_on_message();
    loop {
        let mut command = redis::cmd("PING");
        tokio::select! {
            message = messages.next() => match message {
                Some(message) => {
                    if message.get_payload_bytes() != node.as_bytes() {
                        bells.heard.notify_one();
                    }
                    continue;
                }
                None => return "it hung up".into(),
            },
            () = bells.changed.notified() => {
                command = redis::cmd("PUBLISH");
                command.arg(CHANNEL).arg(node);
            }
            () = tokio::time::sleep(PULSE) => {}
        }
        if let Err(error) = timely(command.query_async::<redis::Value>(&mut speaking)).await {
            return error;
        }
    }
}

//! Notices over PostgreSQL's LISTEN and NOTIFY, on a connection of their own. The notice is part of the transaction
//! that it tells of: whoever hears it sees the change.

use super::{Bells, Told};
use sqlx::postgres::{PgConnectOptions, PgListener, PgPoolOptions};
use sqlx::{Error, Executor};
use std::time::Duration;

/// What all nodes listen to.
pub(crate) const CHANNEL: &str = "magic_changes";
/// Every word with the server has this long.
const DEADLINE: Duration = Duration::from_secs(3);
/// Between two attempts to reach it.
const PAUSE: Duration = Duration::from_secs(1);
/// A connection that is silent for so long is asked whether it lives.
const PULSE: Duration = Duration::from_secs(10);

/// Keeps a connection for as long as the process lives.
pub(crate) async fn run(options: PgConnectOptions, bells: Bells) {
    let mut told = Told::new("PostgreSQL's LISTEN");
    loop {
        let ended = match timely(open(&options)).await {
            Ok(mut listener) => {
                told.back();
                // What was said while nobody listened.
                bells.heard.notify_one();
                serve(&mut listener, &bells).await
            }
            Err(error) => error,
        };
        told.gone(&ended);
        tokio::time::sleep(PAUSE).await;
    }
}

async fn timely<T>(work: impl Future<Output = Result<T, Error>>) -> Result<T, String> {
    match tokio::time::timeout(DEADLINE, work).await {
        Ok(done) => done.map_err(|error| error.to_string()),
        Err(_) => Err("no answer in time".into()),
    }
}

async fn open(options: &PgConnectOptions) -> Result<PgListener, Error> {
    let pool = PgPoolOptions::new()
        .max_connections(1)
        .max_lifetime(None)
        .idle_timeout(None)
        .acquire_timeout(DEADLINE)
        .connect_lazy_with(options.clone());
    let mut listener = PgListener::connect_with(&pool).await?;
    // The loop above connects anew, and looks at what was missed.
    listener.eager_reconnect(false);
    listener.listen(CHANNEL).await?;
    Ok(listener)
}

/// Runs until something breaks; what that was.
async fn serve(listener: &mut PgListener, bells: &Bells) -> String {
    loop {
        match tokio::time::timeout(PULSE, listener.try_recv()).await {
            Ok(Ok(Some(notice))) => {
                if notice.payload() != &*bells.node {
                    bells.heard.notify_one();
                }
            }
            Ok(Ok(None)) => return "it hung up".into(),
            Ok(Err(error)) => return error.to_string(),
            Err(_) => {
                if let Err(error) = timely(listener.execute("SELECT 1")).await {
                    return error;
                }
            }
        }
    }
}

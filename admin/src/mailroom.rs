//! Mail that is sent behind an answer, so that neither the answer nor the time it takes tells whether an address
//! is known.

use crate::error::{Result, unavailable};
use crate::mail::{Letter, Mailer};
use magic_store::Store;
use std::future::Future;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// Pieces of work at once; each ends within the deadlines of the database and of [`Mailer::send`].
const PLACES: usize = 32;

/// Does a bounded amount of work in the background.
pub struct Mailroom {
    mailer: Mailer,
    places: Arc<Semaphore>,
}

impl Mailroom {
    pub fn new(store: Store) -> Self {
        Self { mailer: Mailer::new(store), places: Arc::new(Semaphore::new(PLACES)) }
    }

    /// Begins a piece of work: what it makes is sent. A failure becomes a line in the log, by what the letter is
    /// called there; no address, nothing of the letter.
    ///
    /// # Errors
    /// 503: there is too much to do already, whoever asks.
    pub fn post<F>(&self, what: &'static str, work: F) -> Result<()>
    where
        F: Future<Output = magic_store::Result<Option<(String, Letter)>>> + Send + 'static,
    {
        let Ok(place) = self.places.clone().try_acquire_owned() else {
            return Err(unavailable("too many mails are being sent; try again"));
        };
        let mailer = self.mailer.clone();
        tokio::spawn(async move {
            let _place = place;
            match work.await {
                Ok(Some((to, letter))) => {
                    if let Err(error) = mailer.send(&to, &letter).await {
                        log::warn!("{what} was not sent: {error}");
                    }
                }
                Ok(None) => {}
                Err(error) => log::warn!("{what} was not written: {error}"),
            }
        });
        Ok(())
    }
}

//! Wallets: what a user (or a limited token) can spend in this process without asking the database.
//!
//! A wallet holds a *lease*, a part of the balance that the database has set aside for this process. Calls
//! take from it and give back to it in memory; only a wallet that runs short asks for more, and callers who
//! wait for that wait together. What is leased here can't be spent anywhere else (ADR 2).

use async_trait::async_trait;
use magic_domain::ids::{TokenId, UserId};
use magic_domain::money::Nano;
use parking_lot::{Mutex, RwLock};
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

/// Whose money a wallet holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Owner {
    User(UserId),
    Token(TokenId),
}

impl Owner {
    pub fn is_user(&self) -> bool {
        matches!(self, Owner::User(_))
    }
}

/// The authority over balances: the database.
#[async_trait]
pub trait Bank: Send + Sync {
    /// Sets aside at least `need` and at most `want` of the owner's balance; zero when it does not reach.
    async fn lease(&self, owner: Owner, need: Nano, want: Nano) -> Result<Nano, BankAway>;
    /// Gives a part of a lease back.
    async fn unlease(&self, owner: Owner, amount: Nano) -> Result<(), BankAway>;
}

/// The database does not answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BankAway;

/// Why nothing could be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// The balance does not reach.
    Insufficient,
    /// The lease is used up and the database is away.
    BankAway,
}

/// What a node in a fleet asks for beyond its need: enough that the database is seldom asked.
const FLEET_SURPLUS: Nano = Nano(1_000_000_000);

/// How long a caller waits for the database at most.
const PATIENCE: Duration = Duration::from_secs(3);

/// One lease.
pub struct Wallet {
    owner: Owner,
    state: Mutex<State>,
    /// Held while the database is asked: the others wait for its answer instead of asking too.
    asking: tokio::sync::Mutex<()>,
    /// Itself, for an answer that comes when nobody waits any more.
    me: Weak<Wallet>,
}

/// What was taken for a caller: goes back unless the caller gets to keep it.
struct Taken(Option<(Arc<Wallet>, i64)>);

impl Taken {
    fn keep(mut self) {
        self.0 = None;
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        if let Some((wallet, amount)) = self.0.take() {
            wallet.settle(Nano(amount), Nano::ZERO);
        }
    }
}

#[derive(Default)]
struct State {
    free: i64,
    /// Since when nothing has been taken, as far as anybody looked: a take only clears it, and needs no clock.
    idle_since: Option<Instant>,
    refused: Option<(Instant, i64)>,
}

impl Wallet {
    fn new(owner: Owner) -> Arc<Self> {
        Arc::new_cyclic(|me| Self {
            owner,
            state: Mutex::default(),
            asking: tokio::sync::Mutex::new(()),
            me: me.clone(),
        })
    }

    /// Puts what was leased in, and takes `amount` of it.
    fn put_and_take(&self, granted: Nano, amount: i64) -> Result<Taken, Refused> {
        let mut state = self.state.lock();
        state.free = state.free.saturating_add(granted.0);
        if state.free < amount {
            state.refused = Some((Instant::now(), amount));
            return Err(Refused::Insufficient);
        }
        state.free -= amount;
        Ok(Taken(self.me.upgrade().map(|me| (me, amount))))
    }

    fn try_take(&self, amount: i64) -> bool {
        let mut state = self.state.lock();
        let enough = state.free >= amount;
        if enough {
            state.free -= amount;
            state.idle_since = None;
        }
        enough
    }

    /// What is free here now.
    pub fn free(&self) -> Nano {
        Nano(self.state.lock().free)
    }

    /// Ends a hold: what was not spent comes back; what was spent above it lessens what is left (the poster
    /// takes that excess from the balance itself).
    pub fn settle(&self, held: Nano, cost: Nano) {
        let mut state = self.state.lock();
        let change = held.0.saturating_sub(cost.0);
        state.free = if change >= 0 {
            state.free.saturating_add(change)
        } else {
            state.free.min(state.free.saturating_add(change).max(0))
        };
        state.refused = None;
    }

    fn drain(&self) -> Nano {
        Nano(std::mem::take(&mut self.state.lock().free))
    }

    /// Whether the database has refused as much since somebody came: who waited while another asked believes the
    /// answer, so that a crowd with an empty balance asks once. Who comes later asks anew: the balance may have
    /// been raised.
    fn refused_since(&self, came: Instant, amount: i64) -> bool {
        let state = self.state.lock();
        state.refused.is_some_and(|(at, need)| at >= came && amount >= need)
    }
}

/// Every wallet of this process.
pub struct Wallets {
    bank: Arc<dyn Bank>,
    /// Nobody else spends from the same balances: all there is can be set aside.
    alone: Arc<AtomicBool>,
    wallets: RwLock<HashMap<Owner, Arc<Wallet>>>,
    /// Nothing may be taken any more.
    frozen: AtomicBool,
}

impl Wallets {
    pub fn new(bank: Arc<dyn Bank>, alone: Arc<AtomicBool>) -> Self {
        Self { bank, alone, wallets: RwLock::default(), frozen: AtomicBool::new(false) }
    }

    pub fn wallet(&self, owner: Owner) -> Arc<Wallet> {
        if let Some(wallet) = self.wallets.read().get(&owner) {
            return wallet.clone();
        }
        self.wallets.write().entry(owner).or_insert_with(|| Wallet::new(owner)).clone()
    }

    /// Lets nothing be taken any more: what is leased here counts as spent elsewhere.
    pub fn freeze(&self) {
        self.frozen.store(true, Ordering::Relaxed);
    }

    /// Takes `amount` from the wallet, from memory when it reaches.
    pub async fn take(&self, wallet: &Wallet, amount: Nano) -> Result<(), Refused> {
        let amount = amount.0.max(0);
        if self.frozen.load(Ordering::Relaxed) {
            return Err(Refused::BankAway);
        }
        if wallet.try_take(amount) {
            return Ok(());
        }
        let came = Instant::now();
        let asking = wallet.asking.lock();
        let Ok(_asking) = tokio::time::timeout(PATIENCE, asking).await else {
            return Err(Refused::BankAway);
        };
        if wallet.try_take(amount) {
            return Ok(());
        }
        if wallet.refused_since(came, amount) {
            return Err(Refused::Insufficient);
        }
        let need = Nano(amount.saturating_sub(wallet.free().0.max(0)));
        let alone = self.alone.load(Ordering::Acquire);
        let want = need.plus(if alone { Nano::MAX } else { FLEET_SURPLUS });
        let Some(me) = wallet.me.upgrade() else { return Err(Refused::BankAway) };
        let bank = self.bank.clone();
        // What the database has set aside is ours, whether anybody still waits for it or not: a caller who leaves, or
        // an answer that is late, must not leave it lying where nobody can spend it.
        let asked = tokio::spawn(async move {
            let granted = bank.lease(me.owner, need, want).await.map_err(|BankAway| Refused::BankAway)?;
            me.put_and_take(granted, amount)
        });
        match tokio::time::timeout(PATIENCE, asked).await {
            Ok(Ok(taken)) => taken.map(Taken::keep),
            _ => Err(Refused::BankAway),
        }
    }

    /// Gives everything that is free back to the database: before a balance is lowered, a token deleted, or
    /// the process leaves.
    pub async fn recall(&self, owner: Owner) -> Result<(), BankAway> {
        let Some(wallet) = self.wallets.read().get(&owner).cloned() else { return Ok(()) };
        let _asking = wallet.asking.lock().await;
        let amount = wallet.drain();
        if !amount.is_positive() {
            return Ok(());
        }
        let answer = self.bank.unlease(owner, amount).await;
        if answer.is_err() {
            wallet.settle(amount, Nano::ZERO);
        }
        answer
    }

    /// Gives back what has lain unused between two calls of this, each `after` or longer ago: other nodes of a
    /// fleet may need it.
    pub async fn recall_idle(&self, after: Duration) {
        let idle = |wallet: &Wallet| {
            let mut state = wallet.state.lock();
            state.free > 0 && state.idle_since.get_or_insert_with(Instant::now).elapsed() >= after
        };
        let owners: Vec<Owner> =
            self.wallets.read().iter().filter(|(_, wallet)| idle(wallet)).map(|(owner, _)| *owner).collect();
        for owner in owners {
            if self.recall(owner).await.is_err() {
                return;
            }
        }
    }

    /// How many wallets there are of the owners that are asked for, and what is free in them.
    pub fn sum(&self, of: impl Fn(&Owner) -> bool) -> (usize, Nano) {
        let wallets = self.wallets.read();
        let theirs = wallets.iter().filter(|(owner, _)| of(owner));
        theirs.fold((0, Nano::ZERO), |(count, free), (_, wallet)| (count + 1, free.plus(wallet.free())))
    }

    /// [`Wallets::recall`] for every wallet; those that fail stay leased until the next start.
    pub async fn recall_all(&self) {
        let owners: Vec<Owner> = self.wallets.read().keys().copied().collect();
        for owner in owners {
            if self.recall(owner).await.is_err() {
                log::warn!("a lease could not be given back: the database is away");
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicU64;

    #[derive(Default)]
    struct Fake {
        balance: Mutex<i64>,
        calls: AtomicU64,
        away: AtomicBool,
        /// How long an answer takes.
        slow: Mutex<Duration>,
    }

    #[async_trait]
    impl Bank for Fake {
        async fn lease(&self, _owner: Owner, need: Nano, want: Nano) -> Result<Nano, BankAway> {
            self.calls.fetch_add(1, Ordering::SeqCst);
            tokio::task::yield_now().await;
            let slow = *self.slow.lock();
            if !slow.is_zero() {
                tokio::time::sleep(slow).await;
            }
            if self.away.load(Ordering::SeqCst) {
                return Err(BankAway);
            }
            let mut balance = self.balance.lock();
            let granted = if *balance >= need.0 { want.0.min(*balance) } else { 0 };
            *balance -= granted;
            Ok(Nano(granted))
        }
        async fn unlease(&self, _owner: Owner, amount: Nano) -> Result<(), BankAway> {
            *self.balance.lock() += amount.0;
            Ok(())
        }
    }

    fn wallets(balance: i64) -> (Arc<Fake>, Arc<Wallets>) {
        let bank = Arc::new(Fake { balance: Mutex::new(balance), ..Fake::default() });
        (bank.clone(), Arc::new(Wallets::new(bank, Arc::new(AtomicBool::new(true)))))
    }

    const OWNER: Owner = Owner::User(UserId(1));

    #[tokio::test]
    async fn five_hundred_at_once_take_at_most_what_is_there() {
        let (bank, wallets) = wallets(10);
        let tasks: Vec<_> = (0..500)
            .map(|_| {
                let wallets = wallets.clone();
                tokio::spawn(async move { wallets.take(&wallets.wallet(OWNER), Nano(1)).await.is_ok() })
            })
            .collect();
        let mut admitted = 0;
        for task in tasks {
            admitted += u32::from(task.await.unwrap());
        }
        assert_eq!(admitted, 10);
        assert!(bank.calls.load(Ordering::SeqCst) < 20, "a crowd asks together");
    }

    #[tokio::test]
    async fn what_was_not_spent_can_be_taken_again() {
        let (_, wallets) = wallets(10);
        let wallet = wallets.wallet(OWNER);
        assert_eq!(wallets.take(&wallet, Nano(10)).await, Ok(()));
        assert_eq!(wallets.take(&wallet, Nano(1)).await, Err(Refused::Insufficient));
        wallet.settle(Nano(10), Nano(4));
        assert_eq!(wallets.take(&wallet, Nano(6)).await, Ok(()));
    }

    #[tokio::test]
    async fn a_lease_serves_while_the_bank_is_away() {
        let (bank, wallets) = wallets(10);
        let wallet = wallets.wallet(OWNER);
        assert_eq!(wallets.take(&wallet, Nano(1)).await, Ok(()));
        bank.away.store(true, Ordering::SeqCst);
        assert_eq!(wallets.take(&wallet, Nano(9)).await, Ok(()));
        assert_eq!(wallets.take(&wallet, Nano(1)).await, Err(Refused::BankAway));
    }

    /// The database answers when the caller has given up, or left: what it gave is there for the next.
    #[tokio::test(start_paused = true)]
    async fn what_comes_late_is_not_lost() {
        let (bank, wallets) = wallets(10);
        let wallet = wallets.wallet(OWNER);
        *bank.slow.lock() = PATIENCE + Duration::from_secs(1);
        assert_eq!(wallets.take(&wallet, Nano(3)).await, Err(Refused::BankAway));
        tokio::time::sleep(Duration::from_secs(2)).await;
        assert_eq!((*bank.balance.lock(), wallet.free()), (0, Nano(10)));
        assert_eq!(wallets.take(&wallet, Nano(10)).await, Ok(()));
        *bank.balance.lock() = 5;
        *bank.slow.lock() = Duration::from_secs(1);
        let left = tokio::time::timeout(Duration::from_millis(500), wallets.take(&wallet, Nano(2))).await;
        assert!(left.is_err(), "the caller has left");
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!((*bank.balance.lock(), wallet.free()), (0, Nano(5)));
    }

    #[tokio::test]
    async fn from_a_frozen_lease_nothing_is_taken() {
        let (_, wallets) = wallets(10);
        let wallet = wallets.wallet(OWNER);
        assert_eq!(wallets.take(&wallet, Nano(1)).await, Ok(()));
        wallets.freeze();
        assert_eq!(wallets.take(&wallet, Nano(1)).await, Err(Refused::BankAway));
    }

    #[tokio::test]
    async fn an_overrun_lessens_what_is_left_but_not_below_zero() {
        let (_, wallets) = wallets(10);
        let wallet = wallets.wallet(OWNER);
        wallets.take(&wallet, Nano(2)).await.unwrap();
        wallet.settle(Nano(2), Nano(5));
        assert_eq!(wallet.free(), Nano(5));
        wallet.settle(Nano(0), Nano(50));
        assert_eq!(wallet.free(), Nano(0));
    }

    #[tokio::test]
    async fn what_lies_unused_goes_back() {
        let (bank, wallets) = wallets(10);
        let wallet = wallets.wallet(OWNER);
        wallets.take(&wallet, Nano(3)).await.unwrap();
        wallets.recall_idle(Duration::from_secs(60)).await;
        assert_eq!(wallet.free(), Nano(7));
        wallets.recall_idle(Duration::ZERO).await;
        assert_eq!((*bank.balance.lock(), wallet.free()), (7, Nano(0)));
    }

    #[tokio::test]
    async fn who_comes_after_a_refusal_asks_anew() {
        let (bank, wallets) = wallets(0);
        let wallet = wallets.wallet(OWNER);
        assert_eq!(wallets.take(&wallet, Nano(3)).await, Err(Refused::Insufficient));
        *bank.balance.lock() = 10;
        assert_eq!(wallets.take(&wallet, Nano(3)).await, Ok(()));
    }

    #[tokio::test]
    async fn a_recall_returns_what_is_free() {
        let (bank, wallets) = wallets(10);
        let wallet = wallets.wallet(OWNER);
        wallets.take(&wallet, Nano(3)).await.unwrap();
        wallets.recall(OWNER).await.unwrap();
        assert_eq!((*bank.balance.lock(), wallet.free()), (7, Nano(0)));
    }
}

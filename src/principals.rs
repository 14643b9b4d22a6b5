//! Who may call, in memory: tokens under the SHA-256 of their key, users under their id. Read without a lock
//! on every request; a change replaces one shard.

use arc_swap::ArcSwap;
use magic_domain::ids::{TokenId, UserId};
use magic_domain::principal::{Token, User};
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

/// The SHA-256 of a token's key without its `sk-`.
pub type KeyHash = [u8; 32];

/// A map for many readers and rare writers: shards are swapped whole.
struct Shards<K, V> {
    shards: Vec<ArcSwap<HashMap<K, Arc<V>>>>,
    /// Writers take turns; readers never wait.
    writing: parking_lot::Mutex<()>,
}

const SHARDS: usize = 256;

impl<K: Hash + Eq + Copy + Spread, V> Shards<K, V> {
    fn new() -> Self {
        Self { shards: (0..SHARDS).map(|_| ArcSwap::default()).collect(), writing: Default::default() }
    }

    fn shard(&self, key: &K) -> &ArcSwap<HashMap<K, Arc<V>>> {
        &self.shards[key.spread() % SHARDS]
    }

    fn get(&self, key: &K) -> Option<Arc<V>> {
        self.shard(key).load().get(key).cloned()
    }

    fn change(&self, key: K, value: Option<Arc<V>>) {
        let _turn = self.writing.lock();
        let shard = self.shard(&key);
        let mut map = HashMap::clone(&shard.load());
        match value {
            Some(value) => map.insert(key, value),
            None => map.remove(&key),
        };
        shard.store(Arc::new(map));
    }

    fn replace_all(&self, entries: impl Iterator<Item = (K, Arc<V>)>) {
        let _turn = self.writing.lock();
        let mut maps: Vec<HashMap<K, Arc<V>>> = (0..SHARDS).map(|_| HashMap::new()).collect();
        for (key, value) in entries {
            maps[key.spread() % SHARDS].insert(key, value);
        }
        for (shard, map) in self.shards.iter().zip(maps) {
            shard.store(Arc::new(map));
        }
    }

    fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.load().len()).sum()
    }

    fn values(&self) -> Vec<Arc<V>> {
        self.shards.iter().flat_map(|shard| shard.load().values().cloned().collect::<Vec<_>>()).collect()
    }
}

/// Which shard a key belongs to.
trait Spread {
    fn spread(&self) -> usize;
}
impl Spread for KeyHash {
    fn spread(&self) -> usize {
        usize::from(self[0])
    }
}
impl Spread for UserId {
    fn spread(&self) -> usize {
        self.0 as usize
    }
}
impl Spread for TokenId {
    fn spread(&self) -> usize {
        self.0 as usize
    }
}

/// Users and tokens.
pub struct Principals {
    users: Shards<UserId, User>,
    tokens: Shards<KeyHash, Token>,
    /// Where a token's entries are, for changes that name it by id.
    keys: Shards<TokenId, Keys>,
    /// Changes since the loads that are under way began. Held while a change is made, so that a load comes before
    /// it or after it.
    meanwhile: parking_lot::Mutex<Meanwhile>,
}

/// The key of a token, and the one before its last rotation.
#[derive(Debug, Clone, Copy)]
struct Keys(KeyHash, Option<KeyHash>);

impl Keys {
    fn of(hash: KeyHash, token: &Token) -> Keys {
        Keys(hash, token.old_key.map(|old| old.hash))
    }

    fn all(self) -> impl Iterator<Item = KeyHash> {
        std::iter::once(self.0).chain(self.1)
    }
}

#[derive(Default)]
struct Meanwhile {
    loads: usize,
    changes: Vec<Change>,
}

#[derive(Clone)]
enum Change {
    User(User),
    Token(KeyHash, Token),
    Gone(TokenId),
}

impl Default for Principals {
    fn default() -> Self {
        Self {
            users: Shards::new(),
            tokens: Shards::new(),
            keys: Shards::new(),
            meanwhile: Default::default(),
        }
    }
}

/// A load of everybody from the database, begun before it is asked. What changes here meanwhile is newer than what
/// it finds: a ban must not be undone by a row that was read before it.
pub struct Load<'p> {
    principals: &'p Principals,
    from: usize,
}

impl Load<'_> {
    /// The changes go into what was loaded before that is put in force: a call that comes in between must not
    /// see what was.
    pub fn finish(self, mut users: Vec<User>, mut tokens: Vec<(KeyHash, Token)>) {
        let all = self.principals;
        let meanwhile = all.meanwhile.lock();
        for change in meanwhile.changes.iter().skip(self.from) {
            change.put_into(&mut users, &mut tokens);
        }
        all.replace_all(users, tokens);
    }
}

impl Change {
    fn put_into(&self, users: &mut Vec<User>, tokens: &mut Vec<(KeyHash, Token)>) {
        match self {
            Change::User(user) => {
                users.retain(|known| known.id != user.id);
                users.push(user.clone());
            }
            Change::Token(hash, token) => {
                tokens.retain(|(_, known)| known.id != token.id);
                tokens.push((*hash, token.clone()));
            }
            Change::Gone(id) => tokens.retain(|(_, known)| known.id != *id),
        }
    }
}

impl Drop for Load<'_> {
    fn drop(&mut self) {
        let mut meanwhile = self.principals.meanwhile.lock();
        meanwhile.loads = meanwhile.loads.saturating_sub(1);
        if meanwhile.loads == 0 {
            meanwhile.changes.clear();
        }
    }
}

impl Principals {
    pub fn token(&self, hash: &KeyHash) -> Option<Arc<Token>> {
        self.tokens.get(hash)
    }

    pub fn user(&self, id: UserId) -> Option<Arc<User>> {
        self.users.get(&id)
    }

    pub fn put_user(&self, user: User) {
        self.change(Change::User(user));
    }

    /// Under its key, and under the one before while that one works.
    pub fn put_token(&self, hash: KeyHash, token: Token) {
        self.change(Change::Token(hash, token));
    }

    pub fn remove_token(&self, id: TokenId) {
        self.change(Change::Gone(id));
    }

    /// Begins to load everybody.
    pub fn load(&self) -> Load<'_> {
        let mut meanwhile = self.meanwhile.lock();
        meanwhile.loads += 1;
        Load { principals: self, from: meanwhile.changes.len() }
    }

    fn change(&self, change: Change) {
        let mut meanwhile = self.meanwhile.lock();
        if meanwhile.loads > 0 {
            meanwhile.changes.push(change.clone());
        }
        self.apply(change);
    }

    fn apply(&self, change: Change) {
        match change {
            Change::User(user) => self.users.change(user.id, Some(Arc::new(user))),
            Change::Token(hash, token) => self.set_token(hash, token),
            Change::Gone(id) => self.unset_token(id),
        }
    }

    fn set_token(&self, hash: KeyHash, token: Token) {
        let keys = Keys::of(hash, &token);
        let before = self.keys.get(&token.id);
        self.keys.change(token.id, Some(Arc::new(keys)));
        let token = Arc::new(token);
        for hash in keys.all() {
            self.tokens.change(hash, Some(token.clone()));
        }
        for gone in
            before.iter().flat_map(|before| before.all()).filter(|hash| keys.all().all(|key| key != *hash))
        {
            self.tokens.change(gone, None);
        }
    }

    fn unset_token(&self, id: TokenId) {
        if let Some(keys) = self.keys.get(&id) {
            for hash in keys.all() {
                self.tokens.change(hash, None);
            }
            self.keys.change(id, None);
        }
    }

    fn replace_all(&self, users: Vec<User>, tokens: Vec<(KeyHash, Token)>) {
        self.users.replace_all(users.into_iter().map(|user| (user.id, Arc::new(user))));
        self.keys
            .replace_all(tokens.iter().map(|(hash, token)| (token.id, Arc::new(Keys::of(*hash, token)))));
        self.tokens.replace_all(tokens.into_iter().flat_map(|(hash, token)| {
            let keys = Keys::of(hash, &token);
            let token = Arc::new(token);
            keys.all().map(move |hash| (hash, token.clone()))
        }));
    }

    /// Every user, and every token.
    pub fn all(&self) -> (Vec<Arc<User>>, Vec<Arc<Token>>) {
        let users = self.users.values();
        let mut tokens = self.tokens.values();
        tokens.sort_unstable_by_key(|token| token.id);
        tokens.dedup_by_key(|token| token.id);
        (users, tokens)
    }

    pub fn tokens(&self) -> usize {
        self.keys.len()
    }

    pub fn token_by_id(&self, id: TokenId) -> Option<Arc<Token>> {
        self.keys.get(&id).and_then(|keys| self.tokens.get(&keys.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use magic_domain::principal::{OldKey, Role};

    fn token(id: i64) -> Token {
        Token {
            id: TokenId(id),
            user_id: UserId(1),
            name: String::new(),
            status: 1,
            expired_time: -1,
            unlimited_quota: true,
            models: vec![],
            subnets: vec![],
            groups: vec![],
            limits: Default::default(),
            old_key: None,
            capture: false,
        }
    }

    #[test]
    fn a_removed_token_is_gone_and_others_stay() {
        let principals = Principals::default();
        principals.put_token([1; 32], token(1));
        principals.put_token([2; 32], token(2));
        principals.remove_token(TokenId(1));
        assert!(principals.token(&[1; 32]).is_none());
        assert_eq!(principals.token(&[2; 32]).unwrap().id, TokenId(2));
    }

    #[test]
    fn a_token_is_found_by_its_old_key_until_the_next_rotation() {
        let principals = Principals::default();
        let old_key = |n| Some(OldKey { hash: [n; 32], until: 9 });
        principals.put_token([1; 32], token(1));
        principals.put_token([2; 32], Token { old_key: old_key(1), ..token(1) });
        assert!(principals.token(&[1; 32]).is_some() && principals.token(&[2; 32]).is_some());
        principals.put_token([3; 32], Token { old_key: old_key(2), ..token(1) });
        let known = |n| principals.token(&[n; 32]).is_some();
        assert_eq!([known(1), known(2), known(3)], [false, true, true]);
        principals.load().finish(vec![], vec![([3; 32], Token { old_key: old_key(2), ..token(1) })]);
        assert_eq!([known(1), known(2), known(3)], [false, true, true]);
        assert_eq!((principals.tokens(), principals.all().1.len()), (1, 1));
        principals.remove_token(TokenId(1));
        assert_eq!([known(1), known(2), known(3)], [false, false, false]);
    }

    #[test]
    fn a_full_load_replaces_what_was_there() {
        let principals = Principals::default();
        principals.put_token([1; 32], token(1));
        let user = User {
            id: UserId(1),
            username: "u".into(),
            role: Role::User,
            status: 1,
            group: "default".into(),
            limits: Default::default(),
        };
        principals.load().finish(vec![user], vec![([9; 32], token(9))]);
        assert!(principals.token(&[1; 32]).is_none());
        assert_eq!(principals.tokens(), 1);
        assert!(principals.user(UserId(1)).is_some());
    }

    #[test]
    fn a_change_is_newer_than_what_a_load_finds() {
        let principals = Principals::default();
        let user = |status| User {
            id: UserId(1),
            username: "u".into(),
            role: Role::User,
            status,
            group: "default".into(),
            limits: Default::default(),
        };
        principals.put_token([1; 32], token(1));
        let (first, second) = (principals.load(), principals.load());
        principals.put_user(user(2));
        principals.remove_token(TokenId(1));
        for load in [first, second] {
            load.finish(vec![user(1)], vec![([1; 32], token(1))]);
            assert_eq!(principals.user(UserId(1)).unwrap().status, 2);
            assert!(principals.token(&[1; 32]).is_none());
        }
        principals.load().finish(vec![user(1)], vec![]);
        assert_eq!(principals.user(UserId(1)).unwrap().status, 1, "what was before a load is in it");
    }

    #[test]
    fn nobody_sees_what_was_while_a_load_is_put_in_force() {
        use std::sync::atomic::{AtomicI64, Ordering};
        let user = |id, status| User {
            id: UserId(id),
            username: "u".into(),
            role: Role::User,
            status,
            group: "default".into(),
            limits: Default::default(),
        };
        let (principals, answered, done) = (Principals::default(), AtomicI64::new(0), AtomicI64::new(0));
        principals.put_user(user(1, 0));
        std::thread::scope(|threads| {
            threads.spawn(|| {
                while done.load(Ordering::Acquire) == 0 {
                    let at_least = answered.load(Ordering::Acquire);
                    let seen = principals.user(UserId(1)).unwrap().status;
                    assert!(seen >= at_least, "{seen} after {at_least}");
                }
            });
            for change in 1..200 {
                let load = principals.load();
                let stale: Vec<User> = (1..2000).map(|id| user(id, change - 1)).collect();
                principals.put_user(user(1, change));
                answered.store(change, Ordering::Release);
                load.finish(stale, vec![]);
            }
            done.store(1, Ordering::Release);
        });
    }
}

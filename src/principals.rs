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
    /// Where a token's entry is, for changes that name it by id.
    hashes: Shards<TokenId, KeyHash>,
}

impl Default for Principals {
    fn default() -> Self {
        Self { users: Shards::new(), tokens: Shards::new(), hashes: Shards::new() }
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
        self.users.change(user.id, Some(Arc::new(user)));
    }

    pub fn put_token(&self, hash: KeyHash, token: Token) {
        self.hashes.change(token.id, Some(Arc::new(hash)));
        self.tokens.change(hash, Some(Arc::new(token)));
    }

    pub fn remove_token(&self, id: TokenId) {
        if let Some(hash) = self.hashes.get(&id) {
            self.tokens.change(*hash, None);
            self.hashes.change(id, None);
        }
    }

    pub fn replace_all(&self, users: Vec<User>, tokens: Vec<(KeyHash, Token)>) {
        self.users.replace_all(users.into_iter().map(|user| (user.id, Arc::new(user))));
        self.hashes.replace_all(tokens.iter().map(|(hash, token)| (token.id, Arc::new(*hash))));
        self.tokens.replace_all(tokens.into_iter().map(|(hash, token)| (hash, Arc::new(token))));
    }

    pub fn tokens(&self) -> usize {
        self.tokens.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use magic_domain::principal::Role;

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
    fn a_full_load_replaces_what_was_there() {
        let principals = Principals::default();
        principals.put_token([1; 32], token(1));
        let user = User {
            id: UserId(1),
            username: "u".into(),
            role: Role::User,
            status: 1,
            group: "default".into(),
        };
        principals.replace_all(vec![user], vec![([9; 32], token(9))]);
        assert!(principals.token(&[1; 32]).is_none());
        assert_eq!(principals.tokens(), 1);
        assert!(principals.user(UserId(1)).is_some());
    }
}

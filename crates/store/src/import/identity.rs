//! Which database a source is: the same one may come again from another place (a file that was moved, another name
//! of its host), and its balances must not come twice. Secrets tell: an old id with the same token key, access
//! token or voucher code as what that id became here can only be the same history.

use super::source::{Form, Source};
use crate::db::args;
use crate::digest;
use crate::error::{Result, StoreError};
use crate::run::Inner;
use std::collections::{BTreeSet, HashMap};

/// How a source compares with one that was taken over.
#[derive(Debug, Clone, Copy, Default)]
struct Likeness {
    agree: u64,
    differ: u64,
    /// Agreement in what installations made from one template share: root's access token and first token.
    weak: u64,
}

/// Kinds with a secret: its table and column there, and ours with the digest.
const WITNESSES: &[(&str, &str, &str, &str, &str)] = &[
    ("user", "users", "access_token", "magic_users", "access_token_hash"),
    ("token", "tokens", "key", "magic_tokens", "key_hash"),
    ("voucher", "redemptions", "key", "magic_vouchers", "code_hash"),
];

/// The name under which the source was taken over before, or its own. With `another` it is never an earlier one.
///
/// # Errors
/// `Invalid`: it shares a past with one that was taken over, and nothing tells whether it is that one.
pub(super) async fn name(inner: &Inner, source: &Source, another: bool) -> Result<String> {
    let rows = inner.db.fetch("SELECT DISTINCT source FROM magic_imports", vec![]).await?;
    let earlier: BTreeSet<String> = rows.iter().map(|row| row.text(0)).collect::<Result<_>>()?;
    if another || earlier.is_empty() || earlier.contains(&source.name) {
        return Ok(source.name.clone());
    }
    let likenesses = compare(inner, source).await?;
    let mut unsure = false;
    for (name, likeness) in &likenesses {
        if likeness.agree > 0 && likeness.agree > likeness.differ {
            return Ok(name.clone());
        }
        unsure |= likeness.agree > 0 || (likeness.weak > 0 && likeness.differ == 0);
    }
    match unsure {
        false => Ok(source.name.clone()),
        true => Err(StoreError::Invalid(
            "this database looks like one that was taken over before from another address, but not surely. \
             If it is another installation, say so with --another"
                .into(),
        )),
    }
}

async fn compare(inner: &Inner, source: &Source) -> Result<HashMap<String, Likeness>> {
    let mut likenesses: HashMap<String, Likeness> = HashMap::new();
    for (kind, table, column, ours, hash) in WITNESSES {
        let sql = format!(
            "SELECT m.source, m.old_id, t.{hash} FROM magic_imports m JOIN {ours} t ON t.id = m.new_id WHERE m.kind = ?"
        );
        let mut known: HashMap<i64, Vec<(String, String)>> = HashMap::new();
        for row in inner.db.fetch(&sql, args![*kind]).await? {
            known.entry(row.int(1)?).or_default().push((row.text(0)?, row.text(2)?));
        }
        if known.is_empty() {
            continue;
        }
        let root: BTreeSet<i64> = match *kind {
            "user" => source
                .all("users", &[("id", Form::Int), ("role", Form::Int)])
                .await?
                .iter()
                .filter(|old| old.int("role") == 100)
                .map(|old| old.int("id"))
                .collect(),
            // `INITIAL_ROOT_TOKEN` makes the first.
            "token" => BTreeSet::from([1]),
            _ => BTreeSet::new(),
        };
        for old in source.all(table, &[("id", Form::Int), (column, Form::Text)]).await? {
            let (id, secret) = (old.int("id"), old.text(column));
            let secret = secret.strip_prefix("sk-").unwrap_or(&secret);
            for (name, here) in known.get(&id).into_iter().flatten() {
                if secret.is_empty() || here.is_empty() {
                    continue;
                }
                let likeness = likenesses.entry(name.clone()).or_default();
                match (*here == digest(secret), root.contains(&id)) {
                    (true, false) => likeness.agree += 1,
                    (true, true) => likeness.weak += 1,
                    (false, _) => likeness.differ += 1,
                }
            }
        }
    }
    Ok(likenesses)
}

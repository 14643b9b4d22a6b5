//! Groups: the keys of the option `GroupRatio`, and who names them: users are in one, channels serve some, tokens may
//! ask for some in turn.

use crate::db::{Db, Tx, TxError, args};
use crate::error::{Result, StoreError};
use crate::run::{Store, bump, transaction};
use crate::{DB, FILE, split_list};
use magic_domain::limits::GroupLimits;
use magic_domain::options;
use std::collections::BTreeMap;
use std::time::Duration;

/// The group of those for whom nothing else is said; it always exists (oneapi.md §1.8).
const DEFAULT: &str = "default";
const RATIOS: &str = "GroupRatio";
const LIMITS: &str = "GroupLimits";
/// A new name may have to be written into many channels and tokens.
const RENAMING: Duration = Duration::from_secs(60);

/// A group, and how many name it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Group {
    pub name: String,
    /// `None`: it is named by some and has no ratio, which counts as 1.
    pub ratio: Option<f64>,
    pub limits: GroupLimits,
    pub users: i64,
    pub channels: i64,
    pub tokens: i64,
}

/// The tables that name groups: the column, whether it is a list, and whose rows count.
const NAMERS: &[(&str, &str, bool, &str)] = &[
    ("magic_users", "grp", false, "status <> 3"),
    ("magic_channels", "grps", true, "1 = 1"),
    ("magic_tokens", "grps", true, "1 = 1"),
];

/// By text: how many rows have it.
async fn counted(db: &Db, table: &str, column: &str, condition: &str) -> Result<Vec<(String, i64)>> {
    let sql = format!(
        "SELECT {column}, COUNT(*) FROM {table} WHERE {condition} AND {column} <> '' GROUP BY {column}"
    );
    db.fetch(&sql, vec![]).await?.iter().map(|row| Ok((row.text(0)?, row.int(1)?))).collect()
}

/// An option that groups are kept in, and its names. Refused where the configuration file owns it.
async fn named<T: serde::de::DeserializeOwned>(
    tx: &mut Tx,
    option: &'static str,
) -> Result<BTreeMap<String, T>, TxError> {
    let row = tx.one("SELECT value, owner FROM magic_options WHERE name = ?", args![option]).await?;
    let text = match row {
        Some(row) if row.text(1)? == FILE => {
            return Err(StoreError::Conflict(format!("{option} is set in the configuration file")).into());
        }
        Some(row) => row.text(0)?,
        None => options::find(option).map_or(String::new(), |def| def.default.to_owned()),
    };
    let broken = |_| StoreError::Invalid(format!("{option} can't be read: set it anew as an option"));
    Ok(serde_json::from_str(&text).map_err(broken)?)
}

async fn keep<T: serde::Serialize>(
    tx: &mut Tx,
    option: &'static str,
    all: &BTreeMap<String, T>,
) -> Result<(), TxError> {
    let text = serde_json::to_string(all).map_err(|error| StoreError::Internal(error.to_string()))?;
    options::check(option, &text).map_err(StoreError::Invalid)?;
    let sql = tx.engine().upsert("magic_options", &["name"], &["value", "owner"]);
    tx.exec(&sql, args![option, &text, DB]).await?;
    crate::prices::record_option(tx, option, &text, DB).await
}

/// The rows of a table that name a group, with what they say of groups.
async fn namers(
    tx: &mut Tx,
    (table, column, list, _): &(&str, &str, bool, &str),
    group: &str,
) -> Result<Vec<(i64, String)>, TxError> {
    let (condition, arg) = match list {
        false => (format!("{column} = ?"), group.to_owned()),
        true => (format!("{column} LIKE ? ESCAPE '!'"), format!("%{}%", crate::users::escape_like(group))),
    };
    let mut found = Vec::new();
    for row in tx.fetch(&format!("SELECT id, {column} FROM {table} WHERE {condition}"), args![&arg]).await? {
        let text = row.text(1)?;
        if split_list(&text).iter().any(|name| name == group) {
            found.push((row.int(0)?, text));
        }
    }
    Ok(found)
}

impl Store {
    /// Every group that has a ratio or is named by somebody.
    pub async fn groups(&self) -> Result<Vec<Group>> {
        let (options, _) = self.options().await?;
        let limits = magic_domain::limits::groups(options.text(LIMITS)).unwrap_or_default();
        let ratios = options.ratios(RATIOS);
        self.list(move |inner| async move {
            let mut all: BTreeMap<String, Group> = BTreeMap::new();
            for (name, ratio) in ratios {
                all.entry(name).or_default().ratio = Some(ratio);
            }
            for (name, limits) in limits {
                all.entry(name).or_default().limits = limits;
            }
            for (at, (table, column, _, condition)) in NAMERS.iter().enumerate() {
                for (text, count) in counted(&inner.db, table, column, condition).await? {
                    for name in split_list(&text) {
                        let group = all.entry(name).or_default();
                        *[&mut group.users, &mut group.channels, &mut group.tokens][at] += count;
                    }
                }
            }
            Ok(all.into_iter().map(|(name, group)| Group { name, ..group }).collect())
        })
        .await
    }

    /// Sets what is given of a group, which is made if there is none.
    ///
    /// # Errors
    /// `Conflict`: the configuration file declares groups. `Invalid`: not a ratio, or not limits.
    pub async fn set_group(
        &self,
        name: String,
        ratio: Option<f64>,
        limits: Option<GroupLimits>,
    ) -> Result<()> {
        self.run(move |inner| async move {
            transaction!(inner.db, |tx| {
                let mut ratios = named::<f64>(tx, RATIOS).await?;
                match ratio {
                    Some(ratio) => drop(ratios.insert(name.clone(), ratio)),
                    None => drop(ratios.entry(name.clone()).or_insert(1.0)),
                }
                keep(tx, RATIOS, &ratios).await?;
                if let Some(limits) = &limits {
                    let mut all = named::<GroupLimits>(tx, LIMITS).await?;
                    match *limits == GroupLimits::default() {
                        true => drop(all.remove(&name)),
                        false => drop(all.insert(name.clone(), limits.clone())),
                    }
                    keep(tx, LIMITS, &all).await?;
                }
                bump(tx).await?;
            })
        })
        .await
    }

    /// Gives a group another name, everywhere where it is named, at once.
    ///
    /// # Errors
    /// `NotFound`; `Conflict`: the name is taken, or the configuration file declares somebody who names it.
    pub async fn rename_group(&self, from: String, to: String) -> Result<()> {
        if from == DEFAULT {
            return Err(StoreError::Invalid("the group default keeps its name".into()));
        }
        self.run_for(RENAMING, move |inner| async move {
            transaction!(inner.db, |tx| {
                let mut ratios = named::<f64>(tx, RATIOS).await?;
                let ratio = ratios.remove(&from).ok_or(StoreError::NotFound("group"))?;
                if ratios.insert(to.clone(), ratio).is_some() {
                    return Err(StoreError::Conflict(format!("there is a group {to} already")).into());
                }
                keep(tx, RATIOS, &ratios).await?;
                let mut limits = named::<GroupLimits>(tx, LIMITS).await?;
                if let Some(of) = limits.remove(&from) {
                    limits.insert(to.clone(), of);
                    keep(tx, LIMITS, &limits).await?;
                }
                for namer in NAMERS {
                    let (table, column, ..) = namer;
                    for (id, text) in namers(tx, namer, &from).await? {
                        let names: Vec<String> = split_list(&text)
                            .into_iter()
                            .map(|name| if name == from { to.clone() } else { name })
                            .collect();
                        let sql = format!("UPDATE {table} SET {column} = ? WHERE id = ? AND owner <> ?");
                        if tx.exec(&sql, args![names.join(","), id, FILE]).await? == 0 {
                            let what = "the configuration file declares some who are in the group";
                            return Err(StoreError::Conflict(what.into()).into());
                        }
                    }
                }
                bump(tx).await?;
            })
        })
        .await
    }

    /// Deletes a group that nobody names.
    ///
    /// # Errors
    /// `NotFound`; `Conflict`: somebody names it, or the configuration file declares it.
    pub async fn delete_group(&self, name: String) -> Result<()> {
        if name == DEFAULT {
            return Err(StoreError::Invalid("the group default can't be deleted".into()));
        }
        self.run(move |inner| async move {
            transaction!(inner.db, |tx| {
                let mut ratios = named::<f64>(tx, RATIOS).await?;
                ratios.remove(&name).ok_or(StoreError::NotFound("group"))?;
                for (namer, what) in NAMERS.iter().zip(["users", "channels", "tokens"]) {
                    let count = namers(tx, namer, &name).await?.len();
                    if count > 0 {
                        let what = format!("{count} {what} are in the group; move them first");
                        return Err(StoreError::Conflict(what).into());
                    }
                }
                keep(tx, RATIOS, &ratios).await?;
                let mut limits = named::<GroupLimits>(tx, LIMITS).await?;
                if limits.remove(&name).is_some() {
                    keep(tx, LIMITS, &limits).await?;
                }
                bump(tx).await?;
            })
        })
        .await
    }
}

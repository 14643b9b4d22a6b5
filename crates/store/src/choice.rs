//! Which channels a list is of, in which order, and what they can be chosen by.

use crate::db::{Arg, Engine, beginning};
use crate::error::Result;
use crate::run::Store;
use crate::split_list;
use std::collections::BTreeMap;

/// Which channels a list is of. What is empty chooses nothing out.
#[derive(Debug, Clone, Default)]
pub struct ChannelFilter {
    /// An id, or the beginning of a name.
    pub keyword: String,
    pub status: Option<i64>,
    pub kind: Option<i64>,
    pub group: String,
    pub tag: String,
    pub model: String,
    /// These alone.
    pub ids: Option<Vec<i64>>,
    /// All but these.
    pub except: Vec<i64>,
    /// Enabled ones alone whose last test failed.
    pub test_failed: bool,
}

/// How many channels have a value, by the value.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChannelFacets {
    pub statuses: BTreeMap<i64, i64>,
    pub kinds: BTreeMap<i64, i64>,
    pub groups: BTreeMap<String, i64>,
    pub tags: BTreeMap<String, i64>,
}

/// By what channels are sorted, in words of the API; else the newest come first.
pub const ORDERS: &[(&str, &str)] = &[
    ("name", "name, id"),
    ("priority", "priority DESC, weight DESC, id"),
    ("response_time", "response_time DESC, id"),
    ("used", "used DESC, id"),
    ("balance", "balance, id"),
];

impl ChannelFilter {
    pub(crate) fn condition(&self, engine: Engine) -> (String, Vec<Arg>) {
        let mut condition = "1 = 1".to_owned();
        let mut args = Vec::new();
        if !self.keyword.is_empty() {
            condition.push_str(&format!(" AND (id = ? OR {})", engine.begins("name")));
            args.push(Arg::Int(self.keyword.parse().unwrap_or(-1)));
            args.extend(beginning(&self.keyword));
        }
        for (column, value) in [("status", self.status), ("kind", self.kind)] {
            if let Some(value) = value {
                condition.push_str(&format!(" AND {column} = ?"));
                args.push(Arg::Int(value));
            }
        }
        for (column, item) in [("grps", &self.group), ("tags", &self.tag), ("models", &self.model)] {
            if !item.is_empty() {
                condition.push_str(&format!(" AND {}", engine.listed(column)));
                args.push(Arg::Text(format!(",{item},")));
            }
        }
        // They are numbers, not text that a caller wrote: they need no parameter each.
        let list = |ids: &[i64]| ids.iter().map(i64::to_string).collect::<Vec<_>>().join(", ");
        match self.ids.as_deref() {
            None => {}
            Some([]) => condition.push_str(" AND 1 = 0"),
            Some(ids) => condition.push_str(&format!(" AND id IN ({})", list(ids))),
        }
        if !self.except.is_empty() {
            condition.push_str(&format!(" AND id NOT IN ({})", list(&self.except)));
        }
        if self.test_failed {
            // A test that was passed has taken a millisecond at least.
            condition.push_str(" AND status = 1 AND test_time > 0 AND response_time = 0");
        }
        (condition, args)
    }
}

impl Store {
    /// How many channels there are of each status, type, group and tag.
    pub async fn channel_facets(&self) -> Result<ChannelFacets> {
        self.list(|inner| async move {
            let mut facets = ChannelFacets::default();
            for row in inner.db.fetch("SELECT status, kind, grps, tags FROM magic_channels", vec![]).await? {
                *facets.statuses.entry(row.int(0)?).or_default() += 1;
                *facets.kinds.entry(row.int(1)?).or_default() += 1;
                for (column, counts) in [(2, &mut facets.groups), (3, &mut facets.tags)] {
                    for name in split_list(&row.text(column)?) {
                        *counts.entry(name).or_default() += 1;
                    }
                }
            }
            Ok(facets)
        })
        .await
    }
}

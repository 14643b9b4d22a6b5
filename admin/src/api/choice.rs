//! Which channels a list or a change of many is of, and what they can be chosen by.

use crate::Deps;
use crate::answer::{Answer, ok};
use crate::error::{Result, invalid};
use crate::extract::{number, page_of};
use crate::guard::{Admin, Caller};
use actix_web::web;
use magic_store::choice::ChannelFilter;
use magic_store::users::Page;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::{IntoParams, ToSchema};

/// Which channels.
#[derive(Default, Deserialize, IntoParams, ToSchema)]
#[serde(default)]
pub struct ChannelChoice {
    /// An id, or what the name begins with.
    pub keyword: Option<String>,
    /// 1 enabled, 2 disabled by a person, 3 disabled by the gateway.
    #[serde(deserialize_with = "number")]
    pub status: Option<i64>,
    /// The number of a type.
    #[serde(deserialize_with = "number")]
    pub r#type: Option<i64>,
    pub group: Option<String>,
    pub tag: Option<String>,
    /// One that they offer.
    pub model: Option<String>,
    /// `resting`: those alone that are enabled and set aside after failures, on this node; `test_failed`: those alone
    /// that are enabled and whose last test failed.
    pub health: Option<String>,
}

impl ChannelChoice {
    pub(super) fn store(self, deps: &Deps) -> Result<ChannelFilter> {
        let ids = match self.health.as_deref() {
            None | Some("") => None,
            Some("resting") => Some(deps.live.resting().into_iter().map(|id| id.0).collect()),
            Some("test_failed") => None,
            Some(_) => return Err(invalid("health must be resting or test_failed")),
        };
        Ok(ChannelFilter {
            keyword: self.keyword.unwrap_or_default(),
            status: self.status,
            kind: self.r#type,
            group: self.group.unwrap_or_default(),
            tag: self.tag.unwrap_or_default(),
            model: self.model.unwrap_or_default(),
            ids,
            test_failed: self.health.as_deref() == Some("test_failed"),
            ..ChannelFilter::default()
        })
    }
}

/// A page of channels.
#[derive(Default, Deserialize, IntoParams)]
#[serde(default)]
pub struct ChannelQuery {
    /// The page, from 0.
    #[serde(deserialize_with = "number")]
    p: Option<i64>,
    /// Rows of a page: 10 unless given (100 with a keyword), 100 at most.
    #[serde(deserialize_with = "number")]
    page_size: Option<i64>,
    /// `name`, `priority`, `response_time`, `used` or `balance`; else the newest come first.
    order: Option<String>,
    #[serde(flatten)]
    #[param(inline)]
    pub(super) filter: ChannelChoice,
}

impl ChannelQuery {
    pub(super) fn page(&self) -> Page {
        let searched = self.filter.keyword.as_ref().is_some_and(|keyword| !keyword.is_empty());
        let size = self.page_size.or(searched.then_some(100));
        Page { order: self.order.clone().unwrap_or_default(), ..page_of(self.p, size) }
    }
}

/// How many channels have a value.
#[derive(Serialize, ToSchema)]
pub struct FacetCount {
    value: String,
    count: i64,
}

#[derive(Serialize, ToSchema)]
pub struct Facets {
    total: i64,
    /// Enabled, and set aside after failures on this node.
    resting: usize,
    status: Vec<FacetCount>,
    r#type: Vec<FacetCount>,
    group: Vec<FacetCount>,
    tag: Vec<FacetCount>,
}

/// Values of a facet that are told; those that most have.
const FACET_MAX: usize = 50;

fn counted<K: ToString>(counts: BTreeMap<K, i64>) -> Vec<FacetCount> {
    let mut all: Vec<FacetCount> =
        counts.into_iter().map(|(value, count)| FacetCount { value: value.to_string(), count }).collect();
    all.sort_by_key(|facet| std::cmp::Reverse(facet.count));
    all.truncate(FACET_MAX);
    all
}

/// The values that channels can be chosen by, with how many have each.
pub async fn facets(_caller: Caller<Admin>, deps: web::Data<Deps>) -> Result<Answer<Facets>> {
    let facets = deps.store.channel_facets().await?;
    Ok(ok(Facets {
        total: facets.statuses.values().sum(),
        resting: deps.live.resting().len(),
        status: counted(facets.statuses),
        r#type: counted(facets.kinds),
        group: counted(facets.groups),
        tag: counted(facets.tags),
    }))
}

//! one-api's table of abilities: which channel is asked for a model of a group. It is made from the channels, and may
//! have fallen behind them, or been changed by hand (oneapi.md §1.1). Here the channels alone decide; what was
//! otherwise there is a finding.

use super::Run;
use super::source::{I, T};
use crate::error::Result;
use crate::split_list;
use std::collections::{BTreeMap, BTreeSet};

/// Examples that a finding names.
const EXAMPLES: usize = 5;

/// A model of a group.
type Route = (String, String);

/// A channel, and what its own columns say.
pub(super) struct Offer {
    pub name: String,
    pub models: Vec<String>,
    pub groups: Vec<String>,
    pub priority: i64,
}

fn listed(texts: impl ExactSizeIterator<Item = String>) -> String {
    let more = texts.len().saturating_sub(EXAMPLES);
    let shown = texts.take(EXAMPLES).collect::<Vec<_>>().join(", ");
    if more == 0 { shown } else { format!("{shown} and {more} more") }
}

impl Run {
    /// Compares the table with the channels.
    pub(super) async fn abilities(&mut self) -> Result<()> {
        if !self.source.has("abilities").await? {
            return Ok(());
        }
        let wanted = [("channel_id", I), ("group", T), ("model", T), ("enabled", I), ("priority", I)];
        let mut all: BTreeMap<i64, BTreeMap<Route, (bool, i64)>> = BTreeMap::new();
        for old in self.source.all("abilities", &wanted).await? {
            let route = (old.text("group"), old.text("model"));
            let state = (old.int("enabled") != 0, old.int("priority"));
            all.entry(old.int("channel_id")).or_default().insert(route, state);
        }
        let wanted = [("id", I), ("name", T), ("models", T), ("group", T), ("status", I), ("priority", I)];
        for old in self.source.all("channels", &wanted).await? {
            let id = old.int("id");
            let there = all.remove(&id).unwrap_or_default();
            let offer = Offer {
                name: old.text("name"),
                models: split_list(&old.text("models")),
                groups: split_list(&old.text("group")),
                priority: old.int("priority"),
            };
            // one-api switches all abilities of a channel with the channel.
            for what in differences(&offer, old.int("status") == 1, &there) {
                self.find("channel", id, &offer.name, what);
            }
        }
        if !all.is_empty() {
            let gone = listed(all.keys().map(i64::to_string));
            self.find("ability", 0, "", format!("channels that are gone had abilities: {gone}"));
        }
        Ok(())
    }
}

fn differences(offer: &Offer, on: bool, there: &BTreeMap<Route, (bool, i64)>) -> Vec<String> {
    let own: BTreeSet<Route> = offer
        .groups
        .iter()
        .flat_map(|group| offer.models.iter().map(move |model| (group.clone(), model.clone())))
        .collect();
    let mut found = Vec::new();
    let mut note = |routes: BTreeSet<&Route>, what: &str| {
        if !routes.is_empty() {
            let routes = routes.into_iter().map(|(group, model)| format!("{model} of group {group}"));
            found.push(format!("{what}: {}", listed(routes)));
        }
    };
    let both = || there.iter().filter(|(route, _)| own.contains(*route));
    note(
        there.keys().filter(|route| !own.contains(*route)).collect(),
        "abilities that its models and groups don't name were not taken over",
    );
    note(
        own.iter().filter(|route| !there.contains_key(*route)).collect(),
        "one-api had no ability of what it names, and here it is asked for it",
    );
    if on {
        note(
            both().filter(|(_, (enabled, _))| !enabled).map(|(route, _)| route).collect(),
            "abilities were switched off one by one, and are on here",
        );
    }
    note(
        both().filter(|(_, (_, priority))| *priority != offer.priority).map(|(route, _)| route).collect(),
        &format!("abilities had other priorities than the channel's {}, which holds here", offer.priority),
    );
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offer() -> Offer {
        let list = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Offer {
            name: "main".into(),
            models: list(&["a", "b"]),
            groups: list(&["default", "vip"]),
            priority: 3,
        }
    }

    fn route(group: &str, model: &str) -> Route {
        (group.to_owned(), model.to_owned())
    }

    fn whole() -> BTreeMap<Route, (bool, i64)> {
        ["default", "vip"].iter().flat_map(|g| ["a", "b"].map(|m| (route(g, m), (true, 3)))).collect()
    }

    #[test]
    fn a_table_that_fits_is_no_finding() {
        assert_eq!(differences(&offer(), true, &whole()), Vec::<String>::new());
    }

    #[test]
    fn every_difference_is_told_once() {
        let mut there = whole();
        there.remove(&route("vip", "b"));
        there.insert(route("default", "gone"), (true, 3));
        there.insert(route("vip", "a"), (false, 9));
        let found = differences(&offer(), true, &there);
        assert_eq!(found.len(), 4, "{found:?}");
        for (what, example) in [
            ("don't name", "gone of group default"),
            ("had no ability", "b of group vip"),
            ("switched off", "a of group vip"),
            ("other priorities than the channel's 3", "a of group vip"),
        ] {
            assert!(found.iter().any(|text| text.contains(what) && text.ends_with(example)), "{found:?}");
        }
        let off = differences(&offer(), false, &there);
        assert_eq!(off.len(), 3, "a channel that is off has none that is on: {off:?}");
    }

    #[test]
    fn many_are_counted() {
        let mut there = whole();
        there.extend((0..9).map(|number| (route("default", &format!("m{number}")), (true, 3))));
        assert!(differences(&offer(), true, &there)[0].ends_with("m4 of group default and 4 more"));
    }
}

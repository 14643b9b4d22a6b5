//! Selection: `(table, health, request, draw) → ordered candidates`, and a reason for every refused one.

use crate::channel::{Channel, ChannelStatus};
use crate::feature::Feature;
use crate::health::Verdict;
use crate::ids::ChannelId;
use crate::table::Table;
use std::sync::Arc;

/// Why a channel that offers the model was left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    Disabled,
    AutoDisabled,
    Ejected {
        for_ms: u64,
        reason: Option<&'static str>,
    },
    /// Another call is finding out whether it works again.
    Probing,
    /// Its own limit on requests, tokens or calls in flight is reached.
    Full,
    /// Its type can't do what is asked.
    Incapable,
    /// The request needs what the channel has been found unable to do.
    Lacks(Feature),
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Refusal::Disabled => f.write_str("disabled by an administrator"),
            Refusal::AutoDisabled => f.write_str("disabled automatically"),
            Refusal::Ejected { for_ms, reason } => {
                let seconds = for_ms.div_ceil(1000);
                write!(f, "resting for another {seconds} s ({})", reason.unwrap_or("failures"))
            }
            Refusal::Probing => f.write_str("being tried again after failures"),
            Refusal::Full => f.write_str("its limit is reached"),
            Refusal::Incapable => f.write_str("its type can't serve this endpoint"),
            Refusal::Lacks(feature) => {
                write!(f, "has failed the conformance check for {}", feature.name())
            }
        }
    }
}

/// What selection asks about a channel; answered from memory.
pub trait Live {
    fn verdict(&self, channel: &Channel) -> (Verdict, Option<&'static str>);
    fn full(&self, channel: &Channel) -> bool;
    fn capable(&self, channel: &Channel) -> bool;
    /// The first thing the request needs that the channel has been found unable to do.
    fn lacks(&self, channel: &Channel) -> Option<Feature>;
}

/// The outcome: channels to try in order, and the others with a reason each.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    pub candidates: Vec<Arc<Channel>>,
    pub refused: Vec<(Arc<Channel>, Refusal)>,
}

impl Selection {
    pub fn ids(&self) -> Vec<ChannelId> {
        self.candidates.iter().map(|channel| channel.id).collect()
    }
}

/// Orders the channels that can serve `model` for `group`: highest priority first, a weighted draw within a
/// priority. `draw` is any random number; equal inputs give equal answers.
///
/// When *every* enabled and capable channel is ejected, the ejected ones are candidates after all, soonest
/// back first ("panic" mode): a try that may fail beats a certain refusal. Channels limited by their own
/// settings stay refused.
pub fn select(table: &Table, live: &impl Live, group: &str, model: &str, draw: u64) -> Selection {
    let mut selection = Selection::default();
    let mut resting: Vec<(u64, Arc<Channel>)> = Vec::new();
    let mut rng = Draws(draw);
    let offers = table.offers(group, model);
    let mut start = 0;
    while start < offers.len() {
        let priority = offers[start].priority;
        let end = start + offers[start..].iter().take_while(|channel| channel.priority == priority).count();
        let mut level: Vec<Arc<Channel>> = Vec::with_capacity(end - start);
        for channel in &offers[start..end] {
            match judge(channel, live) {
                None => level.push(channel.clone()),
                Some(refusal) => {
                    if let Refusal::Ejected { for_ms, .. } = refusal {
                        resting.push((for_ms, channel.clone()));
                    }
                    selection.refused.push((channel.clone(), refusal));
                }
            }
        }
        draw_order(&mut level, &mut rng, &mut selection.candidates);
        start = end;
    }
    if selection.candidates.is_empty() && !resting.is_empty() {
        resting.sort_by_key(|(for_ms, channel)| (*for_ms, channel.id));
        selection.candidates = resting.into_iter().map(|(_, channel)| channel).collect();
        selection.refused.retain(|(channel, _)| !selection.candidates.iter().any(|c| c.id == channel.id));
    }
    selection
}

/// The refusal of a single channel, or `None` when it can be tried.
pub fn judge(channel: &Channel, live: &impl Live) -> Option<Refusal> {
    match channel.status {
        ChannelStatus::Disabled => return Some(Refusal::Disabled),
        ChannelStatus::AutoDisabled => return Some(Refusal::AutoDisabled),
        ChannelStatus::Enabled => {}
    }
    if !live.capable(channel) {
        return Some(Refusal::Incapable);
    }
    if let Some(feature) = live.lacks(channel) {
        return Some(Refusal::Lacks(feature));
    }
    if live.full(channel) {
        return Some(Refusal::Full);
    }
    match live.verdict(channel) {
        (Verdict::Ready | Verdict::Probe, _) => None,
        (Verdict::Probing, _) => Some(Refusal::Probing),
        (Verdict::Ejected { for_ms }, reason) => Some(Refusal::Ejected { for_ms, reason }),
    }
}

/// Moves `level` to `out` in a random order in which each channel's chance to come next is its weight.
fn draw_order(level: &mut Vec<Arc<Channel>>, rng: &mut Draws, out: &mut Vec<Arc<Channel>>) {
    while level.len() > 1 {
        let total: u64 = level.iter().map(|channel| weight(channel)).sum();
        let mut at = rng.below(total);
        let mut chosen = level.len() - 1;
        for (index, channel) in level.iter().enumerate() {
            match at.checked_sub(weight(channel)) {
                Some(rest) => at = rest,
                None => {
                    chosen = index;
                    break;
                }
            }
        }
        out.push(level.remove(chosen));
    }
    out.append(level);
}

fn weight(channel: &Channel) -> u64 {
    u64::from(channel.weight.max(1))
}

/// SplitMix64: enough chance for sharing load, and the same on every machine.
struct Draws(u64);

impl Draws {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^= z >> 31;
        ((u128::from(z) * u128::from(bound.max(1))) >> 64) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::channel::sample;
    use std::collections::{BTreeMap, HashMap};

    #[derive(Default)]
    struct Fixed {
        verdicts: HashMap<i64, Verdict>,
        full: Vec<i64>,
        incapable: Vec<i64>,
        lacking: Vec<i64>,
    }
    impl Live for Fixed {
        fn verdict(&self, channel: &Channel) -> (Verdict, Option<&'static str>) {
            (self.verdicts.get(&channel.id.0).copied().unwrap_or(Verdict::Ready), None)
        }
        fn full(&self, channel: &Channel) -> bool {
            self.full.contains(&channel.id.0)
        }
        fn capable(&self, channel: &Channel) -> bool {
            !self.incapable.contains(&channel.id.0)
        }
        fn lacks(&self, channel: &Channel) -> Option<Feature> {
            self.lacking.contains(&channel.id.0).then_some(Feature::Tools)
        }
    }

    fn table(channels: Vec<Channel>) -> Table {
        Table::build(1, channels, BTreeMap::new(), Arc::default(), Arc::default())
    }

    fn ids(selection: &Selection) -> Vec<i64> {
        selection.ids().iter().map(|id| id.0).collect()
    }

    #[test]
    fn priority_comes_before_weight() {
        let (mut a, mut b) = (sample(1), sample(2));
        a.weight = 1_000;
        b.priority = 1;
        let table = table(vec![a, b]);
        for draw in 0..50 {
            assert_eq!(ids(&select(&table, &Fixed::default(), "default", "gpt-4o", draw)), [2, 1]);
        }
    }

    #[test]
    fn weights_share_the_load() {
        let (mut a, mut b) = (sample(1), sample(2));
        a.weight = 3;
        b.weight = 1;
        let table = table(vec![a, b]);
        let first = (0..10_000u64)
            .filter(|draw| ids(&select(&table, &Fixed::default(), "default", "gpt-4o", *draw))[0] == 1)
            .count();
        assert!((7_300..7_700).contains(&first), "{first}");
    }

    #[test]
    fn equal_inputs_give_equal_answers() {
        let table = table((1..9).map(sample).collect());
        let once = ids(&select(&table, &Fixed::default(), "default", "gpt-4o", 42));
        assert_eq!(once, ids(&select(&table, &Fixed::default(), "default", "gpt-4o", 42)));
        assert_ne!(once, ids(&select(&table, &Fixed::default(), "default", "gpt-4o", 43)));
    }

    #[test]
    fn every_refused_channel_has_its_reason() {
        let mut channels: Vec<Channel> = (1..7).map(sample).collect();
        channels[0].status = ChannelStatus::Disabled;
        channels[1].status = ChannelStatus::AutoDisabled;
        let live = Fixed {
            verdicts: HashMap::from([(3, Verdict::Ejected { for_ms: 1500 }), (4, Verdict::Probing)]),
            full: vec![5],
            ..Fixed::default()
        };
        let selection = select(&table(channels), &live, "default", "gpt-4o", 0);
        assert_eq!(ids(&selection), [6]);
        let reasons: Vec<Refusal> = selection.refused.into_iter().map(|(_, refusal)| refusal).collect();
        assert_eq!(
            reasons,
            [
                Refusal::Disabled,
                Refusal::AutoDisabled,
                Refusal::Ejected { for_ms: 1500, reason: None },
                Refusal::Probing,
                Refusal::Full
            ]
        );
    }

    #[test]
    fn the_last_channels_are_never_ejected() {
        let live = Fixed {
            verdicts: HashMap::from([
                (1, Verdict::Ejected { for_ms: 9000 }),
                (2, Verdict::Ejected { for_ms: 100 }),
            ]),
            ..Fixed::default()
        };
        let selection = select(&table(vec![sample(1), sample(2)]), &live, "default", "gpt-4o", 0);
        assert_eq!(ids(&selection), [2, 1]);
        assert!(selection.refused.is_empty());
    }

    #[test]
    fn full_and_incapable_channels_stay_refused() {
        let live = Fixed { full: vec![1], incapable: vec![2], ..Fixed::default() };
        let selection = select(&table(vec![sample(1), sample(2)]), &live, "default", "gpt-4o", 0);
        assert!(selection.candidates.is_empty());
        assert_eq!(selection.refused.len(), 2);
    }

    #[test]
    fn what_was_found_not_to_work_is_not_tried_even_as_the_last_resort() {
        let live = Fixed {
            verdicts: HashMap::from([
                (1, Verdict::Ejected { for_ms: 9 }),
                (2, Verdict::Ejected { for_ms: 9 }),
            ]),
            lacking: vec![1],
            ..Fixed::default()
        };
        let selection = select(&table(vec![sample(1), sample(2)]), &live, "default", "gpt-4o", 0);
        assert_eq!(ids(&selection), [2]);
        assert_eq!(selection.refused[0].1, Refusal::Lacks(Feature::Tools));
        assert_eq!(selection.refused[0].1.to_string(), "has failed the conformance check for tools");
    }
}

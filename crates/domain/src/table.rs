//! The routing table: one immutable snapshot of everything a request is decided by. It is built from the
//! database and swapped in whole; a request keeps the one it started with.

use crate::channel::{Channel, ChannelStatus};
use crate::feature::Features;
use crate::ids::ChannelId;
use crate::limits::{self, GroupLimits, Limits};
use crate::money::RATIO_ONE;
use crate::options::Options;
use crate::price::Catalogue;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// The snapshot. See the module's text.
#[derive(Debug, Default)]
pub struct Table {
    /// Rises with every build; shown in explanations.
    pub version: u64,
    channels: HashMap<ChannelId, Arc<Channel>>,
    /// group → model → channels, highest priority first, then by id. Channels a person or the gateway
    /// disabled are in it too: the explanation of a refusal names them.
    offers: HashMap<String, HashMap<String, Vec<Arc<Channel>>>>,
    models: BTreeSet<String>,
    lacks: Lacks,
    /// All of `lacks` together: most tables have none, and most requests need none of it.
    lacked: Features,
    /// Group name → ratio in millionths.
    groups: BTreeMap<String, i64>,
    group_limits: BTreeMap<String, GroupLimits>,
    model_limits: BTreeMap<String, Limits>,
    pub catalogue: Arc<Catalogue>,
    pub options: Arc<Options>,
    pub hot: Hot,
}

/// What channels have been found unable to do, by the vendor's name of the model.
pub type Lacks = HashMap<ChannelId, HashMap<String, Features>>;

/// Options that every call asks for, read once per table.
#[derive(Debug, Clone, Copy, Default)]
pub struct Hot {
    pub retry_times: u32,
    /// Tokens reserved for an answer without a limit of its own.
    pub max_output: u64,
    /// Tokens reserved beside the prompt's.
    pub pre_consumed: u64,
    pub auto_disable: bool,
    /// What has to be counted is counted by its length.
    pub approximate_tokens: bool,
    /// So many bytes of a body are kept of tokens whose owners want it; 0: of nobody's.
    pub capture_bytes: usize,
}

impl Hot {
    fn of(options: &Options) -> Hot {
        let count = |key: &str| u64::try_from(options.int(key)).unwrap_or(0);
        Hot {
            retry_times: count("RetryTimes").min(16) as u32,
            max_output: count("DefaultMaxOutputTokens").max(1),
            pre_consumed: count("PreConsumedQuota"),
            auto_disable: options.bool("AutomaticDisableChannelEnabled"),
            approximate_tokens: options.bool("ApproximateTokenEnabled"),
            capture_bytes: match options.bool("BodyCaptureEnabled") {
                true => count("BodyCaptureMaxBytes") as usize,
                false => 0,
            },
        }
    }
}

impl Table {
    pub fn build(
        version: u64,
        channels: Vec<Channel>,
        groups: BTreeMap<String, i64>,
        catalogue: Arc<Catalogue>,
        options: Arc<Options>,
    ) -> Table {
        let hot = Hot::of(&options);
        // What is stored has been checked; what was put there by hand limits nothing.
        let group_limits = limits::groups(options.text("GroupLimits")).unwrap_or_default();
        let model_limits = limits::models(options.text("ModelLimits")).unwrap_or_default();
        let mut table = Table {
            version,
            groups,
            group_limits,
            model_limits,
            catalogue,
            options,
            hot,
            ..Table::default()
        };
        for channel in channels {
            let channel = Arc::new(channel);
            for group in &channel.groups {
                let models = table.offers.entry(group.clone()).or_default();
                for model in channel.offered() {
                    let offers = models.entry(model.to_owned()).or_default();
                    if !offers.iter().any(|other| other.id == channel.id) {
                        offers.push(channel.clone());
                    }
                }
            }
            table.models.extend(channel.offered().map(str::to_owned));
            table.channels.insert(channel.id, channel);
        }
        for models in table.offers.values_mut() {
            for offers in models.values_mut() {
                offers.sort_by_key(|channel| (std::cmp::Reverse(channel.priority), channel.id));
            }
        }
        table
    }

    /// Adds what conformance checks have found not to work.
    #[must_use]
    pub fn lacking(mut self, lacks: Lacks) -> Table {
        let sets = lacks.values().flat_map(HashMap::values);
        self.lacked = sets.fold(Features::default(), |all, set| all.either(*set));
        self.lacks = lacks;
        self
    }

    /// What a channel is known not to be able to do with a model, by the vendor's name of it.
    pub fn lacks(&self, id: ChannelId, upstream_model: &str) -> Features {
        self.lacks.get(&id).and_then(|models| models.get(upstream_model)).copied().unwrap_or_default()
    }

    /// What any channel is known not to be able to do: nothing else has to be looked for in a request.
    pub fn lacked(&self) -> Features {
        self.lacked
    }

    pub fn channel(&self, id: ChannelId) -> Option<&Arc<Channel>> {
        self.channels.get(&id)
    }

    pub fn channels(&self) -> impl Iterator<Item = &Arc<Channel>> {
        self.channels.values()
    }

    /// Every channel that offers `model` to `group`, in order of priority.
    pub fn offers(&self, group: &str, model: &str) -> &[Arc<Channel>] {
        self.offers.get(group).and_then(|models| models.get(model)).map_or(&[], Vec::as_slice)
    }

    /// Whether any channel offers the model to anybody.
    pub fn knows_model(&self, model: &str) -> bool {
        self.models.contains(model)
    }

    /// The models a group can use now, sorted.
    pub fn models_of(&self, group: &str) -> Vec<&str> {
        let mut names: Vec<&str> = self
            .offers
            .get(group)
            .into_iter()
            .flatten()
            .filter(|(_, channels)| channels.iter().any(|c| c.status == ChannelStatus::Enabled))
            .map(|(model, _)| model.as_str())
            .collect();
        names.sort_unstable();
        names
    }

    /// The group's ratio in millionths; a group nobody declared counts 1, as in one-api.
    pub fn ratio(&self, group: &str) -> i64 {
        self.groups.get(group).copied().unwrap_or(RATIO_ONE)
    }

    pub fn group_limits(&self) -> &BTreeMap<String, GroupLimits> {
        &self.group_limits
    }

    pub fn model_limits(&self) -> &BTreeMap<String, Limits> {
        &self.model_limits
    }

    pub fn groups(&self) -> impl Iterator<Item = (&str, i64)> {
        self.groups.iter().map(|(name, ratio)| (name.as_str(), *ratio))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::channel::sample;

    #[test]
    fn offers_are_ordered_by_priority_then_id() {
        let mut channels = vec![sample(1), sample(2), sample(3)];
        channels[1].priority = 5;
        let table = Table::build(1, channels, BTreeMap::new(), Arc::default(), Arc::default());
        let ids: Vec<i64> = table.offers("default", "gpt-4o").iter().map(|c| c.id.0).collect();
        assert_eq!(ids, [2, 1, 3]);
        assert!(table.offers("vip", "gpt-4o").is_empty());
        assert!(table.knows_model("gpt-4o") && !table.knows_model("gpt-5"));
    }

    #[test]
    fn models_of_disabled_channels_are_not_listed() {
        let mut channel = sample(1);
        channel.status = ChannelStatus::Disabled;
        let table = Table::build(1, vec![channel], BTreeMap::new(), Arc::default(), Arc::default());
        assert!(table.models_of("default").is_empty());
        assert_eq!(table.offers("default", "gpt-4o").len(), 1);
    }

    #[test]
    fn what_a_channel_lacks_is_known_by_model() {
        use crate::feature::Feature;
        let tools = Features::default().with(Feature::Tools);
        let table = Table::default()
            .lacking([(ChannelId(1), [("small".to_owned(), tools)].into_iter().collect())].into());
        assert_eq!(table.lacks(ChannelId(1), "small"), tools);
        assert!(table.lacks(ChannelId(1), "large").is_empty());
        assert!(table.lacks(ChannelId(2), "small").is_empty());
        assert_eq!(table.lacked(), tools);
    }

    #[test]
    fn a_group_listed_twice_offers_a_channel_once() {
        let mut channel = sample(1);
        channel.groups = vec!["default".into(), "default".into()];
        let table = Table::build(1, vec![channel], BTreeMap::new(), Arc::default(), Arc::default());
        assert_eq!(table.offers("default", "gpt-4o").len(), 1);
    }
}

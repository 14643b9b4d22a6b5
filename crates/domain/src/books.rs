//! The records that make billing crash-proof.
//!
//! Every billable call writes an [`Opening`] to the journal before the first byte reaches a vendor, a
//! [`Closing`] before the last byte of the answer leaves, and, in long streams, checkpoints between (a
//! closing as it would be if the process died now). [`Joiner`] puts them together again: what it yields is
//! posted to the ledger, live and after a crash alike.

use crate::endpoint::Endpoint;
use crate::ids::{ChannelId, RequestId, TokenId, UserId};
use crate::limits::Day;
use crate::money::Nano;
use crate::price::Rates;
use crate::usage::{Mark, Usage};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// A call admitted: who, what, and how much is held for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opening {
    pub id: RequestId,
    /// Unix milliseconds.
    pub at_ms: i64,
    pub user_id: UserId,
    pub username: String,
    pub token_id: TokenId,
    pub token_name: String,
    /// Whether the token has a quota of its own to be charged besides the user's balance.
    pub token_limited: bool,
    pub group: String,
    /// The group's ratio in millionths.
    pub ratio: i64,
    pub endpoint: Endpoint,
    /// The model as asked for.
    pub model: String,
    pub stream: bool,
    pub reserved: Nano,
    #[serde(default)]
    pub ip: String,
    /// The prompt it calls, `name@version`; empty: none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub prompt: String,
}

/// One try of a channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    pub channel_id: ChannelId,
    /// The vendor's status; 0 when there was no answer.
    pub status: u16,
    /// Milliseconds this try took.
    pub ms: u64,
    /// Why it was given up; empty for the one that answered.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub error: String,
}

/// Milliseconds since the request arrived; `None`: the point was not reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Timings {
    /// Until the first try began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub admitted: Option<u64>,
    /// Until the vendor of the answering try was connected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connected: Option<u64>,
    /// Until the first byte of the answer's body (TTFT).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_byte: Option<u64>,
    pub total: u64,
}

/// A call settled: what it used, what it costs, and how it went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Closing {
    pub id: RequestId,
    pub at_ms: i64,
    pub channel_id: Option<ChannelId>,
    /// The model as the vendor was asked for it: the name that is priced and logged, as in one-api.
    pub model: String,
    pub mark: Mark,
    pub usage: Usage,
    /// The rates the cost was computed with; with `usage` and the opening's ratio the bill can be recomputed.
    pub rates: Rates,
    pub price_version: i64,
    /// An administrator's call to a model without a price: cost 0, shown as such.
    #[serde(default)]
    pub unpriced: bool,
    pub cost: Nano,
    /// The status the caller got; 0 when they left before any.
    pub status: u16,
    /// Our error code, or why the answer ended early; empty when all went well.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub error: String,
    #[serde(default)]
    pub attempts: Vec<Attempt>,
    #[serde(default)]
    pub timings: Timings,
    #[serde(default)]
    pub system_prompt_reset: bool,
    /// Which of several keys of the channel answered; 0: it has but one.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub key_id: i64,
    /// The objects whose budgets the cost counts against, by name (`token:5`), and the calendar day it counts in.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub budgets: Vec<String>,
    #[serde(default, skip_serializing_if = "Day::is_none")]
    pub day: Day,
}

fn is_zero(number: &i64) -> bool {
    *number == 0
}

/// An entry of the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Record {
    Open(Opening),
    /// How the call would be settled if the process died now.
    Check(Closing),
    Close(Closing),
}

/// Bytes of a record that can't be read, or a record that can't be written.
#[derive(Debug, thiserror::Error)]
#[error("a record of the books: {0}")]
pub struct BadRecord(String);

impl Record {
    /// The bytes of a record: a letter for its kind, then its members by name in MessagePack, so that newer
    /// versions can add some.
    pub fn encode(&self) -> Result<Vec<u8>, BadRecord> {
        let mut bytes = Vec::with_capacity(512);
        let said = |error: rmp_serde::encode::Error| BadRecord(error.to_string());
        match self {
            Record::Open(opening) => {
                bytes.push(b'O');
                rmp_serde::encode::write_named(&mut bytes, opening).map_err(said)?;
            }
            Record::Check(closing) => {
                bytes.push(b'P');
                rmp_serde::encode::write_named(&mut bytes, closing).map_err(said)?;
            }
            Record::Close(closing) => {
                bytes.push(b'C');
                rmp_serde::encode::write_named(&mut bytes, closing).map_err(said)?;
            }
        }
        Ok(bytes)
    }

    /// Reads what [`Record::encode`] wrote.
    pub fn decode(bytes: &[u8]) -> Result<Record, BadRecord> {
        let said = |error: rmp_serde::decode::Error| BadRecord(error.to_string());
        match bytes.split_first() {
            Some((b'O', rest)) => rmp_serde::from_slice(rest).map(Record::Open).map_err(said),
            Some((b'P', rest)) => rmp_serde::from_slice(rest).map(Record::Check).map_err(said),
            Some((b'C', rest)) => rmp_serde::from_slice(rest).map(Record::Close).map_err(said),
            _ => Err(BadRecord("it is of no known kind".into())),
        }
    }

    pub fn id(&self) -> RequestId {
        match self {
            Record::Open(opening) => opening.id,
            Record::Check(closing) | Record::Close(closing) => closing.id,
        }
    }
}

/// A finished call, ready to be posted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settlement {
    pub opening: Opening,
    pub closing: Closing,
}

/// An account of the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Account {
    /// What a user can spend.
    Available(UserId),
    /// What calls through a channel were billed.
    Revenue(ChannelId),
    /// Balances taken over or set by hand.
    Adjustment,
    /// Gifts: new users, invitations, vouchers.
    Promo,
}

impl std::fmt::Display for Account {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Account::Available(user) => write!(f, "user:{user}:available"),
            Account::Revenue(channel) => write!(f, "revenue:{channel}"),
            Account::Adjustment => f.write_str("adjustment"),
            Account::Promo => f.write_str("promo"),
        }
    }
}

/// What a ledger event does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Phase {
    /// The reservation is over and the call is paid.
    Settle,
    /// The part of a cost above what was reserved.
    Overrun,
    /// The reservation is over and nothing is owed.
    Void,
}

impl Phase {
    pub const fn name(self) -> &'static str {
        match self {
            Phase::Settle => "settle",
            Phase::Overrun => "overrun",
            Phase::Void => "void",
        }
    }
}

/// A balanced set of entries under one idempotency key `(request id, phase)`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    pub phase: Phase,
    /// What the call held while it ran. The hold itself lived in the journal and in the node's lease; the
    /// ledger learns of it with its end.
    pub reserved: Nano,
    /// Positive: credited to the account. The sum is zero.
    pub entries: Vec<(Account, Nano)>,
}

impl Settlement {
    /// The ledger events of the call: settled or voided, then perhaps an overrun.
    pub fn events(&self) -> Vec<Event> {
        let held = self.opening.reserved;
        let available = Account::Available(self.opening.user_id);
        let revenue = Account::Revenue(self.closing.channel_id.unwrap_or_default());
        let moved = |amount: Nano| match amount.0 {
            0 => Vec::new(),
            _ => vec![(available, Nano::ZERO.minus(amount)), (revenue, amount)],
        };
        if self.closing.mark == Mark::Void {
            return vec![Event { phase: Phase::Void, reserved: held, entries: Vec::new() }];
        }
        let covered = self.closing.cost.min(held);
        let mut events = vec![Event { phase: Phase::Settle, reserved: held, entries: moved(covered) }];
        if self.closing.cost > held {
            let excess = self.closing.cost.minus(held);
            events.push(Event { phase: Phase::Overrun, reserved: Nano::ZERO, entries: moved(excess) });
        }
        events
    }
}
/// Joins openings with closings in the order of the journal.
#[derive(Debug, Default)]
pub struct Joiner {
    open: HashMap<RequestId, (Opening, Option<Closing>)>,
}

impl Joiner {
    /// Takes the next record; yields the settlement it completes. A second closing of the same call, or one
    /// without an opening, yields nothing: the call was settled before this journal was read.
    pub fn push(&mut self, record: Record) -> Option<Settlement> {
        match record {
            Record::Open(opening) => {
                self.open.insert(opening.id, (opening, None));
                None
            }
            Record::Check(closing) => {
                if let Some((_, check)) = self.open.get_mut(&closing.id) {
                    *check = Some(closing);
                }
                None
            }
            Record::Close(closing) => {
                let (opening, _) = self.open.remove(&closing.id)?;
                Some(Settlement { opening, closing })
            }
        }
    }

    /// Calls opened and not closed.
    pub fn open(&self) -> usize {
        self.open.len()
    }

    /// The end of a journal whose process is dead: every open call is settled from its last checkpoint, or
    /// voided when nothing had been delivered (reliability rule, "gateway crash").
    pub fn abandon(&mut self) -> Vec<Settlement> {
        let mut rest: Vec<_> = self.open.drain().map(|(_, pair)| pair).collect();
        rest.sort_by_key(|(opening, _)| opening.id);
        rest.into_iter()
            .map(|(opening, check)| {
                let closing = match check {
                    Some(check) => Closing { mark: Mark::Recovered, error: "gateway_crash".into(), ..check },
                    None => Closing {
                        id: opening.id,
                        at_ms: opening.at_ms,
                        channel_id: None,
                        model: opening.model.clone(),
                        mark: Mark::Void,
                        usage: Usage::default(),
                        rates: Rates::default(),
                        price_version: 0,
                        unpriced: false,
                        cost: Nano::ZERO,
                        status: 0,
                        error: "gateway_crash".into(),
                        attempts: vec![],
                        timings: Timings::default(),
                        system_prompt_reset: false,
                        key_id: 0,
                        budgets: vec![],
                        day: Default::default(),
                    },
                };
                Settlement { opening, closing }
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::usage::Bucket;
    use proptest::prelude::*;

    pub fn opening(id: u128, reserved: i64) -> Opening {
        Opening {
            id: RequestId(id),
            at_ms: 1,
            user_id: UserId(7),
            username: "u".into(),
            token_id: TokenId(3),
            token_name: "t".into(),
            token_limited: false,
            group: "default".into(),
            ratio: 1_000_000,
            endpoint: Endpoint::Chat,
            model: "m".into(),
            stream: true,
            reserved: Nano(reserved),
            ip: String::new(),
            prompt: String::new(),
        }
    }

    pub fn closing(id: u128, cost: i64, mark: Mark) -> Closing {
        Closing {
            id: RequestId(id),
            at_ms: 2,
            channel_id: Some(ChannelId(5)),
            model: "m".into(),
            mark,
            usage: Usage::default().with(Bucket::Output, 3),
            rates: Rates::default(),
            price_version: 1,
            unpriced: false,
            cost: Nano(cost),
            status: 200,
            error: String::new(),
            attempts: vec![],
            timings: Timings::default(),
            system_prompt_reset: false,
            key_id: 0,
            budgets: vec![],
            day: Default::default(),
        }
    }

    #[test]
    fn records_survive_bytes() {
        for record in [
            Record::Open(opening(1, 5)),
            Record::Check(closing(1, 2, Mark::EstimatedPartial)),
            Record::Close(closing(1, 3, Mark::Reported)),
        ] {
            assert_eq!(Record::decode(&record.encode().unwrap()).unwrap(), record);
        }
    }

    #[test]
    fn a_call_is_settled_once() {
        let mut joiner = Joiner::default();
        assert!(joiner.push(Record::Open(opening(1, 5))).is_none());
        assert!(joiner.push(Record::Close(closing(1, 3, Mark::Reported))).is_some());
        assert!(joiner.push(Record::Close(closing(1, 3, Mark::Reported))).is_none());
        assert!(joiner.abandon().is_empty());
    }

    #[test]
    fn a_crash_bills_what_the_last_checkpoint_says() {
        let mut joiner = Joiner::default();
        joiner.push(Record::Open(opening(1, 5)));
        joiner.push(Record::Open(opening(2, 5)));
        joiner.push(Record::Check(closing(2, 1, Mark::EstimatedPartial)));
        joiner.push(Record::Check(closing(2, 4, Mark::EstimatedPartial)));
        let rest = joiner.abandon();
        assert_eq!((rest[0].closing.mark, rest[0].closing.cost), (Mark::Void, Nano(0)));
        assert_eq!((rest[1].closing.mark, rest[1].closing.cost), (Mark::Recovered, Nano(4)));
    }

    #[test]
    fn an_excess_is_a_row_of_its_own() {
        let settlement = Settlement { opening: opening(1, 5), closing: closing(1, 9, Mark::Reported) };
        let phases: Vec<Phase> = settlement.events().iter().map(|event| event.phase).collect();
        assert_eq!(phases, [Phase::Settle, Phase::Overrun]);
    }

    proptest! {
        #[test]
        fn events_balance_and_charge_the_cost(held in 0i64..1 << 50, cost in 0i64..1 << 50, void in any::<bool>()) {
            let mark = if void { Mark::Void } else { Mark::Reported };
            let cost = if void { 0 } else { cost };
            let settlement = Settlement { opening: opening(1, held), closing: closing(1, cost, mark) };
            let events = settlement.events();
            let mut sums = HashMap::new();
            for event in &events {
                prop_assert_eq!(event.entries.iter().map(|(_, amount)| amount.0).sum::<i64>(), 0);
                for (account, amount) in &event.entries {
                    *sums.entry(*account).or_insert(0i64) += amount.0;
                }
            }
            prop_assert_eq!(sums.get(&Account::Available(UserId(7))).copied().unwrap_or(0), -cost);
            prop_assert_eq!(sums.get(&Account::Revenue(ChannelId(5))).copied().unwrap_or(0), cost);
        }
    }
}

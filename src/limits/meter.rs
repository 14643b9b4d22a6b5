//! What one object has used, and how a call is let in.

use super::calendar;
use super::company::Among;
use magic_domain::limits::{BudgetUse, Budgets, Day, Gauge, Limits, Scope, Standing, WindowUse};
use magic_domain::money::Nano;
use magic_domain::window::Window;
use parking_lot::{Mutex, MutexGuard};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, Ordering};

/// What one token, user, group, model or channel has used in this process.
#[derive(Debug, Default)]
pub struct Meter {
    in_flight: AtomicU32,
    state: Mutex<State>,
    /// Something has been counted that other nodes may not know yet.
    fresh: AtomicBool,
}

#[derive(Debug, Default)]
struct State {
    /// One for each window that a limit asks for: what there is no limit on is not counted.
    tracks: Vec<Track>,
    /// What calls in flight may still use.
    held_tokens: u64,
    held: Nano,
    /// What calls of this process have been billed.
    spent: Spent,
    /// Others may come with a slightly older clock; theirs counts as this one.
    newest_ms: u64,
}

#[derive(Debug)]
struct Track {
    seconds: u32,
    of: Unit,
    window: Window,
    /// What other nodes have counted.
    others: Option<Box<Window>>,
    /// What has been counted since the others were last told, and in the two rounds before that.
    untold: u64,
    before: [u64; 2],
}

impl Track {
    fn new(seconds: u32, of: Unit) -> Track {
        Track { seconds, of, window: Window::new(seconds), others: None, untold: 0, before: [0; 2] }
    }

    /// What counts here: the others' too, where they tell.
    fn used(&mut self, now_ms: u64, among: Among) -> u64 {
        let own = self.window.used(now_ms);
        let others = self.others.as_mut().filter(|_| among.shared && among.nodes > 1);
        own.saturating_add(others.map_or(0, |others| others.used(now_ms)))
    }

    /// Milliseconds until so much of it does not count any more.
    fn room_in(&mut self, count: u64, now_ms: u64, among: Among) -> u64 {
        let own = self.window.room_in(count, now_ms);
        let others = self.others.as_mut().filter(|_| among.shared && among.nodes > 1);
        others.map_or(own, |others| own.min(others.room_in(count, now_ms)))
    }

    fn add(&mut self, count: u64, now_ms: u64) {
        self.window.add(count, now_ms);
        self.untold = self.untold.saturating_add(count);
    }
}

/// What of a limit is left for this node now.
fn left(limit: u64, used: u64, fresh: u64, among: Among) -> u64 {
    let whole = limit.saturating_sub(used);
    match among {
        Among { nodes: 0 | 1, .. } => whole,
        // What the others may not know yet is within our part of what was left before it.
        Among { shared: true, .. } => {
            whole.min(among.part(whole.saturating_add(fresh)).saturating_sub(fresh))
        }
        Among { shared: false, .. } => among.part(limit).saturating_sub(used),
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    Requests,
    Tokens,
}

#[derive(Debug, Default, Clone, Copy)]
struct Spent {
    day: Day,
    today: Nano,
    this_month: Nano,
}

impl Spent {
    /// Goes on to a day. Whoever comes with yesterday's, at midnight, changes nothing.
    fn roll(&mut self, day: Day) {
        if day <= self.day {
            return;
        }
        if day.month() != self.day.month() {
            self.this_month = Nano::ZERO;
        }
        *self = Spent { day, today: Nano::ZERO, ..*self };
    }

    /// A call of yesterday that ends after a call of today counts for its own month alone.
    fn add(&mut self, cost: Nano, day: Day) {
        if day >= self.day {
            self.roll(day);
            self.today = self.today.plus(cost);
        }
        if day.month() == self.day.month() {
            self.this_month = self.this_month.plus(cost);
        }
    }
}

/// One call's wish to be let in.
#[derive(Debug, Clone, Copy, Default)]
pub struct Asking {
    /// A monotonic clock.
    pub now_ms: u64,
    /// Tokens the call may use, and money that is reserved for it.
    pub tokens: u64,
    pub money: Nano,
    /// The day; looked up only where there is a budget.
    pub day: Day,
}

/// An object that a call is counted against, with its limits.
#[derive(Debug)]
pub struct Seat<'a> {
    pub scope: Scope,
    pub meter: Arc<Meter>,
    pub limits: &'a Limits,
    /// What other processes, now and earlier, have spent of its budgets today and this month.
    pub elsewhere: (Nano, Nano),
    /// With how many nodes the limits are shared.
    pub among: Among,
}

/// A limit that is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reached {
    /// Which, of what: fit for the caller.
    pub what: String,
    /// Seconds after which it is worth trying again.
    pub retry_after: u64,
}

/// The caller's limits that are nearest to their end, for the headers of an answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Told {
    pub requests: Option<Gauge>,
    pub tokens: Option<Gauge>,
}

fn nearest(now: &mut Option<Gauge>, other: Option<Gauge>) {
    if let Some(other) = other
        && now.is_none_or(|now| other.remaining < now.remaining)
    {
        *now = Some(other);
    }
}

/// Of two reached limits the one to wait for.
fn longer(one: Option<Reached>, other: Option<Reached>) -> Option<Reached> {
    match (one, other) {
        (Some(one), Some(other)) => Some(if other.retry_after > one.retry_after { other } else { one }),
        (one, other) => one.or(other),
    }
}

fn seconds(ms: u64) -> u64 {
    ms.div_ceil(1000).max(1)
}

/// How a window is spoken of.
fn span(seconds: u32) -> String {
    match seconds {
        60 => "per minute".to_owned(),
        3600 => "per hour".to_owned(),
        86_400 => "in 24 hours".to_owned(),
        _ => format!("in {seconds} seconds"),
    }
}

impl State {
    /// Makes the tracks those that the limits ask for.
    fn fit(&mut self, limits: &Limits) {
        let wants = |seconds: u32, of: Unit| {
            limits.rules().any(|rule| {
                let limited = if of == Unit::Requests { rule.requests } else { rule.tokens };
                rule.seconds == seconds && limited.is_some()
            })
        };
        self.tracks.retain(|track| wants(track.seconds, track.of));
        for rule in limits.rules() {
            for (of, limit) in [(Unit::Requests, rule.requests), (Unit::Tokens, rule.tokens)] {
                if limit.is_some() && self.track(rule.seconds, of).is_none() {
                    self.tracks.push(Track::new(rule.seconds, of));
                }
            }
        }
    }

    fn track(&mut self, seconds: u32, of: Unit) -> Option<&mut Track> {
        self.tracks.iter_mut().find(|track| track.seconds == seconds && track.of == of)
    }

    fn gauge(&mut self, seconds: u32, of: Unit, limit: u64, now_ms: u64, among: Among) -> Gauge {
        let held = if of == Unit::Tokens { self.held_tokens } else { 0 };
        let (used, fresh, reset_ms) = self.track(seconds, of).map_or((0, 0, 0), |track| {
            let fresh = track.before.iter().fold(track.untold, |sum, told| sum.saturating_add(*told));
            (track.used(now_ms, among), fresh, track.window.empty_in(now_ms))
        });
        let used = used.saturating_add(held);
        let remaining = left(limit, used, fresh.saturating_add(held), among);
        Gauge { limit, used, remaining, reset_ms }
    }

    /// The limit that a call would break; of several the one that holds the longest, so that the wait is
    /// honest. Counts nothing. `in_flight` without the call.
    fn check(&mut self, seat: &Seat<'_>, in_flight: u32, asking: &Asking) -> Option<Reached> {
        let limits = seat.limits;
        let reached = |what: String, retry_after: u64| {
            let what = format!("{} has reached its limit of {what}", seat.scope.told());
            Some(Reached { what, retry_after })
        };
        let mut worst = None;
        let part = |max: u32| seat.among.part(u64::from(max));
        if let Some(max) = limits.concurrency.filter(|max| u64::from(in_flight) >= part(*max)) {
            worst = reached(format!("{max} calls in flight"), 1);
        }
        for rule in limits.rules() {
            for (of, limit, unit) in
                [(Unit::Requests, rule.requests, "requests"), (Unit::Tokens, rule.tokens, "tokens")]
            {
                let Some(limit) = limit else { continue };
                if self.gauge(rule.seconds, of, limit, asking.now_ms, seat.among).remaining > 0 {
                    continue;
                }
                let (now_ms, among) = (asking.now_ms, seat.among);
                let bound = if among.shared { limit } else { among.part(limit) };
                let wait = self.track(rule.seconds, of).map_or(0, |track| {
                    let used = track.used(now_ms, among);
                    // Where calls in flight hold the rest, the end of one makes room; where other nodes have to know
                    // first, that is a matter of a moment.
                    if used < bound { 0 } else { track.room_in(used - bound + 1, now_ms, among) }
                });
                let wait = if limit == 0 { u64::from(rule.seconds) * 1000 } else { wait };
                worst =
                    longer(worst, reached(format!("{limit} {unit} {}", span(rule.seconds)), seconds(wait)));
            }
        }
        longer(worst, self.check_budgets(seat, asking))
    }

    fn check_budgets(&mut self, seat: &Seat<'_>, asking: &Asking) -> Option<Reached> {
        let Budgets { day, month } = seat.limits.budgets;
        if day.is_none() && month.is_none() {
            return None;
        }
        let mut worst = None;
        self.spent.roll(asking.day);
        let (today, this_month) =
            (self.spent.today.plus(seat.elsewhere.0), self.spent.this_month.plus(seat.elsewhere.1));
        for (limit, used, period) in [(day, today, "day"), (month, this_month, "month")] {
            let Some(limit) = limit else { continue };
            let wanted = used.plus(self.held).plus(asking.money);
            if wanted <= limit && used < limit {
                continue;
            }
            let full = used.plus(asking.money) > limit || used >= limit;
            let (tomorrow, next_month) = calendar::ends(asking.day);
            let reset = if period == "day" { tomorrow } else { next_month };
            let wait = reset.saturating_sub(crate::clock::seconds());
            let reached = Reached {
                what: format!(
                    "{} has a budget of ${} for the {period}: ${} are spent, ${} reserved by calls in flight, and this call reserves up to ${}",
                    seat.scope.told(),
                    limit.usd(),
                    used.usd(),
                    self.held.usd(),
                    asking.money.usd()
                ),
                retry_after: if full { u64::try_from(wait).unwrap_or(1).max(1) } else { 1 },
            };
            worst = longer(worst, Some(reached));
        }
        worst
    }

    /// Counts a call that has been checked; the tokens it holds.
    fn count(&mut self, seat: &Seat<'_>, asking: &Asking, told: &mut Told) -> u64 {
        let (limits, among) = (seat.limits, seat.among);
        let now_ms = asking.now_ms;
        for track in self.tracks.iter_mut().filter(|track| track.of == Unit::Requests) {
            track.add(1, now_ms);
        }
        // In full, though there may be less room: after this call there is none, so that only one ever goes over.
        let tokens = if limits.rules().any(|rule| rule.tokens.is_some()) { asking.tokens } else { 0 };
        self.held_tokens = self.held_tokens.saturating_add(tokens);
        if !limits.budgets.is_none() {
            self.held = self.held.plus(asking.money);
        }
        for rule in limits.rules() {
            let mut gauge = |of, limit: Option<u64>| {
                limit.map(|limit| self.gauge(rule.seconds, of, limit, now_ms, among))
            };
            let (requests, tokens) = (gauge(Unit::Requests, rule.requests), gauge(Unit::Tokens, rule.tokens));
            nearest(&mut told.requests, requests);
            nearest(&mut told.tokens, tokens);
        }
        tokens
    }
}

/// Lets a call in at all of its seats, or at none. The seats are in the order of [`Scope`], as everybody's, so
/// that nobody waits for each other.
pub fn admit(seats: &[Seat<'_>], asking: &Asking) -> Result<(Vec<Place>, Told), Reached> {
    let mut states: Vec<MutexGuard<'_, State>> = seats.iter().map(|seat| seat.meter.state.lock()).collect();
    let newest = states.iter().map(|state| state.newest_ms).fold(asking.now_ms, u64::max);
    let asking = Asking { now_ms: newest, ..*asking };
    let mut worst = None;
    for (state, seat) in states.iter_mut().zip(seats) {
        state.newest_ms = newest;
        state.fit(seat.limits);
        // Under the lock nobody else comes in; calls that end meanwhile only make room.
        let in_flight = seat.meter.in_flight.load(Ordering::Acquire);
        worst = longer(worst, state.check(seat, in_flight, &asking));
    }
    if let Some(worst) = worst {
        return Err(worst);
    }
    let mut told = Told::default();
    let mut places = Vec::with_capacity(seats.len());
    for (state, seat) in states.iter_mut().zip(seats) {
        let tokens = state.count(seat, &asking, &mut told);
        if seat.among.nodes > 1 {
            seat.meter.fresh.store(true, Ordering::Relaxed);
        }
        seat.meter.in_flight.fetch_add(1, Ordering::AcqRel);
        places.push(Place {
            meter: seat.meter.clone(),
            at_ms: newest,
            tokens,
            money: if seat.limits.budgets.is_none() { Nano::ZERO } else { asking.money },
            step: AtomicU8::new(COUNTED),
        });
    }
    Ok((places, told))
}

impl Meter {
    /// Lets a call in that no limit holds back: it is only counted among those in flight.
    pub fn pass(self: &Arc<Self>) -> Place {
        self.in_flight.fetch_add(1, Ordering::AcqRel);
        Place { meter: self.clone(), at_ms: 0, tokens: 0, money: Nano::ZERO, step: AtomicU8::new(PASSES) }
    }

    /// Whether a call would break a limit now; counts nothing.
    pub fn full(seat: &Seat<'_>, asking: &Asking) -> bool {
        if seat.limits.is_none() {
            return false;
        }
        let mut state = seat.meter.state.lock();
        let asking = Asking { now_ms: asking.now_ms.max(state.newest_ms), ..*asking };
        state.check(seat, seat.meter.in_flight.load(Ordering::Acquire), &asking).is_some()
    }

    /// What is used now, of the limits there are.
    pub fn standing(seat: &Seat<'_>, now_ms: u64, day: Day) -> Standing {
        let limits = seat.limits;
        let mut state = seat.meter.state.lock();
        let now_ms = now_ms.max(state.newest_ms);
        let windows = limits.rules().map(|rule| {
            let mut gauge = |of, limit: Option<u64>| {
                limit.map(|limit| state.gauge(rule.seconds, of, limit, now_ms, seat.among))
            };
            WindowUse {
                seconds: rule.seconds,
                requests: gauge(Unit::Requests, rule.requests),
                tokens: gauge(Unit::Tokens, rule.tokens),
            }
        });
        let windows = windows.collect();
        state.spent.roll(day);
        let (tomorrow, next_month) = calendar::ends(day);
        let all = [
            ("day", limits.budgets.day, state.spent.today.plus(seat.elsewhere.0), tomorrow),
            ("month", limits.budgets.month, state.spent.this_month.plus(seat.elsewhere.1), next_month),
        ];
        let budgets = all.into_iter().filter_map(|(period, limit, used, resets_at)| {
            Some(BudgetUse { period, limit: limit?, used, reserved: state.held, resets_at })
        });
        let budgets = budgets.collect();
        Standing { in_flight: seat.meter.in_flight.load(Ordering::Acquire), windows, budgets }
    }

    /// Whether something has been counted that other nodes may not know yet.
    pub fn has_fresh(&self) -> bool {
        self.fresh.load(Ordering::Relaxed)
    }

    /// What has been counted since this was last asked: the window's seconds, whether of tokens, how many.
    pub fn tell(&self) -> Vec<(u32, bool, u64)> {
        let mut state = self.state.lock();
        let (mut told, mut fresh) = (Vec::new(), false);
        for track in &mut state.tracks {
            let now = std::mem::take(&mut track.untold);
            track.before = [now, track.before[0]];
            fresh |= track.before != [0; 2];
            if now > 0 {
                told.push((track.seconds, track.of == Unit::Tokens, now));
            }
        }
        // Twice more, so that what was told now is forgotten then.
        self.fresh.store(fresh, Ordering::Relaxed);
        told
    }

    /// Takes over what another node has counted. A window that no limit asks for is not kept.
    pub fn hear(&self, limits: &Limits, (seconds, tokens, count): (u32, bool, u64), now_ms: u64) {
        let of = if tokens { Unit::Tokens } else { Unit::Requests };
        let mut state = self.state.lock();
        state.fit(limits);
        let now_ms = now_ms.max(state.newest_ms);
        if let Some(track) = state.track(seconds, of) {
            track.others.get_or_insert_with(|| Box::new(Window::new(seconds))).add(count, now_ms);
        }
    }

    /// Whether it remembers nothing that matters.
    pub(super) fn idle(&self, now_ms: u64, day: Day) -> bool {
        let mut state = self.state.lock();
        state.spent.roll(day);
        self.in_flight.load(Ordering::Acquire) == 0
            && state.spent.this_month == Nano::ZERO
            && state.tracks.iter_mut().all(|track| track.used(now_ms, Among { nodes: 2, shared: true }) == 0)
    }
}

/// Counted, but the call may still come to nothing.
const COUNTED: u8 = 0;
/// The call runs.
const RUNS: u8 = 1;
/// Its use has been counted; nothing is held any more, the place among the calls in flight included: who has
/// the last bytes of an answer may ask again at once.
const SETTLED: u8 = 2;
/// It has no limits: nothing is held but the place among the calls in flight.
const PASSES: u8 = 3;

/// A call's place at an object. Dropping it frees what it held; what it counted as well, unless it was kept.
#[derive(Debug)]
pub struct Place {
    meter: Arc<Meter>,
    at_ms: u64,
    tokens: u64,
    money: Nano,
    step: AtomicU8,
}

impl Place {
    /// The call runs: it counts as a request, however it ends.
    pub fn keep(&self) {
        let _ = self.step.compare_exchange(COUNTED, RUNS, Ordering::AcqRel, Ordering::Acquire);
    }

    /// Counts what the call has used in the place of what it held. `cost` is nothing where no budget is kept.
    pub fn settle(&self, tokens: u64, cost: Nano, day: Day, now_ms: u64) {
        if self.step.swap(SETTLED, Ordering::AcqRel) == SETTLED {
            return;
        }
        let mut state = self.meter.state.lock();
        self.meter.in_flight.fetch_sub(1, Ordering::AcqRel);
        self.release(&mut state);
        let now_ms = now_ms.max(state.newest_ms);
        for track in state.tracks.iter_mut().filter(|track| track.of == Unit::Tokens) {
            track.add(tokens, now_ms);
        }
        self.meter.fresh.store(true, Ordering::Relaxed);
        if !day.is_none() {
            state.spent.add(cost, day);
        }
    }

    fn release(&self, state: &mut State) {
        state.held_tokens = state.held_tokens.saturating_sub(self.tokens);
        state.held = state.held.minus(self.money).floor_zero();
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let step = *self.step.get_mut();
        if step == SETTLED {
            return;
        }
        self.meter.in_flight.fetch_sub(1, Ordering::AcqRel);
        if step == PASSES {
            return;
        }
        let mut state = self.meter.state.lock();
        self.release(&mut state);
        if step == COUNTED {
            for track in state.tracks.iter_mut().filter(|track| track.of == Unit::Requests) {
                track.window.take_back(1, self.at_ms);
                track.untold = track.untold.saturating_sub(1);
            }
        }
    }
}

#[cfg(test)]
mod tests;

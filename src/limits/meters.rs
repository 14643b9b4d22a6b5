//! The meters of all objects that have limits, and what other processes have spent of their budgets.

use super::company::{Among, Company};
use super::meter::{Meter, Seat};
use arc_swap::ArcSwap;
use magic_domain::limits::{Day, Limits, Scope};
use magic_domain::money::Nano;
use parking_lot::RwLock;
use std::collections::HashMap;
use std::sync::Arc;

/// See the module's text. Only objects that exist and have limits are in it, each with a few kilobytes at most;
/// those that remember nothing are swept out.
#[derive(Default)]
pub struct Meters {
    meters: RwLock<HashMap<Scope, Arc<Meter>>>,
    elsewhere: ArcSwap<Elsewhere>,
    company: Company,
}

/// Money that processes other than this one, now and earlier, have spent of budgets.
#[derive(Default)]
struct Elsewhere {
    day: Day,
    /// Of the day, and of its month.
    spent: HashMap<String, (Nano, Nano)>,
}

impl Meters {
    pub fn meter(&self, scope: &Scope) -> Arc<Meter> {
        if let Some(meter) = self.meters.read().get(scope) {
            return meter.clone();
        }
        self.meters.write().entry(scope.clone()).or_default().clone()
    }

    /// The seat of an object whose meter is kept here.
    pub fn seat<'l>(&self, scope: Scope, limits: &'l Limits, day: Day) -> Seat<'l> {
        let meter = self.meter(&scope);
        self.seat_at(scope, meter, limits, day)
    }

    /// The seat of an object whose meter is kept elsewhere.
    pub fn seat_at<'l>(&self, scope: Scope, meter: Arc<Meter>, limits: &'l Limits, day: Day) -> Seat<'l> {
        let elsewhere =
            if limits.budgets.is_none() { (Nano::ZERO, Nano::ZERO) } else { self.elsewhere(&scope, day) };
        Seat { scope, meter, limits, elsewhere, among: self.company.now() }
    }

    fn elsewhere(&self, scope: &Scope, day: Day) -> (Nano, Nano) {
        let known = self.elsewhere.load();
        let (today, this_month) = known.spent.get(&scope.to_string()).copied().unwrap_or_default();
        (
            if known.day == day { today } else { Nano::ZERO },
            if known.day.month() == day.month() { this_month } else { Nano::ZERO },
        )
    }

    /// So many nodes are alive.
    pub fn among(&self, nodes: u32) {
        self.company.nodes(nodes);
    }

    /// Whether they tell each other what they count.
    pub fn share(&self, shared: bool) {
        self.company.share(shared);
    }

    pub fn company(&self) -> Among {
        self.company.now()
    }

    /// Every meter that is kept here and has counted something new since it was last asked.
    pub fn counted(&self) -> Vec<(Scope, Arc<Meter>)> {
        let meters = self.meters.read();
        let fresh = meters.iter().filter(|(_, meter)| meter.has_fresh());
        fresh.map(|(scope, meter)| (scope.clone(), meter.clone())).collect()
    }

    /// Takes over what the database says of other processes: an object's name, a day or a month, an amount.
    pub fn learn(&self, day: Day, rows: Vec<(String, i64, Nano)>) {
        let mut spent: HashMap<String, (Nano, Nano)> = HashMap::new();
        for (scope, period, amount) in rows {
            let known = spent.entry(scope).or_default();
            if period == i64::from(day.0) {
                known.0 = amount;
            } else if period == i64::from(day.month()) {
                known.1 = amount;
            }
        }
        self.elsewhere.store(Arc::new(Elsewhere { day, spent }));
    }

    /// Forgets the meters that nobody holds and that remember nothing.
    pub fn sweep(&self, now_ms: u64, day: Day) {
        self.meters.write().retain(|_, meter| Arc::strong_count(meter) > 1 || !meter.idle(now_ms, day));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::{Asking, admit};
    use magic_domain::ids::TokenId;
    use magic_domain::limits::Budgets;

    const DAY: Day = Day(20_261_126);

    #[test]
    fn what_is_idle_is_swept_out_and_what_was_spent_stays() {
        let meters = Meters::default();
        let limits = Limits {
            rpm: Some(1),
            budgets: Budgets { month: Some(Nano(10)), ..Budgets::default() },
            ..Limits::default()
        };
        for (token, cost) in [(1, Nano::ZERO), (2, Nano(3))] {
            let seat = meters.seat(Scope::Token(TokenId(token)), &limits, DAY);
            let (places, _) = admit(&[seat], &Asking { day: DAY, ..Asking::default() }).unwrap();
            places[0].settle(0, cost, DAY, 0);
        }
        let count = || meters.meters.read().len();
        meters.sweep(30_000, DAY);
        assert_eq!(count(), 2);
        meters.sweep(90_000, DAY);
        assert_eq!(count(), 1);
        meters.sweep(90_000, Day(20_261_201));
        assert_eq!(count(), 0);
    }

    #[test]
    fn what_others_spent_counts_in_its_own_day_and_month() {
        let meters = Meters::default();
        let row = |period, amount| ("token:1".to_owned(), period, Nano(amount));
        meters.learn(DAY, vec![row(20_261_126, 4), row(202_611, 9)]);
        let scope = Scope::Token(TokenId(1));
        assert_eq!(meters.elsewhere(&scope, DAY), (Nano(4), Nano(9)));
        assert_eq!(meters.elsewhere(&scope, Day(20_261_127)), (Nano(0), Nano(9)));
        assert_eq!(meters.elsewhere(&scope, Day(20_261_201)), (Nano(0), Nano(0)));
    }
}

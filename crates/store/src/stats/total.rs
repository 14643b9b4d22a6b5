//! What the calls of a filter cost in all.

use super::{DAY, HOUR, Shape, state, tail};
use crate::db::{Db, args};
use crate::error::Result;
use crate::logs::{CONSUME, Lead, LogFilter};
use crate::now;
use magic_domain::money::Nano;

/// A span of time, from its first second up to before its end: of whole slots of a step, or (0) of single rows.
type Span = (i64, i64, i64);

/// Splits a span into whole days, whole hours, and what is left at the ends. Hours that are kept no more are rows.
fn cover(from: i64, to: i64, steps: &[i64], hours_since: i64, out: &mut Vec<Span>) {
    if from >= to {
        return;
    }
    let Some((step, finer)) = steps.split_first() else { return out.push((0, from, to)) };
    let first =
        from.div_euclid(*step).saturating_add(i64::from(from.rem_euclid(*step) != 0)).saturating_mul(*step);
    let last = to.div_euclid(*step).saturating_mul(*step);
    if first >= last || (*step == HOUR && first < hours_since) {
        return cover(from, to, finer, hours_since, out);
    }
    cover(from, first, finer, hours_since, out);
    out.push((*step, first, last));
    cover(last, to, finer, hours_since, out);
}

/// What the calls of a filter cost, from the sums and from the rows that no sum holds; `None`: only the log knows.
pub(crate) async fn cost(db: &Db, filter: &LogFilter) -> Result<Option<Nano>> {
    let Some(shape) = Shape::of(filter) else { return Ok(None) };
    // While they are read the sums may move on: then they are read again.
    for _ in 0..3 {
        let upto = state(db, "stats_upto").await?;
        let Some(tail) = tail(db, upto).await? else { return Ok(None) };
        let sum = summed(db, filter, &shape, upto).await?;
        if state(db, "stats_upto").await? == upto {
            let to = if filter.end > 0 { filter.end } else { i64::MAX };
            let new = tail.iter().filter(|call| {
                call.at >= filter.start && call.at <= to && call.keys().iter().any(|key| shape.has(key))
            });
            return Ok(Some(new.fold(sum, |sum, call| sum.plus(call.sums.cost))));
        }
    }
    Ok(None)
}

async fn summed(db: &Db, filter: &LogFilter, shape: &Shape, upto: i64) -> Result<Nano> {
    // Rows from before the log was last cleared are in the sums still, but not in the log, unless they have come in
    // later: those times are the log's.
    let since = state(db, "logs_since").await?.max(0);
    let end = if filter.end > 0 { filter.end.saturating_add(1) } else { i64::MAX };
    let mut spans = Vec::new();
    if filter.start < since {
        spans.push((0, filter.start.max(0), since.min(end)));
    }
    let hours_since = now() - 90 * DAY + HOUR;
    cover(filter.start.max(since).max(0), end, &[DAY, HOUR], hours_since, &mut spans);
    let mut sum = Nano::ZERO;
    for (step, from, to) in spans {
        let (sql, args) = if step == 0 {
            let filter = LogFilter { kind: CONSUME, start: 0, end: 0, ..filter.clone() };
            let (condition, mut args) = filter.condition(db.engine(), Lead::Any);
            args.extend(args![from, to, upto]);
            let cost = db.engine().sum("cost");
            let times = "created_at >= ? AND created_at < ? AND id <= ?";
            (format!("SELECT {cost} FROM magic_logs WHERE {condition} AND {times}"), args)
        } else {
            let (condition, mut args) = shape.condition();
            args.extend(args![step, from, to]);
            let cost = db.engine().sum("cost");
            let times = "step = ? AND slot >= ? AND slot < ?";
            (format!("SELECT {cost} FROM magic_stats WHERE {condition} AND {times}"), args)
        };
        let row = db.one(&sql, args).await?;
        sum = sum.plus(Nano(row.map(|row| row.int(0)).transpose()?.unwrap_or(0)));
    }
    Ok(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_covered_once_by_the_longest_steps() {
        for (from, to) in
            [(0, i64::MAX), (5, 10), (3_599, 7_201), (100, 400_000), (86_400, 172_800), (90_000, 90_000)]
        {
            let mut spans = Vec::new();
            cover(from, to, &[DAY, HOUR], 0, &mut spans);
            let mut at = from;
            for (step, first, last) in &spans {
                assert_eq!(*first, at, "{spans:?}");
                assert!(
                    last > first && (*step == 0 || (first % step, last % step) == (0, 0))
                        || *last == i64::MAX / DAY * DAY
                );
                at = *last;
            }
            assert_eq!(at, to.max(from), "{spans:?}");
            let single: i64 = spans.iter().filter(|(step, ..)| *step == 0).map(|(_, a, b)| b - a).sum();
            assert!(single < 2 * DAY || to < DAY, "{spans:?}");
        }
    }

    #[test]
    fn hours_that_are_gone_are_rows() {
        let mut spans = Vec::new();
        cover(HOUR, 3 * DAY + HOUR, &[DAY, HOUR], 2 * DAY, &mut spans);
        assert_eq!(spans, [(0, HOUR, DAY), (DAY, DAY, 3 * DAY), (HOUR, 3 * DAY, 3 * DAY + HOUR)]);
    }
}

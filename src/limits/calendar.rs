//! Days and months of the installation's time zone (`TZ`, else the machine's): what budgets are counted by.

use chrono::{Datelike, Days, Local, Months, NaiveDate, TimeZone};
use magic_domain::limits::Day;

/// The day it is now.
pub fn today() -> Day {
    day(&crate::clock::local())
}

fn day(at: &impl Datelike) -> Day {
    let year = u32::try_from(at.year()).unwrap_or_default();
    Day(year * 10_000 + at.month() * 100 + at.day())
}

fn date(day: Day) -> Option<NaiveDate> {
    let year = i32::try_from(day.0 / 10_000).ok()?;
    NaiveDate::from_ymd_opt(year, day.month() % 100, day.0 % 100)
}

/// The day before.
pub fn day_before(day: Day) -> Option<Day> {
    date(day)?.pred_opt().as_ref().map(self::day)
}

/// The Unix second in which the day after this one begins, and the month after this one's.
pub fn ends(day: Day) -> (i64, i64) {
    let start = |date: Option<NaiveDate>| {
        // Where the clocks go forward at midnight, the day begins an hour later.
        let midnight = date.and_then(|date| date.and_hms_opt(0, 0, 0))?;
        let hour_later = midnight + chrono::TimeDelta::hours(1);
        Local
            .from_local_datetime(&midnight)
            .earliest()
            .or_else(|| Local.from_local_datetime(&hour_later).earliest())
    };
    let date = date(day);
    let first = date.and_then(|date| date.with_day(1));
    let tomorrow = start(date.and_then(|date| date.checked_add_days(Days::new(1))));
    let next_month = start(first.and_then(|first| first.checked_add_months(Months::new(1))));
    (tomorrow.map_or(0, |at| at.timestamp()), next_month.map_or(0, |at| at.timestamp()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_ends_where_the_next_begins() {
        let (tomorrow, next_month) = ends(Day(20_261_231));
        let begins = |at: i64| day(&Local.timestamp_opt(at, 0).unwrap());
        assert_eq!((begins(tomorrow), begins(tomorrow - 1)), (Day(20_270_101), Day(20_261_231)));
        assert_eq!(tomorrow, next_month);
        assert_eq!(begins(ends(Day(20_260_215)).1 - 1), Day(20_260_228));
        assert_eq!(day_before(Day(20_260_301)), Some(Day(20_260_228)));
        assert!(today().0 > 20_200_000);
    }
}

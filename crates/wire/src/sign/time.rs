//! Unix seconds as the dates that signatures are made of.

/// A moment in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Moment {
    pub year: i64,
    pub month: i64,
    pub day: i64,
    /// Days since Sunday.
    weekday: i64,
    second: i64,
}

/// The last second of the year 9999.
const LAST: i64 = 253_402_300_799;

impl Moment {
    pub(super) fn of(unix: i64) -> Moment {
        let unix = unix.clamp(0, LAST);
        let (days, second) = (unix / 86_400, unix % 86_400);
        // Days since the first of March of the year 0, in periods of 400 years.
        let from_march = days + 719_468;
        let (period, day) = (from_march / 146_097, from_march % 146_097);
        let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
        let day = day - (365 * year + year / 4 - year / 100);
        let month = (5 * day + 2) / 153;
        let date = day - (153 * month + 2) / 5 + 1;
        let (month, carry) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
        Moment { year: period * 400 + year + carry, month, day: date, weekday: (days + 4) % 7, second }
    }

    fn clock(self) -> (i64, i64, i64) {
        (self.second / 3_600, self.second / 60 % 60, self.second % 60)
    }

    /// `20150830`.
    pub(super) fn date(self) -> String {
        format!("{:04}{:02}{:02}", self.year, self.month, self.day)
    }

    /// `20150830T123600Z`.
    pub(super) fn stamp(self) -> String {
        let (hour, minute, second) = self.clock();
        format!("{}T{hour:02}{minute:02}{second:02}Z", self.date())
    }

    /// `2015-08-30`.
    pub(super) fn dashed(self) -> String {
        format!("{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }

    /// `Sun, 30 Aug 2015 12:36:00 GMT`.
    pub(super) fn http(self) -> String {
        const DAYS: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
        const MONTHS: [&str; 12] =
            ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
        let name = |names: &[&'static str], at: i64| {
            usize::try_from(at).ok().and_then(|at| names.get(at).copied()).unwrap_or("")
        };
        let (hour, minute, second) = self.clock();
        let (day, month) = (name(&DAYS, self.weekday), name(&MONTHS, self.month - 1));
        format!("{day}, {:02} {month} {:04} {hour:02}:{minute:02}:{second:02} GMT", self.day, self.year)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (unix, http) in [
            (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
            (-5, "Thu, 01 Jan 1970 00:00:00 GMT"),
            (951_782_399, "Mon, 28 Feb 2000 23:59:59 GMT"),
            (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT"),
            (1_440_938_160, "Sun, 30 Aug 2015 12:36:00 GMT"),
            (1_735_689_599, "Tue, 31 Dec 2024 23:59:59 GMT"),
            (4_107_542_400, "Mon, 01 Mar 2100 00:00:00 GMT"),
            (i64::MAX, "Fri, 31 Dec 9999 23:59:59 GMT"),
        ] {
            assert_eq!(Moment::of(unix).http(), http);
        }
        let moment = Moment::of(1_440_938_160);
        assert_eq!((moment.stamp().as_str(), moment.dashed().as_str()), ("20150830T123600Z", "2015-08-30"));
    }

    #[test]
    fn every_day_follows_the_one_before() {
        let length = |year: i64, month: i64| match month {
            2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
            2 => 28,
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        };
        let mut last = Moment::of(0);
        for day in 1..200_000 {
            let next = Moment::of(day * 86_400);
            let expected = if last.day < length(last.year, last.month) {
                (last.year, last.month, last.day + 1)
            } else if last.month < 12 {
                (last.year, last.month + 1, 1)
            } else {
                (last.year + 1, 1, 1)
            };
            assert_eq!((next.year, next.month, next.day), expected);
            assert_eq!(next.weekday, (last.weekday + 1) % 7);
            last = next;
        }
    }
}

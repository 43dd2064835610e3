//! Pure: the site's calendar. Everything stored is UTC; people think in their own time.

use base::time::Micros;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};

/// A span of time; open where a side is `None`. `until` is not in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Range {
    /// From.
    pub since: Option<Micros>,
    /// To.
    pub until: Option<Micros>,
}

/// A time zone.
#[derive(Debug, Clone)]
pub struct Calendar {
    zone: TimeZone,
    name: String,
}

/// The day and hour that a clock on the zoo's wall shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Local {
    /// Calendar day.
    pub date: Date,
    /// 0 to 23.
    pub hour: u8,
}

impl Calendar {
    /// The calendar of an IANA time zone.
    ///
    /// # Errors
    /// One sentence: there is no such zone.
    pub fn new(name: &str) -> Result<Self, String> {
        let zone = TimeZone::get(name).map_err(|_| {
            format!("the site's timezone '{name}' is not known: use an IANA name such as Europe/Berlin")
        })?;
        Ok(Self { zone, name: name.to_owned() })
    }

    /// The zone's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What the clock shows at `t`.
    pub fn local(&self, t: Micros) -> Local {
        let at = self.civil(t);
        Local { date: at.date(), hour: at.hour().unsigned_abs() }
    }

    /// `YYYY-MM-DD HH:MM:SS`, as the clock shows it.
    pub fn show(&self, t: Micros) -> String {
        self.civil(t).strftime("%Y-%m-%d %H:%M:%S").to_string()
    }

    fn civil(&self, t: Micros) -> DateTime {
        let t = Timestamp::from_microsecond(t.0).unwrap_or(Timestamp::UNIX_EPOCH);
        self.zone.to_datetime(t)
    }

    /// What `--since` and `--until` mean: a year, a month, a day or a minute of the zone. `until` a day means to
    /// its end.
    ///
    /// # Errors
    /// One sentence that names the flag.
    pub fn range(&self, since: Option<&str>, until: Option<&str>) -> Result<Range, String> {
        let parse = |flag: &str, text: Option<&str>, end: bool| {
            let Some(text) = text else { return Ok(None) };
            let wrong = || {
                format!(
                    "{flag} '{text}' is no time: write 2026, 2026-05, 2026-05-31 or 2026-05-31T14:00 ({})",
                    self.name
                )
            };
            self.instant(text, end).map(Some).ok_or_else(wrong)
        };
        let range = Range { since: parse("--since", since, false)?, until: parse("--until", until, true)? };
        match (range.since, range.until) {
            (Some(a), Some(b)) if b <= a => Err("--until lies before --since: swap them".into()),
            _ => Ok(range),
        }
    }

    fn instant(&self, text: &str, end: bool) -> Option<Micros> {
        let parts: Vec<&str> = text.split('-').collect();
        let digits = |text: &str, count: usize| text.len() == count && text.bytes().all(|b| b.is_ascii_digit());
        let after = i16::from(end);
        let start = match parts.as_slice() {
            [year] if digits(year, 4) => Date::new(year.parse::<i16>().ok()? + after, 1, 1).ok()?.at(0, 0, 0, 0),
            [year, month] if digits(year, 4) && digits(month, 2) => {
                let first = Date::new(year.parse().ok()?, month.parse().ok()?, 1).ok()?;
                first.checked_add(i64::from(after).months()).ok()?.at(0, 0, 0, 0)
            }
            [_, _, day] if digits(day, 2) => {
                let day: Date = text.parse().ok()?;
                day.checked_add(i64::from(after).days()).ok()?.at(0, 0, 0, 0)
            }
            _ if text.ends_with('Z') || text.contains('+') => {
                return Some(Micros(text.parse::<Timestamp>().ok()?.as_microsecond()));
            }
            _ => text.parse().ok()?,
        };
        Some(Micros(self.zone.to_timestamp(start).ok()?.as_microsecond()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn berlin() -> Calendar {
        Calendar::new("Europe/Berlin").unwrap()
    }

    fn since(text: &str) -> String {
        berlin().range(Some(text), None).unwrap().since.unwrap().to_string()
    }

    #[test]
    fn an_hour_is_the_sites_own_in_summer_and_in_winter() {
        let local = |t: &str| berlin().local(Micros(t.parse::<Timestamp>().unwrap().as_microsecond()));
        assert_eq!(local("2026-07-01T22:30:00Z"), Local { date: jiff::civil::date(2026, 7, 2), hour: 0 });
        assert_eq!(local("2026-01-01T22:30:00Z"), Local { date: jiff::civil::date(2026, 1, 1), hour: 23 });
    }

    #[test]
    fn since_begins_and_until_ends_a_period() {
        assert_eq!(since("2026"), "2025-12-31T23:00:00.000000Z");
        assert_eq!(since("2026-07"), "2026-06-30T22:00:00.000000Z");
        assert_eq!(since("2026-07-01T14:30"), "2026-07-01T12:30:00.000000Z");
        assert_eq!(since("2026-07-01T14:30:00Z"), "2026-07-01T14:30:00.000000Z");
        let until = |text| berlin().range(None, Some(text)).unwrap().until.unwrap().to_string();
        assert_eq!(until("2026"), "2026-12-31T23:00:00.000000Z");
        assert_eq!(until("2026-12"), "2026-12-31T23:00:00.000000Z");
        assert_eq!(until("2026-07-01"), "2026-07-01T22:00:00.000000Z");
    }

    #[test]
    fn a_time_that_is_none_is_answered_by_one_that_would_be() {
        for bad in ["yesterday", "2026-13", "2026-02-30", "26", "2026-7-1", "", "-"] {
            let error = berlin().range(Some(bad), None).unwrap_err();
            assert!(error.starts_with(&format!("--since '{bad}' is no time: write 2026")), "{bad}: {error}");
        }
        assert!(berlin().range(Some("2026-02"), Some("2026-01")).unwrap_err().contains("swap"));
        assert!(Calendar::new("Mars/Base").unwrap_err().contains("IANA"));
    }
}

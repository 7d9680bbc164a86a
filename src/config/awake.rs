//! `schedule.awake`: the hours in which an environment runs.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use jiff::civil::Time;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::diagnostic::short;
use super::values::{Wrong, text_value};

/// The days of the week, as they are written.
const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
/// How many days before and after today are looked at: every schedule has a day in each week.
const AROUND: i64 = 8;
const HELP: &str = "write days, hours and a time zone, like `mon-fri 07:00-20:00 Europe/Berlin`";

/// When something runs; the rest of the time it is paused.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Schedule {
    /// Days, hours and a time zone of the IANA database in which the environment runs. `stack schedule` pauses it outside of them,
    /// and resumes it. Hours that end before they begin last until the next day. Default: always.
    #[serde(default)]
    pub awake: Option<Awake>,
    /// What becomes of the NAT gateways outside of those hours. Default: `keep`.
    #[serde(default)]
    pub nat: Asleep,
}

/// What becomes of NAT gateways while an environment is paused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Asleep {
    /// They stay, and are charged.
    #[default]
    Keep,
    /// They are deleted, and created again with the same public addresses, which stay and are charged.
    Delete,
}

/// Days, hours and a time zone: `mon-fri 07:00-20:00 Europe/Berlin`.
#[derive(Clone, Debug, PartialEq)]
pub struct Awake {
    text: String,
    /// For each day of the week, from Monday, whether it is one of them.
    days: [bool; 7],
    from: Time,
    /// When it ends; none at the end of the day.
    to: Option<Time>,
    zone: TimeZone,
}

/// What a schedule says of a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// Whether the environment is to run.
    pub awake: bool,
    /// Since when that is so.
    pub since: Timestamp,
}

/// The minutes of a week.
pub const WEEK: u32 = 7 * 24 * 60;

impl Awake {
    /// Returns the minutes of a week in which it is awake, but for the two days of a year on which clocks are changed.
    pub fn minutes(&self) -> u32 {
        let minute = |time: Time| u32::try_from(time.hour()).unwrap_or(0) * 60 + u32::try_from(time.minute()).unwrap_or(0);
        let (from, day) = (minute(self.from), 24 * 60);
        let each = match self.to.map(minute) {
            Some(to) if to > from => to - from,
            to => day - from + to.unwrap_or(0),
        };
        self.days.iter().map(|is_in| if *is_in { each } else { 0 }).sum()
    }

    /// Returns what the schedule says of a moment.
    pub fn at(&self, now: Timestamp) -> Moment {
        let mut since = Timestamp::MIN;
        let mut awake: Option<(Timestamp, Timestamp)> = None;
        for (from, to) in self.around(now) {
            if from > now {
                break;
            }
            // What begins when the one before ends goes on.
            awake = match awake {
                Some((began, end)) if from <= end => Some((began, end.max(to))),
                _ => Some((from, to)),
            };
            since = awake.map_or(since, |(_, end)| end);
        }
        match awake {
            Some((began, end)) if now < end => Moment { awake: true, since: began },
            _ => Moment { awake: false, since },
        }
    }

    /// Returns the beginnings and ends of the days around a moment, in order.
    fn around(&self, now: Timestamp) -> Vec<(Timestamp, Timestamp)> {
        let today = now.to_zoned(self.zone.clone()).date();
        let one = |days: i64| {
            let day = today.checked_add(days.days()).ok()?;
            let weekday = usize::try_from(day.weekday().to_monday_zero_offset()).ok()?;
            if !self.days.get(weekday).copied().unwrap_or_default() {
                return None;
            }
            let (end, to) = match self.to {
                Some(to) if to > self.from => (day, to),
                to => (day.tomorrow().ok()?, to.unwrap_or_default()),
            };
            let at =
                |date: jiff::civil::Date, time| date.to_datetime(time).to_zoned(self.zone.clone()).ok().map(|z| z.timestamp());
            Some((at(day, self.from)?, at(end, to)?))
        };
        (-AROUND..=AROUND).filter_map(one).collect()
    }
}

/// Returns the days that a text names, from Monday.
fn days(text: &str) -> Option<[bool; 7]> {
    let day = |name: &str| DAYS.iter().position(|day| *day == name);
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (first, last) = (day(first)?, day(last)?);
    let mut days = [false; 7];
    let count = (last + 7 - first) % 7;
    for (at, is_in) in days.iter_mut().enumerate() {
        *is_in = (at + 7 - first) % 7 <= count;
    }
    Some(days)
}

/// Returns a time of day: `07:00`.
fn time(text: &str) -> Option<Time> {
    let (hour, minute) = text.split_once(':')?;
    let is_plain = |part: &str| part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
    if !is_plain(hour) || !is_plain(minute) {
        return None;
    }
    Time::new(hour.parse().ok()?, minute.parse().ok()?, 0, 0).ok()
}

impl FromStr for Awake {
    type Err = Wrong;

    fn from_str(text: &str) -> Result<Self, Wrong> {
        let wrong = |what: String| Wrong::new(what, HELP);
        let words: Vec<&str> = text.split_whitespace().collect();
        let [on, hours, zone] = words[..] else {
            return Err(wrong(format!("`{}` is not a schedule", short(text))));
        };
        let of = |what: &str| wrong(format!("`{}` {what}", short(text)));
        let days = days(on).ok_or_else(|| of("does not begin with days of the week, such as `mon-fri` or `sat`"))?;
        let (from, to) = hours.split_once('-').ok_or_else(|| of("has no hours, such as `07:00-20:00`"))?;
        let no_time = || of("has hours that are no times of day, such as `07:00-20:00`");
        let from = time(from).ok_or_else(no_time)?;
        let to = if to == "24:00" { None } else { Some(time(to).ok_or_else(no_time)?) };
        if to == Some(from) {
            return Err(of("begins when it ends: all day is `00:00-24:00`"));
        }
        let zone =
            TimeZone::get(zone).map_err(|_| of("has no time zone of the IANA database, such as `Europe/Berlin` or `UTC`"))?;
        Ok(Awake { text: words.join(" "), days, from, to, zone })
    }
}

impl fmt::Display for Awake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

text_value!(
    Awake,
    "Awake",
    json_schema!({
        "type": "string",
        "pattern": r"^(mon|tue|wed|thu|fri|sat|sun)(-(mon|tue|wed|thu|fri|sat|sun))? \d\d:\d\d-\d\d:\d\d [A-Za-z0-9_+/-]+$",
        "patternErrorMessage": HELP,
        "examples": ["mon-fri 07:00-20:00 Europe/Berlin"],
    })
);

#[cfg(test)]
mod tests {
    use super::*;

    fn at(schedule: &str, now: &str) -> (bool, String) {
        let moment = schedule.parse::<Awake>().unwrap().at(now.parse().unwrap());
        (moment.awake, moment.since.to_string())
    }

    #[test]
    fn a_schedule_is_awake_in_its_hours() {
        // 27 November 2026 is a Friday.
        const OFFICE: &str = "mon-fri 07:00-20:00 Europe/Berlin";
        assert_eq!(at(OFFICE, "2026-11-27T06:00:00Z"), (true, "2026-11-27T06:00:00Z".into()));
        assert_eq!(at(OFFICE, "2026-11-27T18:59:59Z"), (true, "2026-11-27T06:00:00Z".into()));
        assert_eq!(at(OFFICE, "2026-11-27T19:00:00Z"), (false, "2026-11-27T19:00:00Z".into()));
        assert_eq!(at(OFFICE, "2026-11-29T12:00:00Z"), (false, "2026-11-27T19:00:00Z".into()), "on Sunday");
        assert_eq!(at(OFFICE, "2026-11-27T05:59:59Z"), (false, "2026-11-26T19:00:00Z".into()));
        assert_eq!(at(OFFICE, "2026-06-26T05:00:00Z"), (true, "2026-06-26T05:00:00Z".into()), "in summer");
    }

    #[test]
    fn nights_and_whole_days_go_on() {
        const NIGHT: &str = "fri 22:00-06:00 UTC";
        assert_eq!(at(NIGHT, "2026-11-28T05:00:00Z"), (true, "2026-11-27T22:00:00Z".into()));
        assert_eq!(at(NIGHT, "2026-11-28T06:00:00Z"), (false, "2026-11-28T06:00:00Z".into()));
        assert_eq!(at("sat-mon 00:00-24:00 UTC", "2026-11-30T23:00:00Z"), (true, "2026-11-28T00:00:00Z".into()));
        assert_eq!(at("sat-mon 00:00-24:00 UTC", "2026-12-01T00:00:00Z"), (false, "2026-12-01T00:00:00Z".into()));
        assert!(at("mon-sun 00:00-24:00 UTC", "2026-11-30T23:00:00Z").0);
    }

    #[test]
    fn the_minutes_of_a_week_are_counted() {
        let hours = |text: &str| f64::from(text.parse::<Awake>().unwrap().minutes()) / 60.0;
        assert_eq!(hours("mon-fri 07:00-20:00 Europe/Berlin"), 65.0);
        assert_eq!(hours("fri 22:00-06:00 UTC"), 8.0);
        assert_eq!(hours("sat-mon 00:00-24:00 UTC"), 72.0);
        assert_eq!(hours("sat 22:30-24:00 UTC"), 1.5);
        assert_eq!("mon-sun 00:00-24:00 UTC".parse::<Awake>().unwrap().minutes(), WEEK);
    }

    #[test]
    fn what_is_no_schedule_is_told() {
        let of = |text: &str| text.parse::<Awake>().unwrap_err().message;
        assert_eq!(of("always"), "`always` is not a schedule");
        assert!(of("Monday 07:00-20:00 UTC").contains("does not begin with days"));
        assert!(of("mon 7-20 UTC").contains("no times of day"));
        assert!(of("mon 07:00 UTC").contains("has no hours"));
        assert!(of("mon 07:00-07:00 UTC").contains("begins when it ends"));
        assert!(of("mon 25:00-26:00 UTC").contains("no times of day"));
        assert!(of("mon 07:00-20:00 Europe/Entenhausen").contains("no time zone"));
    }
}

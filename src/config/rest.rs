//! When an environment is paused, as the tag of its objects says: outside of its hours, and once its budget is used up.

use std::fmt;
use std::str::FromStr;

use super::Stack;
use super::awake::Awake;
use super::diagnostic::short;
use super::values::Wrong;

/// What stands for hours where there are none.
const ALWAYS: &str = "always";
/// The word before the percentage of the budget.
const BUDGET: &str = "budget";

/// When an environment is paused: `mon-fri 07:00-20:00 Europe/Berlin`, `always budget 100`, or both.
#[derive(Clone, Debug, PartialEq)]
pub struct Rest {
    /// The hours in which it runs; all if there are none.
    pub awake: Option<Awake>,
    /// The percentage of its monthly budget from which on it is paused.
    pub budget: Option<u32>,
}

impl Rest {
    /// Returns when an environment of this file is paused, if it ever is.
    pub fn of(stack: &Stack) -> Option<Rest> {
        let rest = Rest { awake: stack.schedule.awake.clone(), budget: stack.budget.as_ref().and_then(|budget| budget.pause) };
        (rest.awake.is_some() || rest.budget.is_some()).then_some(rest)
    }
}

impl fmt::Display for Rest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.awake {
            Some(awake) => awake.fmt(f)?,
            None => f.write_str(ALWAYS)?,
        }
        self.budget.map_or(Ok(()), |percent| write!(f, " {BUDGET} {percent}"))
    }
}

impl FromStr for Rest {
    type Err = Wrong;

    fn from_str(text: &str) -> Result<Self, Wrong> {
        let (hours, budget) = match text.split_once(&format!(" {BUDGET} ")) {
            Some((hours, percent)) => {
                let wrong =
                    |_| Wrong::new(format!("`{}` has no percentage of a budget", short(text)), "write it like `budget 100`");
                (hours, Some(percent.parse().map_err(wrong)?))
            }
            None => (text, None),
        };
        let awake = if hours == ALWAYS { None } else { Some(hours.parse()?) };
        Ok(Rest { awake, budget })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        const HOURS: &str = "mon-fri 07:00-20:00 Europe/Berlin";
        for (text, awake, budget) in [
            (HOURS.to_owned(), Some(HOURS), None),
            ("always budget 100".to_owned(), None, Some(100)),
            (format!("{HOURS} budget 80"), Some(HOURS), Some(80)),
        ] {
            let rest: Rest = text.parse().unwrap();
            assert_eq!((rest.awake.as_ref().map(ToString::to_string).as_deref(), rest.budget), (awake, budget));
            assert_eq!(rest.to_string(), text);
            // Values of tags: <https://docs.aws.amazon.com/tag-editor/latest/userguide/tagging.html>.
            assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b" _.:/=+-@".contains(&byte)), "{text}");
        }
        assert!("always budget lots".parse::<Rest>().is_err());
        assert!("budget 100".parse::<Rest>().is_err());
    }
}

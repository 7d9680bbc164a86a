use clap::Args;
use futures::stream::{StreamExt, iter};
use jiff::Timestamp;
use serde::Serialize;

use super::arguments::Aws;
use super::session::{self, Session, Target};
use super::stop::{Exit, Result};
use crate::aws::Wants;
use crate::aws::ownership::tag_index::{self, Environment};
use crate::aws::runs::history::{self, Ending, Record};
use crate::aws::runs::store::Store;
use crate::config::rest::Rest;
use crate::engine::Pause;
use crate::prices::Decimal;
use crate::ui::{self, Color, Terminal, Tone};

/// How many histories are read at once.
const AT_ONCE: usize = 16;

/// List the stacks and environments of the account and region
///
/// They are known by the tags of their objects, with or without a file: who applied them last, from which commit, what they cost in
/// a month by the prices of that day, and until when they are wanted. `stack show --stack STACK --env ENV` shows what runs in one.
#[derive(Args, Debug)]
pub struct Arguments {
    #[command(flatten)]
    aws: Aws,
    /// Print the list as JSON
    #[arg(long)]
    json: bool,
}

/// An environment that runs.
#[derive(Serialize)]
pub struct Listed {
    /// The stack's name.
    pub stack: String,
    /// The environment's.
    pub env: String,
    /// How many objects AWS's index of tags knows.
    pub objects: usize,
    /// Until when it is wanted; nothing for good.
    pub expires: Option<String>,
    /// Whether that time is over.
    pub expired: bool,
    /// In which hours it runs; nothing for always.
    pub awake: Option<String>,
    /// The percentage of its monthly budget from which on it is paused; nothing for none.
    pub pauses_at: Option<u32>,
    /// Both, as the tag says them.
    #[serde(skip)]
    pub rest: Option<String>,
    /// Why it is paused: `asked`, `bare` when its NAT gateways are deleted, too, or `unready`; nothing when it is not.
    pub paused: Option<&'static str>,
    /// What it costs in a month in US dollars, as its last run left it; nothing where that is not known.
    pub monthly: Option<String>,
    /// The number of parts that are not in it, because no price of them is known.
    pub unpriced: u64,
    /// The hours of a month that are counted in it, where it has a schedule.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hours: Option<Decimal>,
    /// The last run, as far as the history can be read.
    last_run: Option<LastRun>,
}

#[derive(Serialize)]
struct LastRun {
    number: u64,
    command: String,
    began: String,
    who: String,
    commit: Option<String>,
    ending: String,
    /// What its plan makes of the monthly price, when all of it was done.
    #[serde(skip)]
    monthly: Option<String>,
    /// The number of parts that are not in it, because no price of them is known.
    #[serde(skip)]
    unpriced: u64,
    /// The hours that are counted in it, where that is not all.
    #[serde(skip)]
    hours: Option<Decimal>,
    /// Whether it deleted everything.
    #[serde(skip)]
    destroyed: bool,
}

/// Connects to the account and the region, for no stack.
pub async fn connect(aws: &Aws, color: Color) -> Result<Session> {
    let region = session::region(aws)?;
    let target =
        Target { stack: "", env: "", region: &region, account: None, said_by: "", history_bucket: None, wants: Wants::default() };
    Session::open(&target, aws, color).await
}

pub async fn run(arguments: Arguments, color: Color) -> Result {
    let session = connect(&arguments.aws, color).await?;
    let listed = all(&session).await?;
    if arguments.json {
        ui::out(&session::json(&listed)?)?;
        return Ok(Exit::Ok);
    }
    if listed.is_empty() {
        let place = &session.cx.scope;
        let text = format!("No stack runs in {}, account {}.", place.region, place.account);
        ui::err(&ui::note(&text, &Terminal::stderr(color)))?;
        return Ok(Exit::Ok);
    }
    let rows: Vec<Vec<String>> = listed.iter().map(Listed::row).collect();
    let headers = ["STACK", "ENVIRONMENT", "STATE", "OBJECTS", "LAST RUN", "BY", "ENDED", "COMMIT", "MONTHLY", "EXPIRES"];
    ui::out(&ui::toned_table(&Terminal::stdout(color), &headers, &rows, &tone))?;
    Ok(Exit::Ok)
}

/// Returns every environment that runs. The index knows what was deleted for a while: what was destroyed completely is left out.
pub async fn all(session: &Session) -> Result<Vec<Listed>> {
    let found = session.hear(tag_index::environments(&session.cx)).await?;
    let listed = iter(found.into_iter().map(|found| listed(session, found))).buffered(AT_ONCE);
    Ok(listed.filter(|listed| std::future::ready(!listed.is_gone())).collect().await)
}

fn tone(header: &str, cell: &str) -> Tone {
    match (header, cell) {
        ("EXPIRES", cell) if cell.starts_with("expired") => Tone::Bad,
        ("ENDED", "complete") => Tone::Good,
        ("ENDED", "partly" | "failed") => Tone::Bad,
        ("ENDED", _) => Tone::Busy,
        _ => Tone::Plain,
    }
}

async fn listed(session: &Session, found: Environment) -> Listed {
    let store = Store::of(&session.to(&found.stack, &found.env).cx);
    // Who may not read the history sees everything else.
    let runs = history::last(&store, 1).await.ok();
    let Environment { stack, env, objects, expires, awake, paused } = found;
    let expired = expires.as_deref().is_some_and(session::is_over);
    let known = awake.as_deref().and_then(|text| text.parse::<Rest>().ok());
    let last_run = runs.and_then(|(runs, _)| runs.into_iter().next()).map(LastRun::of);
    Listed {
        monthly: last_run.as_ref().and_then(|run| run.monthly.clone()),
        unpriced: last_run.as_ref().map_or(0, |run| run.unpriced),
        hours: last_run.as_ref().and_then(|run| run.hours),
        stack,
        env,
        objects,
        expires,
        expired,
        pauses_at: known.as_ref().and_then(|rest| rest.budget),
        // One that cannot be read is shown as it is.
        awake: known.map_or_else(|| awake.clone(), |rest| rest.awake.map(|hours| hours.to_string())),
        rest: awake,
        paused: paused.map(Pause::word),
        last_run,
    }
}

impl LastRun {
    fn of(record: Record) -> LastRun {
        let Record { number, command, began, who, commit, ending, plan, .. } = record;
        let destroyed = ending == Ending::Complete && plan["destroy"] == true;
        let after = plan["price"]["after"]["monthly"].as_str().filter(|_| ending == Ending::Complete);
        let unpriced = plan["price"]["after"]["unpriced"].as_u64().unwrap_or_default();
        let monthly = after.map(str::to_owned);
        let hours =
            plan["price"]["schedule"]["monthly"].as_str().filter(|_| monthly.is_some()).and_then(|text| text.parse().ok());
        LastRun { number, command, began, who, commit, ending: ending.to_string(), monthly, unpriced, hours, destroyed }
    }
}

impl Listed {
    /// Checks whether the last run has deleted everything.
    fn is_gone(&self) -> bool {
        self.last_run.as_ref().is_some_and(|run| run.destroyed)
    }

    /// Returns what is special about what runs, in a word.
    fn state(&self) -> &'static str {
        match self.paused {
            None => "",
            Some(word) if Pause::of(word) == Pause::Unready => "not ready",
            Some(_) => "paused",
        }
    }

    /// Returns what it costs in a month, in words.
    fn price(&self) -> String {
        let Some(monthly) = self.monthly.as_deref().and_then(|monthly| monthly.parse::<Decimal>().ok()) else {
            return String::new();
        };
        let hours = self.hours.map(|hours| format!(" for {} h", hours.quantity())).unwrap_or_default();
        let more = if self.unpriced > 0 { format!(" + {} unpriced", self.unpriced) } else { String::new() };
        format!("{}{hours}{more}", monthly.money())
    }

    fn row(&self) -> Vec<String> {
        let run = self.last_run.as_ref();
        let of = |text: fn(&LastRun) -> String| run.map(text).unwrap_or_default();
        let expires = self.expires.as_deref().map(when).unwrap_or_default();
        vec![
            self.stack.clone(),
            self.env.clone(),
            self.state().to_owned(),
            self.objects.to_string(),
            of(|run| run.began.parse().map_or_else(|_| run.began.clone(), ui::ago)),
            of(|run| run.who.rsplit([':', '/']).next().unwrap_or_default().to_owned()),
            of(|run| run.ending.clone()),
            of(|run| run.commit.as_deref().map(short).unwrap_or_default()),
            self.price(),
            expires,
        ]
    }
}

/// Returns a commit as git abbreviates it, with what is behind its digits.
fn short(commit: &str) -> String {
    let digits: String = commit.chars().take(7).collect();
    if commit.ends_with("-dirty") { format!("{digits}-dirty") } else { digits }
}

/// Returns when an environment expires, seen from now: `in 3d`, `expired 2h ago`, `never`.
fn when(expires: &str) -> String {
    match expires.parse::<Timestamp>() {
        Ok(at) if at <= Timestamp::now() => format!("expired {}", ui::ago(at)),
        Ok(at) => format!("in {}", ui::until(at)),
        Err(_) => expires.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expiry_is_told_from_now() {
        let in_hours = |hours: i64| (Timestamp::now() + jiff::SignedDuration::from_hours(hours)).to_string();
        assert_eq!([when(&in_hours(80)), when(&in_hours(-30)), when("never")], ["in 3d", "expired 30h ago", "never"]);
        assert_eq!([short("0123456789abcdef"), short("0123456789abcdef-dirty")], ["0123456", "0123456-dirty"]);
    }
}

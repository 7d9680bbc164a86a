mod requests;

use std::collections::BTreeSet;
use std::time::Duration;

use clap::Args;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::arguments::{Aws, FileOrStack};
use super::session::{self, Session};
use super::stop::{Exit, Result, Stop};
use crate::aws::logs::lines::{self, Group, Line, Lines, Wanted};
use crate::config;
use crate::ui::{self, Color, LogLine, LogLines, Terminal};

/// How often new lines are asked for.
const EVERY: Duration = Duration::from_secs(2);
/// How many characters of the id of a task are shown.
const ID: usize = 8;

/// Print what services, functions and databases write to their logs
///
/// PART is a service or function (`web`, `services.web`), a database (`databases.main`), `network`, `firewall`, `exec` or `container-insights`.
/// Without one, the lines of all services and functions are printed, one-off tasks included, in the order of their times, which are UTC.
///
/// `load_balancer` and `cdn` print the requests in their access logs. A load balancer writes them every five minutes, CloudFront mostly within an
/// hour; other lines are some seconds late.
#[derive(Args, Debug)]
#[command(override_usage = "stack logs [OPTIONS] [FILE] [PART]...")]
pub struct Arguments {
    #[command(flatten)]
    file: FileOrStack,
    /// What to print the lines of: `web`, `databases.main`
    #[arg(value_name = "PART")]
    parts: Vec<String>,
    #[command(flatten)]
    aws: Aws,
    /// Print new lines as they come, until Ctrl-C
    #[arg(long, short, conflicts_with_all = ["until", "tail"])]
    follow: bool,
    /// How far back to begin, or when: `2h`, `2026-11-27T10:00Z`
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = since)]
    since: When,
    /// Where to end: `5m` ago, or `2026-11-27T10:30Z`
    #[arg(long, value_name = "TIME", value_parser = since)]
    until: Option<When>,
    /// Only lines that match this filter pattern of CloudWatch Logs: `ERROR`, `"two words"`, `{ $.status = 500 }`; of requests only lines with
    /// this text
    #[arg(long, value_name = "PATTERN")]
    filter: Option<String>,
    /// Only lines of the task whose id begins with ID
    #[arg(long, value_name = "ID")]
    task: Option<String>,
    /// Only the last N lines
    #[arg(long, value_name = "N")]
    tail: Option<usize>,
    /// Print each line as JSON, on a line of its own
    #[arg(long)]
    json: bool,
}

/// A time, or how long ago it is.
#[derive(Clone, Copy, Debug)]
enum When {
    Ago(config::Duration),
    At(Timestamp),
}

impl When {
    /// Returns it in milliseconds since 1970.
    fn millis(self, now: Timestamp) -> i64 {
        match self {
            When::At(at) => at.as_millisecond(),
            When::Ago(ago) => {
                let ago = SignedDuration::from_secs(i64::try_from(ago.as_secs()).unwrap_or(i64::MAX));
                now.saturating_sub(ago).map_or(0, Timestamp::as_millisecond).max(0)
            }
        }
    }
}

fn since(text: &str) -> Result<When, String> {
    if let Ok(at) = text.parse() {
        return Ok(When::At(at));
    }
    let help = "write how long ago, such as `30m`, or a time with its zone, such as `2026-11-27T10:00Z`";
    text.parse().map(When::Ago).map_err(|_: config::values::Wrong| help.to_owned())
}

/// A line, for programs.
#[derive(Debug, Serialize)]
struct Printed<'a> {
    time: String,
    part: &'a str,
    log_group: &'a str,
    log_stream: &'a str,
    message: &'a str,
}

pub async fn run(arguments: Arguments, color: Color) -> Result {
    let Arguments { file, parts, aws, follow, since, until, filter, task, tail, json } = arguments;
    let (file, parts) = file.before(parts)?;
    let now = Timestamp::now();
    let (from, to) = (since.millis(now), until.map(|until| until.millis(now)));
    if to.is_some_and(|to| to <= from) {
        let help = "`--since` is the beginning, and `--until` the end".to_owned();
        return Err(Stop::Message(Exit::Usage, "`--until` is not after `--since`".into(), Some(help)));
    }
    let session = Session::given(&file, &aws, color).await?;
    let all = session.hear(lines::groups(&session.cx)).await?;
    if let Some(places) = requests::chosen(&session, &all, &parts).await? {
        let wanted = requests::Wanted { from, to: to.unwrap_or(now.as_millisecond()), text: filter, tail };
        requests::refused(follow, task.is_some())?;
        return requests::print(&session, &places, &wanted, json, color).await;
    }
    let groups = chosen(all, &parts)?;
    let wanted = Wanted { pattern: filter, task, until: to };
    let mut printer = Printer::new(&groups, Terminal::stdout(color), json);
    let mut lines = Lines::from(&session.cx, &wanted, &groups, from);
    let mut kept = Vec::new();
    loop {
        let read = session.hear(lines.next()).await?;
        let ended = read.is_empty();
        match tail {
            None if !printer.print(&read)? => return Ok(Exit::Ok),
            None => {}
            Some(tail) => {
                kept.extend(read);
                kept.drain(..kept.len().saturating_sub(tail));
            }
        }
        match (ended, follow) {
            (false, _) => {}
            (true, false) => break,
            (true, true) => {
                tokio::time::sleep(EVERY).await;
                lines.again(Timestamp::now().as_millisecond());
            }
        }
    }
    printer.print(&kept)?;
    if printer.printed == 0 && !json {
        let text = match since {
            When::Ago(ago) => format!("No lines in the last {ago}: `--since` looks further back."),
            When::At(at) => format!("No lines since {at}."),
        };
        ui::err(&ui::note(&text, &Terminal::stderr(color)))?;
    }
    Ok(Exit::Ok)
}

/// Returns the log groups of the parts that were asked for; without any, those of services and functions.
fn chosen(all: Vec<Group>, parts: &[String]) -> Result<Vec<Group>> {
    let known: BTreeSet<&str> = all.iter().map(|group| group.part.as_str()).collect();
    let list = known.iter().map(|part| format!("`{part}`")).collect::<Vec<_>>().join(", ");
    let mut wanted: BTreeSet<&str> = BTreeSet::new();
    for part in parts {
        let own = part.strip_prefix("services.").or(part.strip_prefix("functions.")).unwrap_or(part);
        let database = format!("databases.{part}");
        let found = [part.as_str(), own, &database].into_iter().find_map(|name| known.get(name));
        let help = if known.is_empty() { "`stack apply` creates what the file has".into() } else { format!("there are {list}") };
        let found = found.ok_or_else(|| Stop::refused(format!("`{part}` has no log group in this environment"), help))?;
        wanted.insert(found);
    }
    let is_wanted = |group: &&Group| if parts.is_empty() { group.is_code } else { wanted.contains(group.part.as_str()) };
    let found: Vec<Group> = all.iter().filter(is_wanted).cloned().collect();
    match (found.is_empty(), known.is_empty()) {
        (false, _) => Ok(found),
        (true, true) => Err(Stop::refused("this environment has no log groups", "`stack apply` creates what the file has")),
        (true, false) => Err(Stop::refused(
            "no service of this environment has a log group",
            format!("name what to print the lines of: {list}"),
        )),
    }
}

/// What prints lines.
struct Printer<'a> {
    groups: &'a [Group],
    lines: LogLines,
    json: bool,
    /// Whether lines are of several parts.
    several: bool,
    printed: usize,
}

impl<'a> Printer<'a> {
    fn new(groups: &'a [Group], terminal: Terminal, json: bool) -> Printer<'a> {
        let several = groups.iter().map(|group| &group.part).collect::<BTreeSet<_>>().len() > 1;
        Printer { groups, lines: LogLines::new(terminal), json, several, printed: 0 }
    }

    /// Prints lines, and returns whether someone still reads them.
    fn print(&mut self, lines: &[(usize, Line)]) -> Result<bool> {
        let mut out = String::new();
        for (number, line) in lines {
            let Some(group) = self.groups.get(*number) else { continue };
            if self.json {
                let time = Timestamp::from_millisecond(line.at).map(|at| at.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string());
                let printed = Printed {
                    time: time.unwrap_or_default(),
                    part: &group.part,
                    log_group: &group.name,
                    log_stream: &line.stream,
                    message: &line.text,
                };
                out += &session::json_line(&printed)?;
            } else {
                let source = source(group, &line.stream, self.several);
                out += &self.lines.line(&LogLine { at: line.at, number: *number, source: &source, text: &line.text });
            }
        }
        self.printed += lines.len();
        Ok(ui::out_read(&out)?)
    }
}

/// Returns what wrote a line: the part, and of what runs in several tasks the beginning of the task's id.
fn source(group: &Group, stream: &str, several: bool) -> String {
    let task: String = match group.is_code {
        true => stream.rsplit('/').next().unwrap_or_default().chars().take(ID).collect(),
        false => String::new(),
    };
    match (several, task.is_empty()) {
        (true, true) => group.part.clone(),
        (true, false) => format!("{}/{task}", group.part),
        (false, _) => task,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(part: &str, is_code: bool) -> Group {
        Group { name: format!("/stack/shop/default/{part}"), part: part.into(), is_code }
    }

    fn all() -> Vec<Group> {
        vec![group("api", true), group("databases.main", false), group("network", false), group("web", true)]
    }

    fn parts(given: &[&str]) -> Result<Vec<String>> {
        let given: Vec<String> = given.iter().map(|part| (*part).to_owned()).collect();
        Ok(chosen(all(), &given)?.into_iter().map(|group| group.part).collect())
    }

    #[test]
    fn a_part_is_known_by_its_short_and_its_long_name() {
        assert_eq!(parts(&[]).unwrap(), ["api", "web"]);
        assert_eq!(parts(&["services.web", "network"]).unwrap(), ["network", "web"]);
        assert_eq!(parts(&["main", "api"]).unwrap(), ["api", "databases.main"]);
        assert_eq!(parts(&["databases.main"]).unwrap(), ["databases.main"]);
    }

    #[test]
    fn what_has_no_logs_is_refused_with_what_has() {
        let refused = |result: Result<Vec<Group>>| match result {
            Err(Stop::Message(Exit::Refused, text, Some(help))) => format!("{text}; {help}"),
            other => panic!("{other:?}"),
        };
        let given = |part: &str| vec![part.to_owned()];
        let text = refused(chosen(all(), &given("wbe")));
        assert_eq!(text, "`wbe` has no log group in this environment; there are `api`, `databases.main`, `network`, `web`");
        let text = refused(chosen(vec![group("network", false)], &[]));
        assert_eq!(text, "no service of this environment has a log group; name what to print the lines of: `network`");
        assert!(refused(chosen(Vec::new(), &[])).starts_with("this environment has no log groups"));
    }

    #[test]
    fn a_time_is_a_moment_or_how_long_ago_it_is() {
        let now: Timestamp = "2026-11-27T10:00:00Z".parse().unwrap();
        assert_eq!(since("10m").unwrap().millis(now), now.as_millisecond() - 600_000);
        assert_eq!(since("2026-11-27T09:00Z").unwrap().millis(now), now.as_millisecond() - 3_600_000);
        assert!(since("yesterday").unwrap_err().contains("such as `30m`"));
    }

    #[test]
    fn a_source_is_as_short_as_it_can_be() {
        let stream = "web/web/0123456789abcdef";
        assert_eq!(source(&group("web", true), stream, true), "web/01234567");
        assert_eq!(source(&group("web", true), stream, false), "01234567");
        assert_eq!(source(&group("databases.main", false), "shop.0", true), "databases.main");
        assert_eq!(source(&group("network", false), "eni-1", false), "");
    }
}

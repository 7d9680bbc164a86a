//! Requests to the load balancer and the distribution, which their access logs have: files in buckets, and not log groups.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use crate::aws::cloudfront::Distribution;
use crate::aws::elbv2::LoadBalancer;
use crate::aws::logs::lines::Group;
use crate::aws::s3::requests::{self, Place, Request, Writer};
use crate::commands::session::{self, Session};
use crate::commands::stop::{Exit, Result, Stop};
use crate::engine::token::{self, Token};
use crate::engine::{Claim, Resource, Seen};
use crate::ui::{self, Color, LogLine, LogLines, Terminal};

/// The parts with access logs, as the file calls them.
const PARTS: [&str; 2] = ["load_balancer", "cdn"];

/// Which requests are wanted.
pub struct Wanted {
    /// From when on, in milliseconds since 1970.
    pub from: i64,
    /// Until when, in the same.
    pub to: i64,
    /// The text that their lines have.
    pub text: Option<String>,
    /// How many of the last.
    pub tail: Option<usize>,
}

impl Wanted {
    fn has(&self, request: &Request) -> bool {
        let text = self.text.as_ref().is_none_or(|text| request.line.contains(text));
        text && (self.from..=self.to).contains(&request.at)
    }
}

/// A request, for programs.
#[derive(Debug, Serialize)]
struct Printed<'a> {
    time: String,
    part: &'a str,
    file: String,
    message: &'a str,
}

/// Returns where the requests of the parts are that were asked for; nothing if these are parts with log groups.
pub async fn chosen(session: &Session, groups: &[Group], parts: &[String]) -> Result<Option<Vec<(&'static str, Place)>>> {
    // A service can have such a name, too.
    let is_group = |part: &str| groups.iter().any(|group| group.part == part);
    let asked: Vec<&'static str> =
        PARTS.into_iter().filter(|name| parts.iter().any(|part| part == name) && !is_group(name)).collect();
    if asked.is_empty() {
        return Ok(None);
    }
    if let Some(other) = parts.iter().find(|part| !asked.contains(&part.as_str())) {
        return Err(Stop::Message(
            Exit::Usage,
            format!("`{}` and `{other}` cannot be printed together", asked[0]),
            Some("access logs are files in a bucket, and the others are log groups: use a command for each".into()),
        ));
    }
    let mut places = Vec::new();
    for part in asked {
        let found = match part {
            "cdn" => session.read(Distribution::KIND).await?.iter().filter_map(of_distribution).collect::<Vec<_>>(),
            _ => session.read(LoadBalancer::KIND).await?.iter().filter_map(of_balancer).collect(),
        };
        if found.is_empty() {
            let key = if part == "cdn" { "logs" } else { "access_logs" };
            return Err(Stop::refused(
                format!("nothing in this environment logs requests of `{part}`"),
                format!("`{part}: {{ {key}: true }}` in the file does, which is the default"),
            ));
        }
        places.extend(found.into_iter().map(|place| (part, place)));
    }
    Ok(Some(places))
}

/// Refuses options that mean nothing for access logs.
pub fn refused(follow: bool, task: bool) -> Result<()> {
    let option = if follow { "--follow" } else { "--task" };
    if !follow && !task {
        return Ok(());
    }
    let help = "access logs are written every five minutes or later, and know no tasks";
    Err(Stop::Message(Exit::Usage, format!("`{option}` is not possible for access logs"), Some(help.into())))
}

fn is_own(seen: &Seen) -> bool {
    matches!(seen.claim, Claim::Ours(_)) && !seen.state.is_gone()
}

/// Returns a name as AWS has it: those of the stack's own objects are read as references.
fn plain(text: &str) -> &str {
    match token::whole(text) {
        Some(Token::Physical { value, .. }) => value,
        _ => text,
    }
}

fn of_balancer(seen: &Seen) -> Option<Place> {
    let attribute = |name: &str| seen.fields.get("attributes")?.get(format!("access_logs.s3.{name}"))?.as_str();
    let is_on = is_own(seen) && attribute("enabled") == Some("true");
    let bucket = attribute("bucket").filter(|bucket| is_on && !bucket.is_empty())?;
    Some(Place {
        bucket: plain(bucket).to_owned(),
        prefix: attribute("prefix").unwrap_or_default().to_owned(),
        writer: Writer::LoadBalancer,
    })
}

fn of_distribution(seen: &Seen) -> Option<Place> {
    let logs = |name: &str| seen.fields.get("logs")?.get(name)?.as_str();
    let domain = plain(logs("bucket").filter(|_| is_own(seen))?);
    Some(Place {
        bucket: domain.split(".s3.").next().unwrap_or(domain).to_owned(),
        prefix: logs("prefix").unwrap_or_default().to_owned(),
        writer: Writer::Distribution(seen.live.get("id").and_then(Value::as_str)?.to_owned()),
    })
}

/// Prints the requests, period by period, and within each by their times.
pub async fn print(session: &Session, places: &[(&'static str, Place)], wanted: &Wanted, json: bool, color: Color) -> Result {
    let mut lines = LogLines::new(Terminal::stdout(color));
    let several = places.iter().any(|(part, _)| *part != places[0].0);
    let mut write = |read: &[(usize, Request)]| -> Result<bool> {
        let mut out = String::new();
        for (number, request) in read {
            let Some((part, place)) = places.get(*number) else { continue };
            out += &if json {
                let time = Timestamp::from_millisecond(request.at).map(|at| at.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string());
                let file = format!("s3://{}/{}", place.bucket, request.file);
                session::json_line(&Printed { time: time.unwrap_or_default(), part, file, message: &request.line })?
            } else {
                let source = if several { *part } else { "" };
                lines.line(&LogLine { at: request.at, number: *number, source, text: &request.line })
            };
        }
        Ok(ui::out_read(&out)?)
    };
    let (mut kept, mut printed): (Vec<(usize, Request)>, usize) = (Vec::new(), 0);
    for (number, (_, place)) in places.iter().enumerate() {
        let files = session.hear(requests::files(&session.cx, place, wanted.from, wanted.to)).await?;
        for some in files.values() {
            let read = session.hear(requests::read(&session.cx, place, some)).await?;
            let read: Vec<(usize, Request)> =
                read.into_iter().filter(|request| wanted.has(request)).map(|request| (number, request)).collect();
            printed += read.len();
            if let Some(tail) = wanted.tail {
                kept.extend(read);
                kept.sort_by_key(|(_, request)| request.at);
                kept.drain(..kept.len().saturating_sub(tail));
            } else if !write(&read)? {
                return Ok(Exit::Ok);
            }
        }
    }
    write(&kept)?;
    if printed == 0 && !json {
        let text = "No requests in this time. A load balancer logs them every five minutes, CloudFront mostly within an hour, and at times \
                    a day later; `--since` looks further back.";
        ui::err(&ui::note(text, &Terminal::stderr(color)))?;
    }
    Ok(Exit::Ok)
}

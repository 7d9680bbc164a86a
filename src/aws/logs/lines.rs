//! The lines in the log groups of a stack: which groups it has, and what was written to them between two times
//! (<https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_FilterLogEvents.html>).

use std::collections::{HashSet, VecDeque};

use futures::future::try_join_all;

use super::log_group::{BY_AWS, by_aws, of_waf, own, prefix, tags_of, waf_prefix};
use crate::aws::call::answers::present;
use crate::aws::logs::errors::failed;
use crate::aws::{Cx, Tags};
use crate::engine::tags::{TAG_KEY, TAG_STACK};
use crate::engine::{Error, Result};

/// How late a line may come and is still read when the reading goes on, in milliseconds.
const LATE: i64 = 15_000;

/// A log group of the stack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Its name.
    pub name: String,
    /// The part of the stack that writes to it: `web`, `databases.main`, `network`, `firewall`, `exec`, `container-insights`.
    pub part: String,
    /// Whether a service or a function of the stack writes to it.
    pub is_code: bool,
}

impl Group {
    /// Returns what a log group is of, by its name and, where AWS chose that, its tags; nothing when it is not the stack's. One that AWS
    /// made and nobody has tagged yet is told by its name alone.
    fn of(cx: &Cx, name: &str, tags: &Tags) -> Option<Group> {
        let group = |part: String, is_code| Some(Group { name: name.to_owned(), part, is_code });
        if let Some(rest) = name.strip_prefix(&prefix(&cx.scope)) {
            return match rest.split_once('/') {
                None => group(rest.to_owned(), true),
                Some((part, _)) => group(part.to_owned(), false),
            };
        }
        if name.starts_with(&waf_prefix(&cx.scope, &cx.scope.region)) {
            return group("firewall".to_owned(), false);
        }
        if tags.contains_key(TAG_STACK) && !cx.scope.owns(tags) {
            return None;
        }
        if let Some((id, log)) = name.strip_prefix(BY_AWS[0]).and_then(|rest| rest.split_once('/')) {
            // `logs.log_group/db-main-postgresql`, whatever the database is called after it was replaced.
            let key = tags.get(TAG_KEY).and_then(|key| key.split_once("/db-")?.1.strip_suffix(log)?.strip_suffix('-'));
            let own = id.strip_prefix(&cx.scope.prefix()).unwrap_or(id).trim_start_matches('-');
            let own = key.unwrap_or(if own.is_empty() { "main" } else { own });
            return group(format!("databases.{own}"), false);
        }
        group("container-insights".to_owned(), false)
    }
}

/// Returns the log groups of the stack in its region, by name.
///
/// # Errors
/// When CloudWatch Logs cannot be asked.
pub async fn groups(cx: &Cx) -> Result<Vec<Group>> {
    let (own, by_aws, of_waf) = futures::try_join!(own(cx), by_aws(cx), of_waf(cx, &cx.scope.region))?;
    let all = own.iter().cloned().chain(by_aws).chain(of_waf).filter_map(|group| {
        let arn = group.log_group_arn().or(group.arn()).unwrap_or_default().trim_end_matches(":*").to_owned();
        Some((group.log_group_name?, arn))
    });
    let tagged = try_join_all(all.map(async |(name, arn)| {
        let tags = if BY_AWS.iter().any(|begin| name.starts_with(begin)) { tags_of(cx, &arn).await? } else { Tags::new() };
        Ok::<_, Error>((name, tags))
    }));
    let mut groups: Vec<Group> = tagged.await?.iter().filter_map(|(name, tags)| Group::of(cx, name, tags)).collect();
    groups.sort_by(|a, b| a.name.cmp(&b.name));
    groups.dedup();
    Ok(groups)
}

/// A line of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// When it was written, in milliseconds since 1970.
    pub at: i64,
    /// The stream that it is in.
    pub stream: String,
    /// The line, without an end.
    pub text: String,
}

/// What is read of log groups.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Only lines that match this filter pattern of CloudWatch Logs
    /// (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html>).
    pub pattern: Option<String>,
    /// Only lines of the task whose id begins so: the last part of the name of a stream.
    pub task: Option<String>,
    /// Only lines until this time, in milliseconds since 1970.
    pub until: Option<i64>,
}

/// The lines of several log groups in the order of their times, read a page at a time.
pub struct Lines<'a> {
    cx: &'a Cx,
    wanted: &'a Wanted,
    groups: Vec<Reading<'a>>,
}

/// How far a log group was read.
#[derive(Debug)]
struct Reading<'a> {
    group: &'a str,
    /// Where it begins, in milliseconds since 1970.
    from: i64,
    /// What was read of it and not given yet, the oldest first.
    lines: VecDeque<Line>,
    /// The next page; `Some(None)` for the first one, and nothing at the end.
    next: Option<Option<String>>,
    /// What CloudWatch Logs knows those lines by that were given and would be read again.
    given: HashSet<String>,
    /// The same with their times, in the order in which they came.
    times: VecDeque<(i64, String)>,
    /// The time of the newest line.
    newest: Option<i64>,
}

impl<'a> Lines<'a> {
    /// Begins to read these groups from a time on, in milliseconds since 1970.
    pub fn from(cx: &'a Cx, wanted: &'a Wanted, groups: &'a [Group], from: i64) -> Lines<'a> {
        let reading = |group: &'a Group| Reading {
            group: &group.name,
            from,
            lines: VecDeque::new(),
            next: Some(None),
            given: HashSet::new(),
            times: VecDeque::new(),
            newest: None,
        };
        Lines { cx, wanted, groups: groups.iter().map(reading).collect() }
    }

    /// Returns the next lines, each with the number of its group; none at the end.
    ///
    /// # Errors
    /// When CloudWatch Logs cannot be asked.
    pub async fn next(&mut self) -> Result<Vec<(usize, Line)>> {
        let (cx, wanted) = (self.cx, self.wanted);
        try_join_all(self.groups.iter_mut().map(|reading| reading.fill(cx, wanted))).await?;
        let mut out = Vec::new();
        // As long as no group must be asked for what may be older.
        while self.groups.iter().all(|reading| !reading.lines.is_empty() || reading.next.is_none()) {
            let heads = self.groups.iter().enumerate().filter_map(|(at, reading)| Some((reading.lines.front()?.at, at)));
            let Some((_, at)) = heads.min() else { break };
            out.extend(self.groups[at].lines.pop_front().map(|line| (at, line)));
        }
        Ok(out)
    }

    /// Begins to read again, from some seconds before the newest line on, or before `now` where no line has come, in milliseconds
    /// since 1970: what was given already is not given again, and what CloudWatch Logs gets later than that is missed.
    pub fn again(&mut self, now: i64) {
        for reading in &mut self.groups {
            let known = reading.newest.map_or(now - LATE * 8, |newest| newest - LATE);
            reading.from = reading.from.max(known);
            reading.next = Some(None);
        }
    }
}

impl Reading<'_> {
    /// Reads pages until there is a line, or the end: a page can be empty and not be the last one.
    async fn fill(&mut self, cx: &Cx, wanted: &Wanted) -> Result<()> {
        while self.lines.is_empty() {
            let Some(token) = self.next.take() else { break };
            let call = cx.cloud.logs.filter_log_events().log_group_name(self.group).start_time(self.from);
            let call = call.set_end_time(wanted.until).set_filter_pattern(wanted.pattern.clone()).set_next_token(token);
            let answer = call.send().await.map_err(failed("logs:FilterLogEvents"));
            // One that was deleted meanwhile has no lines.
            let Some(answer) = present(answer.map(Some))? else { break };
            self.next = answer.next_token.map(Some);
            self.take(answer.events.unwrap_or_default(), wanted);
        }
        Ok(())
    }

    fn take(&mut self, events: Vec<aws_sdk_cloudwatchlogs::types::FilteredLogEvent>, wanted: &Wanted) {
        for event in events {
            let (Some(at), Some(id)) = (event.timestamp, event.event_id) else { continue };
            let stream = event.log_stream_name.unwrap_or_default();
            let task = stream.rsplit('/').next().unwrap_or_default();
            if wanted.task.as_ref().is_some_and(|wanted| !task.starts_with(wanted.as_str())) || !self.given.insert(id.clone()) {
                continue;
            }
            self.times.push_back((at, id));
            self.newest = self.newest.max(Some(at));
            let text = event.message.unwrap_or_default();
            self.lines.push_back(Line { at, stream, text: text.trim_end_matches(['\n', '\r']).to_owned() });
        }
        // What is older is not read again.
        let old = self.newest.unwrap_or_default() - LATE;
        while let Some((_, id)) = self.times.pop_front_if(|(at, _)| *at < old) {
            self.given.remove(&id);
        }
    }
}

//! A database beside the one that runs, and in its place.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::From;
use crate::aws::ownership::tags::TAG_BEGINS;
use crate::aws::rds::switch::{self, Beside, Switch};
use crate::aws::rds::{Begin, Instance, window};
use crate::aws::runs::history::{self, Ending, Record};
use crate::aws::runs::lease::Holder;
use crate::aws::runs::store::Store;
use crate::commands::arguments::StackFile;
use crate::commands::consent::{self, Applying};
use crate::commands::run::{self, Run};
use crate::commands::session::Session;
use crate::commands::stop::{Exit, Interrupted, Result, Stop};
use crate::config::Loaded;
use crate::engine::tags::{TAG_BESIDE, TAG_KEY};
use crate::engine::{self, Effect, Error, Graph, Impact, Item, Key, Node, Plan, Readiness, Resource, Snapshot};
use crate::ui::{self, Color, Terminal};

/// How often a database that is renamed is looked at.
const LOOK: Duration = Duration::from_secs(5);
/// How long a switch may take: AWS needs about ten minutes for each of two names.
const LONGEST: Duration = Duration::from_secs(3 * 3600);
/// The fields in which a restored database is compared with the one that runs.
const COMPARED: &[&str] = &[
    "engine",
    "engine_version",
    "class",
    "storage",
    "storage_type",
    "iops",
    "throughput",
    "multi_az",
    "subnet_group",
    "security_groups",
    "parameter_group",
    "port",
    "database",
    "user",
    "encrypted",
    "kms_key",
    "backup_days",
    "deletion_protection",
];

/// A database of the file.
pub struct One<'a> {
    /// Its name in the file.
    pub name: &'a str,
    file: &'a StackFile,
    text: &'a str,
    loaded: &'a Loaded,
    applying: &'a Applying,
    /// The connection.
    pub session: Session,
    /// When to use colour.
    pub color: Color,
}

impl<'a> One<'a> {
    /// Connects for a database of a file.
    pub async fn of(
        name: &'a str,
        file: &'a StackFile,
        text: &'a str,
        loaded: &'a Loaded,
        applying: &'a Applying,
        color: Color,
    ) -> Result<One<'a>> {
        let session = Session::of(loaded, &applying.aws, color).await?.limited(None);
        Ok(One { name, file, text, loaded, applying, session, color })
    }

    /// Checks whether JSON is wanted.
    pub fn json(&self) -> bool {
        self.applying.consent.json
    }

    fn key(&self) -> Key {
        Key::new(Instance::KIND, self.name)
    }

    /// Returns the identifier of the database that runs.
    pub async fn id(&self) -> Result<String> {
        let seen = self.session.read(Instance::KIND).await?;
        let key = Some(self.key());
        let found = seen.iter().find(|seen| seen.key() == key).and_then(|seen| seen.live["id"].as_str());
        found.map(str::to_owned).ok_or_else(|| {
            Stop::message(
                format!("`databases.{}` does not run", self.name),
                "`stack apply` creates it; `stack show` lists what runs",
            )
        })
    }

    /// Restores it beside the one that runs.
    pub async fn restore(&self, from: &From<'_>, only_plan: bool) -> Result {
        let id = self.id().await?;
        let beside = self.session.hear(switch::beside(&self.session.cx, self.name)).await?;
        let (begin, time) = self.beginning(from, &id, &beside).await?;
        let key = Key::new(Instance::KIND, switch::restored(self.name, &time));
        let known = beside.iter().find(|one| one.name == key.name);
        if let Some(other) = known.filter(|one| !one.is_ours) {
            return Err(not_ours(other));
        }
        if let Some(other) = known.filter(|one| one.begins.as_ref() != Some(&begin.to_string())) {
            return Err(Stop::refused(
                format!("nothing was changed: `{key}` exists, from {}", other.begins.as_deref().unwrap_or("something else")),
                format!("delete it first: `stack apply --allow-delete {key}`"),
            ));
        }
        if let (None, Begin::PointInTime { at: Some(at), .. }) = (known, &begin)
            && let Some((why, help)) = self.session.hear(window::refusal(&self.session.cx, &id, at)).await?
        {
            return Err(Stop::refused(format!("nothing was changed: {why}"), help));
        }
        let consent = &self.applying.consent;
        let agreed = consent.allow.consent();
        let plan = async || {
            let add = |graph: &mut Graph, _: &Snapshot| self.add(graph, &key, &begin);
            let mut plan = self.session.plan_with(self.loaded, add).await?;
            plan.only(&key)?;
            Result::<Plan>::Ok(plan)
        };
        if only_plan {
            self.show(&consent::with(plan().await?, &agreed)?, &agreed)?;
            return Ok(Exit::Ok);
        }
        let run = Run {
            command: "restore",
            file: self.file,
            text: Some(self.text),
            commit: None,
            consent,
            agreed: &agreed,
            verbose: self.applying.verbose,
            color: self.color,
        };
        let exit = run.execute(&self.session, plan).await?;
        if exit as u8 == Exit::Ok as u8 && !self.json() {
            self.compare(&key, &begin).await?;
        }
        Ok(exit)
    }

    /// Returns what it begins with, and the time in its name.
    async fn beginning(&self, from: &From<'_>, id: &str, beside: &[Beside]) -> Result<(Begin, String)> {
        let word = |at: &jiff::Timestamp| at.strftime("%Y%m%dt%H%M%Sz").to_string();
        let at_time = |at: &jiff::Timestamp| (Begin::PointInTime { database: id.to_owned(), at: Some(at.to_string()) }, word(at));
        let wrong = |what: &str| Stop::from(Error::internal(format!("`{what}` is no time")));
        match from {
            From::Time(at) => Ok(at_time(at)),
            From::Latest => {
                // The latest time is another one in every run: one that was begun is continued.
                let restored = || beside.iter().filter(|one| one.is_restored && one.is_ours);
                if let Some(one) = restored().find(|one| !one.is_complete).or_else(|| restored().next_back()) {
                    let of = one.begins.as_deref().and_then(|of| of.split_once('@'));
                    let at = of.and_then(|(_, at)| at.parse::<jiff::Timestamp>().ok());
                    if let Some(at) = at.filter(|_| one.is_complete) {
                        self.session.say(&format!(
                            "`{}` stands beside it already, as it was at {at}: `--to-time` restores another time.",
                            one.key()
                        ))?;
                    }
                    return at.map(|at| at_time(&at)).ok_or_else(|| {
                        Stop::refused(
                            format!(
                                "nothing was changed: `{}` stands beside it already, from {}",
                                one.key(),
                                one.begins.as_deref().unwrap_or("something else")
                            ),
                            format!(
                                "name another time with `--to-time`, or delete it: `stack apply --allow-delete {}`",
                                one.key()
                            ),
                        )
                    });
                }
                let window = self.session.hear(window::of(&self.session.cx, id)).await?;
                match window.and_then(|window| window.latest) {
                    Some(latest) => Ok(at_time(&latest.parse().map_err(|_| wrong(&latest))?)),
                    None => Err(Stop::refused(
                        format!("nothing was changed: the database `{id}` has no automated backup"),
                        "restore a snapshot, or turn its backups on",
                    )),
                }
            }
            From::Snapshot(name) => {
                let found = self.session.hear(window::snapshot(&self.session.cx, name)).await?;
                let taken = found.and_then(|found| found.taken);
                let taken = taken.ok_or_else(|| {
                    let help = format!("`stack restore {} databases.{} --list` shows them", self.file.typed(), self.name);
                    Stop::refused(format!("nothing was changed: the snapshot `{name}` does not exist, or is not complete"), help)
                })?;
                let at: jiff::Timestamp = taken.parse().map_err(|_| wrong(&taken))?;
                Ok((Begin::Snapshot((*name).to_owned()), word(&at)))
            }
        }
    }

    /// Adds the restored database to what is desired: like that of the file, and in no file.
    fn add(&self, graph: &mut Graph, key: &Key, begin: &Begin) -> Result<()> {
        let Some(of) = graph.get(&self.key()) else { return Err(Error::internal(format!("`{}` is missing", self.key())).into()) };
        let (mut desired, origin) = (of.desired.as_ref().clone(), of.origin.clone());
        desired["begin"] = serde_json::to_value(begin).map_err(|e| Error::internal(e.to_string()))?;
        // RDS would create groups of its own name for its logs, which nobody deletes.
        desired["logs"] = json!([]);
        desired["running"] = true.into();
        if let Some(fields) = desired.as_object_mut() {
            fields.remove("after");
        }
        let tags = &mut desired["tags"];
        tags["Name"] = format!("{}-{}", self.session.cx.scope.prefix(), key.name).into();
        tags[TAG_KEY] = key.to_string().into();
        tags[TAG_BESIDE] = self.name.into();
        tags[TAG_BEGINS] = begin.to_string().into();
        Ok(graph.insert(Node { key: key.clone(), desired: Arc::new(desired), origin })?)
    }

    fn show(&self, plan: &Plan, agreed: &engine::Consent) -> Result<()> {
        let rules = |kind: &str| self.session.registry.rules(kind);
        let change = self.session.pricing.change(plan);
        let view = ui::View {
            price: Some(&change),
            terminal: Terminal::stderr(self.color),
            file: &self.file.file,
            verbose: self.applying.verbose,
            consent: agreed,
            via: self.session.via.as_deref(),
            rules: &rules,
        };
        Ok(ui::err(&ui::plan_text(plan, &view))?)
    }

    /// Says how the restored one differs from the one that runs.
    async fn compare(&self, key: &Key, begin: &Begin) -> Result<()> {
        let seen = self.session.read(Instance::KIND).await?;
        let of = |key: &Key| seen.iter().find(|seen| seen.key().as_ref() == Some(key));
        let (Some(main), Some(beside)) = (of(&self.key()), of(key)) else { return Ok(()) };
        let id = beside.live["id"].as_str().unwrap_or_default();
        let host = beside.live["host"].as_str().unwrap_or("none yet");
        let data = match begin {
            Begin::PointInTime { at: Some(at), .. } => format!("as it was at {at}"),
            other => format!("from {other}"),
        };
        self.session.say(&format!("{id} is restored {data}. Its address: {host}."))?;
        let rows = differences(&main.fields, &beside.fields);
        if rows.is_empty() {
            self.session.say("Its settings are those of the one that runs.")?;
        } else {
            let now = main.live["id"].as_str().unwrap_or_default();
            ui::err(&ui::table(&Terminal::stderr(self.color), &["FIELD", now, id], &rows))?;
        }
        let typed = self.file.typed();
        self.session
            .say(&format!("`stack restore {typed} databases.{} --switch` gives it the place of the one that runs.", self.name))
    }

    /// Gives the restored database the place of the one that runs.
    pub async fn switch(&self, beside: Option<&str>, only_plan: bool) -> Result {
        let Some(found) = self.found(beside).await? else { return Ok(Exit::Ok) };
        if let Some((why, help)) = found.refused() {
            return Err(Stop::refused(format!("nothing was changed: {why}"), help));
        }
        let plan = self.plan_of(&found)?;
        let agreed = self.applying.consent.allow.consent();
        self.show(&plan, &agreed)?;
        if only_plan {
            return Ok(Exit::Ok);
        }
        if !self.applying.consent.yes && !consent::confirmed("Switch?", "switch")? {
            return Ok(Exit::Refused);
        }
        let command = format!("stack restore {} databases.{} --switch", self.file.typed(), self.name);
        let interrupted = Interrupted::listen();
        let lease = run::lease(&self.session, &command).await?;
        let result = self.switched(&plan, &found, &command, &interrupted).await;
        lease.release().await;
        let kept = found.kept();
        match result? {
            Exit::Ok => {}
            other => return Ok(other),
        }
        self.session
            .say(&format!("Switched. The one that ran is `{kept}` and stays: `stack apply --allow-delete {kept}` deletes it."))?;
        if found.changes_secret() {
            self.session.say("Services log in with the password of the restored database after the next `stack apply`.")?;
        }
        self.session.say(&format!("`stack apply {}` makes the rest as the file says.", self.file.typed()))?;
        Ok(Exit::Ok)
    }

    /// Returns the switch that is meant; none when there is nothing to do, which is said.
    async fn found(&self, beside: Option<&str>) -> Result<Option<Switch>> {
        let cx = &self.session.cx;
        let begun = self.session.hear(switch::look(cx, self.name, None)).await?;
        if begun.is_some() {
            self.session.say("A switch was begun, and is continued.")?;
            return Ok(begun);
        }
        let all = self.session.hear(switch::beside(cx, self.name)).await?;
        let named =
            |one: &&Beside| beside.map_or(one.is_restored, |name| one.name == name || one.id == name || one.key() == name);
        let fits: Vec<&Beside> = all.iter().filter(named).collect();
        let list = || all.iter().map(|one| format!("`{}`", one.name)).collect::<Vec<_>>().join(", ");
        let name = match (&fits[..], beside) {
            ([one], _) if !one.is_ours => return Err(not_ours(one)),
            ([one], _) => one.name.clone(),
            ([], None) if !all.is_empty() => {
                self.session.say(&format!("Nothing to do: no restored database stands beside it. With `--switch=NAME` one of these takes its place: {}.", list()))?;
                return Ok(None);
            }
            ([], _) => {
                let (what, help) = match all.is_empty() {
                    true => ("no database was restored".to_owned(), "`--to-time TIME` restores one".to_owned()),
                    false => {
                        (format!("`{}` does not stand beside it", beside.unwrap_or_default()), format!("there is: {}", list()))
                    }
                };
                return Err(Stop::refused(format!("nothing was changed: {what}"), help));
            }
            _ => {
                let help = format!("name one with `--switch=NAME`: {}", list());
                return Err(Stop::refused("nothing was changed: several databases were restored", help));
            }
        };
        let found = self.session.hear(switch::look(cx, self.name, Some(&name))).await?;
        found.map(Some).ok_or_else(|| {
            Stop::refused(
                format!("nothing was changed: `databases.{}` does not run under its name", self.name),
                "`stack show` lists what runs",
            )
        })
    }

    /// Returns the plan of a switch, to be shown and recorded.
    fn plan_of(&self, found: &Switch) -> Result<Plan> {
        let kept = found.kept();
        let item = |(key, before, after): (Key, String, String), effects: Vec<Effect>| -> Result<Option<Item>> {
            if before == after {
                return Ok(None);
            }
            let changes = json!([{"path": "identifier", "before": before, "after": after}]);
            let is = json!({"live": {"id": before}, "fields": {}, "state": "ready"});
            let item = json!({"key": key, "action": "update", "generation": 1, "changes": changes, "effects": effects,
                "desired": {}, "before": is, "origin": format!("databases.{}", self.name)});
            Ok(Some(serde_json::from_value(item).map_err(|e| Error::internal(e.to_string()))?))
        };
        let [old, new] = found.renamed(&self.session.cx);
        let away = "it does not answer until the other one has its name: AWS needs about 10 minutes to rename a database";
        let mut to = vec![Effect::new(
            Impact::LosesData,
            format!("what was written since the data of this one was taken stays in `{kept}`"),
        )];
        if found.changes_secret() {
            let words = "RDS keeps its password in another secret: services log in again after the next `stack apply`";
            to.push(Effect::new(Impact::Interrupts, words));
        }
        let items = [item(old, vec![Effect::new(Impact::Interrupts, away).lasting(600, 1200)])?, item(new, to)?];
        Ok(Plan {
            version: engine::plan::VERSION,
            scope: self.session.cx.scope.as_ref().clone(),
            destroy: false,
            hints: Vec::new(),
            kept_in: None,
            moved: Vec::new(),
            ignored_tags: Vec::new(),
            items: items.into_iter().flatten().collect(),
            awake: Vec::new(),
        })
    }

    /// Does one step after the other, and records the run.
    async fn switched(&self, plan: &Plan, shown: &Switch, command: &str, interrupted: &Interrupted) -> Result {
        let session = &self.session;
        // What was shown is what is done, and nobody changes it now: the lease is this run's.
        let again = session.hear(switch::look(&session.cx, self.name, Some(shown.from()))).await?;
        let Some(first) = again.filter(|again| again.is_same(shown)) else {
            return Err(Stop::refused("nothing was changed: the databases were changed in the meantime", "try again"));
        };
        if let Some((why, help)) = first.refused() {
            return Err(Stop::refused(format!("nothing was changed: {why}"), help));
        }
        let store = Store::of(&session.cx);
        let mut record = self.record(plan, command)?;
        session.kept(history::begin(&store, &mut record)).await?;
        let result = self.steps(first, interrupted).await;
        record.ended = Some(history::now());
        record.ending = match &result {
            Ok(Exit::Ok) => Ending::Complete,
            Ok(_) => Ending::Interrupted,
            Err(_) => Ending::Partly,
        };
        if let Err(e) = session.kept(history::end(&store, &record)).await {
            ui::err(&e.show(&Terminal::stderr(self.color)))?;
        }
        result
    }

    async fn steps(&self, first: Switch, interrupted: &Interrupted) -> Result {
        let (session, since) = (&self.session, Instant::now());
        let mut said = String::new();
        let mut now = Some(first);
        loop {
            let Some(switch) = now else {
                return Err(Stop::message(
                    "one of the two databases does not exist any more",
                    "`stack restore --list` shows what there is",
                )
                .midway());
            };
            let next = "the same command continues the switch";
            let state = session.hear(switch.step(&session.cx)).await.map_err(|stop| stop.midway().hint(next))?;
            match state {
                Readiness::Ready => return Ok(Exit::Ok),
                Readiness::Waiting { status, .. } => {
                    if status != said {
                        session.say(&status)?;
                        said = status;
                    }
                }
                other => {
                    let word = other.word().unwrap_or("unknown").to_owned();
                    return Err(Stop::message(format!("a database is `{word}`"), next).midway());
                }
            }
            if interrupted.is_set() {
                session.say(
                    "Interrupted: the same command continues the switch. Until then, no other command changes this environment.",
                )?;
                return Ok(Exit::Interrupted);
            }
            if since.elapsed() > LONGEST {
                return Err(Stop::message("AWS has not renamed the databases yet", next).midway());
            }
            tokio::time::sleep(pause(&said)).await;
            now = session.hear(switch::look(&session.cx, self.name, None)).await.map_err(|stop| stop.midway().hint(next))?;
        }
    }

    fn record(&self, plan: &Plan, command: &str) -> Result<Record> {
        let own = Holder::own(&self.session.who, command);
        let agreed = self.applying.consent.allow.consent();
        Ok(Record {
            number: 0,
            command: own.command,
            who: own.who,
            host: own.host,
            began: history::now(),
            ended: None,
            version: env!("CARGO_PKG_VERSION").into(),
            commit: None,
            file: self.file.file.clone(),
            like: self.file.like.clone(),
            expires: None,
            text: Some(self.text.to_owned()),
            wanted: Vec::new(),
            moved: Vec::new(),
            ignored_tags: Vec::new(),
            plan: serde_json::to_value(ui::plan_json(plan, &agreed, Vec::new())).map_err(|e| Error::internal(e.to_string()))?,
            ending: Ending::Open,
            outcome: Value::Null,
        })
    }
}

/// Refuses a database that only its tags attribute to the stack.
fn not_ours(other: &Beside) -> Stop {
    Stop::refused(
        format!("nothing was changed: `{}` has the tags of `{}`, but not its name", other.id, other.key()),
        "remove its tags `stack:key` and `stack:beside`, if it is not the stack's",
    )
}

/// Returns how long to wait for the next look: what is only written into tags is there at once.
fn pause(status: &str) -> Duration {
    if status.contains("being renamed") || status.ends_with("renaming") { LOOK } else { LOOK / 10 }
}

/// Returns what differs between two databases: the field, and both values.
fn differences(main: &Value, beside: &Value) -> Vec<Vec<String>> {
    let shown = |value: &Value| match value {
        Value::Null => "none".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(|item| item.as_str().unwrap_or_default()).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    };
    let fields = COMPARED.iter().filter(|field| main[**field] != beside[**field]);
    fields.map(|field| vec![(*field).to_owned(), shown(&main[*field]), shown(&beside[*field])]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_is_shown_with_both_values() {
        let (main, beside) =
            (json!({"class": "a", "storage": 20, "port": 5432}), json!({"class": "a", "storage": 30, "port": 5432}));
        assert_eq!(differences(&main, &beside), [["storage", "20", "30"]]);
    }
}

use std::time::{Duration, Instant};

use clap::{Args, ValueEnum};
use futures::future::try_join_all;

use super::arguments::{Aws, StackFile};
use super::clone::Source;
use super::clone::compose::{self, Known};
use super::clone::overlay::Overlay;
use super::session::Session;
use super::stop::{Exit, Result, Stop};
use crate::aws::rds::{frozen, newest};
use crate::config::frozen::sealed;
use crate::engine::{Class, Plan, Readiness};
use crate::ui::{self, Color, Look};

/// How often snapshots are looked at.
const LOOK: Duration = Duration::from_secs(5);
/// How often a wait for them speaks.
const SPEAK: u32 = 6;
/// How long a database may be busy before a snapshot of it can be taken.
const BUSY: Duration = Duration::from_secs(15 * 60);

/// The data that is frozen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Data {
    /// A snapshot that is taken now
    Snapshot,
    /// The newest snapshot that exists
    Latest,
    /// None: they begin empty
    None,
}

/// Write an environment as it is now into one file, with its data
///
/// The file is a stack file of its own: the images that run by their digests, versions, sizes and parameters, and for each database a
/// snapshot, which is taken now and outlives the environment. `stack thaw` brings it up again, under any name, months later.
/// `stack frozen` lists the snapshots, and deletes those of files that are not needed any more.
#[derive(Args, Debug)]
pub struct Arguments {
    #[command(flatten)]
    file: StackFile,
    #[command(flatten)]
    aws: Aws,
    /// The file to write
    #[arg(long, short, value_name = "OUT")]
    out: String,
    /// The data that databases are frozen with
    #[arg(long, value_enum, default_value_t = Data::Snapshot, value_name = "WHAT")]
    data: Data,
}

pub async fn run(arguments: Arguments, color: Color) -> Result {
    let look = Look::stderr(color);
    let Arguments { file, aws, out, data } = &arguments;
    if std::path::Path::new(out).exists() {
        let text = format!("nothing was changed: `{out}` exists");
        return Err(Stop::Message(Exit::Usage, text, Some("write into another file".into())));
    }
    let Source { loaded, session } = Source::open(file, aws, color).await?;
    let plan = session.plan(&loaded).await?;
    if plan.items.iter().all(|item| item.before.is_none()) {
        let text = format!("`{}` has no objects in AWS, so nothing can be frozen", plan.environment());
        return Err(Stop::message(text, "apply it first"));
    }
    let mut whole = Overlay::of(&loaded.tree());
    whole.remove("ttl");
    for left in compose::pin(&mut whole, &session, &plan).await? {
        ui::err(&ui::note(&format!("Not frozen: {left}."), &look))?;
    }
    let now = jiff::Timestamp::now();
    for (name, snapshot) in Freezer::new(&session, &plan, None, look).snapshots(*data, &loaded.stack).await? {
        whole.set(&["databases", &name, "begin"], serde_json::Value::Null, "");
        whole.set(&["databases", &name, "begin", "snapshot"], snapshot.into(), "counts only when it is created");
    }
    // What a cache began with may be gone by then, and is not what it holds now.
    for (name, _) in loaded.stack.caches.iter().filter(|(_, cache)| cache.begin.is_some()) {
        whole.set(&["caches", name.as_str(), "begin"], serde_json::Value::Null, "caches begin empty");
    }
    let scope = &session.cx.scope;
    let head = [
        format!(
            "The environment `{}` of `{}` as it was on {}, frozen by `stack freeze`.",
            scope.env,
            scope.stack,
            now.strftime("%-d %B %Y, %H:%M UTC")
        ),
        format!("Account {}, region {}. `stack thaw` brings it up under another name.", scope.account, scope.region),
    ];
    let failed = |e| {
        Stop::message(format!("`{out}` cannot be written: {e}"), "`stack frozen list` shows the snapshots that were taken")
            .midway()
    };
    std::fs::write(out, sealed(&whole.text(&head))).map_err(failed)?;
    ui::err(&ui::note(
        &format!("`{}` is frozen in `{out}`. To bring it up again: stack thaw {out} --to NAME", plan.environment()),
        &look,
    ))?;
    Ok(Exit::Ok)
}

/// The account and the environment that snapshots are shared with.
#[derive(Clone, Copy)]
pub(super) struct For<'a> {
    /// The account.
    pub account: &'a str,
    /// The environment.
    pub env: &'a str,
}

/// What takes the snapshots of an environment, and waits until they are complete.
pub(super) struct Freezer<'a> {
    session: &'a Session,
    plan: &'a Plan,
    /// Whom they are for; nobody else than who has the frozen file, where that is not said.
    to: Option<For<'a>>,
    at: String,
    look: Look,
}

impl<'a> Freezer<'a> {
    /// Begins now.
    pub fn new(session: &'a Session, plan: &'a Plan, to: Option<For<'a>>, look: Look) -> Freezer<'a> {
        let at = jiff::Timestamp::now().strftime("%Y%m%dT%H%M%SZ").to_string();
        Freezer { session, plan, to, at, look }
    }

    /// Returns the ARN or the name of a snapshot of each database, complete.
    pub async fn snapshots(&self, data: Data, stack: &crate::config::Stack) -> Result<Vec<(String, String)>> {
        let cx = &self.session.cx;
        let mut taken = Vec::new();
        for Known { name, id, .. } in compose::databases(self.plan, stack) {
            match data {
                Data::None => {}
                Data::Latest => {
                    let newest = self.session.hear(newest::of(cx, id)).await?;
                    let none = || {
                        Stop::message(
                            format!("`databases.{name}` has no snapshot"),
                            "leave out `--data latest`, and one is taken",
                        )
                    };
                    // It can go with its database, or with the key of it: it is copied, too.
                    taken.push((name.to_owned(), id, Some(newest.ok_or_else(none)?.name)));
                }
                Data::Snapshot => taken.push((name.to_owned(), id, None)),
            }
        }
        // All at once: the largest decides how long it takes.
        let each = taken.into_iter().map(|(name, id, from)| async move { Result::Ok((name, self.complete(id, from).await?)) });
        try_join_all(each).await.map_err(Stop::midway)
    }

    /// Takes a snapshot of a database, or copies one of it, waits until that is complete, and returns its ARN.
    async fn complete(&self, id: &str, from: Option<String>) -> Result<String> {
        let cx = &self.session.cx;
        let of = format!("{}/{}/{}", cx.scope.stack, cx.scope.env, self.at);
        let of = self.to.map_or(of.clone(), |to| format!("{of}/{}", to.env));
        let name = frozen::name(id, &self.at);
        let begun = Instant::now();
        for turn in 0.. {
            let step = async {
                let taken = match self.to {
                    Some(to) => frozen::share(cx, id, (&name, &of), to.account).await,
                    None => frozen::take(cx, id, from.as_deref(), &name, &of).await,
                };
                match taken {
                    // AWS is working on the database: a backup, a change.
                    Err(error) if error.class == Class::InUse && begun.elapsed() < BUSY => {
                        Ok((Readiness::waiting(format!("{id} is busy")), None))
                    }
                    answer => answer,
                }
            };
            match self.session.hear(step).await? {
                (Readiness::Ready, Some(arn)) => return Ok(arn),
                (Readiness::Failed(why), _) => {
                    return Err(Stop::message(why, "`stack frozen prune` deletes what was taken; run this again"));
                }
                (Readiness::Waiting { status, .. }, _) if turn % SPEAK == 1 => {
                    ui::err(&ui::note(&format!("Waiting: {status}."), &self.look))?;
                }
                _ => {}
            }
            tokio::time::sleep(LOOK).await;
        }
        Err(Stop::message(format!("the snapshot {name} is not complete"), "run this again"))
    }
}

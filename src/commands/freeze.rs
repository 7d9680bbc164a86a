use std::time::Duration;

use clap::{Args, ValueEnum};
use futures::future::try_join_all;

use super::arguments::{Aws, StackFile};
use super::clone::Source;
use super::clone::compose::{self, Known};
use super::clone::overlay::Overlay;
use super::complete::complete;
use super::patience::Patience;
use super::session::Session;
use super::stop::{Exit, Result, Stop};
use crate::aws::ecr;
use crate::aws::ecs::TaskDefinition;
use crate::aws::rds::{frozen, newest};
use crate::config::frozen::sealed;
use crate::engine::{Plan, Resource};
use crate::ui::{self, Color, Terminal};

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

/// What becomes of the images.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Images {
    /// They stay in their registries, and the file names them by digest
    Keep,
    /// Each is copied into the repository `stack-frozen/STACK` of Amazon ECR, in this account and region
    Copy,
}

/// Write an environment as it is now into one file, with its data
///
/// The file is a stack file of its own: the images that run by their digests, versions, sizes and parameters, and for each database a
/// snapshot, which is taken now and outlives the environment. With `--images copy` the images outlive their registries, too.
/// `stack thaw` brings it up again, under any name, months later. `stack frozen` lists the snapshots and images, and deletes those of
/// files that are not needed any more.
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
    /// What becomes of the images
    #[arg(long, value_enum, default_value_t = Images::Keep, value_name = "WHAT")]
    images: Images,
}

pub async fn run(arguments: Arguments, color: Color) -> Result {
    let terminal = Terminal::stderr(color);
    let Arguments { file, aws, out, data, images } = &arguments;
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
        ui::err(&ui::note(&format!("Not frozen: {left}."), &terminal))?;
    }
    let now = jiff::Timestamp::now();
    for name in loaded.stack.databases.keys() {
        whole.set(&["databases", name.as_str(), "begin"], serde_json::Value::Null, "");
    }
    let frozen = Freezer { session: &session, plan: &plan, at: now.strftime("%Y%m%dT%H%M%SZ").to_string(), terminal };
    for (name, snapshot) in frozen.snapshots(*data, &loaded.stack).await? {
        whole.set(&["databases", &name, "begin", "snapshot"], snapshot.into(), "counts only when it is created");
    }
    if *images == Images::Copy {
        frozen.images(&mut whole, &loaded.stack).await.map_err(Stop::midway)?;
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
    let failed =
        |e| Stop::message(format!("`{out}` cannot be written: {e}"), "`stack frozen list` shows what was frozen").midway();
    std::fs::write(out, sealed(&whole.text(&head))).map_err(failed)?;
    ui::err(&ui::note(
        &format!("`{}` is frozen in `{out}`. To bring it up again: stack thaw {out} --to NAME", plan.environment()),
        &terminal,
    ))?;
    Ok(Exit::Ok)
}

struct Freezer<'a> {
    session: &'a Session,
    plan: &'a Plan,
    at: String,
    terminal: Terminal,
}

impl Freezer<'_> {
    /// Copies the image of each service, and that of the sanitizer, and names the copies in the file.
    async fn images(&self, whole: &mut Overlay, stack: &crate::config::Stack) -> Result<()> {
        let cx = &self.session.cx;
        let services = stack.services.keys().map(|name| (name.to_string(), vec!["services", name.as_str(), "image"]));
        // A name of a service has no dot.
        let jobs = stack.archive.iter().flat_map(|archive| archive.jobs.keys());
        let jobs = jobs.map(|name| (format!("archive.jobs.{name}"), vec!["archive", "jobs", name.as_str(), "image"]));
        let all = services.chain(jobs).chain([("clone.sanitize".to_owned(), vec!["clone", "sanitize", "image"])]);
        for name in stack.resources.get(TaskDefinition::KIND).into_iter().flat_map(|all| all.keys()) {
            let text = format!("Not copied: the images of `resources.{}.{name}`.", TaskDefinition::KIND);
            ui::err(&ui::note(&text, &self.terminal))?;
        }
        let repository = self.session.hear(ecr::frozen::repository(cx, &cx.scope.stack)).await?;
        for (name, path) in all {
            let Some(image) = whole.text_at(&path).map(str::to_owned) else { continue };
            if image.starts_with("existing.") {
                let text = format!("Not copied: the image of `{name}`, `{image}`, because no task of it runs.");
                ui::err(&ui::note(&text, &self.terminal))?;
                continue;
            }
            ui::err(&ui::note(&format!("Copying the image of `{name}`: {image}."), &self.terminal))?;
            let tag = ecr::frozen::tag(&cx.scope.env, &self.at, &name);
            // A part of a layer takes as long as the line needs for it.
            let patience = Patience { of: "ECR", speak: Duration::from_mins(1), end: Duration::MAX };
            let copy = ecr::copy::copy(cx, &image, &repository, Some(&tag));
            let copied = patience.hear(&cx.reach, &self.terminal, copy).await?;
            whole.set(&path, copied.into(), &format!("a copy of `{image}`"));
        }
        Ok(())
    }

    /// Returns the ARN or the name of a snapshot of each database, complete.
    async fn snapshots(&self, data: Data, stack: &crate::config::Stack) -> Result<Vec<(String, String)>> {
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
        let name = frozen::name(id, &self.at);
        let arn =
            complete(self.session, &self.terminal, id, async || frozen::take(cx, id, from.as_deref(), &name, &of).await).await?;
        arn.ok_or_else(|| Stop::message(format!("the snapshot {name} is not complete"), "run this again"))
    }
}

//! What most commands begin with: from a file and a connection to AWS to a plan. Applying one is in `run`.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::arguments::{Aws, StackFile};
use super::patience::Patience;
use super::price::Pricing;
use super::stack_file::{expand, load};
use super::stop::{Exit, Result, Stop};
use crate::aws::ec2;
use crate::aws::ecs::Service;
use crate::aws::existing::ExistingObjects;
use crate::aws::guests;
use crate::aws::host::Host;
use crate::aws::ownership::tag_index;
use crate::aws::rds::Instance;
use crate::aws::runs::doubt;
use crate::aws::runs::history;
use crate::aws::runs::store::Store;
use crate::aws::{self, Clients, Wants};
use crate::blueprint::{self, Expiry, Facts};
use crate::config::{self, Loaded, Stack};
use crate::engine::{self, Cx, Error, Graph, Key, Pause, Plan, Registry, Resource, Scope, Seen, Snapshot};
use crate::ui::{self, Terminal};
use crate::{local, ui::Color};

/// The region of the local AWS where none is given: the one that it starts with.
const LOCAL_REGION: &str = "us-east-1";
/// That an environment does not run because of its data.
pub const UNREADY: &str =
    "The data of this environment is not ready, so its services do not run: the same `stack clone` or `stack thaw` finishes it.";
/// The variable that names the bucket for leases and history.
pub const HISTORY_BUCKET: &str = "STACK_HISTORY_BUCKET";
/// What a reading of AWS answers.
type Reading = engine::Result<Snapshot, Vec<Error>>;

/// What to connect for.
pub struct Target<'a> {
    /// The stack's name.
    pub stack: &'a str,
    /// The environment.
    pub env: &'a str,
    /// The region that everything lives in.
    pub region: &'a str,
    /// The account that it must be, if there is one.
    pub account: Option<&'a str>,
    /// Where the account and the bucket are from: `the file`.
    pub said_by: &'static str,
    /// The bucket that keeps leases and history, if one was chosen.
    pub history_bucket: Option<&'a str>,
    /// What is read only for those who have it.
    pub wants: Wants,
}

/// Returns what a stack has that is read only for those who have it.
fn wants(stack: &Stack, region: Option<&str>) -> Wants {
    Wants {
        identity_center: stack.identity_center(region.unwrap_or(&stack.region)).map(str::to_owned),
        password_policy: stack.wants_password_policy(),
    }
}

/// A connection to AWS for one stack.
pub struct Session {
    /// The kinds.
    pub registry: Registry<Clients>,
    /// The clients and the scope.
    pub cx: Cx<Clients>,
    /// The ARN of the caller.
    pub who: String,
    /// The caller for people, with the profile: `profile prod, role Deploy`.
    pub via: Option<String>,
    /// How long the environment is wanted, when this run makes it.
    ttl: Option<config::Duration>,
    /// When this run began: an environment that it makes expires so long after it.
    began: Timestamp,
    /// What its file says about prices.
    pub pricing: Pricing,
    /// How it writes to standard error.
    pub(super) terminal: Terminal,
}

impl Session {
    /// Connects and asks who the caller is. Nothing else is asked if that is the wrong account.
    pub async fn open(target: &Target<'_>, way: &Aws, color: Color) -> Result<Session> {
        let region = way.region.as_deref().unwrap_or(target.region);
        let terminal = Terminal::stderr(color);
        let mut options = aws::Options {
            profile: way.profile.clone(),
            endpoint_url: way.endpoint_url.clone(),
            credentials: None,
            role: way.role.clone(),
            history_bucket: history_bucket(target)?,
            wants: target.wants.clone(),
        };
        if way.local {
            let say = steps(terminal);
            let places = local::Places::of_user()?;
            let start = local::Options { port: way.local_port, time_scale: None, functions: false, python: None, places };
            let server = local::start(&start, &say).await?;
            options.endpoint_url = Some(server.url.clone());
            // The local AWS takes the access key for the account.
            options.credentials = Some((target.account.unwrap_or("test").to_owned(), "test".into()));
        }
        let clients = Clients::connect(&options, aws::registry::services(), region).await?;
        let of = format!("AWS at {}", clients.place());
        // A log need not say it so soon.
        let speak = Duration::from_secs(if terminal.interactive { 1 } else { 3 });
        let patience = Patience { of: &of, speak, end: Duration::from_secs(60) };
        let identity = patience.hear(&clients.reach, &terminal, clients.identity()).await?;
        if let Some(wanted) = target.account.filter(|wanted| *wanted != identity.account) {
            return Err(Stop::Message(
                Exit::Denied,
                format!(
                    "nothing was changed: {} is for the account {wanted}, but these credentials are for the account {} ({})",
                    target.said_by, identity.account, identity.arn
                ),
                Some(format!("use credentials for {wanted}: another `--profile`, or another `--env`")),
            ));
        }
        let scope = Scope {
            stack: target.stack.to_owned(),
            env: target.env.to_owned(),
            region: region.to_owned(),
            account: identity.account,
            partition: identity.partition,
        };
        let via = via(&identity.arn, clients.profile.as_deref());
        let reach = clients.reach.clone();
        let cx = Cx { reach, ..Cx::new(Arc::new(clients), Arc::new(scope)) };
        let (registry, pricing, began) = (aws::registry(), Pricing::default(), Timestamp::now());
        Ok(Session { registry, cx, who: identity.arn, via, ttl: None, began, pricing, terminal })
    }

    /// Connects for a loaded file. If it has environments, one must have been chosen: without, a further one would be created.
    pub async fn of(loaded: &Loaded, way: &Aws, color: Color) -> Result<Session> {
        if !loaded.chosen && !loaded.environments.is_empty() {
            let names: Vec<String> = loaded.environments.iter().map(|name| format!("`{name}`")).collect();
            return Err(Stop::Message(
                Exit::Usage,
                format!("`{}` has environments, but none was chosen: {}", loaded.warnings.file, names.join(", ")),
                Some("add `--env NAME`, or set STACK_ENV; `--env default` means the file as it stands, without them".into()),
            ));
        }
        let target = Target {
            stack: loaded.stack.stack.as_str(),
            env: &loaded.env,
            region: &loaded.stack.region,
            account: loaded.stack.account.as_ref().map(config::Account::as_str),
            said_by: "the file",
            history_bucket: loaded.stack.history_bucket.as_deref(),
            wants: wants(&loaded.stack, way.region.as_deref()),
        };
        let session = Session::open(&target, way, color).await?;
        Ok(Session { ttl: loaded.stack.ttl, pricing: Pricing::of(&loaded.stack), ..session })
    }

    /// Connects for a file, or for the stack of that name.
    pub async fn given(file: &StackFile, way: &Aws, color: Color) -> Result<Session> {
        match &file.stack {
            None => Session::of(&load(file, color)?, way, color).await,
            Some(stack) => Session::named(stack, file.env(), way, color).await,
        }
    }

    /// Connects for a stack of which only the name is known. The name of a branch finds the environment that was made for it.
    async fn named(stack: &str, env: Option<&str>, way: &Aws, color: Color) -> Result<Session> {
        let usage = |what: String, help: String| Stop::Message(Exit::Usage, what, Some(help));
        stack.parse::<config::Name>().map_err(|wrong| usage(format!("`--stack {stack}`: {}", wrong.message), wrong.help))?;
        let region = region(way)?;
        let typed = env.unwrap_or(config::environment::DEFAULT);
        let short = config::environment::short(typed);
        let wants = Wants::default;
        let target =
            |env| Target { stack, env, region: &region, account: None, said_by: "", history_bucket: None, wants: wants() };
        let session = Session::open(&target(typed), way, color).await?;
        if short == typed || session.hear(tag_index::has_any(&session.cx)).await? {
            return Ok(session);
        }
        Ok(session.to(stack, &short))
    }

    /// Returns the same for a new environment that is wanted for so long, instead of what the file says.
    #[must_use]
    pub fn wanted_for(self, ttl: Option<config::Duration>) -> Session {
        Session { ttl: ttl.or(self.ttl), ..self }
    }

    /// Returns the same with what another file says about prices.
    #[must_use]
    pub fn priced(self, pricing: Pricing) -> Session {
        Session { pricing, ..self }
    }

    /// Returns the same with another limit of the monthly price than that of the file, if one is given.
    #[must_use]
    pub fn limited(self, max_monthly: Option<u32>) -> Session {
        Session { pricing: self.pricing.limited(max_monthly), ..self }
    }

    /// Returns the answer of AWS, or an error if AWS does not answer at all for too long.
    pub async fn hear<T, E>(&self, call: impl Future<Output = engine::Result<T, E>>) -> Result<T>
    where
        Stop: From<E>,
    {
        let patience = Patience { of: "AWS", speak: Duration::from_secs(4), end: Duration::from_secs(90) };
        patience.hear(&self.cx.reach, &self.terminal, call).await
    }

    /// The same for the bucket that keeps leases and history.
    pub async fn kept<T, E>(&self, call: impl Future<Output = engine::Result<T, E>>) -> Result<T>
    where
        Stop: From<E>,
    {
        let of = "S3, which keeps leases and history";
        let patience = Patience { of, speak: Duration::from_secs(5), end: Duration::from_secs(60) };
        patience.hear(&self.cx.reach, &self.terminal, call).await
    }

    /// Expands the file with what AWS says about zones, existing objects and the environment that is shared.
    pub async fn graph(&self, loaded: &Loaded) -> Result<Graph> {
        expand(loaded, &self.facts(loaded).await?, &self.registry)
    }

    /// Asks AWS what an expansion must know.
    async fn facts(&self, loaded: &Loaded) -> Result<Facts<'_>> {
        let wanted = blueprint::wanted(&loaded.stack);
        let (zones, existing, host) =
            tokio::try_join!(ec2::zones(&self.cx.cloud), ExistingObjects::look(&self.cx.cloud, &wanted), self.host(loaded))?;
        let placed = host.iter().flat_map(|host| &host.balancer).flat_map(|balancer| balancer.rules.clone()).collect();
        let (scope, has_network, expiry) = (self.cx.scope.as_ref(), loaded.at("network").is_some(), self.assumed()?);
        Ok(Facts { scope, zones, has_network, existing, host, placed, expiry })
    }

    /// Returns when the environment would expire if it were new.
    fn assumed(&self) -> Result<Option<Expiry>> {
        let new = self.ttl.map(|ttl| after(self.began, ttl)).transpose()?;
        Ok(new.map(|at| Expiry { at: Some(at), now: self.began, rule: None }))
    }

    /// Reads the environment that the file shares, if any.
    async fn host(&self, loaded: &Loaded) -> engine::Result<Option<Host>> {
        let Some(wanted) = blueprint::hosted(&loaded.stack) else { return Ok(None) };
        let host = self.to(&self.cx.scope.stack, &wanted.env);
        Host::look(&host.cx, &wanted).await.map(Some)
    }

    /// Expands the file beside what runs: a load balancer of its own may have rules of other environments, whose priorities are
    /// avoided.
    pub async fn graph_beside(&self, loaded: &Loaded, read: impl Future<Output = Reading>) -> Result<(Graph, Snapshot)> {
        let (facts, snapshot) = tokio::join!(self.facts(loaded), read);
        let (mut facts, snapshot) = (facts?, snapshot?);
        if facts.host.is_none() {
            facts.placed = blueprint::placed(&snapshot);
        }
        let new = facts.expiry.take().and_then(|new| new.at);
        facts.expiry = Expiry::of(&snapshot, &blueprint::expiry::key(), new, self.began);
        Ok((expand(loaded, &facts, &self.registry)?, snapshot))
    }

    /// Reads all objects of the stack.
    pub async fn snapshot(&self) -> Result<Snapshot> {
        self.hear(Snapshot::read(&self.registry, &self.cx)).await
    }

    /// Reads the objects of one kind.
    pub async fn read(&self, kind: &str) -> Result<Vec<Seen>> {
        let cx = self.cx.fresh().at(&Key::new(kind, ""), 1);
        let seen = self.hear(self.registry.kind(kind)?.observe(&cx)).await?.into_iter();
        let kind = kind.to_owned();
        Ok(seen
            .map(|o| Seen { kind: kind.clone(), claim: o.claim, live: o.live.into(), fields: o.fields.into(), state: o.state })
            .collect())
    }

    /// Makes the plan that makes AWS match the file. What is paused stays so.
    pub async fn plan(&self, loaded: &Loaded) -> Result<Plan> {
        self.plan_with(loaded, |graph, snapshot| {
            let awake = self.resting(graph, snapshot)?;
            let Some(first) = awake.first() else { return Ok(()) };
            Err(Stop::refused(
                format!("nothing was changed: this environment is paused, but `{first}` is not"),
                "`stack pause` pauses the rest, `stack resume` starts what is paused",
            ))
        })
        .await
    }

    /// Makes the plan that makes AWS match what `with` makes of the file. Nothing makes services of a copy work with data that was not
    /// made harmless: where none exists yet, they are created without tasks.
    pub async fn plan_with(&self, loaded: &Loaded, with: impl Fn(&mut Graph, &Snapshot) -> Result<()>) -> Result<Plan> {
        self.hear(async {
            let (graph, snapshot) = self.graph_beside(loaded, Snapshot::read(&self.registry, &self.cx)).await?;
            not_switching(&snapshot)?;
            let mut graph = self.expiring(graph, &snapshot)?;
            with(&mut graph, &snapshot)?;
            if is_unready(loaded, &snapshot) {
                graph.pause(&self.registry, Pause::Unready)?;
            }
            self.completed(Plan::make(&self.registry, &self.cx.scope, Some(&graph), &snapshot)?).await
        })
        .await
    }

    /// Makes the same plan to be read only: "nothing to do" may rest on AWS's tag index ([`aws::ownership::tag_index`]), which
    /// saves a call per object and can be a minute behind.
    pub async fn plan_by_index(&self, loaded: &Loaded) -> Result<Plan> {
        self.hear(async {
            let (graph, snapshot) = self.graph_beside(loaded, Snapshot::read_by_index(&self.registry, &self.cx)).await?;
            let mut graph = self.expiring(graph, &snapshot)?;
            self.resting(&mut graph, &snapshot)?;
            if is_unready(loaded, &snapshot) {
                graph.pause(&self.registry, Pause::Unready)?;
            }
            self.completed(Plan::make_by_index(&self.registry, &self.cx, &graph, snapshot).await?).await
        })
        .await
    }

    /// Makes the plan that deletes everything.
    pub async fn plan_destroy(&self) -> Result<Plan> {
        self.plan_destroy_of(&self.snapshot().await?).await
    }

    /// Makes the plan that deletes everything that was read.
    pub async fn plan_destroy_of(&self, snapshot: &Snapshot) -> Result<Plan> {
        not_switching(snapshot)?;
        let plan = Plan::make(&self.registry, &self.cx.scope, None, snapshot)?;
        self.hear(self.completed(plan)).await
    }

    /// Keeps what is paused so, and says it.
    /// Returns what is not paused all the same: what one object says is no reason to stop the others.
    fn resting(&self, graph: &mut Graph, snapshot: &Snapshot) -> Result<Vec<Key>> {
        match graph.rest(&self.registry, snapshot)? {
            None => Ok(Vec::new()),
            Some(Pause::Unready) => self.say(UNREADY).map(|()| Vec::new()),
            Some(why) => {
                let without = if why == Pause::Bare { ", without its NAT gateways" } else { "" };
                self.say(&format!("This environment is paused{without}: `stack resume` starts it."))?;
                Ok(graph.awake(snapshot))
            }
        }
    }

    /// Writes a note to standard error.
    pub fn say(&self, text: &str) -> Result<()> {
        Ok(ui::err(&ui::note(text, &self.terminal))?)
    }

    /// Gives what is new the expiry of what is there; of a new environment, that of the file or of `--ttl`.
    fn expiring(&self, mut graph: Graph, snapshot: &Snapshot) -> Result<Graph> {
        let note = |text: &str| self.say(text);
        let at = match (snapshot.expires(), self.ttl) {
            (Some(at), _) if is_over(at) => {
                note(&format!("This environment expired at {at}: `stack reap` destroys it, `stack extend` keeps it."))?;
                Some(at.to_owned())
            }
            (Some(at), ttl) => {
                if ttl.is_some() {
                    note(&format!("It expires at {at}, as it says already; `stack extend` changes that."))?;
                }
                Some(at.to_owned())
            }
            (None, Some(ttl)) if snapshot.is_empty() => {
                let at = after(self.began, ttl)?.to_string();
                note(&format!("This environment is wanted until {at}. After that `stack reap` destroys it with its data."))?;
                Some(at)
            }
            (None, Some(_)) => {
                note("What runs already has no expiry, and keeps none; `stack extend` gives it one.")?;
                None
            }
            (None, None) => None,
        };
        if let Some(at) = at {
            graph.expire(&at);
        }
        Ok(graph)
    }

    /// Refuses to change a stack of which only the name is known, unless its history is where the lease is taken: the stack's file
    /// may name another bucket, with another lease.
    pub async fn has_history(&self) -> Result<()> {
        let store = Store::of(&self.cx);
        if self.kept(history::numbers(&store)).await?.is_empty() {
            return Err(Stop::refused(
                format!("nothing was changed: `{}` has no history of this environment", store.place()),
                "if its file names a `history_bucket`, set STACK_HISTORY_BUCKET to that; if the history is lost, use the file",
            ));
        }
        Ok(())
    }

    /// Returns the same connection for another stack and environment of the account and region.
    pub fn to(&self, stack: &str, env: &str) -> Session {
        let scope = Scope { stack: stack.to_owned(), env: env.to_owned(), ..self.cx.scope.as_ref().clone() };
        Session {
            registry: aws::registry(),
            cx: Cx { scope: Arc::new(scope), ..self.cx.fresh() },
            who: self.who.clone(),
            via: self.via.clone(),
            ttl: None,
            began: self.began,
            pricing: self.pricing.clone(),
            terminal: self.terminal,
        }
    }

    /// Completes a plan: with what guests of the environment keep, with what is deleted along with each object, with doubts about objects that only their tags attribute to
    /// the stack, and with the bucket that keeps its runs.
    pub async fn completed(&self, mut plan: Plan) -> Result<Plan> {
        plan.kept_in = self.cx.cloud.history_bucket.clone();
        guests::keep(&mut plan, &self.cx).await?;
        doubt::doubt(&mut plan, &Store::of(&self.cx), |kind| aws::kind(kind).map(|row| (row.mark, row.tagged))).await?;
        plan.ask_what_is_lost(&self.registry, &self.cx).await?;
        Ok(plan)
    }
}

/// Checks whether the data of a copy must be made harmless before its services are started: none of them was created yet.
fn is_unready(loaded: &Loaded, snapshot: &Snapshot) -> bool {
    loaded.sanitize().is_some() && !snapshot.seen.iter().any(|seen| seen.kind == Service::KIND && seen.key().is_some())
}

/// The kind of what takes the place of another one: the tag means nothing on others.
const DATABASE: &str = Instance::KIND;

/// Refuses to change an environment in which one database is taking the place of another: one of the two has not its name.
fn not_switching(snapshot: &Snapshot) -> Result<()> {
    let is_switching = |seen: &&Seen| seen.kind == DATABASE && engine::tags::is_switching(&seen.fields);
    let Some(seen) = snapshot.seen.iter().find(is_switching) else { return Ok(()) };
    Err(Stop::refused(
        format!("nothing was changed: another database is taking the place of `{}`", seen.id()),
        "the same `stack restore … --switch` finishes that",
    ))
}

/// Checks whether a time, as a tag has it, is over. What is no time is never over.
pub fn is_over(expires: &str) -> bool {
    expires.parse::<Timestamp>().is_ok_and(|at| at <= Timestamp::now())
}

/// Returns the time after `ttl`, as a tag has it.
pub fn from_now(ttl: config::Duration) -> Result<String> {
    after(Timestamp::now(), ttl).map(|at| at.to_string())
}

/// Returns the time so long after another, in whole seconds.
fn after(began: Timestamp, ttl: config::Duration) -> Result<Timestamp> {
    let seconds = i64::try_from(ttl.as_secs()).ok();
    let at = seconds.and_then(|seconds| began.checked_add(SignedDuration::from_secs(seconds)).ok());
    let at = at.and_then(|at| Timestamp::from_second(at.as_second()).ok());
    at.ok_or_else(|| {
        Stop::Message(Exit::Usage, format!("{ttl} from now is too far away"), Some("give a shorter time, such as `72h`".into()))
    })
}

/// Returns the region of a command that has no file.
pub fn region(way: &Aws) -> Result<String> {
    if way.local && way.region.is_none() {
        return Ok(LOCAL_REGION.to_owned());
    }
    way.region.clone().or_else(|| aws::call::clients::region(way.profile.as_deref())).ok_or_else(|| {
        Stop::Message(
            Exit::Usage,
            "no region is given".into(),
            Some("add `--region REGION`, set AWS_REGION, or write `region` into the profile".into()),
        )
    })
}

/// Returns the bucket that was chosen for leases and history. Two different ones would mean two leases, and so none.
fn history_bucket(target: &Target<'_>) -> Result<Option<String>> {
    let set = std::env::var(HISTORY_BUCKET).ok().filter(|name| !name.is_empty());
    match (target.history_bucket, set) {
        (Some(said), Some(set)) if said != set => Err(Stop::Message(
            Exit::Usage,
            format!("{} keeps leases and history in `{said}`, but STACK_HISTORY_BUCKET names `{set}`", target.said_by),
            Some("all runs of a stack must use the same bucket: unset the variable, or change `history_bucket`".into()),
        )),
        (Some(said), _) => Ok(Some(said.to_owned())),
        (None, set) => Ok(set),
    }
}

/// Returns how the caller is known to people: by profile, role or user. There is no word for an account's root.
fn via(arn: &str, profile: Option<&str>) -> Option<String> {
    let resource = arn.splitn(6, ':').nth(5).unwrap_or_default();
    let mut parts = resource.split('/');
    let who = match (parts.next(), parts.next(), parts.next_back()) {
        (Some("assumed-role"), Some(role), _) => Some(format!("role {role}")),
        (Some("user"), Some(first), last) => Some(format!("user {}", last.unwrap_or(first))),
        _ => None,
    };
    let parts: Vec<String> = profile.map(|name| format!("profile {name}")).into_iter().chain(who).collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

/// Returns a function that writes the steps of an installation to standard error, each once.
pub fn steps(terminal: Terminal) -> impl Fn(&str) {
    let last = std::sync::Mutex::new(String::new());
    move |text: &str| {
        let step = text.split(':').next().unwrap_or(text);
        let mut last = last.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if *last != step {
            // A progress line that cannot be written is no failure.
            let _ = ui::err(&ui::note(step, &terminal));
            *last = step.to_owned();
        }
    }
}

/// Returns pretty JSON with a newline at its end.
pub fn json(value: &impl serde::Serialize) -> Result<String> {
    serde_json::to_string_pretty(value)
        .map(|text| format!("{}\n", ui::safe_json(&text)))
        .map_err(|e| Stop::from(Error::internal(format!("cannot be written as JSON: {e}"))))
}

/// Returns JSON on one line, with a newline at its end.
pub fn json_line(value: &impl serde::Serialize) -> Result<String> {
    serde_json::to_string(value)
        .map(|text| format!("{}\n", ui::safe_json(&text)))
        .map_err(|e| Stop::from(Error::internal(format!("cannot be written as JSON: {e}"))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_caller_is_known_by_profile_role_and_user() {
        let said = |arn: &str, profile| via(arn, profile);
        assert_eq!(said("arn:aws:sts::1:assumed-role/Deploy/anna", Some("prod")).as_deref(), Some("profile prod, role Deploy"));
        assert_eq!(said("arn:aws:iam::1:user/people/anna", None).as_deref(), Some("user anna"));
        assert_eq!(said("arn:aws:iam::1:user/anna", None).as_deref(), Some("user anna"));
        assert_eq!(said("arn:aws:iam::1:root", None), None);
        assert_eq!(said("arn:aws:iam::1:root", Some("x")).as_deref(), Some("profile x"));
    }

    #[test]
    fn what_is_no_time_never_expires() {
        assert!(is_over("2026-01-01T00:00:00Z"));
        assert!(!is_over("2999-01-01T00:00:00Z") && !is_over("never") && !is_over(""));
    }
}

//! From a file and a way to AWS to a plan: what most commands begin with.

use std::io::Read;
use std::sync::Arc;
use std::time::Duration;

use super::arguments::{Aws, StackFile};
use super::patience::Patience;
use super::stop::{Exit, Result, Stop};
use crate::aws::ec2;
use crate::aws::existing::Found;
use crate::aws::ownership::doubt;
use crate::aws::runs::store::Store;
use crate::aws::{self, Clients};
use crate::blueprint::{self, Facts, Failure};
use crate::config::{self, Loaded, Report};
use crate::engine::{self, Cx, Error, Graph, Key, Plan, Registry, Scope, Seen, Snapshot};
use crate::ui::{self, Look};
use crate::{local, ui::Color};

/// No stack file is larger.
const LARGEST: u64 = 1 << 20;

/// The text of a file, or of standard input for `-`.
pub fn read(file: &str, largest: u64) -> Result<String> {
    let mut bytes = Vec::new();
    let result = match file {
        "-" => std::io::stdin().lock().take(largest + 1).read_to_end(&mut bytes),
        path => std::fs::File::open(path).and_then(|f| f.take(largest + 1).read_to_end(&mut bytes)),
    };
    result.map_err(|e| {
        let help = if e.kind() == std::io::ErrorKind::NotFound {
            "`stack init` writes one to start from"
        } else {
            "give the path of a stack file"
        };
        Stop::bad_file(format!("`{file}` cannot be read: {e}"), help)
    })?;
    if bytes.len() as u64 > largest {
        return Err(Stop::bad_file(format!("`{file}` is larger than {} MiB", largest >> 20), "is it the right file?"));
    }
    String::from_utf8(bytes).map_err(|e| {
        Stop::bad_file(
            format!("`{file}` is not UTF-8: byte {} is not text", e.utf8_error().valid_up_to()),
            "is it the right file?",
        )
    })
}

/// A stack file that is right as far as that can be known without AWS. Warnings have been shown.
pub fn load(file: &StackFile, color: Color) -> Result<Loaded> {
    load_text(file, &read_stack(file)?, color)
}

/// The text of a stack file.
pub fn read_stack(file: &StackFile) -> Result<String> {
    read(&file.file, LARGEST)
}

/// The same for a text that has been read already.
pub fn load_text(file: &StackFile, text: &str, color: Color) -> Result<Loaded> {
    if engine::saved::is_one(text) {
        let name = &file.file;
        return Err(Stop::bad_file(
            format!("`{name}` is a saved plan, and this command wants a stack file"),
            format!("`stack apply {name}` shows the plan and applies it"),
        ));
    }
    let loaded = config::load(&file.file, text, file.env(), &stack_schema())?;
    if !loaded.warnings.is_empty() {
        let look = Look::stderr(color);
        ui::err(&loaded.warnings.render(look.width, look.color, look.unicode))?;
    }
    Ok(loaded)
}

/// The JSON Schema of stack files, with every registered kind.
pub fn stack_schema() -> serde_json::Value {
    let registry = aws::registry();
    config::schema(registry.kinds().map(|kind| {
        let kind = kind.clone();
        (kind.info().name, move |generator: &mut schemars::SchemaGenerator| kind.schema(generator))
    }))
}

/// What is meant so but is worth knowing.
fn noted(loaded: &Loaded) -> Vec<String> {
    let mut notes = config::validate::notes(&loaded.stack, loaded.at("network").is_some());
    // What cannot be expanded is told by whoever wants it expanded.
    notes.extend(offline(loaded).iter().flat_map(|graph| blueprint::notes(graph, &unasked(loaded))));
    notes
}

/// Says it aloud, beside what was asked for.
pub fn notes(loaded: &Loaded, color: Color) -> Result<()> {
    for note in noted(loaded) {
        ui::err(&ui::note(&note, &Look::stderr(color)))?;
    }
    Ok(())
}

/// What the file warns of, and what is worth knowing about it, for who reads a plan and not the screen that it was made on.
pub fn problems(loaded: &Loaded) -> Vec<ui::Problem> {
    let file = &loaded.warnings;
    let warned = file.diagnostics.iter().map(|warning| ui::Problem {
        severity: "warning",
        key: None,
        message: format!("line {}: {}", file.position(warning.span().start).0, warning.message),
        help: warning.help.clone(),
    });
    let noted = noted(loaded).into_iter().map(|message| ui::Problem { severity: "note", key: None, message, help: None });
    warned.chain(noted).collect()
}

/// Whose the file's objects would be in an account that nobody has asked about yet.
fn unasked(loaded: &Loaded) -> Scope {
    Scope {
        stack: loaded.stack.stack.to_string(),
        env: loaded.env.clone(),
        region: loaded.stack.region.clone(),
        account: "000000000000".into(),
        partition: "aws".into(),
    }
}

/// The file's objects as they would be in an account that nobody has asked about yet.
pub fn offline(loaded: &Loaded) -> Result<Graph> {
    let scope = unasked(loaded);
    let facts = Facts::assumed(&scope, loaded.at("network").is_some(), &loaded.stack);
    expand(loaded, &facts, &aws::registry())
}

fn expand(loaded: &Loaded, facts: &Facts<'_>, registry: &Registry<Clients>) -> Result<Graph> {
    blueprint::expand(&loaded.stack, facts, registry).map_err(|failure| match failure {
        Failure::Error(error) => Stop::from(error),
        Failure::Problems(problems) => {
            let mut report = Report::new(loaded.warnings.file.clone(), loaded.warnings.text.clone());
            report.diagnostics.extend(problems.into_iter().map(|p| loaded.diagnostic(&p.at, p.code, p.message, Some(p.help))));
            Stop::from(report)
        }
    })
}

/// What a connection is for.
pub struct Target<'a> {
    /// The stack's name.
    pub stack: &'a str,
    /// The environment.
    pub env: &'a str,
    /// The region that everything lives in.
    pub region: &'a str,
    /// The account that it must be, when that is said.
    pub account: Option<&'a str>,
    /// Who says so: `the file`.
    pub said_by: &'static str,
    /// The bucket that keeps leases and history, when one was chosen.
    pub history_bucket: Option<&'a str>,
}

/// A connection to AWS for one stack.
pub struct Session {
    /// The kinds.
    pub registry: Registry<Clients>,
    /// The clients and whose objects are ours.
    pub cx: Cx<Clients>,
    /// Who we are: an ARN.
    pub who: String,
    /// The same for people, with the profile: `profile prod, role Deploy`.
    pub via: Option<String>,
    look: Look,
}

impl Session {
    /// Connects for a stack and asks who we are. In another account than it must be, nothing else is asked.
    pub async fn open(target: &Target<'_>, way: &Aws, color: Color) -> Result<Session> {
        let region = way.region.as_deref().unwrap_or(target.region);
        let look = Look::stderr(color);
        let mut options = aws::Options {
            profile: way.profile.clone(),
            endpoint_url: way.endpoint_url.clone(),
            credentials: None,
            history_bucket: history_bucket(target)?,
        };
        if way.local {
            let say = steps(look);
            let places = local::Places::of_user()?;
            let start = local::Options { port: way.local_port, time_scale: None, functions: false, python: None, places };
            let server = local::start(&start, &say).await?;
            options.endpoint_url = Some(server.url.clone());
            // There every account is whoever names it as the key.
            options.credentials = Some((target.account.unwrap_or("test").to_owned(), "test".into()));
        }
        let clients = Clients::connect(&options, aws::registry::services(), region).await?;
        let of = format!("AWS at {}", clients.place());
        // In a log nobody wonders so soon.
        let speak = Duration::from_secs(if look.terminal { 1 } else { 3 });
        let patience = Patience { of: &of, speak, end: Duration::from_secs(60) };
        let identity = patience.hear(&clients.reach, &look, clients.identity()).await?;
        if let Some(wanted) = target.account.filter(|wanted| *wanted != identity.account) {
            return Err(Stop::Message(
                Exit::Denied,
                format!(
                    "nothing was done: {} is for the account {wanted}, and these credentials are of the account {} ({})",
                    target.said_by, identity.account, identity.arn
                ),
                Some(format!("use credentials of {wanted}: another `--profile`, or another `--env`")),
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
        Ok(Session { registry: aws::registry(), cx, who: identity.arn, via, look })
    }

    /// Connects for a loaded file. Of one with environments one must have been chosen: what is made without would be one more,
    /// beside those that are meant.
    pub async fn of(loaded: &Loaded, way: &Aws, color: Color) -> Result<Session> {
        if !loaded.chosen && !loaded.environments.is_empty() {
            let names: Vec<String> = loaded.environments.iter().map(|name| format!("`{name}`")).collect();
            return Err(Stop::Message(
                Exit::Usage,
                format!("`{}` has environments, and none was chosen: {}", loaded.warnings.file, names.join(", ")),
                Some(
                    "add `--env NAME`, or set STACK_ENV; `--env default` means the file as it stands, without any of them".into(),
                ),
            ));
        }
        let target = Target {
            stack: loaded.stack.stack.as_str(),
            env: &loaded.env,
            region: &loaded.stack.region,
            account: loaded.stack.account.as_ref().map(config::Account::as_str),
            said_by: "the file",
            history_bucket: loaded.stack.history_bucket.as_deref(),
        };
        Session::open(&target, way, color).await
    }

    /// What comes of asking AWS, unless it does not answer any more: then that is said, and it ends.
    pub async fn hear<T, E>(&self, call: impl Future<Output = engine::Result<T, E>>) -> Result<T>
    where
        Stop: From<E>,
    {
        let patience = Patience { of: "AWS", speak: Duration::from_secs(4), end: Duration::from_secs(90) };
        patience.hear(&self.cx.reach, &self.look, call).await
    }

    /// The same of the bucket that keeps leases and history.
    pub async fn kept<T, E>(&self, call: impl Future<Output = engine::Result<T, E>>) -> Result<T>
    where
        Stop: From<E>,
    {
        let of = "S3, which keeps leases and history";
        let patience = Patience { of, speak: Duration::from_secs(5), end: Duration::from_secs(60) };
        patience.hear(&self.cx.reach, &self.look, call).await
    }

    /// The file's objects.
    pub async fn graph(&self, loaded: &Loaded) -> Result<Graph> {
        let wanted = blueprint::wanted(&loaded.stack);
        let (zones, existing) = tokio::try_join!(ec2::zones(&self.cx.cloud), Found::look(&self.cx.cloud, &wanted))?;
        let facts = Facts { scope: &self.cx.scope, zones, has_network: loaded.at("network").is_some(), existing };
        expand(loaded, &facts, &self.registry)
    }

    /// What is there.
    pub async fn snapshot(&self) -> Result<Snapshot> {
        self.hear(Snapshot::read(&self.registry, &self.cx)).await
    }

    /// What is there of one kind.
    pub async fn read(&self, kind: &str) -> Result<Vec<Seen>> {
        let cx = self.cx.fresh().at(&Key::new(kind, ""), 1);
        let seen = self.hear(self.registry.kind(kind)?.observe(&cx)).await?.into_iter();
        let kind = kind.to_owned();
        Ok(seen.map(|o| Seen { kind: kind.clone(), claim: o.claim, live: o.live, fields: o.fields, state: o.state }).collect())
    }

    /// What is to be done so that the file is true.
    pub async fn plan(&self, loaded: &Loaded) -> Result<Plan> {
        self.hear(async {
            // The file's zones and AWS's objects are independent questions.
            let (graph, snapshot) = tokio::join!(self.graph(loaded), Snapshot::read(&self.registry, &self.cx));
            self.told(Plan::make(&self.registry, &self.cx.scope, Some(&graph?), &snapshot?)?).await
        })
        .await
    }

    /// The same for somebody who only looks: "nothing to do" may rest on AWS's tag index ([`aws::ownership::tag_index`]), which is a minute
    /// behind at times and saves a question for each object.
    pub async fn plan_by_index(&self, loaded: &Loaded) -> Result<Plan> {
        self.hear(async {
            let (graph, snapshot) = tokio::join!(self.graph(loaded), Snapshot::read_by_index(&self.registry, &self.cx));
            self.told(Plan::make_by_index(&self.registry, &self.cx, &graph?, snapshot?).await?).await
        })
        .await
    }

    /// What is to be done so that nothing is left.
    pub async fn plan_destroy(&self) -> Result<Plan> {
        let plan = Plan::make(&self.registry, &self.cx.scope, None, &self.snapshot().await?)?;
        self.hear(self.told(plan)).await
    }

    /// The plan, with what goes with each object that is deleted, with doubts about what only its tags call ours, and with where
    /// its runs are kept.
    pub async fn told(&self, mut plan: Plan) -> Result<Plan> {
        plan.kept_in = self.cx.cloud.history_bucket.clone();
        doubt::doubt(&mut plan, &Store::of(&self.cx), aws::registry::known()).await?;
        plan.ask_what_is_lost(&self.registry, &self.cx).await?;
        Ok(plan)
    }
}

/// The bucket for leases and history that was chosen. Two that differ would be two leases, and so none.
fn history_bucket(target: &Target<'_>) -> Result<Option<String>> {
    let set = std::env::var("STACK_HISTORY_BUCKET").ok().filter(|name| !name.is_empty());
    match (target.history_bucket, set) {
        (Some(said), Some(set)) if said != set => Err(Stop::Message(
            Exit::Usage,
            format!("{} keeps leases and history in `{said}`, and STACK_HISTORY_BUCKET says `{set}`", target.said_by),
            Some("all who change a stack must use one bucket: unset the variable, or change `history_bucket`".into()),
        )),
        (Some(said), _) => Ok(Some(said.to_owned())),
        (None, set) => Ok(set),
    }
}

/// By what we are who we are, for people: the profile, the role or the user. Of an account's root there is nothing to say.
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

/// Says on standard error how an installation gets on: each step once, whatever its details.
pub fn steps(look: Look) -> impl Fn(&str) {
    let last = std::sync::Mutex::new(String::new());
    move |text: &str| {
        let step = text.split(':').next().unwrap_or(text);
        let mut last = last.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if *last != step {
            // A progress line that cannot be written is not missed.
            let _ = ui::err(&ui::note(step, &look));
            *last = step.to_owned();
        }
    }
}

/// Pretty JSON with a newline at its end.
pub fn json(value: &impl serde::Serialize) -> Result<String> {
    serde_json::to_string_pretty(value)
        .map(|text| format!("{}\n", ui::safe_json(&text)))
        .map_err(|e| Stop::from(Error::internal(format!("it cannot be written as JSON: {e}"))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_for_others_has_what_the_file_warns_of() {
        let text = "stack: shop\nregion: us-east-1\nservices:\n  web: { image: nginx:1.27, port: 80, routes: [\"/*\"] }\n";
        let mut loaded = config::load("s.yaml", text, None, &stack_schema()).unwrap();
        loaded.warnings.diagnostics = vec![config::Diagnostic::warning("open", "everybody may").label(12..18, "here").help("no")];
        let problems = problems(&loaded);
        let told: Vec<(&str, &str)> = problems.iter().map(|p| (p.severity, p.message.get(..14).unwrap())).collect();
        assert_eq!(told, [("warning", "line 2: everyb"), ("note", "The network ha"), ("note", "The load balan")]);
    }

    #[test]
    fn who_we_are_is_said_by_profile_role_and_user() {
        let said = |arn: &str, profile| via(arn, profile);
        assert_eq!(said("arn:aws:sts::1:assumed-role/Deploy/anna", Some("prod")).as_deref(), Some("profile prod, role Deploy"));
        assert_eq!(said("arn:aws:iam::1:user/people/anna", None).as_deref(), Some("user anna"));
        assert_eq!(said("arn:aws:iam::1:user/anna", None).as_deref(), Some("user anna"));
        assert_eq!(said("arn:aws:iam::1:root", None), None);
        assert_eq!(said("arn:aws:iam::1:root", Some("x")).as_deref(), Some("profile x"));
    }
}

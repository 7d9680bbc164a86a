//! From a file and a way to AWS to a plan: what most commands begin with.

use std::io::Read;
use std::sync::Arc;

use super::{Aws, Result, StackFile, Stop, stack_schema};
use crate::aws::existing::Found;
use crate::aws::store::Store;
use crate::aws::{self, Clients, ownership};
use crate::blueprint::{self, Facts, Failure};
use crate::config::{self, Loaded, Report};
use crate::engine::{Cx, Graph, Key, Plan, Registry, Scope, Seen, Snapshot};
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
    let loaded = config::load(&file.file, text, file.env.as_deref(), &stack_schema())?;
    if !loaded.warnings.is_empty() {
        let look = Look::stderr(color);
        ui::err(&loaded.warnings.render(look.width, look.color, look.unicode))?;
    }
    Ok(loaded)
}

/// Says aloud, beside what was asked for, what is meant so but is worth knowing.
pub fn notes(loaded: &Loaded, color: Color) -> Result<()> {
    for note in config::validate::notes(&loaded.stack) {
        ui::err(&ui::note(&note, &Look::stderr(color)))?;
    }
    Ok(())
}

/// The file's objects as they would be in an account that nobody has asked about yet.
pub fn offline(loaded: &Loaded) -> Result<Graph> {
    let scope = Scope {
        stack: loaded.stack.stack.to_string(),
        env: loaded.env.clone(),
        region: loaded.stack.region.clone(),
        account: "000000000000".into(),
        partition: "aws".into(),
    };
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

/// A connection to AWS for one stack.
pub struct Session {
    /// The kinds.
    pub registry: Registry<Clients>,
    /// The clients and whose objects are ours.
    pub cx: Cx<Clients>,
    /// Who we are: an ARN.
    pub who: String,
}

impl Session {
    /// Connects for a stack and asks who we are.
    pub async fn open(stack: &str, env: &str, region: &str, way: &Aws, color: Color) -> Result<Session> {
        let region = way.region.as_deref().unwrap_or(region);
        let mut options =
            aws::Options { profile: way.profile.clone(), endpoint_url: way.endpoint_url.clone(), credentials: None };
        if way.local {
            let say = super::steps(Look::stderr(color));
            let places = local::Places::of_user()?;
            let start = local::Options { port: way.local_port, time_scale: None, functions: false, python: None, places };
            let server = local::start(&start, &say).await?;
            options.endpoint_url = Some(server.url.clone());
            options.credentials = Some(("test".into(), "test".into()));
        }
        let clients = Clients::connect(&options, region).await;
        let identity = clients.identity().await?;
        let scope = Scope {
            stack: stack.to_owned(),
            env: env.to_owned(),
            region: region.to_owned(),
            account: identity.account,
            partition: identity.partition,
        };
        Ok(Session { registry: aws::registry(), cx: Cx::new(Arc::new(clients), Arc::new(scope)), who: identity.arn })
    }

    /// Connects for a loaded file.
    pub async fn of(loaded: &Loaded, way: &Aws, color: Color) -> Result<Session> {
        Session::open(loaded.stack.stack.as_str(), &loaded.env, &loaded.stack.region, way, color).await
    }

    /// The file's objects.
    pub async fn graph(&self, loaded: &Loaded) -> Result<Graph> {
        let wanted = blueprint::wanted(&loaded.stack);
        let (zones, existing) = tokio::try_join!(self.cx.cloud.zones(), Found::look(&self.cx.cloud, &wanted))?;
        let facts = Facts { scope: &self.cx.scope, zones, has_network: loaded.at("network").is_some(), existing };
        expand(loaded, &facts, &self.registry)
    }

    /// What is there.
    pub async fn snapshot(&self) -> Result<Snapshot> {
        Ok(Snapshot::read(&self.registry, &self.cx).await?)
    }

    /// What is there of one kind.
    pub async fn read(&self, kind: &str) -> Result<Vec<Seen>> {
        let cx = self.cx.fresh().at(&Key::new(kind, ""), 1);
        let seen = self.registry.kind(kind)?.observe(&cx).await?.into_iter();
        let kind = kind.to_owned();
        Ok(seen.map(|o| Seen { kind: kind.clone(), claim: o.claim, live: o.live, fields: o.fields, state: o.state }).collect())
    }

    /// What is to be done so that the file is true.
    pub async fn plan(&self, loaded: &Loaded) -> Result<Plan> {
        // The file's zones and AWS's objects are independent questions.
        let (graph, snapshot) = tokio::join!(self.graph(loaded), self.snapshot());
        self.told(Plan::make(&self.registry, &self.cx.scope, Some(&graph?), &snapshot?)?).await
    }

    /// The same for somebody who only looks: "nothing to do" may rest on AWS's tag index ([`aws::index`]), which is a minute
    /// behind at times and saves a question for each object.
    pub async fn plan_by_index(&self, loaded: &Loaded) -> Result<Plan> {
        let (graph, snapshot) = tokio::join!(self.graph(loaded), Snapshot::read_by_index(&self.registry, &self.cx));
        self.told(Plan::make_by_index(&self.registry, &self.cx, &graph?, snapshot?).await?).await
    }

    /// What is to be done so that nothing is left.
    pub async fn plan_destroy(&self) -> Result<Plan> {
        self.told(Plan::make(&self.registry, &self.cx.scope, None, &self.snapshot().await?)?).await
    }

    /// The plan, with what goes with each object that is deleted, and with doubts about what only its tags call ours.
    pub async fn told(&self, mut plan: Plan) -> Result<Plan> {
        ownership::doubt(&mut plan, &Store::of(&self.cx)).await?;
        plan.tell_what_goes(&self.registry, &self.cx).await?;
        Ok(plan)
    }
}

//! A copy that is brought up: without its services first, where its data must be made harmless before they start.

use crate::commands::arguments::StackFile;
use crate::commands::consent::{self, Consent};
use crate::commands::run::Run;
use crate::commands::session::Session;
use crate::commands::stop::{Exit, Result, Stop};
use crate::commands::task;
use crate::config::Loaded;
use crate::config::clone::Sanitize;
use crate::engine::{Pause, Plan, Snapshot};
use crate::ui::{self, Color, Look};

/// The copy: its file, and the connection to it.
pub struct Copy<'a> {
    /// The command that makes it.
    pub command: &'static str,
    /// The connection.
    pub session: Session,
    /// Its file.
    pub loaded: &'a Loaded,
    /// How that is called.
    pub file: &'a StackFile,
    /// Its text.
    pub text: &'a str,
    /// Whether the fields of what is created are shown.
    pub verbose: bool,
    /// When to use colour.
    pub color: Color,
}

impl Copy<'_> {
    /// Returns the plan of the copy; with `rests`, of one that does not work with its data yet. Services that run are not stopped: their
    /// data was ready when they started.
    async fn plan(&self, rests: bool) -> Result<Plan> {
        let registry = &self.session.registry;
        self.session
            .plan_with(self.loaded, |graph, snapshot| {
                let runs = snapshot.paused().is_none() && snapshot.seen.iter().any(|seen| seen.kind == "ecs.service");
                if rests && !runs {
                    graph.pause(registry, Pause::Unready);
                }
                Ok(())
            })
            .await
    }

    async fn apply(&self, consent: &Consent, rests: bool) -> Result {
        let agreed = consent.allow.consent();
        let Copy { command, file, text, verbose, color, .. } = *self;
        let run = Run { command, file, text: Some(text), commit: None, consent, agreed: &agreed, verbose, color };
        run.execute(&self.session, async || self.plan(rests).await).await
    }

    /// Brings it up, and returns what it has then; none when that was not confirmed or did not come to its end, which is told.
    pub async fn bring_up(&self, consent: &Consent, sanitize: Option<&Sanitize>) -> Result<(Exit, Option<Snapshot>)> {
        // Before its data is harmless, nothing works with it.
        let sanitize = sanitize.filter(|_| self.has_data());
        let exit = self.apply(consent, sanitize.is_some()).await?;
        if exit as u8 != Exit::Ok as u8 {
            return Ok((exit, None));
        }
        let snapshot = self.session.snapshot().await?;
        let Some(sanitize) = sanitize.filter(|_| snapshot.paused() == Some(Pause::Unready)) else {
            return Ok((exit, Some(snapshot)));
        };
        self.sanitized(sanitize).await?;
        // It was confirmed with the first half.
        let exit = self.apply(&consent.of_next(), false).await?;
        if exit as u8 != Exit::Ok as u8 {
            return Ok((exit, None));
        }
        Ok((exit, Some(self.session.snapshot().await?)))
    }

    /// Shows the plan.
    pub async fn show_plan(&self, consent: &Consent, sanitize: Option<&Sanitize>) -> Result<()> {
        let agreed = consent.allow.consent();
        let plan = consent::with(&self.plan(sanitize.is_some_and(|_| self.has_data())).await?, &agreed)?;
        let rules = |kind: &str| self.session.registry.rules(kind);
        let view = ui::View {
            look: Look::stderr(self.color),
            file: &self.file.file,
            verbose: self.verbose,
            consent: &agreed,
            via: self.session.via.as_deref(),
            rules: &rules,
        };
        Ok(ui::err(&ui::plan_text(&plan, &view))?)
    }

    /// Checks whether any of its databases begins with data.
    fn has_data(&self) -> bool {
        self.loaded.stack.databases.values().any(|database| database.begin.is_some())
    }

    /// Makes the data harmless.
    async fn sanitized(&self, sanitize: &Sanitize) -> Result<()> {
        ui::err(&ui::note("The data is made harmless before any service starts.", &Look::stderr(self.color)))?;
        let job = task::Job {
            service: sanitize.service.as_str(),
            words: &sanitize.command,
            cpu: None,
            memory: None,
            image: sanitize.image.as_deref(),
            timeout: sanitize.timeout,
        };
        let code = task::run_once(&self.session, &job, None, self.color).await?;
        if code == 0 {
            return Ok(());
        }
        let env = &self.session.cx.scope.env;
        Err(Stop::message(
            format!("the sanitizer failed with exit code {code}: no service of `{env}` is running"),
            format!("fix `clone.sanitize` and run the same command again; `stack destroy --env {env}` gives the copy up"),
        )
        .midway())
    }
}

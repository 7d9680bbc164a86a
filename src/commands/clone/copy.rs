//! A copy that is brought up: without its services first, where its data must be made harmless before they start.

use super::objects::{self, Objects};
use crate::commands::arguments::StackFile;
use crate::commands::consent::{self, Consent};
use crate::commands::run::Run;
use crate::commands::session::Session;
use crate::commands::stop::{Exit, Result, Stop};
use crate::commands::task;
use crate::config::Loaded;
use crate::config::clone::Sanitize;
use crate::engine::{Pause, Plan, Snapshot};
use crate::ui::{self, Color, Terminal};

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

/// The objects of buckets that it begins with.
pub struct Brought<'a> {
    /// The connection to what it is made of.
    pub source: &'a Session,
    /// Which objects.
    pub objects: &'a [Objects],
}

impl Copy<'_> {
    /// Refuses to make a copy of that name where one exists, and nothing describes it.
    pub async fn is_new(&self, name: &str) -> Result<()> {
        let env = &self.session.cx.scope.env;
        if self.session.snapshot().await?.is_empty() {
            return Ok(());
        }
        Err(Stop::refused(
            format!("nothing was changed: the environment `{env}` exists, and `{name}` does not"),
            "give the copy another name, or destroy that environment first",
        ))
    }

    async fn apply(&self, consent: &Consent, plan: impl AsyncFn() -> Result<Plan>) -> Result {
        let agreed = consent.allow.consent();
        let Copy { command, file, text, verbose, color, .. } = *self;
        let run = Run { command, file, text: Some(text), commit: None, consent, agreed: &agreed, verbose, color };
        run.execute(&self.session, plan).await
    }

    /// Brings it up, and returns what it has then; none when that was not confirmed or did not come to its end, which is told.
    pub async fn bring_up(&self, consent: &Consent, brought: Option<&Brought<'_>>) -> Result<(Exit, Option<Snapshot>)> {
        let Copy { session, loaded, .. } = self;
        // Its services have no tasks where its data must be made harmless first.
        let exit = self.apply(consent, async || session.plan(loaded).await).await?;
        if exit as u8 != Exit::Ok as u8 {
            return Ok((exit, None));
        }
        let snapshot = session.snapshot().await?;
        let is_unready = snapshot.paused() == Some(Pause::Unready);
        let sanitized = loaded.sanitize().is_some();
        match brought {
            // What was made harmless, or deleted for that, is not brought again.
            Some(Brought { objects, .. }) if sanitized && !is_unready && objects.iter().any(|one| *one != Objects::None) => {
                let words = "No objects were copied: the data of this environment was made harmless before.";
                ui::err(&ui::note(words, &Terminal::stderr(self.color)))?;
            }
            Some(Brought { source, objects }) => {
                objects::bring(source, (session, &snapshot), objects, sanitized, &Terminal::stderr(self.color))
                    .await
                    .map_err(Stop::midway)?;
            }
            None => {}
        }
        if !is_unready {
            return Ok((exit, Some(snapshot)));
        }
        if let Some(sanitize) = loaded.sanitize() {
            self.sanitized(sanitize).await?;
        }
        // It was confirmed with the first half.
        let exit = self.apply(&consent.of_next(), async || session.plan_with(loaded, |_, _| Ok(())).await).await?;
        if exit as u8 != Exit::Ok as u8 {
            return Ok((exit, None));
        }
        Ok((exit, Some(session.snapshot().await?)))
    }

    /// Shows the plan.
    pub async fn show_plan(&self, consent: &Consent) -> Result<()> {
        let agreed = consent.allow.consent();
        let plan = consent::with(self.session.plan(self.loaded).await?, &agreed)?;
        let rules = |kind: &str| self.session.registry.rules(kind);
        let change = self.session.pricing.change(&plan);
        let view = ui::View {
            price: Some(&change),
            terminal: Terminal::stderr(self.color),
            file: &self.file.file,
            verbose: self.verbose,
            consent: &agreed,
            via: self.session.via.as_deref(),
            rules: &rules,
        };
        Ok(ui::err(&ui::plan_text(&plan, &view))?)
    }

    /// Makes the data harmless.
    async fn sanitized(&self, sanitize: &Sanitize) -> Result<()> {
        ui::err(&ui::note("The data is made harmless before any service starts.", &Terminal::stderr(self.color)))?;
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

//! Asks beforehand what AWS would refuse later, and says it.

use super::apply::Run;
use super::session::Session;
use super::{Result, Stop};
use crate::aws::preflight::{self, Certainty};
use crate::engine::Plan;
use crate::ui::{self, Color, Look};

/// Says what was found about a plan that does something; whether nothing of it is certain to be refused.
pub async fn tell(session: &Session, plan: &Plan, color: Color) -> Result<bool> {
    if plan.is_empty() || plan.destroy {
        return Ok(true);
    }
    let look = Look::stderr(color);
    let found = preflight::check(&session.cx, &session.who, plan).await;
    for finding in &found {
        let about = finding.key.as_ref().map_or(String::new(), |key| format!("{key}: "));
        let help = finding.help.as_deref();
        let message = format!("{about}{}", finding.message);
        let next = help.map_or(String::new(), |help| format!("; {help}"));
        ui::err(&match finding.certainty {
            Certainty::Refused => ui::problem(&message, help, &look),
            Certainty::Doubtful => ui::note(&format!("Perhaps: {message}{next}."), &look),
            Certainty::Unknown => ui::note(&format!("Unknown: {message}{next}."), &look),
            Certainty::Told => ui::note(&format!("{message}{next}."), &look),
        })?;
    }
    Ok(found.iter().all(|finding| finding.certainty != Certainty::Refused))
}

/// Stops a run that AWS would stop later.
pub async fn pass(session: &Session, plan: &Plan, run: &Run<'_>) -> Result<()> {
    if run.consent.no_preflight || tell(session, plan, run.color).await? {
        return Ok(());
    }
    Err(Stop::refused(
        "nothing was done: AWS would refuse it on the way",
        "mend what is named above, or add `--no-preflight` to try",
    ))
}

//! Asks beforehand what AWS would refuse later, and says it.

use super::session::Session;
use super::stop::{Result, Stop};
use crate::aws::preflight::{self, Certainty, Finding};
use crate::engine::Plan;
use crate::ui::{self, Color, Look};

/// What is found about a plan that does something.
pub async fn look(session: &Session, plan: &Plan) -> Result<Vec<Finding>> {
    if plan.is_empty() {
        return Ok(Vec::new());
    }
    session.hear(async { Result::<Vec<_>>::Ok(preflight::check(&session.cx, &session.registry, &session.who, plan).await) }).await
}

/// The same, for machines.
pub fn problems(found: &[Finding]) -> Vec<ui::Problem> {
    let problem = |finding: &Finding| ui::Problem {
        severity: match finding.certainty {
            Certainty::Refused => "refused",
            Certainty::Doubtful => "doubtful",
            Certainty::Unknown => "unknown",
            Certainty::Told => "note",
        },
        key: finding.key.as_ref().map(ToString::to_string),
        message: finding.message.clone(),
        help: finding.help.clone(),
    };
    found.iter().map(problem).collect()
}

/// Says what was found; whether nothing of it is certain to be refused.
pub fn tell(found: &[Finding], color: Color) -> Result<bool> {
    let look = Look::stderr(color);
    for finding in found {
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
pub async fn pass(session: &Session, plan: &Plan, skip: bool, color: Color) -> Result<()> {
    if skip || tell(&look(session, plan).await?, color)? {
        return Ok(());
    }
    Err(Stop::refused(
        "nothing was done: AWS would refuse it on the way",
        "mend what is named above, or add `--no-preflight` to try",
    ))
}

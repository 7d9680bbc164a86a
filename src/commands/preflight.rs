//! Preflight: asks beforehand what AWS would refuse in the middle of a run, and reports it. The checks are in `aws::preflight`.

use super::session::Session;
use super::stop::{Result, Stop};
use crate::aws::preflight::{self, Certainty, Finding};
use crate::engine::Plan;
use crate::ui::{self, Color, Terminal};

/// Checks a plan. An empty one needs no checks.
pub async fn look(session: &Session, plan: &Plan) -> Result<Vec<Finding>> {
    if plan.is_empty() {
        return Ok(Vec::new());
    }
    session.hear(async { Result::<Vec<_>>::Ok(preflight::check(&session.cx, &session.registry, &session.who, plan).await) }).await
}

/// Returns the findings for programs.
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

/// Reports the findings, and returns whether none of them is certain to be refused.
pub fn tell(found: &[Finding], color: Color) -> Result<bool> {
    let terminal = Terminal::stderr(color);
    for finding in found {
        let about = finding.key.as_ref().map_or(String::new(), |key| format!("{key}: "));
        let help = finding.help.as_deref();
        let message = format!("{about}{}", finding.message);
        let next = help.map_or(String::new(), |help| format!("; {help}"));
        ui::err(&match finding.certainty {
            Certainty::Refused => ui::problem(&message, help, &terminal),
            Certainty::Doubtful => ui::note(&format!("Perhaps: {message}{next}."), &terminal),
            Certainty::Unknown => ui::note(&format!("Unknown: {message}{next}."), &terminal),
            Certainty::Told => ui::note(&format!("{message}{next}."), &terminal),
        })?;
    }
    Ok(found.iter().all(|finding| finding.certainty != Certainty::Refused))
}

/// Refuses a run that AWS would refuse part of, unless the checks are to be skipped.
pub async fn pass(session: &Session, plan: &Plan, skip: bool, color: Color) -> Result<()> {
    if skip || tell(&look(session, plan).await?, color)? {
        return Ok(());
    }
    Err(Stop::refused(
        "nothing was changed: AWS would refuse part of this plan",
        "fix what is named above, or try anyway with `--no-preflight`",
    ))
}

//! Plans as text that is kept. What was shown is what is applied, or nothing is.
//!
//! The digest is over the plan as this `stack` writes it, not over the text: a plan that reads back to anything else is
//! refused, whatever was done to the text. It is no signature. Who makes a whole plan of their own can give it a digest
//! too, and what it says is shown and compared with AWS like any other.

use serde::{Deserialize, Serialize};

use super::error::{Error, Result};
use super::plan::{Plan, VERSION};

#[derive(Serialize, Deserialize)]
struct Saved {
    stack_plan: u32,
    digest: String,
    plan: Plan,
}

/// The text of a plan, with its digest.
///
/// # Errors
/// When the plan cannot be written as JSON, which is a defect.
pub fn text(plan: &Plan) -> Result<String> {
    let saved = Saved { stack_plan: VERSION, digest: plan.digest()?, plan: plan.clone() };
    serde_json::to_string(&saved).map(|text| text + "\n").map_err(|e| Error::internal(e.to_string()))
}

/// Whether the text is a saved plan rather than a stack file.
pub fn is_one(text: &str) -> bool {
    text.trim_start().starts_with("{\"stack_plan\"")
}

/// The plan, when the text is whole and of this version.
///
/// # Errors
/// What the text is instead of that, as the end of a sentence that begins with the file's name.
pub fn parse(text: &str) -> Result<Plan, String> {
    #[derive(Deserialize)]
    struct Version {
        stack_plan: u32,
    }
    let version: Version = serde_json::from_str(text).map_err(|e| format!("is not a saved plan: {e}"))?;
    if version.stack_plan != VERSION {
        return Err(format!("was saved in form {}, this is `stack` for form {VERSION}", version.stack_plan));
    }
    let saved: Saved = serde_json::from_str(text).map_err(|e| format!("is not a saved plan: {e}"))?;
    if saved.plan.digest().map_err(|e| e.message)? != saved.digest {
        return Err("was changed after it was saved".into());
    }
    Ok(saved.plan)
}

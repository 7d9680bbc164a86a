//! Access to the account for people of the organization's directory, in IAM Identity Center: permission sets, and who is assigned them.
//!
//! An instance is the organization's, in one region of its own. Permission sets are administered from the management account or a
//! delegated administrator (<https://docs.aws.amazon.com/singlesignon/latest/userguide/delegated-admin.html>); the other accounts
//! have the roles that they bring. Users and groups are only looked up.

mod assignment;
mod center;
mod checks;
pub(in crate::aws) mod errors;
mod permission_set;
mod policies;
mod principals;
mod sets;

pub use assignment::Assignment;
pub use permission_set::{PermissionSet, session};

use std::collections::BTreeMap;

use crate::aws::Cx;
use crate::aws::call::rate_limit::{Rates, per_second};
use crate::aws::wing::{KindRow, Wing};
use crate::engine::Result;

/// Returns the names of the roles that the stack's permission sets have become in the account, each with what the stack calls the
/// permission set.
///
/// # Errors
/// When IAM or IAM Identity Center may not be asked.
pub async fn roles(cx: &Cx) -> Result<BTreeMap<String, String>> {
    let (sets, roles) = (sets::sets(cx).await?, center::roles(cx).await?);
    let key = |of: &str| sets.iter().find(|known| known.set.name() == Some(of))?.claim.name().map(str::to_owned);
    Ok(roles.into_iter().filter_map(|(set, role)| Some((role, key(&set)?))).collect())
}

/// The service and its kinds. They cost nothing (<https://aws.amazon.com/iam/identity-center/>, "at no additional charge").
pub(super) static WING: Wing = Wing {
    // <https://docs.aws.amazon.com/singlesignon/latest/userguide/limits.html>: 20 a second for all operations of each API together. Assignments
    // are worked on one after the other.
    rates: &[
        Rates { together: Some(per_second(20)), changing: per_second(5), ..Rates::of("SSO Admin", &[]) },
        Rates { together: Some(per_second(20)), ..Rates::of("identitystore", &[]) },
    ],
    checks: checks::of,
    departures: checks::departures,
    ..Wing::of(&[KindRow::of::<PermissionSet>(), KindRow::of::<Assignment>()])
};

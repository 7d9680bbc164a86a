//! A copy in another account: the role that makes it, and the snapshots that are shared with that account until the copy is complete.

use super::Arguments;
use super::compose::{self, Caches, Data};
use super::objects::Objects;
use crate::aws::rds::frozen;
use crate::commands::arguments::Aws;
use crate::commands::freeze::{self, For, Freezer};
use crate::commands::session::{Session, Target};
use crate::commands::stop::{Exit, Result, Stop};
use crate::config::{Loaded, Stack};
use crate::engine::Plan;
use crate::ui::{self, Color, Look};

/// A role of the account that the copy is made in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Role {
    /// Its ARN.
    pub arn: String,
    /// Its account.
    pub account: String,
}

/// Reads `--account-role`.
pub fn role(text: &str) -> std::result::Result<Role, String> {
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    match parts[..] {
        ["arn", _, "iam", "", account, rest] if rest.starts_with("role/") && account.len() == 12 => {
            Ok(Role { arn: text.to_owned(), account: account.to_owned() })
        }
        _ => Err("write the ARN of a role: `arn:aws:iam::123456789012:role/Deploy`".into()),
    }
}

/// Refuses what cannot be brought into another account.
pub fn check(arguments: &Arguments, stack: &Stack, own: &str) -> Result<()> {
    let Some(Role { account, .. }) = &arguments.account_role else { return Ok(()) };
    let usage = |what: &str, help: &str| Err(Stop::Message(Exit::Usage, what.to_owned(), Some(help.to_owned())));
    if account == own {
        let what = format!("`--account-role` is of the account {own}, in which `{}` is", arguments.from);
        return usage(&what, "leave it out for a copy in the same account");
    }
    if matches!(arguments.data, Data::Latest | Data::PointInTime) {
        let what = "AWS shares neither automated snapshots nor backups with another account";
        return usage(what, "use `--data snapshot`, which takes one and shares it, or `--data none`");
    }
    if arguments.caches == Caches::Snapshot {
        return usage("snapshots of caches stay in their account", "leave out `--caches snapshot`: caches begin empty");
    }
    if arguments.objects.iter().any(|one| !matches!(one, Objects::Static | Objects::None)) {
        let what = "the objects of buckets are not copied into another account";
        return usage(what, "leave out `--objects`; `aws s3 sync` copies them for whom both buckets' policies allow it");
    }
    if arguments.data == Data::None {
        return Ok(());
    }
    let unshared: Vec<String> = unshared(stack, account);
    if unshared.is_empty() {
        return Ok(());
    }
    Err(Stop::Message(
        Exit::Refused,
        format!("nothing was changed: the account {account} cannot read snapshots of {}", unshared.join(", ")),
        Some(format!(
            "add `accounts: [\"{account}\"]` to the key under `keys` that encrypts them and apply it to `{}`; AWS's own key cannot be shared",
            arguments.from
        )),
    ))
}

/// Returns the databases whose keys the account may not use, as far as the file says it.
fn unshared(stack: &Stack, account: &str) -> Vec<String> {
    let may = |key: Option<&str>| match key.unwrap_or("keys.main").strip_prefix("keys.") {
        Some(name) => {
            let section = stack.keys.iter().find(|(known, _)| known.as_str() == name).map(|(_, section)| section);
            section.is_some_and(|section| section.accounts.iter().any(|known| known.as_str() == account))
        }
        // Another owner's key has a policy of its own.
        None => true,
    };
    let out = stack.databases.iter().filter(|(_, database)| !may(database.key.as_deref()));
    out.map(|(name, _)| format!("`databases.{name}`")).collect()
}

/// Takes a snapshot of each database and shares it; returns names and ARNs. Before that it is certain that the role can be assumed, and
/// that there is no such environment yet.
pub async fn share(
    (loaded, session): (&Loaded, &Session),
    plan: &Plan,
    arguments: &Arguments,
    to: &str,
    color: Color,
) -> Result<Vec<(String, String)>> {
    let Some(role) = &arguments.account_role else { return Ok(Vec::new()) };
    let region = arguments.applying.aws.region.as_deref().unwrap_or(&loaded.stack.region);
    let target = Target {
        stack: loaded.stack.stack.as_str(),
        env: to,
        region,
        account: Some(&role.account),
        said_by: "`--account-role`",
        history_bucket: loaded.stack.history_bucket.as_deref(),
    };
    let there = Session::open(&target, &of_copy(arguments), color).await?;
    if !there.snapshot().await?.is_empty() {
        return Err(Stop::refused(
            format!("nothing was changed: the environment `{to}` exists in the account {}", role.account),
            "give the copy another name, or destroy that environment first",
        ));
    }
    if arguments.plan || arguments.data == Data::None || compose::databases(plan, &loaded.stack).next().is_none() {
        return Ok(Vec::new());
    }
    let look = Look::stderr(color);
    ui::err(&ui::note(
        &format!("Snapshots are taken and shared with the account {} until the copy is complete.", role.account),
        &look,
    ))?;
    let freezer = Freezer::new(session, plan, Some(For { account: &role.account, env: to }), look);
    freezer.snapshots(freeze::Data::Snapshot, &loaded.stack).await
}

/// Returns the connection of the copy.
pub fn of_copy(arguments: &Arguments) -> Aws {
    let role = arguments.account_role.as_ref().map(|role| role.arn.clone());
    Aws { role, ..arguments.applying.aws.in_its_region() }
}

/// Deletes the snapshots that were shared for a copy: it has its data.
pub async fn take_back(source: &Session, to: &str) -> Result<()> {
    for name in source.hear(frozen::shared_for(&source.cx, to)).await? {
        source.hear(frozen::delete(&source.cx, &name)).await.map_err(Stop::midway)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_is_named_by_its_arn() {
        let read = role("arn:aws:iam::123456789012:role/path/Deploy").unwrap();
        assert_eq!(read.account, "123456789012");
        for wrong in
            ["Deploy", "arn:aws:iam::123456789012:user/x", "arn:aws:iam::1234:role/x", "arn:aws:sts::123456789012:role/x"]
        {
            assert!(role(wrong).is_err(), "{wrong}");
        }
    }
}

//! A copy in another account: the role that makes it, and the snapshots that are shared with that account until the copy is complete.

use futures::future::try_join_all;

use super::compose::{self, Caches, Data, Known};
use super::objects::Objects;
use crate::aws;
use crate::aws::rds::passing::{self, Shared};
use crate::commands::arguments::Aws;
use crate::commands::complete::complete;
use crate::commands::consent;
use crate::commands::session::Session;
use crate::commands::stop::{Exit, Result, Stop};
use crate::config::Stack;
use crate::engine::{Plan, Scope};
use crate::ui::{self, Terminal};

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

/// What is asked of a copy.
#[derive(Clone, Copy)]
pub struct Asked<'a> {
    /// The role that makes it, where that is of another account.
    pub role: Option<&'a Role>,
    /// The environment that is copied.
    pub from: &'a str,
    /// What its databases begin with.
    pub data: Data,
    /// What its caches begin with.
    pub caches: Caches,
    /// What its buckets begin with.
    pub objects: &'a [Objects],
}

/// Refuses what cannot be brought into another account than `own`, that of what is copied.
pub fn check(asked: Asked<'_>, stack: &Stack, own: &str) -> Result<()> {
    let Some(Role { account, .. }) = asked.role else { return Ok(()) };
    let usage = |what: &str, help: &str| Err(Stop::Message(Exit::Usage, what.to_owned(), Some(help.to_owned())));
    if account == own {
        let what = format!("`--account-role` is of the account {own}, in which `{}` is", asked.from);
        return usage(&what, "leave it out for a copy in the same account");
    }
    if matches!(asked.data, Data::Latest | Data::PointInTime) {
        let what = "AWS shares neither automated snapshots nor backups with another account";
        return usage(what, "use `--data snapshot`, which takes one and shares it, or `--data none`");
    }
    if asked.caches == Caches::Snapshot {
        return usage("snapshots of caches stay in their account", "leave out `--caches snapshot`: caches begin empty");
    }
    if asked.objects.iter().any(|one| !matches!(one, Objects::Static | Objects::None)) {
        let what = "the objects of buckets are not copied into another account";
        return usage(what, "leave out `--objects`; `aws s3 sync` copies them for whom both buckets' policies allow it");
    }
    if asked.data == Data::None {
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
            asked.from
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

/// Returns the snapshots that are to be taken for a copy in another account.
pub fn planned(plan: &Plan, stack: &Stack, asked: Asked<'_>, to: &str) -> Vec<(Shared, String)> {
    if asked.role.is_none() || asked.data == Data::None {
        return Vec::new();
    }
    let at = jiff::Timestamp::now().strftime("%Y%m%dt%H%M%Sz").to_string();
    let shared = |known: Known<'_>| {
        let name = passing::shared_name(known.id, to, &at);
        let arn = known.arn.replace(&format!(":db:{}", known.id), &format!(":snapshot:{name}"));
        (Shared { database: known.name.to_owned(), instance: known.id.to_owned(), name }, arn)
    };
    compose::databases(plan, stack).map(shared).collect()
}

/// Takes the snapshots and shares them, when that is agreed to; returns whether it is. What an attempt before left is deleted: no file
/// names it.
pub async fn share(source: &Session, copy: &Session, shared: &[Shared], yes: bool, terminal: &Terminal) -> Result<bool> {
    if shared.is_empty() {
        return Ok(true);
    }
    let (snapshots, account) = (ui::count(shared.len(), "snapshot"), &copy.cx.scope.account);
    let question = format!("Take {snapshots} and share with the account {account} until the copy is complete?");
    if !yes && !consent::confirmed(&question, "share")? {
        return Ok(false);
    }
    source.hear(passing::delete_for(&source.cx, &copy.cx.scope)).await.map_err(Stop::midway)?;
    let words = format!("Taking {snapshots}, shared with the account {account} until the copy is complete.");
    ui::err(&ui::note(&words, terminal))?;
    let each = shared.iter().map(|one| {
        complete(source, terminal, &one.instance, async || {
            passing::share(&source.cx, one, &copy.cx.scope).await.map(|state| (state, Some(())))
        })
    });
    // All at once: the largest decides how long it takes.
    try_join_all(each).await.map_err(Stop::midway)?;
    Ok(true)
}

/// Returns the connection of the copy.
pub fn of_copy(aws: &Aws, role: Option<&Role>, home: &str) -> Aws {
    let role = role.map(|role| aws::Role { arn: role.arn.clone(), region: home.to_owned() });
    Aws { role, ..aws.clone() }
}

/// Deletes the snapshots that were shared for a copy: it has its data.
pub async fn take_back(source: &Session, copy: &Scope) -> Result<()> {
    source.hear(passing::delete_for(&source.cx, copy)).await.map_err(Stop::midway)?;
    Ok(())
}

/// Says what stays where a copy in another account is not complete.
pub fn tell_shared(copy: &Scope, terminal: &Terminal) -> Result<()> {
    let Scope { stack, env, account, region, .. } = copy;
    let words = format!(
        "The snapshots stay shared with the account {account} until the same command takes others or completes the copy, or `stack frozen \
         prune {stack}/{env}/{account}/{region}` deletes them."
    );
    Ok(ui::err(&ui::note(&words, terminal))?)
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

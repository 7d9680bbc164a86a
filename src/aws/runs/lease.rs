//! The lease: the right to change a stack and environment, held by one run.
//!
//! It is a small document in the [`store`](crate::aws::runs::store), changed only by compare-and-swap, so that of two runs that
//! want it one gets it. Its holder renews it every few seconds; when it has not been renewed for [`EXPIRES`], the next run may
//! take it. Its age is measured by S3's clock alone: no other clock has to be right. Calls that its former holder still has in
//! mind are held back by its [`fence`](crate::aws::call::fence), which closes long before.
//!
//! It is released, not deleted: as its version changes with every holder, a run that takes exactly the version that was there
//! before its plan was made knows that no other run has changed anything since.

use std::hash::{BuildHasher, Hasher};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;
use tokio::task::JoinHandle;

use crate::aws::Cx;
use crate::aws::call::fence::{Fence, Moment};
use crate::aws::runs::store::{Over, Store};
use crate::engine::{Class, Error, Result};

/// The time after its last renewal after which a lease can be taken by another run.
pub const EXPIRES: Duration = Duration::from_secs(60);
/// The interval at which it is renewed.
const RENEW: Duration = Duration::from_secs(8);
/// The time after which a failed renewal is tried again.
const AGAIN: Duration = Duration::from_secs(2);
/// The maximum time for the release: a user who asked to stop is waiting.
const RELEASE: Duration = Duration::from_millis(1500);
/// How often and how soon a question is asked again when its answer cannot be current.
const LOOKS: usize = 8;
const SOON: Duration = Duration::from_millis(250);
const NAME: &str = "lease.json";

/// The holder of a lease.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// The identity in AWS: an ARN.
    pub who: String,
    /// The machine's name.
    pub host: String,
    /// The command as it was typed.
    pub command: String,
    /// Since when, by the holder's own clock: shown, never compared.
    pub since: String,
    /// The identifier that distinguishes this run from every other.
    pub run: String,
    /// The process, where another process of the same machine can see whether it is alive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub process: Option<Process>,
}

/// A process, for other runs on the same machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Process {
    /// The boot of this machine, and its process table.
    pub machine: String,
    /// The process's number.
    pub id: u32,
    /// When it started, in the machine's ticks: process numbers are reused.
    pub began: String,
    /// When the machine booted by its own clock, in seconds. Copies of one frozen machine share everything above; this they share
    /// only if they were resumed in the same second.
    #[serde(default)]
    pub booted: Option<u64>,
}

impl Process {
    /// Returns this process. None where the system does not report enough (systems other than Linux).
    fn own() -> Option<Process> {
        let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
        let table = std::fs::read_link("/proc/self/ns/pid").ok()?;
        let id = std::process::id();
        let machine = format!("{} {}", boot.trim(), table.display());
        Some(Process { machine, id, began: began(id)?, booted: booted() })
    }

    /// Checks whether it ran on this machine and no longer does.
    fn is_dead(&self) -> bool {
        Process::own().is_some_and(|own| own.is_here(self) && began(self.id).as_ref() != Some(&self.began))
    }

    /// Checks whether the other ran on this machine. A clock that was set since makes it another machine: then the lease expires.
    fn is_here(&self, other: &Process) -> bool {
        let alike = match (self.booted, other.booted) {
            (Some(one), Some(other)) => one.abs_diff(other) <= 1,
            (one, other) => one == other,
        };
        self.machine == other.machine && alike
    }
}

/// Returns when this machine booted: the line `btime` of the kernel's statistics.
fn booted() -> Option<u64> {
    std::fs::read_to_string("/proc/stat").ok()?.lines().find_map(|line| line.strip_prefix("btime ")?.trim().parse().ok())
}

/// Returns when a process started: the twenty-second field of its `stat`, counted after the name, which may contain anything.
fn began(id: u32) -> Option<String> {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    // A process that has ended and was not reaped yet does nothing any more.
    (!matches!(fields.next(), Some("Z" | "X"))).then(|| fields.nth(18).map(str::to_owned)).flatten()
}

impl Holder {
    /// Returns this run as a holder.
    pub fn own(who: &str, command: &str) -> Holder {
        let number = || std::hash::RandomState::new().build_hasher().finish();
        Holder {
            who: who.to_owned(),
            host: rustix::system::uname().nodename().to_string_lossy().into_owned(),
            command: command.to_owned(),
            since: crate::aws::runs::history::now(),
            run: format!("{:016x}{:016x}", number(), number()),
            process: Process::own(),
        }
    }
}

impl std::fmt::Display for Holder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} on {}: `{}`, since {}", self.who, self.host, self.command, self.since)
    }
}

/// The stored document.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Text {
    #[serde(default)]
    holder: Option<Holder>,
    /// How often it was written: every writing is another version.
    #[serde(default)]
    written: u64,
}

/// The lease as it was found.
#[derive(Clone, Debug, Default)]
pub struct LeaseState {
    text: Text,
    etag: Option<String>,
    age: Duration,
    /// Why the document is not a lease, if it is not.
    broken: Option<String>,
}

impl LeaseState {
    /// Returns the holder, when the lease cannot be taken.
    pub fn holder(&self) -> Option<&Holder> {
        let dead = |h: &Holder| h.process.as_ref().is_some_and(Process::is_dead);
        self.text.holder.as_ref().filter(|h| self.age < EXPIRES && !dead(h))
    }

    /// Returns the holder, or the last one that did not release it, however long ago.
    pub fn last_holder(&self) -> Option<&Holder> {
        self.text.holder.as_ref()
    }

    /// Returns why the document cannot be read as a lease.
    pub fn broken(&self) -> Option<&str> {
        self.broken.as_deref()
    }

    /// Returns the time since it was renewed.
    pub fn age(&self) -> Duration {
        self.age
    }
}

/// Reads the lease.
///
/// # Errors
/// When S3 cannot be asked, or refuses, and when the document is not a lease.
pub async fn look(store: &Store) -> Result<LeaseState> {
    let found = look_at_any(store).await?;
    match &found.broken {
        Some(why) => Err(Error::new(Class::Other, why.clone()).hint(
            "it was written by another version of `stack`, or by another program; make sure that no run is changing this stack, then replace it with `stack unlock`",
        )),
        None => Ok(found),
    }
}

/// Reads the lease for a command that replaces it: a document that is not a lease counts as one of an unknown holder.
///
/// # Errors
/// When S3 cannot be asked, or refuses.
pub async fn look_at_any(store: &Store) -> Result<LeaseState> {
    let Some(document) = store.read(NAME).await? else { return Ok(LeaseState::default()) };
    let (text, broken) = match serde_json::from_str(&document.text) {
        Ok(text) => (text, None),
        Err(e) => (Text::default(), Some(format!("`{}{NAME}` is not a lease: {e}", store.place()))),
    };
    Ok(LeaseState { text, etag: Some(document.etag), age: document.age, broken })
}

/// Takes the lease from its holder, if it is still as it was found, and releases it once no call of that run can still be in
/// flight. Returns whether it was as it was found. `waiting` gets the time that this takes.
///
/// # Errors
/// When S3 cannot be asked, or refuses.
pub async fn unlock(store: &Store, found: &LeaseState, own: &Holder, waiting: impl FnOnce(Duration)) -> Result<bool> {
    let mut written = found.text.written.saturating_add(1);
    let mut etag = found.etag.clone();
    let rest = EXPIRES.saturating_sub(found.age);
    if (found.holder().is_some() || found.broken.is_some()) && !rest.is_zero() {
        // A run that is alive sees at its next renewal that the lease is not its own any more.
        let ours = Text { holder: Some(own.clone()), written };
        etag = write(store, &ours, etag.as_deref()).await?;
        if etag.is_none() {
            return Ok(false);
        }
        waiting(rest);
        tokio::time::sleep(rest).await;
        written = written.saturating_add(1);
    }
    Ok(write(store, &Text { holder: None, written }, etag.as_deref()).await?.is_some())
}

/// Reads until something other than the version `old` is seen, which S3 has just reported as replaced; but not for long.
async fn look_beyond(store: &Store, old: Option<&str>) -> Result<LeaseState> {
    let mut found = look(store).await?;
    for _ in 0..LOOKS {
        if found.etag.as_deref() != old {
            break;
        }
        tokio::time::sleep(SOON).await;
        found = look(store).await?;
    }
    Ok(found)
}

async fn write(store: &Store, text: &Text, over: Option<&str>) -> Result<Option<String>> {
    let json = serde_json::to_string(text).map_err(|e| Error::internal(e.to_string()))?;
    store.write(NAME, &json, over.map_or(Over::Nothing, Over::Version)).await
}

/// The lease held by this run.
pub struct Lease {
    kept: Arc<Kept>,
    renewal: JoinHandle<()>,
}

struct Kept {
    store: Store,
    fence: Arc<Fence>,
    /// What this run wrote last, and its version.
    last: Mutex<(Text, String)>,
}

impl Lease {
    /// Takes the lease if it is free or was abandoned, and still as it was found. `None`: another run was faster. The bucket's
    /// protection is checked and fixed first.
    ///
    /// # Errors
    /// When S3 cannot be asked, or refuses.
    pub async fn take(cx: &Cx, store: &Store, found: &LeaseState, own: &Holder) -> Result<Option<Lease>> {
        store.secure().await?;
        let at = Moment::now();
        let text = Text { holder: Some(own.clone()), written: found.text.written.saturating_add(1) };
        let etag = match write(store, &text, found.etag.as_deref()).await? {
            Some(etag) => etag,
            // The answer to a first try may have been lost: then this run holds it already.
            None => match look_beyond(store, found.etag.as_deref()).await? {
                LeaseState { text: there, etag: Some(etag), .. } if there == text => etag,
                _ => return Ok(None),
            },
        };
        cx.cloud.fence.renewed(at);
        let kept = Kept { store: store.clone(), fence: cx.cloud.fence.clone(), last: Mutex::new((text, etag)) };
        let kept = Arc::new(kept);
        let renewal = tokio::spawn(renew(kept.clone()));
        Ok(Some(Lease { kept, renewal }))
    }

    /// Releases the lease. If that does not succeed quickly, it expires by itself.
    pub async fn release(self) {
        self.renewal.abort();
        let free = async {
            let last = self.kept.last.lock().await;
            let free = Text { holder: None, written: last.0.written.saturating_add(1) };
            write(&self.kept.store, &free, Some(&last.1)).await
        };
        // Whether it worked or not, there is nothing else to do: it expires.
        let _ = tokio::time::timeout(RELEASE, free).await;
        self.kept.fence.open();
    }
}

/// Renews the lease for as long as this run holds it.
async fn renew(kept: Arc<Kept>) {
    let mut wait = RENEW;
    loop {
        tokio::time::sleep(wait).await;
        let at = Moment::now();
        let mut last = kept.last.lock().await;
        let text = Text { written: last.0.written.saturating_add(1), ..last.0.clone() };
        let etag = match write(&kept.store, &text, Some(&last.1)).await {
            Ok(Some(etag)) => Some(etag),
            Ok(None) => match look_beyond(&kept.store, Some(&last.1)).await {
                // This run's own: only the answer was lost.
                Ok(found) if found.text == text => found.etag,
                // Not of this moment.
                Ok(found) if found.etag.as_ref() == Some(&last.1) => None,
                Ok(found) => {
                    let who = found.last_holder().map_or_else(|| "by `stack unlock`".to_owned(), |h| format!("by {h}"));
                    kept.fence.lose(who);
                    return;
                }
                Err(_) => None,
            },
            // The fence closes by itself when this goes on.
            Err(_) => None,
        };
        wait = match etag {
            Some(etag) => {
                *last = (text, etag);
                kept.fence.renewed(at);
                RENEW
            }
            None => AGAIN,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(process: Option<Process>, age: Duration) -> LeaseState {
        let holder = Holder { process, ..Holder::own("arn:aws:iam::1:user/anna", "stack apply") };
        LeaseState { text: Text { holder: Some(holder), written: 3 }, etag: Some("x".into()), age, broken: None }
    }

    #[test]
    fn a_lease_is_free_if_expired_or_its_holder_died_here() {
        let own = Process::own();
        assert!(found(own.clone(), Duration::ZERO).holder().is_some());
        assert!(found(None, Duration::ZERO).holder().is_some());
        assert!(found(own.clone(), EXPIRES).holder().is_none());
        assert!(LeaseState::default().holder().is_none());
        if let Some(own) = own {
            // Another process has its number since.
            let dead = Process { began: "1".into(), ..own.clone() };
            assert!(found(Some(dead.clone()), Duration::ZERO).holder().is_none());
            // What another machine's processes do cannot be seen from here.
            let elsewhere = Process { machine: "other".into(), ..dead.clone() };
            assert!(found(Some(elsewhere), Duration::ZERO).holder().is_some());
            // Nor can those of its copies.
            let copy = Process { booted: Some(own.booted.unwrap_or_default() + 60), ..dead };
            assert!(found(Some(copy), Duration::ZERO).holder().is_some());
        }
    }
}

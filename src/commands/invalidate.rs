use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use clap::Args;
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::arguments::{Aws, StackFile};
use super::session::{self, Session};
use super::stack_file;
use super::stop::{Exit, Result, Stop};
use crate::aws::Cx;
use crate::aws::cloudfront::invalidation::{self, Invalidation};
use crate::blueprint::objects::DISTRIBUTION;
use crate::ui::{self, Color, Terminal};

/// The longest that `--wait` waits.
const LONGEST: Duration = Duration::from_secs(30 * 60);

/// Invalidate CloudFront's cache
///
/// CloudFront then asks the stack again for everything, or for some paths.
#[derive(Args, Debug)]
pub struct Arguments {
    #[command(flatten)]
    file: StackFile,
    #[command(flatten)]
    aws: Aws,
    /// The paths to invalidate, such as `/index.html` or `/static/*`
    #[arg(value_name = "PATH", default_value = "/*")]
    paths: Vec<String>,
    /// Wait until the invalidation is complete everywhere
    #[arg(long, short)]
    wait: bool,
    /// Print the invalidation as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Done<'a> {
    distribution: &'a str,
    invalidation: &'a str,
    status: &'a str,
    paths: &'a [String],
}

pub async fn run(arguments: Arguments, color: Color) -> Result {
    let paths = arguments.paths.iter().map(|path| checked(path)).collect::<Result<Vec<_>>>()?;
    if paths.len() > invalidation::MOST {
        return Err(Stop::message(
            format!("{} paths are too many: one invalidation takes up to {}", paths.len(), invalidation::MOST),
            "use paths that end with `*`",
        ));
    }
    let loaded = stack_file::load(&arguments.file, color)?;
    let session = Session::of(&loaded, &arguments.aws, color).await?;
    let distribution = distribution(&session).await?;
    let terminal = Terminal::stderr(color);
    let mut done = session.hear(start(&session.cx, &distribution, &paths)).await?;
    if arguments.wait {
        done = wait(&session, &distribution, done, &terminal).await.map_err(Stop::midway)?;
    }
    let text = if arguments.json {
        let Invalidation { id, status } = &done;
        session::json(&Done { distribution: &distribution, invalidation: id, status, paths: &paths })?
    } else {
        format!("{} of {distribution}: {}\n", done.id, words(&done))
    };
    // The invalidation has been created: that this cannot be written is no failure.
    let _ = ui::out(&text);
    Ok(Exit::Ok)
}

/// Returns the status in words.
fn words(done: &Invalidation) -> &str {
    match done.status.as_str() {
        "Completed" => "completed",
        "InProgress" => "in progress, usually takes a few minutes",
        other => other,
    }
}

/// Checks a path and returns it as CloudFront takes it.
fn checked(path: &str) -> Result<String> {
    let wrong = |why: &str, help: String| Err(Stop::message(format!("`{path}` cannot be invalidated: {why}"), help));
    if !path.starts_with('/') {
        return wrong("a path starts with a slash", format!("write `/{path}`"));
    }
    match path.find('*') {
        Some(at) if at + 1 < path.len() => wrong("a `*` can only be at the end", format!("use `{}`", &path[..=at])),
        _ => Ok(invalidation::encoded(path)),
    }
}

/// Finds the stack's distribution.
pub async fn distribution(session: &Session) -> Result<String> {
    let seen = session.read("cloudfront.distribution").await?;
    let ours = seen.into_iter().find(|seen| seen.key().is_some_and(|key| key.name == DISTRIBUTION));
    ours.and_then(|seen| seen.live.get("id").and_then(|id| id.as_str()).map(str::to_owned))
        .ok_or_else(|| Stop::message("the stack has no distribution", "add the section `cdn` to its file and run `stack apply`"))
}

/// Creates an invalidation of these paths. The reference belongs to this process, so a request that is sent twice counts once.
pub async fn start(cx: &Cx, distribution: &str, paths: &[String]) -> Result<Invalidation> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    let digest = Sha256::digest(paths.join("\n").as_bytes());
    let digest: String = digest.iter().take(8).map(|b| format!("{b:02x}")).collect();
    Ok(invalidation::create(cx, distribution, paths, &format!("stack-{now}-{digest}")).await?)
}

/// Waits until an invalidation is complete.
async fn wait(session: &Session, distribution: &str, begun: Invalidation, terminal: &Terminal) -> Result<Invalidation> {
    let since = Instant::now();
    let mut now = begun;
    let _ = ui::err(&ui::note(&format!("{}: {}, usually takes a few minutes", now.id, now.status), terminal));
    while !now.is_complete() {
        if since.elapsed() > LONGEST {
            return Err(Stop::message(
                format!("{} is not complete after {} minutes", now.id, LONGEST.as_secs() / 60),
                "it continues in AWS; CloudFront's console shows it",
            ));
        }
        tokio::time::sleep((since.elapsed() / 6).clamp(Duration::from_millis(200), Duration::from_secs(5))).await;
        now = session.hear(invalidation::look(&session.cx, distribution, &now.id)).await?;
    }
    Ok(now)
}

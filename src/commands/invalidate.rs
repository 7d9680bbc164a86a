use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use clap::Args;
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::arguments::{Aws, StackFile};
use super::session::{self, Session};
use super::stop::{Exit, Result, Stop};
use crate::aws::Cx;
use crate::aws::cloudfront::invalidation::{self, Invalidation};
use crate::ui::{self, Color, Look};

/// How long all the world may take to forget.
const LONGEST: Duration = Duration::from_secs(30 * 60);

/// Have CloudFront forget what it keeps, everything or some paths, and ask the stack again.
#[derive(Args, Debug)]
pub struct Arguments {
    #[command(flatten)]
    file: StackFile,
    #[command(flatten)]
    aws: Aws,
    /// Only these paths: `/index.html`, `/static/*`
    #[arg(value_name = "PATH", default_value = "/*")]
    paths: Vec<String>,
    /// Wait until it is done everywhere
    #[arg(long, short)]
    wait: bool,
    /// Print it as JSON
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
            format!("there are {} paths, and one invalidation takes {}", paths.len(), invalidation::MOST),
            "use paths with a `*` at their end",
        ));
    }
    let loaded = session::load(&arguments.file, color)?;
    let session = Session::of(&loaded, &arguments.aws, color).await?;
    let distribution = distribution(&session).await?;
    let look = Look::stderr(color);
    let mut done = session.hear(start(&session.cx, &distribution, &paths)).await?;
    if arguments.wait {
        done = wait(&session, &distribution, done, &look).await.map_err(Stop::midway)?;
    }
    let text = if arguments.json {
        let Invalidation { id, status } = &done;
        session::json(&Done { distribution: &distribution, invalidation: id, status, paths: &paths })?
    } else {
        format!("{} of {distribution}: {}\n", done.id, words(&done))
    };
    // What was begun was begun, whoever can read of it.
    let _ = ui::out(&text);
    Ok(Exit::Ok)
}

fn words(done: &Invalidation) -> &str {
    match done.status.as_str() {
        "Completed" => "completed",
        "InProgress" => "in progress, usually for a few minutes",
        other => other,
    }
}

/// A path as CloudFront takes it.
fn checked(path: &str) -> Result<String> {
    let wrong = |why: &str, help: String| Err(Stop::message(format!("`{path}` cannot be invalidated: {why}"), help));
    if !path.starts_with('/') {
        return wrong("a path begins with a slash", format!("write `/{path}`"));
    }
    match path.find('*') {
        Some(at) if at + 1 < path.len() => wrong("a `*` can only be at the end", format!("`{}` would do", &path[..=at])),
        _ => Ok(invalidation::encoded(path)),
    }
}

/// The stack's distribution.
pub async fn distribution(session: &Session) -> Result<String> {
    let seen = session.read("cloudfront.distribution").await?;
    let ours = seen.into_iter().find(|seen| seen.key().is_some_and(|key| key.name == "main"));
    ours.and_then(|seen| seen.live.get("id").and_then(|id| id.as_str()).map(str::to_owned)).ok_or_else(|| {
        Stop::message("the stack has no distribution", "with the section `cdn` in its file, `stack apply` makes one")
    })
}

/// Has the distribution forget these paths. The reference is this run's: a request that is sent again is the same one.
pub async fn start(cx: &Cx, distribution: &str, paths: &[String]) -> Result<Invalidation> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    let digest = Sha256::digest(paths.join("\n").as_bytes());
    let digest: String = digest.iter().take(8).map(|b| format!("{b:02x}")).collect();
    Ok(invalidation::create(cx, distribution, paths, &format!("stack-{now}-{digest}")).await?)
}

async fn wait(session: &Session, distribution: &str, begun: Invalidation, look: &Look) -> Result<Invalidation> {
    let since = Instant::now();
    let mut now = begun;
    let _ = ui::err(&ui::note(&format!("{}: {}, usually for a few minutes", now.id, now.status), look));
    while !now.is_complete() {
        if since.elapsed() > LONGEST {
            return Err(Stop::message(
                format!("{} is not completed after {} minutes", now.id, LONGEST.as_secs() / 60),
                "it goes on by itself; the CloudFront console shows it",
            ));
        }
        tokio::time::sleep((since.elapsed() / 6).clamp(Duration::from_millis(200), Duration::from_secs(5))).await;
        now = session.hear(invalidation::look(&session.cx, distribution, &now.id)).await?;
    }
    Ok(now)
}

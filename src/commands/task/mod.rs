use std::time::{Duration, Instant};

use clap::{Args, Subcommand};
use serde::Serialize;
use tokio::sync::watch;

use super::arguments::{Aws, FileOrStack, StackFile, time};
use super::run;
use super::session::{self, Session};
use super::stop::{Exit, Result, Stop};
use crate::aws::ecs::tasks::{self, Base, Log, Order, Task};
use crate::config;
use crate::engine::{Class, Error, Pause};
use crate::ui::{self, Color, Terminal, Tone};

/// How often a task and its log are looked at.
const LOOK: Duration = Duration::from_millis(1500);
/// How long a task that was just started may be unknown to ECS.
const UNKNOWN: Duration = Duration::from_secs(60);
/// How long the last lines of a log are waited for when the task has stopped.
const LAST: Duration = Duration::from_secs(1);
/// How many parts of the log are read between two looks at the task.
const PARTS: usize = 10;

/// Run a command once, in a task like those of a service
///
/// The task has the image, variables, secrets, permissions and network that the service runs with now, and another command: a
/// migration, a job, a sanitizer. Its log is followed, Ctrl-C stops it, and the exit code is the command's. Nothing of the stack
/// is changed, and no lease is taken.
#[derive(Args, Debug)]
#[command(
    args_conflicts_with_subcommands = true,
    override_usage = "stack run [OPTIONS] [FILE] <SERVICE> -- <COMMAND>...\n       stack run list [OPTIONS] [FILE]"
)]
pub struct Arguments {
    #[command(flatten)]
    task: OneOff,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Args, Debug)]
struct OneOff {
    #[command(flatten)]
    file: FileOrStack,
    /// The service
    #[arg(value_name = "SERVICE")]
    service: Option<String>,
    /// The command with its arguments, in place of the service's. The entry point stays
    #[arg(value_name = "COMMAND", last = true)]
    words: Vec<String>,
    #[command(flatten)]
    aws: Aws,
    /// CPU units of the task [default: the service's]
    #[arg(long, value_name = "UNITS")]
    cpu: Option<u32>,
    /// Memory of the task, in MiB [default: the service's]
    #[arg(long, value_name = "MIB")]
    memory: Option<u32>,
    /// The image of the task [default: the service's]. In a private registry of AWS it must be in the repository of the service's
    /// image: the service's role may pull no other
    #[arg(long, value_name = "IMAGE")]
    image: Option<String>,
    /// Do not follow the task: print its id when it is started
    #[arg(long, short)]
    detach: bool,
    /// Stop the task when it has not ended after TIME
    #[arg(long, value_name = "TIME", value_parser = time, conflicts_with = "detach")]
    timeout: Option<config::Duration>,
    /// With `--detach`, print the task as JSON
    #[arg(long, requires = "detach")]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List the one-off tasks that run, or that stopped in the last hour
    List(List),
}

#[derive(Args, Debug)]
struct List {
    #[command(flatten)]
    file: FileOrStack,
    #[command(flatten)]
    aws: Aws,
    /// Print the tasks as JSON
    #[arg(long)]
    json: bool,
}

/// A task that is not followed.
#[derive(Serialize)]
struct Detached<'a> {
    id: &'a str,
    service: &'a str,
    command: &'a [String],
    cluster: &'a str,
    /// Family and revision of the service's task definition.
    task_definition: &'a str,
    log_group: Option<&'a str>,
    log_stream: Option<String>,
}

/// Returns the exit code: of a command that was followed to its end, its own.
pub async fn run(arguments: Arguments, color: Color) -> Result<u8> {
    match arguments.command {
        Some(Command::List(arguments)) => list(arguments, color).await,
        None => one_off(arguments.task, color).await,
    }
}

async fn one_off(arguments: OneOff, color: Color) -> Result<u8> {
    let OneOff { file, service, words, aws, cpu, memory, image, detach, timeout, json } = arguments;
    check_command(&words)?;
    let (file, service) = file.and(service, "SERVICE")?;
    let session = Session::given(&file, &aws, color).await?;
    let job = Job { service: &service, words: &words, cpu, memory, image: image.as_deref(), timeout };
    run_once(&session, &job, detach.then_some((&file, json)), color).await
}

/// What is to be run once.
pub struct Job<'a> {
    /// The service whose tasks it is like.
    pub service: &'a str,
    /// The command.
    pub words: &'a [String],
    /// CPU units, in place of the service's.
    pub cpu: Option<u32>,
    /// Memory in MiB, in place of the service's.
    pub memory: Option<u32>,
    /// The image, in place of the service's.
    pub image: Option<&'a str>,
    /// How long it may take.
    pub timeout: Option<config::Duration>,
}

/// Starts a task, and returns the exit code of its command; with `detach`, the file as it was typed and whether the task is printed as
/// JSON, it is not followed.
pub async fn run_once(session: &Session, job: &Job<'_>, detach: Option<(&StackFile, bool)>, color: Color) -> Result<u8> {
    let Job { service, words, cpu, memory, image, timeout } = *job;
    let base = session.hear(tasks::base(&session.cx, service)).await?;
    check_size(&base, cpu, memory)?;
    let terminal = Terminal::stderr(color);
    for note in notes(&base) {
        ui::err(&ui::note(&note, &terminal))?;
    }
    // From here on an interrupt has to stop the task.
    let (stop, stopped) = watch::channel(false);
    let last = move || {
        // The process ends, whether this can be written or not.
        let text = "A task that was started continues in AWS: `stack run list` shows it.";
        let _ = ui::err(&ui::note(text, &terminal));
    };
    let signals = tokio::spawn(run::listen(stop.clone(), last));
    let order = Order { command: words, cpu, memory, image, who: &session.who };
    let started = session.hear(tasks::start(&session.cx, &base, &order)).await.map_err(unsure)?;
    let mut task = Followed {
        session,
        base: &base,
        id: &started.id,
        terminal,
        interactive: Terminal::stdout(color).interactive,
        log: base.log(),
        next: None,
        said: "",
        seen: Instant::now(),
    };
    if let Some(error) = started.left {
        task.note(&format!("The task definition with `{}` could not be deleted: {error}", image.unwrap_or_default()));
    }
    if let (Some((file, json)), false) = (detach, *stopped.borrow()) {
        task.detach(words, file, json);
        return Ok(Exit::Ok as u8);
    }
    let result = task.follow(stopped, timeout).await;
    signals.abort();
    result
}

/// Checks that there is a command, and that it has no secret in it: ECS, CloudTrail and `stack run list` show it.
fn check_command(words: &[String]) -> Result<()> {
    let usage = |what: &str, help: &str| Err(Stop::Message(Exit::Usage, what.to_owned(), Some(help.to_owned())));
    if words.is_empty() {
        return usage("COMMAND is missing", "write it after `--`: `stack run SERVICE -- COMMAND`");
    }
    if config::validate::has_secret(words) {
        return usage(
            "nothing was changed: the command looks as if it contains a secret, which everyone who can list tasks would see",
            "put it into `secrets` of the service, and let the command read the variable: `-- sh -c '… \"$NAME\" …'`",
        );
    }
    Ok(())
}

/// Checks that Fargate has tasks of this size, as for the file.
fn check_size(base: &Base, cpu: Option<u32>, memory: Option<u32>) -> Result<()> {
    let Some((own_cpu, own_memory)) = base.size().filter(|_| cpu.or(memory).is_some()) else { return Ok(()) };
    let (cpu, memory) = (cpu.unwrap_or(own_cpu), memory.unwrap_or(own_memory));
    config::validate::fargate_pair(cpu, memory).map_err(|near| {
        let what = format!("nothing was changed: Fargate does not offer `--cpu {cpu}` with `--memory {memory}`");
        Stop::Message(Exit::Usage, what, Some(as_options(&near)))
    })
}

/// Returns a text about keys of the file as one about options.
fn as_options(text: &str) -> String {
    text.replace("`cpu: ", "`--cpu ").replace("`memory: ", "`--memory ").replace("`memory`", "`--memory`")
}

/// Returns what is worth knowing before the task starts.
fn notes(base: &Base) -> Vec<String> {
    let (service, revision) = (&base.service, base.revision());
    let newest = base.newest.as_ref().map(|newest| {
        format!("The deployment of {newest} is not complete: the task has {revision}, which `{service}` runs until it is.")
    });
    let text = "ECS Service Connect does not reach one-off tasks: names of other services, as in the variables SERVICE_…_HOST, do not resolve.";
    let asked = "This environment is paused: databases that were stopped with it do not answer; `stack resume` starts them.";
    let bare = "This environment is paused, without its NAT gateways: a task in a private subnet does not reach the internet, and may lack its image, and databases that were stopped do not answer; `stack resume` starts everything.";
    let paused = match base.paused() {
        Some(Pause::Asked) => Some(asked.to_owned()),
        Some(Pause::Bare) => Some(bare.to_owned()),
        Some(Pause::Unready) | None => None,
    };
    newest.into_iter().chain(base.lacks_names().then(|| text.to_owned())).chain(paused).collect()
}

/// Returns the error of a start, with a warning if it may have succeeded.
fn unsure(stop: Stop) -> Stop {
    let unknown = |error: &Error| matches!(error.class, Class::Ambiguous | Class::Unreachable);
    let is_unsure = matches!(&stop, Stop::Errors(errors) if errors.iter().any(unknown));
    if is_unsure { stop.midway().hint("the task may have been started: `stack run list` shows it then") } else { stop }
}

/// Why a task was told to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cut {
    /// By Ctrl-C, SIGTERM or SIGHUP.
    Interrupted,
    /// Its time was over.
    Late(config::Duration),
}

/// How a task ended, for the user who started it.
#[derive(Debug, PartialEq, Eq)]
enum End {
    /// By itself, with this exit code.
    Code(u8),
    /// It was told to stop.
    Cut(Cut),
    /// Without an exit code, or someone else stopped it.
    Failed,
}

impl End {
    fn of(task: &Task, cut: Option<Cut>) -> End {
        match (cut, task.exit_code) {
            (Some(cut), _) => End::Cut(cut),
            // Someone else stopped it: whatever its code is, that is not the end of its work.
            (None, _) if task.cut_short => End::Failed,
            (None, Some(code)) => End::Code(u8::try_from(code).unwrap_or(Exit::Failed as u8)),
            (None, None) => End::Failed,
        }
    }
}

/// A task that was started, and how far it was followed.
struct Followed<'a> {
    session: &'a Session,
    base: &'a Base,
    id: &'a str,
    /// Of standard error.
    terminal: Terminal,
    /// Whether standard output is a terminal.
    interactive: bool,
    /// Its log, as long as that can be read.
    log: Option<Log>,
    /// Where the part of the log begins that was not read yet.
    next: Option<String>,
    /// What was said last about its state.
    said: &'static str,
    /// When ECS knew it last.
    seen: Instant,
}

impl Followed<'_> {
    /// Says how the task can be found.
    fn detach(&self, words: &[String], file: &StackFile, json: bool) {
        let log = self.log.as_ref();
        let stream = log.map(|log| log.stream(self.id));
        let text = if json {
            let (service, cluster) = (self.base.service.as_str(), self.base.cluster.as_str());
            let detached = Detached {
                id: self.id,
                service,
                command: words,
                cluster,
                task_definition: self.base.revision(),
                log_group: log.map(|log| log.group.as_str()),
                log_stream: stream.clone(),
            };
            session::json(&detached).unwrap_or_default()
        } else {
            format!("{}\n", self.id)
        };
        // The task runs: that this cannot be written is no failure.
        let _ = ui::out(&text);
        self.note(&format!("`stack run list {}` shows its state.", file.typed()));
        if log.is_some() {
            self.note(&format!(
                "`stack logs {} {} --task {} --follow` follows its log.",
                file.typed(),
                self.base.service,
                self.id
            ));
        }
        self.note(&format!("{} stops it.", self.stopping()));
    }

    /// Returns the command that stops the task.
    fn stopping(&self) -> String {
        format!("`aws ecs stop-task --cluster {} --task {}`", self.base.cluster, self.id)
    }

    /// Follows the task to its end, and returns the exit code of its command.
    async fn follow(&mut self, mut stopped: watch::Receiver<bool>, timeout: Option<config::Duration>) -> Result<u8> {
        let since = Instant::now();
        let mut cut = None;
        self.note(&format!("Task {} of `{}`.", self.id, self.base.service));
        if self.log.is_none() {
            self.note("Its output is not shown: the container writes to no log group.");
        }
        let task = loop {
            if let Some(task) = self.look(since).await? {
                self.tell(&task);
                self.print(&task, PARTS).await;
                if task.has_ended() {
                    break task;
                }
                if cut.is_none() {
                    let late = timeout.filter(|time| since.elapsed().as_secs() >= time.as_secs());
                    cut = if *stopped.borrow() { Some(Cut::Interrupted) } else { late.map(Cut::Late) };
                    if let Some(cut) = cut {
                        self.stop(cut).await?;
                    }
                }
            }
            tokio::select! {
                () = tokio::time::sleep(LOOK) => {}
                _ = stopped.changed(), if cut.is_none() => {}
            }
        };
        self.print(&task, usize::MAX).await;
        tokio::time::sleep(LAST).await;
        self.print(&task, usize::MAX).await;
        self.end(&task, cut, since.elapsed())
    }

    /// Looks at the task. It may be unknown for a while, until ECS has it everywhere.
    async fn look(&mut self, since: Instant) -> Result<Option<Task>> {
        let session = self.session;
        let found = session.hear(tasks::look(&session.cx, &self.base.cluster, self.id)).await.map_err(|stop| self.left(stop))?;
        if found.is_some() {
            self.seen = Instant::now();
        } else if since.elapsed() >= UNKNOWN && self.seen.elapsed() >= UNKNOWN {
            let error = Error::new(Class::NotFound, format!("ECS does not know the task {}", self.id));
            let hint = "ECS forgets a task about an hour after it has stopped; its log stays in CloudWatch Logs";
            return Err(Stop::from(error.hint(hint)).midway());
        }
        Ok(found)
    }

    /// Returns the error of a call after which the task is left to itself.
    fn left(&self, stop: Stop) -> Stop {
        stop.midway().hint(&format!("the task continues in AWS: `stack run list` shows it, {} stops it", self.stopping()))
    }

    /// Says how far the task is, when that has changed
    /// (<https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-lifecycle-explanation.html>).
    fn tell(&mut self, task: &Task) {
        let words = match task.status.as_str() {
            "PROVISIONING" => "Provisioning: ECS prepares the network.",
            "PENDING" | "ACTIVATING" => "Pending: ECS pulls the image and starts the container.",
            "RUNNING" => "Running.",
            "DEACTIVATING" | "STOPPING" | "DEPROVISIONING" => "Stopping.",
            "STOPPED" => "Stopped.",
            _ => return,
        };
        if self.said != words {
            self.said = words;
            self.note(words);
        }
    }

    /// Prints what is new in the log, `parts` of it at most.
    async fn print(&mut self, task: &Task, parts: usize) {
        if task.started.is_none() && task.exit_code.is_none() {
            return;
        }
        for _ in 0..parts {
            let Some(log) = &self.log else { return };
            let read = self.session.hear(log.read(&self.session.cx, self.id, self.next.clone())).await;
            let page = match read {
                Ok(page) => page,
                Err(stop) => {
                    // The task ends with its exit code all the same.
                    let _ = ui::err(&stop.show(&self.terminal));
                    self.note("The log is not shown any more.");
                    self.log = None;
                    return;
                }
            };
            let text: String = page.lines.iter().map(|line| shown(line, self.interactive)).collect();
            // The task runs on, whether its log can be written or not.
            let _ = ui::out(&text);
            let is_all = page.next == self.next;
            self.next = page.next;
            if is_all {
                return;
            }
        }
    }

    /// Stops the task.
    async fn stop(&self, cut: Cut) -> Result<()> {
        let reason = match cut {
            Cut::Interrupted => "`stack run` was interrupted",
            Cut::Late(_) => "the `--timeout` of `stack run` is over",
        };
        let grace = self.base.stop_timeout();
        self.note(&format!(
            "Stopping: the command gets SIGTERM now, and SIGKILL after {grace} s. Press Ctrl-C again to leave it."
        ));
        let session = self.session;
        let call = tasks::stop(&session.cx, &self.base.cluster, self.id, reason);
        session.hear(call).await.map_err(|stop| self.left(stop))
    }

    /// Says how the task ended, and returns the exit code.
    fn end(&self, task: &Task, cut: Option<Cut>, took: Duration) -> Result<u8> {
        match End::of(task, cut) {
            End::Code(code) => {
                self.note(&format!("Exit code {code} after {}.", ui::style::duration(took)));
                if let Some(help) = task.help() {
                    let _ = ui::err(&ui::problem(&task.why(), Some(help), &self.terminal));
                }
                Ok(code)
            }
            End::Cut(Cut::Interrupted) => Ok(Exit::Interrupted as u8),
            End::Cut(Cut::Late(time)) => Err(Stop::Message(
                Exit::Partly,
                format!("the command had not ended after {time}: `--timeout` stopped task {}", self.id),
                Some("give it more time, or leave out `--timeout`".into()),
            )),
            End::Failed => {
                let what = if task.started.is_some() { "did not end by itself" } else { "did not start" };
                let help = task.help().unwrap_or("run this again; ECS's console shows the stopped task for an hour");
                Err(Stop::message(format!("{}: the command {what}", task.why()), help))
            }
        }
    }

    /// Writes a note. That it cannot be written does not end the task.
    fn note(&self, text: &str) {
        let _ = ui::err(&ui::note(text, &self.terminal));
    }
}

/// Returns a line of a log as it is printed: as it is, but nothing that a terminal would obey.
fn shown(line: &str, interactive: bool) -> String {
    let line = format!("{}\n", line.strip_suffix('\n').unwrap_or(line));
    if interactive { ui::lines_of(&line.replace('\t', "    ")) } else { line }
}

async fn list(arguments: List, color: Color) -> Result<u8> {
    let session = Session::given(&arguments.file.given()?, &arguments.aws, color).await?;
    let found = session.hear(tasks::list(&session.cx)).await?;
    if arguments.json {
        ui::out(&session::json(&found)?)?;
    } else if found.is_empty() {
        ui::err(&ui::note("No one-off task runs, and none stopped in the last hour.", &Terminal::stderr(color)))?;
    } else {
        let headers = ["TASK", "SERVICE", "COMMAND", "BY", "BEGAN", "STATE", "EXIT"];
        let rows: Vec<Vec<String>> = found.iter().map(row).collect();
        ui::out(&ui::toned_table(&Terminal::stdout(color), &headers, &rows, &tone))?;
    }
    Ok(Exit::Ok as u8)
}

/// Returns the row of a task in the list.
fn row(task: &Task) -> Vec<String> {
    let began = task.created.as_deref().map(|at| at.parse().map_or_else(|_| at.to_owned(), ui::ago));
    vec![
        task.id.clone(),
        task.service.clone(),
        typed(&task.command),
        task.by.rsplit([':', '/']).next().unwrap_or_default().to_owned(),
        began.unwrap_or_default(),
        task.state.to_owned(),
        task.exit_code.map_or_else(|| "-".to_owned(), |code| code.to_string()),
    ]
}

fn tone(header: &str, cell: &str) -> Tone {
    match (header, cell) {
        ("STATE", "starting" | "running" | "stopping") => Tone::Busy,
        ("STATE", "failed" | "stopped") => Tone::Bad,
        ("EXIT", "0") => Tone::Good,
        ("EXIT", code) if code != "-" => Tone::Bad,
        _ => Tone::Plain,
    }
}

/// Returns a command as it can be typed into a shell.
fn typed(words: &[String]) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "_-./:=,@%+".contains(c);
    let quoted = |word: &String| match !word.is_empty() && word.chars().all(is_plain) {
        true => word.clone(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    };
    words.iter().map(quoted).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests;

use clap::Args;

use super::arguments::{StackFile, time};
use super::clone::compose::{self, Size};
use super::clone::copy::Copy;
use super::clone::overlay::Overlay;
use super::clone::{check_region, tell_region, write};
use super::consent::Applying;
use super::session::Session;
use super::stack_file;
use super::stop::{Exit, Result, Stop};
use crate::config::{self, environment, frozen, joined};
use crate::ui::{self, Color, Terminal};

/// Create an environment from a frozen file
///
/// FROZEN is a file that `stack freeze` wrote. The new environment is described beside it (`production.frozen.rehearsal.yaml`), and every
/// command works on it with `--env`. Its databases begin with the frozen snapshots, encrypted with keys and with passwords of its own;
/// `clone.sanitize` runs before any service starts. What AWS no longer has (an engine version, an image, a snapshot) is listed
/// before anything is created. With `--region` it is brought up in another region than it was frozen in, and the snapshots are copied
/// there. The same command continues a thaw that was interrupted.
#[derive(Args, Debug)]
pub struct Arguments {
    /// The frozen file
    #[arg(value_name = "FROZEN")]
    file: String,
    /// The new environment. Long names, and names of branches, are shortened
    #[arg(long, value_name = "ENV")]
    to: String,
    /// How large it is: `same`, `small`, or a value for a key of the file, such as `databases.main.class=db.t4g.medium` (can be
    /// repeated)
    #[arg(long, value_name = "SIZE", value_parser = compose::size)]
    size: Vec<Size>,
    /// How long it is wanted: `stack reap` destroys it afterwards, with its data [default: for good]
    #[arg(long, value_name = "TIME", value_parser = time)]
    ttl: Option<config::Duration>,
    /// Use a file that was edited since it was frozen
    #[arg(long)]
    edited: bool,
    /// Only show the plan
    #[arg(long)]
    plan: bool,
    #[command(flatten)]
    applying: Applying,
}

pub async fn run(arguments: Arguments, color: Color) -> Result<u8> {
    let terminal = Terminal::stderr(color);
    let text = stack_file::read_alone(&arguments.file)?;
    whole(&arguments, &text)?;
    let to = environment::short(&arguments.to);
    if to != arguments.to {
        ui::err(&ui::note(&format!("The environment of `{}` is called `{to}`.", arguments.to), &terminal))?;
    }
    let Some(name) = joined::file_name(&arguments.file, &to).filter(|_| to != environment::DEFAULT) else {
        let what = format!("`{to}` cannot be made from `{}`", arguments.file);
        return Err(Stop::Message(
            Exit::Usage,
            what,
            Some("the environment needs a name, and a file beside one that ends in `.yaml`".into()),
        ));
    };
    let file = StackFile { file: arguments.file.clone(), env: Some(to.clone()), like: None, stack: None };
    let frozen = config::load(&arguments.file, &text, None, &stack_file::stack_schema())?;
    let region = arguments.applying.aws.region.as_deref();
    let known = std::path::Path::new(&name).is_file();
    let (text, new) = if known {
        ui::err(&ui::note(&format!("`{name}` exists, and is used as it is."), &terminal))?;
        (stack_file::with_overlay(&file.file, file.env(), text)?, None)
    } else {
        let mut overlay = Overlay::default();
        if let Some(ttl) = arguments.ttl {
            overlay.set(&["ttl"], ttl.to_string().into(), "");
        }
        if let Some(region) = region.filter(|region| *region != frozen.stack.region) {
            overlay.set(&["region"], region.into(), "");
            compose::elsewhere(&mut overlay, &frozen.stack);
        }
        compose::apart(&mut overlay, &frozen.stack);
        compose::resize(&mut overlay, &frozen.stack, &arguments.size);
        let head = [
            format!("The environment `{to}` of {}, made by `stack thaw`.", arguments.file),
            format!("It is used with `--env {to}`, and can be edited; `stack destroy --env {to}` destroys it."),
        ];
        let overlay = overlay.text(&head);
        let whole = joined::joined(&text, &to, &name, &overlay);
        (whole, Some(overlay))
    };
    let loaded = stack_file::load_text(&file, &text, color)?;
    compose::check_shared(&loaded.stack)?;
    check_region(&loaded, region, &name)?;
    tell_region(&frozen.stack.region, &loaded, &terminal)?;
    let session = Session::of(&loaded, &arguments.applying.aws.in_its_region(), color).await?;
    let (loaded, file, text, verbose) = (&loaded, &file, text.as_str(), arguments.applying.verbose);
    let copy = Copy { command: "thaw", session, loaded, file, text, verbose, color };
    if let Some(new) = &new {
        copy.is_new(&name).await?;
        if !arguments.plan {
            write(&name, new, &terminal)?;
        }
    }
    if arguments.plan {
        copy.show_plan(&arguments.applying.consent).await?;
        return Ok(Exit::Ok as u8);
    }
    let (exit, _) = copy.bring_up(&arguments.applying.consent, None).await?;
    Ok(exit as u8)
}

/// Checks that the file is one that was frozen, and as it was written.
fn whole(arguments: &Arguments, text: &str) -> Result<()> {
    let file = &arguments.file;
    match frozen::is_whole(text) {
        Some(true) => Ok(()),
        Some(false) if arguments.edited => Ok(()),
        Some(false) => Err(Stop::refused(
            format!("nothing was changed: `{file}` is not as `stack freeze` wrote it"),
            "if it was edited on purpose, add `--edited`",
        )),
        None => Err(Stop::bad_file(
            format!("`{file}` is no frozen file: its first line has no digest"),
            "`stack freeze` writes one; for a stack file use `stack apply`, with `--like` for another environment",
        )),
    }
}

use clap::Args;

use super::arguments::{Aws, Format, StackFile};
use super::price::{Pricing, billed};
use super::recovery;
use super::savings::{self, Wanted};
use super::session;
use super::spent::{self, When};
use super::stack_file;
use super::stop::{Exit, Result, Stop};
use crate::config::{self, Loaded};
use crate::prices::Bill;
use crate::ui::{self, By, Color, Terminal};

/// Show what the file costs in a month, by AWS's list prices, without asking AWS
///
/// Prices are in this program, each with where and when it was read: those of us-east-1; `stack prices update` reads others. What is priced by use takes assumptions
/// from `usage` in the file, which are printed with the figures. Where no price is known, it says so.
///
/// With `--actual`, Cost Explorer is asked what AWS has charged for the environment, by its tags: that is shown beside the estimate for
/// the same time, with why both differ. AWS charges a cent for each request, and that is asked first.
#[derive(Args, Debug)]
#[command(group = clap::ArgGroup::new("asking").args(["write", "actual"]))]
pub struct Arguments {
    #[command(flatten)]
    file: StackFile,
    /// What to add up: `object`, `section`, `environment`, or `tag:KEY` for the values of a tag
    #[arg(long, value_name = "WHAT", default_value = "section", value_parser = grouping)]
    by: Grouping,
    /// List every part with its unit price, and where and when that was read
    #[arg(long)]
    sources: bool,
    /// Show the edits of the file that save money, with what each saves and what may go wrong with it
    #[arg(long, conflicts_with_all = ["by", "sources"])]
    optimize: bool,
    /// Only edits of this key, or below it: `services.web` (can be repeated)
    #[arg(long, value_name = "KEY", requires = "optimize")]
    only: Vec<String>,
    /// Write the edits into the file, after showing them and asking
    #[arg(long, requires = "optimize", conflicts_with = "format")]
    write: bool,
    /// Show what was charged beside the estimate, by Cost Explorer, after asking
    #[arg(long, conflicts_with_all = ["by", "sources", "optimize"])]
    actual: bool,
    /// Ask about a month, such as `2026-10` [default: the last 30 days]
    #[arg(long, value_name = "YEAR-MONTH", requires = "actual", value_parser = spent::month)]
    month: Option<(i16, i8)>,
    /// Ask about so many days before today
    #[arg(long, value_name = "DAYS", requires = "actual", conflicts_with = "month", value_parser = clap::value_parser!(u32).range(1..=400))]
    days: Option<u32>,
    /// Write the edits, or ask Cost Explorer, without confirmation
    #[arg(long, requires = "asking")]
    yes: bool,
    /// Output format
    #[arg(long, short, value_enum, default_value_t = Format::Text)]
    format: Format,
    #[command(flatten)]
    aws: Aws,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Grouping {
    Within(By),
    Environments,
}

fn grouping(text: &str) -> Result<Grouping, String> {
    match text {
        "object" => Ok(Grouping::Within(By::Object)),
        "section" => Ok(Grouping::Within(By::Section)),
        "environment" => Ok(Grouping::Environments),
        _ => match text.strip_prefix("tag:") {
            Some(key) if !key.is_empty() => Ok(Grouping::Within(By::Tag(key.to_owned()))),
            _ => Err("write `object`, `section`, `environment`, or `tag:KEY`, such as `tag:team`".to_owned()),
        },
    }
}

pub async fn run(arguments: Arguments, color: Color) -> Result {
    let Arguments { file, by, sources, optimize, only, write, actual, month, days, yes, format, aws } = arguments;
    if let Some(option) = aws.given().filter(|_| !actual) {
        return Err(Stop::Message(
            Exit::Usage,
            format!("`{option}` is for `--actual`: nothing else here asks AWS"),
            Some("leave it out, or add `--actual`".into()),
        ));
    }
    let text = stack_file::read_stack(&file)?;
    let loaded = stack_file::load_text(&file, &text, color)?;
    let terminal = Terminal::stdout(color);
    if actual {
        let when = month.map_or(When::Days(days.unwrap_or(30)), |(year, month)| When::Month(year, month));
        let Some(spent) = spent::of(&loaded, &aws, when, yes, color).await? else { return Ok(Exit::Ok) };
        ui::out(&match format {
            Format::Text => ui::spent::spent_text(&spent, &terminal),
            Format::Markdown => ui::spent::spent_markdown(&spent),
            Format::Json => session::json(&spent)?,
        })?;
        return Ok(Exit::Ok);
    }
    if optimize {
        let Some(savings) = savings::of(&file, &loaded, &Wanted { only: &only, write, yes }, color)? else { return Ok(Exit::Ok) };
        ui::out(&match format {
            Format::Text => ui::savings_text(&savings, &terminal),
            Format::Markdown => ui::savings_markdown(&savings),
            Format::Json => session::json(&ui::savings_json(&savings))?,
        })?;
        return Ok(Exit::Ok);
    }
    let by = match by {
        Grouping::Within(by) => by,
        Grouping::Environments => return environments(&file, &loaded, format, &terminal),
    };
    let (bill, pricing) = billed(&loaded)?;
    let standby = recovery::cost::standby(&loaded)?;
    let about = about(&loaded, &pricing, standby.as_ref());
    ui::out(&match format {
        Format::Text => ui::cost_text(&bill, &by, sources, &about, &terminal),
        Format::Markdown => ui::cost_markdown(&bill, &by, sources, &about),
        Format::Json => session::json(&ui::cost_json(&bill, &by, &about))?,
    })?;
    Ok(Exit::Ok)
}

fn about<'a>(loaded: &'a Loaded, pricing: &'a Pricing, standby: Option<&'a ui::Standby>) -> ui::About<'a> {
    ui::About {
        stack: loaded.stack.stack.as_str(),
        env: &loaded.env,
        usage: &pricing.usage,
        max_monthly: loaded.stack.cost.max_monthly,
        standby,
    }
}

/// Shows what each environment of the file costs; the file as it stands, where it has none.
fn environments(file: &StackFile, loaded: &Loaded, format: Format, terminal: &Terminal) -> Result {
    let schema = stack_file::stack_schema();
    let mut all = Vec::new();
    for env in &loaded.environments {
        let text = stack_file::with_overlay(&file.file, Some(env), stack_file::read_alone(&file.file)?)?;
        all.push(config::load(&file.file, &text, Some(env), &schema)?);
    }
    if all.is_empty() {
        all.push(loaded.clone());
    }
    let bills = all.iter().map(billed).collect::<Result<Vec<_>>>()?;
    let standbys = all.iter().map(recovery::cost::standby).collect::<Result<Vec<_>>>()?;
    if format == Format::Json {
        let json = |((loaded, (bill, pricing)), standby): ((&Loaded, &(Bill, Pricing)), &Option<ui::Standby>)| {
            ui::cost_json(bill, &By::Section, &about(loaded, pricing, standby.as_ref()))
        };
        ui::out(&session::json(&all.iter().zip(&bills).zip(&standbys).map(json).collect::<Vec<_>>())?)?;
        return Ok(Exit::Ok);
    }
    let rows = all.iter().zip(bills).zip(standbys);
    let bills: Vec<_> = rows.map(|((loaded, (bill, _)), standby)| (loaded.env.clone(), bill, standby)).collect();
    ui::out(&ui::costs_text(&bills, format == Format::Markdown, terminal))?;
    Ok(Exit::Ok)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn shown(name: &str, env: Option<&str>, by: &By) -> String {
        let text = std::fs::read_to_string(format!("{}/stacks/{name}.yaml", env!("CARGO_MANIFEST_DIR"))).unwrap();
        let loaded = config::load(name, &text, env, &stack_file::stack_schema()).unwrap();
        let (bill, pricing) = billed(&loaded).unwrap();
        let standby = recovery::cost::standby(&loaded).unwrap();
        ui::cost_text(&bill, by, false, &about(&loaded, &pricing, standby.as_ref()), &Terminal::plain(120))
    }

    #[test]
    fn the_price_of_every_published_stack() {
        for (name, env) in [
            ("small", None),
            ("small", Some("production")),
            ("webapp", None),
            ("shop", None),
            ("shop", Some("production")),
            ("shop", Some("load-test")),
            ("regions", None),
        ] {
            let snapshot = format!("{name}-{}", env.unwrap_or("default"));
            insta::assert_snapshot!(snapshot, shown(name, env, &By::Section));
        }
        insta::assert_snapshot!("webapp-by-object", shown("webapp", None, &By::Object));
        insta::assert_snapshot!("webapp-by-tag", shown("webapp", None, &By::Tag("team".into())));
    }

    /// Whoever adds a kind decides what it costs: it has a row in the table of docs/cost.md, or is named below it.
    #[test]
    fn every_kind_is_billed_or_named_as_free() {
        let page = include_str!("../../docs/cost.md");
        let (_, page) = page.split_once("## What is billed").unwrap();
        let rows: BTreeSet<&str> = page.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect();
        for kind in crate::aws::registry().kinds() {
            let name = kind.info().name;
            assert!(page.contains(&format!("`{name}`")), "docs/cost.md does not say whether `{name}` costs anything");
        }
        // Those of the table are billed in some file, and no other ones.
        let mut found = BTreeSet::new();
        let schema = stack_file::stack_schema();
        let webapp = include_str!("../../stacks/webapp.yaml");
        let used = format!("{webapp}\nusage: {{ cross_zone: 1GiB }}\n");
        for text in [include_str!("../blueprint/testdata/every-kind.yaml"), &used] {
            let (bill, _) = billed(&config::load("f", text, None, &schema).unwrap()).unwrap();
            found.extend(bill.lines.iter().map(|line| line.billed.object.split('/').next().unwrap().to_owned()));
        }
        assert_eq!(found.iter().map(String::as_str).collect::<BTreeSet<_>>(), rows);
    }

    #[test]
    fn what_to_add_up_is_read() {
        assert_eq!(grouping("tag:team"), Ok(Grouping::Within(By::Tag("team".into()))));
        assert_eq!(grouping("environment"), Ok(Grouping::Environments));
        for wrong in ["tag", "tag:", "region", ""] {
            assert!(grouping(wrong).is_err(), "{wrong}");
        }
    }
}

//! What an architecture must be for its users: text and SVG.

use serde::Serialize;

use super::chart::{Chart, Line, Panel};
use super::learned::Learned;
use super::plan::finish;
use super::style::{STRONG, Terminal, wrap};
use super::table::table;
use super::units::decimal;
use crate::capacity::model::{FILLED, mebibytes, months};
use crate::capacity::number::whole;
use crate::capacity::{Bound, Demand, Need};

/// The widest bar of the plot on a terminal.
const BAR: usize = 30;

/// What is told.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Outlook {
    /// The stack and its environment.
    pub stack: String,
    /// What is needed.
    pub need: Need,
    /// The tasks of each service in the file: at least, and at most.
    #[serde(skip)]
    pub tasks_now: Vec<(String, (u32, u32))>,
    /// The capacity units of the load balancer.
    pub balancer_units: Option<String>,
    /// Gigabytes through NAT gateways in a month.
    pub nat_gigabytes: Option<String>,
    /// What the file costs now, in dollars a month; none without prices of the region.
    pub now: Option<f64>,
    /// What it costs with what is needed.
    pub monthly: Option<f64>,
    /// The number of parts without a known price.
    pub unpriced: usize,
    /// The limits of the file, the first one first.
    pub bounds: Vec<Bound>,
    /// How users grow in a month.
    pub growth: Option<f64>,
    /// Fewer and more users.
    pub around: Vec<Point>,
    /// The assumptions, a sentence each.
    pub assumptions: Vec<String>,
    /// Whether AWS was asked for the quotas of the account.
    pub quotas_asked: bool,
    /// What production showed, where it was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub learned: Option<Learned>,
}

/// What a number of users needs, in short.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Point {
    /// Users at the same time.
    pub users: u64,
    /// Requests per second.
    pub requests: f64,
    /// Tasks of all services whose need is known.
    pub tasks: u32,
    /// Dollars a month.
    pub monthly: Option<f64>,
    /// The number of parts without a known price: it costs more than that.
    pub unpriced: usize,
    /// Whether a class exists that suffices.
    pub fits: bool,
}

/// Returns a number of tasks.
fn many(tasks: u32) -> String {
    format!("{} task{}", whole(tasks.into()), if tasks == 1 { "" } else { "s" })
}

fn money(dollars: Option<f64>) -> String {
    dollars.map_or_else(|| "no price known".to_owned(), |dollars| format!("${}", whole(dollars.round() as u64)))
}

/// Returns a price of which some parts are not known.
fn at_least(dollars: Option<f64>, unpriced: usize) -> String {
    let more = if dollars.is_some() && unpriced > 0 { "more than " } else { "" };
    format!("{more}{}", money(dollars))
}

fn rate(requests: f64) -> String {
    if requests >= 100.0 { whole(requests.round() as u64) } else { format!("{requests:.1}") }
}

fn tasks((least, most): (u32, u32)) -> String {
    if least == most { many(least) } else { format!("{} to {}", whole(least.into()), many(most)) }
}

impl Outlook {
    /// Returns rows of what is needed: part, now, needed, why.
    fn rows(&self) -> Vec<Vec<String>> {
        let mut rows = Vec::new();
        for service in &self.need.services {
            let now = self.tasks_now.iter().find(|(name, _)| *name == service.service).map(|(_, now)| tasks(*now));
            let (needed, why) = match service.needed {
                Some(needed) => (many(needed), format!("{} requests/s", rate(service.requests))),
                None => ("not known".to_owned(), "not measured; it stays as it is".to_owned()),
            };
            rows.push(vec![format!("services.{}", service.service), now.unwrap_or_default(), needed, why]);
        }
        let classes = [("databases", &self.need.databases), ("caches", &self.need.caches)];
        for (section, class) in classes.into_iter().flat_map(|(section, all)| all.iter().map(move |class| (section, class))) {
            let needed = match &class.needed {
                Some(needed) => needed.clone(),
                None if class.is_unknown() => "not known".to_owned(),
                None if section == "caches" => "none suffices".to_owned(),
                None => "none suffices: use a proxy".to_owned(),
            };
            let accepts = class.accepts.map_or_else(
                || "what it accepts is not known".to_owned(),
                |most| format!("{} of about {} are planned for", percent(FILLED), whole(most as u64)),
            );
            let mut why = format!("{} connections, {accepts}", whole(u64::from(class.connections)));
            if let Some(data) = &class.data {
                let holds = data.holds.map_or_else(
                    || "what it holds is not known".to_owned(),
                    |most| format!("{} of about {} are planned for", percent(FILLED), mebibytes(most)),
                );
                why += &format!("; {} MiB of data, {holds}", mebibytes(data.bytes));
            }
            rows.push(vec![format!("{section}.{}", class.name), class.now.clone(), needed, why]);
        }
        if let Some(units) = &self.balancer_units {
            let units = units.replace(',', "").parse::<f64>().map_or_else(|_| units.clone(), |units| decimal(units, 1));
            rows.push(vec![
                "load_balancer".into(),
                String::new(),
                format!("{units} LCU"),
                "grows by itself; it is billed".into(),
            ]);
        }
        if let Some(gigabytes) = &self.nat_gigabytes {
            rows.push(vec![
                "NAT gateways".into(),
                String::new(),
                format!("{gigabytes} GB a month"),
                "from `usage.nat`, with the requests".into(),
            ]);
        }
        let processors = format!("{} vCPU", decimal(self.need.processors, 2));
        rows.push(vec!["Fargate".into(), String::new(), processors, "quota L-3032A538 of the account".into()]);
        rows.push(vec![
            "price a month".into(),
            money(self.now),
            at_least(self.monthly, self.unpriced),
            "list prices, see below".into(),
        ]);
        rows
    }

    /// Returns a row for each quota: what it counts and its code, its value, what is needed, and what is to be done.
    fn quota_rows(&self) -> Vec<Vec<String>> {
        let row = |demand: &Demand| {
            let Demand { service, code, what, now, needed, raise } = demand;
            let needed = decimal(*needed, 2);
            let to_do = match (raise, now) {
                (true, _) => format!(
                    "raise it: `aws service-quotas request-service-quota-increase --service-code {service} --quota-code {code} --desired-value {}`",
                    demand.needed.ceil()
                ),
                (false, Some(_)) => "enough for this stack".to_owned(),
                (false, None) => "AWS does not report it".to_owned(),
            };
            let now = now.map_or_else(|| "not known".to_owned(), |now| decimal(now, 2));
            vec![format!("{what} ({service} {code})"), now, needed, to_do]
        };
        self.need.quotas.iter().map(row).collect()
    }

    /// Returns how many parts have no known price even with few users. Where more have none, the price is not comparable.
    fn least_unpriced(&self) -> usize {
        self.around.iter().map(|point| point.unpriced).min().unwrap_or(0)
    }

    /// Returns when users have become so many.
    fn when(&self, users: u64) -> String {
        match self.growth {
            _ if users <= self.need.users => "now".to_owned(),
            None => String::new(),
            Some(growth) => {
                months(self.need.users, users, growth).map_or_else(String::new, |months| format!("in {months:.1} months"))
            }
        }
    }
}

fn percent(share: f64) -> String {
    format!("{:.0} %", share * 100.0)
}

/// Returns it for people.
pub fn capacity_text(outlook: &Outlook, terminal: &Terminal) -> String {
    let need = &outlook.need;
    let head = format!("{} with {} users at the same time: {} requests/s", outlook.stack, whole(need.users), rate(need.requests));
    let mut text = finish(vec![terminal.paint(STRONG, &head), String::new()]);
    text += &table(terminal, &["PART", "NOW", "NEEDED", "WHY"], &outlook.rows());
    if !outlook.bounds.is_empty() {
        text += &finish(vec![String::new(), terminal.paint(STRONG, "Limits of the file as it is, the first one first")]);
        let rows: Vec<Vec<String>> = outlook
            .bounds
            .iter()
            .map(|bound| vec![whole(bound.users), outlook.when(bound.users), bound.what.clone(), bound.help.clone()])
            .collect();
        text += &table(terminal, &["USERS", "MET", "LIMIT", "WHAT RAISES IT"], &rows);
    }
    if outlook.quotas_asked {
        text += &finish(vec![
            String::new(),
            terminal.paint(STRONG, &format!("Quotas of the account, with {} users", whole(need.users))),
        ]);
        text += &table(terminal, &["QUOTA", "NOW", "NEEDED", "TO DO"], &outlook.quota_rows());
    }
    let least = outlook.least_unpriced();
    let most =
        outlook.around.iter().filter(|point| point.unpriced == least).filter_map(|point| point.monthly).fold(0.0, f64::max);
    let mark = if terminal.unicode { "█" } else { "#" };
    let bar = |point: &Point| {
        // A bar for a part of the price would be too short.
        let known = point.monthly.filter(|_| most > 0.0 && point.unpriced == least);
        known.map_or_else(String::new, |monthly| mark.repeat(((monthly / most * BAR as f64).round() as usize).max(1)))
    };
    let rows: Vec<Vec<String>> = outlook
        .around
        .iter()
        .map(|point| {
            let fits = if point.fits { "" } else { " (no class suffices)" };
            vec![
                whole(point.users),
                rate(point.requests),
                whole(point.tasks.into()),
                at_least(point.monthly, point.unpriced),
                format!("{}{fits}", bar(point)),
            ]
        })
        .collect();
    text += &finish(vec![String::new(), terminal.paint(STRONG, "With fewer and more users")]);
    text += &table(terminal, &["USERS", "REQUESTS/S", "TASKS", "A MONTH", "PLOT"], &rows);
    let mut out = vec![String::new(), terminal.paint(STRONG, "Assumptions")];
    let mut sentences = outlook.assumptions.clone();
    let without = outlook.around.iter().map(|point| point.unpriced).fold(outlook.unpriced, usize::max);
    if without > 0 {
        sentences.push(format!("No price is known for {}, so it costs more than that (`stack cost --sources`). Where more parts lack one, there is no bar and no point in the plot.", super::count(without, "part")));
    }
    for sentence in &sentences {
        let lines = wrap(sentence, terminal.width.saturating_sub(2).max(20));
        out.extend(
            lines.into_iter().enumerate().map(|(at, line)| format!("{} {line}", if at == 0 { terminal.bullet() } else { " " })),
        );
    }
    text + &finish(out)
}

/// Returns it as a picture over growing users.
pub fn capacity_svg(outlook: &Outlook) -> String {
    let need = &outlook.need;
    let line = |name: &str, of: &dyn Fn(&Point) -> f64| Line {
        name: name.to_owned(),
        points: outlook.around.iter().map(|point| (point.users as f64, of(point))).collect(),
        is_stepped: false,
        is_dashed: false,
    };
    let least = outlook.least_unpriced();
    let (fewest, most) = (outlook.around.first().map_or(0, |p| p.users), outlook.around.last().map_or(0, |p| p.users));
    let first = outlook.bounds.iter().find(|bound| (fewest..=most).contains(&bound.users));
    let mut places = vec![(need.users as f64, format!("{} users", whole(need.users)))];
    let panel = |title: &str, line: Line, places: Vec<(f64, String)>| Panel {
        title: title.to_owned(),
        across: "users at the same time".into(),
        is_log: true,
        lines: vec![line],
        levels: Vec::new(),
        places,
    };
    let tasks = panel("Tasks", line("tasks of all services", &|point| f64::from(point.tasks)), places.clone());
    places.clear();
    places.extend(first.map(|bound| (bound.users as f64, bound.what.replace('`', ""))));
    let price = panel(
        "US dollars a month",
        line("all users active all month", &|point| point.monthly.filter(|_| point.unpriced == least).unwrap_or(f64::NAN)),
        places,
    );
    Chart {
        title: format!("{}: what its users need", outlook.stack),
        about: vec![format!(
            "{} users: {} requests/s, {} a month.",
            whole(need.users),
            rate(need.requests),
            at_least(outlook.monthly, outlook.unpriced)
        )],
        panels: vec![tasks, price],
    }
    .svg()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_at_a_glance() {
        assert_eq!([0, 999, 1_000, 50_000, 1_234_567].map(whole).join(" "), "0 999 1,000 50,000 1,234,567");
        assert_eq!([decimal(68.493, 1), decimal(1_234.96, 1), decimal(5.25, 2)].join(" "), "68.5 1,235 5.25");
        assert_eq!((many(1), tasks((2, 2_500)), tasks((2, 2))), ("1 task".into(), "2 to 2,500 tasks".into(), "2 tasks".into()));
        assert_eq!(
            (rate(7.25), rate(5_000.0), money(Some(1234.5)), money(None)),
            ("7.2".into(), "5,000".into(), "$1,235".into(), "no price known".into())
        );
    }
}

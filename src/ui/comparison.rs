//! How two environments differ: text, Markdown, and what `--json` writes.

use anstyle::Style;
use serde::Serialize;
use serde_json::Value;

use crate::engine::contrast::{Contrast, Difference, Differing, Hand};
use crate::engine::{Change, Rule};

use super::plan::{LARGEST, escaped, fence, finish, gutter};
use super::style::{BAD, CHANGED, QUIET, STRONG, Terminal, capital, clean, clean_key, count, pad, width, wrap};
use super::{kinds, units, value};

/// The version of the JSON form. It grows with every change that a reader could notice.
pub const VERSION: u32 = 1;

/// How two environments differ, as `--json` writes it.
#[derive(Clone, Debug, Serialize)]
pub struct Comparison {
    /// [`VERSION`].
    pub version: u32,
    /// The stack's name.
    pub stack: String,
    /// The side that was named first.
    pub left: Compared,
    /// The side that was named second.
    pub right: Compared,
    /// What differs.
    #[serde(flatten)]
    pub contrast: Contrast,
}

/// One side.
#[derive(Clone, Debug, Serialize)]
pub struct Compared {
    /// As it was typed: `production@12`.
    pub name: String,
    /// The environment.
    pub env: String,
    /// What it is taken from.
    #[serde(flatten)]
    pub basis: Basis,
    /// The AWS account; absent when AWS was not asked.
    pub account: Option<String>,
    /// The region of what is regional.
    pub region: String,
}

/// What a side is taken from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum Basis {
    /// AWS, as it is now.
    Now,
    /// What a run of the history applied.
    Run {
        /// Its number.
        number: u64,
        /// When it began.
        began: String,
        /// Who ran it: an ARN.
        who: String,
    },
    /// The file.
    File,
    /// A frozen file.
    Frozen,
}

/// A group of differences, for people.
struct Group<'a> {
    mark: &'static str,
    word: &'static str,
    note: &'static str,
    style: Style,
    objects: Vec<&'a Differing>,
}

impl<'a> Group<'a> {
    fn of(mark: &'static str, word: &'static str, note: &'static str, style: Style, list: &'a [Differing]) -> Self {
        let mut objects: Vec<&Differing> = list.iter().collect();
        objects.sort_by_key(|object| (kinds::rank(&object.key.kind), &object.key));
        Group { mark, word, note, style, objects }
    }
}

impl Comparison {
    /// Returns a comparison of two sides.
    pub fn of(stack: String, left: Compared, right: Compared, contrast: Contrast) -> Self {
        Comparison { version: VERSION, stack, left, right, contrast }
    }

    /// Returns the groups that are not empty, the worst last, each in reading order.
    fn groups(&self) -> Vec<Group<'_>> {
        let Contrast { expected, sized, suspicious, .. } = &self.contrast;
        let all = [
            Group::of("=", "expected", "the file says so", QUIET, expected),
            Group::of("~", "sized", "the file does not say so", CHANGED, sized),
            Group::of("!", "suspicious", "the file does not say so", BAD, suspicious),
        ];
        all.into_iter().filter(|group| !group.objects.is_empty()).collect()
    }

    fn name(&self, hand: Hand) -> String {
        let side = if hand == Hand::Left { &self.left } else { &self.right };
        clean(&side.name).into_owned()
    }

    fn title(&self, terminal: &Terminal) -> String {
        format!(
            "stack {} {} {} {} {}",
            clean(&self.stack),
            terminal.dot(),
            self.name(Hand::Left),
            terminal.arrow(),
            self.name(Hand::Right)
        )
    }

    /// Returns how the sides differ, in a sentence.
    fn summary(&self) -> String {
        let (left, right) = (self.name(Hand::Left), self.name(Hand::Right));
        let Contrast { expected, sized, suspicious, same } = &self.contrast;
        if [expected, sized, suspicious].into_iter().all(Vec::is_empty) {
            let verb = if [&self.left, &self.right].iter().all(|side| side.basis == Basis::Now) { "run" } else { "are" };
            return format!("{left} and {right} {verb} the same ({}).", count(*same, "object"));
        }
        if self.contrast.is_expected() {
            return format!(
                "{left} and {right} differ only as the file says: {} expected, {same} the same.",
                count(expected.len(), "object")
            );
        }
        let parts = [(expected.len(), "expected"), (sized.len(), "sized"), (suspicious.len(), "suspicious"), (*same, "the same")];
        let parts: Vec<String> = parts.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{n} {what}")).collect();
        format!("{left} and {right} differ: {}.", parts.join(", "))
    }

    /// Returns the lines about a group's objects, to be indented.
    fn lines(&self, group: &Group, rules: &dyn Fn(&str) -> &'static [Rule], terminal: &Terminal, all: bool) -> Vec<String> {
        let mut out = Vec::new();
        for object in &group.objects {
            let key = clean_key(&object.key);
            out.push(match object.only {
                Some(hand) => format!("{key}   only in {}", self.name(hand)),
                None => key,
            });
            let of_kind = rules(&object.key.kind);
            let changes: Vec<Change> = object.differences.iter().map(|found| self.change(found, of_kind)).collect();
            let rows = value::changes(terminal, &changes.iter().collect::<Vec<_>>(), terminal.width.saturating_sub(10), all);
            out.extend(
                rows.into_iter()
                    .map(|row| format!("{}{}{}", if row.nested { "      " } else { "  " }, gutter(terminal, row.sign), row.text)),
            );
        }
        out
    }

    /// Returns a difference as a change from left to right.
    fn change(&self, found: &Difference, rules: &[Rule]) -> Change {
        let (before, after) = if found.same {
            let text = found.left.as_ref().map_or_else(|| "the same".to_owned(), value::short) + " on both sides";
            (Some(Value::from(text.as_str())), Some(Value::from(text)))
        } else if found.hidden {
            let text = found.only.map_or_else(|| "differs".to_owned(), |hand| format!("only in {}", self.name(hand)));
            (Some(Value::from(text.as_str())), Some(Value::from(text)))
        } else {
            (found.left.clone(), found.right.clone())
        };
        // `(none) → 5`: nothing was added or removed.
        let none = |other: &Option<Value>| {
            other.as_ref().filter(|other| !matches!(other, Value::Array(_) | Value::Object(_))).map(|_| Value::Null)
        };
        let (before, after) = (before.clone().or_else(|| none(&after)), after.clone().or_else(|| none(&before)));
        let path = found.path.clone();
        let change = Change { path, before, after, unknown: None, forces_replacement: false, impossible: None, secret: false };
        units::with_unit(rules, &change)
    }
}

impl Compared {
    fn text(&self, terminal: &Terminal) -> String {
        let what = match &self.basis {
            Basis::Now => "what runs now".to_owned(),
            Basis::File => "what the file says".to_owned(),
            Basis::Frozen => "what was frozen".to_owned(),
            Basis::Run { number, began, who } => format!("what run {number} of {began} by {who} applied"),
        };
        let parts = [Some(what), self.account.clone(), Some(self.region.clone())];
        parts
            .into_iter()
            .flatten()
            .map(|part| clean(&part).into_owned())
            .collect::<Vec<_>>()
            .join(&format!(" {} ", terminal.dot()))
    }
}

/// Renders a comparison as text: a block for each group, and a sentence.
pub fn comparison_text(
    comparison: &Comparison,
    rules: &dyn Fn(&str) -> &'static [Rule],
    terminal: &Terminal,
    verbose: bool,
) -> String {
    let mut out: Vec<String> =
        wrap(&comparison.title(terminal), terminal.width).iter().map(|line| terminal.paint(STRONG, line)).collect();
    let sides =
        [(Hand::Left, &comparison.left), (Hand::Right, &comparison.right)].map(|(hand, side)| (comparison.name(hand), side));
    let column = sides.iter().map(|(name, _)| width(name)).max().unwrap_or(0);
    out.extend(
        sides.iter().flat_map(|(name, side)| wrap(&format!("{}  {}", pad(name, column), side.text(terminal)), terminal.width)),
    );
    for group in comparison.groups() {
        let title = terminal.paint(group.style, &format!("{} {} {}", group.mark, group.word, group.objects.len()));
        out.extend([String::new(), format!("{title}   {}", terminal.paint(QUIET, group.note))]);
        out.extend(comparison.lines(&group, rules, terminal, verbose).into_iter().map(|line| format!("    {line}")));
    }
    out.push(String::new());
    out.extend(wrap(&comparison.summary(), terminal.width).into_iter().map(|line| terminal.paint(STRONG, &line)));
    finish(out)
}

/// Renders a comparison as Markdown, for a comment: what the file does not say first, and what it says folded.
pub fn comparison_markdown(comparison: &Comparison, rules: &dyn Fn(&str) -> &'static [Rule]) -> String {
    let terminal = Terminal::plain(100);
    let mut out = vec![
        format!("### {}", escaped(&comparison.title(&terminal))),
        String::new(),
        format!("**{}**", escaped(&comparison.summary())),
        String::new(),
    ];
    for (hand, side) in [(Hand::Left, &comparison.left), (Hand::Right, &comparison.right)] {
        out.push(format!("- {}: {}", escaped(&comparison.name(hand)), escaped(&side.text(&terminal))));
    }
    let mut left = LARGEST.saturating_sub(finish(out.clone()).chars().count() + 1000);
    for group in comparison.groups().into_iter().rev() {
        let title = format!("{} {}", capital(group.word), group.objects.len());
        let lines = folded(&title, group.note, group.word == "expected", comparison.lines(&group, rules, &terminal, false));
        let size = finish(lines.clone()).chars().count();
        if size > left {
            out.extend([String::new(), format!("**{title}**: too long for a comment; run `stack compare`")]);
        } else {
            left -= size;
            out.extend(lines);
        }
    }
    finish(out)
}

/// Returns lines in a fence below their title, folded away or not.
fn folded(title: &str, note: &str, fold: bool, lines: Vec<String>) -> Vec<String> {
    let (open, close) = match fold {
        true => (format!("<details><summary>{title}: {note}</summary>"), Some("\n</details>".to_owned())),
        false => (format!("**{title}**: {note}"), None),
    };
    let fence = fence(&lines);
    let head = [String::new(), open, String::new(), fence.clone()];
    head.into_iter().chain(lines).chain([fence]).chain(close).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::engine::Key;

    const RULES: &[Rule] = &[Rule::unit("storage", "GiB")];

    fn differing(key: &str, only: Option<Hand>, differences: Vec<Difference>) -> Differing {
        Differing { key: key.parse::<Key>().unwrap(), only, differences }
    }

    fn difference(path: &str, left: Value, right: Value) -> Difference {
        let value = |value: Value| Some(value).filter(|value| !value.is_null());
        Difference { path: path.into(), left: value(left), right: value(right), only: None, hidden: false, same: false }
    }

    fn side(name: &str, basis: Basis) -> Compared {
        let (env, region) = (name.split('@').next().unwrap().to_owned(), "us-east-1".to_owned());
        Compared { name: name.into(), env, basis, account: Some("111111111111".into()), region }
    }

    fn comparison(contrast: Contrast) -> Comparison {
        let (began, who) = ("2026-01-02T03:04:05Z".to_owned(), "arn:aws:iam::111111111111:user/anna".to_owned());
        let run = Basis::Run { number: 12, began, who };
        Comparison::of("shop".into(), side("production", Basis::Now), side("staging@12", run), contrast)
    }

    fn everything() -> Comparison {
        let hidden = |path: &str, only| Difference { only, hidden: true, ..difference(path, Value::Null, Value::Null) };
        comparison(Contrast {
            expected: vec![
                differing("rds.instance/main", None, vec![difference("multi_az", json!(true), json!(false))]),
                differing("ec2.nat_gateway/b", Some(Hand::Left), Vec::new()),
            ],
            sized: vec![differing("rds.instance/main", None, vec![difference("storage", json!(100), json!(20))])],
            suspicious: vec![
                differing(
                    "ecs.task_definition/web",
                    None,
                    vec![
                        difference("containers.web.image", json!("web:1.4"), json!("web:1.3")),
                        difference("containers.web.stop_timeout", Value::Null, json!(90)),
                        hidden("containers.web.environment.LEVEL", None),
                        hidden("containers.web.environment.DEBUG", Some(Hand::Right)),
                        Difference { same: true, ..hidden("containers.web.environment.QUEUE", None) },
                        Difference {
                            same: true,
                            ..difference("containers.web.log_prefix", json!("shop-production"), json!("shop-production"))
                        },
                    ],
                ),
                differing(
                    "iam.role/web-task",
                    None,
                    vec![difference("policies.more", Value::Null, json!({"Statement": [{"Effect": "Allow", "Action": "s3:*"}]}))],
                ),
            ],
            same: 117,
        })
    }

    /// What is on one line where there is room.
    const SAID: [&str; 9] = [
        "= expected 2   the file says so",
        "ec2.nat_gateway/b   only in production",
        "storage   100 GiB → 20 GiB",
        "environment.LEVEL   differs",
        "environment.DEBUG   only in staging@12",
        "environment.QUEUE   the same on both sides",
        "shop-production on both sides",
        "(none) → 90",
        "! suspicious 2",
    ];

    #[test]
    fn a_comparison_as_text() {
        for columns in [60, 100] {
            let text = comparison_text(&everything(), &|_| RULES, &Terminal::plain(columns), false);
            let wide = text.lines().find(|line| width(line) > columns && line.split_whitespace().count() > 1);
            assert_eq!(wide, None, "{text}");
            for said in SAID.iter().filter(|_| columns == 100) {
                assert!(text.contains(said), "{said}: {text}");
            }
            let last = text.split("\n\n").last().unwrap().split_whitespace().collect::<Vec<_>>().join(" ");
            assert_eq!(last, "production and staging@12 differ: 2 expected, 1 sized, 2 suspicious, 117 the same.");
        }
        let ascii = comparison_text(&everything(), &|_| RULES, &Terminal { unicode: false, ..Terminal::plain(80) }, false);
        assert!(ascii.is_ascii(), "{ascii}");
        let coloured = comparison_text(&everything(), &|_| RULES, &Terminal { color: true, ..Terminal::plain(80) }, false);
        assert_eq!(
            anstream::adapter::strip_str(&coloured).to_string(),
            comparison_text(&everything(), &|_| RULES, &Terminal::plain(80), false)
        );
    }

    #[test]
    fn the_sentence_says_how_they_differ() {
        let same = comparison(Contrast { same: 1, ..Contrast::default() });
        assert_eq!(same.summary(), "production and staging@12 are the same (1 object).");
        let runs = Comparison { right: side("staging", Basis::Now), ..same };
        assert_eq!(runs.summary(), "production and staging run the same (1 object).");
        let expected = vec![differing("ec2.vpc/main", Some(Hand::Right), Vec::new())];
        let expected = Comparison { contrast: Contrast { expected, same: 3, ..Contrast::default() }, ..runs };
        let said = "production and staging differ only as the file says: 1 object expected, 3 the same.";
        assert_eq!(expected.summary(), said);
        assert!(comparison_text(&expected, &|_| RULES, &Terminal::plain(100), false).contains(said));
    }

    #[test]
    fn a_comparison_as_markdown_has_the_worst_first() {
        let text = comparison_markdown(&everything(), &|_| RULES);
        let at = |said: &str| text.find(said).unwrap_or_else(|| panic!("{said}: {text}"));
        let (title, suspicious) = (at("### stack shop"), at("**Suspicious 2**: the file does not say so\n\n```\n"));
        let (sized, expected) = (at("**Sized 1**"), at("<details><summary>Expected 2: the file says so</summary>"));
        assert!(title < suspicious && suspicious < sized && sized < expected && text.ends_with("</details>\n"), "{text}");
        let long = (0..3000).map(|n| differing(&format!("ec2.route/a-route-with-a-name-{n}"), Some(Hand::Left), Vec::new()));
        let long = comparison(Contrast { expected: long.collect(), ..Contrast::default() });
        assert!(comparison_markdown(&long, &|_| RULES).contains("too long for a comment"));
    }

    #[test]
    fn a_comparison_as_json() {
        let json = serde_json::to_value(everything()).unwrap();
        assert_eq!((&json["version"], &json["stack"], &json["same"]), (&json!(1), &json!("shop"), &json!(117)));
        assert_eq!((&json["left"]["what"], &json["right"]["what"]), (&json!("now"), &json!("run")));
        assert_eq!(json["right"]["number"], json!(12));
        assert_eq!(json["expected"][1], json!({"key": "ec2.nat_gateway/b", "only": "left", "differences": []}));
        assert_eq!(
            json["suspicious"][0]["differences"][3],
            json!({"path": "containers.web.environment.DEBUG", "left": null, "right": null, "only": "right", "hidden": true})
        );
    }
}

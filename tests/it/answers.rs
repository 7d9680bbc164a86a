//! AWS's answers are not the local AWS's: what it adds and leaves out makes no difference, what differs does.
//!
//! The table is in `support/answers.py`, which lays it over the local AWS's answers.

use std::collections::{BTreeMap, BTreeSet};

use crate::support::aws::LocalAws;
use crate::support::helper::Helper;
use crate::support::run::Place;
use crate::support::stacks::published;

#[test]
fn what_aws_adds_and_leaves_out_makes_no_difference() {
    let aws = LocalAws::shared();
    let mut laid: BTreeMap<(&str, String), u64> = BTreeMap::new();
    for file in ["stacks/shop.yaml", "stacks/webapp.yaml"] {
        let account = aws.account();
        let text = std::fs::read_to_string(published(file)).unwrap();
        let place = Place::with(&account);
        place.file("s.yaml", &text);
        place.stack(&["apply", "s.yaml", "--yes"]).ok();
        for variant in ["more", "less", "other"] {
            let helper = Helper::start("answers.py", aws, &[variant]);
            let over = Place::with(&account.through(&format!("http://127.0.0.1:{}", helper.port)));
            over.file("s.yaml", &text);
            let mut changes: BTreeSet<String> = BTreeSet::new();
            for exact in [&[][..], &["--exact"]] {
                let plan = over.stack(&[&["plan", "s.yaml", "--json"], exact].concat()).ok().json();
                let found = plan["changes"].as_array().unwrap().iter();
                changes.extend(found.map(|change| change["kind"].as_str().unwrap().to_owned()));
            }
            let expected: &[&str] = match variant {
                // The control: a plan that saw nothing of the table would find nothing here either.
                "other" => &["cloudfront.distribution", "ecs.service", "elbv2.target_group", "logs.log_group", "rds.instance"],
                _ => &[],
            };
            assert_eq!(changes.iter().map(String::as_str).collect::<Vec<_>>(), expected, "{file} {variant}");
            let rows: BTreeMap<String, u64> = serde_json::from_str(&helper.end()).unwrap();
            rows.into_iter().for_each(|(row, times)| *laid.entry((variant, row)).or_default() += times);
        }
    }
    let never: Vec<_> = laid.iter().filter(|(_, times)| **times == 0).collect();
    assert!(never.is_empty() && laid.len() > 50, "{never:#?} of {}", laid.len());
    println!("answers: {} rows laid over {} places", laid.len(), laid.values().sum::<u64>());
}

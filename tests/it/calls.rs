//! Rule 3, counted on the wire: one question per kind, not per object.

use crate::lifecycle::Subject;
use crate::support::proxy::counts;

fn generated(services: usize) -> String {
    let mut text = "stack: many\nregion: us-east-1\nnetwork: { zones: 3 }\nservices:\n".to_owned();
    for n in 0..services {
        text += &format!(
            "  s{n}:\n    image: nginx:1.27\n    port: 8080\n    routes: [\"/s{n}/*\"]\n    scale: {{ min: 1, max: 2 }}\n"
        );
    }
    text
}

/// How many calls a plan of the unchanged stack makes.
fn of_plan(services: usize) -> usize {
    let s = Subject::new(&generated(services));
    s.apply();
    s.proxy.take();
    s.place.stack(&["plan", "s.yaml", "--detailed-exitcode"]).ok();
    let calls = s.proxy.take();
    assert!(calls.iter().all(|c| !c.mutating), "{:#?}", counts(&calls));
    println!("{services} services: {} calls {:#?}", calls.len(), counts(&calls));
    calls.len()
}

#[test]
fn a_plan_stays_within_its_calls() {
    let three = of_plan(3);
    let thirty = of_plan(30);
    assert!(three <= 60, "{three}");
    assert!(thirty - three <= 27 * 4, "{three} and {thirty}");
}

#[test]
fn a_plan_of_three_hundred_services_stays_within_its_calls() {
    let many = of_plan(300);
    assert!(many <= 60 + 300 * 4, "{many}");
}

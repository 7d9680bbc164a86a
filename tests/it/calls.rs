//! Rule 3, counted on the wire: one question per kind, not per object.

use crate::lifecycle::Subject;
use crate::support::aws::LocalAws;
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
fn of_plan(aws: &LocalAws, services: usize) -> usize {
    let s = Subject::on(aws, &generated(services));
    s.apply();
    s.proxy.take();
    s.place.stack(&["plan", "s.yaml", "--detailed-exitcode"]).ok();
    let calls = s.proxy.take();
    assert!(calls.iter().all(|c| !c.mutating), "{:#?}", counts(&calls));
    println!("{services} services: {} calls {:#?}", calls.len(), counts(&calls));
    calls.len()
}

/// On a server of its own: thousands of objects would slow everybody else's down.
#[test]
fn a_plan_of_many_services_stays_within_its_calls() {
    let aws = LocalAws::start();
    let three = of_plan(&aws, 3);
    assert!(three <= 60, "{three}");
    for many in [30, 300] {
        let calls = of_plan(&aws, many);
        assert!(calls - three <= (many - 3) * 4, "{three} for 3 and {calls} for {many}");
    }
}

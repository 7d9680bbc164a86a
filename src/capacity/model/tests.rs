use super::*;

/// Tasks of 50 requests a second, users of 0.1: 500 users for each task.
fn model() -> Model {
    let web = Service {
        name: "web".into(),
        carries: Some((50.0, Source::Measured)),
        per_user: 0.1,
        tasks: (2, 30),
        processors: 0.5,
        connections: 10,
        databases: vec!["main".into()],
        caches: vec!["sessions".into()],
        spot: false,
        cached: None,
        outgoing: None,
    };
    let worker = Service { name: "worker".into(), carries: None, tasks: (1, 1), caches: Vec::new(), ..web.clone() };
    let accepts = [("db.t4g.micro", 78.0), ("db.t4g.small", 157.0), ("db.t4g.medium", 315.0), ("db.t4g.large", 630.0)];
    let database = Database {
        name: "main".into(),
        class: "db.t4g.small".into(),
        accepts: accepts.map(|(class, most)| (class.to_owned(), most)).into(),
    };
    let holds = [("cache.t4g.small", 1e9), ("cache.t4g.medium", 2.4e9)];
    let holds = holds.map(|(node, most)| (node.to_owned(), most)).into();
    let cache = Cache { name: "sessions".into(), node: "cache.t4g.small".into(), accepts: 65_000.0, holds };
    Model {
        services: vec![web, worker],
        databases: vec![database],
        caches: vec![cache],
        nat: Nat::default(),
        is_balanced: true,
        quotas: vec![
            quota(Counts::Processors, "fargate", "L-3032A538", 64.0),
            quota(Counts::Targets, "elasticloadbalancing", "L-7E6692B2", 1000.0),
        ],
    }
}

fn quota(counts: Counts, service: &'static str, code: &'static str, most: f64) -> Quota {
    Quota { counts, service, code, what: format!("{counts:?}"), most: Some(most) }
}

#[test]
fn quotas_that_are_too_small_are_named() {
    let mut model = model();
    model.services[1].spot = true;
    model
        .quotas
        .extend([quota(Counts::SpotProcessors, "fargate", "L-36FBB829", 6.0), quota(Counts::Tasks, "vpc", "L-DF5E4CA3", 100.0)]);
    model.quotas.push(Quota { most: None, ..quota(Counts::Targets, "elasticloadbalancing", "L-1", 0.0) });
    let told = |users| -> Vec<(String, f64, bool)> {
        let all = model.need(users).quotas.into_iter();
        all.map(|demand| (demand.code.to_owned(), demand.needed, demand.raise)).collect()
    };
    // 65,000 users are 130 tasks of half a vCPU; the worker is one, on spare capacity.
    let expected = [
        ("L-3032A538", 65.0, true),
        ("L-7E6692B2", 130.0, false),
        ("L-36FBB829", 0.5, false),
        ("L-DF5E4CA3", 131.0, true),
        ("L-1", 130.0, false),
    ];
    assert_eq!(told(65_000), expected.map(|(code, needed, raise)| (code.to_owned(), needed, raise)));
    let users = |what: &str| model.bounds().into_iter().find(|bound| bound.what.contains(what)).map(|bound| bound.users);
    // 128 tasks of half a vCPU; 99 tasks and the worker.
    assert_eq!((users("vCPUs on Fargate"), users("network interfaces")), (Some(64_000), Some(49_500)));
    assert_eq!((users("of Fargate Spot"), users("takes 1,000 targets")), (None, Some(500_000)));
}

#[test]
fn nat_gateways_carry_so_much() {
    let mut model = model();
    // 50 GiB a month at one request a second: 53,687,091,200 × 8 ÷ 2,628,000 bits for each request.
    let bits = 50.0 * (1_u64 << 30) as f64 * 8.0 / (730.0 * 3600.0);
    model.nat = Nat { gateways: 2, bits };
    let told =
        |model: &Model| -> Vec<(String, u64)> { model.nat_bounds().into_iter().map(|bound| (bound.what, bound.users)).collect() };
    // 200 Gbit/s ÷ 163,431.0… bits are 1,223,758.6… requests, by 0.1 of each user.
    let data = ("2 NAT gateways carry 200 Gbit/s".to_owned(), (200e9 / bits / 0.1) as u64);
    assert_eq!(told(&model), std::slice::from_ref(&data));
    assert!((12_237_000..12_238_000).contains(&data.1), "{}", data.1);
    // 110,000 connections, 100 in each task: 1,100 tasks × 500.
    model.services[0].outgoing = Some(100);
    assert_eq!(told(&model), [data, ("2 NAT gateways carry 110,000 connections to one address".to_owned(), 550_000)]);
    model.nat.gateways = 0;
    assert_eq!(told(&model), []);
}

#[test]
fn memory_of_caches_is_computed_by_hand() {
    let mut model = model();
    let cache = |model: &Model, users| model.need(users).caches.remove(0);
    assert_eq!((cache(&model, 1 << 30).data, model.cache_bound(&model.caches[0])), (None, None));
    // 8 KiB of each user; the worker, which says nothing and uses no cache, counts for nothing.
    model.services[0].cached = Some(8192.0);
    let told = cache(&model, 97_000);
    assert_eq!(told.data, Some(Data { bytes: 794_624_000.0, holds: Some(1e9) }));
    assert_eq!(told.needed.as_deref(), Some("cache.t4g.small"));
    // 0.8 × 1e9 ÷ 8,192 = 97,656.25, and 0.8 × 2.4e9 ÷ 8,192 = 234,375.
    let bound = model.cache_bound(&model.caches[0]).unwrap();
    let what = "`caches.sessions` (cache.t4g.small) holds about 953 MiB of data";
    assert_eq!((bound.what.as_str(), bound.users), (what, 97_656));
    assert_eq!(cache(&model, 97_657).needed.as_deref(), Some("cache.t4g.medium"));
    assert_eq!(cache(&model, 234_375).needed.as_deref(), Some("cache.t4g.medium"));
    assert_eq!(cache(&model, 234_376).needed, None);
    // Two services that keep something for each user.
    (model.services[1].cached, model.services[1].caches) = (Some(2048.0), vec!["sessions".into()]);
    assert_eq!(cache(&model, 1_000).data.unwrap().bytes, 10_240_000.0);
    // Of a family that is not known nothing is claimed.
    model.caches[0].holds.clear();
    let told = cache(&model, 1_000);
    assert_eq!((told.needed, told.data.unwrap().holds, model.cache_bound(&model.caches[0])), (None, None, None));
}

#[test]
fn tasks_are_computed_by_hand() {
    // 50,000 users × 0.1 = 5,000 requests a second; by 50 are 100 tasks.
    let need = model().need(50_000);
    assert_eq!((need.requests, need.services[0].needed, need.services[1].needed), (5000.0, Some(100), None));
    // 100 × 0.5 and 1 × 0.5.
    assert_eq!(need.processors, 50.5);
    // 100 × 10 and 1 × 10; that is more than 0.8 × 630, and more than any class that is known.
    let main = &need.databases[0];
    assert_eq!((main.connections, main.accepts, &main.needed), (1010, Some(157.0), &None));
    assert_eq!((need.caches[0].connections, need.caches[0].needed.as_deref()), (1000, Some("cache.t4g.small")));
}

#[test]
fn the_smallest_class_that_suffices_is_taken() {
    let class = |users| model().need(users).databases[0].needed.clone();
    // 11 tasks and the worker: 120 connections, 0.8 × 157 = 125.6.
    assert_eq!(class(5_500).as_deref(), Some("db.t4g.small"));
    // 12 tasks: 130, 0.8 × 315 = 252.
    assert_eq!(class(5_501).as_deref(), Some("db.t4g.medium"));
    // 24 tasks: 250; 25 tasks: 260, 0.8 × 630 = 504.
    assert_eq!((class(12_000).as_deref(), class(12_001).as_deref()), (Some("db.t4g.medium"), Some("db.t4g.large")));
    // Nothing becomes smaller than the file has it.
    assert_eq!((class(0).as_deref(), model().need(0).services[0].needed), (Some("db.t4g.small"), Some(2)));
}

#[test]
fn the_first_limit_is_first() {
    let bounds: Vec<(String, u64)> = model().bounds().into_iter().map(|bound| (bound.what, bound.users)).collect();
    let expected = [
        // 11 tasks × 500.
        ("`databases.main` (db.t4g.small) accepts about 157 connections", 5_500),
        // 30 tasks × 500.
        ("`services.web` has at most 30 tasks", 15_000),
        // (64 − 0.5) ÷ 0.5 = 127 tasks × 500.
        ("the account may use 64 vCPUs on Fargate", 63_500),
        ("a load balancer takes 1,000 targets", 500_000),
        // 52,000 ÷ 10 = 5,200 tasks × 500.
        ("a node of `caches.sessions` takes 65,000 connections", 2_600_000),
    ];
    assert_eq!(bounds, expected.map(|(what, users)| (what.to_owned(), users)));
}

#[test]
fn what_is_not_known_has_no_limit() {
    let mut model = model();
    model.services[0].carries = None;
    assert_eq!(model.bounds(), []);
    let need = model.need(1_000_000);
    assert_eq!((need.requests, need.services[0].needed, need.databases[0].connections), (0.0, None, 30));
}

#[test]
fn growth_takes_months() {
    // 1.1 to the 7th is 1.949, to the 8th 2.144.
    let double = months(1000, 2000, 0.1).unwrap();
    assert!((7.2..7.3).contains(&double), "{double}");
    assert_eq!((months(10, 5, 0.1), months(10, 20, 0.0), months(0, 5, 0.1)), (Some(0.0), None, None));
}

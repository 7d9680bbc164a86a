//! From users to tasks, connections and classes.

use serde::Serialize;

use super::classes::smallest;

/// How full connections and memory may be: what is beyond is for deployments, when old and new tasks run together, and for people.
pub const FILLED: f64 = 0.8;

/// Where a figure is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// It was measured; the file says when.
    Measured,
    /// It was given with the command.
    Given,
    /// Production shows it, as AWS has just told.
    Learned,
}

/// A service, as far as it matters here.
#[derive(Clone, Debug, PartialEq)]
pub struct Service {
    /// Its name.
    pub name: String,
    /// Requests per second that a task carries, and where that is from; none when it is not known.
    pub carries: Option<(f64, Source)>,
    /// Requests per second of a user.
    pub per_user: f64,
    /// The tasks that the file gives it: at least, and at most.
    pub tasks: (u32, u32),
    /// The virtual processors of a task.
    pub processors: f64,
    /// Connections to each of its databases and caches that a task holds.
    pub connections: u32,
    /// The databases and caches that it uses, by their names.
    pub databases: Vec<String>,
    /// The caches.
    pub caches: Vec<String>,
}

/// A database.
#[derive(Clone, Debug, PartialEq)]
pub struct Database {
    /// Its name.
    pub name: String,
    /// Its class.
    pub class: String,
    /// How many connections each class of its family accepts at least, where that is known.
    pub accepts: Vec<(String, f64)>,
}

/// A cache.
#[derive(Clone, Debug, PartialEq)]
pub struct Cache {
    /// Its name.
    pub name: String,
    /// The type of its nodes.
    pub node: String,
    /// Connections that a node takes.
    pub accepts: f64,
}

/// An architecture.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Model {
    /// The services.
    pub services: Vec<Service>,
    /// The databases.
    pub databases: Vec<Database>,
    /// The caches.
    pub caches: Vec<Cache>,
    /// The processors that the account may use on Fargate, where that is known.
    pub processors: Option<f64>,
    /// The tasks that a load balancer takes.
    pub targets: u32,
}

/// The tasks of a service.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Tasks {
    /// The service.
    pub service: String,
    /// Requests per second.
    pub requests: f64,
    /// How many tasks are needed; none when what a task carries is not known.
    pub needed: Option<u32>,
    /// How many the file allows at most.
    pub allowed: u32,
}

/// What a database or a cache must be.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Class {
    /// Its name.
    pub name: String,
    /// The class in the file.
    pub now: String,
    /// The connections that tasks hold.
    pub connections: u32,
    /// The connections that the class in the file accepts at least; none where that is not known.
    pub accepts: Option<f64>,
    /// The smallest class of the family that suffices; none when not even the largest does, or nothing is known of it.
    pub needed: Option<String>,
}

/// What is needed for a number of users.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Need {
    /// Users that are active at the same time.
    pub users: u64,
    /// Requests per second of all of them.
    pub requests: f64,
    /// The tasks.
    pub services: Vec<Tasks>,
    /// The databases.
    pub databases: Vec<Class>,
    /// The caches.
    pub caches: Vec<Class>,
    /// The virtual processors of all tasks.
    pub processors: f64,
}

/// A limit of the architecture as it is in the file, and where it is met.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Bound {
    /// What it is, in words.
    pub what: String,
    /// The largest number of users below it.
    pub users: u64,
    /// What raises it.
    pub help: String,
}

impl Service {
    /// Returns the tasks that are needed for so many users. What is not known stays as the file has it.
    fn needed(&self, users: u64) -> Option<u32> {
        let (carries, _) = self.carries?;
        // 100 requests a second by tasks of 50 are 2 tasks, whatever these are in binary.
        let tasks = (users as f64 * self.per_user / carries - 1e-9).ceil();
        Some((tasks.min(f64::from(u32::MAX)) as u32).max(self.tasks.0))
    }

    /// Returns how many users so many tasks serve.
    fn serves(&self, tasks: f64) -> Option<u64> {
        let (carries, _) = self.carries?;
        (self.per_user > 0.0).then(|| (tasks * carries / self.per_user + 1e-9).floor() as u64)
    }

    fn tasks_for(&self, users: u64) -> u32 {
        self.needed(users).unwrap_or(self.tasks.0)
    }
}

impl Model {
    /// Returns what is needed for so many users at the same time.
    pub fn need(&self, users: u64) -> Need {
        let services = self.services.iter().map(|service| Tasks {
            service: service.name.clone(),
            requests: users as f64 * service.per_user,
            needed: service.needed(users),
            allowed: service.tasks.1,
        });
        let databases = self.databases.iter().map(|database| {
            let connections = self.connections(users, &|service| service.databases.contains(&database.name));
            let accepts = |class: &str| database.accepts.iter().find(|(known, _)| known == class).map(|(_, most)| *most);
            let suffices = |class: &str| accepts(class).is_some_and(|most| f64::from(connections) <= most * FILLED);
            Class {
                name: database.name.clone(),
                now: database.class.clone(),
                connections,
                accepts: accepts(&database.class),
                needed: smallest(&database.class, &suffices),
            }
        });
        let caches = self.caches.iter().map(|cache| {
            let connections = self.connections(users, &|service| service.caches.contains(&cache.name));
            // Every node takes the same number, so a larger one does not help.
            let suffices = f64::from(connections) <= cache.accepts * FILLED;
            let needed = suffices.then(|| cache.node.clone());
            Class { name: cache.name.clone(), now: cache.node.clone(), connections, accepts: Some(cache.accepts), needed }
        });
        Need {
            users,
            requests: self
                .services
                .iter()
                .filter(|service| service.carries.is_some())
                .map(|service| users as f64 * service.per_user)
                .sum(),
            services: services.collect(),
            databases: databases.collect(),
            caches: caches.collect(),
            processors: self.processors_for(users),
        }
    }

    fn processors_for(&self, users: u64) -> f64 {
        self.services.iter().map(|service| f64::from(service.tasks_for(users)) * service.processors).sum()
    }

    fn connections(&self, users: u64, of: &dyn Fn(&Service) -> bool) -> u32 {
        let held = self.services.iter().filter(|service| of(service));
        held.map(|service| service.tasks_for(users).saturating_mul(service.connections)).fold(0, u32::saturating_add)
    }

    /// Returns the limits of the file as it is, the first one first.
    pub fn bounds(&self) -> Vec<Bound> {
        let mut bounds = Vec::new();
        for service in &self.services {
            if let Some(users) = service.serves(f64::from(service.tasks.1)) {
                let (name, most) = (&service.name, service.tasks.1);
                bounds.push(Bound {
                    what: format!(
                        "`services.{name}` has at most {} task{}",
                        whole(most.into()),
                        if most == 1 { "" } else { "s" }
                    ),
                    users,
                    help: format!("raise `services.{name}.scale.max`, or `count`"),
                });
            }
        }
        for database in &self.databases {
            let most = database.accepts.iter().find(|(class, _)| *class == database.class).map(|(_, most)| *most);
            let Some(most) = most else { continue };
            let fits = |users| {
                f64::from(self.connections(users, &|service| service.databases.contains(&database.name))) <= most * FILLED
            };
            let Some(users) = largest(&fits) else { continue };
            bounds.push(Bound {
                what: format!(
                    "`databases.{}` ({}) accepts about {} connections",
                    database.name,
                    database.class,
                    whole(most as u64)
                ),
                users,
                help: format!("raise `databases.{}.class`, or hold fewer connections in each task", database.name),
            });
        }
        for cache in &self.caches {
            let fits = |users| {
                f64::from(self.connections(users, &|service| service.caches.contains(&cache.name))) <= cache.accepts * FILLED
            };
            let Some(users) = largest(&fits) else { continue };
            bounds.push(Bound {
                what: format!("a node of `caches.{}` takes {} connections", cache.name, whole(cache.accepts as u64)),
                users,
                help: "hold fewer connections in each task".to_owned(),
            });
        }
        if let Some(most) = self.processors
            && let Some(users) = largest(&|users| self.processors_for(users) <= most)
        {
            bounds.push(Bound {
                what: format!("the account may use {} vCPUs on Fargate", whole(most as u64)),
                users,
                help: "request more: `aws service-quotas request-service-quota-increase --service-code fargate --quota-code L-3032A538 --desired-value N`".to_owned(),
            });
        }
        let targets = |users: u64| -> u32 {
            let routed = self.services.iter().filter(|service| service.carries.is_some());
            routed.map(|service| service.tasks_for(users)).fold(0, u32::saturating_add)
        };
        if self.targets > 0
            && let Some(users) = largest(&|users| targets(users) <= self.targets)
        {
            bounds.push(Bound {
                what: format!("a load balancer takes {} targets", whole(self.targets.into())),
                users,
                help: "request more: `aws service-quotas request-service-quota-increase --service-code elasticloadbalancing --quota-code L-7E6692B2 --desired-value N`".to_owned(),
            });
        }
        bounds.sort_by_key(|bound| bound.users);
        bounds
    }
}

/// Returns a whole number with commas.
pub fn whole(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Returns the largest number of users for which something fits, which it does for all smaller ones; none when it always fits.
fn largest(fits: &dyn Fn(u64) -> bool) -> Option<u64> {
    const MOST: u64 = 1 << 40;
    if fits(MOST) {
        return None;
    }
    let (mut low, mut high) = (0, MOST);
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        if fits(middle) {
            low = middle;
        } else {
            high = middle;
        }
    }
    Some(low)
}

/// Returns in how many months so many users have become so many, when they grow by a share each month; none when they never do.
pub fn months(from: u64, to: u64, growth: f64) -> Option<f64> {
    if from >= to {
        return Some(0.0);
    }
    (growth > 0.0 && from > 0).then(|| (to as f64 / from as f64).ln() / (1.0 + growth).ln())
}

#[cfg(test)]
mod tests {
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
        };
        let worker = Service { name: "worker".into(), carries: None, tasks: (1, 1), caches: Vec::new(), ..web.clone() };
        let accepts = [("db.t4g.micro", 78.0), ("db.t4g.small", 157.0), ("db.t4g.medium", 315.0), ("db.t4g.large", 630.0)];
        let database = Database {
            name: "main".into(),
            class: "db.t4g.small".into(),
            accepts: accepts.map(|(class, most)| (class.to_owned(), most)).into(),
        };
        let cache = Cache { name: "sessions".into(), node: "cache.t4g.small".into(), accepts: 65_000.0 };
        Model {
            services: vec![web, worker],
            databases: vec![database],
            caches: vec![cache],
            processors: Some(64.0),
            targets: 1000,
        }
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
}

//! From users to tasks, connections and classes.

use serde::Serialize;

use super::classes::smallest;
use super::number::whole;
use super::quota::{Counts, Demand, Quota};

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
    /// Whether its tasks run on spare capacity, which has a quota of its own.
    pub spot: bool,
    /// The bytes of memory in each of its caches that a user takes up; none when that is not known.
    pub cached: Option<f64>,
    /// Connections to one address of the internet that a task holds; none when that is not known.
    pub outgoing: Option<u32>,
}

/// The NAT gateways of the network.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Nat {
    /// How many there are.
    pub gateways: u32,
    /// The bits that go through them for each request.
    pub bits: f64,
}

/// What a NAT gateway scales up to, and how many connections an address of it has to each destination
/// (<https://docs.aws.amazon.com/vpc/latest/userguide/nat-gateway-basics.html>).
const NAT_BITS: f64 = 100e9;
const NAT_CONNECTIONS: f64 = 55_000.0;

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
    /// How many bytes of data each type of its family holds, where that is known.
    pub holds: Vec<(String, f64)>,
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
    /// The NAT gateways.
    pub nat: Nat,
    /// Whether there is a load balancer.
    pub is_balanced: bool,
    /// The quotas that are known: what is not asked for has AWS's default where that is the same for all accounts.
    pub quotas: Vec<Quota>,
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
    /// The data that users take up in a cache; none where that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<Data>,
    /// The smallest class of the family that suffices; none when not even the largest does, or nothing is known of it.
    pub needed: Option<String>,
}

/// The data in a cache.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Data {
    /// Bytes that all users take up.
    pub bytes: f64,
    /// Bytes that the type in the file holds; none where that is not known.
    pub holds: Option<f64>,
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
    /// The quotas.
    pub quotas: Vec<Demand>,
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

impl Class {
    /// Checks whether nothing can be said of what is needed: what the class in the file takes is not known.
    pub fn is_unknown(&self) -> bool {
        self.accepts.is_none() || self.data.as_ref().is_some_and(|data| data.holds.is_none())
    }
}

impl Cache {
    /// Returns how many bytes of data a type of its family holds, where that is known.
    fn holds(&self, node: &str) -> Option<f64> {
        self.holds.iter().find(|(known, _)| known == node).map(|(_, most)| *most)
    }

    fn fits(&self, node: &str, bytes: f64) -> bool {
        self.holds(node).is_some_and(|most| bytes <= most * FILLED)
    }
}

/// Returns bytes in MiB, rounded down: `4,900`.
pub fn mebibytes(bytes: f64) -> String {
    whole((bytes / 1_048_576.0) as u64)
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
                data: None,
                needed: smallest(&database.class, &suffices),
            }
        });
        let caches = self.caches.iter().map(|cache| {
            let connections = self.connections(users, &|service| service.caches.contains(&cache.name));
            let bytes = self.cached(users, cache);
            // Every node takes the same number, so a larger one does not help.
            let takes = f64::from(connections) <= cache.accepts * FILLED;
            let suffices = |node: &str| takes && bytes.is_none_or(|bytes| cache.fits(node, bytes));
            Class {
                name: cache.name.clone(),
                now: cache.node.clone(),
                connections,
                accepts: Some(cache.accepts),
                data: bytes.map(|bytes| Data { bytes, holds: cache.holds(&cache.node) }),
                needed: smallest(&cache.node, &suffices),
            }
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
            processors: self.processors_for(users, false) + self.processors_for(users, true),
            quotas: self.quotas.iter().map(|quota| self.demand(quota, users)).collect(),
        }
    }

    fn processors_for(&self, users: u64, spot: bool) -> f64 {
        let some = self.services.iter().filter(|service| service.spot == spot);
        some.map(|service| f64::from(service.tasks_for(users)) * service.processors).sum()
    }

    /// Returns how much of a quota so many users need.
    fn counted(&self, counts: Counts, users: u64) -> f64 {
        let tasks = |service: &Service| f64::from(service.tasks_for(users));
        let routed = || self.services.iter().filter(|service| self.is_balanced && service.carries.is_some()).map(tasks);
        match counts {
            Counts::Processors => self.processors_for(users, false),
            Counts::SpotProcessors => self.processors_for(users, true),
            Counts::Tasks => self.services.iter().map(tasks).sum(),
            Counts::Targets => routed().sum(),
        }
    }

    fn demand(&self, quota: &Quota, users: u64) -> Demand {
        let needed = self.counted(quota.counts, users);
        let raise = quota.most.is_some_and(|most| needed > most);
        Demand { service: quota.service, code: quota.code, what: quota.what.clone(), now: quota.most, needed, raise }
    }

    /// Returns what the NAT gateways carry: the data of all requests, and connections to one address.
    fn nat_bounds(&self) -> Vec<Bound> {
        let Nat { gateways, bits } = self.nat;
        if gateways == 0 {
            return Vec::new();
        }
        let many = format!("{gateways} NAT gateway{}", if gateways == 1 { " carries" } else { "s carry" });
        let requests = |users: u64| -> f64 {
            let known = self.services.iter().filter(|service| service.carries.is_some());
            known.map(|service| users as f64 * service.per_user).sum()
        };
        let more = if gateways == 1 { ", or `network.nat: per-zone`" } else { ", or more subnets with a gateway each" };
        let carries = f64::from(gateways) * NAT_BITS;
        let connections = |users: u64| -> f64 {
            let held = self
                .services
                .iter()
                .filter_map(|service| Some(f64::from(service.tasks_for(users)) * f64::from(service.outgoing?)));
            held.sum()
        };
        let holds = f64::from(gateways) * NAT_CONNECTIONS;
        let data = largest(&|users| requests(users) * bits <= carries).map(|users| Bound {
            what: format!("{many} {} Gbit/s", whole((carries / 1e9) as u64)),
            users,
            help: format!("send less through them: gateway endpoints, IPv6{more}"),
        });
        let held = largest(&|users| connections(users) <= holds).map(|users| Bound {
            what: format!("{many} {} connections to one address", whole(holds as u64)),
            users,
            help: format!("hold fewer connections in each task{more}"),
        });
        data.into_iter().chain(held).collect()
    }

    /// Returns the bytes that users take up in a cache; none when no service that uses it says how many.
    fn cached(&self, users: u64, cache: &Cache) -> Option<f64> {
        let used = self.services.iter().filter(|service| service.caches.contains(&cache.name));
        let of_each: Vec<f64> = used.filter_map(|service| service.cached).collect();
        (!of_each.is_empty()).then(|| of_each.iter().sum::<f64>() * users as f64)
    }

    fn connections(&self, users: u64, of: &dyn Fn(&Service) -> bool) -> u32 {
        let held = self.services.iter().filter(|service| of(service));
        held.map(|service| service.tasks_for(users).saturating_mul(service.connections)).fold(0, u32::saturating_add)
    }

    /// Returns when the memory of a cache is used up.
    fn cache_bound(&self, cache: &Cache) -> Option<Bound> {
        let holds = cache.holds(&cache.node)?;
        let users = largest(&|users| self.cached(users, cache).is_none_or(|bytes| cache.fits(&cache.node, bytes)))?;
        Some(Bound {
            what: format!("`caches.{}` ({}) holds about {} MiB of data", cache.name, cache.node, mebibytes(holds)),
            users,
            help: format!("raise `caches.{}.node`, or keep less for each user", cache.name),
        })
    }

    /// Returns the limits of the file as it is, the first one first. The capacity units of a load balancer are none: it scales by itself, and
    /// they are counted afterwards, to be billed
    /// (<https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-limits.html>; the quotas for units are of reserved ones).
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
        bounds.extend(self.caches.iter().filter_map(|cache| self.cache_bound(cache)));
        for quota in &self.quotas {
            let Some(most) = quota.most else { continue };
            let Some(users) = largest(&|users| self.counted(quota.counts, users) <= most) else { continue };
            bounds.push(Bound { what: quota.limits(most), users, help: quota.help() });
        }
        bounds.extend(self.nat_bounds());
        bounds.sort_by_key(|bound| bound.users);
        bounds
    }
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
mod tests;

//! `services`: containers on Fargate, spread over the zones, behind the balancer when they have routes.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::buckets::{self, Buckets};
use super::connect::{Links, server};
use super::facts::{Facts, slug};
use super::keys::Keys;
use super::load_balancer::{Attached, Balancer};
use super::network::Network;
use super::policies;
use super::uses::{Offers, variable};
use crate::aws::Tags;
use crate::aws::autoscaling::{ScalableTarget, ScalingPolicy};
use crate::aws::ec2::{Direction, SecurityGroup, SecurityGroupRule, Subnet};
use crate::aws::ecs::{
    Capacity, CircuitBreaker, Cluster, Container, LoadBalancerTarget, STOP_TIMEOUT, Service, TaskDefinition, performance,
};
use crate::aws::iam::Role;
use crate::aws::logs::LogGroup;
use crate::aws::ownership::names;
use crate::aws::s3::Bucket;
use crate::config::Stack;
use crate::config::archive::ArchiveJob;
use crate::config::service::{Architecture, Service as Section};
use crate::engine::{Error, Graph, Ref};

/// How long a new task may fail its health checks.
const GRACE_SECONDS: i32 = 60;

/// What services are expanded from.
pub struct Inputs<'a> {
    /// The file.
    pub stack: &'a Stack,
    /// The network that they run in.
    pub network: &'a Network,
    /// The balancer in front of those that have routes.
    pub balancer: Option<&'a Balancer>,
    /// The keys that encrypt their logs.
    pub keys: &'a Keys,
    /// The buckets of the section.
    pub buckets: &'a Buckets,
    /// What databases and caches have for those who use them.
    pub offers: &'a Offers,
    /// What is known of the account.
    pub facts: &'a Facts<'a>,
}

/// What a job of the archive is started from: a task like those of a service, which no service starts.
pub struct JobTask {
    /// The name of the job.
    pub name: String,
    /// What its parts are called.
    pub called: String,
    /// Where it comes from: `archive.jobs.NAME`.
    pub origin: String,
    /// Its task definition.
    pub definition: Ref<TaskDefinition>,
    /// The family of that, which no revision changes.
    pub family: String,
    /// The roles of ECS and of the program.
    pub roles: [Ref<Role>; 2],
    /// The subnets that it runs in.
    pub subnets: Vec<Ref<Subnet>>,
    /// The security group of its service, which lets it in where that is let in.
    pub group: Ref<SecurityGroup>,
    /// Whether it has a public address.
    pub public: bool,
    /// Its capacity provider.
    pub provider: &'static str,
}

/// Adds the cluster and all services, and the task definitions of the archive's jobs.
pub fn expand(graph: &mut Graph, inputs: &Inputs<'_>) -> Result<Vec<JobTask>, Error> {
    let Inputs { stack, network, facts, .. } = inputs;
    if stack.services.is_empty() {
        return Ok(Vec::new());
    }
    let insights = insights(graph, inputs)?;
    let sessions = sessions(graph, inputs)?;
    let cluster = Cluster {
        container_insights: Some(stack.logs.container_insights),
        capacity_providers: vec!["FARGATE".into(), "FARGATE_SPOT".into()],
        exec_logs: Some(sessions.as_ref().map(|group| group.clone().attr("name").to_string()).unwrap_or_default()),
        after: insights.into_iter().map(Into::into).collect(),
        tags: Tags::new(),
    };
    let cluster = graph.add("main", "services", &cluster)?;

    let mut groups: BTreeMap<&str, Ref<SecurityGroup>> = BTreeMap::new();
    for name in stack.services.keys() {
        let group = SecurityGroup { vpc: network.vpc.clone(), description: format!("Service {name}"), tags: Tags::new() };
        groups.insert(name.as_str(), graph.add(name.as_str(), &format!("services.{name}"), &group)?);
    }
    let links = Links::expand(graph, stack, facts.scope)?;
    let mut services = Services { graph, inputs, cluster, sessions, groups, links };
    for (name, section) in &stack.services {
        let more = BTreeMap::new();
        services.add(&Entry { name: name.as_str(), section, origin: format!("services.{name}"), more })?;
    }
    let mut jobs = Vec::new();
    for (name, job) in stack.archive.iter().flat_map(|archive| &archive.jobs) {
        jobs.extend(services.job(name.as_str(), job)?);
    }
    Ok(jobs)
}

/// Adds the log group of Container Insights, unless it is off. AWS would create it by itself, with a retention of its choice.
fn insights(graph: &mut Graph, inputs: &Inputs<'_>) -> Result<Option<Ref<LogGroup>>, Error> {
    let Inputs { stack, facts, .. } = inputs;
    if !stack.logs.container_insights {
        return Ok(None);
    }
    let group = LogGroup {
        region: None,
        name: performance(&facts.scope.prefix()),
        retention_days: Some(stack.logs.retention.days().map_or(0, i32::from)),
        kms_key: Some(inputs.keys.arn(None).unwrap_or_default()),
        tags: Tags::new(),
    };
    graph.add("container-insights", "services", &group).map(Some)
}

/// The key of the log group of what is typed and printed in sessions of ECS Exec.
pub(super) const SESSIONS: &str = "exec-sessions";

/// Adds the log group of the sessions of ECS Exec, when a service has them.
fn sessions(graph: &mut Graph, inputs: &Inputs<'_>) -> Result<Option<Ref<LogGroup>>, Error> {
    let Inputs { stack, facts, .. } = inputs;
    if !stack.services.values().any(|service| service.exec) {
        return Ok(None);
    }
    let group = LogGroup {
        region: None,
        name: format!("/stack/{}/{}/exec/sessions", facts.scope.stack, facts.scope.env),
        retention_days: Some(stack.logs.sessions.days().map_or(0, i32::from)),
        kms_key: Some(inputs.keys.arn(None).unwrap_or_default()),
        tags: Tags::new(),
    };
    graph.add(SESSIONS, "services", &group).map(Some)
}

/// Returns the rule that lets members of a group in, which `from` names.
fn lets_in(from: &str, peer: &Ref<SecurityGroup>, group: &Ref<SecurityGroup>, port: u16) -> SecurityGroupRule {
    let port = i32::from(port);
    SecurityGroupRule {
        group: group.clone(),
        direction: Direction::Ingress,
        protocol: "tcp".into(),
        from_port: port,
        to_port: port,
        cidr: None,
        peer: Some(peer.clone()),
        description: Some(format!("From {from}")),
        tags: Tags::new(),
    }
}

/// What a service gets from all that it uses.
#[derive(Default)]
struct Used {
    environment: BTreeMap<String, String>,
    secrets: BTreeMap<String, String>,
    /// What the execution role must read for the secrets.
    secret_arns: Vec<String>,
}

impl Used {
    fn new(stack: &Stack, section: &Section, offers: &Offers, stored: &Buckets) -> Used {
        let mut out = Used::default();
        // What the file itself says of a variable counts.
        let said = |name: &String| section.environment.contains_key(name) || section.secrets.contains_key(name);
        for offer in section.uses.iter().filter_map(|used| offers.get(used)) {
            out.environment.extend(offer.environment.clone());
            let secrets = offer.secrets.iter().filter(|(name, _)| !said(name)).map(|(name, arn)| (name.clone(), arn.clone()));
            let secrets: BTreeMap<String, String> = secrets.collect();
            // What no container gets, no role needs to read.
            if !secrets.is_empty() {
                out.secret_arns.extend(offer.secret_arns.clone());
            }
            out.secrets.extend(secrets);
        }
        for (name, port) in section.uses.iter().filter_map(|used| server(stack, used)) {
            let variable = |field: &str| variable("service", name, field);
            out.environment.extend([
                (variable("host"), name.to_owned()),
                (variable("port"), port.to_string()),
                (variable("url"), format!("http://{name}:{port}")),
            ]);
        }
        out.environment.extend(buckets::variables(section, stored));
        out.environment.retain(|name, _| !said(name));
        out
    }
}

/// One service of the file.
struct Entry<'a> {
    name: &'a str,
    section: &'a Section,
    origin: String,
    /// What its program may do beside what the section says: policies by name.
    more: BTreeMap<String, Value>,
}

/// The graph, and what all services have in common.
struct Services<'a> {
    graph: &'a mut Graph,
    inputs: &'a Inputs<'a>,
    cluster: Ref<Cluster>,
    /// Where sessions of ECS Exec are logged, if a service has them.
    sessions: Option<Ref<LogGroup>>,
    groups: BTreeMap<&'a str, Ref<SecurityGroup>>,
    links: Links<'a>,
}

impl<'a> Services<'a> {
    fn add(&mut self, entry: &Entry<'_>) -> Result<(), Error> {
        self.security_groups(entry)?;
        let logs = self.logs(entry)?;
        let (task_definition, _) = self.task(entry, &logs)?;
        let service = self.service(entry, task_definition, &logs)?;
        self.scaling(entry, &service)
    }

    /// Adds who may talk to the service (the balancer, when it has routes, and those who use it) and whom it may talk to.
    fn security_groups(&mut self, entry: &Entry<'_>) -> Result<(), Error> {
        let Entry { name, section, origin, .. } = entry;
        let Inputs { stack, balancer, offers, .. } = self.inputs;
        let group = &self.groups[name];
        let out = SecurityGroupRule {
            group: group.clone(),
            direction: Direction::Egress,
            protocol: "-1".into(),
            from_port: -1,
            to_port: -1,
            cidr: Some("0.0.0.0/0".into()),
            peer: None,
            description: Some("To anywhere".into()),
            tags: Tags::new(),
        };
        self.graph.add(format!("{name}-to-anywhere"), origin, &out)?;
        if let (Some(port), Some(balancer), false) = (section.port, balancer, section.routes.is_empty()) {
            let open = lets_in("the load balancer", &balancer.security_group, group, port);
            self.graph.add(format!("{name}-from-alb"), origin, &open)?;
        }
        // The check of the file has seen to it that what is used is there.
        let mut opened = BTreeSet::new();
        let me = format!("services.{name}");
        for (used, offer) in section.uses.iter().filter_map(|used| Some((used, offers.get(used)?))) {
            if let Some(to) = offer.security_group.as_ref().filter(|_| opened.insert(used)) {
                let open = lets_in(&me, group, to, offer.port);
                self.graph.add(format!("{}-from-{name}", slug(used)), origin, &open)?;
            }
        }
        for (used, port) in section.uses.iter().filter_map(|used| server(stack, used)) {
            if let Some(to) = self.groups.get(used) {
                let open = lets_in(&me, group, to, port);
                self.graph.add(format!("{used}-from-{name}"), origin, &open)?;
            }
        }
        Ok(())
    }

    fn logs(&mut self, entry: &Entry<'_>) -> Result<Ref<LogGroup>, Error> {
        let scope = self.inputs.facts.scope;
        let logs = LogGroup {
            name: format!("/stack/{}/{}/{}", scope.stack, scope.env, entry.name),
            region: None,
            retention_days: Some(entry.section.logs.retention.days().map_or(0, i32::from)),
            kms_key: Some(self.inputs.keys.arn(None).unwrap_or_default()),
            tags: Tags::new(),
        };
        self.graph.add(entry.name, &entry.origin, &logs)
    }

    fn role(&mut self, entry: &Entry<'_>, suffix: &str, policies: BTreeMap<String, Value>) -> Result<Ref<Role>, Error> {
        let trust = policies::trust(self.inputs.facts.scope);
        let role = Role { trust, policies, managed: Vec::new(), description: None, boundary: None, tags: Tags::new() };
        Ok(self.graph.add(format!("{}-{suffix}", entry.name), &entry.origin, &role)?.attr("arn"))
    }

    /// Adds what a job of the archive runs with: all that its service has, with the job's command and logs, and roles that may write what it
    /// exports and read what is confirmed.
    fn job(&mut self, name: &str, job: &ArchiveJob) -> Result<Option<JobTask>, Error> {
        let Inputs { stack, network, keys, facts, .. } = self.inputs;
        // The check of the file has seen to both.
        let key = stack.archive.as_ref().and_then(|archive| keys.arn(archive.key.as_deref()));
        let (Some(key), Some(service)) = (key, stack.services.get(&job.service)) else { return Ok(None) };
        let section = job.like(service);
        let called = format!("archive-job-{name}");
        // What was renamed in the file keeps its family.
        let first = stack.first_name_in("archive.jobs.", name);
        let bucket = Ref::<Bucket>::to("archive").attr("arn").to_string();
        let more = BTreeMap::from([("archive".to_owned(), policies::archives(name, &bucket, &key))]);
        let entry = Entry { name: &called, section: &section, origin: format!("archive.jobs.{name}"), more };
        let logs = self.logs(&entry)?;
        let (definition, roles) = self.task(&entry, &logs)?;
        Ok(Some(JobTask {
            name: name.to_owned(),
            definition,
            family: names::fit(&facts.scope.prefix(), &format!("archive-job-{first}"), 1, 255),
            roles,
            subnets: if section.public { network.public.clone() } else { network.app.clone() },
            group: self.groups[job.service.as_str()].clone(),
            public: section.public,
            provider: provider(&section),
            origin: entry.origin,
            called,
        }))
    }

    /// Adds the task definition, with the roles that it needs: that of ECS and that of the program.
    fn task(&mut self, entry: &Entry<'_>, logs: &Ref<LogGroup>) -> Result<(Ref<TaskDefinition>, [Ref<Role>; 2]), Error> {
        let Entry { name, section, origin, more } = entry;
        let Inputs { stack, facts, offers, buckets: stored, .. } = self.inputs;
        let image = image(&section.image, facts);
        let used = Used::new(stack, section, offers, stored);
        let secrets = section.secrets.values().chain(&used.secret_arns);
        let execution_role = self.role(entry, "exec", policies::execution(&image, secrets, logs, facts.scope))?;
        let mut allowed = policies::task(section, self.sessions.as_ref());
        allowed.extend(buckets::permissions(section, stored, facts.scope).map(|policy| ("buckets".to_owned(), policy)));
        allowed.extend(more.clone());
        let task_role = self.role(entry, "task", allowed)?;
        let roles = [execution_role.clone(), task_role.clone()];
        let task_definition = TaskDefinition {
            cpu: section.cpu.to_string(),
            memory: section.memory.to_string(),
            execution_role,
            task_role: Some(task_role),
            architecture: Some(match section.architecture {
                Architecture::X86_64 => "X86_64".into(),
                Architecture::Arm64 => "ARM64".into(),
            }),
            containers: vec![self.container(entry, image, &used, logs)],
            tags: Tags::new(),
        };
        Ok((self.graph.add(*name, origin, &task_definition)?, roles))
    }

    fn container(&self, entry: &Entry<'_>, image: String, used: &Used, logs: &Ref<LogGroup>) -> Container {
        let Entry { name, section, .. } = entry;
        let stack = self.inputs.stack;
        // A service whose targets are of another container is another service.
        let called = stack.first_name(name);
        let environment = section.environment.iter().map(|(name, value)| (name.clone(), unescaped(value))).collect();
        let secrets = section.secrets.iter().map(|(name, secret)| (name.clone(), pinned(stack, secret))).collect();
        let texts = |texts: &Option<Vec<String>>| texts.iter().flatten().map(|text| unescaped(text)).collect::<Vec<String>>();
        Container {
            name: called.to_owned(),
            image,
            essential: Some(true),
            command: texts(&section.command),
            entrypoint: texts(&section.entrypoint),
            ports: section.port.iter().map(|p| i32::from(*p)).collect(),
            port_names: self.links.port_names(name, section),
            environment: merged(&environment, &used.environment),
            secrets: merged(&secrets, &used.secrets),
            log_group: Some(logs.clone()),
            log_prefix: Some(called.to_owned()),
            stop_timeout: Some(section.stop_timeout.as_ref().map_or(STOP_TIMEOUT, |d| d.as_secs() as i32)),
            readonly_root: Some(section.readonly_root),
            writable: section.writable.clone(),
            init: Some(true),
        }
    }

    /// Returns its targets at the balancer, and its port, when it has routes.
    fn attached(&self, entry: &Entry<'_>) -> Option<(&'a Attached, u16)> {
        self.inputs.balancer.and_then(|balancer| balancer.targets.get(entry.name)).zip(entry.section.port)
    }

    fn service(
        &mut self,
        entry: &Entry<'_>,
        task_definition: Ref<TaskDefinition>,
        logs: &Ref<LogGroup>,
    ) -> Result<Ref<Service>, Error> {
        let Entry { name, section, origin, .. } = entry;
        let Inputs { stack, network, facts, .. } = self.inputs;
        let attached = self.attached(entry);
        let mut after = if section.public { network.internet.clone() } else { network.egress.clone() };
        after.extend(attached.iter().flat_map(|(attached, _)| attached.by.iter().cloned()));
        // A task finds the services that were there when it started, and no later ones
        // (<https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-connect-concepts-deploy.html>).
        let services = section.uses.iter().filter_map(|used| used.strip_prefix("services."));
        after.extend(services.map(|used| Ref::<Service>::to(used).ready().into()));
        let scaled = section.scale.is_some();
        let tasks = i32::try_from(section.tasks()).unwrap_or(i32::MAX);
        let target = |(attached, port): (&Attached, u16)| LoadBalancerTarget {
            target_group: attached.group.clone(),
            container: stack.first_name(name).to_owned(),
            port: i32::from(port),
        };
        let service = Service {
            cluster: self.cluster.clone(),
            task_definition,
            // Autoscaling owns the number once it is there: it is no drift then.
            desired_count: (!scaled).then_some(tasks),
            initial_count: scaled.then_some(tasks),
            launch: Some(vec![Capacity { provider: provider(section).into(), weight: 1, base: 0 }]),
            subnets: if section.public { network.public.clone() } else { network.app.clone() },
            security_groups: vec![self.groups[name].clone()],
            assign_public_ip: section.public,
            load_balancers: attached.map(target).into_iter().collect(),
            // Without routes there is no grace period, and AWS requires that to be written.
            grace: Some(attached.map_or(0, |_| section.grace.as_ref().map_or(GRACE_SECONDS, |d| d.as_secs() as i32))),
            circuit_breaker: Some(CircuitBreaker { enable: true, rollback: true }),
            minimum_healthy_percent: Some(100),
            maximum_percent: Some(200),
            exec: Some(section.exec),
            zone_rebalancing: Some(true),
            propagate_tags: Some("SERVICE".into()),
            connect: Some(self.links.connect(name, section, logs, facts.scope)),
            after,
            tags: Tags::new(),
        };
        self.graph.add(*name, origin, &service)
    }

    /// Adds what scales the number of tasks with their load, when the file asks for that.
    fn scaling(&mut self, entry: &Entry<'_>, service: &Ref<Service>) -> Result<(), Error> {
        let Entry { name, section, origin, .. } = entry;
        let Some(scale) = section.scale.as_ref() else { return Ok(()) };
        let target = ScalableTarget {
            service: service.clone().attr("resource_id"),
            min: i32::try_from(scale.min).unwrap_or(i32::MAX),
            max: i32::try_from(scale.max).unwrap_or(i32::MAX),
            suspended: false,
        };
        let target = self.graph.add(*name, origin, &target)?;
        let attached = self.attached(entry);
        let mut policy = |suffix: &str, metric: &str, resource_label: Option<String>, value: f64| {
            let policy = ScalingPolicy {
                target: target.clone(),
                metric: metric.into(),
                resource_label,
                value,
                scale_in_cooldown: Some(300),
                scale_out_cooldown: Some(60),
            };
            self.graph.add(format!("{name}-{suffix}"), origin, &policy).map(|_| ())
        };
        if let Some(percent) = scale.cpu_target() {
            policy("cpu", "ECSServiceAverageCPUUtilization", None, f64::from(percent))?;
        }
        if let Some(percent) = scale.memory {
            policy("memory", "ECSServiceAverageMemoryUtilization", None, f64::from(percent))?;
        }
        if let (Some(requests), Some((attached, _)), Some(balancer)) = (scale.requests, attached, self.inputs.balancer) {
            let label = format!("{}/{}", balancer.full_name, attached.group.clone().attr("full_name"));
            policy("requests", "ALBRequestCountPerTarget", Some(label), f64::from(requests))?;
        }
        Ok(())
    }
}

/// Returns what starts its tasks.
fn provider(section: &Section) -> &'static str {
    if section.spot { "FARGATE_SPOT" } else { "FARGATE" }
}

/// Returns `$${…}` of the file as `${…}` for the container: a text, and no reference.
pub(super) fn unescaped(text: &str) -> String {
    text.replace("$${", "${")
}

fn merged(first: &BTreeMap<String, String>, second: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    first.iter().chain(second).map(|(k, v)| (k.clone(), v.clone())).collect()
}

/// Returns a secret as the file names it. The password of a database that RDS does not rotate is pinned to the version that the
/// database was given, as for those who use the database: another password then means other tasks.
fn pinned(stack: &Stack, secret: &str) -> String {
    let Some((reference, rest)) = secret.split_once('}') else { return secret.to_owned() };
    let of = reference.strip_prefix("${rds.instance/").and_then(|rest| rest.trim_end_matches('!').strip_suffix(".secret_arn"));
    let own = of.filter(|of| stack.databases.iter().any(|(name, d)| name.as_str() == *of && d.password.rotate.days().is_none()));
    // Behind an ARN there are a key of its JSON, a stage and a version.
    match (own, rest.strip_suffix("::")) {
        (Some(name), Some(key)) => format!("{reference}}}{key}::${{secretsmanager.secret/{name}.version}}"),
        (Some(name), None) if rest.is_empty() => format!("{reference}}}:::${{secretsmanager.secret/{name}.version}}"),
        _ => secret.to_owned(),
    }
}

/// Returns the image, with the address of the repository when someone else owns that.
fn image(text: &str, facts: &Facts<'_>) -> String {
    let theirs = text.strip_prefix("existing.repositories.").and_then(|rest| {
        let end = rest.find([':', '@']).unwrap_or(rest.len());
        let (name, tag) = rest.split_at(end);
        Some(format!("{}{tag}", facts.existing.repositories.get(name)?))
    });
    theirs.unwrap_or_else(|| text.to_owned())
}

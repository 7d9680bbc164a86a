//! `services`: containers on Fargate, spread over the zones, behind the balancer when they have routes.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::facts::Facts;
use super::keys::Keys;
use super::load_balancer::{Balancer, IDLE_SECONDS};
use super::network::Network;
use super::uses::{Offers, variable};
use crate::aws::Tags;
use crate::aws::autoscaling::{ScalableTarget, ScalingPolicy};
use crate::aws::ec2::{Direction, SecurityGroup, SecurityGroupRule};
use crate::aws::ecr;
use crate::aws::ecs::{
    Capacity, CircuitBreaker, Cluster, Connect, ConnectOffer, Container, LoadBalancerTarget, STOP_TIMEOUT, Service,
    TaskDefinition,
};
use crate::aws::iam::Role;
use crate::aws::logs::LogGroup;
use crate::aws::servicediscovery::Namespace;
use crate::config::Stack;
use crate::config::policy::{Effect, PolicyStatement};
use crate::config::service::{Architecture, Service as Section};
use crate::engine::{Error, Graph, Ref, Scope};

/// How long a new task may fail its health checks.
const GRACE_SECONDS: i32 = 60;

pub fn expand(
    graph: &mut Graph,
    stack: &Stack,
    network: &Network,
    balancer: Option<&Balancer>,
    keys: &Keys,
    offers: &Offers,
    facts: &Facts<'_>,
) -> Result<(), Error> {
    if stack.services.is_empty() {
        return Ok(());
    }
    let cluster = Cluster {
        container_insights: Some(true),
        capacity_providers: vec!["FARGATE".into(), "FARGATE_SPOT".into()],
        tags: Tags::new(),
    };
    let cluster = graph.add("main", "services", &cluster)?;

    let mut groups: BTreeMap<&str, Ref<SecurityGroup>> = BTreeMap::new();
    for name in stack.services.keys() {
        let group = SecurityGroup { vpc: network.vpc.clone(), description: format!("Service {name}"), tags: Tags::new() };
        groups.insert(name.as_str(), graph.add(name.as_str(), &format!("services.{name}"), &group)?);
    }
    let links = Links::of(graph, stack, facts)?;
    for (name, section) in &stack.services {
        let origin = format!("services.{name}");
        let name = name.as_str();
        security(graph, stack, name, section, &groups, balancer, offers, &origin)?;
        let used = Used::of(stack, section, offers);
        one(graph, name, section, &used, &groups[name], &cluster, network, balancer, keys, &links, facts, &origin)?;
    }
    Ok(())
}

fn rule(group: &Ref<SecurityGroup>, direction: Direction, port: i32, peer: &Ref<SecurityGroup>) -> SecurityGroupRule {
    SecurityGroupRule {
        group: group.clone(),
        direction,
        protocol: "tcp".into(),
        from_port: port,
        to_port: port,
        cidr: None,
        peer: Some(peer.clone()),
        description: None,
        tags: Tags::new(),
    }
}

/// The service that `uses` names, when it is one that can be talked to.
fn server<'a>(stack: &'a Stack, used: &str) -> Option<(&'a str, u16)> {
    let (name, section) = stack.services.get_key_value(used.strip_prefix("services.")?)?;
    Some((name.as_str(), section.port?))
}

/// How services find each other: by ECS Service Connect, in a namespace of this stack. Those that neither use nor are used
/// have no part in it.
struct Links<'a> {
    stack: &'a Stack,
    namespace: Option<Ref<Namespace>>,
    used: BTreeSet<&'a str>,
    idle: i32,
}

impl<'a> Links<'a> {
    fn of(graph: &mut Graph, stack: &'a Stack, facts: &Facts<'_>) -> Result<Links<'a>, Error> {
        let used: BTreeSet<&str> =
            stack.services.values().flat_map(|s| &s.uses).filter_map(|used| Some(server(stack, used)?.0)).collect();
        let namespace = if used.is_empty() {
            None
        } else {
            let description = Some(format!("Names of the services of {}", facts.scope.prefix()));
            Some(graph.add("main", "services", &Namespace { description, tags: Tags::new() })?)
        };
        let idle = stack.load_balancer.as_ref().and_then(|b| b.idle_timeout).map_or(IDLE_SECONDS, |d| d.as_secs());
        Ok(Links { stack, namespace, used, idle: i32::try_from(idle).unwrap_or(i32::MAX) })
    }

    /// The port under a name, when others use the service.
    fn port_names(&self, name: &str, section: &Section) -> BTreeMap<String, i32> {
        let port = section.port.filter(|_| self.used.contains(name));
        port.map(|port| (name.to_owned(), i32::from(port))).into_iter().collect()
    }

    /// What the service offers and whether it looks for others. Off says so: AWS keeps what it is not told.
    fn connect(&self, name: &str, section: &Section, logs: &Ref<LogGroup>, facts: &Facts<'_>) -> Connect {
        let uses = section.uses.iter().any(|used| used.starts_with("services."));
        let Some(namespace) = self.namespace.as_ref().filter(|_| uses || self.used.contains(name)) else {
            return Connect::default();
        };
        let offer = |(port_name, port): (String, i32)| ConnectOffer {
            dns_name: port_name.clone(),
            port_name,
            port,
            // A load balancer lets an answer take as long as something of it comes.
            request_timeout: Some(0),
            idle_timeout: Some(self.idle),
        };
        Connect {
            enabled: true,
            namespace: Some(namespace.clone().attr("arn")),
            offers: self.port_names(name, section).into_iter().map(offer).collect(),
            log_group: Some(logs.clone()),
            log_prefix: Some("connect".into()),
            log_region: Some(facts.scope.region.clone()),
        }
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
    fn of(stack: &Stack, section: &Section, offers: &Offers) -> Used {
        let mut out = Used::default();
        // What the file itself says of a variable counts.
        let said = |name: &String| section.environment.contains_key(name) || section.secrets.contains_key(name);
        for offer in section.uses.iter().filter_map(|used| offers.get(used)) {
            out.environment.extend(offer.environment.clone());
            let secrets = offer.secrets.iter().filter(|(name, _)| !said(name)).map(|(name, arn)| (name.clone(), arn.clone()));
            let secrets: BTreeMap<String, String> = secrets.collect();
            // What nobody gets nobody need read.
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
        out.environment.retain(|name, _| !said(name));
        out
    }
}

/// Who may talk to the service: the balancer, when it has routes, and those who use it; and with whom it may talk.
#[expect(clippy::too_many_arguments, reason = "all who have to do with each other")]
fn security(
    graph: &mut Graph,
    stack: &Stack,
    name: &str,
    section: &Section,
    groups: &BTreeMap<&str, Ref<SecurityGroup>>,
    balancer: Option<&Balancer>,
    offers: &Offers,
    origin: &str,
) -> Result<(), Error> {
    let group = &groups[name];
    let out = SecurityGroupRule {
        group: group.clone(),
        direction: Direction::Egress,
        protocol: "-1".into(),
        from_port: -1,
        to_port: -1,
        cidr: Some("0.0.0.0/0".into()),
        peer: None,
        description: None,
        tags: Tags::new(),
    };
    graph.add(format!("{name}-to-anywhere"), origin, &out)?;
    if let (Some(port), Some(balancer), false) = (section.port, balancer, section.routes.is_empty()) {
        let alb = &balancer.security_group;
        graph.add(format!("{name}-from-alb"), origin, &rule(group, Direction::Ingress, i32::from(port), alb))?;
    }
    // The check of the file has seen to it that what is used is there.
    let mut opened = BTreeSet::new();
    for (used, offer) in section.uses.iter().filter_map(|used| Some((used, offers.get(used)?))) {
        if let Some(to) = offer.security_group.as_ref().filter(|_| opened.insert(used)) {
            let open = rule(to, Direction::Ingress, i32::from(offer.port), group);
            graph.add(format!("{}-from-{name}", super::facts::slug(used)), origin, &open)?;
        }
    }
    for (used, port) in section.uses.iter().filter_map(|used| server(stack, used)) {
        if let Some(to) = groups.get(used) {
            let open = rule(to, Direction::Ingress, i32::from(port), group);
            graph.add(format!("{used}-from-{name}"), origin, &open)?;
        }
    }
    Ok(())
}

/// Who may take the role: tasks of ECS, and only for this account.
fn trust(facts: &Facts<'_>) -> Value {
    json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Allow",
            "Principal": {"Service": "ecs-tasks.amazonaws.com"},
            "Action": "sts:AssumeRole",
            "Condition": {"StringEquals": {"aws:SourceAccount": facts.scope.account}},
        }],
    })
}

/// `$${…}` in the file is `${…}` in the container: a text, and no reference.
pub(super) fn unescaped(text: &str) -> String {
    text.replace("$${", "${")
}

fn merged(first: &BTreeMap<String, String>, second: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    first.iter().chain(second).map(|(k, v)| (k.clone(), v.clone())).collect()
}

pub(super) fn policy(statements: Vec<Value>) -> Value {
    json!({"Version": "2012-10-17", "Statement": statements})
}

pub(super) fn allow(actions: &[&str], resources: Vec<String>) -> Value {
    json!({"Effect": "Allow", "Action": actions, "Resource": resources})
}

/// What ECS itself needs to start the tasks: to write to this log group, and to read this image and these secrets.
fn execution_policies(
    section: &Section,
    image: &str,
    used: &Used,
    logs: &Ref<LogGroup>,
    scope: &Scope,
) -> BTreeMap<String, Value> {
    let arn = logs.clone().attr("arn");
    let mut out = BTreeMap::from([(
        "logs".to_owned(),
        policy(vec![allow(&["logs:CreateLogStream", "logs:PutLogEvents"], vec![format!("{arn}:*")])]),
    )]);
    if let Some(repository) = ecr_repository(image) {
        out.insert(
            "image".into(),
            policy(vec![
                allow(&["ecr:GetAuthorizationToken"], vec!["*".into()]),
                allow(&["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"], vec![repository]),
            ]),
        );
    }
    let statements = secret_statements(section.secrets.values().chain(&used.secret_arns), scope);
    if !statements.is_empty() {
        out.insert("secrets".into(), policy(statements));
    }
    out
}

/// The ARN of a secret or parameter, written or referred to, without the JSON key, stage and version that may follow it.
pub(super) fn bare(secret: &str) -> String {
    match secret.split_once('}') {
        Some((reference, _)) if reference.starts_with("${") => format!("{reference}}}"),
        _ => secret.split(':').take(7).collect::<Vec<_>>().join(":"),
    }
}

/// A secret as the file names it; the password of a database that RDS does not rotate in the version that the database was told, as
/// those who use the database have it: another password then means other tasks.
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

/// The rights to read exactly these secrets and parameters, and to decrypt exactly them, whichever key they are under: it may be
/// somebody else's, and it may change. Both services name what they decrypt in the encryption context
/// (<https://docs.aws.amazon.com/secretsmanager/latest/userguide/security-encryption.html>,
/// <https://docs.aws.amazon.com/kms/latest/developerguide/services-parameter-store.html>).
fn secret_statements<'a>(secrets: impl Iterator<Item = &'a String>, scope: &Scope) -> Vec<Value> {
    let suffix = if scope.partition == "aws-cn" { "amazonaws.com.cn" } else { "amazonaws.com" };
    // By service and region; what is only referred to lies in the stack's own.
    let mut found: BTreeMap<(&str, &str), BTreeSet<String>> = BTreeMap::new();
    for secret in secrets {
        let parts: Vec<&str> = secret.split(':').collect();
        let (service, region) = match parts.as_slice() {
            ["arn", _, "ssm", region, ..] => ("ssm", *region),
            ["arn", _, "secretsmanager", region, ..] => ("secretsmanager", *region),
            _ => ("secretsmanager", scope.region.as_str()),
        };
        found.entry((service, region)).or_default().insert(bare(secret));
    }
    let one = |((service, region), arns): ((&str, &str), BTreeSet<String>)| {
        let (action, context) = match service {
            "ssm" => ("ssm:GetParameters", "kms:EncryptionContext:PARAMETER_ARN"),
            _ => ("secretsmanager:GetSecretValue", "kms:EncryptionContext:SecretARN"),
        };
        let arns: Vec<String> = arns.into_iter().flat_map(with_suffix).collect();
        let decrypt = json!({
            "Effect": "Allow",
            "Action": ["kms:Decrypt"],
            "Resource": [format!("arn:{}:kms:{region}:*:key/*", scope.partition)],
            "Condition": {
                "StringEquals": {"kms:ViaService": format!("{service}.{region}.{suffix}")},
                "StringLike": {context: arns},
            },
        });
        [allow(&[action], arns), decrypt]
    };
    found.into_iter().flat_map(one).collect()
}

/// The ARN, and what IAM knows it by when the six characters that Secrets Manager puts behind a name are left out.
fn with_suffix(arn: String) -> Vec<String> {
    let whole = |name: &str| {
        let end = name.rsplit_once('-').map(|(_, end)| end);
        end.is_some_and(|end| end.len() == 6 && end.bytes().all(|b| b.is_ascii_alphanumeric()))
    };
    match arn.split_once(":secret:") {
        Some((_, name)) if !whole(name) => vec![format!("{arn}-??????")],
        _ => vec![arn],
    }
}

/// The image, with the address of the repository when that is somebody else's.
fn image(text: &str, facts: &Facts<'_>) -> String {
    let theirs = text.strip_prefix("existing.repositories.").and_then(|rest| {
        let end = rest.find([':', '@']).unwrap_or(rest.len());
        let (name, tag) = rest.split_at(end);
        Some(format!("{}{tag}", facts.existing.repositories.get(name)?))
    });
    theirs.unwrap_or_else(|| text.to_owned())
}

/// The ARN of the repository, when the image lies in a private one of ECR.
fn ecr_repository(image: &str) -> Option<String> {
    let (account, region, path) = ecr::registry(image)?;
    let partition = match region {
        region if region.starts_with("cn-") => "aws-cn",
        region if region.starts_with("us-gov-") => "aws-us-gov",
        _ => "aws",
    };
    let name = path.split(['@', ':']).next()?;
    Some(format!("arn:{partition}:ecr:{region}:{account}:repository/{name}"))
}

/// A statement of the file as IAM writes it.
pub(super) fn statement(p: &PolicyStatement) -> Value {
    let effect = match p.effect {
        Effect::Allow => "Allow",
        Effect::Deny => "Deny",
    };
    let mut statement = json!({"Effect": effect, "Action": p.actions, "Resource": p.resources});
    if let (Some(sid), Value::Object(map)) = (&p.sid, &mut statement) {
        map.insert("Sid".into(), sid.clone().into());
    }
    statement
}

fn task_policies(section: &Section) -> BTreeMap<String, Value> {
    let mut out = BTreeMap::new();
    if !section.policies.is_empty() {
        out.insert("service".into(), policy(section.policies.iter().map(statement).collect()));
    }
    if section.exec {
        let channel = [
            "ssmmessages:CreateControlChannel",
            "ssmmessages:CreateDataChannel",
            "ssmmessages:OpenControlChannel",
            "ssmmessages:OpenDataChannel",
        ];
        out.insert("exec".into(), policy(vec![allow(&channel, vec!["*".into()])]));
    }
    out
}

#[expect(clippy::too_many_arguments, reason = "what a service is made of")]
fn one(
    graph: &mut Graph,
    name: &str,
    section: &Section,
    used: &Used,
    group: &Ref<SecurityGroup>,
    cluster: &Ref<Cluster>,
    network: &Network,
    balancer: Option<&Balancer>,
    keys: &Keys,
    links: &Links<'_>,
    facts: &Facts<'_>,
    origin: &str,
) -> Result<(), Error> {
    let scope = facts.scope;
    let image = image(&section.image, facts);
    let logs = graph.add(
        name,
        origin,
        &LogGroup {
            name: format!("/stack/{}/{}/{name}", scope.stack, scope.env),
            retention_days: Some(section.logs.retention.days().map_or(0, i32::from)),
            kms_key: Some(keys.arn(None).unwrap_or_default()),
            tags: Tags::new(),
        },
    )?;
    let mut role = |suffix: &str, policies: BTreeMap<String, Value>| {
        let role = Role { trust: trust(facts), policies, managed: Vec::new(), description: None, tags: Tags::new() };
        graph.add(format!("{name}-{suffix}"), origin, &role)
    };
    let execution_role = role("exec", execution_policies(section, &image, used, &logs, scope))?.attr("arn");
    let task_role = role("task", task_policies(section))?.attr("arn");

    // A service whose targets are of another container is another service.
    let called = links.stack.first_name(name);
    let environment = section.environment.iter().map(|(name, value)| (name.clone(), unescaped(value))).collect();
    let secrets = section.secrets.iter().map(|(name, secret)| (name.clone(), pinned(links.stack, secret))).collect();
    let texts = |texts: &Option<Vec<String>>| texts.iter().flatten().map(|text| unescaped(text)).collect::<Vec<String>>();
    let container = Container {
        name: called.to_owned(),
        image: image.clone(),
        essential: Some(true),
        command: texts(&section.command),
        entrypoint: texts(&section.entrypoint),
        ports: section.port.iter().map(|p| i32::from(*p)).collect(),
        port_names: links.port_names(name, section),
        environment: merged(&environment, &used.environment),
        secrets: merged(&secrets, &used.secrets),
        log_group: Some(logs.clone()),
        log_prefix: Some(called.to_owned()),
        stop_timeout: Some(section.stop_timeout.as_ref().map_or(STOP_TIMEOUT, |d| d.as_secs() as i32)),
        readonly_root: None,
        init: Some(true),
    };
    let task_definition = graph.add(
        name,
        origin,
        &TaskDefinition {
            cpu: section.cpu.to_string(),
            memory: section.memory.to_string(),
            execution_role,
            task_role: Some(task_role),
            architecture: Some(match section.architecture {
                Architecture::X86_64 => "X86_64".into(),
                Architecture::Arm64 => "ARM64".into(),
            }),
            containers: vec![container],
            tags: Tags::new(),
        },
    )?;

    let behind = balancer.and_then(|b| b.targets.get(name)).zip(section.port);
    let mut after = if section.public { network.internet.clone() } else { network.egress.clone() };
    after.extend(behind.iter().flat_map(|((_, attached), _)| attached.iter().cloned()));
    // A task finds the services that were there when it started, and no later ones
    // (<https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-connect-concepts-deploy.html>).
    after.extend(
        section.uses.iter().filter_map(|used| used.strip_prefix("services.")).map(|used| Ref::<Service>::to(used).ready().into()),
    );
    let connect = links.connect(name, section, &logs, facts);
    let scaled = section.scale.as_ref();
    let tasks = i32::try_from(section.tasks()).unwrap_or(i32::MAX);
    let service = Service {
        cluster: cluster.clone(),
        task_definition,
        // Autoscaling owns the number once it is there: it is no drift then.
        desired_count: scaled.is_none().then_some(tasks),
        initial_count: scaled.map(|_| tasks),
        launch: Some(vec![Capacity {
            provider: if section.spot { "FARGATE_SPOT" } else { "FARGATE" }.into(),
            weight: 1,
            base: 0,
        }]),
        subnets: if section.public { network.public.clone() } else { network.app.clone() },
        security_groups: vec![group.clone()],
        assign_public_ip: section.public,
        load_balancers: behind
            .iter()
            .map(|((target, _), port)| LoadBalancerTarget {
                target_group: (*target).clone(),
                container: called.to_owned(),
                port: i32::from(*port),
            })
            .collect(),
        // Without routes there is nothing to wait with, which AWS wants to be told.
        grace: Some(behind.map_or(0, |_| section.grace.as_ref().map_or(GRACE_SECONDS, |d| d.as_secs() as i32))),
        circuit_breaker: Some(CircuitBreaker { enable: true, rollback: true }),
        minimum_healthy_percent: Some(100),
        maximum_percent: Some(200),
        exec: Some(section.exec),
        zone_rebalancing: Some(true),
        propagate_tags: Some("SERVICE".into()),
        connect: Some(connect),
        after,
        tags: Tags::new(),
    };
    let service = graph.add(name, origin, &service)?;

    let Some(scale) = scaled else { return Ok(()) };
    let target = ScalableTarget {
        service: service.attr("resource_id"),
        min: i32::try_from(scale.min).unwrap_or(i32::MAX),
        max: i32::try_from(scale.max).unwrap_or(i32::MAX),
        suspended: false,
    };
    let target = graph.add(name, origin, &target)?;
    let mut policy = |suffix: &str, metric: &str, resource_label: Option<String>, value: f64| {
        let policy = ScalingPolicy {
            target: target.clone(),
            metric: metric.into(),
            resource_label,
            value,
            scale_in_cooldown: Some(300),
            scale_out_cooldown: Some(60),
        };
        graph.add(format!("{name}-{suffix}"), origin, &policy).map(|_| ())
    };
    if let Some(percent) = scale.cpu_target() {
        policy("cpu", "ECSServiceAverageCPUUtilization", None, f64::from(percent))?;
    }
    if let Some(percent) = scale.memory {
        policy("memory", "ECSServiceAverageMemoryUtilization", None, f64::from(percent))?;
    }
    if let (Some(requests), Some(((group, _), _)), Some(balancer)) = (scale.requests, behind, balancer) {
        let label = format!("{}/{}", balancer.balancer.clone().attr("full_name"), group.clone().attr("full_name"));
        policy("requests", "ALBRequestCountPerTarget", Some(label), f64::from(requests))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exactly_the_secrets_named_can_be_read_and_decrypted() {
        let scope = Scope {
            stack: "shop".into(),
            env: "default".into(),
            region: "eu-west-1".into(),
            account: "123456789012".into(),
            partition: "aws".into(),
        };
        let of = |secrets: &[&str]| {
            let secrets: Vec<String> = secrets.iter().map(|s| (*s).to_owned()).collect();
            secret_statements(secrets.iter(), &scope)
        };
        let arn = "arn:aws:secretsmanager:us-east-1:1:secret:db-AbCdEf";
        let statements = of(&[&format!("{arn}:password::"), arn, "${rds.instance/main.secret_arn}:password::"]);
        assert_eq!(statements.len(), 4, "a region each: {statements:#?}");
        assert_eq!(statements[0]["Resource"], json!(["${rds.instance/main.secret_arn}"]));
        assert_eq!(statements[1]["Condition"]["StringEquals"]["kms:ViaService"], "secretsmanager.eu-west-1.amazonaws.com");
        assert_eq!(statements[2], json!({"Effect": "Allow", "Action": ["secretsmanager:GetSecretValue"], "Resource": [arn]}));
        assert_eq!(
            statements[3],
            json!({
                "Effect": "Allow",
                "Action": ["kms:Decrypt"],
                "Resource": ["arn:aws:kms:us-east-1:*:key/*"],
                "Condition": {
                    "StringEquals": {"kms:ViaService": "secretsmanager.us-east-1.amazonaws.com"},
                    "StringLike": {"kms:EncryptionContext:SecretARN": [arn]},
                },
            })
        );
        // As ECS takes it, and IAM does not, without what Secrets Manager put behind the name.
        let partial = of(&["arn:aws:secretsmanager:eu-west-1:1:secret:team/token"]);
        assert_eq!(partial[0]["Resource"], json!(["arn:aws:secretsmanager:eu-west-1:1:secret:team/token-??????"]));
        let parameter = of(&["arn:aws:ssm:eu-west-1:1:parameter/a/b"]);
        assert_eq!(parameter[0]["Action"], json!(["ssm:GetParameters"]));
        assert_eq!(
            parameter[1]["Condition"]["StringLike"],
            json!({"kms:EncryptionContext:PARAMETER_ARN": ["arn:aws:ssm:eu-west-1:1:parameter/a/b"]})
        );
        assert_eq!(of(&[]), Vec::<Value>::new());
    }

    #[test]
    fn only_private_repositories_need_a_permission() {
        assert_eq!(
            ecr_repository("123456789012.dkr.ecr.eu-west-1.amazonaws.com/team/web:1.2").as_deref(),
            Some("arn:aws:ecr:eu-west-1:123456789012:repository/team/web")
        );
        for (host, partition, region) in [
            ("dkr-ecr.eu-west-1.on.aws", "aws", "eu-west-1"),
            ("dkr.ecr-fips.us-gov-west-1.amazonaws.com", "aws-us-gov", "us-gov-west-1"),
            ("dkr.ecr.cn-north-1.amazonaws.com.cn", "aws-cn", "cn-north-1"),
        ] {
            let found = ecr_repository(&format!("123456789012.{host}/web@sha256:ab"));
            assert_eq!(found, Some(format!("arn:{partition}:ecr:{region}:123456789012:repository/web")), "{host}");
        }
        assert_eq!(ecr_repository("public.ecr.aws/nginx/nginx:1.27"), None);
        assert_eq!(ecr_repository("nginx"), None);
    }
}

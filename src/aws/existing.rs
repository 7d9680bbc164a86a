//! Objects that are not the stack's and that a file refers to: read once, before the file is expanded, and never changed.

use std::collections::BTreeMap;

use aws_sdk_rds::types::DbInstance;
use futures::future::try_join_all;

use super::Clients;
use super::s3::told_region;
use crate::aws::call::clients::CLOUDFRONT_REGION;
use crate::aws::call::error::failed;
use crate::aws::{ec2, rds, route53, s3};
use crate::engine::{Class, Result};

/// What a file refers to, by its names in the file.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// A VPC, and subnets in it.
    pub network: Option<(String, Vec<String>)>,
    /// Hosted zones: domains or ids.
    pub zones: BTreeMap<String, String>,
    /// Certificates: ARNs or domains.
    pub certificates: BTreeMap<String, String>,
    /// Buckets.
    pub buckets: BTreeMap<String, String>,
    /// Database instances.
    pub databases: BTreeMap<String, String>,
    /// Image repositories.
    pub repositories: BTreeMap<String, String>,
}

/// A VPC.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Vpc {
    /// Its first network.
    pub cidr: String,
    /// The zones of its subnets, by id.
    pub zones: BTreeMap<String, String>,
}

/// A certificate, by region.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Certificate {
    /// The ARN of the one in the stack's region.
    pub regional: Option<String>,
    /// The ARN of the one in us-east-1.
    pub global: Option<String>,
}

/// A database instance.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Database {
    /// Its address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// The name of the database in it.
    pub database: Option<String>,
    /// The master user's name.
    pub user: String,
    /// The secret with the master user's password, when RDS keeps it.
    pub secret_arn: Option<String>,
}

/// Something that does not exist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// Its path in the file: `existing.buckets.uploads`.
    pub at: String,
    /// What was looked for, and what was found instead.
    pub message: String,
    /// What to do.
    pub help: String,
}

/// What was found, by the names in the file.
#[derive(Clone, Debug, Default)]
pub struct ExistingObjects {
    /// The VPC.
    pub vpc: Option<Vpc>,
    /// Ids of hosted zones.
    pub zones: BTreeMap<String, String>,
    /// Certificates.
    pub certificates: BTreeMap<String, Certificate>,
    /// The regions of buckets.
    pub buckets: BTreeMap<String, String>,
    /// Database instances.
    pub databases: BTreeMap<String, Database>,
    /// Addresses of repositories, without a tag.
    pub repositories: BTreeMap<String, String>,
    /// What was not found.
    pub missing: Vec<Missing>,
}

impl ExistingObjects {
    /// Returns made-up answers for commands that work without AWS, as if everything existed.
    pub fn assumed(wanted: &Wanted, region: &str) -> ExistingObjects {
        let each = |of: &BTreeMap<String, String>| of.keys().cloned().collect::<Vec<_>>();
        ExistingObjects {
            vpc: wanted.network.as_ref().map(|(_, subnets)| Vpc {
                cidr: "10.0.0.0/16".into(),
                // Different zones, as far as there are any.
                zones: subnets.iter().zip(('a'..='c').cycle()).map(|(id, z)| (id.clone(), format!("{region}{z}"))).collect(),
            }),
            zones: each(&wanted.zones).into_iter().map(|name| (name, "Z00000000000000000000".into())).collect(),
            certificates: each(&wanted.certificates)
                .into_iter()
                .map(|name| {
                    let arn = |region: &str| Some(format!("arn:aws:acm:{region}:000000000000:certificate/{name}"));
                    let certificate = Certificate { regional: arn(region), global: arn(CLOUDFRONT_REGION) };
                    (name, certificate)
                })
                .collect(),
            buckets: each(&wanted.buckets).into_iter().map(|name| (name, region.to_owned())).collect(),
            databases: each(&wanted.databases)
                .into_iter()
                .map(|name| {
                    let host = format!("{name}.{region}.rds.amazonaws.com");
                    (name, Database { host, port: 5432, user: "app".into(), ..Database::default() })
                })
                .collect(),
            repositories: wanted
                .repositories
                .iter()
                .map(|(name, repository)| (name.clone(), format!("000000000000.dkr.ecr.{region}.amazonaws.com/{repository}")))
                .collect(),
            missing: Vec::new(),
        }
    }

    /// Asks AWS for everything at once.
    ///
    /// # Errors
    /// When AWS cannot be asked or refuses. What does not exist is not an error but in [`ExistingObjects::missing`].
    pub async fn look(cloud: &Clients, wanted: &Wanted) -> Result<ExistingObjects> {
        let mut out = ExistingObjects::default();
        let (network, zones, certificates, buckets, databases, repositories) = tokio::try_join!(
            network(cloud, wanted),
            try_join_all(wanted.zones.iter().map(|(name, zone)| hosted_zone(cloud, name, zone))),
            certificates(cloud, wanted),
            try_join_all(wanted.buckets.iter().map(|(name, bucket)| bucket_region(cloud, name, bucket))),
            try_join_all(wanted.databases.iter().map(|(name, database)| database_instance(cloud, name, database))),
            try_join_all(wanted.repositories.iter().map(|(name, repository)| address(cloud, name, repository))),
        )?;
        match network {
            Some(Ok(vpc)) => out.vpc = Some(vpc),
            Some(Err(missing)) => out.missing.extend(missing),
            None => {}
        }
        gather(wanted.zones.keys(), zones, &mut out.zones, &mut out.missing);
        gather(wanted.certificates.keys(), certificates, &mut out.certificates, &mut out.missing);
        gather(wanted.buckets.keys(), buckets, &mut out.buckets, &mut out.missing);
        gather(wanted.databases.keys(), databases, &mut out.databases, &mut out.missing);
        gather(wanted.repositories.keys(), repositories, &mut out.repositories, &mut out.missing);
        Ok(out)
    }
}

fn gather<'a, T>(
    names: impl Iterator<Item = &'a String>,
    answers: Vec<Result<T, Missing>>,
    found: &mut BTreeMap<String, T>,
    missing: &mut Vec<Missing>,
) {
    for (name, answer) in names.zip(answers) {
        match answer {
            Ok(it) => drop(found.insert(name.clone(), it)),
            Err(it) => missing.push(it),
        }
    }
}

pub(super) fn missing(at: impl Into<String>, message: impl Into<String>, help: impl Into<String>) -> Missing {
    Missing { at: at.into(), message: message.into(), help: help.into() }
}

/// Returns the answer, or nothing when AWS reports that the object does not exist.
fn or_nothing<T>(answer: Result<T>) -> Result<Option<T>> {
    match answer {
        Ok(it) => Ok(Some(it)),
        Err(e) if matches!(e.class, Class::NotFound | Class::NotYet | Class::Invalid) => Ok(None),
        Err(e) => Err(e),
    }
}

async fn network(cloud: &Clients, wanted: &Wanted) -> Result<Option<Result<Vpc, Vec<Missing>>>> {
    const AT: &str = "existing.network";
    let Some((vpc, subnets)) = &wanted.network else { return Ok(None) };
    let (vpcs, all) = tokio::try_join!(
        async {
            or_nothing(cloud.ec2.describe_vpcs().vpc_ids(vpc).send().await.map_err(ec2::errors::failed("ec2:DescribeVpcs")))
        },
        async {
            let call = cloud.ec2.describe_subnets().filters(super::ec2::filter("vpc-id", [vpc]));
            call.into_paginator()
                .items()
                .send()
                .collect::<Result<Vec<_>, _>>()
                .await
                .map_err(ec2::errors::failed("ec2:DescribeSubnets"))
        }
    )?;
    let Some(cidr) = vpcs.and_then(|a| a.vpcs?.into_iter().next()).and_then(|v| v.cidr_block) else {
        let message = format!("the VPC `{vpc}` does not exist in `{}`", cloud.region);
        return Ok(Some(Err(vec![missing(format!("{AT}.vpc"), message, "check the id, the region and the account")])));
    };
    let zones: BTreeMap<String, String> = all.into_iter().filter_map(|s| Some((s.subnet_id?, s.availability_zone?))).collect();
    let strangers: Vec<Missing> = subnets
        .iter()
        .filter(|id| !zones.contains_key(*id))
        .map(|id| {
            let there = zones.keys().map(|id| format!("`{id}`")).collect::<Vec<_>>().join(", ");
            missing(AT, format!("the subnet `{id}` does not exist in `{vpc}`"), format!("its subnets are: {there}"))
        })
        .collect();
    Ok(Some(if strangers.is_empty() { Ok(Vpc { cidr, zones }) } else { Err(strangers) }))
}

async fn hosted_zone(cloud: &Clients, name: &str, zone: &str) -> Result<Result<String, Missing>> {
    let at = format!("existing.zones.{name}");
    let bare = |id: &str| id.trim_start_matches("/hostedzone/").to_owned();
    if !zone.contains('.') {
        let answer =
            cloud.route53.get_hosted_zone().id(zone).send().await.map_err(route53::errors::failed("route53:GetHostedZone"));
        return Ok(match or_nothing(answer)?.and_then(|a| a.hosted_zone) {
            Some(found) => Ok(bare(&found.id)),
            None => Err(missing(at, format!("the hosted zone `{zone}` does not exist"), "check the id, or give the domain")),
        });
    }
    let domain = format!("{}.", zone.trim_end_matches('.'));
    let call = cloud.route53.list_hosted_zones_by_name().dns_name(&domain).send().await;
    let zones = call.map_err(route53::errors::failed("route53:ListHostedZonesByName"))?.hosted_zones;
    let public = |z: &aws_sdk_route53::types::HostedZone| !z.config().is_some_and(|c| c.private_zone());
    let ids: Vec<String> = zones.iter().filter(|z| z.name() == domain && public(z)).map(|z| bare(z.id())).collect();
    Ok(match ids.as_slice() {
        [id] => Ok(id.clone()),
        [] => {
            let message = format!("no public hosted zone for `{zone}` exists");
            Err(missing(at, message, "create it in Route 53 and point the domain's name servers at it, or fix the name"))
        }
        several => {
            let message = format!("{} public hosted zones for `{zone}` exist: {}", several.len(), several.join(", "));
            Err(missing(at, message, "give the id of the right one"))
        }
    })
}

async fn certificates(cloud: &Clients, wanted: &Wanted) -> Result<Vec<Result<Certificate, Missing>>> {
    let by_domain = wanted.certificates.values().any(|text| !text.starts_with("arn:"));
    let list = |client: &aws_sdk_acm::Client| {
        let call = client.list_certificates().certificate_statuses(aws_sdk_acm::types::CertificateStatus::Issued);
        // Without this AWS answers only with RSA keys of 2048 bits.
        let keys = aws_sdk_acm::types::Filters::builder().set_key_types(Some(all_keys())).build();
        let pages = call.includes(keys).into_paginator().items().send();
        async move {
            if !by_domain {
                return Ok(Vec::new());
            }
            pages.collect::<Result<Vec<_>, _>>().await.map_err(failed("acm:ListCertificates"))
        }
    };
    let (here, global) = tokio::try_join!(list(&cloud.acm), list(&cloud.acm_global))?;
    let find = |list: &[aws_sdk_acm::types::CertificateSummary], domain: &str| {
        list.iter().find(|c| c.domain_name() == Some(domain)).and_then(|c| c.certificate_arn.clone())
    };
    let one = |(name, text): (&String, &String)| {
        if text.starts_with("arn:") {
            let region = text.split(':').nth(3).unwrap_or_default();
            let is = |wanted: &str| (region == wanted).then(|| text.clone());
            return Ok(Certificate { regional: is(&cloud.region), global: is(CLOUDFRONT_REGION) });
        }
        let found = Certificate { regional: find(&here, text), global: find(&global, text) };
        if found == Certificate::default() {
            let message = format!("no issued certificate for `{text}` exists in `{}` or `{CLOUDFRONT_REGION}`", cloud.region);
            let help = "give the main domain of a certificate, or its ARN; or let `certificates` request one";
            return Err(missing(format!("existing.certificates.{name}"), message, help));
        }
        Ok(found)
    };
    Ok(wanted.certificates.iter().map(one).collect())
}

/// Returns every key algorithm of certificates.
pub(super) fn all_keys() -> Vec<aws_sdk_acm::types::KeyAlgorithm> {
    aws_sdk_acm::types::KeyAlgorithm::values().iter().map(|key| (*key).into()).collect()
}

async fn bucket_region(cloud: &Clients, name: &str, bucket: &str) -> Result<Result<String, Missing>> {
    let answer = cloud.s3.head_bucket().bucket(bucket).send().await;
    // In another region it is as good as here: what it is used for names its region.
    if let Some(region) = answer.as_ref().err().and_then(told_region) {
        return Ok(Ok(region));
    }
    Ok(match or_nothing(answer.map_err(s3::errors::failed("s3:HeadBucket")))? {
        Some(found) => Ok(found.bucket_region.unwrap_or_else(|| cloud.region.clone())),
        None => {
            let at = format!("existing.buckets.{name}");
            Err(missing(at, format!("the bucket `{bucket}` does not exist"), "check the name; the bucket must exist already"))
        }
    })
}

async fn database_instance(cloud: &Clients, name: &str, database: &str) -> Result<Result<Database, Missing>> {
    let call = cloud.rds.describe_db_instances().db_instance_identifier(database).send().await;
    let found = or_nothing(call.map_err(rds::errors::failed("rds:DescribeDBInstances")))?
        .and_then(|a| a.db_instances?.into_iter().next());
    Ok(match found {
        Some(found) => usable(name, database, &found),
        None => {
            let message = format!("the database instance `{database}` does not exist in `{}`", cloud.region);
            Err(missing(format!("existing.databases.{name}"), message, "check the identifier, the region and the account"))
        }
    })
}

/// Returns what services need to know of an instance. An instance of a cluster (such as Aurora's) is refused: after a failover
/// another instance is the writer
/// (<https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/Aurora.Overview.Endpoints.html>).
fn usable(name: &str, database: &str, found: &DbInstance) -> Result<Database, Missing> {
    let at = format!("existing.databases.{name}");
    if let Some(cluster) = found.db_cluster_identifier() {
        let message = format!(
            "the database instance `{database}` belongs to the cluster `{cluster}`: after a failover another instance is the writer, \
             but services would still connect to this one"
        );
        let help = "remove it from `existing`: put the cluster's address (`aws rds describe-db-clusters`) into the `environment` of \
                    the services, and the ARN of its secret into their `secrets`";
        return Err(missing(at, message, help));
    }
    let (Some(host), Some(port)) =
        (found.endpoint().and_then(|e| e.address()), found.endpoint().and_then(|e| e.port()).and_then(|p| u16::try_from(p).ok()))
    else {
        let status = found.db_instance_status().unwrap_or("unknown");
        let message = format!("the database instance `{database}` has no address yet: its status is `{status}`");
        return Err(missing(at, message, "try again when it is available"));
    };
    Ok(Database {
        host: host.to_owned(),
        port,
        database: found.db_name.clone(),
        user: found.master_username().unwrap_or_default().to_owned(),
        secret_arn: found.master_user_secret().and_then(|s| s.secret_arn.clone()),
    })
}

async fn address(cloud: &Clients, name: &str, repository: &str) -> Result<Result<String, Missing>> {
    let call = cloud.ecr.describe_repositories().repository_names(repository).send().await;
    let found = or_nothing(call.map_err(failed("ecr:DescribeRepositories")))?.and_then(|a| a.repositories?.into_iter().next());
    Ok(found.and_then(|r| r.repository_uri).ok_or_else(|| {
        let message = format!("the repository `{repository}` does not exist in `{}`", cloud.region);
        missing(format!("existing.repositories.{name}"), message, "check the name, the region and the account")
    }))
}

#[cfg(test)]
mod tests {
    use aws_sdk_rds::types::Endpoint;

    use super::*;

    #[test]
    fn an_instance_of_a_cluster_is_no_database_to_rely_on() {
        let found = DbInstance::builder().endpoint(Endpoint::builder().address("h").port(5432).build());
        assert_eq!(usable("old", "legacy", &found.clone().build()).unwrap().port, 5432);
        let refused = usable("old", "legacy", &found.db_cluster_identifier("c").build()).unwrap_err();
        assert!(refused.at == "existing.databases.old" && refused.message.contains("cluster `c`"), "{refused:?}");
    }
}

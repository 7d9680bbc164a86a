use std::collections::{BTreeMap, HashMap};

use aws_sdk_ecs::types::{
    ApplicationProtocol, ContainerDefinition, KeyValuePair, LinuxParameters, LogConfiguration, LogDriver, MountPoint,
    PortMapping, Secret, TransportProtocol,
};
use aws_smithy_types::error::operation::BuildError;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::aws::logs::LogGroup;
use crate::engine::{Class, Error, Ref, Result};

/// The time in seconds that Fargate gives a container to stop by default
/// (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ContainerDefinition.html>).
pub const STOP_TIMEOUT: i32 = 30;
const LOG_GROUP: &str = "awslogs-group";
const LOG_PREFIX: &str = "awslogs-stream-prefix";

/// A container of a task.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Container {
    /// Its name within the task.
    pub name: String,
    /// Its image: `nginx:1.27`.
    pub image: String,
    /// Whether the whole task stops when this container stops. Left out: AWS's default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub essential: Option<bool>,
    /// The command, in place of the image's. Left out: the image's.
    #[serde(default)]
    pub command: Vec<String>,
    /// The entry point, in place of the image's. Left out: the image's.
    #[serde(default)]
    pub entrypoint: Vec<String>,
    /// The TCP ports that it listens on. Left out: none.
    #[serde(default)]
    pub ports: Vec<i32>,
    /// Names for some of these ports, under which a service offers them to others through Service Connect, for HTTP. Left out:
    /// none.
    #[serde(default)]
    pub port_names: BTreeMap<String, i32>,
    /// Environment variables. Left out: none.
    #[serde(default)]
    pub environment: BTreeMap<String, String>,
    /// Environment variables from Secrets Manager or Parameter Store: ARNs by variable. Left out: none.
    #[serde(default)]
    pub secrets: BTreeMap<String, String>,
    /// The log group for its output. Left out: the output is not kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_group: Option<Ref<LogGroup>>,
    /// What the names of the log streams start with. Left out: the container's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_prefix: Option<String>,
    /// Seconds between the request to stop and the kill. Left out: AWS's default, 30.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop_timeout: Option<i32>,
    /// Whether its root file system is read-only. Left out: AWS's default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub readonly_root: Option<bool>,
    /// Directories with an empty volume each, which can be written to and is deleted with the task. Left out: none.
    #[serde(default)]
    pub writable: Vec<String>,
    /// Whether an init process reaps its child processes. Left out: AWS's default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub init: Option<bool>,
}

fn incomplete_container(error: BuildError) -> Error {
    Error::new(Class::Invalid, format!("a container is incomplete: {error}"))
}

impl Container {
    pub(super) fn to_sdk(&self, region: &str) -> Result<ContainerDefinition> {
        let ports = self.ports.iter().map(|port| {
            let mapping = PortMapping::builder().container_port(*port).host_port(*port).protocol(TransportProtocol::Tcp);
            let name = self.port_names.iter().find(|(_, named)| *named == port).map(|(name, _)| name.clone());
            let protocol = name.is_some().then_some(ApplicationProtocol::Http);
            mapping.set_name(name).set_app_protocol(protocol).build()
        });
        let environment = self.environment.iter().map(|(name, value)| KeyValuePair::builder().name(name).value(value).build());
        let secrets = self.secrets.iter().map(|(name, arn)| Secret::builder().name(name).value_from(arn).build());
        let secrets = secrets.collect::<Result<Vec<_>, _>>().map_err(incomplete_container)?;
        let logs = match &self.log_group {
            None => None,
            Some(group) => {
                let options = HashMap::from([
                    (LOG_GROUP.to_owned(), group.id()?.to_owned()),
                    ("awslogs-region".to_owned(), region.to_owned()),
                    (LOG_PREFIX.to_owned(), self.log_prefix.as_ref().unwrap_or(&self.name).clone()),
                ]);
                let logs = LogConfiguration::builder().log_driver(LogDriver::Awslogs).set_options(Some(options)).build();
                Some(logs.map_err(incomplete_container)?)
            }
        };
        let listed = |list: &[String]| (!list.is_empty()).then(|| list.to_vec());
        Ok(ContainerDefinition::builder()
            .name(&self.name)
            .image(&self.image)
            .set_essential(self.essential)
            .set_command(listed(&self.command))
            .set_entry_point(listed(&self.entrypoint))
            .set_port_mappings(Some(ports.collect()))
            .set_environment(Some(environment.collect()))
            .set_secrets(Some(secrets))
            .set_log_configuration(logs)
            .set_stop_timeout(self.stop_timeout)
            .set_readonly_root_filesystem(self.readonly_root)
            .set_mount_points((!self.writable.is_empty()).then(|| self.mounts().collect()))
            .set_linux_parameters(self.init.map(|init| LinuxParameters::builder().init_process_enabled(init).build()))
            .build())
    }

    /// Returns the volumes that it mounts, and where.
    fn mounts(&self) -> impl Iterator<Item = MountPoint> {
        let mount = |path: &String| MountPoint::builder().source_volume(self.volume(path)).container_path(path).build();
        self.writable.iter().map(mount)
    }

    /// Returns the name of the volume for a directory, which has letters, digits, hyphens and underscores
    /// (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Volume.html>).
    pub(super) fn volume(&self, path: &str) -> String {
        let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_string() } else { format!("_{:x}", u32::from(c)) };
        let path: String = path.trim_start_matches('/').chars().map(plain).collect();
        format!("{}-{path}", self.name)
    }

    pub(super) fn from_sdk(container: &ContainerDefinition) -> Container {
        let options = container.log_configuration().filter(|l| l.log_driver() == &LogDriver::Awslogs).and_then(|l| l.options());
        let option = |name: &str| options.and_then(|o| o.get(name)).cloned();
        Container {
            name: container.name.clone().unwrap_or_default(),
            image: container.image.clone().unwrap_or_default(),
            essential: container.essential,
            command: container.command().to_vec(),
            entrypoint: container.entry_point().to_vec(),
            ports: container.port_mappings().iter().filter_map(|p| p.container_port).collect(),
            port_names: container.port_mappings().iter().filter_map(|p| Some((p.name.clone()?, p.container_port?))).collect(),
            environment: container
                .environment()
                .iter()
                .filter_map(|e| Some((e.name.clone()?, e.value.clone().unwrap_or_default())))
                .collect(),
            secrets: container.secrets().iter().map(|s| (s.name.clone(), secret(&s.value_from))).collect(),
            log_group: option(LOG_GROUP).map(Ref::physical),
            log_prefix: option(LOG_PREFIX),
            stop_timeout: Some(container.stop_timeout.unwrap_or(STOP_TIMEOUT)),
            // Left out, it can be written to.
            readonly_root: Some(container.readonly_root_filesystem.unwrap_or(false)),
            writable: container.mount_points().iter().filter_map(|mount| mount.container_path.clone()).collect(),
            init: container.linux_parameters().and_then(|l| l.init_process_enabled),
        }
    }
}

/// Returns where a variable's secret is, with a reference to it if it is in Secrets Manager: this shows what still uses the
/// secret.
fn secret(from: &str) -> String {
    let parts: Vec<&str> = from.splitn(8, ':').collect();
    if parts.len() < 7 || parts[2] != "secretsmanager" || parts[5] != "secret" {
        return from.to_owned();
    }
    let arn = Ref::<crate::aws::secretsmanager::Secret>::physical(parts[..7].join(":")).attr("arn").to_string();
    parts.get(7).map_or_else(|| arn.clone(), |rest| format!("{arn}:{rest}"))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Returns a container with everything set.
    pub fn container() -> Container {
        let text = |pairs: &[(&str, &str)]| pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        Container {
            name: "web".into(),
            image: "nginx:1.27".into(),
            essential: Some(true),
            command: vec!["serve".into()],
            entrypoint: Vec::new(),
            ports: vec![8080],
            port_names: BTreeMap::from([("web".to_owned(), 8080)]),
            environment: text(&[("B", "2"), ("A", "1")]),
            secrets: text(&[("PASSWORD", "arn:aws:secretsmanager:x")]),
            log_group: Some(Ref::physical("/stack/webapp/default/web")),
            log_prefix: Some("web".into()),
            stop_timeout: Some(30),
            readonly_root: Some(true),
            writable: vec!["/tmp".into(), "/var/run".into()],
            init: Some(true),
        }
    }

    #[test]
    fn a_container_reads_back_as_it_was_written() {
        let back = Container::from_sdk(&container().to_sdk("us-east-1").unwrap());
        assert_eq!(serde_json::to_value(back).unwrap(), serde_json::to_value(container()).unwrap());
    }

    #[test]
    fn what_uses_a_secret_is_known_by_it() {
        let arn = "arn:aws:secretsmanager:r:1:secret:stack/shop/default/main-AbCdEf";
        assert_eq!(secret(&format!("{arn}:password::v1")), format!("${{=secretsmanager.secret.arn:{arn}}}:password::v1"));
        assert_eq!(secret(arn), format!("${{=secretsmanager.secret.arn:{arn}}}"));
        assert_eq!(secret("arn:aws:ssm:r:1:parameter/x"), "arn:aws:ssm:r:1:parameter/x");
    }
}

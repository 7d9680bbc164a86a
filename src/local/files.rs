//! The Python package in `localstack/`, carried inside the binary so that an installed `stack` needs no repository.

macro_rules! files {
    ($($path:literal,)*) => {
        &[$(($path, include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/localstack/", $path)))),*]
    };
}

/// Every file that is needed to install the plug-in, by its path below `localstack/`.
pub const FILES: &[(&str, &str)] = files![
    "README.md",
    "pyproject.toml",
    "requirements-py311.txt",
    "requirements.txt",
    "stack_local/__init__.py",
    "stack_local/__main__.py",
    "stack_local/acm.py",
    "stack_local/autoscaling.py",
    "stack_local/backup/__init__.py",
    "stack_local/backup/jobs.py",
    "stack_local/backup/plans.py",
    "stack_local/backup/points.py",
    "stack_local/backup/schedules.py",
    "stack_local/backup/selections.py",
    "stack_local/backup/settings.py",
    "stack_local/backup/state.py",
    "stack_local/backup/tags.py",
    "stack_local/backup/testing.py",
    "stack_local/backup/vaults.py",
    "stack_local/budgets.py",
    "stack_local/chatbot.py",
    "stack_local/ce.py",
    "stack_local/certificates.py",
    "stack_local/clock.py",
    "stack_local/cloudfront/__init__.py",
    "stack_local/cloudfront/config.py",
    "stack_local/cloudfront/distributions.py",
    "stack_local/cloudfront/invalidations.py",
    "stack_local/cloudfront/policies.py",
    "stack_local/cloudfront/state.py",
    "stack_local/cloudfront/tags.py",
    "stack_local/cloudwatch.py",
    "stack_local/control.py",
    "stack_local/core.py",
    "stack_local/dashboards.py",
    "stack_local/ec2.py",
    "stack_local/ecr.py",
    "stack_local/ecs/__init__.py",
    "stack_local/ecs/checks.py",
    "stack_local/ecs/clusters.py",
    "stack_local/ecs/definitions.py",
    "stack_local/ecs/deployments.py",
    "stack_local/ecs/services.py",
    "stack_local/ecs/state.py",
    "stack_local/ecs/tags.py",
    "stack_local/ecs/tasks.py",
    "stack_local/elasticache/__init__.py",
    "stack_local/elasticache/clusters.py",
    "stack_local/elasticache/groups.py",
    "stack_local/elasticache/nodes.py",
    "stack_local/elasticache/parameters.py",
    "stack_local/elasticache/replication.py",
    "stack_local/elasticache/snapshots.py",
    "stack_local/elasticache/state.py",
    "stack_local/elasticache/tags.py",
    "stack_local/elbv2/__init__.py",
    "stack_local/elbv2/access_logs.py",
    "stack_local/elbv2/actions.py",
    "stack_local/elbv2/attributes.py",
    "stack_local/elbv2/balancers.py",
    "stack_local/elbv2/groups.py",
    "stack_local/elbv2/listeners.py",
    "stack_local/elbv2/rules.py",
    "stack_local/elbv2/state.py",
    "stack_local/elbv2/tags.py",
    "stack_local/elbv2/targets.py",
    "stack_local/flow_logs.py",
    "stack_local/happenings.py",
    "stack_local/health_checks.py",
    "stack_local/iam.py",
    "stack_local/identitystore.py",
    "stack_local/interfaces.py",
    "stack_local/kms.py",
    "stack_local/lambda_child.py",
    "stack_local/lambda_executor.py",
    "stack_local/loading.py",
    "stack_local/logs.py",
    "stack_local/managed_secrets.py",
    "stack_local/metrics.py",
    "stack_local/outcomes.py",
    "stack_local/pages.py",
    "stack_local/policies.py",
    "stack_local/prepare.py",
    "stack_local/providers.py",
    "stack_local/quotas.py",
    "stack_local/rds/__init__.py",
    "stack_local/rds/backups.py",
    "stack_local/rds/clusters.py",
    "stack_local/rds/engines.py",
    "stack_local/rds/exports.py",
    "stack_local/rds/groups.py",
    "stack_local/rds/instances.py",
    "stack_local/rds/point_in_time.py",
    "stack_local/rds/replicated.py",
    "stack_local/rds/snapshots.py",
    "stack_local/rds/state.py",
    "stack_local/rds/subscriptions.py",
    "stack_local/refusals.py",
    "stack_local/rollout.py",
    "stack_local/route53.py",
    "stack_local/rules.py",
    "stack_local/s3.py",
    "stack_local/secretsmanager.py",
    "stack_local/server.py",
    "stack_local/service_quotas.py",
    "stack_local/service_roles.py",
    "stack_local/servicediscovery.py",
    "stack_local/settings.py",
    "stack_local/settling.py",
    "stack_local/simulate.py",
    "stack_local/sns.py",
    "stack_local/sso.py",
    "stack_local/states.py",
    "stack_local/tagging.py",
    "stack_local/throttling.py",
    "stack_local/wafv2/__init__.py",
    "stack_local/wafv2/acls.py",
    "stack_local/wafv2/associations.py",
    "stack_local/wafv2/capacity.py",
    "stack_local/wafv2/checks.py",
    "stack_local/wafv2/groups.py",
    "stack_local/wafv2/logs.py",
    "stack_local/wafv2/managed.py",
    "stack_local/wafv2/samples.py",
    "stack_local/wafv2/sets.py",
    "stack_local/wafv2/state.py",
    "stack_local/wafv2/tags.py",
];

/// Returns the text of one of [`FILES`].
pub(super) fn file(path: &str) -> Option<&'static str> {
    FILES.iter().find(|(name, _)| *name == path).map(|(_, text)| *text)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    fn walk(root: &Path, below: &str, found: &mut BTreeSet<String>) {
        for entry in std::fs::read_dir(root.join(below)).unwrap() {
            let entry = entry.unwrap();
            let path = format!("{below}/{}", entry.file_name().to_string_lossy());
            match entry.file_type().unwrap().is_dir() {
                true => walk(root, &path, found),
                false if path.ends_with(".py") => drop(found.insert(path)),
                false => {}
            }
        }
    }

    #[test]
    fn the_list_is_what_the_folder_holds() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("localstack");
        let mut found = BTreeSet::from(["README.md".to_owned(), "pyproject.toml".to_owned()]);
        for entry in std::fs::read_dir(&root).unwrap() {
            let name = entry.unwrap().file_name().to_string_lossy().into_owned();
            // The linters' are the gate's, not the plug-in's.
            if name.starts_with("requirements") && name.ends_with(".txt") && name != "requirements-dev.txt" {
                found.insert(name);
            }
        }
        walk(&root, "stack_local", &mut found);
        let listed: BTreeSet<String> = FILES.iter().map(|(path, _)| (*path).to_owned()).collect();
        assert_eq!(listed, found, "src/local/files.rs lists the left, localstack/ holds the right");
    }
}

//! The file that `stack init` writes.

/// Returns a commented stack file that is valid as it is: one service behind a load balancer.
pub fn starter(name: &str, region: &str) -> String {
    format!(
        r#"# yaml-language-server: $schema=stack.schema.json
# Editors complete and check this file with the schema beside it: stack schema > stack.schema.json
#
# `stack plan` shows what would change in AWS, `stack apply` changes it.
stack: {name} # the names of all objects in AWS start with it
region: {region}

network:
  zones: 2 # availability zones; a load balancer and databases need two
  nat: single # one NAT gateway for all zones; with `per-zone` no zone depends on another

services:
  web:
    image: public.ecr.aws/nginx/nginx:1.27
    port: 80 # the port that the container listens on; a service without a port is a worker
    # cpu: 256 # CPU units, 1024 are one vCPU
    # memory: 512 # MiB
    routes: ["/*"] # the requests that the load balancer sends here
    health:
      path: / # must answer with a code from 200 to 299
    # uses: [databases.main, caches.main] # opens their ports, and sets DATABASE_MAIN_HOST, CACHE_MAIN_HOST and so on
    # environment:
    #   LOG_LEVEL: info
    # secrets: # ARNs, never the values themselves
    #   API_KEY: arn:aws:secretsmanager:{region}:123456789012:secret:api-key-AbCdEf
    scale: {{ min: 1, max: 4, cpu: 60 }} # tasks, and the target for average CPU usage in percent

# Databases on RDS. Secrets Manager generates and keeps the password.
# databases:
#   main: {{ engine: postgres, version: "16", class: db.t4g.micro, storage: 20GiB }}

# Caches on ElastiCache.
# caches:
#   main: {{ engine: valkey, node: cache.t4g.micro }}

# With an ACM certificate the load balancer serves HTTPS, and redirects HTTP to it.
# load_balancer:
#   certificate: arn:aws:acm:{region}:123456789012:certificate/00000000-0000-0000-0000-000000000000

# The AWS account that the stack belongs to: with credentials of another nothing is changed.
# account: "123456789012"

# What differs in each environment: maps are merged, everything else is replaced.
# With these, every command that reads AWS needs one: `stack apply --env production`.
# environments:
#   staging: {{ account: "210987654321" }}
#   production:
#     network: {{ zones: 3, nat: per-zone }}
#     services:
#       web:
#         scale: {{ min: 3, max: 30 }}
"#
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_starter_is_valid_in_every_environment() {
        let schema = crate::tests::schema();
        let text = starter("webapp", "eu-central-1");
        let report = crate::validate_all("stack.yaml", &text, &schema);
        assert!(report.is_empty(), "{}", report.render(100, false, true));
        // What is commented out is valid, too.
        let all: String = text
            .lines()
            .map(|line| {
                let indent = line.len() - line.trim_start().len();
                match line.trim_start().strip_prefix("# ") {
                    Some(rest) if !rest.starts_with(|c: char| c.is_uppercase() || c == '`') && !rest.contains("$schema") => {
                        format!("{}{rest}\n", &line[..indent])
                    }
                    Some(_) => "\n".to_owned(),
                    // `#   key: value`: a line inside a commented map.
                    None => match line.trim_start().strip_prefix("#  ") {
                        Some(rest) => format!("{} {rest}\n", &line[..indent]),
                        None => format!("{line}\n"),
                    },
                }
            })
            .collect();
        let report = crate::validate_all("stack.yaml", &all, &schema);
        assert!(
            report.is_empty() && all.matches('#').count() < text.matches('#').count(),
            "{all}\n{}",
            report.render(100, false, true)
        );
    }
}

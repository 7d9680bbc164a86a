//! The file that `stack init` writes.

/// A commented stack file that is valid as it is: one service behind a load balancer.
pub fn starter(name: &str, region: &str) -> String {
    format!(
        r#"# What runs in AWS. `stack plan` shows what would change, `stack apply` makes it so.
stack: {name} # the names of all objects in AWS begin with this
region: {region}

network:
  zones: 2 # availability zones; the load balancer needs two
  nat: single # one NAT gateway for all zones; `per-zone` survives the loss of a zone

services:
  web:
    image: public.ecr.aws/nginx/nginx:1.27
    port: 80 # what the container listens on; a service without a port is a worker
    # cpu: 256 # CPU units, 1024 are one vCPU
    # memory: 512 # MiB
    routes: ["/*"] # which requests of the load balancer come here
    health:
      path: / # must answer with a code from 200 to 299
    # environment:
    #   LOG_LEVEL: info
    # secrets: # ARNs, never the secrets themselves
    #   API_KEY: arn:aws:secretsmanager:{region}:123456789012:secret:api-key-AbCdEf
    scale: {{ min: 1, max: 4, cpu: 60 }} # tasks, and the CPU in percent that is aimed at

# With a certificate of ACM the load balancer speaks HTTPS and redirects HTTP there.
# load_balancer:
#   certificate: arn:aws:acm:{region}:123456789012:certificate/00000000-0000-0000-0000-000000000000

# The account that this is for: with credentials of another nothing is done.
# account: "123456789012"

# What differs per environment: maps are merged, the rest is replaced.
# With these, every command that asks AWS wants one: `stack apply --env production`.
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
                    Some(rest) if !rest.starts_with(char::is_uppercase) => format!("{}{rest}\n", &line[..indent]),
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

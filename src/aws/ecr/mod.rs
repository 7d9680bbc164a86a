//! Images in Amazon ECR: their addresses, and copies that outlive an environment.

pub mod copy;
pub mod frozen;

/// Returns account, region, and what follows the host, if the image is in a private registry: under its usual host name, the FIPS
/// one, or the one with IPv6 (<https://docs.aws.amazon.com/AmazonECR/latest/userguide/ecr-requests.html>).
pub fn registry(image: &str) -> Option<(&str, &str, &str)> {
    let (host, path) = image.split_once('/')?;
    let mut parts = host.split('.');
    let account = parts.next().filter(|a| a.len() == 12 && a.bytes().all(|b| b.is_ascii_digit()))?;
    let region = match (parts.next()?, parts.next()?) {
        ("dkr", "ecr" | "ecr-fips") => parts.next().filter(|_| parts.next() == Some("amazonaws"))?,
        ("dkr-ecr" | "dkr-ecr-fips", region) => Some(region).filter(|_| parts.next() == Some("on"))?,
        _ => return None,
    };
    Some((account, region, path))
}

#[cfg(test)]
mod tests {
    use super::registry;

    #[test]
    fn a_private_registry_has_several_names() {
        for host in ["dkr.ecr.eu-west-1.amazonaws.com", "dkr.ecr-fips.eu-west-1.amazonaws.com", "dkr-ecr.eu-west-1.on.aws"] {
            let image = format!("123456789012.{host}/team/web:1");
            assert_eq!(registry(&image), Some(("123456789012", "eu-west-1", "team/web:1")), "{host}");
        }
        for other in ["public.ecr.aws/nginx/nginx", "nginx", "dkr.ecr.eu-west-1.amazonaws.com/web", "1.dkr.ecr.r.example.com/web"]
        {
            assert_eq!(registry(other), None, "{other}");
        }
    }
}

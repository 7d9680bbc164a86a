//! AWS's limits that a file is checked against, each with its source.

/// One limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// What is limited.
    pub what: &'static str,
    /// The maximum number or length.
    pub most: usize,
    /// Whether AWS raises the quota on request.
    pub raised: bool,
    /// The page of AWS that states it.
    pub source: &'static str,
}

macro_rules! limits {
    ($($(#[$doc:meta])* $name:ident = $most:literal, $what:literal, $raised:literal, $source:literal;)*) => {
        $($(#[$doc])* pub const $name: Limit = Limit { what: $what, most: $most, raised: $raised, source: $source };)*
        /// All limits.
        pub const ALL: &[Limit] = &[$($name),*];
    };
}

limits! {
    /// Beside the default one.
    CACHE_BEHAVIORS = 75, "cache behaviours of a distribution", true,
        "https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/cloudfront-limits.html";
    /// See `what`.
    PATH_PATTERN = 255, "characters of a cache behaviour's path", false,
        "https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/DownloadDistValuesCacheBehavior.html";
    /// See `what`.
    BALANCER_RULES = 100, "rules of a load balancer, without the default ones", true,
        "https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-limits.html";
    /// See `what`.
    CERTIFICATE_NAMES = 10, "names of a certificate at first", true, "https://docs.aws.amazon.com/acm/latest/userguide/acm-limits.html";
    /// See `what`.
    CERTIFICATE_NAMES_EVER = 100, "names of a certificate", false, "https://docs.aws.amazon.com/acm/latest/userguide/acm-limits.html";
    /// See `what`.
    CERTIFICATE_DOMAIN = 64, "characters of a certificate's first name", false,
        "https://docs.aws.amazon.com/acm/latest/userguide/acm-limits.html";
    /// See `what`.
    GROUPS_OF_USER = 10, "groups that a user is in", false,
        "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html";
    /// See `what`.
    MANAGED_POLICIES = 10, "managed policies of a group or a role", true,
        "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html";
    /// Without white space, all of them together.
    ROLE_INLINE = 10_240, "characters of a role's inline policies", false,
        "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html";
    /// Without white space, all of them together.
    GROUP_INLINE = 5_120, "characters of a group's inline policies", false,
        "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html";
    /// With white space: the whole document.
    SET_INLINE = 32_768, "characters of a permission set's inline policy", false,
        "https://docs.aws.amazon.com/singlesignon/latest/APIReference/API_PutInlinePolicyToPermissionSet.html";
    /// See `what`.
    SET_DESCRIPTION = 700, "characters of a permission set's description", false,
        "https://docs.aws.amazon.com/singlesignon/latest/APIReference/API_CreatePermissionSet.html";
    /// See `what`.
    TAGS = 50, "tags of an object", false, "https://docs.aws.amazon.com/tag-editor/latest/userguide/best-practices-and-strats.html";
    /// See `what`.
    TAG_KEY = 128, "characters of a tag's key", false,
        "https://docs.aws.amazon.com/tag-editor/latest/userguide/best-practices-and-strats.html";
    /// See `what`.
    TAG_VALUE = 256, "characters of a tag's value", false,
        "https://docs.aws.amazon.com/tag-editor/latest/userguide/best-practices-and-strats.html";
    /// The whole document, of which the environment is most.
    TASK_DEFINITION = 65_536, "bytes of a task definition", false,
        "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-quotas.html";
    /// See `what`.
    IMAGE = 255, "characters of an image", false,
        "https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ContainerDefinition.html";
    /// See `what`.
    CPU = 32_768, "CPU units of a Fargate task", false,
        "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-tasks-services.html";
    /// See `what`.
    MEMORY = 249_856, "MiB of a Fargate task", false,
        "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-tasks-services.html";
    /// See `what`.
    BUCKET_POLICY = 20_480, "bytes of a bucket's policy", false,
        "https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-policies.html";
    /// See `what`.
    KEY_POLICY = 32_768, "bytes of a key's policy", false, "https://docs.aws.amazon.com/kms/latest/developerguide/resource-limits.html";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_limit_names_its_source() {
        for limit in ALL {
            assert!(
                limit.source.starts_with("https://docs.aws.amazon.com/") && limit.most > 0 && !limit.what.is_empty(),
                "{limit:?}"
            );
        }
        assert_eq!((CACHE_BEHAVIORS.most, CPU.most, ROLE_INLINE.most), (75, 32_768, 10_240));
    }

    /// A number written in the checks would have no source.
    #[test]
    fn no_other_place_has_such_a_number() {
        let checks = [
            ("cdn", include_str!("validate/cdn.rs")),
            ("access", include_str!("validate/access.rs")),
            ("encryption", include_str!("validate/encryption.rs")),
            ("services", include_str!("validate/services.rs")),
        ];
        for (name, text) in checks {
            for line in text.lines().filter(|line| line.starts_with("const ") && line.contains("usize")) {
                assert!(line.contains("limits::"), "{name}: {line}");
            }
        }
    }
}

//! The IAM actions that a policy must allow for an operation. Most operations have the name of their action; some do not, and a
//! hint that names an action which does not exist cannot be followed.

/// The operations whose actions have other names, with these.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html>,
/// <https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsbudgetservice.html>
const RENAMED: &[(&str, &[&str])] = &[
    ("budgets:CreateBudget", &["budgets:ModifyBudget", "budgets:TagResource"]),
    ("budgets:CreateNotification", &["budgets:ModifyBudget"]),
    ("budgets:CreateSubscriber", &["budgets:ModifyBudget"]),
    ("budgets:DeleteBudget", &["budgets:ModifyBudget"]),
    ("budgets:DeleteNotification", &["budgets:ModifyBudget"]),
    ("budgets:DeleteSubscriber", &["budgets:ModifyBudget"]),
    ("budgets:DescribeBudget", &["budgets:ViewBudget"]),
    ("budgets:DescribeBudgets", &["budgets:ViewBudget"]),
    ("budgets:DescribeNotificationsForBudget", &["budgets:ViewBudget"]),
    ("budgets:DescribeSubscribersForNotification", &["budgets:ViewBudget"]),
    ("budgets:UpdateBudget", &["budgets:ModifyBudget"]),
    ("budgets:UpdateSubscriber", &["budgets:ModifyBudget"]),
    ("cloudfront:CreateDistributionWithTags", &["cloudfront:CreateDistribution", "cloudfront:TagResource"]),
    ("lambda:Invoke", &["lambda:InvokeFunction"]),
    ("s3:CompleteMultipartUpload", &["s3:PutObject"]),
    ("s3:CopyObject", &["s3:GetObject", "s3:GetObjectTagging", "s3:PutObject", "s3:PutObjectTagging"]),
    ("s3:CreateMultipartUpload", &["s3:PutObject", "s3:PutObjectTagging"]),
    ("s3:DeleteBucketCors", &["s3:PutBucketCORS"]),
    ("s3:DeleteBucketLifecycle", &["s3:PutLifecycleConfiguration"]),
    ("s3:DeleteObjects", &["s3:DeleteObject", "s3:DeleteObjectVersion"]),
    ("s3:GetBucketCors", &["s3:GetBucketCORS"]),
    ("s3:GetBucketEncryption", &["s3:GetEncryptionConfiguration"]),
    ("s3:GetBucketLifecycleConfiguration", &["s3:GetLifecycleConfiguration"]),
    ("s3:GetObjectLockConfiguration", &["s3:GetBucketObjectLockConfiguration"]),
    ("s3:GetPublicAccessBlock", &["s3:GetBucketPublicAccessBlock"]),
    ("s3:HeadBucket", &["s3:ListBucket"]),
    ("s3:HeadObject", &["s3:GetObject"]),
    ("s3:ListBuckets", &["s3:ListAllMyBuckets"]),
    ("s3:ListMultipartUploads", &["s3:ListBucketMultipartUploads"]),
    ("s3:ListObjectVersions", &["s3:ListBucketVersions"]),
    ("s3:ListObjectsV2", &["s3:ListBucket"]),
    ("s3:PutBucketCors", &["s3:PutBucketCORS"]),
    ("s3:PutBucketEncryption", &["s3:PutEncryptionConfiguration"]),
    ("s3:PutBucketLifecycleConfiguration", &["s3:PutLifecycleConfiguration"]),
    ("s3:PutObjectLockConfiguration", &["s3:PutBucketObjectLockConfiguration"]),
    ("s3:PutPublicAccessBlock", &["s3:PutBucketPublicAccessBlock"]),
    ("s3:UploadPartCopy", &["s3:GetObject", "s3:PutObject"]),
];

/// The services that have another name in IAM.
const SERVICES: &[(&str, &str)] = &[("elbv2", "elasticloadbalancing")];

/// Returns the actions of an operation, as a policy names them.
pub fn actions(operation: &str) -> Vec<String> {
    if let Some((_, actions)) = RENAMED.iter().find(|(named, _)| *named == operation) {
        return actions.iter().map(|action| (*action).to_owned()).collect();
    }
    let other = operation.split_once(':').and_then(|(service, name)| {
        let (_, prefix) = SERVICES.iter().find(|(name, _)| *name == service)?;
        Some(format!("{prefix}:{name}"))
    });
    vec![other.unwrap_or_else(|| operation.to_owned())]
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    /// Reads the actions that IAM has: `service:Action`.
    fn known() -> BTreeSet<String> {
        let mut service = "";
        let mut known = BTreeSet::new();
        for line in include_str!("iam_actions.txt").lines().filter(|line| !line.starts_with('#')) {
            let names = match line.split_once(": ") {
                Some((name, rest)) => {
                    service = name;
                    rest
                }
                None => line,
            };
            known.extend(names.split_whitespace().map(|name| format!("{service}:{name}")));
        }
        known
    }

    /// Collects what is quoted in the sources and looks like an operation of a service in the list.
    fn named(folder: &Path, services: &BTreeSet<String>, found: &mut BTreeSet<String>) {
        for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
            if entry.file_type().unwrap().is_dir() {
                named(&entry.path(), services, found);
            } else if entry.path().extension().is_some_and(|e| e == "rs") {
                let text = std::fs::read_to_string(entry.path()).unwrap();
                found.extend(text.split('"').filter(|quoted| is_operation(quoted, services)).map(str::to_owned));
            }
        }
    }

    fn is_operation(text: &str, services: &BTreeSet<String>) -> bool {
        let Some((service, name)) = text.split_once(':') else { return false };
        let camel = name.len() > 4 && name.chars().all(char::is_alphanumeric) && name.starts_with(char::is_uppercase);
        camel && (services.contains(service) || SERVICES.iter().any(|(name, _)| *name == service))
    }

    #[test]
    fn every_called_operation_has_an_existing_action() {
        // Condition keys look the same, and so do some of their values.
        const NONE: &[&str] = &[
            "ec2:CreateAction",
            "ecs:CreateAction",
            "iam:AWSServiceName",
            "iam:PassedToService",
            "kms:CallerAccount",
            "kms:GrantIsForAWSResource",
            "kms:ViaService",
        ];
        let known = known();
        let services = known.iter().filter_map(|action| Some(action.split_once(':')?.0.to_owned())).collect();
        let mut operations = BTreeSet::new();
        named(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &services, &mut operations);
        assert!(operations.len() > 300, "{}", operations.len());
        let wrong: Vec<(&String, Vec<String>)> = operations
            .iter()
            .filter(|operation| !NONE.contains(&operation.as_str()))
            .map(|operation| (operation, actions(operation)))
            .filter(|(_, actions)| !actions.iter().all(|action| known.contains(action)))
            .collect();
        assert!(wrong.is_empty(), "IAM has no such action; see src/aws/call/iam_actions.txt: {wrong:#?}");
    }

    #[test]
    fn an_operation_with_another_action_is_not_an_action() {
        let known = known();
        for (operation, actions) in RENAMED {
            assert!(!known.contains(*operation), "{operation} is an action");
            assert!(actions.iter().all(|action| known.contains(*action)), "{actions:?}");
        }
        assert_eq!(actions("elbv2:CreateRule"), ["elasticloadbalancing:CreateRule"]);
        assert_eq!(actions("s3:PutPublicAccessBlock"), ["s3:PutBucketPublicAccessBlock"]);
        assert_eq!(actions("ec2:CreateVpc"), ["ec2:CreateVpc"]);
    }
}

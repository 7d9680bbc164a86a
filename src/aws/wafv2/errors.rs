//! The meanings of WAF's error codes.

use crate::aws::call::error::{Row, table};
use crate::engine::Class;

/// How long a new web ACL can be unknown where it is to be used: more than five minutes were seen
/// (hashicorp/terraform-provider-aws#17527, #29080).
const SPREADS: u64 = 600;

pub(in crate::aws) const ERRORS: &[Row] = &[
    // It was changed between the reading and the change: read it again
    // (<https://docs.aws.amazon.com/waf/latest/APIReference/API_UpdateWebACL.html>).
    Row::codes(&["wafv2:Update*", "wafv2:Delete*"], &["WAFOptimisticLockException"], Class::NotYet),
    // "AWS WAF couldn't retrieve a resource that you specified for this operation", which it says of what is a few minutes old
    // (<https://docs.aws.amazon.com/waf/latest/APIReference/API_AssociateWebACL.html>).
    Row::codes(&["wafv2:*"], &["WAFUnavailableEntityException"], Class::NotYet).within(SPREADS),
    // As above: an IP set of a rule, or a load balancer.
    Row::codes(CREATES, &["WAFNonexistentItemException"], Class::NotYet),
    // CloudFront uses a web ACL until it is deployed without it (hashicorp/terraform-provider-aws#37229).
    Row::codes(&["wafv2:Delete*"], &["WAFAssociatedItemException"], Class::InUse),
    Row::codes(&["wafv2:*"], &["WAFNonexistentItemException"], Class::NotFound),
    // "Wait a few minutes and retry your request"
    // (<https://docs.aws.amazon.com/waf/latest/APIReference/API_PutLoggingConfiguration.html>).
    Row::codes(&["wafv2:PutLoggingConfiguration"], &["WAFServiceLinkedRoleErrorException"], Class::NotYet),
    Row::codes(&["wafv2:*"], &["WAFTagOperationException"], Class::NotYet),
    Row::codes(&["wafv2:*"], &["WAFLimitsExceededException"], Class::Limit),
];

const CREATES: &[&str] = &["wafv2:CreateWebACL", "wafv2:UpdateWebACL", "wafv2:AssociateWebACL"];

table!(ERRORS, "WAF");

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::call::error::means;

    #[test]
    fn codes_mean_what_waf_means_by_them() {
        let class = |op, code| means(ERRORS, op, code, "");
        assert_eq!(class("wafv2:UpdateIPSet", "WAFOptimisticLockException"), Class::NotYet);
        assert_eq!(class("wafv2:DeleteWebACL", "WAFOptimisticLockException"), Class::NotYet);
        assert_eq!(class("wafv2:AssociateWebACL", "WAFUnavailableEntityException"), Class::NotYet);
        assert_eq!(class("wafv2:CreateWebACL", "WAFNonexistentItemException"), Class::NotYet);
        assert_eq!(class("wafv2:GetWebACL", "WAFNonexistentItemException"), Class::NotFound);
        assert_eq!(class("wafv2:DeleteIPSet", "WAFNonexistentItemException"), Class::NotFound);
        assert_eq!(class("wafv2:DeleteIPSet", "WAFAssociatedItemException"), Class::InUse);
        assert_eq!(class("wafv2:CreateIPSet", "WAFDuplicateItemException"), Class::Exists);
        assert_eq!(class("wafv2:CreateWebACL", "WAFLimitsExceededException"), Class::Limit);
        assert_eq!(class("wafv2:CreateWebACL", "WAFInvalidParameterException"), Class::Invalid);
    }
}

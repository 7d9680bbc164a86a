//! The meanings of ElastiCache's error codes.

use crate::aws::call::error::{Row, table};
use crate::engine::Class;

pub(in crate::aws) const ERRORS: &[Row] = &[
    Row::codes(
        &[
            "elasticache:CreateReplicationGroup",
            "elasticache:CreateCacheCluster",
            "elasticache:ModifyReplicationGroup",
            "elasticache:ModifyCacheCluster",
        ],
        &[
            "CacheSubnetGroupNotFoundFault",
            "CacheParameterGroupNotFound",
            "CacheParameterGroupNotFoundFault",
            "ServiceLinkedRoleNotFoundFault",
        ],
        Class::NotYet,
    ),
    // A cache that AWS is at, or one that is still there.
    Row::codes(
        &["elasticache:*"],
        &[
            "InvalidReplicationGroupState",
            "InvalidReplicationGroupStateFault",
            "InvalidCacheClusterState",
            "InvalidCacheClusterStateFault",
        ],
        Class::InUse,
    ),
    Row::codes(&["elasticache:DeleteCacheParameterGroup"], &["InvalidCacheParameterGroupState*"], Class::InUse),
    // Of the change before, until the caches have taken that up (hashicorp/terraform-provider-aws#1821, #1891).
    Row::says(
        &["elasticache:ModifyCacheParameterGroup", "elasticache:ResetCacheParameterGroup"],
        "pending changes",
        Class::InUse,
    ),
    // A snapshot that is still being copied or restored.
    Row::codes(&["elasticache:DeleteSnapshot"], &["InvalidSnapshotState*"], Class::InUse),
];

table!(ERRORS, "ElastiCache");

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::call::error::means;

    #[test]
    fn a_cache_that_is_busy_is_waited_for() {
        let class = |op, code| means(ERRORS, op, code, "");
        assert_eq!(class("elasticache:ModifyReplicationGroup", "InvalidReplicationGroupState"), Class::InUse);
        assert_eq!(class("elasticache:DeleteCacheSubnetGroup", "CacheSubnetGroupInUse"), Class::InUse);
        assert_eq!(class("elasticache:DeleteSnapshot", "InvalidSnapshotState"), Class::InUse);
        assert_eq!(class("elasticache:DeleteCacheParameterGroup", "InvalidCacheParameterGroupState"), Class::InUse);
        assert_eq!(class("elasticache:ModifyCacheParameterGroup", "InvalidCacheParameterGroupState"), Class::Invalid);
        for op in ["elasticache:ModifyCacheParameterGroup", "elasticache:ResetCacheParameterGroup"] {
            let busy = "The parameter group shop-sessions has pending changes.";
            assert_eq!(means(ERRORS, op, "InvalidCacheParameterGroupState", busy), Class::InUse);
        }
        assert_eq!(class("elasticache:ModifyCacheSubnetGroup", "SubnetInUse"), Class::Invalid);
        assert_eq!(class("elasticache:CreateReplicationGroup", "CacheSubnetGroupNotFoundFault"), Class::NotYet);
        assert_eq!(class("elasticache:DescribeReplicationGroups", "ReplicationGroupNotFoundFault"), Class::NotFound);
        assert_eq!(class("elasticache:CreateReplicationGroup", "ReplicationGroupAlreadyExists"), Class::Exists);
        assert_eq!(class("elasticache:CreateCacheCluster", "NodeQuotaForCustomerExceeded"), Class::Limit);
    }
}

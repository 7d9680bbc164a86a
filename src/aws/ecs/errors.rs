//! The meanings of ECS's error codes.

use crate::aws::call::error::{Row, table};
use crate::engine::Class;

pub(in crate::aws) const ERRORS: &[Row] = &[
    Row::says(SERVICES, "does not have an associated load balancer", Class::NotYet),
    Row::says(SERVICES, "nable to assume", Class::NotYet),
    Row::says(SERVICES, "Role is not valid", Class::NotYet),
    Row::says(SERVICES, "still Draining", Class::NotYet),
    Row::codes(SERVICES, &["ClusterNotFoundException", "NamespaceNotFoundException"], Class::NotYet),
    Row::says(&["ecs:CreateCluster"], "service linked role", Class::NotYet),
    Row::says(&["ecs:CreateCluster"], "ervice Linked Role", Class::NotYet),
    Row::codes(&["ecs:PutClusterCapacityProviders"], &["UpdateInProgressException"], Class::NotYet),
    Row::says(&["ecs:RegisterTaskDefinition"], "Role is not valid", Class::NotYet),
    Row::codes(
        &["ecs:*"],
        &["ClusterContainsServicesException", "ClusterContainsTasksException", "UpdateInProgressException"],
        Class::InUse,
    ),
    // ECS has no code of its own for a task definition that is not there.
    Row::codes(TASK_DEFINITIONS, &["ClientException"], Class::NotFound).and_says("nable to describe task definition"),
    Row::codes(TASK_DEFINITIONS, &["ClientException"], Class::NotFound).and_says("does not exist"),
    Row::codes(&["ecs:*"], &["ServiceNotActiveException"], Class::NotFound),
    Row::says(&["ecs:CreateService"], "not idempotent", Class::Exists),
];

const SERVICES: &[&str] = &["ecs:CreateService", "ecs:UpdateService"];
const TASK_DEFINITIONS: &[&str] = &["ecs:DescribeTaskDefinition", "ecs:DeregisterTaskDefinition"];

table!(ERRORS, "ECS");

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::call::error::means;

    #[test]
    fn what_is_on_its_way_is_tried_again() {
        let class = |op, code, message| means(ERRORS, op, code, message);
        let draining = "Unable to Start a service that is still Draining.";
        assert_eq!(class("ecs:CreateService", "InvalidParameterException", draining), Class::NotYet);
        let role = "Unable to assume the service linked role. Please verify that the ECS service linked role exists.";
        assert_eq!(class("ecs:CreateCluster", "InvalidParameterException", role), Class::NotYet);
        let none = "Unable to describe task definition.";
        assert_eq!(class("ecs:DescribeTaskDefinition", "ClientException", none), Class::NotFound);
        assert_eq!(class("ecs:RegisterTaskDefinition", "ClientException", "No Fargate configuration"), Class::Invalid);
        assert_eq!(class("ecs:CreateService", "InvalidParameterException", "no"), Class::Invalid);
        let other = "Creation of service was not idempotent.";
        assert_eq!(class("ecs:CreateService", "InvalidParameterException", other), Class::Exists);
    }
}

"""A region's settings: which types of resources AWS Backup is for."""

from stack_local.backup.state import State, invalid, operations, store
from stack_local.core import Call

# https://docs.aws.amazon.com/aws-backup/latest/devguide/backup-feature-availability.html
_TYPES = (
    "Aurora",
    "CloudFormation",
    "DSQL",
    "DocumentDB",
    "DynamoDB",
    "EBS",
    "EC2",
    "EFS",
    "EKS",
    "FSx",
    "Neptune",
    "RDS",
    "Redshift",
    "Redshift Serverless",
    "S3",
    "SAP HANA on Amazon EC2",
    "Storage Gateway",
    "Timestream",
    "VirtualMachine",
)
# Whose backups AWS Backup can manage fully or not, as the account likes (API reference, UpdateRegionSettings).
_MANAGED = {"CloudFormation": True, "DSQL": True, "DynamoDB": True, "EFS": True}


def is_opted_in(state: State, type: str) -> bool:
    return state.opted.get(type, True)


@operations.on("DescribeRegionSettings")
def describe_region_settings(call: Call) -> dict:
    state = store.of(call)
    return {
        "ResourceTypeOptInPreference": {type: is_opted_in(state, type) for type in _TYPES},
        "ResourceTypeManagementPreference": _MANAGED | state.managed,
    }


# https://docs.aws.amazon.com/aws-backup/latest/devguide/API_UpdateRegionSettings.html
@operations.on("UpdateRegionSettings")
def update_region_settings(call: Call) -> dict:
    state = store.of(call)
    opted, managed = call.get("ResourceTypeOptInPreference", {}), call.get("ResourceTypeManagementPreference", {})
    for type in (*opted, *managed):
        if type not in _TYPES or (type in managed and type not in _MANAGED):
            raise invalid(f"Invalid resource type {type}")  # own wording
    state.opted.update(opted)
    state.managed.update(managed)
    return {}


@operations.on("GetSupportedResourceTypes")
def get_supported_resource_types(call: Call) -> dict:
    return {"ResourceTypes": list(_TYPES)}

"""Aurora clusters: plain moto, which loses them when it refuses a change or is asked for the same one twice."""

from moto.secretsmanager.models import FakeSecret

from stack_local.core import Call, fault
from stack_local.rds.state import moto_backend, operations

# moto makes the secret of a cluster without it, and LocalStack lists it.
FakeSecret.last_accessed_date = None


def _backend(call: Call):
    return moto_backend(call.account, call.region)


def _missing(name: str):
    return fault("DBClusterNotFoundFault", f"DBCluster {name} not found.", 404)


def _taken():
    return fault("DBClusterAlreadyExistsFault", "DB Cluster already exists")


@operations.on("CreateDBCluster", "RestoreDBClusterFromSnapshot", "RestoreDBClusterToPointInTime")
def create_db_cluster(call: Call) -> dict:
    if call["DBClusterIdentifier"] in _backend(call).clusters:
        raise _taken()
    return call.stock()


@operations.on("ModifyDBCluster")
def modify_db_cluster(call: Call) -> dict:
    backend, name, new = _backend(call), call["DBClusterIdentifier"], call.get("NewDBClusterIdentifier")
    cluster = backend.clusters.get(name)
    if cluster is None:
        raise _missing(name)
    if new and new.lower() != name.lower() and new in backend.clusters:
        raise _taken()
    members = list(cluster._members)
    try:
        answer = call.stock()
    except Exception:
        # moto takes it out before it looks at the rest.
        backend.clusters[name] = cluster
        raise
    for member in members:
        member.db_cluster_identifier = cluster.db_cluster_identifier
    return answer

"""Database instances: moto's, with the states, the refusals and the pending changes that it lacks."""

import contextlib
import random
import string
import uuid

from moto.logs.models import logs_backends
from moto.rds.models import DBInstance, MasterUserSecret

from stack_local import interfaces, managed_secrets, service_roles, states
from stack_local.clock import clock
from stack_local.core import Call, fault
from stack_local.outcomes import outcomes
from stack_local.rds import point_in_time, snapshots
from stack_local.rds.engines import ENGINES, check_version, family_of, numbers
from stack_local.rds.groups import subnet_group_of
from stack_local.rds.state import leaving, moto_backend, operations
from stack_local.rds.state import state as _state
from stack_local.settling import settles

# What AWS puts off to the maintenance window unless it is to be applied at once.
_PUT_OFF = (
    "AllocatedStorage",
    "DBInstanceClass",
    "EngineVersion",
    "Iops",
    "MultiAZ",
    "StorageThroughput",
    "StorageType",
    "CACertificateIdentifier",
    "LicenseModel",
)


def _instance(call: Call, name: str):
    return moto_backend(call.account, call.region).databases.get(name)


def _key_arn(secret: MasterUserSecret) -> str:
    """moto looks the key up among its own, but KMS here is LocalStack's."""
    key, arn = secret.secret.kms_key_id or "alias/aws/secretsmanager", secret.secret.arn.split(":")
    return key if key.startswith("arn:") else f"arn:aws:kms:{arn[3]}:{arn[4]}:{key if key.startswith('alias/') else 'key/' + key}"


MasterUserSecret.kms_key_id = property(_key_arn)


def _bad_state(name: str, message: str = "is not in the available state."):
    return fault("InvalidDBInstanceState", f"Instance {name} {message}")


@operations.before_all
def _first(call: Call) -> None:
    settle(call.account, call.region)


@settles
def settle(account: str, region: str) -> None:
    state, backend = _state.at(account, region), moto_backend(account, region)
    snapshots.settle(account, region)
    for name, (status, timer) in list(state.under_way.items()):
        if not timer.done():
            continue
        del state.under_way[name]
        if fate := state.fates.pop(name, None):
            if status == "creating":
                state.failed[name] = fate
        elif status == "creating" and getattr(backend.databases.get(name), "backup_retention_period", 0):
            backup = clock.timer("rds.back-up")
            if not backup.done():
                state.under_way[name] = ("backing-up", backup)
        if status == "stopping":
            state.told[name] = "stopped"
        if status == "renaming":
            _rename(account, region, name, state.renames.pop(name))
        if name in state.promoted:
            _end_replication(backend.databases.get(name), state.promoted.pop(name))
        if status == "deleting":
            database = backend.databases.get(name)
            if database is not None:
                for told in leaving:
                    told(account, region, database)
                interfaces.release(account, region, _holder(database))
                database.deletion_protection = False
                backend.delete_db_instance(name, skip_final_snapshot=True)
            state.pending.pop(name, None)
            state.failed.pop(name, None)
            state.told.pop(name, None)


def _rename(account: str, region: str, name: str, renamed: str) -> None:
    """Ends a renaming: "All read replicas associated with a DB instance remain associated with that instance after it is renamed", "DB
    instance tags remain with the DB instance" (RDS user guide, USER_RenameInstance)."""
    state, databases = _state.at(account, region), moto_backend(account, region).databases
    database = databases.pop(name, None)
    if database is None:
        return
    databases[renamed] = database
    database.db_instance_identifier = renamed
    for kept in (state.pending, state.not_begun, state.failed, state.told):
        if name in kept:
            kept[renamed] = kept.pop(name)
    for other in databases.values():
        if other.is_replica and (other.source_db_instance_identifier or "").split(":")[-1] == name:
            other.source_db_instance_identifier = renamed


def _check_name(call: Call, name: str, renamed: str) -> None:
    """What AWS refuses as a new name: "You cannot use an existing DB instance name when renaming an instance" (as above)."""
    taken = {*moto_backend(call.account, call.region).databases, *_state.of(call).renames.values()}
    if renamed in taken and renamed != name:
        raise fault("DBInstanceAlreadyExists", "DB instance already exists")


def _shown(call: Call, view: dict) -> dict:
    state, name = _state.of(call), view["DBInstanceIdentifier"]
    status, _ = state.under_way.get(name, (state.failed.get(name) or state.told.get(name), None))
    if status:
        view["DBInstanceStatus"] = status
        if status == "creating" or name in state.failed:
            view.pop("Endpoint", None)
            view.pop("InstanceCreateTime", None)  # it is not created yet, and perhaps never will be
    database = _instance(call, name)
    if database is not None and not point_in_time.is_restorable(name, database, state):
        view.pop("LatestRestorableTime", None)
    view["PendingModifiedValues"] = dict(state.pending.get(name, {}))
    if database is not None and (replications := database.__dict__.get("stack_replications")):
        view["DBInstanceAutomatedBackupsReplications"] = replications
    return view


def _holder(database) -> str:
    """Whose its interfaces are: a database keeps them under another name."""
    return database.__dict__.setdefault("stack_holder", f"rds:{uuid.uuid4()}")


def _place(call: Call, name: str) -> None:
    """An interface in the first zone of the subnet group, and one in the second for the standby."""
    database = _instance(call, name)
    group = moto_backend(call.account, call.region).subnet_groups.get(subnet_group_of(database))
    if group is None:
        return
    subnets = sorted(group._subnets, key=lambda subnet: subnet.availability_zone)[: 2 if database.multi_az else 1]
    wanted = [interfaces.Wanted(subnet.id, tuple(database.vpc_security_group_ids)) for subnet in subnets]
    interfaces.hold(call.account, call.region, _holder(database), wanted, "RDSNetworkInterface", "amazon-rds")


@operations.on(
    "CreateDBInstance", "CreateDBInstanceReadReplica", "RestoreDBInstanceFromDBSnapshot", "RestoreDBInstanceToPointInTime"
)
def create_db_instance(call: Call) -> dict:
    service_roles.need(call, "rds.amazonaws.com")
    operation, engine = call.context.operation.name, call.get("Engine", "")
    if operation == "CreateDBInstance":
        check_version(engine, call.get("EngineVersion"))
        _check_password(call)
        # A member has its cluster's.
        if not any(call.get(name) for name in ("ManageMasterUserPassword", "MasterUserPassword", "DBClusterIdentifier")):
            raise fault("InvalidParameterValue", "The parameter MasterUserPassword must be provided and must not be blank.")
        if engine == "postgres" and call.get("MasterUsername") == "admin":
            raise fault(
                "InvalidParameterValue", "MasterUsername admin cannot be used as it is a reserved word used by the engine"
            )
        if engine in ENGINES and not 20 <= call.get("AllocatedStorage", 0) <= 65536:
            raise fault(
                "InvalidParameterValue",
                f"Invalid storage size for engine name {engine} and storage type {call.get('StorageType', 'gp2')}: {call.get('AllocatedStorage')}",
            )
        _check_volume(
            engine,
            call.get("StorageType", "gp2"),
            call.get("AllocatedStorage", 0),
            call.get("Iops"),
            call.get("StorageThroughput"),
        )
    for group in call.get("VpcSecurityGroupIds", []):
        if interfaces.backend(call.account, call.region).get_security_group_from_id(group) is None:
            raise fault("InvalidParameterValue", f"Invalid security group , groupId= {group}, groupName=.")
    if operation == "CreateDBInstanceReadReplica":
        _check_source(call)
    snapshot = snapshots.check(call) if operation == "RestoreDBInstanceFromDBSnapshot" else None
    source = point_in_time.check(call) if operation == "RestoreDBInstanceToPointInTime" else None
    version = call.get("EngineVersion")
    full = ENGINES.get(engine, {}).get(version)
    changed = {"DBSnapshotIdentifier": snapshot.arn} if snapshot else {"EngineVersion": full} if full else None
    changed = point_in_time.named(call) or changed
    with point_in_time.only_what_is_kept(call, source) if source else contextlib.nullcontext():
        answer = (
            call.moto({field: value for field, value in call.request.items() if value is not None} | changed)
            if changed
            else call.stock()
        )
    name = answer["DBInstance"]["DBInstanceIdentifier"]
    database = _instance(call, name)
    # moto's replica has whatever its source has; where backups are replicated to is not the replica's.
    database.__dict__.pop("stack_replications", None)
    answer["DBInstance"].pop("DBInstanceAutomatedBackupsReplications", None)
    # moto's is the same for all. "The Amazon Web Services Region-unique, immutable identifier" (API reference, DBInstance, DbiResourceId).
    database.dbi_resource_id = "db-" + "".join(random.choices(string.ascii_uppercase + "234567", k=26))
    answer["DBInstance"]["DbiResourceId"] = database.dbi_resource_id
    for taken in moto_backend(call.account, call.region).database_snapshots.values():
        if taken.db_instance_identifier == name and taken.snapshot_type == "automated":
            taken.dbi_resource_id = taken.database.dbi_resource_id = database.dbi_resource_id
    if operation == "RestoreDBInstanceToPointInTime":
        # moto has it follow what it was restored from.
        database.source_db_instance_identifier = None
        answer["DBInstance"].pop("ReadReplicaSourceDBInstanceIdentifier", None)
    if operation == "CreateDBInstanceReadReplica":
        _part(call, database)
        answer["DBInstance"].pop("MasterUserSecret", None)
        if _source(call)[2]:
            _place_elsewhere(call, database, answer["DBInstance"])
    if snapshot:
        snapshots.part(call, database, snapshot)
    if source and "stack_data" in source.__dict__:
        database.stack_data = source.stack_data
    if database.storage_encrypted and not call.get("KmsKeyId") and operation == "CreateDBInstance":
        # "If the StorageEncrypted parameter is enabled, and you do not specify a value for this parameter, then Amazon RDS uses your
        # default KMS key" (API reference, CreateDBInstance): AWS's own.
        database.kms_key_id = snapshots.key_arn(call.account, call.region, "alias/aws/rds")
        answer["DBInstance"]["KmsKeyId"] = database.kms_key_id
        # moto has taken the first backup already.
        for taken in moto_backend(call.account, call.region).database_snapshots.values():
            if taken.db_instance_identifier == name:
                taken.kms_key_id = taken.database.kms_key_id = database.kms_key_id
    _complete_secret(database)
    _stripe(call, database)
    answer["DBInstance"].update(_volume(database))
    _place(call, name)
    _state.of(call).under_way[name] = ("creating", clock.timer("rds.create-multi-az" if call.get("MultiAZ") else "rds.create"))
    view = _shown(call, answer["DBInstance"])
    view["DBInstanceStatus"] = "creating"
    if fate := outcomes.take(call.account, "rds.instance"):
        _state.of(call).fates[name] = fate
    return answer


def _is_managed(database) -> bool:
    return getattr(database, "master_user_secret", None) is not None


def _check_password(call: Call) -> None:
    password = call.get("MasterUserPassword")
    if password is None:
        return
    if call.get("ManageMasterUserPassword"):
        raise fault(
            "InvalidParameterCombination",
            "You can't specify MasterUserPassword for an instance with ManageMasterUserPassword enabled.",
        )
    if len(password) < 8:
        raise fault(
            "InvalidParameterValue",
            "The parameter MasterUserPassword is not a valid password because it is shorter than 8 characters.",
        )
    if set(password) & set('/@" ') or not password.isascii() or not password.isprintable():
        raise fault(
            "InvalidParameterValue",
            "The parameter MasterUserPassword is not a valid password. Only printable ASCII characters besides '/', '@', '\"', ' ' may be used.",
        )


def _check_new_password(call: Call, database) -> None:
    """Who keeps the password from now on, and whether that fits who keeps it now (API reference, ModifyDBInstance)."""
    _check_password(call)
    wanted, managed, password = call.get("ManageMasterUserPassword"), _is_managed(database), call.get("MasterUserPassword")
    if managed and wanted is None and password:
        raise fault(
            "InvalidParameterCombination",
            "You can't specify MasterUserPassword for an instance with ManageMasterUserPassword enabled.",
        )
    if managed and wanted is False and not password:
        # "If you turn off … you must specify MasterUserPassword"; own wording.
        raise fault(
            "InvalidParameterCombination", "You must specify MasterUserPassword when you disable ManageMasterUserPassword."
        )
    if wanted and not managed and database.replicas:
        # The same limitation from the other side; own wording.
        raise fault(
            "InvalidParameterCombination",
            f"ManageMasterUserPassword is not supported for an instance with read replicas and engine {database.engine}.",
        )
    if database.is_replica and (password or wanted):
        # "The password of a read replica is that of its source"; own wording.
        raise fault("InvalidParameterCombination", "You can't change the master user password of a read replica.")


def admits(account: str, region: str, name: str, user: str, password: str) -> bool:
    """Whether a database would let its master user in; a replica's is its source's."""
    databases = moto_backend(account, region).databases
    database = databases.get(name)
    while database is not None and database.is_replica:
        database = databases.get(database.source_db_instance_identifier.split(":")[-1])
    if database is None:
        return False
    kept = snapshots.password_of(database)
    return user == database.master_username and bool(kept) and password == kept


# From this size on gp3 is made of several volumes: https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/CHAP_Storage.html#gp3-storage
_STRIPED = 400


def _check_volume(engine: str, kind: str, size: int, iops: int | None, throughput: int | None) -> None:
    if engine not in ENGINES:
        return
    if kind == "gp3" and size < _STRIPED and (iops or throughput):
        raise fault(
            "InvalidParameterCombination",
            f"You can't specify IOPS or storage throughput for engine {engine} and a storage size less than {_STRIPED}.",
        )
    if kind == "gp3" and not (12000 <= (iops or 12000) <= 64000 and 500 <= (throughput or 500) <= 4000):
        raise fault(
            "InvalidParameterCombination",
            f"Invalid iops or storage throughput for engine name {engine} and storage type gp3: {iops}, {throughput}",
        )
    if (
        kind in ("io1", "io2")
        and iops
        and not (1000 <= iops <= 256000 and size / 2 <= iops <= size * (50 if kind == "io1" else 1000))
    ):
        raise fault(
            "InvalidParameterCombination",
            f"Invalid iops to storage ratio for engine name {engine} and storage type {kind}: {iops}/{size}",
        )


def _stripe(call: Call, database) -> None:
    """AWS returns the IOPS and the throughput of gp3 also where none were requested."""
    if database.storage_type != "gp3" or database.engine not in ENGINES:
        return
    baseline = (12000, 500) if database.allocated_storage >= _STRIPED else (3000, 125)
    database.iops = call.get("Iops") or max(database.iops or 0, baseline[0])
    database.storage_throughput = call.get("StorageThroughput") or max(database.storage_throughput or 0, baseline[1])


def _volume(database) -> dict:
    return (
        {"Iops": database.iops, "StorageThroughput": database.storage_throughput}
        if database.storage_type == "gp3" and database.iops
        else {}
    )


def _source(call: Call):
    """The database of which a replica is made, where it is, and whether that is another region: only its ARN names one of there
    (API reference, CreateDBInstanceReadReplica, SourceDBInstanceIdentifier)."""
    parts = call["SourceDBInstanceIdentifier"].split(":")
    region = parts[3] if len(parts) == 7 else call.region
    settle(call.account, region)
    return moto_backend(call.account, region).databases.get(parts[-1]), region, region != call.region


def _check_source(call: Call) -> None:
    name = call["SourceDBInstanceIdentifier"].split(":")[-1]
    source, region, is_elsewhere = _source(call)
    if source is None:
        raise fault("DBInstanceNotFound", f"DBInstance {name} not found.", 404)
    state = _state.at(call.account, region)
    if name in state.under_way or name in state.failed or name in state.told:
        raise _bad_state(name)
    if is_elsewhere:
        _check_elsewhere(call, source)
    if not source.backup_retention_period:
        raise fault(
            "InvalidDBInstanceState",
            "Automated backups are not enabled for this database instance. To enable automated backups, use ModifyDBInstance to set the backup retention period to a non-zero value.",
        )


def _check_elsewhere(call: Call, source) -> None:
    """What AWS refuses of a replica in another region."""
    key, group = call.get("KmsKeyId"), call.get("DBSubnetGroupName")
    if source.storage_encrypted and not key:
        # "If you create an encrypted read replica from an encrypted DB instance in a different Amazon Web Services Region, then you must
        # specify a KMS key for the destination" (API reference, CreateDBInstanceReadReplica, KmsKeyId); own wording.
        raise fault(
            "InvalidParameterCombination", "Must specify a KMS key of this region for a replica of an encrypted DB instance."
        )
    if key and key.startswith("arn:") and key.split(":")[3] != call.region:
        raise fault("KMSKeyNotAccessibleFault", f"The KMS key {key} does not exist, is not enabled or cannot be used.")
    if group and group not in moto_backend(call.account, call.region).subnet_groups:
        raise fault("DBSubnetGroupNotFoundFault", f"DB subnet group '{group}' does not exist.", 404)


def _place_elsewhere(call: Call, replica, answer: dict) -> None:
    """What a replica in another region has of its own: a key and AWS's parameters (as above)."""
    family = ".".join(str(number) for number in family_of(replica.engine, replica.engine_version))
    replica.db_parameter_group_name = f"default.{replica.engine}{family}"
    source, _, _ = _source(call)
    # moto takes the replica for one of its source's region.
    names = (replica.db_instance_identifier, answer["DBInstanceArn"])
    source.replicas = [name for name in source.replicas if name not in names] + [answer["DBInstanceArn"]]
    if key := call.get("KmsKeyId"):
        replica.kms_key_id = answer["KmsKeyId"] = snapshots.key_arn(call.account, call.region, key)


def _part(call: Call, replica) -> None:
    """moto's replica is a copy of its source: it has that one's tags, secret and protection."""
    replica.manage_master_user_password = False
    replica.__dict__.pop("master_user_secret", None)
    replica.tags = call.get("Tags", [])
    replica.deletion_protection = bool(call.get("DeletionProtection"))
    replica.backup_retention_period = 0
    replica.multi_az = bool(call.get("MultiAZ"))
    source, _, _ = _source(call)
    if "stack_data" in source.__dict__:
        replica.stack_data = source.stack_data


def _end_replication(replica, days: int) -> None:
    """A replica becomes a database of its own, with what it had received: here, all of it."""
    if replica is None or not replica.is_replica:
        return
    arn = replica.source_db_instance_identifier or ""
    backend = moto_backend(replica.account_id, arn.split(":")[3] if arn.startswith("arn:") else replica.region)
    source = backend.databases.get(arn.split(":")[-1])
    if source is not None:
        source.remove_replica(replica)
        if "stack_data" in source.__dict__:
            replica.stack_data = source.stack_data
    replica.is_replica, replica.source_db_instance_identifier, replica.backup_retention_period = False, None, days


def _remove_replica(source, replica) -> None:
    """moto looks for one of another region by its name alone."""
    names = (replica.db_instance_identifier, replica.db_instance_arn)
    source.replicas = [name for name in source.replicas if name not in names]


DBInstance.remove_replica = _remove_replica


@operations.on("PromoteReadReplica")
def promote_read_replica(call: Call) -> dict:
    """Takes some minutes and ends with a reboot, and backups begin
    (RDS user guide, USER_ReadRepl.Promote; API reference, BackupRetentionPeriod: "Default: 1")."""
    state, name = _state.of(call), call["DBInstanceIdentifier"]
    database = _instance(call, name)
    if database is None:
        raise fault("DBInstanceNotFound", f"DBInstance {name} not found.", 404)
    if name in state.under_way or name in state.failed or name in state.told:
        raise _bad_state(name)
    if not database.is_replica:
        # Own wording.
        raise fault("InvalidDBInstanceState", f"DB Instance {name} is not a read replica.")
    days = call.get("BackupRetentionPeriod")
    state.promoted[name] = 1 if days is None else days
    state.under_way[name] = ("modifying", clock.timer("rds.promote"))
    return _view(call, name)


def _complete_secret(database) -> None:
    if _is_managed(database):
        managed_secrets.complete(database.master_user_secret.secret, database.master_username)


def _publish(call: Call, view: dict) -> None:
    """A database that runs writes its logs, and RDS makes the groups that are missing, without tags and without an end of their
    lines (https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_LogAccess.Procedural.UploadtoCloudWatch.html)."""
    if view["DBInstanceStatus"] == "available":
        backend = logs_backends[call.account][call.region]
        for log in view.get("EnabledCloudwatchLogsExports", []):
            name = f"/aws/rds/instance/{view['DBInstanceIdentifier']}/{log}"
            if name not in backend.groups:
                backend.create_log_group(name, {})


@operations.on("DescribeDBInstances")
def describe_db_instances(call: Call) -> dict:
    answer, state = call.stock(), _state.of(call)
    for view in answer.get("DBInstances", []):
        _shown(call, view)
        _publish(call, view)
        name = view["DBInstanceIdentifier"]
        values, (doing, *_) = state.not_begun.pop(name, None), state.under_way.get(name, ("modifying",))
        if values is not None and doing in ("modifying", "renaming"):
            # For some seconds after the call AWS says `available` (hashicorp/terraform-provider-aws#1761), with what it has not begun
            # with in PendingModifiedValues, a password among it (API reference, ModifyDBInstance, MasterUserPassword).
            view["DBInstanceStatus"] = "available"
            view["PendingModifiedValues"] |= {
                field: value for field, value in values.items() if field != "ManageMasterUserPassword"
            }
            if values.get("ManageMasterUserPassword") and view.get("MasterUserSecret"):
                view["MasterUserSecret"] = view["MasterUserSecret"] | {"SecretStatus": "creating"}
    return answer


@operations.on("ModifyDBInstance")
def modify_db_instance(call: Call) -> dict:
    state, name = _state.of(call), call["DBInstanceIdentifier"]
    database = _instance(call, name)
    if database is None:
        return call.stock()  # which says what AWS says
    only_protection = not set(call.request) - {"DBInstanceIdentifier", "ApplyImmediately", "DeletionProtection"}
    if name in state.under_way or (name in state.failed and not only_protection):
        raise _bad_state(name)
    if state.told.get(name) == "stopped":
        # "You can't modify a stopped DB instance" (RDS user guide, USER_StopInstance, limitations): not even its protection.
        raise _bad_state(name)
    storage = call.get("AllocatedStorage")
    if name in state.told and not only_protection:
        if state.told[name] != "storage-full" or not storage or storage <= database.allocated_storage:
            raise _bad_state(name)
        del state.told[name]
    if storage is not None and storage < database.allocated_storage:
        raise fault(
            "InvalidParameterCombination",
            f"Invalid storage size for engine name {database.engine}: the allocated storage of a DB instance cannot be reduced.",
        )
    check_version(database.engine, call.get("EngineVersion"))
    if (version := call.get("EngineVersion")) and numbers(version) < numbers(database.engine_version)[: len(numbers(version))]:
        raise fault(
            "InvalidParameterCombination", f"Cannot upgrade {database.engine} from {database.engine_version} to {version}"
        )
    _check_new_password(call, database)
    _check_volume(
        database.engine,
        call.get("StorageType") or database.storage_type,
        storage or database.allocated_storage,
        call.get("Iops"),
        call.get("StorageThroughput"),
    )
    upgraded = version and family_of(database.engine, version) != family_of(database.engine, database.engine_version)
    if upgraded and database.is_replica and database.engine == "postgres":
        raise fault(
            "InvalidParameterCombination",
            f"A read replica of engine postgres is upgraded to a new major version together with its source: {name}",
        )
    request = {field: value for field, value in call.request.items() if value is not None}
    renamed = request.pop("NewDBInstanceIdentifier", "").lower()
    if renamed:
        _check_name(call, name, renamed)
    if storage and storage > database.allocated_storage:
        # API reference ModifyDBInstance, AllocatedStorage: less than 10 % more is rounded up to that.
        request["AllocatedStorage"] = max(storage, -(-database.allocated_storage * 11 // 10))
    if "EngineVersion" in request:
        request["EngineVersion"] = ENGINES.get(database.engine, {}).get(version, version)
    before = {
        "AllocatedStorage": database.allocated_storage,
        "DBInstanceClass": database.db_instance_class,
        "EngineVersion": database.engine_version,
        "MultiAZ": bool(database.multi_az),
        "Iops": database.iops,
        "StorageType": database.storage_type,
    }
    if call.get("ApplyImmediately"):
        request = {k: v for k, v in state.pending.pop(name, {}).items() if k in _PUT_OFF} | request
    else:
        later = {field: request.pop(field) for field in _PUT_OFF if field in request}
        waiting = state.pending.setdefault(name, {})
        for field, value in later.items():
            if before.get(field) == value:
                waiting.pop(field, None)  # set back to what it is
            else:
                waiting[field] = value
    answer = call.moto(request)
    if port := call.get("DBPortNumber"):
        # "your database restarts regardless of the value of the ApplyImmediately parameter" (API reference ModifyDBInstance).
        database.port = answer["DBInstance"]["Endpoint"]["Port"] = port
    _complete_secret(database)
    _stripe(call, database)
    answer["DBInstance"].update(_volume(database))
    if upgraded and "EngineVersion" in request and database.engine == "postgres":
        _upgrade_replicas(call, database)
    _place(call, name)
    # Deletion protection and the like change at once; what touches the instance takes its time.
    if any(
        field in request
        for field in (
            *_PUT_OFF,
            "DBPortNumber",
            "MasterUserPassword",
            "ManageMasterUserPassword",
            "DBParameterGroupName",
            "VpcSecurityGroupIds",
            "BackupRetentionPeriod",
        )
    ):
        state.under_way[name] = ("modifying", clock.timer("rds.modify"))
        state.not_begun[name] = _not_begun(request, before)
    if renamed and not call.get("ApplyImmediately"):
        # "or will occur during the next maintenance window if you disable ApplyImmediately" (API reference, ModifyDBInstance).
        state.pending.setdefault(name, {})["DBInstanceIdentifier"] = renamed
    elif renamed and renamed != name:
        state.under_way[name] = ("renaming", clock.timer("rds.rename"))
        state.renames[name] = renamed
        state.not_begun[name] = state.not_begun.get(name, {}) | {"DBInstanceIdentifier": renamed}
    _shown(call, answer["DBInstance"])
    return answer


def _not_begun(request: dict, before: dict) -> dict:
    """What a change asks for, as AWS returns it before it begins with that."""
    values = {
        field: request[field]
        for field in (*_PUT_OFF, "ManageMasterUserPassword")
        if field in request and request[field] != before.get(field)
    }
    if "DBPortNumber" in request:
        values["Port"] = request["DBPortNumber"]
    if "MasterUserPassword" in request:
        values["MasterUserPassword"] = "****"
    return values


def _upgrade_replicas(call: Call, source) -> None:
    """Those of PostgreSQL go with their source, with AWS's parameters of the new version."""
    for name, other in moto_backend(call.account, call.region).databases.items():
        if other.is_replica and (other.source_db_instance_identifier or "").split(":")[-1] == source.db_instance_identifier:
            other.engine_version = source.engine_version
            other.db_parameter_group_name = f"default.postgres{family_of('postgres', source.engine_version)[0]}"
            _state.of(call).under_way[name] = ("upgrading", clock.timer("rds.modify"))


@operations.on("StopDBInstance")
def stop_db_instance(call: Call) -> dict:
    state, name = _state.of(call), call["DBInstanceIdentifier"]
    database = _instance(call, name)
    if database is None:
        return call.stock()
    if name in state.under_way or name in state.failed or name in state.told:
        raise _bad_state(name)
    # "You can't stop a DB instance that has a read replica, or that is a read replica": in whatever region that is
    # (https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_StopInstance.html).
    if database.is_replica or database.replicas:
        # Own wording.
        raise fault("InvalidDBInstanceState", f"Cannot stop {name}: it is a read replica or the source of one.")
    state.under_way[name] = ("stopping", clock.timer("rds.stop"))
    return _view(call, name)


@operations.on("StartDBInstance")
def start_db_instance(call: Call) -> dict:
    state, name = _state.of(call), call["DBInstanceIdentifier"]
    if _instance(call, name) is None:
        return call.stock()
    if name in state.under_way or state.told.get(name) not in ("stopped", "inaccessible-encryption-credentials-recoverable"):
        raise _bad_state(name, "is not in stopped state.")
    del state.told[name]
    state.under_way[name] = ("starting", clock.timer("rds.start"))
    return _view(call, name)


def _view(call: Call, name: str) -> dict:
    state = _state.of(call)
    return {
        "DBInstance": {
            "DBInstanceIdentifier": name,
            "DBInstanceStatus": state.under_way[name][0],
            "DBInstanceArn": _instance(call, name).arn,
        }
    }


@states.of("rds.instance")
def _say(account: str, region: str, name: str, status: str) -> None:
    """Puts an instance into this state until it is ended as on AWS, or `available` is set."""
    state = _state.at(account, region)
    if name not in moto_backend(account, region).databases:
        raise ValueError(f"there is no database {name} in {account}, {region}")
    state.told.pop(name, None)
    if status != "available":
        state.told[name] = status


@operations.on("DeleteDBInstance")
def delete_db_instance(call: Call) -> dict:
    state, name, backend = _state.of(call), call["DBInstanceIdentifier"], moto_backend(call.account, call.region)
    database = _instance(call, name)
    if database is None:
        return call.stock()
    if state.under_way.get(name, ("",))[0] == "deleting":
        raise _bad_state(name, "is already being deleted.")
    if database.deletion_protection:
        raise fault(
            "InvalidParameterCombination",
            "Cannot delete protected DB Instance, please disable deletion protection and try again.",
        )
    final, skip = call.get("FinalDBSnapshotIdentifier"), bool(call.get("SkipFinalSnapshot"))
    if not final and not skip:
        raise fault("InvalidParameterCombination", "FinalDBSnapshotIdentifier is required unless SkipFinalSnapshot is specified.")
    if final and skip:
        raise fault(
            "InvalidParameterCombination", "FinalDBSnapshotIdentifier can not be specified when deleting with SkipFinalSnapshot."
        )
    if final and database.is_replica:
        raise fault(
            "InvalidParameterCombination", "FinalDBSnapshotIdentifier can not be specified when deleting a replica instance."
        )
    if final and name in state.failed:
        raise _bad_state(name, "cannot be snapshotted in its current state; it can only be deleted with SkipFinalSnapshot.")
    if final:
        if final in backend.database_snapshots:
            raise fault(
                "DBSnapshotAlreadyExists",
                f"Cannot create the snapshot because a snapshot with the identifier {final} already exists.",
            )
        kept = backend.create_db_snapshot(
            name, final, snapshot_type="manual", tags=list(database.tags) if database.copy_tags_to_snapshot else None
        )
        kept.database.stack_password = snapshots.password_of(database)
    state.fates.pop(name, None)
    state.told.pop(name, None)
    state.under_way[name] = ("deleting", clock.timer("rds.delete"))
    return {
        "DBInstance": {
            "DBInstanceIdentifier": name,
            "DBInstanceStatus": "deleting",
            "DBInstanceArn": database.arn,
            "Engine": database.engine,
            "DeletionProtection": False,
        }
    }


@operations.on("DescribeAccountAttributes")
def describe_account_attributes(call: Call) -> dict:
    backend = moto_backend(call.account, call.region)
    # The defaults (https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/CHAP_Limits.html).
    known = (("DBInstances", backend.databases, 40), ("EventSubscriptions", backend.event_subscriptions, 20))
    return {"AccountQuotas": [{"AccountQuotaName": name, "Used": len(used), "Max": most} for name, used, most in known]}

"""Route 53: LocalStack's own, with what AWS refuses of records of one name that lead to several places.

https://docs.aws.amazon.com/Route53/latest/APIReference/API_ResourceRecordSet.html: "You can't create a simple record and a non-simple record
with the same name and type", one PRIMARY and one SECONDARY of a name and type, and no two routing policies. Own wording.
"""

from moto.route53.models import FakeZone, Route53Backend

from stack_local import health_checks
from stack_local.core import Operations, fault

operations = Operations("route53")
operations.on("CreateHealthCheck")(health_checks.create)
operations.on("UpdateHealthCheck")(health_checks.update)
operations.on("DeleteHealthCheck")(health_checks.delete)
operations.on("GetHealthCheck")(health_checks.get)
operations.on("ListHealthChecks")(health_checks.listed)
operations.on("GetHealthCheckStatus")(health_checks.status)
operations.on("ChangeTagsForResource")(health_checks.change_tags)
operations.on("ListTagsForResource")(health_checks.tags_of)
operations.on("ListTagsForResources")(health_checks.tags_of_many)

_stock = Route53Backend.change_resource_record_sets


def _policy(record: dict) -> str:
    kinds = {"Failover": "failover", "Region": "latency", "Weight": "weighted", "GeoLocation": "geolocation"}
    # moto has 0 and empty lists for what was not said.
    named = [name for field, name in kinds.items() if record.get(field)]
    return named[0] if named else "multivalue" if record.get("MultiValueAnswer") else "simple"


def _of(rrset) -> dict:
    return {
        "Name": rrset.name,
        "Type": rrset.type_,
        "SetIdentifier": rrset.set_identifier,
        "Failover": rrset.failover,
        "Region": rrset.region,
        "Weight": rrset.weight,
        "GeoLocation": rrset.geo_location,
        "MultiValueAnswer": rrset.multi_value,
    }


def _key(record: dict) -> tuple[str, str]:
    return record["Name"].rstrip(".").lower(), record["Type"]


def _refuse(text: str):
    return fault("InvalidChangeBatch", text)


def _check(account: str, zone: FakeZone, changes: list[dict]) -> None:
    """Looks at the zone as it would be after each change."""
    there = [_of(rrset) for rrset in zone.rrsets]
    for change in changes:
        wanted, action = change["ResourceRecordSet"], change["Action"]
        policy, name = _policy(wanted), wanted["Name"]
        same = [one for one in there if _key(one) == _key(wanted)]
        own = [one for one in same if one.get("SetIdentifier") == wanted.get("SetIdentifier")]
        if action in ("DELETE", "UPSERT"):
            there = [one for one in there if one not in own]
            same = [one for one in same if one not in own]
        if action == "DELETE":
            continue
        # https://docs.aws.amazon.com/Route53/latest/APIReference/API_ChangeResourceRecordSets.html, errors.
        if (check := wanted.get("HealthCheckId")) and not health_checks.exists(account, check):
            raise fault("NoSuchHealthCheck", f"No health check exists with the specified ID {check}.", 404)
        if policy != "simple" and not wanted.get("SetIdentifier"):
            raise _refuse(f"Missing field 'SetIdentifier' in Change with [Action={action}, Name={name}, Type={wanted['Type']}]")
        if own and action == "CREATE":
            raise _refuse(f"Tried to create resource record set [name='{name}', type='{wanted['Type']}'] but it already exists")
        for other in same:
            if _policy(other) != policy:
                raise _refuse(
                    f"RRSet with DNS name {name}, type {wanted['Type']}, SetIdentifier {wanted.get('SetIdentifier')} cannot be created"
                    f" because one with the routing policy {_policy(other)} exists with the same name and type."
                )
            if policy == "failover" and other["Failover"] == wanted["Failover"]:
                raise _refuse(
                    f"RRSet with DNS name {name}, type {wanted['Type']} cannot be created: there is a {wanted['Failover']} one."
                )
        there.append(wanted)


def _change(backend: Route53Backend, zoneid: str, change_list: list[dict]) -> None:
    zone = backend.get_hosted_zone(zoneid)
    _check(backend.account_id, zone, change_list)
    rest = []
    for change in change_list:
        record = change["ResourceRecordSet"]
        if change["Action"] != "DELETE" or not record.get("SetIdentifier"):
            rest.append(change)
            continue
        # moto deletes what has this identifier under any name.
        gone = [one for one in zone.rrsets if (_key(_of(one)), one.set_identifier) == (_key(record), record["SetIdentifier"])]
        if not gone:
            raise _refuse(
                f"Tried to delete resource record set [name='{record['Name']}', type='{record['Type']}'] but it was not found"
            )
        zone.rrsets = [one for one in zone.rrsets if one not in gone]
    for change in rest:
        _forget(zone, change)
    if rest:
        _stock(backend, zoneid, rest)


def _forget(zone: FakeZone, change: dict) -> None:
    """moto refuses a record that was created before with the same values, although it was changed or deleted since."""
    record = change["ResourceRecordSet"]
    same = change | {"ResourceRecordSet": record | {"Name": record["Name"].strip(".")}}
    if change["Action"] == "CREATE":
        zone.rr_changes[:] = [one for one in zone.rr_changes if one != same]


Route53Backend.change_resource_record_sets = _change

"""Invalidations, which take their time and throw nothing away."""

import copy

from stack_local.clock import clock
from stack_local.cloudfront.state import Distribution, operations, state_of
from stack_local.core import Call, fault, hex_id, now


@operations.on("CreateInvalidation")
def create_invalidation(call: Call) -> dict:
    kept = state_of(call).distributions.get(call["DistributionId"])
    if kept is None:
        raise fault("NoSuchDistribution", "The specified distribution does not exist.", status=404)
    batch = copy.deepcopy(call["InvalidationBatch"])
    paths = batch["Paths"].get("Items") or []
    if not paths or len(paths) != batch["Paths"]["Quantity"]:
        raise fault("InconsistentQuantities", "The value of Quantity and the size of Items don't match.")
    if any(not path.startswith("/") or "*" in path[:-1] for path in paths):
        raise fault("InvalidArgument", "Your request contains one or more invalid invalidation paths.")
    for view, timer in kept.invalidations.values():
        if view["InvalidationBatch"]["CallerReference"] == batch["CallerReference"]:
            if view["InvalidationBatch"] != batch:
                raise fault(
                    "InvalidArgument",
                    "Your request contains a caller reference that was used for a previous invalidation batch for the same distribution.",
                )
            return _invalidation_answer(kept, view, "Completed" if timer.done() else "InProgress")
    view = {"Id": f"I{hex_id(13).upper()}", "CreateTime": now(), "InvalidationBatch": batch}
    kept.invalidations[view["Id"]] = (view, clock.timer("cloudfront.invalidate"))
    return _invalidation_answer(kept, view, "InProgress")


def _invalidation_answer(kept: Distribution, view: dict, status: str) -> dict:
    location = f"https://cloudfront.amazonaws.com/2020-05-31/distribution/{kept.id}/invalidation/{view['Id']}"
    return {"Location": location, "Invalidation": view | {"Status": status}}


@operations.on("GetInvalidation")
def get_invalidation(call: Call) -> dict:
    kept = state_of(call).distributions.get(call["DistributionId"])
    if kept is None or call["Id"] not in kept.invalidations:
        raise fault("NoSuchInvalidation", "The specified invalidation does not exist.", status=404)
    view, timer = kept.invalidations[call["Id"]]
    return {"Invalidation": view | {"Status": "Completed" if timer.done() else "InProgress"}}


@operations.on("ListInvalidations")
def list_invalidations(call: Call) -> dict:
    kept = state_of(call).distributions.get(call["DistributionId"])
    views = [
        {"Id": v["Id"], "CreateTime": v["CreateTime"], "Status": "Completed" if t.done() else "InProgress"}
        for v, t in (kept.invalidations.values() if kept else [])
    ]
    return {"InvalidationList": {"Marker": "", "MaxItems": 100, "IsTruncated": False, "Quantity": len(views), "Items": views}}

"""What can be asked of the local AWS that AWS itself has no word for: its speed."""

import json

from localstack.http import Request, Response
from localstack.runtime import hooks

from stack_local.clock import clock, parse_scale


def time_scale(request: Request, **_) -> Response:
    if request.method == "POST":
        try:
            clock.set_scale(parse_scale(json.loads(request.get_data())["scale"]))
        except (ValueError, TypeError, KeyError) as error:
            return Response(json.dumps({"message": f'expected {{"scale": 0.01}}: {error}'}), status=400, mimetype="application/json")
    return Response(json.dumps({"scale": clock.scale}), mimetype="application/json")


@hooks.on_infra_start()
def add_routes():
    from localstack.services.edge import ROUTER

    ROUTER.add("/_stack/time-scale", time_scale, methods=["GET", "POST"])

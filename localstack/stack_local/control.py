"""What can be asked of the local AWS that AWS itself has no word for: its speed, its quotas, what is to fail, whom a database lets in and what it holds."""

import json

from localstack.http import Request, Response
from localstack.runtime import hooks

from stack_local import states
from stack_local.clock import clock, parse_scale
from stack_local.core import world
from stack_local.loading import load_whole
from stack_local.outcomes import outcomes
from stack_local.pages import serve_pages
from stack_local.quotas import quotas
from stack_local.refusals import refuse_what_aws_refuses
from stack_local.throttling import throttling


def time_scale(request: Request, **_) -> Response:
    if request.method == "POST":
        try:
            clock.set_scale(parse_scale(json.loads(request.get_data())["scale"]))
        except (ValueError, TypeError, KeyError) as error:
            return Response(
                json.dumps({"message": f'expected {{"scale": 0.01}}: {error}'}), status=400, mimetype="application/json"
            )
    return Response(json.dumps({"scale": clock.scale}), mimetype="application/json")


def quotas_in_force(request: Request, **_) -> Response:
    if request.method == "POST":
        try:
            quotas.change(json.loads(request.get_data()))
        except (ValueError, TypeError) as error:
            return Response(
                json.dumps({"message": f'expected "aws", "none" or {{"rules-per-balancer": 1000}}: {error}'}),
                status=400,
                mimetype="application/json",
            )
    return Response(json.dumps(quotas.most), mimetype="application/json")


def throttling_in_force(request: Request, **_) -> Response:
    try:
        refused = throttling.change(json.loads(request.get_data()))
    except (ValueError, TypeError) as error:
        expected = 'expected {"account": "000000000000", "in_force": true}'
        return Response(json.dumps({"message": f"{expected}: {error}"}), status=400, mimetype="application/json")
    return Response(json.dumps(refused), mimetype="application/json")


def outcomes_to_come(request: Request, **_) -> Response:
    if request.method == "POST":
        try:
            outcomes.change(json.loads(request.get_data()))
        except (ValueError, TypeError) as error:
            expected = 'expected {"account": "000000000000", "rds.instance": "incompatible-network", "times": 1}'
            return Response(json.dumps({"message": f"{expected}: {error}"}), status=400, mimetype="application/json")
    return Response(json.dumps(outcomes.shown()), mimetype="application/json")


def login(request: Request, **_) -> Response:
    """Nothing listens behind a database's address here; whether it would accept a login can be asked all the same."""
    from stack_local import rds  # only when it is asked: moto's backends are slow to import

    try:
        asked = json.loads(request.get_data())
        welcome = rds.admits(asked["account"], asked["region"], asked["database"], asked["user"], asked["password"])
    except (ValueError, TypeError, KeyError) as error:
        expected = 'expected {"account": "000000000000", "region": "us-east-1", "database": "…", "user": "…", "password": "…"}'
        return Response(json.dumps({"message": f"{expected}: {error}"}), status=400, mimetype="application/json")
    return Response(json.dumps({"welcome": welcome}), mimetype="application/json")


def kept_data(request: Request, **_) -> Response:
    """Nothing is kept in a database here; that its data went into another one can be shown all the same."""
    from stack_local import rds

    try:
        asked = json.loads(request.get_data())
        with world:
            kept = rds.data(asked["account"], asked["region"], asked["database"], asked.get("data"))
    except (ValueError, TypeError, KeyError) as error:
        expected = (
            'expected {"account": "000000000000", "region": "us-east-1", "database": "…", "data": "…"} of a database that exists'
        )
        return Response(json.dumps({"message": f"{expected}: {error}"}), status=400, mimetype="application/json")
    return Response(json.dumps({"data": kept}), mimetype="application/json")


def said_states(request: Request, **_) -> Response:
    from stack_local import rds, sso, wafv2  # noqa: F401  whose states can be said

    try:
        with world:
            states.say(json.loads(request.get_data()))
    except (ValueError, TypeError) as error:
        expected = 'expected {"account": "000000000000", "region": "us-east-1", "rds.instance": {"shop-main": "storage-full"}}'
        return Response(json.dumps({"message": f"{expected}: {error}"}), status=400, mimetype="application/json")
    return Response("{}", mimetype="application/json")


def registry(request: Request, path: str = "", **_) -> Response:
    """What ECR's registry answers to those who pull an image."""
    from stack_local import ecr

    return ecr.read(request, path)


def waf_samples(request: Request, **_) -> Response:
    """No request passes a web ACL here; what one saw can be said all the same."""
    from stack_local import wafv2

    try:
        with world:
            wafv2.say_samples(json.loads(request.get_data()))
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        expected = 'expected {"account": "000000000000", "arn": "arn:aws:wafv2:…", "metric": "…", "requests": [{"ip": "192.0.2.1", "action": "BLOCK"}]}'
        return Response(json.dumps({"message": f"{expected}: {error}"}), status=400, mimetype="application/json")
    return Response("{}", mimetype="application/json")


def spend(request: Request, **_) -> Response:
    """Nothing is spent here; what an account has spent can be said all the same."""
    from stack_local import ce

    try:
        with world:
            ce.say_spend(json.loads(request.get_data()))
    except (ValueError, TypeError, KeyError, AttributeError, ArithmeticError) as error:
        expected = (
            'expected {"account": "000000000000", "spend": [{"day": "2026-11-03", "service": "AWS Lambda", "usd": "1.25"}]}'
        )
        return Response(json.dumps({"message": f"{expected}: {error}"}), status=400, mimetype="application/json")
    return Response("{}", mimetype="application/json")


@hooks.on_infra_start()
def add_routes():
    from localstack.services.edge import ROUTER

    ROUTER.add("/_stack/time-scale", time_scale, methods=["GET", "POST"])
    ROUTER.add("/_stack/quotas", quotas_in_force, methods=["GET", "POST"])
    ROUTER.add("/_stack/throttling", throttling_in_force, methods=["POST"])
    ROUTER.add("/_stack/outcomes", outcomes_to_come, methods=["GET", "POST"])
    ROUTER.add("/_stack/login", login, methods=["POST"])
    ROUTER.add("/_stack/data", kept_data, methods=["POST"])
    ROUTER.add("/_stack/states", said_states, methods=["POST"])
    ROUTER.add("/v2/", registry, methods=["GET", "HEAD"])
    ROUTER.add("/v2/<path:path>", registry, methods=["GET", "HEAD"])
    ROUTER.add("/_stack/waf-samples", waf_samples, methods=["POST"])
    ROUTER.add("/_stack/spend", spend, methods=["POST"])
    serve_pages()
    load_whole()
    refuse_what_aws_refuses()

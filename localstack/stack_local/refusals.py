"""Refuses what AWS refuses beyond its models, whichever service it is for: the table of `rules.py` in front of every operation."""

from localstack.aws import handlers

from stack_local.core import fault, world
from stack_local.rules import Ask, Memory, is_learned, learn, rules_for
from stack_local.throttling import throttling

_memory = Memory()


def _ask(context) -> Ask | None:
    if not context.service or not context.operation or context.is_internal_call:
        return None
    return Ask(
        context.service.service_name,
        context.operation.name,
        context.service_request or {},
        context.account_id,
        context.region,
        _memory,
    )


def _refuse(_chain, context, _response) -> None:
    ask = _ask(context)
    if ask and throttling.refuses(context.account_id, context.region, ask.service, context.operation.name):
        raise fault("ThrottlingException", "Rate exceeded")
    if ask is None or not (rules := rules_for(ask)):
        return
    with world:
        for rule in rules:
            if not rule.pending and (words := rule.refuses(ask)):
                raise fault(rule.code(ask.service), words, rule.status)


def _learn(_chain, context, _response) -> None:
    ask = _ask(context)
    if ask and is_learned(ask.name) and context.service_exception is None:
        with world:
            learn(ask, context.service_response or {})


def refuse_what_aws_refuses() -> None:
    handlers.serve_custom_service_request_handlers.append(_refuse)
    handlers.run_custom_response_handlers.append(_learn)

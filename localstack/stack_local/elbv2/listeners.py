"""Listeners and their certificates."""

import copy

from stack_local import certificates as issued
from stack_local.core import Call, fault, hex_id
from stack_local.elbv2.actions import read_actions
from stack_local.elbv2.attributes import LISTENER_ATTRIBUTES, LISTENER_HEADERS, MTLS_HEADERS
from stack_local.elbv2.state import (
    State,
    check_groups_of,
    check_tags,
    find,
    invalid,
    listener_of,
    no_balancer,
    no_listener,
    operations,
    paged,
    shown,
    store,
)
from stack_local.quotas import quotas


def _default_rule(state: State, listener_arn: str) -> dict:
    return next(rule for rule in state.rules.values() if rule["IsDefault"] and listener_of(rule["RuleArn"]) == listener_arn)


def _check_listener(balancer: dict, protocol: str | None, port: int | None, certificates) -> None:
    allowed = ("HTTP", "HTTPS") if balancer["Type"] == "application" else ("TCP", "TLS", "UDP", "TCP_UDP")
    if protocol is None:
        raise invalid("A listener protocol must be specified")
    if port is None:
        raise invalid("A listener port must be specified")
    if protocol not in allowed:
        raise invalid(f"Protocol '{protocol}' must be one of '{', '.join(allowed)}'")
    if protocol in ("HTTPS", "TLS") and not certificates:
        raise invalid(
            "A certificate must be specified for HTTPS listeners"
            if protocol == "HTTPS"
            else "A certificate must be specified for TLS listeners"
        )
    if protocol in ("HTTP", "TCP") and certificates:
        raise invalid(f"Certificates cannot be specified for {protocol} listeners")
    for certificate in certificates or []:
        if not issued.is_seen("elbv2", certificate["CertificateArn"]):
            raise fault("CertificateNotFound", f"Certificate '{certificate['CertificateArn']}' not found")


@operations.on("CreateListener")
def create_listener(call: Call) -> dict:
    state = store.of(call)
    balancer = find(state.balancers, call["LoadBalancerArn"], no_balancer)
    protocol, port = call.get("Protocol"), call.get("Port")
    _check_listener(balancer, protocol, port, call.get("Certificates"))
    for other in state.listeners.values():
        if other["LoadBalancerArn"] == balancer["LoadBalancerArn"] and other["Port"] == port:
            raise fault(
                "DuplicateListener",
                f"A listener already exists on this port for this load balancer '{balancer['LoadBalancerArn']}'",
            )
    tags, actions = check_tags(call.get("Tags")), read_actions(call, call["DefaultActions"])
    listeners = [other for other in state.listeners.values() if other["LoadBalancerArn"] == balancer["LoadBalancerArn"]]
    if quotas.exceeded("listeners-per-balancer", len(listeners) + 1):
        raise fault(
            "TooManyListeners",
            f"The maximum number of listeners has been reached on load balancer '{balancer['LoadBalancerArn']}'",
        )
    check_groups_of(state, balancer, actions)
    arn = f"{balancer['LoadBalancerArn'].replace(':loadbalancer/', ':listener/')}/{hex_id(16)}"
    listener = {
        "ListenerArn": arn,
        "LoadBalancerArn": balancer["LoadBalancerArn"],
        "Port": port,
        "Protocol": protocol,
        "DefaultActions": actions,
    }
    if protocol in ("HTTPS", "TLS"):
        listener["Certificates"] = [{"CertificateArn": call["Certificates"][0]["CertificateArn"]}]
        listener["SslPolicy"] = call.get("SslPolicy", "ELBSecurityPolicy-2016-08")
    if protocol == "HTTPS":
        listener["MutualAuthentication"] = call.get("MutualAuthentication", {"Mode": "off"})
    if call.get("AlpnPolicy"):
        listener["AlpnPolicy"] = call["AlpnPolicy"]
    rule = {
        "RuleArn": f"{arn.replace(':listener/', ':listener-rule/')}/{hex_id(16)}",
        "Priority": "default",
        "Conditions": [],
        "Actions": actions,
        "IsDefault": True,
    }
    state.listeners[arn], state.tags[arn], state.certificates[arn] = listener, tags, []
    state.rules[rule["RuleArn"]], state.tags[rule["RuleArn"]] = rule, {}
    if protocol in ("HTTP", "HTTPS"):
        state.attributes[arn] = LISTENER_ATTRIBUTES["HTTP"] | dict.fromkeys(
            LISTENER_HEADERS + (MTLS_HEADERS if protocol == "HTTPS" else []), ""
        )
    else:
        state.attributes[arn] = dict(LISTENER_ATTRIBUTES["TCP"] if protocol == "TCP" else {})
    return {"Listeners": [shown(listener)]}


@operations.on("DescribeListeners")
def describe_listeners(call: Call) -> dict:
    state = store.of(call)
    if arns := call.get("ListenerArns"):
        chosen = [find(state.listeners, arn, no_listener) for arn in arns]
    elif balancer := call.get("LoadBalancerArn"):
        find(state.balancers, balancer, no_balancer)
        chosen = [listener for listener in state.listeners.values() if listener["LoadBalancerArn"] == balancer]
    else:
        raise invalid("You must specify either listener ARNs or a load balancer ARN")
    return paged(call, "Listeners", chosen)


@operations.on("ModifyListener")
def modify_listener(call: Call) -> dict:
    state = store.of(call)
    listener = find(state.listeners, call["ListenerArn"], no_listener)
    changed = copy.deepcopy(listener)
    for field in ("Port", "Protocol", "SslPolicy", "MutualAuthentication", "AlpnPolicy"):
        if call.get(field) is not None:
            changed[field] = call[field]
    if call.get("Certificates"):
        changed["Certificates"] = [{"CertificateArn": call["Certificates"][0]["CertificateArn"]}]
    if changed["Protocol"] in ("HTTP", "TCP"):
        for field in ("SslPolicy", "MutualAuthentication") + (() if call.get("Certificates") else ("Certificates",)):
            changed.pop(field, None)
    else:
        changed.setdefault("SslPolicy", "ELBSecurityPolicy-2016-08")
    _check_listener(
        state.balancers[listener["LoadBalancerArn"]], changed["Protocol"], changed["Port"], changed.get("Certificates")
    )
    for other in state.listeners.values():
        if other is not listener and other["LoadBalancerArn"] == listener["LoadBalancerArn"] and other["Port"] == changed["Port"]:
            raise fault(
                "DuplicateListener",
                f"A listener already exists on this port for this load balancer '{listener['LoadBalancerArn']}'",
            )
    if call.get("DefaultActions"):
        changed["DefaultActions"] = read_actions(call, call["DefaultActions"])
        rule = _default_rule(state, listener["ListenerArn"])
        check_groups_of(state, state.balancers[listener["LoadBalancerArn"]], changed["DefaultActions"], instead_of=rule)
        rule["Actions"] = changed["DefaultActions"]
    listener.clear()
    listener.update(changed)
    return {"Listeners": [shown(listener)]}


def drop_listener(state: State, arn: str) -> None:
    for rule_arn in [r for r in state.rules if listener_of(r) == arn]:
        del state.rules[rule_arn]
        state.tags.pop(rule_arn, None)
    for kept in (state.listeners, state.attributes, state.tags, state.certificates):
        kept.pop(arn, None)


@operations.on("DeleteListener")
def delete_listener(call: Call) -> dict:
    state = store.of(call)
    find(state.listeners, call["ListenerArn"], no_listener)
    drop_listener(state, call["ListenerArn"])
    return {}


@operations.on("DescribeListenerCertificates")
def describe_listener_certificates(call: Call) -> dict:
    state = store.of(call)
    listener = find(state.listeners, call["ListenerArn"], no_listener)
    default = [{"CertificateArn": c["CertificateArn"], "IsDefault": True} for c in listener.get("Certificates", [])]
    return {
        "Certificates": default + [{"CertificateArn": arn, "IsDefault": False} for arn in state.certificates[call["ListenerArn"]]]
    }


@operations.on("AddListenerCertificates")
def add_listener_certificates(call: Call) -> dict:
    state = store.of(call)
    find(state.listeners, call["ListenerArn"], no_listener)
    kept = state.certificates[call["ListenerArn"]]
    kept += [c["CertificateArn"] for c in call["Certificates"] if c["CertificateArn"] not in kept]
    return {"Certificates": [{"CertificateArn": arn, "IsDefault": False} for arn in kept]}


@operations.on("RemoveListenerCertificates")
def remove_listener_certificates(call: Call) -> dict:
    state = store.of(call)
    listener = find(state.listeners, call["ListenerArn"], no_listener)
    gone = {c["CertificateArn"] for c in call["Certificates"]}
    if gone & {c["CertificateArn"] for c in listener.get("Certificates", [])}:
        raise fault("OperationNotPermitted", "Default certificate cannot be removed")
    state.certificates[call["ListenerArn"]] = [arn for arn in state.certificates[call["ListenerArn"]] if arn not in gone]
    return {}


def uses_certificate(account: str, region: str, arn: str) -> list[str]:
    """The load balancers with a listener that serves with this certificate."""
    state = store.at(account, region)
    return sorted(
        {
            listener["LoadBalancerArn"]
            for listener in state.listeners.values()
            if arn
            in [c["CertificateArn"] for c in listener.get("Certificates", [])]
            + state.certificates.get(listener["ListenerArn"], [])
        }
    )

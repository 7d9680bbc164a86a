"""Network interfaces that AWS services put into subnets.

On AWS almost every refusal to delete something in a network comes from an interface that is still there. So
balancers, tasks, databases and caches hold real interfaces (moto's), and EC2 only has to look at those.
"""

import ipaddress
from dataclasses import dataclass

from moto.ec2.models import ec2_backends
from moto.ec2.utils import random_public_ip

from stack_local.core import Store, fault


@dataclass(frozen=True)
class Wanted:
    subnet: str
    groups: tuple[str, ...]
    public: bool = False


class _Held:
    def __init__(self):
        self.of: dict[str, list] = {}  # owner: its interfaces
        self.leaving: list[tuple] = []  # (timer, interface)


_held = Store(_Held)


def backend(account: str, region: str):
    return ec2_backends[account][region]


def subnet(account: str, region: str, subnet_id: str):
    """A subnet, or None."""
    for by_id in backend(account, region).subnets.values():
        if subnet_id in by_id:
            return by_id[subnet_id]
    return None


def free_address(subnet) -> str:
    """The lowest private address of a subnet that nothing has, leaving out the five that AWS keeps."""
    taken = {
        address["PrivateIpAddress"]
        for eni in subnet.ec2_backend.enis.values()
        if eni.subnet is subnet
        for address in eni.private_ip_addresses
    }
    network = ipaddress.ip_network(subnet.cidr_block)
    for offset in range(4, network.num_addresses - 1):
        address = str(network[offset])
        if address not in taken:
            return address
    raise fault("InsufficientFreeAddressesInSubnet", f"The specified subnet {subnet.id} does not have enough free addresses.")


def hold(
    account: str, region: str, owner: str, wanted: list[Wanted], description: str, requester: str, kind: str = "interface"
) -> list:
    """Makes the owner's interfaces those wanted, keeping the ones it has where they fit."""
    ec2, held = backend(account, region), _held.at(account, region)
    spare = list(held.of.get(owner, []))
    mine = []
    for want in wanted:
        place = subnet(account, region, want.subnet)
        if place is None:
            continue
        eni = next((eni for eni in spare if eni.subnet.id == want.subnet), None)
        if eni is None:
            eni = ec2.create_network_interface(place, free_address(place), group_ids=list(want.groups), description=description)
            eni.requester_managed, eni.requester_id, eni.status, eni.interface_type = True, requester, "in-use", kind
        else:
            spare.remove(eni)
        if want.groups:
            eni._group_set = [group for group in map(ec2.get_security_group_from_id, want.groups) if group]
        else:
            eni._group_set = []
        if want.public and not eni.public_ip:
            eni.public_ip = random_public_ip()
        mine.append(eni)
    for eni in spare:
        ec2.enis.pop(eni.id, None)
    held.of[owner] = mine
    return mine


def release(account: str, region: str, owner: str, timer=None) -> None:
    """Gives the owner's interfaces back, at once or when the timer says so."""
    held = _held.at(account, region)
    for eni in held.of.pop(owner, []):
        held.leaving.append((timer, eni))
    settle(account, region)


def settle(account: str, region: str) -> None:
    held = _held.at(account, region)
    staying = []
    for timer, eni in held.leaving:
        if timer is None or timer.done():
            backend(account, region).enis.pop(eni.id, None)
        else:
            staying.append((timer, eni))
    held.leaving = staying


def is_held(account: str, region: str, eni_id: str) -> bool:
    held = _held.at(account, region)
    return any(eni.id == eni_id for mine in held.of.values() for eni in mine) or any(eni.id == eni_id for _, eni in held.leaving)

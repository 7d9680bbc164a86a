"""Which engines, versions and classes there are."""

import re

from stack_local.core import Call, fault
from stack_local.rds.state import operations

ENGINES = {
    "postgres": {"13": "13.20", "14": "14.17", "15": "15.12", "16": "16.8", "17": "17.4"},
    "mysql": {"8.0": "8.0.41", "8.4": "8.4.4"},
    "mariadb": {"10.6": "10.6.21", "10.11": "10.11.11", "11.4": "11.4.5"},
}
_OLDER = {"postgres": {"14": ["14.12"], "15": ["15.7"], "16": ["16.3", "16.4"], "17": ["17.2"]}, "mysql": {"8.0": ["8.0.35"]}}


def check_version(engine: str, version: str | None) -> None:
    if engine not in ENGINES or not version:
        return
    known = (
        set(ENGINES[engine])
        | set(ENGINES[engine].values())
        | {v for versions in _OLDER.get(engine, {}).values() for v in versions}
    )
    if version not in known:
        raise fault("InvalidParameterCombination", f"Cannot find version {version} for {engine}")


def numbers(version: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", version or "")]


def family_of(engine: str, version: str) -> list[int]:
    return numbers(version)[: 1 if engine == "postgres" else 2]


@operations.on("DescribeDBEngineVersions")
def describe_db_engine_versions(call: Call) -> dict:
    found = []
    for engine, majors in ENGINES.items():
        for major, latest in majors.items():
            for version in [*_OLDER.get(engine, {}).get(major, []), latest]:
                family = f"{engine}{major}"
                asked = call.get("EngineVersion")
                if (
                    call.get("Engine") not in (None, engine)
                    or asked not in (None, version, major)
                    or call.get("DBParameterGroupFamily") not in (None, family)
                ):
                    continue
                if call.get("DefaultOnly") and version != (latest if asked else list(majors.values())[-1]):
                    continue
                found.append(
                    {
                        "Engine": engine,
                        "EngineVersion": version,
                        "MajorEngineVersion": major,
                        "DBParameterGroupFamily": family,
                        "DBEngineDescription": engine,
                        "DBEngineVersionDescription": f"{engine} {version}",
                        "Status": "available",
                    }
                )
    return {"DBEngineVersions": found}


# A part of what AWS offers: general, memory and burstable classes, as they are today. Old majors do not run on the newest.
_CLASSES = {
    family: [f"db.{family}.{size}" for size in sizes]
    for family, sizes in {
        "t3": ["micro", "small", "medium", "large", "xlarge", "2xlarge"],
        "t4g": ["micro", "small", "medium", "large", "xlarge", "2xlarge"],
        "m6g": ["large", "xlarge", "2xlarge", "4xlarge", "8xlarge", "12xlarge", "16xlarge"],
        "m7g": ["large", "xlarge", "2xlarge", "4xlarge", "8xlarge", "12xlarge", "16xlarge"],
        "r6g": ["large", "xlarge", "2xlarge", "4xlarge", "8xlarge", "12xlarge", "16xlarge"],
        "r7g": ["large", "xlarge", "2xlarge", "4xlarge", "8xlarge", "12xlarge", "16xlarge"],
        "r8g": ["large", "xlarge", "2xlarge", "4xlarge", "8xlarge", "12xlarge", "16xlarge"],
    }.items()
}
# The newest family is never in every zone at first.
_NOT_IN = {"r8g": "b"}
_TOO_OLD = {("r8g", "13"), ("r8g", "14"), ("r8g", "8.0"), ("r8g", "10.6")}


@operations.on("DescribeOrderableDBInstanceOptions")
def describe_orderable_db_instance_options(call: Call) -> dict:
    engine, asked = call["Engine"], call.get("EngineVersion")
    found = [
        {
            "Engine": engine,
            "EngineVersion": version,
            "DBInstanceClass": name,
            "LicenseModel": "postgresql-license" if engine == "postgres" else "general-public-license",
            "AvailabilityZones": [{"Name": f"{call.region}{letter}"} for letter in "abc" if letter != _NOT_IN.get(family)],
            "MultiAZCapable": True,
            "ReadReplicaCapable": True,
            "Vpc": True,
            "SupportsStorageEncryption": True,
            "StorageType": "gp3",
        }
        for major, latest in ENGINES.get(engine, {}).items()
        for version in [*_OLDER.get(engine, {}).get(major, []), latest]
        for family, names in _CLASSES.items()
        for name in names
        if (family, major) not in _TOO_OLD and name == call.get("DBInstanceClass", name) and asked in (None, version)
    ]
    return {"OrderableDBInstanceOptions": found}

"""Once after installing: `python -m stack_local.prepare`.

LocalStack finds the service of a request by an index over all of AWS's API models. Building it takes seconds
and several hundred megabytes, which every server would otherwise spend on its first request, and keep.
"""

import os
import pathlib
import sys
import tempfile

# Beside the packages it was made from, so that it is deleted with them.
FOLDER = pathlib.Path(sys.prefix) / "share" / "stack-local-aws"


def main() -> None:
    with tempfile.TemporaryDirectory() as scratch:
        os.environ.update(
            {"FILESYSTEM_ROOT": scratch, "XDG_CACHE_HOME": scratch, "OVERRIDE_IN_DOCKER": "0", "DISABLE_EVENTS": "1"}
        )
        from localstack.aws import spec

        FOLDER.mkdir(parents=True, exist_ok=True)
        index = FOLDER / spec._get_catalog_filename()
        half = index.with_suffix(f".{os.getpid()}")
        spec.build_service_index_cache(str(half))
        half.replace(index)  # whole or not at all: servers may be starting
    print(f"prepared {index}")


if __name__ == "__main__":
    main()

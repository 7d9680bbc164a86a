"""Modules that import each other are loaded by several threads at once."""

import importlib
import sys
import tempfile
import threading
import unittest
from pathlib import Path

from stack_local.loading import imports_one_at_a_time

SLOWLY = "import time\ntime.sleep(0.01)\n"


class Loading(unittest.TestCase):
    def test_a_package_and_what_is_in_it(self):
        imports_one_at_a_time()
        place = tempfile.TemporaryDirectory()
        self.addCleanup(place.cleanup)
        sys.path.insert(0, place.name)
        self.addCleanup(sys.path.remove, place.name)
        failed = []

        def load(module):
            try:
                importlib.import_module(module)
            except BaseException as error:
                failed.append(repr(error))

        for nth in range(20):
            name = f"loaded_at_once_{nth}"
            package = Path(place.name, name)
            package.mkdir()
            (package / "__init__.py").write_text(SLOWLY + "from .models import one\n")
            (package / "models.py").write_text(SLOWLY + f"from {name}.other import two\none = 1\n")
            (package / "other.py").write_text(SLOWLY + f"import {name}.models\ntwo = 2\n")
            importlib.invalidate_caches()
            threads = [threading.Thread(target=load, args=(m,)) for m in (name, f"{name}.models", f"{name}.other")]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        self.assertEqual(failed, [])

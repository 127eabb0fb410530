"""Run CPython's own test.test_mmap, unchanged, against the module named in the arguments, and print the outcomes as JSON."""

import importlib
import json
import sys
import unittest


class Outcomes(unittest.TestResult):
    def __init__(self):
        super().__init__()
        self.outcomes = {}

    def startTest(self, test):
        super().startTest(test)
        self.outcomes[test.id()] = "passed"

    def addSkip(self, test, reason):
        self.outcomes[test.id()] = "skipped: " + reason

    def _failed(self, test, error):
        self.outcomes[test.id()] = "failed: " + self._exc_info_to_string(error, test)

    def addFailure(self, test, error):
        self._failed(test, error)

    addError = addFailure

    def addSubTest(self, test, subtest, error):
        if error is not None:
            self._failed(test, error)


sys.modules["mmap"] = importlib.import_module(sys.argv[1])
from test import support, test_mmap  # noqa: E402

assert test_mmap.mmap is sys.modules["mmap"]
support.use_resources = ["largefile"]
result = Outcomes()
unittest.defaultTestLoader.loadTestsFromModule(test_mmap).run(result)
print(json.dumps(result.outcomes))

"""Prints the table of storage faults, and fails unless every row ends as it must (make storage-faults)."""

import logging
import sys

from .case import SKIPPED
from .cases import CASES

logging.disable(logging.CRITICAL)
print(f"    {'fault':36}{'outcome':21}{'s':>5}  {'left behind':26}said")
results = []
for case in CASES:
    result = case.run()
    results.append(result)
    mark = "--" if result.outcome.code == SKIPPED else "NO" if result.wrong else "ok"
    said = result.outcome.said.replace("gs://models/iris/iris.joblib: ", "")
    passed_s = result.outcome.passed_s
    print(f"{mark}  {case.name:36}{result.outcome.code:21}{passed_s:5.2f}  {result.left:26}{said}", flush=True)
    for fault in result.wrong:
        print(f"    {fault}")
held = [result for result in results if result.outcome.code != SKIPPED]
passed = sum(not result.wrong for result in held)
print(f"{passed} of {len(held)}, {len(results) - len(held)} skipped")
sys.exit(passed != len(held))

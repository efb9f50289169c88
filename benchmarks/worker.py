"""A child process that holds one contender and waits, blocked on a pipe, for its turn.

It reads one JSON object a line, ``{"seed": 3}``, and answers each with one line. The first line that it writes,
unasked, says that it is ready, or why not. It ends when its input does.
"""

from __future__ import annotations

import json
import os
import sys
import time
import traceback
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks import problems
from benchmarks.contenders import CONTENDERS


def main() -> None:
    """Serve ``python -m benchmarks.worker CONTENDER PROBLEM_AS_JSON DATA_FILE``."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a library prints is no answer

    def answer(content: dict[str, Any]) -> None:
        answers.write(json.dumps(content) + "\n")
        answers.flush()

    name, problem_json, data_file = sys.argv[1:]
    fields = json.loads(problem_json)
    problem = problems.Problem(**fields | {"widths": tuple(fields["widths"]), "band": tuple(fields["band"])})
    try:
        start = time.perf_counter()
        factory = CONTENDERS[name].load()
        import_seconds = time.perf_counter() - start
        data = problems.read(Path(data_file))
        contender = factory(problem, data)
        versions = {package: version(package) for package in factory.packages}
        answer({"import_seconds": import_seconds, "threads": contender.threads(), "versions": versions})
        idle_from, idle_cpu_from = time.perf_counter(), time.process_time()
        for line in sys.stdin:
            idle_seconds = time.perf_counter() - idle_from
            idle_cpu_seconds = time.process_time() - idle_cpu_from
            start = time.perf_counter()
            outcome = contender.run(json.loads(line)["seed"])
            call_seconds = time.perf_counter() - start
            shapes = [weight.shape for weight, _ in outcome.weights]
            wanted = list(zip(problem.widths[:-1], problem.widths[1:], strict=True))
            if shapes != wanted:
                raise ValueError(f"weights must be of shapes {wanted}, got {shapes}")
            answer(
                {
                    "seconds": outcome.seconds,
                    "call_seconds": call_seconds,
                    "steps": outcome.steps,
                    "accuracy": problems.accuracy(outcome.weights, data.x_test, data.y_test),
                    "cpu_seconds": time.process_time(),  # since the process started
                    "idle_seconds": idle_seconds,
                    "idle_cpu_seconds": idle_cpu_seconds,
                }
            )
            idle_from, idle_cpu_from = time.perf_counter(), time.process_time()
    except Exception:
        answer({"error": traceback.format_exc()})
        raise SystemExit(1) from None


if __name__ == "__main__":
    main()

"""A store on S3 under kills and faults: SIGKILL at random moments and at all steps, and the state machine.

moto's server stands for S3, behind a proxy that fails requests and counts them. Each killed writer is
resumed, and its rows are compared to the bit with those of an undisturbed local store.
"""

from __future__ import annotations

import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from faulty_s3 import FaultyS3, faulty_s3
from inputs import parser
from record import ROOT, write
from servers import S3_ENVIRONMENT, fill, s3_server
from store_maker import assert_whole, bits, feed, last_editions, medium, outcome, recipe, rows_of, wanted

from vifex.store import CommitRule, open_store, open_writer

MEDIA = 40
CHILD = ROOT / "tests" / "chaos" / "store" / "child_on_s3.py"


def undisturbed(folder: Path) -> list[object]:
    with open_writer(folder / "local", rule=CommitRule(media=2)) as writer:
        view = writer.view("main", recipe())
        feed(view, wanted(MEDIA))
        feed(view, last_editions(MEDIA))
    return bits(assert_whole(folder / "local"))


def started(store: str) -> subprocess.Popen[str]:
    command = [sys.executable, str(CHILD), store, str(MEDIA)]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    child.stdout.readline()  # importing is not what is to be killed
    return child


def killed_at_random(kills: int, expected: list[object]) -> dict[str, Any]:
    """Kill writers at random moments until there were so many kills; each store is finished at last."""
    chance = random.Random(24)
    began_s = time.monotonic()
    with started("s3://bucket/whole") as child:
        child.communicate()
    whole_s = time.monotonic() - began_s
    done, stores, different = 0, 0, 0
    while done < kills:
        stores += 1
        store = f"s3://bucket/killed-{stores}"
        finished = False
        while not finished:
            with started(store) as child:
                if done < kills:
                    time.sleep(chance.uniform(0, 0.4 * whole_s))
                    child.send_signal(signal.SIGKILL)
                child.communicate()
            finished = child.returncode == 0
            done += not finished
        with open_store(store) as opened:
            different += not opened.verify()[0].ok
        different += bits(assert_whole(store)) != expected
    return {"kills": done, "stores": stores, "stores_that_differ": different}


def requests(proxy: FaultyS3) -> dict[str, dict[str, int]]:
    """Count the requests of each method that opening, committing and reading take."""
    counts: dict[str, dict[str, int]] = {}

    def count(name: str) -> None:
        counts[name] = dict(Counter(method for method, _, _ in proxy.requests))
        proxy.requests.clear()

    proxy.requests.clear()
    store = "s3://bucket/counted"
    writer = open_writer(store, rule=CommitRule(media=1_000), anywhere=True)
    view = writer.view("main", recipe())
    count("store_and_view_made")
    for number in range(2):
        view.add(outcome(medium(number), 2), rows_of(medium(number), 2))
        view.commit()
        count("commit")
    writer.close()
    count("closed")
    with open_store(store) as opened:
        opened.view().to_arrow()
    count("read")
    return counts


def tests(file: str, variable: str, value: str) -> str:
    """Run the full form of a test; gives what it printed."""
    command = [sys.executable, "-m", "pytest", "-q", "-s", "-p", "no:cacheprovider", file]
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, variable: value}, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(done.stdout[-2000:])
    return done.stdout


def main() -> None:
    words = parser(__doc__, rounds=1)
    words.add_argument("--kills", type=int, default=20, help="default: %(default)s")
    words.add_argument("--examples", type=int, default=20, help="of the state machine; default: %(default)s")
    asked = words.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        url = stack.enter_context(s3_server())
        fill(url, "bucket", {})
        proxy = stack.enter_context(faulty_s3(url))
        os.environ |= {**S3_ENVIRONMENT, "AWS_ENDPOINT_URL": proxy.url}
        counts = requests(proxy)
        random_kills = killed_at_random(asked.kills, undisturbed(folder))
    steps = tests("tests/chaos/store/test_object_store.py", "VIFEX_S3_STEPS", "all")
    model = tests("tests/property/test_store_model_on_s3.py", "VIFEX_S3_EXAMPLES", str(asked.examples))
    made, failed = re.findall(r"(\d+) requests, (\d+) of them failed on purpose", model)[0]
    write(
        "bucket",
        config={"kills": asked.kills, "examples": asked.examples, "media": MEDIA, "server": "moto"},
        rounds=1,
        results={
            "requests": counts,
            "random_kills": random_kills,
            "cases_of_faults_passed": int(re.findall(r"(\d+) passed", steps)[-1]),
            "state_machine": {
                "sequences": asked.examples,
                "requests": int(made),
                "failed_on_purpose": int(failed),
            },
        },
    )


if __name__ == "__main__":
    main()

"""`vifex --help` against importing numpy."""

from __future__ import annotations

import sys

from inputs import parser
from record import alternate, spread, timed, write


def main() -> None:
    rounds = parser(__doc__, rounds=11).parse_args().rounds
    contenders = {
        "import numpy": lambda: timed([sys.executable, "-c", "import numpy"]),
        "vifex --help": lambda: timed([sys.executable, "-m", "vifex", "--help"]),
        "import vifex": lambda: timed([sys.executable, "-c", "import vifex"]),
        "nothing": lambda: timed([sys.executable, "-c", "pass"]),
    }
    values = alternate(contenders, rounds)
    results = {name: {"seconds": spread(v)} for name, v in values.items()}
    ratio = results["vifex --help"]["seconds"]["median"] / results["import numpy"]["seconds"]["median"]
    write("startup", config={}, rounds=rounds, results={**results, "help_over_numpy": round(ratio, 2)})


if __name__ == "__main__":
    main()

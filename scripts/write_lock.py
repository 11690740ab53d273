"""Print a lock of the environment that runs this: names, versions and their machines; no addresses."""

from importlib.metadata import distributions, requires

from packaging.requirements import Requirement

LEFT_OUT = {
    "pip",
    "vifex",
    "vifex-jpeg",
    "axe-playwright-python",
}  # The last is installed without its dependencies.


def markers() -> dict[str, str]:
    """Give the machines that a dependency of ours is for, where it is not for all."""
    ours = [Requirement(text) for text in requires("vifex") or ()]
    return {r.name: f"; {r.marker}" for r in ours if r.marker and "extra" not in str(r.marker)}


def main() -> None:
    found = {d.metadata["Name"].lower().replace("_", "-"): d.version for d in distributions()}
    print("# The environment of tests and demo, made by `make lock`. Names and versions only.")
    where = markers()
    for name, version in sorted(found.items()):
        if name not in LEFT_OUT:
            print(f"{name}=={version}{where.get(name, '')}")


if __name__ == "__main__":
    main()

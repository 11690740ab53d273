"""Print a lock of the environment that runs this: names and versions, sorted, without addresses."""

from importlib.metadata import distributions

LEFT_OUT = {"pip", "vifex"}


def main() -> None:
    found = {d.metadata["Name"].lower().replace("_", "-"): d.version for d in distributions()}
    print("# The environment of tests and demo, made by `make lock`. Names and versions only.")
    for name, version in sorted(found.items()):
        if name not in LEFT_OUT:
            print(f"{name}=={version}")


if __name__ == "__main__":
    main()

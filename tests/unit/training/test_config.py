"""A configuration is read, changed and written; what is wrong is one sentence with similar names."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from vifex.training.config import (
    TEMPLATES,
    Config,
    config_of,
    load_config,
    parse_config,
    template,
    to_toml,
    with_settings,
)
from vifex.values import InputError


@pytest.mark.parametrize("kind", sorted(TEMPLATES))
def test_a_template_is_a_configuration_with_a_comment_for_each_key(kind: str) -> None:
    text = template(kind)
    config = parse_config(text, of=kind)
    assert config.data.train
    lines = text.splitlines()
    keys = [i for i, line in enumerate(lines) if " = " in line and not line.startswith("#")]
    assert len(keys) > 20
    assert all(lines[i - 1].startswith("# ") for i in keys)


@pytest.mark.parametrize("kind", sorted(TEMPLATES))
def test_what_is_written_reads_as_the_same(kind: str) -> None:
    config = parse_config(template(kind), of=kind)
    assert parse_config(to_toml(config), of=kind) == config
    assert parse_config(to_toml(config, comments=True), of=kind) == config


def test_settings_change_values_of_every_type() -> None:
    settings = [
        "run.epochs=3", "optimizer.lr=1", "augment.flip=true", "data.train=a b/", 'data.val=["c", "d"]',
        "network.options.width=64", 'network.options.kind="x"', "augment.scale=[0.3, 1]",
    ]  # fmt: skip
    config = with_settings(Config(), settings)
    assert (config.run.epochs, config.optimizer.lr, config.augment.flip) == (3, 1.0, True)
    assert (config.data.train, config.data.val) == (("a b/",), ("c", "d"))
    assert config.network.options == {"width": 64, "kind": "x"}
    assert config.augment.scale == (0.3, 1.0)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("run.epohs=3", r"\[run\] has no key 'epohs'. Did you mean epochs?"),
        ("optimiser.lr=1", r"there is no section \[optimiser\]. Did you mean optimizer"),
        ("run.epochs=many", "run.epochs must be a whole number, and 'many' is not"),
        ("run.batch=0", "run.batch must be at least 1, and is 0"),
        ("optimizer.lr=inf", "optimizer.lr must be a number, and inf is not"),
        ("augment.flip=1", "augment.flip must be true or false, and 1 is not"),
        ("optimizer.name=adam", "optimizer.name has no choice 'adam'. Did you mean adamw"),
        ("data.train=[1]", r"data.train must be a list of texts, and \[1\] is not"),
        ("epochs=3", "'epochs=3' is no setting"),
        ("run.epochs", "'run.epochs' is no setting"),
    ],
)
def test_a_wrong_setting_is_one_sentence(setting: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        with_settings(Config(), [setting])


def test_a_file_that_is_not_toml_or_not_there(tmp_path: Path) -> None:
    path = tmp_path / "run.toml"
    with pytest.raises(InputError, match="cannot be read: No such file"):
        load_config(path)
    path.write_text("[run\n")
    with pytest.raises(InputError, match="not valid TOML"):
        load_config(path)
    path.write_text("run = 3\n")
    with pytest.raises(InputError, match=r"\[run\] is a section"):
        load_config(path)


def test_sections_as_a_mapping() -> None:
    assert config_of({"run": {"epochs": 2}}).run.epochs == 2
    with pytest.raises(InputError, match="no key 'x'"):
        config_of({"run": {"x": 2}})


def test_the_page_of_keys_is_what_the_configuration_has() -> None:
    """`python scripts/write_training_keys.py > docs/reference/training.md` makes it anew."""
    root = Path(__file__).resolve().parents[3]
    made = subprocess.run(
        [sys.executable, root / "scripts" / "write_training_keys.py"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert (root / "docs" / "reference" / "training.md").read_text() == made.stdout


@pytest.mark.parametrize("path", sorted((Path(__file__).resolve().parents[3] / "recipes").glob("*.toml")))
def test_a_recipe_is_a_configuration(path: Path) -> None:
    assert load_config(path).data.train

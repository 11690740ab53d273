"""Names and weights: what is fetched, found in caches, read from files, refused, and in which words."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from promises import batch, read

from vifex.models.families.libraries import hf, open_clip, timm, torchvision
from vifex.models.families.shared import hub
from vifex.models.families.shared.weights import state_sha256
from vifex.values import MissingExtraError, ModelError

Tiny = Callable[[str], Path]


def test_the_hubs_own_code_fetches_and_its_cache_serves_when_the_hub_is_gone(
    tmp_path: Path, tiny: Tiny, tiny_clip: str
) -> None:
    """A server on this machine stands for the hub; each family loads by its own library's code."""
    import open_clip as library
    from safetensors.torch import save_file

    root = tmp_path / "hub"
    network: Any = timm.build("test_resnet.r160_in1k", "random:9")
    towers: Any = open_clip._whole(tiny_clip, "random:9")
    for folder, name, module in (
        (root / "timm" / "test_resnet.r160_in1k", "model.safetensors", network),
        (root / "timm" / "tiny-clip", "open_clip_model.safetensors", towers),
    ):
        folder.mkdir(parents=True)
        save_file(module.state_dict(), folder / name, metadata={"format": "pt"})
    (root / "vifex").mkdir()
    (root / "vifex" / "vit").symlink_to(tiny("vit"))
    config = library.factory._MODEL_CONFIG_PATHS
    place = next(p for p in config if (p / "vifex-tiny.json").is_file() or p.name == "vifex-tiny.json")
    place = place if place.suffix == ".json" else place / "vifex-tiny.json"
    script = Path(__file__).with_name("hub_server.py")
    done = subprocess.run(
        [sys.executable, str(script), str(root), str(tmp_path / "cache")],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
        env={**os.environ, "VIFEX_TINY_CLIP": str(place)},
    )
    assert done.returncode == 0, done.stderr
    out = json.loads(done.stdout.splitlines()[-1])
    assert out["fetched"] == out["again"]
    assert out["fetched"]["timm"] == state_sha256(network, "timm/test_resnet.r160_in1k")
    assert any(path.endswith("/vifex/vit/resolve/main/model.safetensors") for path in out["served"])
    assert out["absent"]["message"].startswith("hf/vifex/nothing: its settings are not on this machine and ")
    for failure, name in zip(out["gone"], ("hf/vifex/other", "timm/test_vit.r160_in1k"), strict=True):
        assert failure["message"].startswith(f"{name}: its ")
        assert "could not be fetched from http://127.0.0.1:" in failure["message"]
        assert failure["seconds"] < 10, "the hub's client would try for half a minute"
    assert 'give `weights=FILE`, or `weights="random:SEED"`' in out["gone"][1]["message"]


@pytest.mark.parametrize(
    ("family", "name", "source"),
    [
        (timm, "test_vit2.r160_in1k", "https://huggingface.co/timm/test_vit2.r160_in1k"),
        (torchvision, "alexnet", "https://download.pytorch.org/models/alexnet-owt-7be5be79.pth"),
        (open_clip, "ViT-B-32/laion2b_s34b_b79k", "https://huggingface.co/laion/"),
    ],
)
def test_offline_and_absent_is_one_sentence(
    family: ModuleType, name: str, source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(open_clip, "_create", lambda *args: None)  # large, and not what is tried here
    with pytest.raises(ModelError) as caught:
        family.build(name, "pretrained")
    message = str(caught.value)
    assert f"its weights are not on this machine and could not be fetched from {source}" in message or (
        name.startswith("ViT") and "could not be fetched from https://huggingface.co/" in message
    )
    assert "`weights=FILE`" in message
    assert '`weights="random:SEED"`' in message


def test_a_torchvision_file_in_torch_s_cache_is_used_and_its_hash_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    network = torchvision.build("squeezenet1_1", "random:4")
    place = tmp_path / "hub" / "checkpoints" / "squeezenet1_1-b8a52dc0.pth"
    place.parent.mkdir(parents=True)
    torch.save(network.state_dict(), place)
    with pytest.raises(ModelError, match=r"damaged: it has another hash than its name says"):
        torchvision.build("squeezenet1_1", "pretrained")
    monkeypatch.setattr(hub, "_HASH", hub.re.compile("(?!)"))
    model = torchvision.FAMILY.load("squeezenet1_1", "pretrained")
    assert model.weights_sha256 == state_sha256(network, "torchvision/squeezenet1_1.IMAGENET1K_V1")
    assert model.card.provenance == "https://download.pytorch.org/models/squeezenet1_1-b8a52dc0.pth"
    assert model.card.licence.startswith("unknown")


def test_old_keys_of_densenet_and_auxiliary_heads_are_understood() -> None:
    keys = ["features.denseblock1.denselayer2.norm.1.weight", "features.norm0.bias", "aux1.fc1.weight"]
    found = torchvision._own_keys(dict.fromkeys(keys))
    assert list(found) == ["features.denseblock1.denselayer2.norm1.weight", "features.norm0.bias"]


def test_googlenet_takes_the_pixels_that_its_weights_were_trained_on() -> None:
    network: Any = torchvision._create("googlenet", torchvision._resolve("googlenet")[1])
    assert network.transform_input
    assert not any(name.startswith("aux") for name in network.state_dict())


@pytest.mark.parametrize("family", ["timm", "torchvision", "hf", "open_clip"])
def test_weights_from_a_file_are_those_of_the_file(
    family: str, tmp_path: Path, tiny: Tiny, tiny_clip: str
) -> None:
    import torch
    from safetensors.torch import save_file

    maker, name = {
        "timm": (timm, "test_vit.r160_in1k"),
        "torchvision": (torchvision, "squeezenet1_1.IMAGENET1K_V1"),
        "hf": (hf, str(tiny("vit"))),
        "open_clip": (open_clip, tiny_clip),
    }[family]
    whole = open_clip._whole(tiny_clip, "random:7") if family == "open_clip" else None
    network = maker.build(name, "random:7")
    file = tmp_path / "weights.safetensors"
    save_file((network if whole is None else whole).state_dict(), file)
    model = maker.FAMILY.load(name, str(file))
    assert model.weights_sha256 == maker.FAMILY.load(name, "random:7").weights_sha256
    assert model.builder.weights == str(file)
    assert model.card.provenance == f"the file {file}"
    x = batch(model)
    ours, _ = read(maker.build(name, str(file)), list(model.card.default_layers), x)
    theirs, _ = read(network, list(model.card.default_layers), x)
    torch.testing.assert_close(ours, theirs, rtol=0, atol=0)


@pytest.mark.parametrize("family", ["timm", "torchvision", "hf", "open_clip"])
def test_weights_of_another_network_are_refused_with_the_keys(
    family: str, tmp_path: Path, tiny: Tiny, tiny_clip: str
) -> None:
    import torch
    from safetensors.torch import save_file

    file = tmp_path / "other.safetensors"
    save_file({"layer.weight": torch.zeros(3)}, file)
    maker, name = {
        "timm": (timm, "test_vit.r160_in1k"),
        "torchvision": (torchvision, "squeezenet1_1"),
        "hf": (hf, str(tiny("vit"))),
        "open_clip": (open_clip, tiny_clip),
    }[family]
    with pytest.raises(
        ModelError, match=r"these are not the weights of a \w+ of this size: \d+ of its \d+ keys"
    ):
        maker.build(name, str(file))


@pytest.mark.parametrize(
    ("family", "name", "message"),
    [
        (timm, "resnet_18", r"there is no model 'timm/resnet_18'\. Did you mean resnet18"),
        (
            timm,
            "resnet18.a1_in2k",
            r"there is no model 'timm/resnet18.a1_in2k'\. Did you mean resnet18\.a1_in1k",
        ),
        (torchvision, "r2plus1d18", r"Did you mean r2plus1d_18"),
        (torchvision, "resnet50.IMAGENET1K_V3", r"no weights 'IMAGENET1K_V3'\. Did you mean IMAGENET1K_V\d"),
        (open_clip, "ViT-B32", r"there is no model 'open_clip/ViT-B32'\. Did you mean ViT-B-32"),
        (
            open_clip,
            "ViT-B-32/open_ai",
            r"open_clip/ViT-B-32 has no weights 'open_ai'\. Did you mean openai\?",
        ),
        (
            hf,
            "clip-vit-base-patch32",
            r"there is no model 'hf/clip-vit-base-patch32'\. Did you mean openai/clip",
        ),
        (hf, "./nowhere", r"hf/ and the path of a folder with a config\.json"),
        (
            hf,
            "openai/clip-vit-base-patch33",
            r"its settings are not .*Did you mean openai/clip-vit-base-patch32",
        ),
    ],
)
def test_a_misspelt_name_is_told_with_near_ones(
    family: ModuleType, name: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(ModelError, match=message):
        family.FAMILY.load(name, "pretrained")


def test_an_architecture_without_a_tag_says_no_weights() -> None:
    with pytest.raises(ModelError, match=r"does not name weights\. Name them, open_clip/ViT-S-32/TAG"):
        open_clip.build("ViT-S-32", "pretrained")


@pytest.mark.parametrize("family", [timm, torchvision, hf, open_clip])
def test_a_missing_library_names_its_extra(family: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    name = family.FAMILY.prefix
    library = {"hf": "transformers"}.get(name, name)
    for module in [m for m in sys.modules if m.startswith(f"{library}.")]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, library, None)
    extra = "torch" if name in ("timm", "torchvision") else "hf"
    with pytest.raises(MissingExtraError, match=rf"pip install '\.\[{extra}\]'"):
        list(family.FAMILY.catalogue())


def test_a_folder_that_lost_its_weights_or_processor_says_which(tmp_path: Path, tiny: Tiny) -> None:
    import shutil

    folder = tmp_path / "vit"
    shutil.copytree(tiny("vit"), folder)
    (folder / "preprocessor_config.json").unlink()
    with pytest.raises(ModelError, match=r"its settings of pixels cannot be read from this folder"):
        hf.FAMILY.load(str(folder), "pretrained")
    (folder / "model.safetensors").unlink()
    with pytest.raises(ModelError, match=r"its weights cannot be read from this folder"):
        hf.build(str(folder), "pretrained")


def test_code_in_a_repository_is_not_run(tmp_path: Path) -> None:
    config = {"model_type": "own", "auto_map": {"AutoConfig": "evil.Config", "AutoModel": "evil.Model"}}
    (tmp_path / "config.json").write_text(json.dumps(config))
    (tmp_path / "evil.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    with pytest.raises(ModelError, match="brings code of its own, which is not run"):
        hf.build(str(tmp_path), "random:0")
    assert not (tmp_path / "ran").exists()


def test_a_network_of_words_alone_is_refused(tmp_path: Path) -> None:
    from transformers import BertConfig

    BertConfig(
        hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16
    ).save_pretrained(tmp_path)
    with pytest.raises(ModelError, match="not a network for images or videos"):
        hf.build(str(tmp_path), "random:0")


def test_catalogues_say_what_is_known_before_anything_is_loaded() -> None:
    for family, at_least in ((timm, 1500), (torchvision, 120), (hf, 20), (open_clip, 100)):
        entries = list(family.FAMILY.catalogue())
        assert len({e.name for e in entries}) == len(entries) >= at_least
        assert all(
            e.name.startswith(f"{family.FAMILY.prefix}/") and e.input and e.weights_from for e in entries
        )
    timms = {e.name: e for e in timm.FAMILY.catalogue()}
    assert timms["timm/resnet18.a1_in1k"].licence == "apache-2.0"
    assert timms["timm/resnet18.a1_in1k"].paper == "arXiv:2110.00476"
    assert timms["timm/convnextv2_atto.fcmae_ft_in1k"].non_commercial
    videos = {e.name: e for e in torchvision.FAMILY.catalogue()}
    assert videos["torchvision/r2plus1d_18.KINETICS400_V1"].parameters == 31_505_325
    assert videos["torchvision/vit_h_14.IMAGENET1K_SWAG_E2E_V1"].non_commercial
    assert not videos["torchvision/vit_h_14.IMAGENET1K_SWAG_E2E_V1"].licence.startswith("unknown")


def test_a_folder_s_own_page_names_its_licence(tmp_path: Path, tiny: Tiny) -> None:
    import shutil

    folder = tmp_path / "vit"
    shutil.copytree(tiny("vit"), folder)
    (folder / "README.md").write_text(
        "---\ntags:\n- vision\nlicense: cc-by-nc-4.0\n---\n# A network\nlicense: mit\n"
    )
    card = hf.FAMILY.load(str(folder), "pretrained").card
    assert (card.licence, card.name) == ("cc-by-nc-4.0", f"hf/{folder}")
    assert card.provenance == f"the folder {folder}"

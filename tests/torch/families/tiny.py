"""Small networks of transformers with random weights, as folders that `save_pretrained` writes.

Their configurations cannot be fetched where tests run, so they are made in code: two layers of 32 wide,
with the processor and, where there is a text tower, a tokenizer of a few words.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tiny_audio import SOUND

__all__ = ["TINY", "make"]

_VIT = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
_TEXT = {**_VIT, "vocab_size": 64, "max_position_embeddings": 16}


def make(kind: str, folder: Path) -> Path:
    """Write a small network, its processor and its tokenizer; the weights come of seed 0."""
    import torch

    torch.manual_seed(0)
    TINY[kind](folder)
    return folder


def _save(folder: Path, network: Any, processor: Any) -> None:
    network.eval().save_pretrained(folder)
    processor.save_pretrained(folder)


def _words(folder: Path, kind: str, special: dict[str, str]) -> None:
    """A tokenizer of whole words, in the library's own format."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    words = ("a", "red", "blue", "bus", "cat", "dog", "at", "night", "of", "the", "photo", "in", "street")
    vocabulary = {word: i for i, word in enumerate([*dict.fromkeys(special.values()), *words])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token=special["unk_token"]))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    end = special["eos_token"]
    begin = f"{special['bos_token']} $A {end}" if "bos_token" in special else f"$A {end}"
    marks = [(token, vocabulary[token]) for token in special.values()]
    tokenizer.post_processor = processors.TemplateProcessing(single=begin, special_tokens=marks)
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, **special).save_pretrained(folder)
    place = folder / "tokenizer_config.json"
    settings = json.loads(place.read_text())
    settings["tokenizer_class"] = "PreTrainedTokenizerFast"
    place.write_text(json.dumps(settings))


def _clip(folder: Path) -> None:
    from transformers import CLIPConfig, CLIPImageProcessor, CLIPModel

    special = {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "</s>", "unk_token": "<u>"}
    config = CLIPConfig(
        text_config={**_TEXT, "bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 1},
        vision_config={**_VIT, "image_size": 32, "patch_size": 8},
        projection_dim=24,
    )
    sizes = {"size": {"shortest_edge": 32}, "crop_size": {"height": 32, "width": 32}}
    _save(folder, CLIPModel(config), CLIPImageProcessor(**sizes))
    _words(folder, "clip", special)


def _siglip(folder: Path) -> None:
    from transformers import SiglipConfig, SiglipImageProcessor, SiglipModel

    special = {"eos_token": "</s>", "pad_token": "</s>", "unk_token": "<u>"}
    config = SiglipConfig(
        text_config={**_TEXT, "projection_size": 32, "eos_token_id": 0, "pad_token_id": 0, "bos_token_id": 0},
        vision_config={**_VIT, "image_size": 32, "patch_size": 8},
    )
    _save(folder, SiglipModel(config), SiglipImageProcessor(size={"height": 32, "width": 32}))
    _words(folder, "siglip", special)


def _dinov2(folder: Path) -> None:
    from transformers import BitImageProcessor, Dinov2Config, Dinov2Model

    sizes = {"size": {"shortest_edge": 36}, "crop_size": {"height": 28, "width": 28}}
    config = Dinov2Config(**{**_VIT, "mlp_ratio": 2}, image_size=28, patch_size=14)
    _save(folder, Dinov2Model(config), BitImageProcessor(**sizes))


def _dinov3(folder: Path) -> None:
    from transformers import DINOv3ViTConfig, DINOv3ViTImageProcessor, DINOv3ViTModel

    config = DINOv3ViTConfig(**_VIT, image_size=32, patch_size=8, num_register_tokens=2)
    _save(folder, DINOv3ViTModel(config), DINOv3ViTImageProcessor(size={"height": 32, "width": 32}))


def _vit(folder: Path) -> None:
    from transformers import ViTConfig, ViTForImageClassification, ViTImageProcessor

    config = ViTConfig(**_VIT, image_size=32, patch_size=8, num_labels=5)
    _save(folder, ViTForImageClassification(config), ViTImageProcessor(size={"height": 32, "width": 32}))


def _vit_unpooled(folder: Path) -> None:
    from transformers import ViTConfig, ViTImageProcessor, ViTModel

    config = ViTConfig(**_VIT, image_size=32, patch_size=8)
    network = ViTModel(config, add_pooling_layer=False)
    _save(folder, network, ViTImageProcessor(size={"height": 32, "width": 32}))


def _convnext(folder: Path) -> None:
    from transformers import ConvNextConfig, ConvNextForImageClassification, ConvNextImageProcessor

    config = ConvNextConfig(hidden_sizes=[8, 16, 24, 32], depths=[1, 1, 1, 1], num_labels=5)
    processor = ConvNextImageProcessor(size={"shortest_edge": 64}, crop_pct=0.875)
    _save(folder, ConvNextForImageClassification(config), processor)


def _swin(folder: Path) -> None:
    from transformers import SwinConfig, SwinForImageClassification, ViTImageProcessor

    config = SwinConfig(
        image_size=32, patch_size=4, embed_dim=8, depths=[1, 1], num_heads=[2, 2], window_size=4, num_labels=5
    )
    _save(folder, SwinForImageClassification(config), ViTImageProcessor(size={"height": 32, "width": 32}))


def _resnet(folder: Path) -> None:
    from transformers import ConvNextImageProcessor, ResNetConfig, ResNetForImageClassification

    config = ResNetConfig(embedding_size=8, hidden_sizes=[8, 16, 24, 32], depths=[1, 1, 1, 1], num_labels=5)
    processor = ConvNextImageProcessor(size={"shortest_edge": 64}, crop_pct=0.875)
    _save(folder, ResNetForImageClassification(config), processor)


def _videomae(folder: Path) -> None:
    from transformers import VideoMAEConfig, VideoMAEForVideoClassification, VideoMAEVideoProcessor

    config = VideoMAEConfig(**_VIT, image_size=32, patch_size=8, num_frames=4, tubelet_size=2, num_labels=5)
    sizes = {"size": {"shortest_edge": 32}, "crop_size": {"height": 32, "width": 32}}
    _save(folder, VideoMAEForVideoClassification(config), VideoMAEVideoProcessor(**sizes))


def _videomae_pretrained(folder: Path) -> None:
    from transformers import VideoMAEConfig, VideoMAEForPreTraining, VideoMAEVideoProcessor

    config = VideoMAEConfig(
        **_VIT,
        image_size=32,
        patch_size=8,
        num_frames=4,
        tubelet_size=2,
        decoder_hidden_size=32,
        decoder_num_hidden_layers=1,
        decoder_num_attention_heads=2,
        decoder_intermediate_size=64,
    )
    sizes = {"size": {"shortest_edge": 32}, "crop_size": {"height": 32, "width": 32}}
    _save(folder, VideoMAEForPreTraining(config), VideoMAEVideoProcessor(**sizes))


def _timesformer(folder: Path) -> None:
    from transformers import TimesformerConfig, TimesformerForVideoClassification, TimesformerVideoProcessor

    config = TimesformerConfig(**_VIT, image_size=32, patch_size=8, num_frames=4, num_labels=5)
    sizes = {"size": {"shortest_edge": 32}, "crop_size": {"height": 32, "width": 32}}
    _save(folder, TimesformerForVideoClassification(config), TimesformerVideoProcessor(**sizes))


def _vjepa2(folder: Path) -> None:
    from transformers import VJEPA2Config, VJEPA2Model, VJEPA2VideoProcessor

    config = VJEPA2Config(
        **{**_VIT, "hidden_size": 48},
        mlp_ratio=2,
        crop_size=32,
        patch_size=8,
        frames_per_clip=4,
        pred_hidden_size=48,
        pred_num_attention_heads=2,
        pred_num_hidden_layers=1,
        pred_num_mask_tokens=1,
        pred_mlp_ratio=2,
    )
    _save(folder, VJEPA2Model(config), VJEPA2VideoProcessor(crop_size={"height": 32, "width": 32}))


def _vivit(folder: Path) -> None:
    from transformers import VivitConfig, VivitForVideoClassification, VivitImageProcessor

    config = VivitConfig(**_VIT, image_size=32, num_frames=4, tubelet_size=[2, 8, 8], num_labels=5)
    sizes = {"size": {"shortest_edge": 36}, "crop_size": {"height": 32, "width": 32}}
    _save(folder, VivitForVideoClassification(config), VivitImageProcessor(**sizes))


TINY: dict[str, Callable[[Path], None]] = {
    "clip": _clip,
    "siglip": _siglip,
    "dinov2": _dinov2,
    "dinov3": _dinov3,
    "vit": _vit,
    "vit-unpooled": _vit_unpooled,
    "convnext": _convnext,
    "swin": _swin,
    "resnet": _resnet,
    "videomae": _videomae,
    "videomae-pretrained": _videomae_pretrained,
    "timesformer": _timesformer,
    "vjepa2": _vjepa2,
    "vivit": _vivit,
    **SOUND,
}

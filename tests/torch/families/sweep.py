"""The sweep: names over all families that load with random weights and keep the families' promises.

The tests run those marked `ci`; `python tests/torch/families/sweep_all.py` runs every one.
A name `hf/tiny:KIND` is the small network of that kind from `tiny.py`.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["SWEEP", "Case"]


@dataclass(frozen=True)
class Case:
    """A network of the sweep."""

    name: str
    ci: bool = False


_TIMM = (
    "vgg11.tv_in1k",
    "resnet10t.c3_in1k",
    "resnet18.a1_in1k",
    "resnet26d.bt_in1k",
    "seresnext26d_32x4d.bt_in1k",
    "resnest14d.gluon_in1k",
    "res2net50d.in1k",
    "densenet121.ra_in1k",
    "dla34.in1k",
    "inception_v3.tv_in1k",
    "xception41.tf_in1k",
    "mobilenetv2_050.lamb_in1k",
    "mobilenetv3_small_050.lamb_in1k",
    "mobilenetv4_conv_small_050.e3000_r224_in1k",
    "efficientnet_lite0.ra_in1k",
    "tf_efficientnetv2_b0.in1k",
    "ghostnet_100.in1k",
    "regnetx_002.pycls_in1k",
    "rexnet_100.nav_in1k",
    "repvgg_a0.rvgg_in1k",
    "dm_nfnet_f0.dm_in1k",
    "convnext_atto.d2_in1k",
    "convnextv2_atto.fcmae_ft_in1k",
    "edgenext_xx_small.in1k",
    "mobilevit_xxs.cvnets_in1k",
    "fastvit_t8.apple_in1k",
    "levit_128s.fb_dist_in1k",
    "poolformer_s12.sail_in1k",
    "mixer_s32_224",
    "vit_tiny_patch16_224.augreg_in21k_ft_in1k",
    "deit_tiny_distilled_patch16_224.fb_in1k",
    "beit_base_patch16_224.in22k_ft_in22k_in1k",
    "swin_tiny_patch4_window7_224.ms_in1k",
    "eva02_tiny_patch14_224.mim_in22k",
    "vit_small_patch14_dinov2.lvd142m",
    "vit_small_patch16_dinov3.lvd1689m",
    "vit_base_patch16_siglip_224.webli",
    "vit_base_patch32_clip_224.openai",
    "xcit_nano_12_p16_224.fb_in1k",
    "pvt_v2_b0.in1k",
)
_TIMM_CI = ("test_resnet.r160_in1k", "test_vit.r160_in1k", "test_convnext.r160_in1k")
_TORCHVISION = (
    "alexnet",
    "vgg11",
    "googlenet",
    "inception_v3",
    "resnet18",
    "densenet121",
    "mobilenet_v2",
    "efficientnet_b0",
    "regnet_y_400mf",
    "convnext_tiny",
    "swin_t",
    "vit_b_32",
    "maxvit_t",
    "r3d_18",
    "mc3_18",
    "r2plus1d_18",
    "s3d",
    "mvit_v1_b",
    "mvit_v2_s",
    "swin3d_t",
)
_TORCHVISION_CI = ("squeezenet1_1", "shufflenet_v2_x0_5", "mnasnet0_5")
_HF = (
    "dinov2",
    "dinov3",
    "vit-unpooled",
    "swin",
    "resnet",
    "videomae-pretrained",
    "vivit",
)
_HF_CI = ("clip", "siglip", "vit", "convnext", "videomae", "timesformer", "vjepa2")
_OPEN_CLIP = (
    "ViT-S-32/",
    "RN50/openai",
    "MobileCLIP2-S0/dfndr2b",
    "ViT-B-32/openai",
    "ViT-B-16-SigLIP/webli",
)

SWEEP: tuple[Case, ...] = (
    *(Case(f"timm/{name}", ci=True) for name in _TIMM_CI),
    *(Case(f"timm/{name}") for name in _TIMM),
    *(Case(f"torchvision/{name}", ci=True) for name in _TORCHVISION_CI),
    *(Case(f"torchvision/{name}") for name in _TORCHVISION),
    *(Case(f"hf/tiny:{name}", ci=True) for name in _HF_CI),
    *(Case(f"hf/tiny:{name}") for name in _HF),
    *(Case(f"open_clip/{name}".rstrip("/")) for name in _OPEN_CLIP),
)

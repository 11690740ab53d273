"""Well-known networks of the Hugging Face hub: name, input, licence as their pages state it, paper."""

from __future__ import annotations

from typing import Final

__all__ = ["CATALOGUE"]

_CLIP: Final = "Radford et al., 2021, arXiv:2103.00020"
_SIGLIP: Final = "Zhai et al., 2023, arXiv:2303.15343"
_SIGLIP2: Final = "Tschannen et al., 2025, arXiv:2502.14786"
_DINO2: Final = "Oquab et al., 2023, arXiv:2304.07193"
_DINO3: Final = "Siméoni et al., 2025, arXiv:2508.10104"
_VIT: Final = "Dosovitskiy et al., 2020, arXiv:2010.11929"
_CONVNEXT: Final = "Liu et al., 2022, arXiv:2201.03545"
_SWIN: Final = "Liu et al., 2021, arXiv:2103.14030"
_VIDEOMAE: Final = "Tong et al., 2022, arXiv:2203.12602"
_TIMESFORMER: Final = "Bertasius et al., 2021, arXiv:2102.05095"
_VIVIT: Final = "Arnab et al., 2021, arXiv:2103.15691"
_VJEPA2: Final = "Assran et al., 2025, arXiv:2506.09985"
_CLAP: Final = "Wu et al., 2023, arXiv:2211.06687"
_WAV2VEC2: Final = "Baevski et al., 2020, arXiv:2006.11477"
_HUBERT: Final = "Hsu et al., 2021, arXiv:2106.07447"
_WAVLM: Final = "Chen et al., 2022, arXiv:2110.13900"
_AST: Final = "Gong et al., 2021, arXiv:2104.01778"

CATALOGUE: Final[tuple[tuple[str, str, str, str], ...]] = (
    ("openai/clip-vit-base-patch32", "224 x 224", "mit (openai/CLIP)", _CLIP),
    ("openai/clip-vit-base-patch16", "224 x 224", "mit (openai/CLIP)", _CLIP),
    ("openai/clip-vit-large-patch14", "224 x 224", "mit (openai/CLIP)", _CLIP),
    ("google/siglip-base-patch16-224", "224 x 224", "apache-2.0", _SIGLIP),
    ("google/siglip-so400m-patch14-384", "384 x 384", "apache-2.0", _SIGLIP),
    ("google/siglip2-base-patch16-224", "224 x 224", "apache-2.0", _SIGLIP2),
    ("google/siglip2-so400m-patch14-384", "384 x 384", "apache-2.0", _SIGLIP2),
    ("facebook/dinov2-small", "224 x 224", "apache-2.0", _DINO2),
    ("facebook/dinov2-base", "224 x 224", "apache-2.0", _DINO2),
    ("facebook/dinov2-large", "224 x 224", "apache-2.0", _DINO2),
    ("facebook/dinov2-with-registers-base", "224 x 224", "apache-2.0", _DINO2),
    ("facebook/dinov3-vits16-pretrain-lvd1689m", "224 x 224", "dinov3-license", _DINO3),
    ("facebook/dinov3-vitb16-pretrain-lvd1689m", "224 x 224", "dinov3-license", _DINO3),
    ("facebook/dinov3-convnext-tiny-pretrain-lvd1689m", "224 x 224", "dinov3-license", _DINO3),
    ("google/vit-base-patch16-224", "224 x 224", "apache-2.0", _VIT),
    ("google/vit-base-patch16-224-in21k", "224 x 224", "apache-2.0", _VIT),
    ("facebook/convnext-tiny-224", "224 x 224", "apache-2.0", _CONVNEXT),
    ("microsoft/swin-tiny-patch4-window7-224", "224 x 224", "apache-2.0", _SWIN),
    ("MCG-NJU/videomae-base", "16 x 224 x 224", "cc-by-nc-4.0", _VIDEOMAE),
    ("MCG-NJU/videomae-base-finetuned-kinetics", "16 x 224 x 224", "cc-by-nc-4.0", _VIDEOMAE),
    ("facebook/timesformer-base-finetuned-k400", "8 x 224 x 224", "cc-by-nc-4.0", _TIMESFORMER),
    ("google/vivit-b-16x2-kinetics400", "32 x 224 x 224", "mit", _VIVIT),
    ("facebook/vjepa2-vitl-fpc64-256", "64 x 256 x 256", "mit", _VJEPA2),
    ("facebook/vjepa2-vitl-fpc16-256-ssv2", "16 x 256 x 256", "mit", _VJEPA2),
    ("laion/clap-htsat-unfused", "10 s at 48 kHz", "apache-2.0", _CLAP),
    ("laion/clap-htsat-fused", "10 s at 48 kHz", "apache-2.0", _CLAP),
    ("facebook/wav2vec2-base", "sound at 16 kHz", "apache-2.0", _WAV2VEC2),
    ("facebook/wav2vec2-base-960h", "sound at 16 kHz", "apache-2.0", _WAV2VEC2),
    ("facebook/wav2vec2-large-xlsr-53", "sound at 16 kHz", "apache-2.0", _WAV2VEC2),
    ("facebook/hubert-base-ls960", "sound at 16 kHz", "apache-2.0", _HUBERT),
    ("facebook/hubert-large-ll60k", "sound at 16 kHz", "apache-2.0", _HUBERT),
    ("microsoft/wavlm-base-plus", "sound at 16 kHz", "unknown", _WAVLM),
    ("MIT/ast-finetuned-audioset-10-10-0.4593", "10.24 s at 16 kHz", "bsd-3-clause", _AST),
)

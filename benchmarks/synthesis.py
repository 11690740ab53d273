"""A VAE and a GAN on CIFAR-10: Fréchet distances of their samples beside those of real images and of noise.

usage: synthesis.py [--data FILE] [--epochs N] [--images N] [--samples FOLDER] [--only NAME ...]

The distances are in the embedded network's features, from 2,000 images each. The samples are written as PNG.
Needs the extra `train`; about two hours on two cores, minutes on a GPU.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any

from record import ROOT, write

from vifex.training.config import Config, parse_config
from vifex.training.loop.trainer import Trainer
from vifex.training.run_folder.sheets import sheet
from vifex.training.tasks import Setting, make_task

NETWORKS = {
    "vae": """
        [network]
        name = 'autoencoder'
        options = { width = 32 }
        [optimizer]
        name = 'adamw'
        lr = 0.001
    """,
    "gan": """
        [network]
        name = 'dcgan'
        options = { width = 32 }
        [optimizer]
        name = 'adamw'
        lr = 0.0002
        beta1 = 0.5
        weight_decay = 0.0
        [schedule]
        name = 'constant'
    """,
}


def config(data: Path, name: str, *, epochs: int, images: int) -> Config:
    ema = "ema = 0.999" if name == "gan" else ""
    return parse_config(
        f"""
        {NETWORKS[name]}
        [data]
        train = ['{data}']
        val_share = 0.1
        limit = {images}
        [augment]
        flip = true
        [run]
        task = '{name}'
        epochs = {epochs}
        batch = 128
        validate_every = {max(1, epochs // 4)}
        {ema}
        """,
        of=name,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--data", type=Path, default=ROOT.parent / "shared" / "data" / "cifar10-train.parquet"
    )
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--images", type=int, default=0, help="training images at most; 0 takes all")
    parser.add_argument("--samples", type=Path, default=ROOT / "docs" / "images")
    parser.add_argument("--only", nargs="+", choices=NETWORKS, default=list(NETWORKS))
    given = parser.parse_args()
    results: dict[str, Any] = {}
    for name in given.only:
        chosen = config(given.data, name, epochs=given.epochs, images=given.images)
        with tempfile.TemporaryDirectory() as place:
            task = make_task(Setting(chosen, Path(place)))
            found = Trainer(task, chosen, Path(place)).fit()
        sheet(found.validation.arrays["samples"]).save(given.samples / f"samples-{name}.png")
        results[name] = {k: round(float(v), 4) for k, v in found.validation.figures.items()}
        results[name]["seconds"] = round(found.seconds, 1)
        print(name, results[name], flush=True)
    write(
        "synthesis",
        config={
            "data": given.data.name,
            "epochs": given.epochs,
            "images": given.images,
            "networks": NETWORKS,
        },
        rounds=1,
        results=results,
    )


if __name__ == "__main__":
    main()

"""The network of an OpenVINO file as most people run it: default settings, numpy normalisation, batches."""

import json

import numpy as np
import openvino as ov


class Network:
    """A network and how it wants its pixels.

    Args:
        card: JSON with `graph` (a file), `layer`, and of its model card what pixels need.
    """

    def __init__(self, card):
        card = json.loads(card)
        self.size = (card["width_px"], card["height_px"])
        self.shorter_px = card["resize_px"] if card["resize"] == "shortest" else None
        # Of pixels 0 to 1, as torchvision's transforms want them.
        self.mean = [m * card["scale"] / 255 for m in card["mean"]]
        self.std = [s * card["scale"] / 255 for s in card["std"]]
        self._mean = np.array(self.mean, np.float32)
        self._std = np.array(self.std, np.float32)
        core = ov.Core()
        model = core.read_model(card["graph"])
        model.reshape([-1, 3, card["height_px"], card["width_px"]])
        self._run = core.compile_model(model, "CPU")
        self._output = self._run.output(card["layer"])

    def resized(self, width, height):
        """Give the size that an image has before the centre crop."""
        if self.shorter_px is None:
            return self.size
        scale = self.shorter_px / min(width, height)
        return round(width * scale), round(height * scale)

    def cropped(self, image):
        """Cut the centre out of a resized image `[H, W, 3]`."""
        width, height = self.size
        top, left = (image.shape[0] - height) // 2, (image.shape[1] - width) // 2
        return image[top : top + height, left : left + width]

    def normalised(self, image):
        """uint8 `[H, W, 3]` to float32 `[3, H, W]`."""
        return ((image.astype(np.float32) / 255 - self._mean) / self._std).transpose(2, 0, 1)

    def features(self, ready):
        """`[N, D]` of a list or an array of normalised images."""
        return self._run(np.ascontiguousarray(np.stack(ready)))[self._output].copy()

"""Parts of the report of a classifier: the confusion matrix and the hardest errors."""

from __future__ import annotations

import html
from collections.abc import Sequence

import numpy as np

from vifex.evaluation.plots import confusion_plot, draw_svg
from vifex.training.data.pixels import ImageSource
from vifex.training.run_folder.sheets import data_uri
from vifex.training.tasks.base import Validation

__all__ = ["confusion_part", "hardest_part"]


def confusion_part(validation: Validation, classes: Sequence[str]) -> str:
    """Return the confusion matrix of the validation examples as HTML."""
    wanted, given = validation.arrays["labels"], validation.arrays["probabilities"].argmax(1)
    counts = np.zeros((len(classes), len(classes)), dtype=np.int64)
    np.add.at(counts, (wanted, given), 1)
    return f"<h2>Confusion</h2>\n<figure>{draw_svg(confusion_plot(counts, classes))}</figure>"


def hardest_part(validation: Validation, classes: Sequence[str], images: ImageSource, count: int) -> str:
    """Return the errors with the smallest probability of the right class, as HTML with their images.

    Args:
        validation: With `labels`, `probabilities` and `rows`.
        classes: Their names.
        images: Of the validation examples.
        count: Errors to show.
    """
    wanted, shares = validation.arrays["labels"], validation.arrays["probabilities"]
    right = shares[np.arange(len(wanted)), wanted]
    given = shares.argmax(1)
    wrong = np.flatnonzero(given != wanted)
    hardest = wrong[np.argsort(right[wrong], kind="stable")][:count]
    if not len(hardest):
        return "<h2>Errors</h2>\n<p>There are none.</p>"
    pixels = images.take(validation.arrays["rows"][hardest])
    figures = [
        f'<figure class="error"><img src="{data_uri(image)}" alt=""><figcaption>'
        f"{html.escape(classes[wanted[i]])}, taken for {html.escape(classes[given[i]])} "
        f"({shares[i, given[i]]:.0%})</figcaption></figure>"
        for i, image in zip(hardest, pixels, strict=True)
    ]
    head = f"<h2>Hardest errors</h2>\n<p>{len(hardest)} of {len(wrong)} errors.</p>"
    return head + '\n<div class="errors">' + "".join(figures) + "</div>"

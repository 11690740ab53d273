"""Compression: a trained network becomes a smaller one that gives nearly the same features.

Structured pruning, low-rank factorisation and int8, recovery by distillation, and a table of what was gained
and lost. Its modules, `figures` apart, import torch; nothing that runs without torch imports them.
"""

from vifex.compression.figures import Compression, Fidelity, Rate, Side

__all__ = ["Compression", "Fidelity", "Rate", "Side"]

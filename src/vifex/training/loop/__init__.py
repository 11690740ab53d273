"""The loop: steps of optimizers on one or several devices, schedules, averages and checkpoints.

Importing this package imports no torch; `vifex.training.loop.trainer` does.
"""

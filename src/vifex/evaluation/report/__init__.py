"""The report: one self-contained HTML page."""

from vifex.evaluation.report.page import RowImage, evaluation_plots, hardest_errors, report_page

__all__ = ["RowImage", "evaluation_plots", "hardest_errors", "report_page"]

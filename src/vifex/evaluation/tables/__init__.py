"""Tables of predictions: read from the files of other tools, and written for them."""

from vifex.evaluation.tables.reading import classes_of, read_predictions
from vifex.evaluation.tables.writing import predictions_table

__all__ = ["classes_of", "predictions_table", "read_predictions"]

"""Features from files become views of a store: exports of Vifex, and files of other tools.

A format opens a file as a `FeatureFile`: its feature columns, what else it says of each row, and batches of
rows. `facts` gives the row columns, `media` the media, `filling` commits them through the store's writer.
"""

from vifex.importing.facts import FactReading, facts_of_file
from vifex.importing.filling import Imports, fill_view
from vifex.importing.opening import Choice, open_files
from vifex.importing.recipes import imported_recipe

__all__ = ["Choice", "FactReading", "Imports", "facts_of_file", "fill_view", "imported_recipe", "open_files"]

"""Search: answers from a store.

`find` goes from a query in any form to `hits`; `exact` is the scan beneath it, with one file per distance
in `distances`. `contact_sheet` shows hits as a page, `export` writes rows as files of other formats.
"""

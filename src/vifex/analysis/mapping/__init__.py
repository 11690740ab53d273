"""Maps: rows as points in the plane, near each other where their vectors are similar, and their page."""

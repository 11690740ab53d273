"""Pages of answers: self-contained HTML with rows as cards, tables and plots."""

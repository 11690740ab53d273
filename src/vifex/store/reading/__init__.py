"""Reading: views as of one commit, filters, mapped columns, and the check of every file."""

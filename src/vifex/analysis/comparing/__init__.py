"""Which layer suits labelled media: layers ranked by two classifiers, and how alike they are."""

"""Code packages: the files of a folder and what they need, one zip that is the same for the same code."""

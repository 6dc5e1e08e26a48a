"""Programs as people write them with the libraries: each is given a URL and prints what a tool answered."""

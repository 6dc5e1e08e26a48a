"""Wire formats and protocol rules: pure, standard library only."""

"""Measurements, as ratios taken in one run. `make bench` runs them all; each is a program of its own."""

"""A server of one protocol era shown to clients of the other: `legacy_face` and `modern_face`."""

"""The promises of skerry: one row per behaviour, in the TOML files of this folder."""

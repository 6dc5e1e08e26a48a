"""Targets that act for the person who calls: what comes between a call and its token.

`options` is what a client may say of it, `gate` decides before each call, `answers` are the words of both
eras; `connect` is a page of the gateway's own that checks who opens the link.
"""

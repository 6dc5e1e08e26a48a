"""Dynamic client registration: a client makes itself known, and looks after its registration.

    endpoint.py         POST REGISTER                RFC 7591: a client id, perhaps a secret, shown once
    management.py       GET, PUT, DELETE REGISTER/ID  RFC 7592: with the registration access token
    initial_tokens.py   who may register where the realm asks for a token
    limits.py           how often one source may
    answers.py          what both endpoints say

Off unless a realm says `registration = "open"` or `"token"`. MCP 2026-07-28 deprecates it in favour of client
ID metadata documents (`client_documents.py`).
"""

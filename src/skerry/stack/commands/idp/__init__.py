"""`skerry idp`: the identity provider of a state directory, from its keeper's side.

    command.py   the options, and which function serves them
    opened.py    realms, records and clock of a state directory
    clients.py   users.py   keys.py   tokens.py   clock.py   show.py

All of it works on the files of the state directory, also while the provider runs: it looks into its records
at each request, and reads a key file or clock again when that has changed.
"""

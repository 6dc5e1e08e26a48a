"""The accounts API: accounts, their e-mail addresses and their activity, each row owned by a tenant.

python -m skerry.servers.accounts.api [--watch-stdin] serves it on 127.0.0.1.
"""

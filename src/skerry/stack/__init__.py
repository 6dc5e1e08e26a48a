"""The local stack: what `skerry.toml` declares, started, wired together and kept running.

skerry.toml ──▶ declaration (frozen) ──▶ up ──▶ processes: endpoint · idp · services
                                          └───▶ provision: the endpoint's own control plane
                                          └───▶ stack.json: what env, chat, call and token read
"""

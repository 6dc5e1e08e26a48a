"""Stdio proxies and bridges side by side: speed, and behaviour when something goes wrong.

    python -m bench.proxy.speed           start, latency, CPU per call, 16 in flight, slow calls, memory
    python -m bench.proxy.probes          behaviour of proxies: one sentence per probe
    python -m bench.proxy.bridge_speed    the same figures of bridges
    python -m bench.proxy.bridge_probes   behaviour of bridges
    python -m bench.proxy.peers           installs the other tools (`make bench-peers`)

Everything runs on loopback against fakes, without an AWS account. Peers that are not installed are named
and left out. See docs/benchmarks.md.
"""

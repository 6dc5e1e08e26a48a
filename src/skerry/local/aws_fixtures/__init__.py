"""What moto cannot answer, answered with made-up data that says so in a header.

A service is a file of data and the module that computes answers from it: `catalogue` for lists of things
(bedrock.toml), `costs` for Cost Explorer (costs.toml). `fixtures` matches requests to them, before moto.
"""

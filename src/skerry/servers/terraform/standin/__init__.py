"""A local stand-in of the HCP Terraform HTTP API, so that the tools work without an account.

Written from the public API description and to satisfy HashiCorp's client pytfe. It holds one made-up
organization in memory and forgets every change when it ends. Where the description is silent it says
nothing about the real service: the length of a phase, the text of a log and the order of equals are
inventions of this program, and a query parameter that it does not know is refused rather than ignored.

python -m skerry.servers.terraform.standin [--watch-stdin] serves it on 127.0.0.1.
"""

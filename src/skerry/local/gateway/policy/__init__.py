"""Policies of a gateway: Cedar statements that say who may call which tool, with which arguments.

| module | holds |
|---|---|
| `vocabulary` | entities and actions of namespace `AgentCore`: what a request is for Cedar |
| `values` | JSON Schema as Cedar types, arguments as Cedar values |
| `schema` | the Cedar schema of a gateway's tools |
| `statement` | one statement: parsed, its scope, and what AWS refuses about it |
| `optimism` | a policy without its input: what may be permitted for some arguments |
| `verdict` | what an engine says, and the port by which it is asked |
| `policy_set` | the policies of an engine, ready to decide |
| `findings` | what is wrong with a statement, for people |
| `checks` | what the control plane asks before it stores a statement |
| `decisions` | the one decision behind `tools/list`, `tools/call` and search |
"""

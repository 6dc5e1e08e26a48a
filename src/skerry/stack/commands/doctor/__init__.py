"""`skerry doctor`: why a call is refused.

command ─▶ probes (what they answer) ─▶ judgement (what that means; pure) ─▶ findings
"""

"""What a proxy does when something goes wrong: each probe tests one sentence."""

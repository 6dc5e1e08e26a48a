"""What a bridge does when something goes wrong: each probe tests one sentence."""

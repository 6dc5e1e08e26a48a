"""What the stack keeps in its folder: records, sealed secrets, hops."""

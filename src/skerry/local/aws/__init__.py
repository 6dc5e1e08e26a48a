"""The embedded cloud: the rest of AWS, answered by moto in a process of its own."""

"""`skerry eval`: labelled questions put to the model of a stack, and how it did."""

"""The offline router: picks a tool by the words of a question. No language model."""

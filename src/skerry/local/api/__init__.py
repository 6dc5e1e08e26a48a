"""How the APIs of AWS are spoken: service models, restJson1, checked input, the forms of errors."""

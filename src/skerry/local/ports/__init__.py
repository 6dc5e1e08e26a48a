"""What the planes need from each other and from their surroundings.

The planes (`runtime`, `gateway`, `models`, `functions`, `identity`) import these modules and never one
another; `app.py` hands each of them objects that fit these protocols.
"""

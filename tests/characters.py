"""What generated texts are made of: all that UTF-8 can write."""

from hypothesis import strategies as st

# Hypothesis' own default, which it finds by writing every character: for seconds in a fresh clone.
CHARACTERS = st.characters(exclude_categories=["Cs"])

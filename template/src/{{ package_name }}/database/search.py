"""What a search looks for."""

import unicodedata

# The full-text indexes agree on these: shorter and longer words are not in all of them.
_LENGTHS = range(3, 85)


def words_of(text: str) -> list[str]:
    """Return the words of a search: letters, their marks and digits, 3 to 84 of them."""
    composed = unicodedata.normalize("NFC", text)
    parts = (c if unicodedata.category(c)[0] in "LMN" else " " for c in composed)
    return [word for word in "".join(parts).split() if len(word) in _LENGTHS]

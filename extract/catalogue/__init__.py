"""The catalogue's verbs, a file each: find, describe, add, indicators; and what they share."""

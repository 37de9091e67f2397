"""Experiments that reproduce the numbers of papers, books and the lecture, as functions that return records."""

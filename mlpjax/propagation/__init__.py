"""How variances travel through a network, and how to start one so that they keep their size."""

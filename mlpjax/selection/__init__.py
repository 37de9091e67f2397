"""Many networks in one compiled call, and the choice among them."""

"""What a network's gradients say of its health, layer by layer."""

"""The laboratory: the ground truth that claims about gradients are held against."""

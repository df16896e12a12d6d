"""Small worlds in which gradients are exact, and the judges that hold estimators against them."""

"""The policy that learns without a model of its environment, in the module `pg`."""

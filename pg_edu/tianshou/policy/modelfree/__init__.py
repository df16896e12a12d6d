"""The policy that learns without a model of the environment, in the module `pg`."""

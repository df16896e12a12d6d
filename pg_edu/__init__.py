"""pg_edu: REINFORCE, derived, built and proved."""

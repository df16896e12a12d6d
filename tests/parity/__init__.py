"""Random cases that pg_edu and the real Tianshou v1.1.0 both run, and whose outcomes must agree."""

"""Nothing in this folder is a test by itself: half of it needs Tianshou v1.1.0 installed."""

collect_ignore_glob = ["*"]

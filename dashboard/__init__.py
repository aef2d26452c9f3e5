"""The dashboard: what the API publishes, for people. It reaches data only over HTTP."""

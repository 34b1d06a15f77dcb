"""What variables and samples of configurations stand for in one request, and tests on them (HAProxy, nginx)."""

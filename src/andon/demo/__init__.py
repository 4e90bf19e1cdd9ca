"""Real example models that pack and serve in one command."""

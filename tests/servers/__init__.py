"""Real servers for tests, on loopback and on ports that the system picks."""

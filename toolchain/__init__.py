"""What the project runs on: found on the machine, downloaded, or built. Knows nothing of it."""

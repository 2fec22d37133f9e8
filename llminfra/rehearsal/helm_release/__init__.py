"""The simulated Helm provider: charts are rendered for real, their objects checked, releases kept in the world."""

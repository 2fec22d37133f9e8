"""What several commands do with specs: plan, synthesize, render, write."""

"""From the plan to the typed values of each chart, one file per chart."""

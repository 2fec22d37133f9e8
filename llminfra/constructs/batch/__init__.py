"""AWS Batch: where jobs run, what a job is, when it starts and who hears of failures."""

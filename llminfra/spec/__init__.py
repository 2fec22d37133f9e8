"""What a user declares: one noun per file; types and shapes only, no look-ups and no files."""

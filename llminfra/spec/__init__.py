"""What a user declares: one noun per file, in rooms by concept; types and shapes only, no look-ups and no files."""

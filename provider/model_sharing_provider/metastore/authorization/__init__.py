"""Authorization in SQL: effective privileges, and what listings may show to whom."""

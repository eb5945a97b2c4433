"""Authorization in SQL: effective privileges, and visibility in lists."""

"""S3 and Azure servers on this machine, and a provider whose artifacts are in one."""

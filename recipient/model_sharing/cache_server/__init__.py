"""Cache server: mounted shares behind the Hugging Face Hub's API, for its stock clients on this machine.

Stock clients check sizes and nothing else. Here they get only bytes that were verified against what the
provider signed, from the cache, with the mount's policy on files that run code. It is read-only, and nobody's
credentials go through it: the provider's token stays in the mount.
"""

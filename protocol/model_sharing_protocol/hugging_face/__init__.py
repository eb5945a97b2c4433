"""API of the Hugging Face Hub, as far as it reads models: what a server of it needs besides HTTP itself.

Source: `huggingface_hub` 0.23 to 2.4, as it calls the Hub and reads its answers. A repository is a model, and
a commit is the content of a version: see `revisions`. All files are described as Git LFS does, since their
sha256 is known and the SHA-1 of their content is not.
"""

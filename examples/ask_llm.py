"""Plain transformers code: load a language model and let it go on with a sentence.

    python examples/ask_llm.py REPOSITORY|FOLDER [REVISION]

Nothing here knows of shares: `HF_ENDPOINT` and `HF_TOKEN` say where repositories are.
"""

from __future__ import annotations

import sys

from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.utils import logging

logging.disable_progress_bar()
where, revision = sys.argv[1], (sys.argv[2:] or ["main"])[0]
tokenizer = AutoTokenizer.from_pretrained(where, revision=revision)
model = AutoModelForCausalLM.from_pretrained(where, revision=revision)
question = tokenizer("a model that", return_tensors="pt", return_token_type_ids=False)
answer = model.generate(**question, max_new_tokens=5, do_sample=False)
print(tokenizer.decode(answer[0], skip_special_tokens=True))

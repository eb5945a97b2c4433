"""Tasks of models, in the words of the Hugging Face Hub, by the names of architectures in transformers."""

from __future__ import annotations

# By how names end; the first one that fits.
_TASKS = {
    "ForCausalLM": "text-generation",
    "LMHeadModel": "text-generation",
    "ForMaskedLM": "fill-mask",
    "ForSequenceClassification": "text-classification",
    "ForTokenClassification": "token-classification",
    "ForQuestionAnswering": "question-answering",
    "ForImageClassification": "image-classification",
    "ForObjectDetection": "object-detection",
    "ForDepthEstimation": "depth-estimation",
    "ForSemanticSegmentation": "image-segmentation",
    "ForAudioClassification": "audio-classification",
    "ForSpeechSeq2Seq": "automatic-speech-recognition",
    "ForCTC": "automatic-speech-recognition",
    "Model": "feature-extraction",
}


def task_of(architecture: str) -> str:
    """Task of an architecture, such as `LlamaForCausalLM`; empty if its name does not tell."""
    return next((task for ending, task in _TASKS.items() if architecture.endswith(ending)), "")

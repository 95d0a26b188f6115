"""The learned layer of the tone check: how likely a fair reader would call a sentence disrespectful.

Home of numpy and of the embedding library, both of the optional extra `coach`. Where they are not installed, a
smaller model that needs neither answers, with thresholds of its own. docs/guide/tone-model.md is the model card.
"""

import os

# Read by numpy as it is loaded. Its second thread waits in a busy loop and takes twice the time where cores are shared.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from dispatcher.adapters.sentence_model.judge import TrainedJudge, load_judge, model_takes_room

__all__ = ["TrainedJudge", "load_judge", "model_takes_room"]

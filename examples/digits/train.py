# SPDX-FileCopyrightText: 2026 The safetensors C++ authors
# SPDX-License-Identifier: MIT
"""Trains the network of this example and writes it, with the images held out, as safetensors.

    python train.py [folder]        # default: ../data

The same library versions on the same kind of machine give the same tensors (README.md names the
versions used). The order of the metadata is the reference writer's and differs from run to run.
"""

import sys
from pathlib import Path

import numpy as np
import sklearn
from safetensors.numpy import save_file
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

SOURCE = (
    "E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits, "
    "UCI Machine Learning Repository, CC BY 4.0"
)


def train():
    digits = load_digits()  # 1,797 images of 8 x 8 pixels, each 0 (white) to 16 (black)
    images, held_out, labels, held_out_labels = train_test_split(
        digits.data, digits.target, test_size=360, stratify=digits.target, random_state=0
    )
    classifier = MLPClassifier(
        hidden_layer_sizes=(32,), activation="relu", max_iter=1000, random_state=0
    )
    classifier.fit(images / 16, labels)

    # scikit-learn stores [in, out]; most frameworks, and this file, [out, in].
    hidden, output = (weight.T for weight in classifier.coefs_)
    hidden_bias, output_bias = classifier.intercepts_
    network = {
        # Dividing the weights by 16 here, which is exact, lets the network take pixels as they are.
        "hidden.weight": hidden / 16,
        "hidden.bias": hidden_bias,
        "output.weight": output,
        "output.bias": output_bias,
    }
    # The reference writer takes an array's memory as it is, so it has to be row-major.
    network = {name: np.ascontiguousarray(t, dtype=np.float32) for name, t in network.items()}
    test = {"images": held_out.astype(np.uint8), "labels": held_out_labels.astype(np.uint8)}
    return network, test


def logits(network, images):
    """What digits.cpp computes, in float32 as well."""
    hidden = images.astype(np.float32) @ network["hidden.weight"].T + network["hidden.bias"]
    hidden = np.maximum(hidden, np.float32(0))
    return hidden @ network["output.weight"].T + network["output.bias"]


def main():
    default = Path(__file__).resolve().parent.parent / "data"
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else default
    network, test = train()

    scores = logits(network, test["images"])
    assert scores.dtype == np.float32
    # Sums in another order differ by about 1e-5: no image may be decided by less than 1e-4.
    best = np.sort(scores, axis=1)
    margin = float(np.min(best[:, -1] - best[:, -2]))
    if not margin > 1e-4:
        sys.exit(f"the closest decision has a margin of only {margin:.2g}: choose another seed")

    correct = int(np.sum(np.argmax(scores, axis=1) == test["labels"]))
    total = len(test["labels"])
    metadata = {
        "accuracy": f"{correct}/{total}",
        "input": "64 pixels, row by row, 0 (white) to 16 (black)",
        "source": SOURCE,
        "trained_with": f"scikit-learn {sklearn.__version__}, numpy {np.__version__}",
    }
    save_file(network, folder / "digits.safetensors", metadata)
    save_file(test, folder / "digits-test.safetensors", {"source": SOURCE})
    print(f"accuracy {correct / total:.2%} ({correct} of {total}); closest decision {margin:.2g}")


if __name__ == "__main__":
    main()

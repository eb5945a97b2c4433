"""Program that lets ONNX models name files for their weights, and prints by what, and where, one was read."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper

SECRET = np.ones(4, dtype="float32")


def model_with_weights_at(location: str) -> bytes:
    weights = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[4], data_location=TensorProto.EXTERNAL)
    weights.external_data.add(key="location", value=location)
    given, wanted = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [4]) for name in "xy")
    graph = helper.make_graph([helper.make_node("Add", ["x", "w"], ["y"])], "g", [given], [wanted], [weights])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    data: bytes = model.SerializeToString()
    return data


def by_onnx(file: str) -> bool:
    return bool(onnx.load(file).graph.initializer[0].raw_data == SECRET.tobytes())


def by_onnxruntime(file: str) -> bool:
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    return bool((session.run(None, {"x": np.zeros(4, dtype="float32")})[0] == SECRET).all())


def main(folder: Path) -> None:
    model = folder / "model"
    (model / "sub").mkdir(parents=True)
    outside = folder / "secret"
    for file in (outside, model / "weights.data"):
        file.write_bytes(SECRET.tobytes())
    places = {
        "inside": "weights.data",
        "above": "../secret",
        "absolute": str(outside),
        "around": "sub/../../secret",
    }
    for name, read in (("onnx", by_onnx), ("onnxruntime", by_onnxruntime)):
        for place, location in places.items():
            (model / "model.onnx").write_bytes(model_with_weights_at(location))
            with contextlib.suppress(Exception):
                if read(str(model / "model.onnx")):
                    print(name, place)


if __name__ == "__main__":
    main(Path(sys.argv[1]))

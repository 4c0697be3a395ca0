# SPDX-License-Identifier: Apache-2.0
# Writes small.onnx with ONNX's own library (Debian's python3-onnx): what engine/files/onnx.cpp is compared with, byte by byte.
import struct
import sys

import onnx
from onnx import TensorProto, helper


def constant(name, kind, dims, values, code):
    raw = struct.pack("<%d%s" % (len(values), code), *values)
    return helper.make_tensor(name, kind, dims, raw, raw=True)


graph = helper.make_graph(
    [
        helper.make_node("Conv", ["images", "constant_1", "constant_2"], ["Conv_3"], name="Conv_3",
                         kernel_shape=[1, 1], strides=[2, 2]),
        helper.make_node("LeakyRelu", ["Conv_3"], ["LeakyRelu_4"], name="LeakyRelu_4", alpha=0.25),
        helper.make_node("Reshape", ["LeakyRelu_4", "constant_5"], ["Reshape_6"], name="Reshape_6"),
        helper.make_node("Softmax", ["Reshape_6"], ["Softmax_7"], name="Softmax_7", axis=-1),
        helper.make_node("Identity", ["Softmax_7"], ["shares"], name="shares"),
    ],
    "small",
    [helper.make_tensor_value_info("images", TensorProto.FLOAT, ["batch", 1, 300, 4])],
    [helper.make_tensor_value_info("shares", TensorProto.FLOAT, ["batch", 600])],
    [
        constant("constant_1", TensorProto.FLOAT, [2, 1, 1, 1], [1.5, -2.0], "f"),
        constant("constant_2", TensorProto.FLOAT, [2], [0.0, 1e-30], "f"),
        constant("constant_5", TensorProto.INT64, [2], [-1, 600], "q"),
    ],
)
model = helper.make_model(graph, producer_name="peclr", ir_version=5,
                          opset_imports=[helper.make_operatorsetid("", 10)])
for key, value in (("a", "1"), ("peclr.depth", "18")):
    model.metadata_props.add(key=key, value=value)
onnx.checker.check_model(model, full_check=True)
open(sys.argv[1], "wb").write(model.SerializeToString())

#!/usr/bin/env python3
"""Turn the CenterNet detector of the npm package `@vladmandic/human` into an ONNX file.

    convert_centernet.py PACKAGE.tgz MODEL.onnx

The package holds a TensorFlow.js graph model: `models/centernet.json` (nodes, and where each weight
lies) and `models/centernet.bin` (the weights, as float16). Only the part of the graph that leads to
`tower_0/keypoints` and `tower_0/wh` is converted; the decoding behind them (top 100, box corners)
belongs to the program that reads the model.

TensorFlow keeps its pictures as N,H,W,C; ONNX convolutions want N,C,H,W. The whole graph is turned
to N,C,H,W, inputs and outputs included, so that no transpose is left in it:

    images              float32  batch x 3 x 512 x 512    RGB, 0..255
    tower_0/keypoints   float32  batch x 80 x 128 x 128   scores, after the sigmoid
    tower_0/wh          float32  batch x 4 x 128 x 128    left, top, right, bottom in input pixels
                                                          from the cell's centre, (4x + 2, 4y + 2)

The same package gives the same bytes each time: nodes and weights are written in one fixed order.
"""

import argparse
import base64
import json
import sys
import tarfile
from collections.abc import Callable

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

TOPOLOGY = "package/models/centernet.json"
WEIGHTS = "package/models/centernet.bin"
INPUT = "tower_0/images"
OUTPUTS = ("tower_0/keypoints", "tower_0/wh")
INPUT_PX = 512
STRIDE_PX = 4
OPSET = 17
IR_VERSION = 8


class ConversionError(Exception):
    """The package is not what this script was written for; the text is one sentence."""


def read_package(path: str) -> tuple[list[dict], dict[str, np.ndarray]]:
    """Return the graph's nodes and its weights by name."""
    try:
        with tarfile.open(path) as package:
            model = json.loads(package.extractfile(TOPOLOGY).read())
            blob = package.extractfile(WEIGHTS).read()
    except (OSError, EOFError, tarfile.TarError, KeyError, ValueError) as error:
        raise ConversionError(
            f"{path} is not the npm package @vladmandic/human with {TOPOLOGY} in it ({error})"
        ) from error
    specs = [spec for group in model["weightsManifest"] for spec in group["weights"]]
    return model["modelTopology"]["node"], read_weights(specs, blob)


def read_weights(specs: list[dict], blob: bytes) -> dict[str, np.ndarray]:
    """Cut the weight file into arrays; weights lie in it one after the other, without gaps."""
    weights, offset = {}, 0
    for spec in specs:
        stored = np.dtype(spec.get("quantization", spec)["dtype"]).newbyteorder("<")
        count = int(np.prod(spec["shape"], dtype=np.int64))
        if offset + count * stored.itemsize > len(blob):
            raise ConversionError(f"{WEIGHTS} ends inside the weight {spec['name']}")
        values = np.frombuffer(blob, stored, count, offset)
        weights[spec["name"]] = values.astype(spec["dtype"]).reshape(spec["shape"])
        offset += count * stored.itemsize
    if offset != len(blob):
        raise ConversionError(f"{WEIGHTS} has {len(blob)} bytes where its list names {offset}")
    return weights


def attribute(node: dict, name: str) -> str | bool | list | None:
    """Return a TensorFlow attribute as a plain Python value, None where the node lacks it."""
    value = node.get("attr", {}).get(name)
    if value is None:
        return None
    if "s" in value:
        return base64.b64decode(value["s"]).decode()
    if "b" in value:
        return value["b"]
    entries = value.get("list", {})
    if "i" in entries:
        return [int(entry) for entry in entries["i"]]
    return [base64.b64decode(entry).decode() for entry in entries.get("s", [])]


def expect(node: dict, name: str, *allowed: object) -> object:
    """Return an attribute after checking that it is one that the conversion was written for."""
    value = attribute(node, name)
    if value not in allowed:
        raise ConversionError(
            f"node {node['name']} ({node['op']}) has {name} = {value!r}; known: {allowed}"
        )
    return value


class Converter:
    """Collects the ONNX nodes and weights, one TensorFlow node at a time."""

    def __init__(self, nodes: list[dict], weights: dict[str, np.ndarray]):
        self.nodes = {node["name"]: node for node in nodes}
        self.weights = weights
        self.onnx_nodes: list[onnx.NodeProto] = []
        self.initializers: dict[str, onnx.TensorProto] = {}
        self.operators: dict[str, Callable[[dict], None]] = {
            "_FusedConv2D": self.convolution,
            "Conv2D": self.convolution,
            "FusedDepthwiseConv2dNative": self.convolution,
            "DepthwiseConv2dNative": self.convolution,
            "Add": lambda node: self.elementwise(node, "Add"),
            "Mul": lambda node: self.elementwise(node, "Mul"),
            "Relu": lambda node: self.emit("Relu", node["input"], node["name"]),
            "Relu6": self.relu6,
            "Sigmoid": lambda node: self.emit("Sigmoid", node["input"], node["name"]),
            "Identity": lambda node: self.emit("Identity", node["input"], node["name"]),
            "Mean": self.mean,
            "ConcatV2": self.concat,
            "ResizeBilinear": self.resize,
        }

    def needed(self) -> list[dict]:
        """Return the nodes on which the outputs depend, inputs before users."""
        order: list[dict] = []
        seen: set[str] = set()
        # Depth first with an explicit stack: a node is listed once all of its inputs are.
        stack = [(name, False) for name in reversed(OUTPUTS)]
        while stack:
            name, inputs_done = stack.pop()
            if inputs_done:
                order.append(self.nodes[name])
                continue
            if name in seen:
                continue
            if name not in self.nodes:
                raise ConversionError(f"the graph has no node {name}")
            seen.add(name)
            stack.append((name, True))
            stack += [(entry, False) for entry in reversed(self.nodes[name].get("input", []))]
        return order

    def convert(self) -> onnx.ModelProto:
        """Return the checked ONNX model."""
        for node in self.needed():
            if node["op"] in ("Placeholder", "Const"):
                continue
            if node["op"] not in self.operators:
                raise ConversionError(f"node {node['name']} uses {node['op']}, unknown here")
            self.operators[node["op"]](node)
        cells = INPUT_PX // STRIDE_PX
        shapes = {
            "images": [3, INPUT_PX, INPUT_PX],
            "tower_0/keypoints": [80, cells, cells],
            "tower_0/wh": [4, cells, cells],
        }
        tensors = {
            name: helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", *shape])
            for name, shape in shapes.items()
        }
        graph = helper.make_graph(
            self.onnx_nodes,
            "centernet",
            [tensors["images"]],
            [tensors[name] for name in OUTPUTS],
            list(self.initializers.values()),
        )
        model = helper.make_model(
            graph,
            producer_name="paddock convert_centernet",
            ir_version=IR_VERSION,
            opset_imports=[helper.make_opsetid("", OPSET)],
        )
        onnx.checker.check_model(model, full_check=True)
        return model

    def emit(self, op: str, inputs: list[str], output: str, **attributes: object) -> None:
        """Append one ONNX node."""
        inputs = ["images" if name == INPUT else name for name in inputs]
        self.onnx_nodes.append(helper.make_node(op, inputs, [output], name=output, **attributes))

    def constant(self, name: str, values: np.ndarray) -> str:
        """Store a weight of the ONNX graph and return its name."""
        if name not in self.initializers:
            self.initializers[name] = numpy_helper.from_array(np.array(values, order="C"), name)
        return name

    def convolution(self, node: dict) -> None:
        """Convert a plain or depthwise convolution, with the bias and ReLU fused into it."""
        expect(node, "data_format", "NHWC")
        expect(node, "dilations", [1, 1, 1, 1])
        padding = expect(node, "padding", "SAME", "VALID")
        fused = expect(node, "fused_ops", None, [], ["BiasAdd"], ["BiasAdd", "Relu"]) or []
        source, kernel, *rest = node["input"]
        height, width, channels, last = self.weights[kernel].shape
        if "epthwise" in node["op"]:
            # H,W,C,multiplier: output c * multiplier + m comes from input c alone.
            filters = self.weights[kernel].transpose(2, 3, 0, 1)
            filters = filters.reshape(channels * last, 1, height, width)
            group = channels
        else:
            filters, group = self.weights[kernel].transpose(3, 2, 0, 1), 1
        inputs = [source, self.constant(kernel, filters)]
        if fused:
            inputs.append(self.constant(rest[0], self.weights[rest[0]]))
        output = node["name"]
        self.emit(
            "Conv",
            inputs,
            f"{output}/linear" if "Relu" in fused else output,
            auto_pad="SAME_UPPER" if padding == "SAME" else "VALID",
            group=group,
            # Without it ONNX Runtime refuses some of the 1x1 kernels padded SAME_UPPER.
            kernel_shape=[height, width],
            strides=attribute(node, "strides")[1:3],
        )
        if "Relu" in fused:
            self.emit("Relu", [f"{output}/linear"], output)

    def elementwise(self, node: dict, op: str) -> None:
        """Convert an addition or product of two pictures, or of a picture and one number."""
        for name in node["input"]:
            if name in self.weights:
                if self.weights[name].size != 1:
                    raise ConversionError(f"node {node['name']} has a constant that is no number")
                self.constant(name, self.weights[name].reshape(()))
        self.emit(op, node["input"], node["name"])

    def relu6(self, node: dict) -> None:
        """Convert min(max(x, 0), 6)."""
        low = self.constant("relu6/low", np.float32(0.0).reshape(()))
        high = self.constant("relu6/high", np.float32(6.0).reshape(()))
        self.emit("Clip", [node["input"][0], low, high], node["name"])

    def mean(self, node: dict) -> None:
        """Convert the mean over height and width, one value a channel."""
        axes = self.weights[node["input"][1]].tolist()
        if axes != [1, 2]:
            raise ConversionError(f"node {node['name']} takes a mean over axes {axes}, not [1, 2]")
        expect(node, "keep_dims", True)
        self.emit("GlobalAveragePool", node["input"][:1], node["name"])

    def concat(self, node: dict) -> None:
        """Convert a concatenation along the channels."""
        axis = int(self.weights[node["input"][-1]])
        if axis not in (3, -1):
            raise ConversionError(f"node {node['name']} joins along axis {axis}, not channels")
        self.emit("Concat", node["input"][:-1], node["name"], axis=1)

    def resize(self, node: dict) -> None:
        """Convert a bilinear doubling; asymmetric: output pixel x is read at x / 2."""
        expect(node, "align_corners", False)
        expect(node, "half_pixel_centers", False)
        scales = self.constant("resize/scales", np.array([1, 1, 2, 2], np.float32))
        self.emit(
            "Resize",
            [node["input"][0], "", scales],
            node["name"],
            mode="linear",
            coordinate_transformation_mode="asymmetric",
        )


def convert(package: str) -> bytes:
    """Return the bytes of the ONNX file for the package at this path."""
    nodes, weights = read_package(package)
    return Converter(nodes, weights).convert().SerializeToString(deterministic=True)


def main() -> int:
    """Convert as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("package", help="the npm package's .tgz file")
    parser.add_argument("model", help="the ONNX file to write")
    arguments = parser.parse_args()
    try:
        data = convert(arguments.package)
    except ConversionError as error:
        print(f"convert_centernet: {error}", file=sys.stderr)
        return 2
    with open(arguments.model, "wb") as file:
        file.write(data)
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""The same weights in other people's programs: stock GPT-2 in torch, TransformerLens, an onnx graph."""

from importlib import import_module
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from zoo import Model, files
from zoo.transformer import Attention, Transformer
from zoo.transformer.arrays import Array


def gpt2(model: Model) -> Any:
    """A stock GPT2LMHeadModel in evaluation mode, float32, read from a directory as `zoo export` writes it."""
    torch, transformers = import_module("torch"), import_module("transformers")
    torch.set_num_threads(1)  # at these sizes a second thread is slower, and on a busy machine a thousand times
    with TemporaryDirectory() as folder:
        files.write_gpt2(model, f"{folder}/model")
        return transformers.GPT2LMHeadModel.from_pretrained(f"{folder}/model").eval()


def transformer_lens(model: Model) -> Any:
    """A TransformerBridge, TransformerLens's own form of the same directory."""
    bridge = import_module("transformer_lens.model_bridge").TransformerBridge
    import_module("torch").set_num_threads(1)
    with TemporaryDirectory() as folder:
        files.write_gpt2(model, f"{folder}/model")
        return bridge.boot_transformers(f"{folder}/model", device="cpu")


def onnx_session(transformer: Transformer) -> Any:
    """An onnxruntime session of one Attention without Norm.

    Tokens int64 [batch, seq] -> logits float32 [batch, vocab] of the last row.
    """
    [layer] = transformer.layers
    assert isinstance(layer, Attention)
    graph = _Graph()
    node, constant, linear = graph.node, graph.constant, graph.linear
    zero, one = constant("zero", np.array([0])), constant("one", np.array([1]))
    axis, last = constant("axis", np.array([1])), constant("last", np.array([-1]))
    seq = node("Slice", node("Shape", "tokens"), axis, constant("two", np.array([2])), zero)
    embedded = node("Gather", constant("wte", transformer.token_embedding.astype(np.float32)), "tokens")
    positions = node("Slice", constant("wpe", transformer.position_embedding.astype(np.float32)), zero, seq, zero)
    x = node("Add", embedded, positions)  # [batch, seq, d_model]
    end = constant("end", np.array([2**31]))
    stream = node("Slice", x, last, end, one)  # [batch, 1, d_model]
    total = stream
    for h in range(layer.sizes["head"]):  # the last row sees all: no mask
        q = linear(stream, f"q{h}", layer.multiplier * layer.w_q[h], _times(layer.b_q, h, layer.multiplier))
        k, v = (linear(x, f"{n}{h}", w[h], _times(b, h, 1)) for n, w, b in _keys_values(layer))
        scores = node("MatMul", q, node("Transpose", k, perm=[0, 2, 1]))
        mixed = node("MatMul", node("Softmax", scores, axis=-1), v)
        total = node("Add", total, linear(mixed, f"o{h}", layer.w_o[h], None))
    if layer.b_o is not None:
        total = node("Add", total, constant("b_o", layer.b_o.astype(np.float32)))
    return graph.session(node("Squeeze", linear(total, "unembedding", transformer.readout.T, None), one))


class _Graph:
    """A graph of ONNX that is being written: nodes and constants by their names."""

    def __init__(self) -> None:
        self.onnx, self.helper = import_module("onnx"), import_module("onnx.helper")
        self.nodes: list[Any] = []
        self.constants: dict[str, Array] = {}

    def node(self, kind: str, *inputs: str, **attributes: Any) -> str:
        output = f"{kind}_{len(self.nodes)}"
        self.nodes.append(self.helper.make_node(kind, list(inputs), [output], **attributes))
        return output

    def constant(self, name: str, array: Array) -> str:
        self.constants[name] = np.ascontiguousarray(array)
        return name

    def linear(self, x: str, name: str, w: Array, b: Array | None) -> str:
        product = self.node("MatMul", x, self.constant(name, w.astype(np.float32)))
        return product if b is None else self.node("Add", product, self.constant(f"{name}_b", b.astype(np.float32)))

    def session(self, logits: str) -> Any:
        """What runs it: tokens go in, and what has that name comes out."""
        onnx, helper = self.onnx, self.helper
        graph = helper.make_graph(
            self.nodes,
            "model",
            [helper.make_tensor_value_info("tokens", onnx.TensorProto.INT64, ["batch", "seq"])],
            [helper.make_tensor_value_info(logits, onnx.TensorProto.FLOAT, ["batch", "vocab"])],
            [onnx.numpy_helper.from_array(array, name) for name, array in self.constants.items()],
        )
        made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        sessions = import_module("onnxruntime").InferenceSession
        return sessions(made.SerializeToString(), providers=["CPUExecutionProvider"])


def _times(b: Array | None, h: int, scale: float) -> Array | None:
    return None if b is None else scale * b[h]


def _keys_values(layer: Attention) -> list[tuple[str, Array, Array | None]]:
    return [("k", layer.w_k, layer.b_k), ("v", layer.w_v, layer.b_v)]

"""The same weights in other people's programs: stock GPT-2 in torch, an onnx graph.

For models of attention layers without Norm and Mlp. Stock GPT-2 has LayerNorm and an MLP in every block: with a huge
epsilon and a weight that undoes it LayerNorm passes on x minus its mean, one more dimension keeps the mean at zero, and
an MLP of zeros adds nothing.
"""

from importlib import import_module
from typing import Any

import numpy as np

from zoo.arrays import Array
from zoo.transformer import Attention, Transformer

EPSILON, UNDO = 2.0**60, 2.0**30  # var + eps is eps exactly, and its root is UNDO


def gpt2(transformer: Transformer) -> Any:
    """A GPT2LMHeadModel in evaluation mode, float32, whose last row of logits is that of the transformer."""
    torch, transformers = import_module("torch"), import_module("transformers")
    torch.set_num_threads(1)  # at these sizes a second thread is slower, and on a busy machine a thousand times

    layers = [layer for layer in transformer.layers if isinstance(layer, Attention)]
    assert len(layers) == len(transformer.layers)
    heads = max(layer.sizes["head"] for layer in layers)
    d_head = max(max(layer.sizes["d_head"], layer.sizes["d_v"]) for layer in layers)
    d_head = max(d_head, -(-(transformer.d_model + 1) // heads))
    wide = heads * d_head
    config = transformers.GPT2Config(
        vocab_size=transformer.sizes["vocab"],
        n_positions=transformer.n_ctx,
        n_embd=wide,
        n_layer=len(layers),
        n_head=heads,
        n_inner=1,
        layer_norm_epsilon=EPSILON,
        bos_token_id=None,
        eos_token_id=None,
        tie_word_embeddings=False,
    )
    model: Any = transformers.GPT2LMHeadModel(config).eval()
    state = {name: torch.zeros_like(tensor) for name, tensor in model.state_dict().items()}

    def put(name: str, array: Array) -> None:
        state[name] = torch.tensor(array, dtype=state[name].dtype)

    def written(array: Array) -> Array:  # what goes to the residual stream, with minus its sum in one more dimension
        result = np.zeros((*array.shape[:-1], wide))
        result[..., : transformer.d_model] = array
        result[..., transformer.d_model] = -array.sum(axis=-1)
        return result

    reads = np.where(np.arange(wide) < transformer.d_model, UNDO, 0)
    put("transformer.wte.weight", written(transformer.token_embedding))
    put("transformer.wpe.weight", written(transformer.position_embedding))
    put("transformer.ln_f.weight", reads)
    unembedding = transformer.readout
    put("lm_head.weight", np.pad(unembedding, [(0, 0), (0, wide - transformer.d_model)]))
    for i, layer in enumerate(layers):
        block = f"transformer.h.{i}"
        into, bias = np.zeros((wide, 3, heads, d_head)), np.zeros((3, heads, d_head))
        parts = ((layer.w_q, layer.b_q), (layer.w_k, layer.b_k), (layer.w_v, layer.b_v))
        for part, (w, b) in enumerate(parts):
            times = layer.multiplier * np.sqrt(d_head) if part == 0 else 1
            into[: w.shape[1], part, : w.shape[0], : w.shape[2]] = times * w.transpose(1, 0, 2)
            if b is not None:
                bias[part, : b.shape[0], : b.shape[1]] = times * b
        out = np.zeros((heads, d_head, wide))
        out[: layer.w_o.shape[0], : layer.w_o.shape[1]] = written(layer.w_o)
        put(f"{block}.ln_1.weight", reads)
        put(f"{block}.attn.c_attn.weight", into.reshape(wide, -1))
        put(f"{block}.attn.c_attn.bias", bias.ravel())
        put(f"{block}.attn.c_proj.weight", out.reshape(-1, wide))
        if layer.b_o is not None:
            put(f"{block}.attn.c_proj.bias", written(layer.b_o))
    model.load_state_dict(state)
    return model


def onnx_session(transformer: Transformer) -> Any:
    """An onnxruntime session: tokens int64 [batch, seq] -> logits float32 [batch, vocab] of the last row."""
    onnxruntime, onnx = import_module("onnxruntime"), import_module("onnx")
    helper = import_module("onnx.helper")
    nodes: list[Any] = []
    constants: dict[str, Array] = {}

    def node(kind: str, *inputs: str, **attributes: Any) -> str:
        output = f"{kind}_{len(nodes)}"
        nodes.append(helper.make_node(kind, list(inputs), [output], **attributes))
        return output

    def constant(name: str, array: Array) -> str:
        constants[name] = np.ascontiguousarray(array)
        return name

    def linear(x: str, name: str, w: Array, b: Array | None) -> str:
        product = node("MatMul", x, constant(name, w.astype(np.float32)))
        return product if b is None else node("Add", product, constant(f"{name}_b", b.astype(np.float32)))

    [layer] = transformer.layers
    assert isinstance(layer, Attention)
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
    unembedding = transformer.readout
    logits = node("Squeeze", linear(total, "unembedding", unembedding.T, None), one)
    graph = helper.make_graph(
        nodes,
        "model",
        [helper.make_tensor_value_info("tokens", onnx.TensorProto.INT64, ["batch", "seq"])],
        [helper.make_tensor_value_info(logits, onnx.TensorProto.FLOAT, ["batch", "vocab"])],
        [onnx.numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return onnxruntime.InferenceSession(made.SerializeToString(), providers=["CPUExecutionProvider"])


def _times(b: Array | None, h: int, scale: float) -> Array | None:
    return None if b is None else scale * b[h]


def _keys_values(layer: Attention) -> list[tuple[str, Array, Array | None]]:
    return [("k", layer.w_k, layer.b_k), ("v", layer.w_v, layer.b_v)]

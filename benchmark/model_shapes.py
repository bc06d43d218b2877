"""Parameter lists of published models, from their configurations, as raddle-plan reads them.

    python benchmark/model_shapes.py deepseek-v3 > deepseek-v3.json

The numbers of a configuration are those of the model's `config.json`; names and shapes follow its published code.
Those of `unusual_shapes.py` are made up: they fall badly on any number of ranks.
"""

import argparse
import json
import sys

from unusual_shapes import UNUSUAL


def matrix(name, *shape):
    return name, list(shape)


def deepseek(layers, hidden, heads, intermediate, moe_intermediate, experts, dense_layers, vocab, q_rank=1536,
             kv_rank=512, nope=128, rope=64, value=128):
    """DeepSeek-V3 and Kimi K2: multi-head latent attention, routed and shared experts."""
    yield matrix("model.embed_tokens.weight", vocab, hidden)
    for layer in range(layers):
        prefix = f"model.layers.{layer}."
        attention = prefix + "self_attn."
        yield matrix(attention + "q_a_proj.weight", q_rank, hidden)
        yield matrix(attention + "q_a_layernorm.weight", q_rank)
        yield matrix(attention + "q_b_proj.weight", heads * (nope + rope), q_rank)
        yield matrix(attention + "kv_a_proj_with_mqa.weight", kv_rank + rope, hidden)
        yield matrix(attention + "kv_a_layernorm.weight", kv_rank)
        yield matrix(attention + "kv_b_proj.weight", heads * (nope + value), kv_rank)
        yield matrix(attention + "o_proj.weight", hidden, heads * value)
        if layer < dense_layers:
            yield from gated(prefix + "mlp.", hidden, intermediate)
        else:
            yield matrix(prefix + "mlp.gate.weight", experts, hidden)
            yield matrix(prefix + "mlp.gate.e_score_correction_bias", experts)
            for expert in range(experts):
                yield from gated(f"{prefix}mlp.experts.{expert}.", hidden, moe_intermediate)
            yield from gated(prefix + "mlp.shared_experts.", hidden, moe_intermediate)
        yield matrix(prefix + "input_layernorm.weight", hidden)
        yield matrix(prefix + "post_attention_layernorm.weight", hidden)
    yield matrix("model.norm.weight", hidden)
    yield matrix("lm_head.weight", vocab, hidden)


def gated(prefix, hidden, intermediate):
    yield matrix(prefix + "gate_proj.weight", intermediate, hidden)
    yield matrix(prefix + "up_proj.weight", intermediate, hidden)
    yield matrix(prefix + "down_proj.weight", hidden, intermediate)


def gpt_oss(layers, hidden, heads, kv_heads, head, intermediate, experts, vocab):
    """GPT-OSS: biases everywhere, the experts of a layer stacked in one tensor."""
    yield matrix("model.embed_tokens.weight", vocab, hidden)
    for layer in range(layers):
        prefix = f"model.layers.{layer}."
        attention = prefix + "self_attn."
        yield matrix(attention + "sinks", heads)
        for name, width in (("q", heads), ("k", kv_heads), ("v", kv_heads)):
            yield matrix(f"{attention}{name}_proj.weight", width * head, hidden)
            yield matrix(f"{attention}{name}_proj.bias", width * head)
        yield matrix(attention + "o_proj.weight", hidden, heads * head)
        yield matrix(attention + "o_proj.bias", hidden)
        yield matrix(prefix + "mlp.router.weight", experts, hidden)
        yield matrix(prefix + "mlp.router.bias", experts)
        yield matrix(prefix + "mlp.experts.gate_up_proj", experts, hidden, 2 * intermediate)
        yield matrix(prefix + "mlp.experts.gate_up_proj_bias", experts, 2 * intermediate)
        yield matrix(prefix + "mlp.experts.down_proj", experts, intermediate, hidden)
        yield matrix(prefix + "mlp.experts.down_proj_bias", experts, hidden)
        yield matrix(prefix + "input_layernorm.weight", hidden)
        yield matrix(prefix + "post_attention_layernorm.weight", hidden)
    yield matrix("model.norm.weight", hidden)
    yield matrix("lm_head.weight", vocab, hidden)


def llama(layers, hidden, heads, kv_heads, head, intermediate, vocab, experts=0, qk_norm=False):
    """Llama 3, and with experts Mixtral and Qwen 3."""
    yield matrix("model.embed_tokens.weight", vocab, hidden)
    for layer in range(layers):
        prefix = f"model.layers.{layer}."
        attention = prefix + "self_attn."
        yield matrix(attention + "q_proj.weight", heads * head, hidden)
        yield matrix(attention + "k_proj.weight", kv_heads * head, hidden)
        yield matrix(attention + "v_proj.weight", kv_heads * head, hidden)
        yield matrix(attention + "o_proj.weight", hidden, heads * head)
        if qk_norm:
            yield matrix(attention + "q_norm.weight", head)
            yield matrix(attention + "k_norm.weight", head)
        if experts:
            yield matrix(prefix + "mlp.gate.weight", experts, hidden)
        for expert in range(experts):
            yield from gated(f"{prefix}mlp.experts.{expert}.", hidden, intermediate)
        if not experts:
            yield from gated(prefix + "mlp.", hidden, intermediate)
        yield matrix(prefix + "input_layernorm.weight", hidden)
        yield matrix(prefix + "post_attention_layernorm.weight", hidden)
    yield matrix("model.norm.weight", hidden)
    yield matrix("lm_head.weight", vocab, hidden)


def gpt2(layers, hidden, vocab=50257, positions=1024):
    """GPT-2: matrices stored input first, biases everywhere, the head tied to the embedding."""
    yield matrix("wte.weight", vocab, hidden)
    yield matrix("wpe.weight", positions, hidden)
    for layer in range(layers):
        prefix = f"h.{layer}."
        for name, rows, columns in (("attn.c_attn", hidden, 3 * hidden), ("attn.c_proj", hidden, hidden),
                                    ("mlp.c_fc", hidden, 4 * hidden), ("mlp.c_proj", 4 * hidden, hidden)):  # fmt: skip
            yield matrix(f"{prefix}{name}.weight", rows, columns)
            yield matrix(f"{prefix}{name}.bias", columns)
        for name in ("ln_1.weight", "ln_1.bias", "ln_2.weight", "ln_2.bias"):
            yield matrix(prefix + name, hidden)
    yield matrix("ln_f.weight", hidden)
    yield matrix("ln_f.bias", hidden)


def mamba2(layers, hidden, heads, state, groups, vocab):
    """Mamba-2: one wide projection in, a short convolution over channels, a head's decay and step."""
    inner = 2 * hidden
    channels = inner + 2 * groups * state
    yield matrix("backbone.embedding.weight", vocab, hidden)
    for layer in range(layers):
        mixer = f"backbone.layers.{layer}.mixer."
        for name in ("dt_bias", "A_log", "D"):
            yield matrix(mixer + name, heads)
        yield matrix(mixer + "in_proj.weight", inner + channels + heads, hidden)
        yield matrix(mixer + "conv1d.weight", channels, 1, 4)
        yield matrix(mixer + "conv1d.bias", channels)
        yield matrix(mixer + "norm.weight", inner)
        yield matrix(mixer + "out_proj.weight", hidden, inner)
        yield matrix(f"backbone.layers.{layer}.norm.weight", hidden)
    yield matrix("backbone.norm_f.weight", hidden)


def vision(layers, hidden, heads, intermediate, patch, positions, classes):
    """ViT-22B: attention and MLP side by side, norms of queries and keys, no bias in the joint projection."""
    yield matrix("embedding.weight", hidden, 3, patch, patch)
    yield matrix("embedding.bias", hidden)
    yield matrix("position", 1, positions, hidden)
    for layer in range(layers):
        prefix = f"encoder.{layer}."
        yield matrix(prefix + "norm.weight", hidden)
        yield matrix(prefix + "query_norm.weight", hidden // heads)
        yield matrix(prefix + "key_norm.weight", hidden // heads)
        yield matrix(prefix + "in.weight", 3 * hidden + intermediate, hidden)
        yield matrix(prefix + "out.weight", hidden, hidden + intermediate)
        yield matrix(prefix + "mlp.bias", intermediate)
        yield matrix(prefix + "out.bias", hidden)
    yield matrix("norm.weight", hidden)
    yield matrix("head.weight", classes, hidden)
    yield matrix("head.bias", classes)


MODELS = {
    "deepseek-v3": lambda: deepseek(61, 7168, 128, 18432, 2048, 256, 3, 129280),
    "kimi-k2": lambda: deepseek(61, 7168, 64, 18432, 2048, 384, 1, 163840),
    "gpt-oss-120b": lambda: gpt_oss(36, 2880, 64, 8, 64, 2880, 128, 201088),
    "llama-405b": lambda: llama(126, 16384, 128, 8, 128, 53248, 128256),
    "llama-70b": lambda: llama(80, 8192, 64, 8, 128, 28672, 128256),
    "mixtral-8x22b": lambda: llama(56, 6144, 48, 8, 128, 16384, 32768, experts=8),
    "qwen3-235b": lambda: llama(94, 4096, 64, 4, 128, 1536, 151936, experts=128, qk_norm=True),
    "gpt2-xl": lambda: gpt2(48, 1600),
    "mamba2-2.7b": lambda: mamba2(64, 2560, 80, 128, 1, 50288),
    "vit-22b": lambda: vision(48, 6144, 48, 24576, 14, 257, 29593),
    **UNUSUAL,
}


def parameters(model, dtype="bf16"):
    return {"params": [{"name": name, "shape": shape, "dtype": dtype} for name, shape in MODELS[model]()]}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", choices=sorted(MODELS))
    parser.add_argument("--dtype", default="bf16")
    arguments = parser.parse_args()
    json.dump(parameters(arguments.model, arguments.dtype), sys.stdout)


if __name__ == "__main__":
    main()

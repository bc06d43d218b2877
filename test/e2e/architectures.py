"""Published architectures in tiny random configurations, and what they are compared by.

A case is a module and a batch. The module returns its loss and the model's output, so that one file serves inference
and training. Sizes differ from each other wherever a model lets them, so that mixed up dimensions show.
"""

import contextlib
import pathlib
import tempfile
import warnings

import torch
import transformers
from torch import nn
from transformers import AutoConfig

import raddle

BATCH = 4
TOKENS = 9
VOCABULARY = 61
PIXELS = 32
CLASSES = 5
OUTPUT_TOLERANCE = 1e-4  # of the largest value of an output
GRADIENT_TOLERANCE = 1e-3  # of the largest gradient of a parameter
# Of the largest gradient of the model. A smaller one is compared as if it were as large: the tolerance is then the last
# digit of f32 beside the largest one (a key's bias has no gradient in exact arithmetic).
SMALLEST_GRADIENT = 1e-4
# A power of two rounds nothing, and a large one keeps the digits of small gradients beside the parameters.
LEARNING_RATE = 1024.0

# Names that a configuration lacks are ignored by it.
SMALL = dict(
    vocab_size=VOCABULARY, hidden_size=32, intermediate_size=44, num_hidden_layers=2, num_attention_heads=4,
    num_key_value_heads=2, max_position_embeddings=24, pad_token_id=0, bos_token_id=1, eos_token_id=2,
    hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0, attention_dropout=0.0, hidden_dropout=0.0, dropout=0.0,
    activation_dropout=0.0, resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0, use_cache=False, num_labels=CLASSES,
    image_size=PIXELS, patch_size=8,
)  # fmt: skip
# Layers of encoder-decoders.
BOTH = dict(
    d_model=32, encoder_layers=2, decoder_layers=2, encoder_attention_heads=4, decoder_attention_heads=2,
    encoder_ffn_dim=44, decoder_ffn_dim=36, decoder_start_token_id=2,
)  # fmt: skip
EXPERTS = dict(num_experts=4, num_local_experts=4, num_experts_per_tok=2, moe_intermediate_size=20)


class Causal(nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, ids, labels):
        result = self.model(input_ids=ids, labels=labels, use_cache=False)
        return result.loss, result.logits


class Masked(nn.Module):
    """An encoder that predicts tokens of padded sequences."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, ids, mask, labels):
        result = self.model(input_ids=ids, attention_mask=mask, labels=labels)
        return result.loss, result.logits


class Translator(nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, ids, mask, labels):
        result = self.model(input_ids=ids, attention_mask=mask, labels=labels, use_cache=False)
        return result.loss, result.logits


class Classifier(nn.Module):
    """Of images, or of whatever else the model takes as its main input."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, x, labels):
        result = self.model(x, labels=labels)
        return result.loss, result.logits


def token_batch():
    ids = torch.randint(3, VOCABULARY, (BATCH, TOKENS))
    return ids, ids.clone()


def padded_batch():
    """Sequences of different lengths."""
    ids, labels = token_batch()
    mask = (torch.arange(TOKENS) < torch.tensor([TOKENS, 5, 7, TOKENS]).unsqueeze(1)).long()
    return ids, mask, labels


def image_batch():
    return torch.randn(BATCH, 3, PIXELS, PIXELS), torch.randint(0, CLASSES, (BATCH,))


def tiny(kind, model_type, **options):
    """`kind` is the end of the name of transformers' auto class."""
    config = AutoConfig.for_model(model_type, **{**SMALL, **options})
    # The auto classes look through it where a type has several models.
    config.architectures = config.architectures or []
    return getattr(transformers, "AutoModel" + kind).from_config(config)


def causal(model_type, **options):
    return lambda: (Causal(tiny("ForCausalLM", model_type, **options)), token_batch())


def masked(model_type, **options):
    return lambda: (Masked(tiny("ForMaskedLM", model_type, **options)), padded_batch())


def image(model_type, **options):
    return lambda: (Classifier(tiny("ForImageClassification", model_type, **options)), image_batch())


def translator(model_type, **options):
    return lambda: (Translator(tiny("ForSeq2SeqLM", model_type, **{**BOTH, **options})), padded_batch())


LATENT = dict(q_lora_rank=12, kv_lora_rank=16, qk_rope_head_dim=8, qk_nope_head_dim=10, v_head_dim=12)
STAGES = dict(hidden_sizes=[8, 12, 16, 24], depths=[1, 1, 2, 1])

# Those that a release promises.
ARCHITECTURES = {
    "Llama": causal("llama"),
    "Qwen2": causal("qwen2"),
    "Qwen3": causal("qwen3", head_dim=10),
    "Mistral": causal("mistral", sliding_window=4),
    "Phi-3": causal("phi3"),
    "GPT-2": causal("gpt2"),
    "OPT": causal("opt", ffn_dim=44, word_embed_proj_dim=32),
    "BERT": masked("bert"),
    "ViT": image("vit"),
    "ResNet": image("resnet", embedding_size=8, **STAGES),
    "Mixtral": causal("mixtral", **EXPERTS),
    "Qwen3-MoE": causal("qwen3_moe", head_dim=10, **EXPERTS),
    "DeepSeek-V3": causal(
        "deepseek_v3", n_routed_experts=4, n_group=2, topk_group=1, first_k_dense_replace=1, num_key_value_heads=4,
        n_shared_experts=1, **LATENT, **EXPERTS,
    ),
    "GPT-OSS": causal("gpt_oss", head_dim=10, sliding_window=4, **EXPERTS),
    "Gemma 3": causal("gemma3_text", head_dim=10, sliding_window=4),
    "Falcon": causal("falcon"),
    "Bloom": causal("bloom"),
    "Cohere": causal("cohere"),
    "ELECTRA": masked("electra", embedding_size=20),
    "MPNet": masked("mpnet"),
    "ALBERT": masked("albert", embedding_size=20),
    "ModernBERT": masked("modernbert", num_hidden_layers=3, local_attention=4, global_attn_every_n_layers=2),
    "Swin": image(
        "swin", embed_dim=12, depths=[2, 1], num_attention_heads=[2, 4], window_size=4, patch_size=2, drop_path_rate=0.0,
    ),
    "MobileNetV2": image("mobilenet_v2", depth_multiplier=0.25, classifier_dropout_prob=0.0),
    "DINOv2": image("dinov2"),
    "Mamba-2": causal("mamba2", num_heads=4, head_dim=16, state_size=8, n_groups=2, chunk_size=4, expand=2),
}  # fmt: skip


def randomize(module):
    """Every parameter and running statistic differs from what it starts as, so that none can be left out unnoticed."""
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
        for name, buffer in module.named_buffers():
            if name.endswith("running_mean"):
                buffer.add_(0.1 * torch.randn_like(buffer))
            if name.endswith("running_var"):
                buffer.mul_(0.5 + torch.rand_like(buffer))


def build(case):
    """(module in eval mode, batch) of a case, the same at each call."""
    torch.manual_seed(0)
    module, batch = case()
    randomize(module)
    return module.eval(), batch


@contextlib.contextmanager
def exported(module, batch):
    with warnings.catch_warnings(), tempfile.TemporaryDirectory(prefix="raddle-architecture-") as folder:
        warnings.simplefilter("ignore")
        path = pathlib.Path(folder) / "model.pt2"
        raddle.export(module, batch, path)
        yield path


def _farther(found, expected, tolerance, smallest=0.0):
    """A sentence if a tensor is farther away than `tolerance` of its largest value, which is at least `smallest`."""
    if found.shape != expected.shape:
        return f"shape {list(found.shape)}, expected {list(expected.shape)}"
    if not expected.numel():
        return ""
    distance = (found.double() - expected.double()).abs().max().item()
    largest = max(expected.double().abs().max().item(), smallest)
    if distance <= tolerance * largest:
        return ""
    return f"off by {distance:.3g}, largest value {largest:.3g}"


def compare_inference(module, batch, path, ranks=1):
    """Problems of the outputs, loss first; empty if there are none."""
    with torch.no_grad():
        expected = torch.utils._pytree.tree_leaves(module(*batch))
    found = raddle.compile(path, batch, ranks=ranks)(*batch)
    assert len(found) == len(expected)
    problems = [(index, _farther(a, b, OUTPUT_TOLERANCE)) for index, (a, b) in enumerate(zip(found, expected))]
    return [f"output {index}: {problem}" for index, problem in problems if problem]


def compare_gradients(module, batch, path, ranks=1):
    """Problems of the gradients of one step of SGD; empty if there are none."""
    module.zero_grad()
    loss = module(*batch)[0]
    loss.backward()
    expected = {
        name: torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
        for name, parameter in module.named_parameters()
    }
    smallest = SMALLEST_GRADIENT * max(gradient.abs().max().item() for gradient in expected.values())
    program = raddle.compile(path, batch, mode="train", optimizer="sgd", lr=LEARNING_RATE, ranks=ranks)
    before = program.state_dict()
    metrics = program.step(*batch)
    after = program.state_dict()
    problems = []
    if abs(metrics["loss"] - loss.item()) > OUTPUT_TOLERANCE * abs(loss.item()):
        problems.append(f"loss {metrics['loss']}, expected {loss.item()}")
    for name, gradient in expected.items():
        problem = _farther((before[name] - after[name]) / LEARNING_RATE, gradient, GRADIENT_TOLERANCE, smallest)
        if problem:
            problems.append(f"gradient of {name}: {problem}")
    return problems

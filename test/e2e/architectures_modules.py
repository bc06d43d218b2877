"""Architectures as small modules of torch.nn, in the form of `architectures.ARCHITECTURES`."""

import torch
from architectures import BATCH, CLASSES, TOKENS, VOCABULARY, token_batch
from torch import nn
from torch.nn import functional as F

WIDTH = 12
STEPS = 21  # of a signal
NODES = 7


def labels():
    return torch.randint(0, CLASSES, (BATCH,))


def pixels():
    return torch.randn(BATCH, 3, 32, 32)


class Autoencoder(nn.Module):
    """A variational autoencoder of images; the noise is an input."""

    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Conv2d(3, 8, 4, stride=2, padding=1), nn.GroupNorm(2, 8), nn.SiLU(), nn.Conv2d(8, 12, 3, stride=2, padding=1)
        )
        self.decoder = nn.Sequential(
            nn.ConvTranspose2d(6, 8, 4, stride=2, padding=1), nn.ReLU(), nn.ConvTranspose2d(8, 3, 4, stride=2, padding=1)
        )

    def forward(self, x, noise):
        mean, log_variance = self.encoder(x).chunk(2, dim=1)
        image = torch.sigmoid(self.decoder(mean + noise * torch.exp(0.5 * log_variance)))
        divergence = -0.5 * torch.mean(1 + log_variance - mean**2 - log_variance.exp())
        return F.mse_loss(image, x) + divergence, image


class UNet(nn.Module):
    """Two levels with a skip connection and a step embedding, as in diffusion models."""

    def __init__(self):
        super().__init__()
        self.step = nn.Sequential(nn.Linear(16, 12), nn.SiLU(), nn.Linear(12, 8))
        self.first = nn.Conv2d(3, 8, 3, padding=1)
        self.down = nn.Conv2d(8, 12, 3, stride=2, padding=1)
        self.norm = nn.GroupNorm(3, 12)
        self.attention = nn.MultiheadAttention(12, 2, batch_first=True)
        self.last = nn.Conv2d(20, 3, 3, padding=1)

    def forward(self, x, time, target):
        rates = torch.exp(-torch.arange(8) * 0.5)
        angles = time[:, None] * rates
        shallow = self.first(x) + self.step(torch.cat([angles.sin(), angles.cos()], -1))[:, :, None, None]
        deep = F.silu(self.norm(self.down(shallow)))
        tokens = deep.flatten(2).transpose(1, 2)
        tokens = tokens + self.attention(tokens, tokens, tokens, need_weights=False)[0]
        deep = tokens.transpose(1, 2).reshape(deep.shape)
        result = self.last(torch.cat([shallow, F.interpolate(deep, scale_factor=2, mode="nearest")], 1))
        return F.mse_loss(result, target), result


class Recurrent(nn.Module):
    def __init__(self, kind, **options):
        super().__init__()
        self.embed = nn.Embedding(VOCABULARY, WIDTH)
        self.recurrence = kind(WIDTH, 10, batch_first=True, bidirectional=True, **options)
        self.head = nn.Linear(20, CLASSES)

    def forward(self, ids, labels):
        logits = self.head(self.recurrence(self.embed(ids))[0][:, -1])
        return F.cross_entropy(logits, labels), logits


class Vgg(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 6, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 10, 5), nn.Tanh(), nn.AvgPool2d(2)
        )
        self.head = nn.Sequential(nn.Flatten(), nn.Linear(360, 20), nn.LeakyReLU(0.1), nn.Linear(20, CLASSES))

    def forward(self, x, labels):
        logits = self.head(self.features(x))
        return F.cross_entropy(logits, labels), logits


class Mixer(nn.Module):
    """Multilayer perceptrons over patches and over channels (arXiv 2105.01601)."""

    def __init__(self):
        super().__init__()
        self.patches = nn.Conv2d(3, WIDTH, 8, stride=8)
        self.norms = nn.ModuleList([nn.LayerNorm(WIDTH) for _ in range(2)])
        self.tokens = nn.Sequential(nn.Linear(16, 20), nn.GELU(), nn.Linear(20, 16))
        self.channels = nn.Sequential(nn.Linear(WIDTH, 28), nn.GELU(), nn.Linear(28, WIDTH))
        self.head = nn.Linear(WIDTH, CLASSES)

    def forward(self, x, labels):
        x = self.patches(x).flatten(2).transpose(1, 2)
        x = x + self.tokens(self.norms[0](x).transpose(1, 2)).transpose(1, 2)
        x = x + self.channels(self.norms[1](x))
        logits = self.head(x.mean(1))
        return F.cross_entropy(logits, labels), logits


class DiffusionTransformer(nn.Module):
    """A transformer over patches whose norms are scaled and shifted by the step and the class (arXiv 2212.09748)."""

    def __init__(self):
        super().__init__()
        self.patches = nn.Conv2d(3, WIDTH, 8, stride=8)
        self.positions = nn.Parameter(0.1 * torch.randn(1, 16, WIDTH))
        self.step = nn.Sequential(nn.Linear(16, WIDTH), nn.SiLU(), nn.Linear(WIDTH, WIDTH))
        self.classes = nn.Embedding(CLASSES + 1, WIDTH)
        self.modulation = nn.Sequential(nn.SiLU(), nn.Linear(WIDTH, 6 * WIDTH))
        self.norm = nn.LayerNorm(WIDTH, elementwise_affine=False, eps=1e-6)
        self.attention = nn.MultiheadAttention(WIDTH, 3, batch_first=True)
        self.perceptron = nn.Sequential(nn.Linear(WIDTH, 20), nn.GELU(approximate="tanh"), nn.Linear(20, WIDTH))
        self.last = nn.Linear(WIDTH, 8 * 8 * 3)

    def forward(self, x, time, labels, noise):
        angles = 1000 * time[:, None] * torch.exp(-torch.arange(8) * (9.2 / 8))
        condition = self.step(torch.cat([angles.cos(), angles.sin()], -1)) + self.classes(labels)
        shift, scale, gate, shift2, scale2, gate2 = self.modulation(condition)[:, None].chunk(6, dim=-1)
        x = self.patches(x).flatten(2).transpose(1, 2) + self.positions
        y = self.norm(x) * (1 + scale) + shift
        x = x + gate * self.attention(y, y, y, need_weights=False)[0]
        x = x + gate2 * self.perceptron(self.norm(x) * (1 + scale2) + shift2)
        x = self.last(self.norm(x)).unflatten(1, (4, 4)).unflatten(-1, (8, 8, 3))
        image = torch.einsum("nhwpqc->nchpwq", x).reshape(noise.shape)
        return F.mse_loss(image, noise), image


class Wave(nn.Module):
    """Causal convolutions with growing dilations, gates, and skip connections (arXiv 1609.03499)."""

    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(VOCABULARY, WIDTH)
        self.gates = nn.ModuleList(
            [nn.utils.parametrizations.weight_norm(nn.Conv1d(WIDTH, 2 * WIDTH, 2, dilation=2**i)) for i in range(3)]
        )
        self.skips = nn.ModuleList([nn.Conv1d(WIDTH, 2 * WIDTH, 1) for _ in range(3)])
        self.head = nn.Conv1d(WIDTH, VOCABULARY, 1)

    def forward(self, ids, labels):
        x, total = self.embed(ids).transpose(1, 2), 0
        for gate, skip in zip(self.gates, self.skips):
            signal, opening = gate(F.pad(x, (gate.dilation[0], 0))).chunk(2, dim=1)
            rest, kept = skip(torch.tanh(signal) * torch.sigmoid(opening)).chunk(2, dim=1)
            x, total = x + rest, total + kept
        logits = self.head(F.relu(total))
        return F.cross_entropy(logits[..., :-1], labels[:, 1:]), logits


class LongConvolution(nn.Module):
    """A diagonal state-space layer as one long convolution, by Fourier transforms (S4D, arXiv 2206.11893)."""

    def __init__(self, states=6):
        super().__init__()
        self.first = nn.Linear(2, WIDTH)
        self.log_step = nn.Parameter(torch.rand(WIDTH) - 3)
        self.log_decay = nn.Parameter(torch.log(0.5 * torch.ones(WIDTH, states)))
        self.frequency = nn.Parameter(torch.pi * torch.arange(states).repeat(WIDTH, 1))
        self.mix = nn.Parameter(torch.view_as_real(torch.randn(WIDTH, states, dtype=torch.cfloat)))
        self.through = nn.Parameter(torch.randn(WIDTH))
        self.head = nn.Linear(WIDTH, CLASSES)

    def forward(self, signal, labels):
        x = self.first(signal).transpose(1, 2)
        length = x.shape[-1]
        pole = torch.complex(-torch.exp(self.log_decay), self.frequency)
        step = pole * self.log_step.exp().unsqueeze(-1)
        weight = torch.view_as_complex(self.mix) * (torch.exp(step) - 1) / pole
        powers = torch.exp(step.unsqueeze(-1) * torch.arange(length))
        kernel = 2 * torch.einsum("hn,hnl->hl", weight, powers).real
        spectrum = torch.fft.rfft(x, n=2 * length) * torch.fft.rfft(kernel, n=2 * length)
        y = torch.fft.irfft(spectrum, n=2 * length)[..., :length] + x * self.through.unsqueeze(-1)
        logits = self.head(F.gelu(y).mean(-1))
        return F.cross_entropy(logits, labels), logits


class GraphConvolution(nn.Module):
    """Messages along edges, added up at their ends, with symmetric normalisation (arXiv 1609.02907), then attention
    over a node's neighbours (arXiv 1710.10903)."""

    def __init__(self):
        super().__init__()
        self.first = nn.Linear(5, WIDTH, bias=False)
        self.second = nn.Linear(WIDTH, WIDTH)
        self.score = nn.Linear(2 * WIDTH, 1)
        self.head = nn.Linear(WIDTH, CLASSES)

    def forward(self, features, sources, targets, labels):
        nodes = torch.arange(NODES).expand(BATCH, NODES)
        sources, targets = torch.cat([sources, nodes], 1), torch.cat([targets, nodes], 1)
        degree = torch.zeros(BATCH, NODES).scatter_add(1, targets, torch.ones(targets.shape))
        scale = degree.rsqrt()
        norm = scale.gather(1, sources) * scale.gather(1, targets)
        wide = lambda index: index.unsqueeze(-1).expand(-1, -1, WIDTH)
        x = self.first(features)
        messages = x.gather(1, wide(sources)) * norm.unsqueeze(-1)
        x = F.relu(torch.zeros_like(x).scatter_add(1, wide(targets), messages))
        x = self.second(x)
        ends = torch.cat([x.gather(1, wide(sources)), x.gather(1, wide(targets))], -1)
        score = F.leaky_relu(self.score(ends), 0.2).squeeze(-1)
        greatest = torch.zeros(BATCH, NODES).scatter_reduce(1, targets, score, "amax", include_self=False)
        weight = torch.exp(score - greatest.gather(1, targets))
        total = torch.zeros(BATCH, NODES).scatter_add(1, targets, weight)
        weight = weight / total.gather(1, targets)
        messages = x.gather(1, wide(sources)) * weight.unsqueeze(-1)
        logits = self.head(torch.zeros_like(x).scatter_add(1, wide(targets), messages).amax(1))
        return F.cross_entropy(logits, labels), logits


def graph_batch():
    edges = [torch.randint(0, NODES, (BATCH, 11)) for _ in range(2)]
    return torch.randn(BATCH, NODES, 5), *edges, labels()


class CachedDecoder(nn.Module):
    """One step of a decoder: the keys and values of the tokens before are inputs, with one more they are results."""

    def __init__(self, heads=3, head=4):
        super().__init__()
        self.heads, self.head_size = heads, head
        self.embed = nn.Embedding(VOCABULARY, WIDTH)
        self.norm = nn.RMSNorm(WIDTH)
        self.project = nn.Linear(WIDTH, 3 * WIDTH, bias=False)
        self.out = nn.Linear(WIDTH, WIDTH, bias=False)

    def forward(self, ids, keys, values, position, labels):
        x = self.embed(ids)
        q, k, v = self.project(self.norm(x)).unflatten(-1, (3, self.heads, self.head_size)).permute(2, 0, 3, 1, 4)
        slots = torch.arange(TOKENS)
        here = (slots == position.unsqueeze(1))[:, None, :, None]
        keys, values = torch.where(here, k, keys), torch.where(here, v, values)
        mask = (slots <= position.unsqueeze(1))[:, None, None]
        y = F.scaled_dot_product_attention(q, keys, values, mask).transpose(1, 2).flatten(2)
        logits = F.linear(x + self.out(y), self.embed.weight)[:, -1]
        return F.cross_entropy(logits, labels), logits, keys, values


def cached_batch():
    cache = [torch.randn(BATCH, 3, TOKENS, 4) for _ in range(2)]
    position = torch.tensor([3, 0, TOKENS - 1, 5])
    return torch.randint(0, VOCABULARY, (BATCH, 1)), *cache, position, torch.randint(0, VOCABULARY, (BATCH,))


class Detector(nn.Module):
    """Convolutions, a transformer of learned queries over their pixels, boxes and classes (arXiv 2005.12872)."""

    def __init__(self, queries=5):
        super().__init__()
        self.backbone = nn.Sequential(
            nn.Conv2d(3, 8, 7, stride=4, padding=3), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(3, 2, 1), nn.Conv2d(8, WIDTH, 1)
        )
        self.rows, self.columns = nn.Parameter(torch.rand(4, WIDTH // 2)), nn.Parameter(torch.rand(4, WIDTH // 2))
        self.transformer = nn.Transformer(WIDTH, 2, 1, 1, 20, dropout=0.0, batch_first=True)
        self.queries = nn.Parameter(torch.rand(queries, WIDTH))
        self.classes, self.boxes = nn.Linear(WIDTH, CLASSES), nn.Linear(WIDTH, 4)

    def forward(self, x, kinds, corners):
        x = self.backbone(x)
        place = torch.cat([self.columns.expand(4, -1, -1), self.rows.unsqueeze(1).expand(-1, 4, -1)], -1).flatten(0, 1)
        queries = self.queries.expand(x.shape[0], -1, -1)
        y = self.transformer(x.flatten(2).transpose(1, 2) + place, queries)
        boxes, logits = self.boxes(y).sigmoid(), self.classes(y)
        least = torch.max(boxes[..., None, :2], corners[:, None, :, :2])
        greatest = torch.min(boxes[..., None, 2:], corners[:, None, :, 2:])
        overlap = (greatest - least).clamp(min=0).prod(-1)
        loss = F.cross_entropy(logits.transpose(1, 2), kinds) + F.l1_loss(boxes, corners) - overlap.mean()
        return loss, logits, boxes


class Seq2SeqRecurrent(nn.Module):
    """A recurrent encoder and decoder with additive attention (arXiv 1409.0473)."""

    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(VOCABULARY, WIDTH)
        self.encoder = nn.GRU(WIDTH, 10, batch_first=True)
        self.cell = nn.GRUCell(WIDTH + 10, 10)
        self.query, self.key, self.energy = nn.Linear(10, 8), nn.Linear(10, 8), nn.Linear(8, 1)
        self.head = nn.Linear(20, VOCABULARY)

    def forward(self, ids, labels):
        memory, state = self.encoder(self.embed(ids))
        state, keys, logits = state[0], self.key(memory), []
        for token in self.embed(labels[:, :-1]).unbind(1):
            weights = torch.softmax(self.energy(torch.tanh(keys + self.query(state).unsqueeze(1))), dim=1)
            context = (weights * memory).sum(1)
            state = self.cell(torch.cat([token, context], -1), state)
            logits.append(self.head(torch.cat([state, context], -1)))
        logits = torch.stack(logits, 1)
        return F.cross_entropy(logits.flatten(0, 1), labels[:, 1:].flatten()), logits


class Capsules(nn.Module):
    """Capsules with routing by agreement (arXiv 1710.09829)."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(3, 8, 9, stride=4)
        self.transform = nn.Parameter(0.3 * torch.randn(CLASSES, 72, 6, 4))

    @staticmethod
    def squash(x):
        size = x.square().sum(-1, keepdim=True)
        return size / (1 + size) * x / torch.sqrt(size + 1e-8)

    def forward(self, x, labels):
        x = self.squash(self.first(x).reshape(x.shape[0], 72, 4))
        votes = torch.einsum("kidc,nic->nkid", self.transform, x)
        agreement = torch.zeros(votes.shape[:3])
        for _ in range(3):
            out = self.squash((agreement.softmax(1).unsqueeze(-1) * votes).sum(2))
            agreement = agreement + (votes * out.unsqueeze(2)).sum(-1)
        length = out.norm(dim=-1)
        target = F.one_hot(labels, CLASSES)
        loss = target * F.relu(0.9 - length) ** 2 + 0.5 * (1 - target) * F.relu(length - 0.1) ** 2
        return loss.sum(1).mean(), length


class Recommender(nn.Module):
    """Bags of categories, a dense part, products of all pairs (DLRM, arXiv 1906.00091)."""

    def __init__(self):
        super().__init__()
        self.bags = nn.ModuleList([nn.EmbeddingBag(VOCABULARY, WIDTH, mode=mode) for mode in ("sum", "mean", "max")])
        self.dense = nn.Sequential(nn.Linear(5, 20), nn.ReLU(), nn.Linear(20, WIDTH), nn.ReLU())
        self.top = nn.Sequential(nn.Linear(WIDTH + 6, 10), nn.ReLU(), nn.Linear(10, 1))

    def forward(self, numbers, ids, clicks):
        dense = self.dense(numbers)
        parts = torch.stack([dense, *(bag(ids) for bag in self.bags)], 1)
        rows, columns = torch.tril_indices(4, 4, -1)
        pairs = (parts @ parts.transpose(1, 2))[:, rows, columns]
        logit = self.top(torch.cat([dense, pairs], 1)).squeeze(1)
        return F.binary_cross_entropy_with_logits(logit, clicks), logit


class Speech(nn.Module):
    """Convolutions and recurrence over frames, with a loss that sums over all alignments (arXiv 1412.5567). The loss is
    written out, as PyTorch does not export its own."""

    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(nn.Conv1d(5, WIDTH, 5, stride=2, padding=2), nn.BatchNorm1d(WIDTH), nn.Hardtanh(0, 20))
        self.recurrence = nn.GRU(WIDTH, 10, bidirectional=True, batch_first=True)
        self.head = nn.Linear(20, CLASSES)

    @staticmethod
    def alignments(scores, targets, lengths):
        """The logarithm of the probability of `targets`, over all ways to stretch them and put blanks (class 0)
        between."""
        states = torch.stack([torch.zeros_like(targets), targets], 2).flatten(1)
        states = F.pad(states, (0, 1))
        emitted = scores.gather(2, states.unsqueeze(1).expand(-1, scores.shape[1], -1))
        impossible = torch.tensor(-1e30)
        may_skip = F.pad((states[:, 2:] != states[:, :-2]) & (states[:, 2:] != 0), (2, 0))
        path = torch.where(torch.arange(states.shape[1]) < 2, emitted[:, 0], impossible)
        for emission in emitted.unbind(1)[1:]:
            before = F.pad(path, (1, 0), value=-1e30)[:, :-1]
            skipped = torch.where(may_skip, F.pad(path, (2, 0), value=-1e30)[:, :-2], impossible)
            path = torch.stack([path, before, skipped]).logsumexp(0) + emission
        ends = 2 * lengths.unsqueeze(1) - torch.arange(2)
        return path.gather(1, ends).logsumexp(1)

    def forward(self, frames, targets, lengths):
        x = self.recurrence(self.features(frames).transpose(1, 2))[0]
        scores = self.head(x).log_softmax(-1)
        return -(self.alignments(scores, targets, lengths) / lengths).mean(), scores


def speech_batch():
    return torch.randn(BATCH, 5, STEPS), torch.randint(1, CLASSES, (BATCH, 4)), torch.tensor([4, 2, 3, 1])


MODULES = {
    "Autoencoder": lambda: (Autoencoder(), (pixels(), torch.randn(BATCH, 6, 8, 8))),
    "U-Net": lambda: (UNet(), (pixels(), torch.rand(BATCH), pixels())),
    "LSTM": lambda: (Recurrent(nn.LSTM, num_layers=2), (token_batch()[0], labels())),
    "GRU": lambda: (Recurrent(nn.GRU), (token_batch()[0], labels())),
    "VGG": lambda: (Vgg(), (pixels(), labels())),
    "MLP-Mixer": lambda: (Mixer(), (pixels(), labels())),
    "DiT": lambda: (DiffusionTransformer(), (pixels(), torch.rand(BATCH), labels(), pixels())),
    "WaveNet": lambda: (Wave(), token_batch()),
    "S4D": lambda: (LongConvolution(), (torch.randn(BATCH, STEPS, 2), labels())),
    "Graph convolution": lambda: (GraphConvolution(), graph_batch()),
    "Decoder with a cache": lambda: (CachedDecoder(), cached_batch()),
    "DETR-like": lambda: (
        Detector(), (pixels(), torch.randint(0, CLASSES, (BATCH, 5)), torch.rand(BATCH, 5, 4).sort(-1).values),
    ),
    "Recurrent translator": lambda: (Seq2SeqRecurrent(), token_batch()),
    "Capsules": lambda: (Capsules(), (pixels(), labels())),
    "Recommender": lambda: (
        Recommender(), (torch.randn(BATCH, 5), torch.randint(0, VOCABULARY, (BATCH, 6)), torch.rand(BATCH).round()),
    ),
    "Speech": lambda: (Speech(), speech_batch()),
}  # fmt: skip

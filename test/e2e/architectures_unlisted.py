"""Architectures that no release promises, in the form of `architectures.ARCHITECTURES`."""

import torch
from architectures import (
    BATCH, CLASSES, EXPERTS, LATENT, PIXELS, STAGES, VOCABULARY, Causal, Classifier, causal, image, masked, tiny, token_batch,
    translator,
)  # fmt: skip
from architectures_modules import MODULES
from torch import nn
from torch.nn import functional as F
from transformers import (
    AutoConfig, DetrConfig, DetrForObjectDetection, LlavaConfig, LlavaForConditionalGeneration, PatchTSMixerForPrediction,
    PatchTSTForPrediction, ResNetConfig, ViTMAEConfig, ViTMAEForPreTraining, XLNetConfig, XLNetLMHeadModel,
)  # fmt: skip

SAMPLES = 400  # of sound
MELS = 10


def sound_batch():
    return torch.randn(BATCH, SAMPLES), torch.randint(0, CLASSES, (BATCH,))


def large_image_batch():
    return torch.randn(BATCH, 3, 64, 64), torch.randint(0, CLASSES, (BATCH,))


def wav2vec2():
    model = tiny(
        "ForAudioClassification", "wav2vec2", conv_dim=[8, 8], conv_stride=[5, 2], conv_kernel=[10, 3],
        num_feat_extract_layers=2, num_conv_pos_embeddings=4, num_conv_pos_embedding_groups=2, feat_proj_dropout=0.0,
        final_dropout=0.0, layerdrop=0.0, apply_spec_augment=False, classifier_proj_size=12, vocab_size=32,
    )  # fmt: skip
    return Classifier(model), sound_batch()


class Whisper(nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, features, labels):
        result = self.model(input_features=features, labels=labels, use_cache=False)
        return result.loss, result.logits


def whisper():
    model = tiny(
        "ForSpeechSeq2Seq", "whisper", d_model=32, encoder_layers=2, decoder_layers=2, encoder_attention_heads=4,
        decoder_attention_heads=2, encoder_ffn_dim=44, decoder_ffn_dim=36, num_mel_bins=MELS, max_source_positions=12,
        max_target_positions=24, decoder_start_token_id=2, suppress_tokens=None, begin_suppress_tokens=None,
    )  # fmt: skip
    return Whisper(model), (torch.randn(BATCH, MELS, 24), token_batch()[1])


class Pair(nn.Module):
    """A model of images and texts; compares every image with every text."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, ids, pixels):
        result = self.model(input_ids=ids, pixel_values=pixels, return_loss=True)
        return result.loss, result.logits_per_image


def pair(model_type):
    def make():
        part = dict(
            hidden_size=32, intermediate_size=44, num_hidden_layers=2, num_attention_heads=4, vocab_size=61,
            max_position_embeddings=24, image_size=PIXELS, patch_size=8, attention_dropout=0.0, eos_token_id=2,
            bos_token_id=1, pad_token_id=0, projection_size=32,
        )  # fmt: skip
        model = tiny("", model_type, text_config=part, vision_config=part, projection_dim=20)
        return Pair(model), (token_batch()[0], torch.randn(BATCH, 3, PIXELS, PIXELS))

    return make


def t5_like(model_type, **options):
    return translator(model_type, d_kv=8, d_ff=44, num_layers=2, num_decoder_layers=2, num_heads=4, dropout_rate=0.0, **options)


def segformer():
    model = tiny(
        "ForImageClassification", "segformer", hidden_sizes=[8, 12, 16, 24], num_encoder_blocks=4,
        depths=[1, 1, 1, 1], num_attention_heads=[1, 2, 2, 4], drop_path_rate=0.0, classifier_dropout_prob=0.0,
        decoder_hidden_size=16,
    )  # fmt: skip
    return Classifier(model), large_image_batch()


class LeViT(Classifier):
    """Its biases have gradients in every call: transformers keeps those of the first one, with or without."""

    def forward(self, x, labels):
        for part in self.modules():
            if hasattr(part, "attention_bias_cache"):
                part.attention_bias_cache = {}
        return super().forward(x, labels)


def levit():
    model = tiny(
        "ForImageClassification", "levit", hidden_sizes=[16, 24, 32], num_attention_heads=[2, 2, 4], depths=[1, 1, 1],
        key_dim=[8, 8, 8], image_size=64, patch_size=16,
    )  # fmt: skip
    return LeViT(model), large_image_batch()


def masked_without_mask(model_type):
    class Encoder(Causal):
        def forward(self, ids, labels):
            result = self.model(input_ids=ids, labels=labels)
            return result.loss, result.logits

    return Encoder(tiny("ForMaskedLM", model_type)), token_batch()


def xlnet():
    class Permuted(Causal):
        def forward(self, ids, labels):
            result = self.model(input_ids=ids, use_mems=False)
            logits = result.logits
            return F.cross_entropy(logits.flatten(0, 1), labels.flatten()), logits

    config = XLNetConfig(vocab_size=61, d_model=32, n_layer=2, n_head=4, d_inner=44, dropout=0.0)
    return Permuted(XLNetLMHeadModel(config)), token_batch()


# Options of many types of experts, state-space layers and attention with latent vectors; a type has some of them.
MIXED = dict(
    EXPERTS, head_dim=8, sliding_window=4, n_routed_experts=4, n_group=1, topk_group=1, n_shared_experts=1,
    first_k_dense_replace=1, state_size=8, mamba_n_heads=4, mamba_d_head=16, mamba_d_state=8, mamba_n_groups=1,
    mamba_chunk_size=4, num_heads=4, embedding_size=20, ffn_dim=44, n_layers=2, n_heads=4, dim=32, hidden_dim=44,
    shared_expert_intermediate_size=24, moe_num_experts=4, moe_k=2, **LATENT,
)  # fmt: skip
# Names and transformers' types.
CAUSAL = {
    "Aria": "aria_text", "BERT as a decoder": "bert-generation", "BigBird": "big_bird", "BitNet": "bitnet", "CTRL": "ctrl",
    "Data2Vec": "data2vec-text", "DiffLlama": "diffllama", "Doge": "doge", "ERNIE 4.5 MoE": "ernie4_5_moe",
    "FlexOlmo": "flex_olmo", "GLM-4-MoE": "glm4_moe", "Granite-MoE hybrid": "granitemoehybrid", "LFM2": "lfm2",
    "Megatron-BERT": "megatron-bert", "MiniMax": "minimax", "MiniMax-M2": "minimax_m2", "Nanochat": "nanochat",
    "Nemotron-H": "nemotron_h", "RemBERT": "rembert", "VaultGemma": "vaultgemma", "XGLM": "xglm", "XLM": "xlm",
}  # fmt: skip


class Call(nn.Module):
    """A model of other inputs than these: its loss, or one of all of its outputs, and the outputs."""

    def __init__(self, model, inputs, outputs, has_loss=True):
        super().__init__()
        self.model, self.inputs, self.outputs, self.has_loss = model, inputs, outputs, has_loss

    def forward(self, *args):
        result = self.model(**dict(zip(self.inputs, args)))
        outputs = [getattr(result, name) for name in self.outputs]
        loss = result.loss if self.has_loss else sum(output.square().mean() for output in outputs)
        return loss, *outputs


def series(model_type):
    """Patches of a series of numbers and what comes after it."""
    config = AutoConfig.for_model(
        model_type, num_input_channels=3, context_length=32, patch_length=8, patch_stride=8, prediction_length=4, d_model=16,
        num_attention_heads=2, ffn_dim=24, num_hidden_layers=2, num_layers=2, dropout=0.0, attention_dropout=0.0,
        ff_dropout=0.0, path_dropout=0.0, positional_dropout=0.0, head_dropout=0.0, loss="mse",
    )  # fmt: skip
    kind = {"patchtst": PatchTSTForPrediction, "patchtsmixer": PatchTSMixerForPrediction}[model_type]
    module = Call(kind(config), ["past_values", "future_values"], ["prediction_outputs"])
    return module, (torch.randn(BATCH, 32, 3), torch.randn(BATCH, 4, 3))


def detr():
    backbone = ResNetConfig(embedding_size=8, hidden_sizes=[8, 12, 16, 24], depths=[1, 1, 1, 1], out_features=["stage4"])
    config = DetrConfig(
        backbone_config=backbone, use_timm_backbone=False, use_pretrained_backbone=False, backbone=None, d_model=16,
        encoder_layers=1, decoder_layers=1, encoder_attention_heads=2, decoder_attention_heads=2, encoder_ffn_dim=20,
        decoder_ffn_dim=20, num_queries=5, num_labels=CLASSES, dropout=0.0, attention_dropout=0.0, activation_dropout=0.0,
    )  # fmt: skip
    module = Call(DetrForObjectDetection(config), ["pixel_values"], ["logits", "pred_boxes"], has_loss=False)
    return module, large_image_batch()[:1]


def masked_autoencoder():
    config = ViTMAEConfig(
        hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=44, image_size=PIXELS, patch_size=8,
        decoder_num_attention_heads=2, decoder_hidden_size=16, decoder_num_hidden_layers=1, decoder_intermediate_size=20,
        hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0,
    )  # fmt: skip
    module = Call(ViTMAEForPreTraining(config), ["pixel_values", "noise"], ["logits"])
    return module, (torch.randn(BATCH, 3, PIXELS, PIXELS), torch.rand(BATCH, 16))


def llava():
    text = dict(
        model_type="llama", vocab_size=VOCABULARY, hidden_size=32, intermediate_size=44, num_hidden_layers=2,
        num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=64,
    )  # fmt: skip
    vision = dict(
        model_type="clip_vision_model", hidden_size=32, intermediate_size=44, num_hidden_layers=3, num_attention_heads=4,
        image_size=PIXELS, patch_size=16, projection_dim=32,
    )  # fmt: skip
    config = LlavaConfig(text_config=text, vision_config=vision, image_token_id=2, image_seq_length=4)
    ids, labels = token_batch()
    ids[:, 1:5] = 2
    module = Call(LlavaForConditionalGeneration(config), ["input_ids", "pixel_values", "labels"], ["logits"])
    return module, (ids, torch.randn(BATCH, 3, PIXELS, PIXELS), labels)


UNLISTED = {
    **{name: causal(model_type, **MIXED) for name, model_type in CAUSAL.items()},
    "PatchTST": lambda: series("patchtst"),
    "PatchTSMixer": lambda: series("patchtsmixer"),
    "DETR": detr,
    "ViT-MAE": masked_autoencoder,
    "LLaVA": llava,
    "T5": t5_like("t5"),
    "mT5 (gated)": t5_like("mt5", feed_forward_proj="gated-gelu"),
    "UMT5": t5_like("umt5"),
    "BART": translator("bart"),
    "Marian": translator("marian"),
    "Pegasus": translator("pegasus"),
    "Whisper": whisper,
    "CLIP": pair("clip"),
    "SigLIP": pair("siglip"),
    "RoBERTa": masked("roberta", max_position_embeddings=30),
    "DistilBERT": masked("distilbert", n_layers=2, n_heads=4, dim=32, hidden_dim=44),
    "DeBERTa-v2": masked("deberta-v2", relative_attention=True, pos_att_type=["p2c", "c2p"], type_vocab_size=0),
    "XLM-RoBERTa": masked("xlm-roberta", max_position_embeddings=30),
    "CamemBERT": masked("camembert", max_position_embeddings=30),
    "RoFormer": masked("roformer", embedding_size=20),
    "FNet": lambda: masked_without_mask("fnet"),
    "XLNet": xlnet,
    "OLMo": causal("olmo"),
    "OLMo2": causal("olmo2"),
    "StableLM": causal("stablelm"),
    "StarCoder2": causal("starcoder2"),
    "GPT-J": causal("gptj", rotary_dim=4),
    "GPT-Neo": causal("gpt_neo", attention_types=[[["global", "local"], 1]], window_size=4),
    "GPT-NeoX": causal("gpt_neox"),
    "CodeGen": causal("codegen", rotary_dim=4),
    "GPTBigCode": causal("gpt_bigcode"),
    "MPT": causal("mpt"),
    "Persimmon": causal("persimmon"),
    "Phi": causal("phi"),
    "Gemma": causal("gemma", head_dim=10),
    "Gemma 2": causal("gemma2", head_dim=10, sliding_window=4),
    "Granite": causal("granite"),
    "Granite-MoE": causal("granitemoe", **EXPERTS),
    "GLM": causal("glm", head_dim=8),
    "GLM-4": causal("glm4", head_dim=8),
    "SmolLM3": causal("smollm3"),
    "Nemotron": causal("nemotron"),
    "Cohere2": causal("cohere2", sliding_window=4),
    "Helium": causal("helium", head_dim=8),
    "EXAONE 4": causal("exaone4", sliding_window=4),
    "BioGPT": causal("biogpt"),
    "Qwen2-MoE": causal("qwen2_moe", shared_expert_intermediate_size=24, **EXPERTS),
    "OLMoE": causal("olmoe", **EXPERTS),
    "PhiMoE": causal("phimoe", **EXPERTS),
    "Jamba": causal(
        "jamba", attn_layer_period=2, attn_layer_offset=1, expert_layer_period=2, expert_layer_offset=1,
        mamba_d_state=8, mamba_dt_rank=4, use_mamba_kernels=False, **EXPERTS,
    ),
    "Llama 4": causal("llama4_text", head_dim=8, num_experts_per_tok=1, num_local_experts=4, intermediate_size_mlp=44),
    "DeepSeek-V2": causal(
        "deepseek_v2", n_routed_experts=4, n_group=None, topk_group=None, first_k_dense_replace=1,
        num_key_value_heads=4, n_shared_experts=1, topk_method="greedy", **LATENT, **EXPERTS,
    ),
    "Mamba": causal("mamba", state_size=8, expand=2, time_step_rank=4, use_mambapy=False),
    "Falcon-Mamba": causal("falcon_mamba", state_size=8, expand=2, time_step_rank=4, use_mambapy=False),
    "RWKV": causal("rwkv", attention_hidden_size=32, rescale_every=0),
    "RecurrentGemma": causal("recurrent_gemma", lru_width=32, attention_window_size=4, head_dim=8, num_hidden_layers=3),
    "Bamba": causal(
        "bamba", mamba_n_heads=4, mamba_d_head=16, mamba_d_state=8, mamba_n_groups=1, mamba_chunk_size=4,
        attn_layer_indices=[1],
    ),
    "ConvNeXt": image("convnext", patch_size=2, num_hidden_layers=4, **STAGES),
    "ConvNeXt-V2": image("convnextv2", patch_size=2, num_hidden_layers=4, **STAGES),
    "EfficientNet": image(
        "efficientnet", width_coefficient=0.25, depth_coefficient=0.3, hidden_dim=320, dropout_rate=0.0, drop_connect_rate=0.0,
    ),
    "MobileNetV1": image("mobilenet_v1", depth_multiplier=0.25, classifier_dropout_prob=0.0),
    "DeiT": image("deit"),
    "BEiT": image("beit", drop_path_rate=0.0),
    "PVT-v2": image(
        "pvt_v2", hidden_sizes=[8, 12, 16, 24], depths=[1, 1, 1, 1], num_attention_heads=[1, 2, 2, 4], drop_path_rate=0.0,
    ),
    "PoolFormer": image("poolformer", hidden_sizes=[8, 12, 16, 24], depths=[1, 1, 1, 1], drop_path_rate=0.0),
    "LeViT": levit,
    "SegFormer": segformer,
    "DINOv2 with registers": image("dinov2_with_registers", num_register_tokens=2),
    "Swin-V2": image("swinv2", embed_dim=12, depths=[2, 1], num_attention_heads=[2, 4], window_size=4, patch_size=2, drop_path_rate=0.0),
    "Wav2Vec2": wav2vec2,
    **MODULES,
}  # fmt: skip

"""The reference count of a small member of every module of timm, and what torch's own counter finds."""

from __future__ import annotations

import pytest
import timm
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from harness.counting import count_macs
from harness.models import create

# By module, the member with the fewest modules among those small by name.
MEMBERS = {
    "beit": "beit_base_patch16_224",
    "byoanet": "botnet26t_256",
    "byobnet": "eca_resnext26ts",
    "cait": "cait_xxs24_224",
    "coat": "coat_lite_tiny",
    "convit": "convit_tiny",
    "convmixer": "convmixer_1536_20",
    "convnext": "convnext_atto",
    "cpubone": "cpubone_nano",
    "crossvit": "crossvit_9_240",
    "csatv2": "csatv2",
    "cspnet": "cs3darknet_focus_m",
    "cspnext": "cspnext_tiny",
    "davit": "davit_tiny",
    "deepseek_vit": "deepseek_vit_412m",
    "deit": "deit_tiny_patch16_224",
    "densenet": "densenet121",
    "dla": "dla34",
    "dpn": "dpn48b",
    "edgenext": "edgenext_xx_small",
    "efficientformer": "efficientformer_l1",
    "efficientformer_v2": "efficientformerv2_s0",
    "efficientnet": "tinynet_e",
    "efficientvim": "efficientvim_m1",
    "efficientvit_mit": "efficientvit_b0",
    "efficientvit_msra": "efficientvit_m2",
    "eva": "eva02_tiny_patch14_224",
    "fasternet": "fasternet_t0",
    "fastvit": "fastvit_t8",
    "focalnet": "focalnet_tiny_srf",
    "gcvit": "gcvit_xxtiny",
    "gemma4_vit": "gemma4_vit_167m_enc",
    "ghostnet": "ghostnet_050",
    "hardcorenas": "hardcorenas_a",
    "hgnet": "hgnet_tiny",
    "hiera": "hiera_tiny_224",
    "hieradet_sam2": "hieradet_small",
    "hrnet": "hrnet_w18",
    "iformer": "iformer_t",
    "inception_next": "inception_next_atto",
    "inception_resnet_v2": "inception_resnet_v2",
    "inception_v3": "inception_v3",
    "inception_v4": "inception_v4",
    "lcnetv2": "lcnetv2_small",
    "levit": "levit_128s",
    "lowformer": "lowformer_e1",
    "mambaout": "test_mambaout",
    "maxxvit": "coatnet_pico_rw_224",
    "metaformer": "caformer_s18",
    "mlp_mixer": "resmlp_12_224",
    "mobilenetv3": "lcnet_035",
    "mobilenetv5": "mobilenetv5_base",
    "mobilevit": "mobilevitv2_050",
    "mvitv2": "mvitv2_tiny",
    "naflexvit": "naflexvit_base_patch16_gap",
    "nasnet": "nasnetalarge",
    "nest": "nest_tiny",
    "nextvit": "nextvit_small",
    "nfnet": "nf_ecaresnet26",
    "pit": "pit_xs_224",
    "pnasnet": "pnasnet5large",
    "pvt_v2": "pvt_v2_b0",
    "qwen3_vit": "qwen3_vit_88m",
    "rdnet": "rdnet_tiny",
    "regnet": "regnetx_002",
    "repghost": "repghostnet_050",
    "repvit": "repvit_m1_1",
    "res2net": "res2net50_48w_2s",
    "resnest": "resnest14d",
    "resnet": "ecaresnext26t_32x4d",
    "resnetv2": "resnetv2_18",
    "rexnet": "rexnet_100",
    "selecsls": "selecsls42",
    "senet": "legacy_seresnet18",
    "sequencer": "sequencer2d_s",
    "shvit": "shvit_s1",
    "sknet": "skresnet18",
    "starnet": "starnet_s050",
    "swiftformer": "swiftformer_xs",
    "swin_transformer": "swin_tiny_patch4_window7_224",
    "swin_transformer_v2": "swinv2_tiny_window8_256",
    "swin_transformer_v2_cr": "swinv2_cr_tiny_224",
    "tiny_vit": "tiny_vit_5m_224",
    "tnt": "tnt_s_legacy_patch16_224",
    "tresnet": "tresnet_m",
    "twins": "twins_pcpvt_small",
    "vgg": "vgg11",
    "visformer": "visformer_tiny",
    "vision_transformer": "test_vit",
    "vision_transformer_hybrid": "vit_tiny_r_s16_p8_224",
    "vision_transformer_relpos": "test_vit_relpos",
    "vision_transformer_sam": "samvit_base_patch16_224",
    "vitamin": "vitamin_small_224",
    "volo": "volo_d1_224",
    "vovnet": "ese_vovnet39b_evos",
    "xception": "legacy_xception",
    "xception_aligned": "xception41p",
    "xcit": "xcit_nano_12_p8_224",
}
OF_TEXTS = {"sparse_all_mlp"}
SIDES = {"sequencer": 32}  # recurrent layers without data go through their steps one by one
ATTENDING = ("deit", "swin_transformer", "maxxvit", "xcit", "beit")


def member(module: str) -> str:
    """The member that is listed, or any of a module that is newer than the list."""
    name = MEMBERS.get(module, "")
    return name if timm.is_model(name) else timm.list_models(module=module)[0]


def size_of(net: nn.Module, module: str) -> tuple[int, ...]:
    channels, height, width = getattr(net, "pretrained_cfg")["input_size"]  # noqa: B009  # timm's attribute
    side = SIDES.get(module)
    return (2, channels, side or height, side or width)


@pytest.mark.parametrize("module", [name for name in timm.list_modules() if name not in OF_TEXTS])
def test_every_architecture_of_timm_is_counted_to_the_last_operator(module: str) -> None:
    net = create(member(module), {}, {}, device="meta")
    inputs = torch.empty(size_of(net, module), device="meta")
    count = count_macs(net, inputs)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        net.requires_grad_(False)(inputs)
    assert (count.uncounted, count.read_by) == ((), ())
    assert count.total == counter.get_total_flops() // 2 > 0
    assert count.activations > 0


@pytest.mark.parametrize("module", ATTENDING)
def test_the_kernel_of_attention_changes_neither_macs_nor_activations(module: str) -> None:
    found = []
    for is_fused in (True, False):
        net = create(member(module), {}, {}, device="meta")
        for part in net.modules():
            if hasattr(part, "fused_attn"):
                setattr(part, "fused_attn", is_fused)  # noqa: B010  # a plain attribute of timm's attention
        count = count_macs(net, torch.empty(size_of(net, module), device="meta"))
        found.append((count.total, count.activations))
    assert found[0] == found[1]

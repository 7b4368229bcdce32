-- same_models: one row per model of a published table that this package knows by a name of its own, and what kind it is.
-- The one place where names of others and ours meet: below_floor, published_gap, published and disagreement read it.
--
-- published_backbone  the name in torchgeo-bench's tables. A name that ends in _cls is the same model, its class token read.
-- backbone  ours, where a run by that name is of the same network and weights, or of the same definition.
-- kind      as a measured run has it (provenance.kind); a published model that is not listed is a pretrained one.
-- Units     none.
-- Excluded  models whose weights are told by neither side (olmoearth, terrafm, resnet50), or that no library here has (Clay 1.5); tables that use our names.
-- NULL      backbone: we have no such model. imagestats has mean, standard deviation, largest and smallest value of each
--           band, image_statistics has percentiles too; mosaiks takes its filters from other images than ours does.
CREATE OR REPLACE VIEW same_models AS
SELECT * FROM (VALUES
    ('imagestats', NULL, 'floor'),
    ('imagestats_handcrafted_control', NULL, 'floor'),
    ('mosaiks', NULL, 'floor'),
    ('rcf', 'random_features', 'floor'),
    ('handcrafted_level1', 'handcrafted_1', 'floor'),
    ('handcrafted_level2', 'handcrafted_2', 'floor'),
    ('handcrafted_level3', 'handcrafted_3', 'floor'),
    ('tgeo_croma_base', 'torchgeo:CROMABase_Weights.CROMA_VIT', 'pretrained'),
    ('tgeo_croma_large', 'torchgeo:CROMALarge_Weights.CROMA_VIT', 'pretrained'),
    ('tgeo_dofa_base', 'torchgeo:DOFABase16_Weights.DOFA_MAE', 'pretrained'),
    ('tgeo_dofa_large', 'torchgeo:DOFALarge16_Weights.DOFA_MAE', 'pretrained'),
    ('tgeo_panopticon', 'torchgeo:Panopticon_Weights.VIT_BASE14', 'pretrained'),
    ('tgeo_resnet18_s2rgb_seco', 'torchgeo:ResNet18_Weights.SENTINEL2_RGB_SECO', 'pretrained'),
    ('tgeo_resnet50_fmow_gassl', 'torchgeo:ResNet50_Weights.FMOW_RGB_GASSL', 'pretrained'),
    ('tgeo_resnet50_s2all_moco', 'torchgeo:ResNet50_Weights.SENTINEL2_ALL_MOCO', 'pretrained'),
    ('tgeo_resnet50_s2rgb_moco', 'torchgeo:ResNet50_Weights.SENTINEL2_RGB_MOCO', 'pretrained'),
    ('tgeo_resnet50_s2rgb_seco', 'torchgeo:ResNet50_Weights.SENTINEL2_RGB_SECO', 'pretrained'),
    ('tgeo_scalemae_large_fmow', 'torchgeo:ScaleMAELarge16_Weights.FMOW_RGB', 'pretrained'),
    ('tgeo_swinv2b_s2rgb_satlas_mi', 'torchgeo:Swin_V2_B_Weights.SENTINEL2_MI_RGB_SATLAS', 'pretrained'),
    ('tgeo_swinv2b_s2rgb_satlas_si', 'torchgeo:Swin_V2_B_Weights.SENTINEL2_SI_RGB_SATLAS', 'pretrained'),
    ('tgeo_swinv2t_s2rgb_satlas_mi', 'torchgeo:Swin_V2_T_Weights.SENTINEL2_MI_RGB_SATLAS', 'pretrained'),
    ('tgeo_swinv2t_s2rgb_satlas_si', 'torchgeo:Swin_V2_T_Weights.SENTINEL2_SI_RGB_SATLAS', 'pretrained'),
    ('tt_prithvi_eo_v1_100', 'terratorch:prithvi_eo_v1_100', 'pretrained'),
    ('tt_prithvi_eo_v2_100_tl', 'terratorch:prithvi_eo_v2_100_tl', 'pretrained'),
    ('tt_prithvi_eo_v2_300', 'terratorch:prithvi_eo_v2_300', 'pretrained'),
    ('tt_prithvi_eo_v2_300_tl', 'terratorch:prithvi_eo_v2_300_tl', 'pretrained'),
    ('tt_prithvi_eo_v2_600', 'terratorch:prithvi_eo_v2_600', 'pretrained'),
    ('tt_prithvi_eo_v2_600_tl', 'terratorch:prithvi_eo_v2_600_tl', 'pretrained'),
    ('tt_terramind_v1_base', 'terratorch:terramind_v1_base', 'pretrained'),
    ('tt_terramind_v1_large', 'terratorch:terramind_v1_large', 'pretrained'),
    ('vit_large_patch16_dinov3', 'timm:vit_large_patch16_dinov3.lvd1689m', 'pretrained'),
    ('vit_large_patch16_dinov3sat', 'timm:vit_large_patch16_dinov3.sat493m', 'pretrained')
) AS known (published_backbone, backbone, kind);

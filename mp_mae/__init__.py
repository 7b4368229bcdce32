"""MP-MAE: multi-pretext masked autoencoders on ConvNeXt V2 (Nedungadi et al., 2024, arXiv:2405.02771).

Importing this package alone imports nothing. `import mp_mae.encoder` makes
`timm.create_model("mp_mae_convnextv2_atto")` and its larger sisters known to timm.
"""

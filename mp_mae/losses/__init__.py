"""What a prediction costs: one set of rules by name, ours and those that reproduce the numbers of others."""

from mp_mae.losses.published import PUBLISHED, VALID_PATCHES
from mp_mae.losses.rules import VALID_PIXELS, LossRules
from mp_mae.model_config import LossRulesName

LOSS_RULES: dict[LossRulesName, LossRules] = {
    "valid_pixels": VALID_PIXELS,
    "valid_patches": VALID_PATCHES,
    "published": PUBLISHED,
}
"""By name: ours; missing data excluded, but patches weighed alike; exactly what published MP-MAE was trained with."""

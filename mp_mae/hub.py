"""Encoders on the Hugging Face hub, in our own checkpoint format: `config.json` and `model.safetensors`.

timm's `hf-hub:` loads them too, where `mp_mae.encoder` was imported.
"""

import shutil
import tempfile
from pathlib import Path
from typing import Any

from huggingface_hub import PyTorchModelHubMixin, snapshot_download
from torch import Tensor, nn

from mp_mae.checkpoint import (
    CONFIG_FILE,
    WEIGHTS_FILE,
    Checkpoint,
    build_from_checkpoint,
    load_checkpoint,
    save_checkpoint,
)
from mp_mae.config import Padding
from mp_mae.errors import UserError

_CARD = """---
{{ card_data }}
---

# A ConvNeXt V2 encoder pretrained with MP-MAE

`config.json` names its Sentinel-2 bands in the order of the input channels, the band statistics that standardised
them, and how it was trained. Method: [MMEarth](https://arxiv.org/abs/2405.02771), Nedungadi et al., 2024.

```python
from mp_mae.hub import PretrainedEncoder

encoder = PretrainedEncoder.from_pretrained("user/name")
print(encoder.checkpoint.encoder.bands, encoder.checkpoint.summary.normalisation)
features = encoder(pixels)  # (B, bands, H, W) standardised -> (B, D)
```

Or through timm, which knows its stem once `mp_mae.encoder` is imported (of the package mp-mae-bench):

```python
import mp_mae.encoder, timm

model = timm.create_model("hf-hub:user/name", pretrained=True, num_classes=10)
```
"""


class PretrainedEncoder(
    nn.Module,
    PyTorchModelHubMixin,
    library_name="mp-mae-bench",
    tags=["earth-observation", "sentinel-2", "masked-autoencoder"],
    model_card_template=_CARD,
):
    """A checkpoint and the encoder built from it, with the hub's save_pretrained, from_pretrained and push_to_hub."""

    def __init__(self, checkpoint: Checkpoint, padding: Padding = "same") -> None:
        super().__init__()
        self.checkpoint = checkpoint
        """What the weights were when they were loaded."""
        self.encoder = build_from_checkpoint(checkpoint, padding)

    def forward(self, pixels: Tensor) -> Tensor:
        """Features (B, D) of (B, C, H, W) standardised pixels: bands as in `checkpoint.encoder.bands`, 0 = missing."""
        return self.encoder.forward_head(self.encoder.forward_features(pixels), pre_logits=True)

    def _save_pretrained(self, save_directory: Path) -> None:
        """The two files of our format, with the weights as they are now."""
        now = Checkpoint(
            encoder=self.checkpoint.encoder, state=self.encoder.state_dict(), summary=self.checkpoint.summary
        )
        with tempfile.TemporaryDirectory() as folder:
            save_checkpoint(now, Path(folder) / "encoder")
            for name in (WEIGHTS_FILE, CONFIG_FILE):
                shutil.copyfile(Path(folder) / "encoder" / name, Path(save_directory) / name)

    @classmethod
    def _from_pretrained(
        cls,
        *,
        model_id: str,
        revision: str | None,
        cache_dir: str | Path | None,
        force_download: bool,
        local_files_only: bool,
        token: str | bool | None,
        map_location: str = "cpu",
        strict: bool = True,
        **model_kwargs: Any,
    ) -> "PretrainedEncoder":
        """The encoder from a folder, or from a repository through the local cache; `padding` may be among the keywords.

        Raises:
            UserError: the weights are incomplete or damaged.
        """
        if not strict:
            raise UserError(f"{model_id}: strict=False would leave weights random. Load it without that argument.")
        folder = Path(model_id)
        if not folder.is_dir():
            folder = Path(
                snapshot_download(
                    model_id,
                    revision=revision,
                    cache_dir=cache_dir,
                    force_download=force_download,
                    local_files_only=local_files_only,
                    token=token,
                    allow_patterns=[WEIGHTS_FILE, CONFIG_FILE],
                )
            )
        return cls(load_checkpoint(folder), **model_kwargs).to(map_location).eval()

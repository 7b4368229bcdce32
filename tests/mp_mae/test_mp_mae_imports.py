"""mp_mae runs where only torch, timm, accelerate, numpy, h5py, safetensors and rich are installed."""

import subprocess
import sys

IMPORT_EVERYTHING = '''
import importlib, pkgutil, sys

ABSENT = {
    "duckdb", "optuna", "pandas", "sklearn", "scipy", "typer", "pydantic", "jinja2",
    "geobench", "harness", "baselines", "leaderboards",
}

class Without:
    """A finder that does not see them, as if they were not installed."""

    def __init__(self, finder):
        self.finder = finder

    def __getattr__(self, name):
        return getattr(self.finder, name)

    def find_spec(self, name, path=None, target=None):
        return None if name.partition(".")[0] in ABSENT else self.finder.find_spec(name, path, target)

sys.meta_path[:] = [Without(finder) for finder in sys.meta_path]
import mp_mae
names = [m.name for m in pkgutil.walk_packages(mp_mae.__path__, "mp_mae.") if not m.name.endswith("__main__")]
for name in names:
    importlib.import_module(name)
assert not ABSENT & set(sys.modules)
import timm, mp_mae.encoder
timm.create_model("mp_mae_convnextv2_atto")
print(len(names))
'''


EXPORTS = """
import sys, mp_mae
assert not {"torch", "timm", "accelerate"} & set(sys.modules)
assert set(mp_mae.__all__) <= set(dir(mp_mae))
from mp_mae import Settings, load_checkpoint, load_encoder, pretrain
assert [f.__module__ for f in (Settings, load_checkpoint, load_encoder, pretrain)] == [
    "mp_mae.training.settings", "mp_mae.checkpoint", "mp_mae.checkpoint", "mp_mae.training.loop"
]
try:
    mp_mae.pretrian
except AttributeError as error:
    assert "no attribute 'pretrian'" in str(error)
else:
    sys.exit("found")
"""


def test_the_package_exports_its_functions_without_importing_torch_for_it():
    done = subprocess.run([sys.executable, "-c", EXPORTS], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_every_module_imports_without_what_only_the_harness_needs():
    done = subprocess.run([sys.executable, "-c", IMPORT_EVERYTHING], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) >= 5

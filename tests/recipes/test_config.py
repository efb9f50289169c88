from __future__ import annotations

import math
import subprocess
import sys

import pytest

from chainrule.recipes import KINDS, RECIPES, Config


def test_the_recipes_train_by_hand_from_seed_0():
    assert {"mnist", "digits"} <= set(RECIPES)
    for networks in RECIPES.values():
        for model, config in networks.items():
            assert config.model == model
            assert config.kind in KINDS
            assert config.gradients == "hand"
            assert config.seed == 0


def test_changed_takes_over_what_is_not_none():
    changed = RECIPES["digits"]["mlp"].changed(epochs=3, seed=None, optimizer="sgd")
    assert changed.epochs == 3
    assert changed.optimizer == "sgd"
    assert changed.changed(epochs=20, optimizer="adam") == RECIPES["digits"]["mlp"]


def test_a_list_of_widths_is_a_tuple_of_widths_so_that_settings_read_from_json_are_equal():
    assert RECIPES["mnist"]["mlp"].changed(hidden=[512, 256]) == RECIPES["mnist"]["mlp"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"epochs": 0}, "epochs must be a positive integer, got 0"),
        ({"epochs": True}, "epochs must be a positive integer, got True"),
        ({"batch_size": -1}, "batch_size must be a positive integer, got -1"),
        ({"hidden": (32, 0)}, "each width in hidden must be a positive integer, got 0"),
        ({"seed": -1}, "seed must be a whole number from 0"),
        ({"seed": 2**32}, "seed must be a whole number from 0"),
        ({"seed": 0.5}, "seed must be a whole number from 0"),
        ({"learning_rate": math.nan}, "learning_rate must be a finite number, got nan"),
        ({"weight_decay": "0.1"}, "weight_decay must be a finite number, got '0.1'"),
        ({"schedule": "linear"}, "schedule must be 'constant' or 'cosine', got 'linear'"),
        ({"gradients": "numeric"}, "gradients must be 'hand' or 'autodiff', got 'numeric'"),
    ],
)
def test_settings_that_no_training_could_take_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        RECIPES["digits"]["mlp"].changed(**change)


def test_an_unknown_name_is_no_attribute():
    import chainrule.recipes

    with pytest.raises(AttributeError, match="no attribute 'cifar'"):
        _ = chainrule.recipes.cifar


def test_settings_import_neither_matplotlib_nor_what_trains():
    code = (
        "import sys, chainrule.recipes; "
        "print([m for m in ('matplotlib', 'PIL', 'rich', 'safetensors', 'chainrule.train') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"
    assert Config.__module__ == "chainrule.recipes.config"

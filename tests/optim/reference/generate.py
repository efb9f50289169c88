"""Write trajectories.json: what PyTorch and Optax do with the problem of problem.py, in float64.

    python tests/optim/reference/generate.py

It needs torch and optax. A case says which optimiser of ours it is the answer for, with which settings, and
by which call the library was brought to the same update.
"""

from __future__ import annotations

import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
import torch
from problem import CLIPPED, STEPS, THRESHOLDS, B, W, gradients

DECAYING = {"schedule": "exponential", "learning_rate": 0.1, "factor": 0.7}
WARMUP = {
    "schedule": "cosine",
    "learning_rate": 0.1,
    "steps": 9,
    "warmup_steps": 3,
    "final_learning_rate": 0.01,
}
STEPPED = {"schedule": "step", "learning_rate": 0.1, "every": 3, "factor": 0.5}


def in_float64(schedule):
    """Optax computes a rate in float32 where the step count is an int32, whatever the params are."""
    return lambda count: schedule(jnp.asarray(count, jnp.float64))


def by_torch(make_optimizer, make_scheduler=None):
    w, b = (torch.tensor(value, dtype=torch.float64, requires_grad=True) for value in (W, B))
    optimizer = make_optimizer([w, b])
    scheduler = make_scheduler(optimizer) if make_scheduler else None
    path = []
    for _ in range(STEPS):
        dw, db = gradients(w.detach().numpy(), b.detach().numpy())
        w.grad, b.grad = torch.from_numpy(dw), torch.from_numpy(db)
        optimizer.step()
        if scheduler:
            scheduler.step()
        path.append([*w.detach().numpy().ravel().tolist(), *b.detach().numpy().tolist()])
    return path


def by_optax(transformation):
    params = (jnp.asarray(W), jnp.asarray(B))
    state = transformation.init(params)
    path = []
    for _ in range(STEPS):
        grads = tuple(jnp.asarray(g) for g in gradients(*(np.asarray(p) for p in params)))
        updates, state = transformation.update(grads, state, params)
        params = optax.apply_updates(params, updates)
        path.append([*np.ravel(params[0]).tolist(), *np.ravel(params[1]).tolist()])
    return path


def trajectories():
    T = torch.optim
    S = T.lr_scheduler
    decaying = in_float64(optax.exponential_decay(0.1, 1, 0.7))
    warmup = in_float64(optax.warmup_cosine_decay_schedule(0.0, 0.1, 3, 9, 0.01))

    def case(optimizer, learning_rate, options, made_by, path):
        return {
            "optimizer": optimizer,
            "learning_rate": learning_rate,
            "options": options,
            "made_by": made_by,
            "params": path,
        }

    yield case("sgd", 0.1, {}, "torch SGD", by_torch(lambda p: T.SGD(p, lr=0.1)))
    yield case("sgd", WARMUP, {}, "optax sgd, warmup_cosine_decay_schedule", by_optax(optax.sgd(warmup)))
    # PyTorch's momentum has the learning rate outside the velocity: the same only while it is constant.
    yield case(
        "momentum",
        0.05,
        {"decay": 0.8},
        "torch SGD momentum",
        by_torch(lambda p: T.SGD(p, 0.05, momentum=0.8)),
    )
    # In Optax the trace comes after the scaling, so that the learning rate is inside the velocity.
    yield case(
        "momentum",
        DECAYING,
        {"decay": 0.8},
        "optax chain(scale_by_learning_rate, trace), exponential_decay",
        by_optax(optax.chain(optax.scale_by_learning_rate(decaying), optax.trace(0.8))),
    )
    yield case(
        "nesterov",
        0.05,
        {"decay": 0.8},
        "torch SGD nesterov",
        by_torch(lambda p: T.SGD(p, 0.05, momentum=0.8, nesterov=True)),
    )
    yield case(
        "nesterov",
        DECAYING,
        {"decay": 0.8},
        "optax chain(scale_by_learning_rate, trace nesterov), exponential_decay",
        by_optax(optax.chain(optax.scale_by_learning_rate(decaying), optax.trace(0.8, nesterov=True))),
    )
    # Optax's adagrad has epsilon inside the root: PyTorch's alone equals ours.
    yield case(
        "adagrad",
        0.3,
        {"eps": 0.01},
        "torch Adagrad",
        by_torch(lambda p: T.Adagrad(p, 0.3, eps=0.01)),
    )
    yield case(
        "adagrad",
        0.3,
        {"initial_accumulator": 0.2},
        "torch Adagrad initial_accumulator_value",
        by_torch(lambda p: T.Adagrad(p, 0.3, initial_accumulator_value=0.2)),
    )
    # A large epsilon, so that where it stands is seen in every digit.
    yield case(
        "rmsprop",
        0.05,
        {"decay": 0.8, "eps": 0.1},
        "torch RMSprop",
        by_torch(lambda p: T.RMSprop(p, 0.05, alpha=0.8, eps=0.1)),
    )
    yield case(
        "rmsprop",
        DECAYING,
        {"decay": 0.8, "eps": 0.1},
        "optax rmsprop eps_in_sqrt=False",
        by_optax(optax.rmsprop(decaying, decay=0.8, eps=0.1, eps_in_sqrt=False)),
    )
    adam = {"b1": 0.8, "b2": 0.95, "eps": 0.1}
    betas = {"betas": (0.8, 0.95), "eps": 0.1}
    yield case("adam", 0.1, {}, "torch Adam, defaults", by_torch(lambda p: T.Adam(p, 0.1)))
    yield case(
        "adam",
        STEPPED,
        adam,
        "torch Adam, StepLR",
        by_torch(lambda p: T.Adam(p, 0.1, **betas), lambda o: S.StepLR(o, 3, 0.5)),
    )
    yield case("adam", WARMUP, adam, "optax adam", by_optax(optax.adam(warmup, **adam)))
    yield case(
        "adamw",
        0.1,
        {**adam, "weight_decay": 0.3},
        "torch AdamW",
        by_torch(lambda p: T.AdamW(p, 0.1, weight_decay=0.3, **betas)),
    )
    yield case(
        "adamw",
        WARMUP,
        {**adam, "weight_decay": 0.3, "mask": [True, False]},
        "optax adamw, mask",
        by_optax(optax.adamw(warmup, **adam, weight_decay=0.3, mask=(True, False))),
    )
    yield case(
        "nadam",
        0.1,
        {**adam, "momentum_decay": 0.05},
        "torch NAdam",
        by_torch(lambda p: T.NAdam(p, 0.1, **betas, momentum_decay=0.05)),
    )
    yield case("nadam", 0.1, {}, "torch NAdam, defaults", by_torch(lambda p: T.NAdam(p, 0.1)))
    # Optax's momentum is constant.
    yield case(
        "nadam",
        WARMUP,
        {**adam, "momentum_decay": None},
        "optax nadam",
        by_optax(optax.nadam(warmup, **adam)),
    )
    yield case(
        "lion",
        0.2,
        {"b1": 0.5, "b2": 0.95},
        "optax lion weight_decay=0",
        by_optax(optax.lion(0.2, b1=0.5, b2=0.95, weight_decay=0.0)),
    )
    yield case(
        "lion",
        WARMUP,
        {"b1": 0.8, "b2": 0.95, "weight_decay": 0.3},
        "optax lion",
        by_optax(optax.lion(warmup, b1=0.8, b2=0.95, weight_decay=0.3)),
    )


def schedules():
    S = torch.optim.lr_scheduler
    steps = 15

    def torch_rates(learning_rate, make, n=steps):
        optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=learning_rate)
        scheduler = make(optimizer)
        rates = []
        for _ in range(n):
            rates.append(float(optimizer.param_groups[0]["lr"]))
            optimizer.step()
            scheduler.step()
        return rates

    def optax_rates(schedule):
        return [float(in_float64(schedule)(t)) for t in range(steps)]

    def case(schedule, options, made_by, rates):
        return {"schedule": {"schedule": schedule, **options}, "made_by": made_by, "rates": rates}

    yield case("constant", {"learning_rate": 0.3}, "optax", optax_rates(optax.constant_schedule(0.3)))
    stepped = {"learning_rate": 0.3, "every": 4, "factor": 0.5}
    yield case("step", stepped, "torch StepLR", torch_rates(0.3, lambda o: S.StepLR(o, 4, 0.5)))
    yield case(
        "step",
        stepped,
        "optax exponential_decay staircase",
        optax_rates(optax.exponential_decay(0.3, 4, 0.5, staircase=True)),
    )
    yield case(
        "exponential",
        {"learning_rate": 0.3, "factor": 0.9},
        "torch ExponentialLR",
        torch_rates(0.3, lambda o: S.ExponentialLR(o, 0.9)),
    )
    yield case(
        "exponential",
        {"learning_rate": 0.3, "factor": 0.5, "every": 4},
        "optax exponential_decay",
        optax_rates(optax.exponential_decay(0.3, 4, 0.5)),
    )
    # 12 rates and not 15: PyTorch's cosine rises again after T_max, ours stays.
    yield case(
        "cosine",
        {"learning_rate": 0.3, "steps": 11, "final_learning_rate": 0.02},
        "torch CosineAnnealingLR",
        torch_rates(0.3, lambda o: S.CosineAnnealingLR(o, 11, eta_min=0.02), 12),
    )
    yield case(
        "cosine",
        {
            "learning_rate": 0.3,
            "steps": 12,
            "warmup_steps": 4,
            "initial_learning_rate": 0.05,
            "final_learning_rate": 0.02,
        },
        "optax warmup_cosine_decay_schedule",
        optax_rates(optax.warmup_cosine_decay_schedule(0.05, 0.3, 4, 12, 0.02)),
    )
    for total, fraction in ((14, 0.3), (14, 0.5), (14, 0.05)):  # the last has a rise shorter than a step
        yield case(
            "one_cycle",
            {"learning_rate": 0.3, "steps": total, "warmup_fraction": fraction, "final_divisor": 100.0},
            "torch OneCycleLR",
            torch_rates(
                0.3,
                lambda o, n=total, f=fraction: S.OneCycleLR(
                    o, 0.3, n, pct_start=f, final_div_factor=100.0, cycle_momentum=False
                ),
                total,
            ),
        )


def clipping():
    for grads in CLIPPED:
        for threshold in THRESHOLDS:
            for name, transformation in (
                ("clip_by_value", optax.clip(threshold)),
                ("clip_by_global_norm", optax.clip_by_global_norm(threshold)),
            ):
                updates, _ = transformation.update([jnp.asarray(g) for g in grads], transformation.init(grads))
                yield {
                    "clip": name,
                    "threshold": threshold,
                    "grads": [g.tolist() for g in grads],
                    "made_by": "optax",
                    "updates": [np.asarray(u).tolist() for u in updates],
                }


def averaging():
    params = [[1.0, -2.0], [0.5, 3.0], [4.0, 0.25], [-1.0, 1.0]]
    for debias in (True, False):
        transformation = optax.ema(0.7, debias=debias)
        state = transformation.init(jnp.zeros(2))
        averages = []
        for each in params:
            averaged, state = transformation.update(jnp.asarray(each), state)
            averages.append(np.asarray(averaged).tolist())
        yield {"decay": 0.7, "debias": debias, "params": params, "made_by": "optax ema", "averages": averages}


if __name__ == "__main__":
    torch.set_default_dtype(torch.float64)  # the product of momenta in NAdam has the default dtype
    with jax.enable_x64(True):
        stored = {
            "versions": {"torch": torch.__version__, "optax": optax.__version__, "jax": jax.__version__},
            "trajectories": list(trajectories()),
            "schedules": list(schedules()),
            "clipping": list(clipping()),
            "averaging": list(averaging()),
        }
    text = (
        json.dumps(stored, indent=None).replace('{"optimizer"', '\n{"optimizer"').replace('"made_by"', '\n "made_by"')
    )
    Path(__file__).with_name("trajectories.json").write_text(text + "\n")

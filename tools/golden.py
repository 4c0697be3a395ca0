#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Makes tests/golden: inputs beside what double precision (OpenCV for pictures) makes of them.

Run by hand when an op or its meaning changes, never by the build. Needs python3-numpy and
python3-opencv:

    tools/golden.py tests/golden && build/release/peclr golden tests/golden

Nothing here is shared with the engine: every formula is written out again, from its source, so that
an error would have to be made twice. A gradient is checked against finite differences before it is
written.
"""
import json
import pathlib
import struct
import sys

import cv2
import numpy as np

JOINTS = 21
WRIST, INDEX_MCP = 0, 5  # FreiHAND's order
TYPES = {np.dtype(np.float32): "F32", np.dtype(np.float64): "F64", np.dtype(np.uint8): "U8"}


def write(path, op, tensors, **settings):
    """A safetensors file: 8 bytes of length, a JSON header with the settings, the values."""
    settings = {"op": op, "case": path.stem} | {key: str(value) for key, value in settings.items()}
    header = {"__metadata__": settings}
    values = b""
    for name, array in tensors.items():
        array = np.ascontiguousarray(array)
        header[name] = {
            "dtype": TYPES[array.dtype],
            "shape": array.shape,
            "data_offsets": [len(values), len(values) + array.nbytes],
        }
        values += array.tobytes()
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + values)


def f32(array):
    """What the engine is given: rounded first, so that the expectation is of the same numbers."""
    return np.asarray(array, np.float32)


def uniform(seed, name, count):
    """Values in [-1, 1) from a seed and a name, which the engine's runner makes as well."""
    # FNV-1a of the name, then splitmix64.
    h = 0xCBF29CE484222325
    for byte in f"{seed}/{name}".encode():
        h = (h ^ byte) * 0x100000001B3 % 2**64
    with np.errstate(over="ignore"):
        x = np.uint64(h) + np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        x ^= x >> np.uint64(31)
    return (x >> np.uint64(40)).astype(np.float64) / 2**23 - 1


# ---- Equivariant NT-Xent (Spurr et al. 2021). A row of D numbers is D / 2 points of the plane,
# here complex numbers.


def points(rows):
    return rows[:, 0::2] + 1j * rows[:, 1::2]


def numbers(p):
    return np.stack([p.real, p.imag], -1).reshape(len(p), -1)


def unit(rows):
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def unit_gradient(rows, gradient):
    """Through y = x / |x|."""
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    y = rows / length
    return (gradient - y * (y * gradient).sum(1, keepdims=True)) / length


def detached(projection, views, invert):
    """Shift and centre of each row: constants in the gradient."""
    p = points(unit(projection))
    shift = np.zeros((len(p), 1), complex)
    if "translate" in invert:
        width, height = np.ptp(p.real, axis=1), np.ptp(p.imag, axis=1)
        shift = (views["shift"][:, 0] * width + 1j * views["shift"][:, 1] * height)[:, None]
    return shift, (p - shift).mean(1, keepdims=True)


def turn_of(views, invert):
    """The factor that undoes rotation and scale. y points down: OpenCV turns by exp(-i angle)."""
    turn = np.ones((len(views["scale"]), 1), complex)
    if "rotate" in invert:
        turn = turn * np.exp(1j * np.radians(views["angle_deg"]))[:, None]
    if "scale" in invert:
        turn = turn / views["scale"][:, None]
    return turn


def inverted(projection, constants, turn):
    shift, centre = constants
    return numbers((points(unit(projection)) - shift - centre) * turn + centre)


def ntxent(z, temperature):
    """Cross entropy of each row's similarities to all others, and its gradient; view 1 first."""
    rows = np.arange(len(z))
    similarity = z @ z.T / temperature
    similarity[rows, rows] = -np.inf
    shifted = np.exp(similarity - similarity.max(1, keepdims=True))
    share = shifted / shifted.sum(1, keepdims=True)
    positive = (rows + len(z) // 2) % len(z)
    loss = -np.log(share[rows, positive]).mean()
    share[rows, positive] -= 1
    return loss, (share + share.T) @ z / (len(z) * temperature)


def make_ntxent(path, rng, invert, temperature):
    n, dim = 8, 16
    projection = f32(rng.normal(size=(n, dim)))
    views = {
        "angle_deg": f32(rng.integers(-45, 46, n)),
        "shift": f32(rng.uniform(-0.12, 0.12, (n, 2))),
        "scale": f32(rng.uniform(0.8, 1.4, n)),
    }
    x = projection.astype(np.float64)
    exact = {name: value.astype(np.float64) for name, value in views.items()}
    constants, turn = detached(x, exact, invert), turn_of(exact, invert)

    def loss_of(rows):
        return ntxent(unit(inverted(rows, constants, turn)), temperature)[0]

    q = inverted(x, constants, turn)
    loss, gradient = ntxent(unit(q), temperature)
    gradient = unit_gradient(q, gradient)
    gradient = unit_gradient(x, numbers(points(gradient) * turn.conj()))

    step = 1e-6
    difference = np.zeros_like(x)
    for i in np.ndindex(x.shape):
        nudge = np.zeros_like(x)
        nudge[i] = step
        difference[i] = (loss_of(x + nudge) - loss_of(x - nudge)) / (2 * step)
    assert np.allclose(difference, gradient, rtol=1e-5, atol=1e-7 * np.abs(gradient).max()), path
    write(
        path,
        "ntxent",
        {
            "projection": projection,
            **views,
            "expected.z": unit(q),
            "expected.loss": np.array([loss]),
            "expected.grad": gradient,
        },
        invert=",".join(invert),
        temperature=temperature,
    )


# ---- Poses.


def hands(rng, count):
    """Points about as far apart as a hand's joints, in front of the camera; metres."""
    centre = rng.uniform([-0.1, -0.1, 0.5], [0.1, 0.1, 0.9], (count, 3))
    return centre[:, None] + rng.normal(scale=0.04, size=(count, JOINTS, 3))


def random_rotation(rng):
    q, r = np.linalg.qr(rng.normal(size=(3, 3)))
    q = q * np.sign(np.diag(r))
    return q * np.linalg.det(q)


def similarity(source, target, reflections):
    """Least squares (Kabsch, Umeyama): aligned = scale * source @ rotation + translation."""
    from_mean, to_mean = source.mean(0), target.mean(0)
    a, b = source - from_mean, target - to_mean
    u, s, vt = np.linalg.svd(a.T @ b)
    signs = np.ones(3)
    if not reflections:
        signs[2] = np.sign(np.linalg.det(u @ vt))
    rotation = (u * signs) @ vt
    scale = (s * signs).sum() / (a * a).sum()
    return rotation, scale, to_mean - scale * from_mean @ rotation


def make_procrustes(path, rng, mirrored):
    count = 6
    target = hands(rng, count)
    source = np.stack([rng.uniform(0.7, 1.4) * t @ random_rotation(rng) for t in target])
    source += rng.normal(scale=0.004, size=source.shape)
    if mirrored:
        source *= [-1, 1, 1]
    target, source = f32(target), f32(source)
    pairs = list(zip(source.astype(float), target.astype(float)))
    fits = [similarity(s, t, reflections=False) for s, t in pairs]
    aligned = np.stack([f[1] * s @ f[0] + f[2] for (s, _), f in zip(pairs, fits)])
    write(
        path,
        "procrustes",
        {
            "target": target,
            "source": source,
            "expected.aligned": aligned,
            "expected.rotation": np.stack([f[0] for f in fits]),
            "expected.scale": np.array([f[1] for f in fits]),
            "expected.translation": np.stack([f[2] for f in fits]),
            "expected.pa_epe": np.linalg.norm(aligned - target, axis=2).mean(1),
        },
    )


def make_pose25d(path, rng):
    """Iqbal et al. 2018; root: wrist; unit: wrist to index MCP."""
    count = 4
    joints = f32(hands(rng, count))
    K = np.zeros((count, 3, 3))
    K[:, 0, 0], K[:, 1, 1] = rng.uniform(150, 300, (2, count))
    K[:, 0, 2], K[:, 1, 2] = rng.uniform(60, 68, (2, count))
    K[:, 2, 2] = 1
    K = f32(K)
    xyz, camera = joints.astype(float), K.astype(float)
    scale = np.linalg.norm(xyz[:, WRIST] - xyz[:, INDEX_MCP], axis=1)
    pixels = np.einsum("nij,nkj->nki", camera, xyz)
    uvz = pixels / pixels[..., 2:]
    uvz[..., 2] = (xyz[..., 2] - xyz[:, WRIST, None, 2]) / scale[:, None]
    noise = rng.normal(size=uvz.shape) * [0.5, 0.5, 0.02]
    predicted = f32(uvz + noise)

    back, depths = [], []
    for p, k, s in zip(predicted.astype(float), camera, scale):
        rays = np.column_stack([p[:, :2], np.ones(JOINTS)]) @ np.linalg.inv(k).T
        # |a (za + Z) - b (zb + Z)| = 1 bone length is a quadratic in Z; the larger root is in front
        # of the camera.
        a, b, za, zb = rays[WRIST], rays[INDEX_MCP], p[WRIST, 2], p[INDEX_MCP, 2]
        d, e = a - b, a * za - b * zb
        roots = np.roots([d @ d, 2 * d @ e, e @ e - 1])
        assert np.isreal(roots).all(), "the noise leaves no root: choose another seed"
        depths.append(roots.real.max())
        back.append(rays * (p[:, 2:] + depths[-1]) * s)
    write(
        path,
        "pose25d",
        {
            "joints3d": joints,
            "K": K,
            "predicted25d": predicted,
            "expected.joints25d": uvz,
            "expected.scale": scale,
            "expected.root_depth": np.array(depths),
            "expected.joints3d_from_predicted": np.stack(back),
        },
    )


def scores(distances):
    """FreiHAND's, from [N, 21] metres: mean, mean of the joints' medians, area under PCK."""
    thresholds = np.linspace(0, 0.05, 100)
    pck = (distances[..., None] <= thresholds).mean(0)
    area = np.trapz(pck, thresholds, axis=1) / 0.05
    return np.array([distances.mean(), np.median(distances, axis=0).mean(), area.mean()])


def make_metrics(path, rng):
    truth = hands(rng, 8)
    predicted = truth * 1.03 + rng.normal(scale=0.008, size=truth.shape)
    predicted[0] = predicted[0] * [-1, 1, 1]  # where allowing reflections shows
    truth, predicted = f32(truth), f32(predicted)

    def aligned_scores(reflections):
        distances = []
        for p, t in zip(predicted.astype(float), truth.astype(float)):
            rotation, scale, translation = similarity(p, t, reflections)
            distances.append(np.linalg.norm(scale * p @ rotation + translation - t, axis=1))
        return scores(np.stack(distances))

    write(
        path,
        "metrics",
        {
            "ground_truth": truth,
            "predicted": predicted,
            "expected.plain": scores(np.linalg.norm(predicted.astype(float) - truth, axis=2)),
            "expected.aligned_freihand": aligned_scores(reflections=True),
            "expected.aligned_rigid": aligned_scores(reflections=False),
        },
        columns="mean error m, mean over joints of the median m, AUC of 0 to 5 cm",
    )


# ---- Optimisers.


def learning_rate(t, peak, warmup, total):
    if warmup > 1 and t < warmup:
        return peak * t / (warmup - 1)
    return peak * (1 + np.cos(np.pi * (t - warmup) / (total - warmup))) / 2


def make_optimiser(path, rng, lars):
    """Adam (Kingma & Ba 2015), alone or as pl_bolts wraps LARS around it.

    LARS puts weight decay and trust ratio into the gradient; Adam then steps without decay.
    """
    steps, warmup, peak, decay, seed = 12, 3, 0.0045, 0.01, 7
    shapes = {
        "conv.weight": (4, 3, 3, 3),
        "bn.weight": (4,),
        "bn.bias": (4,),
        "fc.weight": (3, 4),
        "zero.weight": (2, 2),
    }
    start = {name: f32(rng.normal(scale=0.3, size=shape)) for name, shape in shapes.items()}
    start["zero.weight"][:] = 0
    w = {name: value.astype(np.float64) for name, value in start.items()}
    m = {name: np.zeros(shape) for name, shape in shapes.items()}
    v = {name: np.zeros(shape) for name, shape in shapes.items()}
    rates = []
    for t in range(steps):
        rate = learning_rate(t, peak, warmup, steps)
        rates.append(rate)
        for name, shape in shapes.items():
            g = uniform(seed, f"g/{t}/{name}", int(np.prod(shape))).reshape(shape)
            g = f32(0.1 * (1 + t) * g).astype(np.float64)
            own_decay = 0 if "bn" in name or "bias" in name else decay
            weight, gradient = np.linalg.norm(w[name]), np.linalg.norm(g)
            if not lars:
                g = g + own_decay * w[name]
            elif weight > 0 and gradient > 0:
                trust = 0.02 * weight / (gradient + own_decay * weight + 1e-8)
                g = (g + own_decay * w[name]) * (min(trust / rate, 1) if rate > 0 else 1)
            m[name] = 0.9 * m[name] + 0.1 * g
            v[name] = 0.999 * v[name] + 0.001 * g * g
            corrected = np.sqrt(v[name] / (1 - 0.999 ** (t + 1))) + 1e-8
            w[name] = w[name] - rate * m[name] / (1 - 0.9 ** (t + 1)) / corrected
    write(
        path,
        "optimiser",
        {f"start.{name}": value for name, value in start.items()}
        | {f"expected.{name}": value for name, value in w.items()}
        | {"expected.lr": np.array(rates)},
        lars=int(lars),
        steps=steps,
        warmup_steps=warmup,
        peak_lr=peak,
        weight_decay=decay,
        seed=seed,
    )


# ---- Augmentation: OpenCV's 8-bit chain.


def smooth_picture(rng, side):
    """Soft waves: what is compared is geometry and colour, not how two filters treat noise."""
    y, x = np.mgrid[:side, :side] / side
    picture = np.empty((side, side, 3))
    for channel in range(3):
        wave = 0.5
        for _ in range(3):
            fx, fy, phase = *rng.uniform(-2, 2, 2), rng.uniform(0, 2 * np.pi)
            wave = wave + 0.13 * np.cos(2 * np.pi * (fx * x + fy * y) + phase)
        picture[..., channel] = wave
    return (255 * np.clip(picture, 0, 1)).astype(np.uint8)


def make_augment(path, rng, angle_deg, hue=1, saturation=1, value_gain=1, value_offset=0):
    """Rotate about the centre, crop, resize by area, jitter in OpenCV's 8-bit HSV."""
    side, out, centre, origin, width = 40, 16, 20, (7, 5), 26
    source = smooth_picture(rng, side)
    turn = cv2.getRotationMatrix2D((centre, centre), angle_deg, 1)
    image = cv2.warpAffine(source, turn, (side, side))
    image = image[origin[1] : origin[1] + width, origin[0] : origin[0] + width]
    image = cv2.resize(image, (out, out), interpolation=cv2.INTER_AREA)
    if (hue, saturation, value_gain, value_offset) != (1, 1, 1, 0):
        hsv = cv2.cvtColor(image, cv2.COLOR_RGB2HSV).astype(np.float64)
        hsv = hsv * [hue, saturation, value_gain] + [0, 0, value_offset]
        image = cv2.cvtColor(np.clip(hsv, 0, 255).astype(np.uint8), cv2.COLOR_HSV2RGB)
    write(
        path,
        "augment",
        {"source": source, "expected.image": image},
        angle_deg=angle_deg,
        centre_x=centre,
        centre_y=centre,
        crop_x=origin[0],
        crop_y=origin[1],
        crop_width=width,
        crop_height=width,
        out=out,
        hue=hue,
        saturation=saturation,
        value_gain=value_gain,
        value_offset=value_offset,
    )


def main():
    if len(sys.argv) != 2 or sys.argv[1].startswith("-"):
        sys.exit(f"{__doc__}\nusage: {sys.argv[0]} FOLDER")
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)

    def case(name, make, *args, **kwargs):
        # A case's numbers hang on its name alone: a new one leaves the others as they are.
        rng = np.random.default_rng(list(name.encode()))
        make(folder / f"{name}.safetensors", rng, *args, **kwargs)

    case("ntxent_peclr", make_ntxent, ["translate", "rotate"], 0.5)
    case("ntxent_affine", make_ntxent, ["translate", "rotate", "scale"], 0.1)
    case("ntxent_simclr", make_ntxent, [], 0.5)
    case("procrustes_noisy", make_procrustes, mirrored=False)
    case("procrustes_mirrored", make_procrustes, mirrored=True)
    case("pose25d", make_pose25d)
    case("metrics", make_metrics)
    case("optimiser_adam", make_optimiser, lars=False)
    case("optimiser_lars", make_optimiser, lars=True)
    case("augment_rotate", make_augment, -27)
    colour = {"hue": 0.6, "saturation": 0.7, "value_gain": 0.8, "value_offset": 12}
    case("augment_colour", make_augment, 18, **colour)


if __name__ == "__main__":
    main()

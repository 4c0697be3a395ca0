#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The pre-training step of `peclr pretrain` in PyTorch, timed: eager, compiled, and compiled into
CUDA graphs.

Augmentation (turn, move, scale, crop, colours in HSV), ResNet v1.5, projection head, inversion of the
views, NT-Xent, backward, LARS around Adam; channels_last, bf16 by autocast or f32, weights in f32.
Only PyTorch is needed, 2.4 or newer. The pictures lie in the GPU's memory, so no loader is timed: an advantage over
the program. LARS works on lists of tensors and Adam is fused, as a careful user would write it.
Each mode is timed twice: with views that are given, to stand beside gpu_step_bench, and with the
augmentation, to stand beside `peclr pretrain`. With `--device cpu` the first stand beside step_bench.

Prints rows of a Markdown table (and "> " lines about the machine), writes one JSON. Exit code 3:
there is no PyTorch, or it sees no GPU.
"""
import argparse
import json
import math
import statistics
import sys
import time

try:
    import torch
    from torch import nn
    from torch.nn import functional as F
except ImportError as error:
    print(f"this Python has no PyTorch ({error})", file=sys.stderr)
    sys.exit(3)

SOURCE = 224  # side of a picture before the augmentation, pixels
PRECISIONS = {"f32": torch.float32, "bf16": torch.bfloat16}
BLOCKS = {18: (1, (2, 2, 2, 2)), 50: (4, (3, 4, 6, 3)), 152: (4, (3, 8, 36, 3))}


def conv_norm(inputs, outputs, kernel, stride=1):
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False),
        nn.BatchNorm2d(outputs),
    )


class Block(nn.Module):
    def __init__(self, inputs, width, stride, expansion):
        super().__init__()
        outputs = width * expansion
        if expansion == 1:
            units = [conv_norm(inputs, width, 3, stride), conv_norm(width, width, 3)]
        else:
            units = [
                conv_norm(inputs, width, 1),
                conv_norm(width, width, 3, stride),
                conv_norm(width, outputs, 1),
            ]
        self.units = nn.ModuleList(units)
        changes = stride != 1 or inputs != outputs
        self.shortcut = conv_norm(inputs, outputs, 1, stride) if changes else nn.Identity()

    def forward(self, x):
        y = x
        for unit in self.units[:-1]:
            y = F.relu(unit(y))
        return F.relu(self.units[-1](y) + self.shortcut(x))


class Model(nn.Module):
    """Encoder and projection head: [2N, 3, S, S] -> [2N, 128]."""

    def __init__(self, depth):
        super().__init__()
        expansion, counts = BLOCKS[depth]
        layers = [conv_norm(3, 64, 7, 2), nn.ReLU(), nn.MaxPool2d(3, 2, 1)]
        inputs = 64
        for stage, count in enumerate(counts):
            width = 64 << stage
            for i in range(count):
                stride = 2 if stage > 0 and i == 0 else 1
                layers.append(Block(inputs, width, stride, expansion))
                inputs = width * expansion
        self.encoder = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.head = nn.Sequential(
            nn.Linear(inputs, 512), nn.BatchNorm1d(512), nn.ReLU(), nn.Linear(512, 128, bias=False)
        )

    def forward(self, images):
        return self.head(self.encoder(images))


def draw_views(count, device):
    """Random numbers of `count` views: [count, 9], on the host as in the program, then moved."""
    u = torch.rand(count, 9)
    low = torch.tensor([-45.0, 0.0, 0.0, 0.9, 0.01, 0.01, 0.5, 5.0, 0.0])
    high = torch.tensor([45.0, 15 / 128, 15 / 128, 1.5, 1.0, 1.0, 1.0, 20.0, 1.0])
    return (low + u * (high - low)).to(device, non_blocking=True)


def rgb_to_hsv(rgb):
    """[N, 3, S, S] of 0..1; hue is 0..1 as well."""
    value, where = rgb.max(1)
    spread = value - rgb.min(1).values
    safe = spread.clamp_min(1e-6)
    r, g, b = rgb.unbind(1)
    hue = torch.where(
        where == 0, (g - b) / safe, torch.where(where == 1, 2 + (b - r) / safe, 4 + (r - g) / safe)
    )
    return (hue / 6) % 1, spread / value.clamp_min(1e-6), value


class Augment:
    """u8 [N, 3, H, W] and views [2N, 9] -> normalised `dtype` [2N, 3, side, side].

    Constants are made here: made inside of what is compiled, they would come from the host each
    step, which keeps a function out of CUDA graphs."""

    def __init__(self, side, device, dtype):
        self.side, self.dtype = side, dtype
        constants = torch.tensor(
            [[5.0, 3.0, 1.0], [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]], device=device
        )
        self.offsets, self.mean, self.deviation = constants.view(3, 1, 3, 1, 1).unbind()

    def hsv_to_rgb(self, hue, saturation, value):
        k = (self.offsets + 6 * hue.unsqueeze(1)) % 6
        ramp = torch.minimum(k, 4 - k).clamp(0, 1)
        return value.unsqueeze(1) * (1 - saturation.unsqueeze(1) * ramp)

    def apply(self, pictures, views):
        angle = torch.deg2rad(views[:, 0])
        scale = views[:, 3] / 1.5
        cos, sin = scale * torch.cos(angle), scale * torch.sin(angle)
        rows = torch.stack(
            [cos, -sin, -2 * views[:, 1], sin, cos, -2 * views[:, 2]], 1
        ).view(-1, 2, 3)
        grid = F.affine_grid(rows, (len(views), 3, self.side, self.side), align_corners=False)
        source = pictures.float()  # once for both views
        images = torch.cat([F.grid_sample(source, g, align_corners=False) for g in grid.chunk(2)])
        factor = views.view(-1, 9, 1, 1)
        hue, saturation, value = rgb_to_hsv(images / 255)
        images = self.hsv_to_rgb(
            hue * factor[:, 4],
            (saturation * factor[:, 5]).clamp(0, 1),
            (value * factor[:, 6] + factor[:, 7] / 255).clamp(0, 1),
        )
        images = (images - self.mean) / self.deviation
        # bf16 is what autocast would make of it for the first convolution.
        return images.to(self.dtype, memory_format=torch.channels_last)


def invert(projection, views):
    """Undoes move and turn on the projection's points (kernels/equivariance.h)."""
    p = F.normalize(projection.float()).view(len(views), -1, 2)
    extent = (p.amax(1, keepdim=True) - p.amin(1, keepdim=True)).detach()
    p = p - views[:, None, 1:3] * extent
    centre = p.mean(1, keepdim=True).detach()
    angle = torch.deg2rad(views[:, 0])
    cos, sin = torch.cos(angle), torch.sin(angle)
    turn = torch.stack([cos, -sin, sin, cos], 1).view(-1, 2, 2)
    q = (p - centre) @ turn.mT + centre
    return F.normalize(q.reshape(len(views), -1))


class Ntxent:
    """Row i of the first half belongs to row i of the second."""

    def __init__(self, rows, device, temperature=0.5):
        self.temperature = temperature
        self.itself = torch.eye(rows, dtype=torch.bool, device=device)
        self.partner = torch.arange(rows, device=device).roll(rows // 2)

    def __call__(self, z):
        similarity = (z @ z.T / self.temperature).masked_fill(self.itself, -math.inf)
        return F.cross_entropy(similarity, self.partner)


def decay_and_scale(gradients, parameters, decay, ratio):
    decaying = [(g, p) for g, p in zip(gradients, parameters) if p.dim() > 1]
    torch._foreach_add_([g for g, _ in decaying], [p for _, p in decaying], alpha=decay)
    torch._foreach_mul_(gradients, list(ratio.unbind()))


class LarsAdam:
    """Adam inside LARS with clipping, as pl_bolts' LARSWrapper (kernels/optimizer.h)."""

    def __init__(self, model, rate, compiles, decay=1e-6, eta=0.02):
        self.parameters = list(model.parameters())
        self.rate, self.eta = rate, eta
        device = self.parameters[0].device
        self.decay = decay
        self.decays = torch.tensor(
            [decay if p.dim() > 1 else 0.0 for p in self.parameters], device=device
        )
        self.adam = torch.optim.Adam(self.parameters, lr=rate, fused=True)
        # Factors that lie on the device are one launch a parameter in eager mode; compiled, few.
        self.change = torch.compile(decay_and_scale) if compiles else decay_and_scale

    @torch.no_grad()
    def step(self):
        gradients = [p.grad for p in self.parameters]
        weights = torch.stack(torch._foreach_norm(self.parameters))
        norms = torch.stack(torch._foreach_norm(gradients))
        trust = self.eta * weights / (norms + weights * self.decays + 1e-8)
        ratio = (trust / self.rate).clamp(max=1)
        ratio = torch.where((weights > 0) & (norms > 0), ratio, 1.0)
        self.change(gradients, self.parameters, self.decay, ratio)
        self.adam.step()


class Step:
    """`mode`: torch.compile's, or None for eager."""

    def __init__(self, options, mode):
        torch.manual_seed(1)
        self.options = options
        device, dtype = options.device, PRECISIONS[options.precision]
        self.model = Model(options.depth).to(device, memory_format=torch.channels_last)
        self.optimizer = LarsAdam(self.model, 1e-4 * math.sqrt(options.batch), mode is not None)
        self.ntxent = Ntxent(2 * options.batch, device)
        self.pictures = torch.randint(
            0, 256, (options.batch, 3, SOURCE, SOURCE), dtype=torch.uint8, device=device
        )
        # Two functions, so that both rows of a mode share the one that is long to compile.
        compiled = (lambda f: torch.compile(f, mode=mode)) if mode else (lambda f: f)
        self.augment = compiled(Augment(options.size, device, dtype).apply)
        self.loss = compiled(self.forward)
        self.given = torch.randn(
            2 * options.batch, 3, options.size, options.size, dtype=dtype, device=device
        ).contiguous(memory_format=torch.channels_last)

    def forward(self, images, views):
        bf16 = self.options.precision == "bf16"
        with torch.autocast(self.options.device, torch.bfloat16, enabled=bf16):
            projection = self.model(images)
        return self.ntxent(invert(projection, views))

    def run(self, augments):
        torch.compiler.cudagraph_mark_step_begin()  # both functions' graphs are of one step
        views = draw_views(2 * self.options.batch, self.options.device)
        with torch.no_grad():
            images = self.augment(self.pictures, views) if augments else self.given
        loss = self.loss(images, views)
        loss.backward()
        self.optimizer.step()
        self.optimizer.adam.zero_grad(set_to_none=True)
        return loss


def wait(device):
    if device == "cuda":
        torch.cuda.synchronize()


def measure(options, step, augments):
    """Seconds a step, of each group of steps, the first ones left out, and what the first took.
    Within a group nothing waits for the device, so that the host may run ahead of it."""
    start = time.perf_counter()
    step.run(augments)
    wait(options.device)
    first = time.perf_counter() - start
    warm_up, runs, group, most_s = (1, 3, 1, 10) if options.quick else (10, 20, 5, 10)
    for _ in range(warm_up):
        step.run(augments)
    wait(options.device)
    seconds, began = [], time.perf_counter()
    while len(seconds) < runs and time.perf_counter() - began < most_s:
        start = time.perf_counter()
        for _ in range(group):
            loss = step.run(augments)
        wait(options.device)
        seconds.append((time.perf_counter() - start) / group)
    if not math.isfinite(loss.item()):
        raise SystemExit("the loss is not a number: these times mean nothing")
    return seconds, first


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cuda", choices=["cuda", "cpu"])
    parser.add_argument("--depth", type=int, default=50, choices=sorted(BLOCKS))
    parser.add_argument("--size", type=int, default=128, help="side of a view, pixels")
    parser.add_argument("--batch", type=int, default=128, help="pictures, two views of each")
    parser.add_argument("--precision", default="bf16", choices=sorted(PRECISIONS))
    parser.add_argument("--quick", action="store_true", help="few runs, and eager only")
    parser.add_argument("--json", help="file to write")
    options = parser.parse_args()
    if options.device == "cuda" and not torch.cuda.is_available():
        print(f"PyTorch {torch.__version__} sees no GPU", file=sys.stderr)
        sys.exit(3)
    torch.backends.cudnn.benchmark = True
    torch.backends.cudnn.allow_tf32 = options.precision != "f32"
    torch.backends.cuda.matmul.allow_tf32 = options.precision != "f32"

    result = {"torch": torch.__version__, "cuda": torch.version.cuda, "device": options.device}
    result |= {"depth": options.depth, "size": options.size, "batch": options.batch}
    result["cudnn"] = torch.backends.cudnn.version()
    result["card"] = (
        torch.cuda.get_device_name() if options.device == "cuda"
        else f"CPU, {torch.get_num_threads()} threads"
    )
    result["steps"] = []
    print(f"> PyTorch {torch.__version__}, CUDA {torch.version.cuda}, cuDNN {result['cudnn']}, "
          f"{result['card']}; pictures in memory, no loader.", flush=True)
    modes = [("eager", None), ("compiled", "default"), ("compiled, CUDA graphs", "reduce-overhead")]
    count = 1 if options.quick else 2 if options.device == "cpu" else 3
    for name, mode in modes[:count]:
        if mode:
            torch.compiler.reset()  # what was compiled in another mode
        step = Step(options, mode)
        for augments in (False, True):
            row = f"{name}, {'augmentation' if augments else 'views given'}"
            report(options, result, row, *measure(options, step, augments))


def report(options, result, name, seconds, first):
    low, median, high = statistics.quantiles(seconds, n=4) if len(seconds) > 1 else seconds * 3
    views = 2 * options.batch
    result["steps"].append({
        "name": name, "precision": options.precision, "runs": len(seconds), "first_s": first,
        "step_ms": {"median": median * 1e3, "low": low * 1e3, "high": high * 1e3},
        "views_per_s": {"median": views / median, "low": views / high, "high": views / low},
    })
    print(f"| PyTorch {name} | {options.precision} | {views / median:.6g} | "
          f"{views / high:.6g} .. {views / low:.6g} | {len(seconds)} |", flush=True)
    if options.json:  # after each, so that a limit on time leaves what there is
        with open(options.json, "w") as file:
            json.dump(result, file)


if __name__ == "__main__":
    main()

// SPDX-License-Identifier: Apache-2.0
#include "engine/ops.h"

namespace peclr::ops {

Variable conv2d(Tape& tape, const Variable& x, Parameter& w, const ConvSpec& spec, DType compute) {
  const Shape &xs = x.value.shape(), &ws = w.shape;
  const bool padded_pictures = ws[3] == 3 && xs[3] > 3;  // Backend::pictures
  check(xs.rank() == 4 && ws.rank() == 4 && (xs[3] == ws[3] || padded_pictures) && ws[1] == ws[2],
        "conv2d {}: input {} does not fit weights {}", w.name, xs.text(), ws.text());
  const std::int64_t height = (xs[1] + 2 * spec.padding - ws[1]) / spec.stride + 1;
  const std::int64_t width = (xs[2] + 2 * spec.padding - ws[1]) / spec.stride + 1;
  check(xs[1] + 2 * spec.padding >= ws[1] && xs[2] + 2 * spec.padding >= ws[1],
        "conv2d {}: input {} is smaller than the {}x{} window", w.name, xs.text(), ws[1], ws[1]);
  Backend& backend = x.value.backend();
  Tensor y = backend.activation({xs[0], height, width, ws[0]}, compute);
  backend.conv_forward(spec, x.value, w.value, y);
  return tape.record_summed(y, [&tape, x, &w, spec, compute](const Tensor& dy) {
    Backend& device = dy.backend();
    device.conv_backward_weights(spec, x.value, dy, w.grad, w.next_write());
    if (x.node < 0) return;
    Tensor dx = device.activation(x.value.shape(), compute);
    device.conv_backward_data(spec, dy, w.value, dx);
    tape.send(x, std::move(dx));
  });
}

namespace {

void check_channels(const Shape& shape, const NormLayer& layer) {
  check(shape.last() == layer.gamma->shape.count(), "norm_act {}: input {} against {} channels",
        layer.gamma->name, shape.text(), layer.gamma->shape.count());
}

NormInput norm_input(const Tape& tape, const Tensor& x, const NormLayer& layer) {
  check_channels(x.shape(), layer);
  return {x,
          {layer.gamma->value, layer.beta->value, layer.running_mean->value,
           layer.running_variance->value},
          tape.training() ? Tensor(x.backend(), {2, x.shape().last()}, DType::f32) : Tensor()};
}

NormBackward::Weights norm_weights(const NormLayer& layer) {
  layer.beta->next_write();
  return {layer.gamma->grad, layer.beta->grad, layer.gamma->next_write()};
}

Tensor like(const Tensor& x, DType dtype) {
  return x.shape().rank() == 4 ? x.backend().activation(x.shape(), dtype)
                               : Tensor(x.backend(), x.shape(), dtype);
}

}  // namespace

Variable norm_act(Tape& tape, const Variable& x, const NormLayer& layer, const NormSpec& spec,
                  const Residual* residual) {
  const NormInput in = norm_input(tape, x.value, layer);
  NormInput added;
  if (residual) {
    const Tensor& value = residual->x.value;
    check(value.shape() == x.value.shape(), "norm_act {}: residual {} beside input {}",
          layer.gamma->name, value.shape().text(), x.value.shape().text());
    added = residual->norm.gamma ? norm_input(tape, value, residual->norm) : NormInput{.x = value};
  }
  Backend& backend = x.value.backend();
  Tensor y = like(x.value, x.value.dtype());
  if (!tape.training()) {
    backend.norm_evaluate(spec, in, added, y);
    return {y, -1};
  }
  const Tensor signs = residual ? backend.norm_signs(y) : Tensor();
  backend.norm_train(spec, in, added, y, signs);
  ++layer.batches->value;
  if (added.normalised()) ++residual->norm.batches->value;
  return tape.record(y, [&tape, x, in, added, signs, layer, spec,
                         skip = residual ? *residual : Residual{}](const Tensor& dy,
                                                                   const Tensor& more) {
    const Tensor dx = like(x.value, dy.dtype());
    NormBackward b{.in = in, .residual = added, .signs = signs, .dy = dy, .more = more, .dx = dx};
    b.of_in = norm_weights(layer);
    if (added.normalised()) b.of_residual = norm_weights(skip.norm);
    dy.backend().norm_backward(spec, b);
    tape.send(x, dx);
    if (added.x.defined()) tape.send(skip.x, dy);
  });
}

Variable norm_max_pool(Tape& tape, const Variable& x, const NormLayer& layer,
                       const NormSpec& spec) {
  const Shape& s = x.value.shape();
  check(s.rank() == 4, "norm_max_pool {}: input {} is not [N, H, W, C]", layer.gamma->name,
        s.text());
  const NormInput in = norm_input(tape, x.value, layer);
  Backend& backend = x.value.backend();
  const Shape pooled{s[0], (s[1] + 1) / 2, (s[2] + 1) / 2, s[3]};
  const Tensor y = backend.activation(pooled, x.value.dtype());
  if (!tape.training()) {
    backend.norm_max_pool_evaluate(spec, in, y);
    return {y, -1};
  }
  const PoolWinners won{Tensor(backend, pooled, DType::u8),
                        backend.activation(pooled, x.value.dtype())};
  backend.norm_max_pool_train(spec, in, y, won);
  ++layer.batches->value;
  return tape.record(y, [&tape, x, in, won, layer, spec](const Tensor& dy, const Tensor& more) {
    const Tensor dx = like(x.value, dy.dtype());
    NormBackward b{.in = in, .dy = dy, .more = more, .dx = dx};
    b.of_in = norm_weights(layer);
    dy.backend().norm_max_pool_backward(spec, won, b);
    tape.send(x, dx);
  });
}

Variable mean_pool(Tape& tape, const Variable& x) {
  const Shape& s = x.value.shape();
  check(s.rank() == 4, "mean_pool: input {} is not [N, H, W, C]", s.text());
  Backend& backend = x.value.backend();
  Tensor y(backend, {s[0], s[3]}, DType::f32);
  backend.mean_pool(x.value, y);
  return tape.record_summed(y, [&tape, x](const Tensor& dy) {
    Tensor dx = dy.backend().activation(x.value.shape(), x.value.dtype());
    dy.backend().mean_pool_backward(dy, dx);
    tape.send(x, std::move(dx));
  });
}

Variable linear(Tape& tape, const Variable& x, Parameter& w, Parameter* bias) {
  const Shape& xs = x.value.shape();
  check(xs.rank() == 2 && w.shape.rank() == 2 && xs[1] == w.shape[1],
        "linear {}: input {} does not fit weights {}", w.name, xs.text(), w.shape.text());
  if (bias && bias->shape != Shape{w.shape[0]})
    fail(ErrorKind::failure, "linear {}: bias {} does not fit weights {}", w.name,
         bias->shape.text(), w.shape.text());
  Backend& backend = x.value.backend();
  Tensor y(backend, {xs[0], w.shape[0]}, DType::f32);
  backend.linear_forward(x.value, w.value, bias ? bias->value : Tensor(), y);
  return tape.record_summed(y, [&tape, x, &w, bias](const Tensor& dy) {
    Backend& device = dy.backend();
    if (bias) bias->next_write();
    device.linear_backward_weights(x.value, dy, w.grad, bias ? bias->grad : Tensor(),
                                   w.next_write());
    if (x.node < 0) return;
    Tensor dx(device, x.value.shape(), DType::f32);
    device.linear_backward_data(dy, w.value, dx);
    tape.send(x, std::move(dx));
  });
}

}  // namespace peclr::ops
